//! The customer's page.

use lictor::domain::Scope;

use crate::support::Harness;
use crate::support::api::Answer;
use crate::support::people::issue;

fn typed(harness: &Harness, language: &str, form: &str) -> Answer {
    let customer = harness.anonymous().with("Accept-Language", language);
    customer.with("Content-Type", "application/x-www-form-urlencoded").send(
        "POST",
        "/portal",
        form.as_bytes(),
    )
}

#[test]
fn a_claim_code_shows_the_license_key_in_the_readers_language() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year").text_at("/id");
    let shown = harness
        .bearer(&harness.token(&[Scope::Read, Scope::Keys]))
        .get(&format!("/v1/merchant/licenses/{license}?reveal=true"))
        .expect(200);
    let (code, key) = (shown.text_at("/claim_code"), shown.text_at("/license_key"));
    for (language, word) in [("en", "License key"), ("zh-CN", "许可证密钥")] {
        let empty = harness.anonymous().with("Accept-Language", language).get("/portal").expect(200);
        assert!(empty.text.contains("<form method=post action=/portal>"), "{}", empty.text);
        let answer = typed(&harness, language, &format!("code={}", code.to_lowercase())).expect(200);
        assert!(answer.text.contains(&key) && answer.text.contains(word), "{}", answer.text);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn what_is_typed_wrong_is_refused_in_words_and_never_becomes_markup() {
    let harness = Harness::start();
    let long = format!("code={}", "A".repeat(5_000));
    for form in ["", "code=", "code=AAAAA", "code=%3Cscript%3E", "other=1", "code=%FF", long.as_str()] {
        let answer = typed(&harness, "en", form).expect(200);
        assert!(answer.text.contains("role=alert"), "{form}: {}", answer.text);
        assert!(!answer.text.contains("script") && !answer.text.contains("<textarea"), "{form}");
        let policy = answer.header("content-security-policy").expect("there is one").to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
    }
}
