//! What we issue verifies with the JOSE libraries that merchants already have, and what was tampered with does not.
//!
//! The oracles are PyJWT and `jose` for Node, the Standard Webhooks libraries of both languages, `jwt-status-list` for Node, and
//! dateutil and java.time for the calendar, each asked once per test with all its questions (`tests/interop/`); `./scripts/test` installs them. The third judge of tokens is `license-token`,
//! which must also refuse what those are lenient about.
//!
//! The pages are held to Chromium (`tests/browser/`).
//!
//! The verifiers of `interop/` are held to the vectors, verdict and code, by `lictor conformance run`.

#[path = "interop/activation.rs"]
mod activation;
#[path = "browser/mod.rs"]
mod browser;
#[path = "interop/calendar.rs"]
mod calendar;
#[path = "interop/integrate.rs"]
mod integrate;
#[path = "interop/issued.rs"]
mod issued;
#[path = "interop/oracle.rs"]
mod oracle;
#[path = "interop/status_lists.rs"]
mod status_lists;
mod support;
#[path = "interop/verifiers.rs"]
mod verifiers;
#[path = "interop/webhooks.rs"]
mod webhooks;

use std::path::Path;
use std::process::Command;

use activation::Language;
use issued::{FAR_END, ISSUED_AT, Keys, certificate, license, status_list};
use license_token::base64url::{decode, encode};
use license_token::{
    ActivationClaims, Expectation, KeySet, LicenseClaims, StatusListClaims, Term, TokenType, verdict,
};
use oracle::{Answer, Oracle, Question};
use serde_json::Value;

#[test]
fn what_we_issue_verifies_in_python_in_node_and_here() {
    let questions = Keys::from_seed(1).one_of_each();
    all_accept(&questions);
}

#[test]
fn every_flipped_bit_of_header_payload_or_signature_is_refused_by_all() {
    let issued = Keys::from_seed(1).one_of_each();
    // The month, the license with quota, the certificate and the list: together every claim there is.
    let flipped: Vec<Question> =
        [0, 3, 4, 5].into_iter().flat_map(|index| bit_flips(&issued[index])).collect();
    assert!(flipped.len() > 10_000, "{} flips", flipped.len());
    all_refuse(&flipped);
}

#[test]
fn every_flipped_bit_of_the_text_is_refused_here() {
    for question in Keys::from_seed(1).one_of_each() {
        let keys = key_set(&question);
        for (index, byte) in question.token.bytes().enumerate() {
            // The eighth bit makes text that is no UTF-8, which cannot even be asked about.
            for bit in 0..7 {
                let mut text = question.token.clone().into_bytes();
                text[index] = byte ^ (1 << bit);
                let token = String::from_utf8(text).expect("ASCII stays ASCII");
                let answer = ours(&Question { token, ..question.clone() }, &keys);
                assert!(
                    matches!(answer, Answer::Refused(_)),
                    "bit {bit} of character {index}: {}",
                    question.token
                );
            }
        }
    }
}

#[test]
fn times_are_judged_alike_by_all() {
    let keys = Keys::from_seed(1);
    let long_ago = ISSUED_AT - 86_400;
    all_refuse(&[
        keys.license(&LicenseClaims {
            iat: long_ago,
            nbf: long_ago,
            exp: Some(ISSUED_AT),
            ..license(Term::Days(1))
        }),
        keys.license(&LicenseClaims { nbf: FAR_END - 1, ..license(Term::Years(1)) }),
        keys.certificate(&ActivationClaims { iat: long_ago, nbf: long_ago, exp: ISSUED_AT, ..certificate() }),
        keys.status_list(&StatusListClaims { iat: long_ago, exp: ISSUED_AT, ..status_list() }),
    ]);
}

