//! A text that was damaged on its way is refused, and where it can be told, people are told where.

use license_client::{
    Code, Config, KeyPart, TextFault, TextFlaw, TextKind, TextPlace, Verdict, check, inspect_text,
};

use crate::support::{FakeServer, START};

struct Desk {
    server: FakeServer,
    config: Config,
    folder: tempfile::TempDir,
}

impl Desk {
    fn open() -> Self {
        let (server, folder) = (FakeServer::start(), tempfile::tempdir().expect("a folder"));
        Self { config: server.client(folder.path(), "one"), server, folder }
    }

    fn inspect(&self, text: &str) -> Result<TextKind, TextFlaw> {
        inspect_text(&self.config, text)
    }

    #[track_caller]
    fn flaw(&self, text: &str) -> TextFlaw {
        self.inspect(text).expect_err(text)
    }
}

/// Which part of a key a character is in.
fn part_of(key: &str, index: usize) -> KeyPart {
    match key[..index].matches('.').count() {
        0 => KeyPart::Header,
        1 => KeyPart::Content,
        _ => KeyPart::Signature,
    }
}

#[test]
fn a_character_that_was_lost_or_stands_twice_is_located_in_its_part() {
    let desk = Desk::open();
    let key = desk.server.key();
    for index in 0..key.len() {
        let (before, after) = (&key[..index], &key[index + 1..]);
        for altered in [format!("{before}{after}"), format!("{}{}", &key[..=index], &key[index..])] {
            let flaw = desk.flaw(&altered);
            let is_full_stop = key[index..].starts_with('.');
            let column = flaw.place.expect("a place").column;
            if is_full_stop {
                assert_eq!(flaw.fault, TextFault::PartMissing, "{index}: {altered}");
                // Of two full stops either is the one too many.
                assert!((index..=index + 2).contains(&column), "{index}: {column}");
                continue;
            }
            let part = part_of(&key, index);
            assert_eq!(flaw.part, Some(part), "{index}: {flaw:?}: {altered}");
            let is_signature = part == KeyPart::Signature;
            assert_eq!(
                matches!(flaw.fault, TextFault::WrongLength { .. }),
                is_signature,
                "{index}: {flaw:?}"
            );
            // At the damage or after it, in the same part; shortly after it where what follows is no JSON.
            assert!(column + 4 > index, "{index}: {column}");
        }
    }
}

#[test]
fn a_character_that_is_another_is_refused_everywhere_and_located_where_that_can_be_told() {
    let desk = Desk::open();
    let key = desk.server.key();
    let (mut located, mut unlocated) = (0, 0);
    for (index, symbol) in key.char_indices() {
        let other = if symbol == 'A' { 'Q' } else { 'A' };
        let altered = format!("{}{other}{}", &key[..index], &key[index + 1..]);
        let flaw = desk.flaw(&altered);
        match flaw.fault {
            TextFault::Refused(code) => {
                // Signed text that reads well: the signature alone knows, and it does not know where.
                assert!(
                    matches!(code, Code::BadSignature | Code::UnknownKey | Code::BadHeader | Code::WrongType),
                    "{index}: {code}"
                );
                assert_eq!(flaw.place, None);
                unlocated += 1;
            }
            TextFault::PartMissing => assert_eq!(symbol, '.', "{index}: {flaw:?}"),
            _ => {
                assert_eq!(flaw.part, Some(part_of(&key, index)), "{index}: {flaw:?}");
                located += 1;
            }
        }
        // What no key has is found wherever it stands.
        let foreign = desk.flaw(&format!("{}§{}", &key[..index], &key[index + 1..]));
        let place = TextPlace { line: 1, column: index + 1 };
        let is_known_beginning = index > 2;
        if is_known_beginning {
            assert_eq!(
                (foreign.fault, foreign.place),
                (TextFault::ForeignCharacter('§'), Some(place)),
                "{index}"
            );
        } else {
            assert!(
                foreign.part == Some(KeyPart::Header) || foreign.fault == TextFault::PartMissing,
                "{foreign:?}"
            );
        }
    }
    assert!(located > 200 && unlocated > 86, "{located} located, {unlocated} not");
}

