//! The usage ledger and signed requests: what is read, and where a fault is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use license_token::ledger::{self, Entry, Head, LEDGER_ENTRIES_MAX, LEDGER_MAX_BYTES, LedgerFault, Place};
use license_token::{
    Amount, Ask, Code, Commitment, Component, DeviceKey, Env, LedgerMark, RequestClaims, VerifiedRequest,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACT: &str = "act_7d1g3k5m7p9r2t4v6x8z0b";
const START: i64 = 1_800_000_000;

/// Public by design, as every key of the tests.
fn key() -> DeviceKey {
    DeviceKey::from_seed(&[0x55; 32])
}

fn entry(number: i64) -> Entry {
    Entry {
        seq: number,
        prev: [0; 32],
        act: ACT.into(),
        generation: 1,
        share: 1,
        metric: "render-minutes".into(),
        amount: Amount::parse("12.5").expect("an amount"),
        at: START + 60 * number,
    }
}

/// A ledger of `count` entries behind `head`.
fn lines_behind(mut head: Head, count: i64, change: impl Fn(&mut Entry)) -> Vec<String> {
    let mut lines = Vec::new();
    for number in 1..=count {
        let mut next = Entry { prev: head.hash, ..entry(head.seq + 1) };
        next.at = START + 60 * (head.seq + number);
        change(&mut next);
        let line = key().sign_entry(&next);
        head = Head { seq: next.seq, hash: ledger::hash(line.as_bytes()) };
        lines.push(format!("{line}\n"));
    }
    lines
}

fn lines(count: i64) -> Vec<String> {
    lines_behind(Head::start(ACT), count, |_| {})
}

fn fault_of(text: &[u8]) -> (usize, Option<(i64, LedgerFault)>) {
    let reading = ledger::read(text, &key().public(), ACT, 1);
    (reading.lines.len(), reading.fault.map(|Place { seq, fault }| (seq, fault)))
}

#[test]
fn an_honest_ledger_is_read_whole_and_wherever_it_begins() {
    let whole = lines(20);
    assert_eq!(fault_of(whole.concat().as_bytes()), (20, None));
    assert_eq!(fault_of(b""), (0, None));
    let later = ledger::read(whole[7..].concat().as_bytes(), &key().public(), ACT, 8);
    assert_eq!((later.lines.len(), later.fault), (13, None));
    assert_eq!(later.lines[0].entry.amount.to_string(), "12.5");
}

/// At every byte: the entry that it stands in is refused, and everything before it is kept.
#[test]
fn a_flipped_bit_is_found_in_the_entry_that_it_stands_in() {
    let whole = lines(3);
    let text = whole.concat().into_bytes();
    let ends: Vec<usize> = whole
        .iter()
        .scan(0, |end, line| {
            *end += line.len();
            Some(*end)
        })
        .collect();
    for position in 0..text.len() {
        let place = ends.iter().position(|end| position < *end).expect("inside");
        let mut flipped = text.clone();
        flipped[position] ^= 1 << (position % 8);
        let (kept, fault) = fault_of(&flipped);
        let (seq, _) = fault.unwrap_or_else(|| panic!("byte {position} went unnoticed"));
        assert_eq!((kept, seq), (place, place as i64 + 1), "byte {position}");
    }
}

#[test]
fn each_fault_has_its_word() {
    let whole = lines(4);
    let of = |lines: &[&str]| fault_of(lines.concat().as_bytes());
    let (a, b, c, d) = (&*whole[0], &*whole[1], &*whole[2], &*whole[3]);
    assert_eq!(of(&[a, b, d]), (2, Some((3, LedgerFault::Gap))));
    assert_eq!(of(&[a, b, b, c]), (2, Some((3, LedgerFault::Replay))));
    assert_eq!(of(&[a, b, "\n", c]), (2, Some((3, LedgerFault::Malformed))));
    assert_eq!(of(&[a, b, c.trim_end()]), (2, Some((3, LedgerFault::Malformed))), "torn");
    let other = lines_behind(Head { seq: 2, hash: [7; 32] }, 1, |_| {});
    assert_eq!(of(&[a, b, &other[0]]), (2, Some((3, LedgerFault::BrokenChain))));
    let strange = lines_behind(Head::start(ACT), 1, |entry| entry.act = "act_other".into());
    assert_eq!(of(&[&strange[0]]), (0, Some((1, LedgerFault::WrongActivation))));
    let stranger = DeviceKey::from_seed(&[0x66; 32]);
    let read = ledger::read(a.as_bytes(), &stranger.public(), ACT, 1);
    assert_eq!(read.fault, Some(Place { seq: 1, fault: LedgerFault::BadSignature }));
    let many = lines(LEDGER_ENTRIES_MAX as i64 + 1);
    let text = many.concat();
    let long = if text.len() > LEDGER_MAX_BYTES { 0 } else { LEDGER_ENTRIES_MAX };
    let (kept, fault) = fault_of(text.as_bytes());
    assert_eq!((kept, fault.map(|(_, fault)| fault)), (long, Some(LedgerFault::TooLarge)));
}

#[test]
fn an_entry_has_exactly_its_members_and_counts_something() {
    let good = Entry { prev: Head::start(ACT).hash, ..entry(1) }.to_json();
    let refused = |from: &str, to: &str| {
        let json = good.replacen(from, to, 1);
        assert_ne!(json, good, "{from}");
        let line = format!("{}\n", key().sign_line(&json));
        assert_eq!(fault_of(line.as_bytes()), (0, Some((1, LedgerFault::Malformed))), "{json}");
    };
    refused("\"12.5\"", "0");
    refused("\"12.5\"", "-1");
    refused("\"12.5\"", "1e3");
    refused("\"12.5\"", "\"0.00001\"");
    refused("\"seq\":1", "\"seq\":0");
    refused("\"seq\":1", "\"seq\":\"1\"");
    refused("\"share\":1", "\"share\":0");
    refused("\"v\":1", "\"v\":2");
    refused("{\"v\":1,", "{");
    refused("}", ",\"note\":1}");
    refused("\"gen\":1", "\"gen\":1,\"gen\":1");
    refused("render-minutes", "");
}

fn request(ask: Ask) -> RequestClaims {
    RequestClaims {
        aud: "acme-cad".into(),
        sub: "lic_0f3jv5c8m2x7q9t4w6z1bk".into(),
        jti: "bm9uY2U".into(),
        iat: START,
        env: Env::Live,
        ask,
        act: Some(ACT.into()),
        machine: BTreeMap::from([(Component::Os, Commitment([1; 16]))]),
        ledger: Some(LedgerMark { from: 1, head: Head::start(ACT), digest: ledger::digest(b""), more: true }),
        token: Some("AAAAA-BBBBB-CCCCC-DDDDD-EEEEE".into()),
        name: Some("Labor 7".into()),
    }
}

#[test]
fn a_request_is_signed_by_the_key_that_it_shows() {
    for ask in [Ask::Activate, Ask::Renew, Ask::Release] {
        let text = key().sign_request(&request(ask));
        let read = VerifiedRequest::read(&text).expect("it verifies");
        assert_eq!(read.claims, request(ask));
        assert_eq!((read.key, read.thumbprint.as_str()), (key().public(), key().thumbprint()));
    }
    let text = key().sign_request(&RequestClaims { act: None, ..request(Ask::Renew) });
    assert_eq!(VerifiedRequest::read(&text).expect_err("of which activation?").code(), Code::Malformed);
    let text = key().sign_request(&request(Ask::Renew));
    for position in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(VerifiedRequest::read(&changed).is_err(), "character {position}");
    }
}