#[test]
fn a_token_for_another_place_is_refused_by_all() {
    let (keys, foreign) = (Keys::from_seed(1), Keys::from_seed(101));
    let issued = keys.one_of_each();
    let mut questions = Vec::new();
    for question in &issued {
        questions.push(Question { jwks: foreign.jwks(), ..question.clone() });
        questions.push(Question { issuer: "https://license.other.example".to_owned(), ..question.clone() });
        if question.audience.is_some() {
            questions.push(Question { audience: Some("acme-cam".to_owned()), ..question.clone() });
        }
        let other_types = issued.iter().filter(|other| other.typ != question.typ);
        questions.extend(other_types.map(|other| Question { typ: other.typ, ..question.clone() }));
    }
    all_refuse(&questions);
}

#[test]
fn another_algorithm_is_refused_by_all() {
    let keys = Keys::from_seed(1);
    all_refuse(&["none", "HS256", "ES256", "EdDSA", "eddsa"].map(|algorithm| keys.forged(algorithm)));
}

#[test]
fn events_that_the_service_sends_are_accepted_by_both_webhook_libraries() {
    webhooks::what_the_service_sends_is_accepted_with_every_live_secret(&Oracle::webhooks());
}

#[test]
fn events_signed_by_the_webhook_libraries_are_accepted_here_and_ours_there() {
    webhooks::each_side_accepts_the_other(&Oracle::webhooks());
}

#[test]
fn what_was_changed_on_its_way_is_refused_by_the_webhook_libraries_and_here() {
    webhooks::what_was_changed_is_refused_by_all(&Oracle::webhooks());
}

#[test]
fn status_lists_of_1_2_4_and_8_bits_are_the_same_there_and_here_entry_by_entry() {
    status_lists::each_side_reads_the_other(&Oracle::status_lists());
}

#[test]
fn a_signed_list_of_the_server_is_read_there_entry_by_entry() {
    status_lists::a_signed_list_is_read(&Oracle::status_lists());
}

#[test]
fn terms_windows_and_totals_are_the_same_in_python_in_java_and_here() {
    calendar::all_agree();
}

#[test]
fn the_published_calendar_is_what_the_rule_writes() {
    calendar::the_file_is_what_the_rule_writes();
}