#[test]
fn a_place_is_told_by_line_and_character_of_the_text_as_it_came() {
    let desk = Desk::open();
    let key = desk.server.key();
    let lines: Vec<&str> =
        key.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let mut lines: Vec<String> = lines.into_iter().map(|line| format!("> {line}")).collect();
    lines[4].replace_range(12..13, "ß");
    let text = format!("您的许可证密钥：\n\n{}\n谢谢", lines.join("\n"));
    let flaw = desk.flaw(&text);
    assert_eq!(flaw.fault, TextFault::ForeignCharacter('ß'));
    assert_eq!((flaw.part, flaw.place), (Some(KeyPart::Content), Some(TextPlace { line: 7, column: 13 })));
    assert_eq!(
        flaw.reason("zh-CN"),
        "许可证密钥中不能出现字符“ß”（第 7 行，第 13 个字符）。请重新完整复制。"
    );
    let english =
        "The character 'ß' cannot stand in a license key (line 7, character 13). Copy the whole text again.";
    assert_eq!(flaw.reason("en"), english);
    let path = desk.folder.path().join("key.txt");
    std::fs::write(&path, text).expect("written");
    assert_eq!(desk.flaw(&path.display().to_string()), flaw);
}

#[test]
fn what_is_whole_is_told_apart_from_what_is_cut_and_from_what_is_no_key() {
    let desk = Desk::open();
    let key = desk.server.key();
    let last = key.rfind('.').expect("a signature");
    assert_eq!(desk.inspect(&format!("Your key: {key}.")), Ok(TextKind::LicenseKey));
    assert_eq!(desk.inspect("MKT-77_authorization"), Ok(TextKind::Code));
    for (text, code) in [
        ("", "empty"),
        (" \n", "empty"),
        (&*"x".repeat(40_000), "too_long"),
        ("no key at all, sorry", "no_key"),
        (&key[..last], "part_missing"),
        (&key[..last + 1], "part_missing"),
        (&key[..40], "part_missing"),
        (&key[..key.len() - 7], "wrong_length"),
        (&format!("{} Thank you for buying", &key[..key.len() - 1]), "wrong_length"),
        (&format!("{key}.x"), "foreign_character"),
        ("ABCDE-F0123-45678-9GHJK-MNPQR", "mistyped_code"),
    ] {
        let flaw = desk.flaw(text);
        assert_eq!(flaw.code(), code, "{text:.80}: {flaw:?}");
        assert!(
            flaw.reason("en").ends_with('.') && flaw.reason("zh").ends_with('。'),
            "{}",
            flaw.reason("zh")
        );
        assert!(!flaw.reason("zh").is_ascii());
    }
    let flaw = desk.flaw(&key[..key.len() - 7]);
    assert_eq!(flaw.fault, TextFault::WrongLength { found: 79 });
    assert_eq!(flaw.place, Some(TextPlace { line: 1, column: key.len() - 6 }));
}

#[test]
fn a_damaged_key_changes_nothing_and_a_harmlessly_changed_one_activates() {
    let desk = Desk::open();
    desk.server.clock.set(START);
    let key = desk.server.key();
    assert_eq!(check(&desk.config, Some(&key[..key.len() - 1])), Verdict::Malformed);
    assert_eq!(desk.server.requests(), Vec::<String>::new());
    let mailed: Vec<&str> =
        key.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    let mailed = format!("您的密钥：\n> “{}”。", mailed.join("\n> ").replace('-', "–"));
    assert_eq!(check(&desk.config, Some(&mailed)).code(), "valid");
}

#[test]
fn in_an_armoured_file_the_line_is_told_of_damage_that_only_the_signature_knows() {
    let desk = Desk::open();
    let key = desk.server.key();
    let file = license_token::armour::write(&[], &[(license_token::TokenType::License, &key)]);
    assert_eq!(desk.inspect(&file), Ok(TextKind::LicenseKey));
    let lines: Vec<&str> = file.lines().collect();
    let last = lines.iter().rposition(|line| line.len() > 10 && !line.starts_with('-')).expect("a body");
    let wrong = format!("{}{}", if lines[last].starts_with('A') { "B" } else { "A" }, &lines[last][1..]);
    let damaged = file.replace(lines[last], &wrong);
    let flaw = desk.flaw(&damaged);
    assert_eq!(flaw.code(), "damaged");
    assert_eq!(flaw.place.map(|place| place.line), Some(last + 1));
    assert_eq!(desk.flaw(&key.replace(lines[last], &wrong)).code(), "bad_signature");
}
