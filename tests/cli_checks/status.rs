//! `lictor status decode`: lists of 1, 2, 4 and 8 bits, and nothing inflated beyond its bound.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{lines, one, refused, run, vectors};

const DECODE: [&str; 2] = ["status", "decode"];

fn cases() -> Vec<Value> {
    vectors(include_str!("../vectors/status_list.json"))
}

/// The entries of a case that are not 0.
fn set(case: &Value) -> BTreeMap<usize, u64> {
    let pairs = case["statuses"].as_array().expect("a list");
    let pairs =
        pairs.iter().map(|pair| (pair[0].as_u64().expect("an index"), pair[1].as_u64().expect("a status")));
    pairs.map(|(index, status)| (usize::try_from(index).expect("small"), status)).collect()
}

#[test]
fn every_entry_of_every_list_of_the_draft_is_read() {
    let cases = cases();
    let asked: Vec<Value> =
        cases.iter().map(|case| json!({ "bits": case["bits"], "lst": case["lst"] })).collect();
    let (code, answers, _) = run(&DECODE, &lines(&asked));
    assert_eq!((code, answers.len()), (0, 6), "1, 2, 4 and 8 bits, and the two of section 4.1");
    for (case, answer) in cases.iter().zip(answers) {
        let statuses = answer["statuses"].as_array().expect("a list");
        assert_eq!(statuses.len() as u64, case["entries"], "{} bits", case["bits"]);
        let found = statuses.iter().map(|status| status.as_u64().expect("a number")).enumerate();
        let found: BTreeMap<usize, u64> = found.filter(|(_, status)| *status != 0).collect();
        assert_eq!(found, set(case), "{} bits", case["bits"]);
    }
}

#[test]
fn one_entry_is_answered_alone() {
    let asked: Vec<(Value, u64)> = cases()
        .iter()
        .flat_map(|case| {
            let ask = |index| json!({ "bits": case["bits"], "lst": case["lst"], "idx": index });
            let some = set(case).into_iter().step_by(8);
            some.map(move |(index, status)| (ask(index), status)).collect::<Vec<_>>()
        })
        .collect();
    let questions: Vec<Value> = asked.iter().map(|(question, _)| question.clone()).collect();
    let (code, answers, _) = run(&DECODE, &lines(&questions));
    assert_eq!((code, answers.len()), (0, asked.len()));
    for ((question, status), answer) in asked.iter().zip(answers) {
        assert_eq!(answer, json!({ "status": status }), "{} of {} bits", question["idx"], question["bits"]);
    }
    assert_eq!(one(&DECODE, &asked[0].0), (0, json!({ "status": 1 })));
}

#[test]
fn what_is_no_list_is_refused_in_words() {
    let good = json!({ "bits": 1, "lst": "eNrbuRgAAhcBXQ" });
    assert_eq!(one(&DECODE, &good).0, 0);
    for (member, value, words) in [
        ("bits", json!(3), "number of bits"),
        ("bits", json!(0), "number of bits"),
        ("bits", json!("1"), "must be a whole number"),
        ("bits", json!(256), "not so large"),
        ("lst", json!("eNrbuRgAAhcBXQ=="), "base64url"),
        ("lst", json!("eNrbuRgAAhcBXA"), "zlib"),
        ("lst", json!("eNrbuRgA"), "zlib"),
        ("idx", json!(16), "16 entries"),
        ("idx", json!(-1), "must be a whole number"),
    ] {
        let mut question = good.clone();
        question[member] = value;
        refused(&DECODE, &question, words);
    }
}

/// A mebibyte is inflated, and not a byte more, whatever the stream goes on to say.
#[test]
fn a_stream_that_inflates_beyond_its_bound_is_refused() {
    let deflated = |bytes: usize| {
        // Stored blocks, as RFC 1951 3.2.4 has them, of zeros: the text stays small enough for a line.
        let mut stream = vec![0x78, 0x01];
        let mut left = bytes;
        while left > 0 {
            let length = left.min(65_535);
            left -= length;
            let length = u16::try_from(length).expect("bounded").to_le_bytes();
            stream.extend([u8::from(left == 0), length[0], length[1], !length[0], !length[1]]);
            stream.resize(stream.len() + usize::from(u16::from_le_bytes(length)), 0);
        }
        // Adler-32 of zeros: the second sum grows by one with each byte.
        let second = u32::try_from(bytes % 65_521).expect("bounded");
        stream.extend((second << 16 | 1).to_be_bytes());
        stream
    };
    let question = |bytes: usize| {
        use base64::Engine as _;
        let lst = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(deflated(bytes));
        json!({ "bits": 8, "lst": lst, "idx": 0 })
    };
    assert_eq!(one(&DECODE, &question(1 << 20)), (0, json!({ "status": 0 })));
    refused(&DECODE, &question((1 << 20) + 1), "another size");
}