#[test]
fn what_the_demo_shows_verifies_in_python_in_node_and_here() {
    let output = Command::new(env!("CARGO_BIN_EXE_lictor")).args(["demo", "--json"]).output();
    let output = output.expect("the built binary can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let demo: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let licenses = demo["licenses"].as_array().expect("a list of licenses");
    let mut questions: Vec<Question> =
        licenses.iter().map(|license| shown(&demo, &license["license_key"], "license+jwt")).collect();
    questions.push(shown(&demo, &demo["activation"]["certificate"], "license-activation+jwt"));
    assert!(questions.len() >= 5, "a month, a year, for ever, a quota package, and a certificate");
    all_accept(&questions);
    all_refuse(&questions.iter().flat_map(bit_flips).collect::<Vec<_>>());
}

#[test]
fn the_verifier_in_python_gives_every_vector_its_verdict_and_code() {
    verifiers::agrees(&verifiers::python());
}

#[test]
fn the_verifier_in_node_gives_every_vector_its_verdict_and_code() {
    verifiers::agrees(&verifiers::node());
}

#[test]
fn the_verifier_in_go_gives_every_vector_its_verdict_and_code() {
    verifiers::agrees(&verifiers::go());
}

#[test]
fn the_verifier_in_java_gives_every_vector_its_verdict_and_code() {
    verifiers::agrees(&verifiers::java());
}

#[test]
fn software_in_python_holds_offline_renews_and_learns_of_a_revocation() {
    activation::holds_offline_renews_and_learns_of_a_revocation(Language::Python);
}

#[test]
fn software_in_node_holds_offline_renews_and_learns_of_a_revocation() {
    activation::holds_offline_renews_and_learns_of_a_revocation(Language::Node);
}

#[test]
fn software_in_python_and_in_node_gives_its_place_back() {
    activation::gives_its_place_back(Language::Python);
    activation::gives_its_place_back(Language::Node);
}

#[test]
fn a_key_is_verified_as_the_guide_to_integration_says() {
    integrate::a_key_is_verified_as_the_guide_says();
}

#[test]
fn a_machine_is_activated_and_holds_offline_as_the_guide_to_integration_says() {
    integrate::a_machine_is_activated_and_holds_offline_as_the_guide_says();
}

#[test]
#[should_panic(expected = "run ./scripts/test once")]
fn a_missing_python_is_a_failure_that_says_what_to_do() {
    Oracle::python(Path::new("/nowhere"));
}

#[test]
#[should_panic(expected = "run ./scripts/test once")]
fn a_missing_jose_is_a_failure_that_says_what_to_do() {
    Oracle::node(Path::new("/nowhere"));
}

/// A token of `demo --json`, judged as the software would that its own claims name.
fn shown(demo: &Value, token: &Value, typ: &'static str) -> Question {
    let token = token.as_str().expect("a token is a string").to_owned();
    let payload = token.split('.').nth(1).and_then(decode).expect("three base64url segments");
    let claims: Value = serde_json::from_slice(&payload).expect("claims are JSON");
    let text = |name: &str| claims[name].as_str().expect("a text claim").to_owned();
    let now = ["iat", "nbf"].map(|name| claims[name].as_i64().expect("an instant")).into_iter().max();
    Question {
        jwks: demo["jwks"].clone(),
        typ,
        audience: Some(text("aud")),
        issuer: text("iss"),
        now: now.expect("two instants"),
        token,
    }
}

/// The same token with each bit of each decoded segment flipped, one at a time.
fn bit_flips(question: &Question) -> Vec<Question> {
    let segments: Vec<Vec<u8>> =
        question.token.split('.').map(|segment| decode(segment).expect("canonical base64url")).collect();
    let mut flipped = Vec::new();
    for (segment, bytes) in segments.iter().enumerate() {
        for bit in 0..bytes.len() * 8 {
            let mut changed = segments.clone();
            changed[segment][bit / 8] ^= 1 << (bit % 8);
            let token = changed.iter().map(|bytes| encode(bytes)).collect::<Vec<_>>().join(".");
            flipped.push(Question { token, ..question.clone() });
        }
    }
    flipped
}

fn all_accept(questions: &[Question]) {
    judged_by_all(questions, |answer| *answer == Answer::Accepted);
}

fn all_refuse(questions: &[Question]) {
    judged_by_all(questions, |answer| matches!(answer, Answer::Refused(_)));
}

/// Every judge gives the expected answer to every question.
fn judged_by_all(questions: &[Question], is_expected: fn(&Answer) -> bool) {
    let oracles = Oracle::both();
    let mut judged: Vec<(String, Vec<Answer>)> = std::thread::scope(|scope| {
        let asked =
            oracles.each_ref().map(|oracle| scope.spawn(|| (oracle.to_string(), oracle.ask(questions))));
        asked.into_iter().map(|asked| asked.join().expect("the oracle answers")).collect()
    });
    let keys = questions.first().map(|question| (question.jwks.clone(), key_set(question)));
    let (jwks, keys) = keys.expect("there are questions");
    let ours = |question: &Question| {
        if question.jwks == jwks { ours(question, &keys) } else { ours(question, &key_set(question)) }
    };
    judged.push(("license-token".to_owned(), questions.iter().map(ours).collect()));
    for (judge, answers) in judged {
        let wrong = questions.iter().zip(&answers).find(|(_, answer)| !is_expected(answer));
        assert!(wrong.is_none(), "{judge}: {wrong:?}");
    }
}

fn key_set(question: &Question) -> KeySet {
    KeySet::parse(question.jwks.to_string().as_bytes()).expect("our own JWK Set")
}

/// The answer of the crate that client software embeds.
fn ours(question: &Question, keys: &KeySet) -> Answer {
    let expected = TokenType::from_typ(question.typ).expect("one of our types");
    let expectation = Expectation {
        issuer: Some(&question.issuer),
        audience: question.audience.as_deref(),
        ..Expectation::at(question.now)
    };
    match verdict::judge(&question.token, keys, expected, &expectation) {
        Ok(_) => Answer::Accepted,
        Err(refusal) => Answer::Refused(refusal.to_string()),
    }
}
