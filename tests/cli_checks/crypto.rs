//! `lictor crypto ed25519-verify`: as strict as every token is verified.

use serde_json::{Value, json};

use crate::{lines, one, refused, run, vectors};

const VERIFY: [&str; 2] = ["crypto", "ed25519-verify"];

fn cases() -> Vec<Value> {
    vectors(include_str!("../vectors/ed25519.json"))
}

#[test]
fn every_vector_gets_its_verdict_whether_alone_or_among_many() {
    let cases = cases();
    let (code, answers, _) = run(&VERIFY, &lines(&cases));
    assert_eq!((code, answers.len()), (0, cases.len()));
    for (case, answer) in cases.iter().zip(answers) {
        assert_eq!(answer, json!({ "valid": case["valid"] }), "{}", case["name"]);
    }
    for valid in [true, false] {
        let case = cases.iter().find(|case| case["valid"] == valid).expect("there are both");
        assert_eq!(one(&VERIFY, case).0, i32::from(!valid));
    }
}

#[test]
fn what_is_no_hex_or_missing_is_no_question() {
    let case = cases()[1].clone();
    for (member, value, words) in [
        ("public_key", json!("3d4"), "`public_key` must be hex"),
        ("message", json!("zz"), "`message` must be hex"),
        ("signature", json!("é0"), "`signature` must be hex"),
        ("signature", json!(7), "`signature` must be a string"),
    ] {
        let mut question = case.clone();
        question[member] = value;
        refused(&VERIFY, &question, words);
    }
    refused(&VERIFY, &json!({ "public_key": "", "message": "" }), "`signature` is missing");
    refused(&VERIFY, &json!([]), "no JSON object");
    let (code, answers, told) = run(&VERIFY, b"\n \n");
    assert_eq!((code, answers.len()), (2, 0), "{told}");
}

#[test]
fn a_message_of_a_mebibyte_fits_in_a_line_and_a_longer_one_is_refused() {
    let mut question = cases()[1].clone();
    question["message"] = "ab".repeat(1024 * 1024).into();
    assert_eq!(one(&VERIFY, &question), (1, json!({ "valid": false })));
    question["message"] = "ab".repeat(1024 * 1024 + 4 * 1024).into();
    refused(&VERIFY, &question, "longer than");
}
