//! Every change that loses nothing is undone.

use proptest::prelude::*;

use super::*;

/// A license key as it is issued, with hyphens and underscores in it.
const KEY: &str = include_str!("../../tests/client/key.txt");

fn key() -> &'static str {
    KEY.trim()
}

/// Puts `inserted` before the character `index`.
fn with(index: usize, inserted: &str) -> String {
    format!("{}{inserted}{}", &key()[..index], &key()[index..])
}

#[track_caller]
fn reads(text: &str) {
    assert_eq!(Pasted::read(text), Pasted::LicenseKey(key().to_owned()), "{text}");
}

/// What may stand anywhere in a key without changing it.
const HARMLESS: [&str; 28] = [
    " ", "  ", "\t", "\n", "\r\n", "\r", "\n\n", "\u{a0}", "\u{3000}", "\u{2028}", "\u{200b}", "\u{200d}",
    "\u{2060}", "\u{feff}", "\u{ad}", "\u{202a}", "\u{fe0f}", "\0", "\n> ", "\n>> > ", "\n| ", "=\n",
    "=\r\n", "\"\n\"", "“", "’", "「", "`",
];

#[test]
fn what_loses_nothing_may_stand_anywhere_in_a_key() {
    assert!(key().contains('-') && key().contains('_'));
    for (offset, inserted) in HARMLESS.into_iter().enumerate() {
        // Each place with some of them: all together, every place is met by several.
        for index in (offset % 5..=key().len()).step_by(5) {
            // After the signature `=` is padding, before the key no part of it.
            reads(&with(index, inserted));
        }
    }
}

#[test]
fn full_width_characters_and_look_alike_dashes_are_the_plain_ones() {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width form");
    reads(&key().chars().map(wide).collect::<String>());
    for dash in ["‐", "‑", "‒", "–", "—", "―", "−", "﹘", "﹣", "－", "⁃"] {
        reads(&key().replace('-', dash));
    }
    for underscore in ["＿", "﹍", "﹎", "﹏", "‗"] {
        reads(&key().replace('_', underscore));
    }
    for full_stop in ["。", "．", "｡", "․"] {
        reads(&key().replace('.', full_stop));
    }
}

#[test]
fn two_hyphens_that_became_one_dash_are_two_again() {
    // A signature is as good as another here: only its form is read.
    let (front, _) = key().rsplit_once('.').expect("a signature");
    let doubled = format!("{front}.{}--{}A", "A".repeat(40), "B".repeat(43));
    assert_eq!(Pasted::read(&doubled.replace("--", "—")), Pasted::LicenseKey(doubled.clone()));
    assert_eq!(Pasted::read(&doubled.replace("--", "–")), Pasted::LicenseKey(doubled));
}

#[test]
fn the_words_around_a_key_are_no_part_of_it() {
    let wrapped: Vec<&str> =
        key().as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    for (before, after) in [
        ("Your license key: ", ""),
        ("您的许可证密钥是", "，请妥善保管。"),
        ("许可证密钥：", "。"),
        ("LICENSE_KEY=", "\n"),
        ("{\"license_key\":\"", "\"}"),
        ("<", ">"),
        ("(", ")."),
        ("", "."),
        ("", "="),
        ("", "=="),
        ("", ",\nThank you for buying Acme CAD."),
        ("Dear customer,\n\n", "\n\nThank you for buying Acme CAD 2.0. Regards"),
        ("\u{feff}", "\u{feff}"),
        ("“", "”"),
        ("“", "”。"),
        ("《", "》"),
        ("-----BEGIN LICENSE KEY-----\nProduct: acme-cad\nMachines: 3\n\n", "\n-----END LICENSE KEY-----\n"),
        ("-----BEGIN LICENSE KEY-----", "-----END LICENSE KEY-----"),
        ("—–—–—BEGIN LICENSE KEY—–—–—\n", "\n—–—–—END LICENSE KEY—–—–—"),
    ] {
        for body in [
            key().to_owned(),
            wrapped.join("\n"),
            wrapped.join("\r\n> "),
            wrapped.join("=\n"),
            wrapped.join(" "),
        ] {
            reads(&format!("{before}{body}{after}"));
        }
    }
}

#[test]
fn a_file_is_read_in_the_encoding_that_its_editor_chose() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("许可证密钥：\r\n{}\r\n", key());
    let units = || text.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    let contents =
        [text.as_bytes().to_vec(), [&[0xff, 0xfe], &little[..]].concat(), [&[0xfe, 0xff], &big[..]].concat()];
    for (number, bytes) in contents.iter().enumerate() {
        let path = folder.path().join(format!("key {number}.txt"));
        std::fs::write(&path, bytes).expect("written");
        reads(&format!(" \"{}\"\n", path.display()));
    }
}

#[test]
fn a_claim_code_is_read_however_it_is_written() {
    let expected = Pasted::Code("ABCDE-F0123-45678-9GHJK-MNPQR".into());
    for text in [
        "ABCDE-F0123-45678-9GHJK-MNPQR",
        " abcde fo123 45678 9ghjk mnpqr\n",
        "\"ABCDE–F0123–45678–9GHJK–MNPQR\"",
        "ＡＢＣＤＥ－Ｆ０１２３－４５６７８－９ＧＨＪＫ－ＭＮＰＱＲ",
        "激活码 ABCDE-F0123-45678-9GHJK-MNPQR,下载授权:https://license.acme.example/portal",
        "激活码：ABCDE-F0123-45678-9GHJK-MNPQR。",
        "Claim code ABCDE-F0123-45678-9GHJK-MNPQR, license at https://license.acme.example/portal",
        "ABCDE-\u{200b}F0l23-45678-9GHJK-MNPQR.",
    ] {
        assert_eq!(Pasted::read(text), expected, "{text}");
    }
    assert_eq!(Pasted::read("“MKT-77_authorization”"), Pasted::Code("MKT-77_authorization".into()));
}

#[test]
fn other_texts_are_unreadable() {
    for text in [
        "",
        " ",
        "a b c",
        "abc",
        "eyJ.a.b",
        "-----BEGIN X-----",
        &"x".repeat(40_000),
        "http://x/y",
        "/",
        "/dev/zero",
    ] {
        assert_eq!(Pasted::read(text), Pasted::Unreadable, "{text:.40}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn harmless_changes_together_are_harmless(
        changes in prop::collection::vec((0..key().len(), 0..HARMLESS.len()), 0..12),
        is_wide in any::<bool>(),
        dash in prop::sample::select(vec!['-', '–', '−', '－']),
    ) {
        let mut changes = changes;
        changes.sort_unstable();
        let mut text = String::new();
        for (index, symbol) in key().char_indices() {
            let inserted = changes.iter().filter(|(at, _)| *at == index).map(|(_, inserted)| HARMLESS[*inserted]);
            text.extend(inserted.filter(|inserted| !inserted.starts_with('=')));
            text.push(match symbol {
                '-' => dash,
                wide if is_wide => char::from_u32(u32::from(wide) + 0xfee0).expect("a full-width form"),
                plain => plain,
            });
        }
        prop_assert_eq!(Pasted::read(&text), Pasted::LicenseKey(key().to_owned()), "{}", text);
    }

    #[test]
    fn any_text_is_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000), text in "\\PC{0,300}") {
        let _whatever = Pasted::read(&String::from_utf8_lossy(&bytes));
        let _whatever = Pasted::read(&format!("{text}{}{text}", &key()[..key().len() / 2]));
        let _whatever = remains(&format!("eyJ{text}"));
    }
}