proptest! {
    /// Whatever it is given, the reader says where it stops and never panics.
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..4_096)) {
        let reading = ledger::read(&bytes, &key().public(), ACT, 1);
        prop_assert_eq!(reading.fault.is_none(), bytes.is_empty());
        if let Ok(text) = core::str::from_utf8(&bytes) {
            prop_assert!(VerifiedRequest::read(text).is_err());
        }
    }

    /// Any piece put in the place of another: what is before it is kept, and nothing from it on is believed.
    #[test]
    fn any_splice_is_found(start in 0_usize..900, length in 0_usize..60, put in "[ -~\n]{0,40}") {
        let text = lines(3).concat();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        let spliced = [&text[..start], &put, &text[end..]].concat();
        let (kept, fault) = fault_of(spliced.as_bytes());
        if spliced == text {
            prop_assert_eq!(kept, 3);
        } else if fault.is_none() {
            // Whole lines were taken off the end: whoever signed the request knows better.
            prop_assert!(text.starts_with(&spliced));
        }
        prop_assert!(text.starts_with(&lines(3)[..kept].concat()));
    }
}

// --- vectors ------------------------------------------------------------------------------------------------------

/// What a reader has merged before, and what it is to say.
fn vector(about: &str, text: &str, first: i64) -> Value {
    let reading = ledger::read(text.as_bytes(), &key().public(), ACT, first);
    let fault = reading.fault.map(|place| json!({ "seq": place.seq, "fault": place.fault.as_str() }));
    let head = reading.lines.last().map(license_token::ledger::Line::head);
    json!({
        "about": about,
        "activation": ACT,
        "device_key": { "kty": "OKP", "crv": "Ed25519", "x": license_token::base64url::encode(&key().public()) },
        "thumbprint": key().thumbprint(),
        "from": first,
        "ledger": text,
        "digest": ledger::digest(text.as_bytes()),
        "expect": {
            "entries": reading.lines.len(),
            "head": head.map(|head| json!({ "seq": head.seq, "hash": head.text() })),
            "fault": fault,
        },
    })
}

