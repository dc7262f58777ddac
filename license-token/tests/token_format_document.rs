//! `docs/token-format.md` shows what is true.

mod support;

use std::fs;

use license_token::{Code, Env, Expectation, KeySet, Role, TokenType, UnverifiedToken, verdict};
use support::{AUD, DAY, ISS, START, YEAR, license, repository, sign};

fn document() -> String {
    fs::read_to_string(repository().join("docs/token-format.md")).expect("the document")
}

/// The fenced block that starts with this line.
fn block(document: &str, fence: &str) -> String {
    let (_, rest) = document.split_once(&format!("```{fence}\n")).expect(fence);
    rest.split_once("\n```").expect("an end").0.to_owned()
}

#[test]
fn the_example_in_the_document_verifies_and_expires() {
    let document = document();
    let keys = KeySet::parse(block(&document, "json keys").as_bytes()).expect("the set of the document");
    let token = block(&document, "text license+jwt");
    let at = |now| {
        let expect = Expectation {
            issuer: Some(ISS),
            audience: Some(AUD),
            env: Some(Env::Live),
            ..Expectation::at(now)
        };
        verdict::judge(&token, &keys, TokenType::License, &expect).map(drop).map_err(|refusal| refusal.code())
    };
    assert_eq!(at(START + DAY), Ok(()));
    assert_eq!(at(START + YEAR), Err(Code::Expired));
    assert!(
        document.contains(&format!("({})", START + DAY)) && document.contains(&format!("{}", START + YEAR))
    );
}

#[test]
fn the_example_shows_its_own_header_and_payload() {
    let document = document();
    let text = block(&document, "text license+jwt");
    let token = UnverifiedToken::parse(&text).expect("a token");
    let shown =
        |fence| -> serde_json::Value { serde_json::from_str(&block(&document, fence)).expect("JSON") };
    let actual = |value: &license_token::json::Value| -> serde_json::Value {
        serde_json::from_str(&value.to_string()).expect("JSON")
    };
    assert_eq!(shown("json header"), actual(token.inspect().header));
    assert_eq!(shown("json payload"), actual(token.inspect().claims));
    assert_eq!(text, sign(Role::License, &license()), "the example is what the code signs today");
    assert!(document.contains(&format!("{} characters", text.len())));
}

#[test]
fn the_document_names_every_code_and_type() {
    let document = document();
    for name in Code::ALL.iter().map(|code| code.as_str()).chain(TokenType::ALL.map(TokenType::as_str)) {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}