fn vectors() -> Vec<(&'static str, Value)> {
    let whole = lines(4);
    let all = whole.concat();
    let piece = |order: &[usize]| order.iter().map(|index| &*whole[*index]).collect::<String>();
    let broken = lines_behind(Head { seq: 2, hash: [7; 32] }, 1, |_| {});
    let strange = lines_behind(Head::start(ACT), 1, |entry| entry.act = "act_other".into());
    let flipped = all.replacen("\"seq\":3,", "\"seq\":3, ", 1);
    vec![
        ("good", vector("Four entries of one chain.", &all, 1)),
        ("good-later", vector("It goes on where another text ended.", &piece(&[2, 3]), 3)),
        ("empty", vector("Nothing was consumed.", "", 5)),
        ("bad-signature", vector("A blank was put into the third entry.", &flipped, 1)),
        ("malformed", vector("The third line is none.", &format!("{}???\n", piece(&[0, 1])), 1)),
        ("torn", vector("The last line has no end.", all.trim_end(), 1)),
        ("wrong-activation", vector("An entry of another activation.", &strange.concat(), 1)),
        ("replay", vector("The second entry stands twice.", &piece(&[0, 1, 1, 2]), 1)),
        ("gap", vector("The third entry is missing.", &piece(&[0, 1, 3]), 1)),
        (
            "broken-chain",
            vector("The third entry follows another second.", &format!("{}{}", piece(&[0, 1]), broken[0]), 1),
        ),
        ("too-large", vector("More than 48 KiB.", &"x".repeat(LEDGER_MAX_BYTES + 1)[..], 1)),
    ]
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/ledger")
}

#[test]
fn the_ledger_vectors_say_what_is_read() {
    let mut names: Vec<String> = Vec::new();
    for (name, vector) in vectors() {
        let text = fs::read_to_string(folder().join(format!("{name}.json"))).unwrap_or_default();
        let kept: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        assert_eq!(kept, vector, "{name}: cargo test -p license-token -- --ignored write_the_ledger_vectors");
        names.push(format!("{name}.json"));
    }
    let found = fs::read_dir(folder()).expect("a folder").map(|file| file.expect("a file").file_name());
    let mut found: Vec<String> = found.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    found.sort();
    assert_eq!(found, names);
}

#[test]
#[ignore = "writes tests/vectors/ledger anew; run it after changing the vectors"]
fn write_the_ledger_vectors() {
    fs::create_dir_all(folder()).expect("a folder");
    for (name, vector) in vectors() {
        let text = format!("{}\n", serde_json::to_string_pretty(&vector).expect("JSON"));
        fs::write(folder().join(format!("{name}.json")), text).expect("a file");
    }
}
