//! Amounts of quota, terms, and the other words of a closed form.

use license_token::{Code, LicenseClaims, TokenType};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{AUD, DAY, START, license, payload, render_minutes};
use super::types::whole_certificate;
use super::{craft, key_vector};

pub fn all() -> Vec<Vector> {
    [amounts(), words(), shares(), needs()].into_iter().flatten().collect()
}

fn amounts() -> Vec<Vector> {
    const AMOUNT: &str = "/lic/quota/0/amount";
    let ok = |name: &str, json: &str, need: &str| {
        let about = format!("The amount {json} is at least {need}.");
        key_vector(&format!("ok-amount-{name}"), &about, craft::license_with(AMOUNT, json))
            .expect("quota", json!([{ "metric": "render-minutes", "amount": need }]))
            .valid()
    };
    let bad = |name: &str, json: &str| {
        let about = format!("The amount {json}.");
        key_vector(&format!("amount-{name}"), &about, craft::license_with(AMOUNT, json))
            .refused(Code::Malformed)
            .profile()
    };
    vec![
        ok("zero", "0", "0"),
        ok("number-with-fraction", "1000.5", "1000.5"),
        ok("smallest", r#""0.0001""#, "0.0001"),
        ok("largest", r#""899999999999.9999""#, "899999999999.9999"),
        ok("not-through-a-double", r#""562949953421.3121""#, "562949953421.3121"),
        ok("trailing-zeros", r#""1.5000""#, "1.5"),
        bad("point-only", r#""1.""#),
        bad("no-digits", r#"".5""#),
        bad("leading-zero", r#""01""#),
        bad("exponent", "1e3"),
        bad("plus", r#""+1""#),
        bad("minus-zero", "-0"),
        bad("comma", r#""1,5""#),
        bad("blank", r#"" 1""#),
        bad("line-feed", r#""1\n""#),
        bad("empty", r#""""#),
        bad("five-zeros", r#""1.00000""#),
        bad("full-width-digit", "\"\u{ff11}\""),
        bad("arabic-digit", "\"\u{0661}\""),
        bad("string-too-large", r#""900000000000.0000""#),
        key_vector(
            "total-too-large",
            "A total of 9e11.",
            craft::license_with("/lic/quota/0/total", "900000000000"),
        )
        .refused(Code::Malformed)
        .profile(),
        key_vector("ok-total-absent", "A total is optional.", craft::license_with("/lic/quota/0/total", ""))
            .valid(),
    ]
}

fn words() -> Vec<Vector> {
    let term = |name: &str, term: &str| {
        let about = format!("The term {term}.");
        let token = craft::license_with("/lic/term", &json!(term).to_string());
        key_vector(&format!("term-{name}"), &about, token)
    };
    let bad = |name: &str, word: &str| term(name, word).refused(Code::Malformed).profile();
    let word = |name: &str, pointer: &str, word: &str| {
        let about = format!("{pointer} is {word}.");
        key_vector(name, &about, craft::license_with(pointer, &json!(word).to_string()))
            .refused(Code::Malformed)
            .profile()
    };
    vec![
        term("one-day", "P1D").valid(),
        term("most-years", "P9999Y").valid(),
        term("permanent-with-exp", "permanent").valid(),
        bad("too-many", "P10000D"),
        bad("two-parts", "P1Y6M"),
        bad("lower-case", "p1y"),
        bad("hours", "PT1H"),
        bad("capital-permanent", "Permanent"),
        bad("without-count", "PY"),
        bad("empty", ""),
        bad("signed", "P-1Y"),
        bad("line-feed", "P1Y\n"),
        bad("other-digits", "P\u{0661}Y"),
        word("env-capital", "/lic/env", "Live"),
        word("status-rule-unknown", "/lic/policy/status", "always"),
        word("status-rule-capital", "/lic/policy/status", "Require"),
        word("enforcement-unknown", "/lic/policy/enforcement", "off"),
        word("reset-capital", "/lic/quota/0/reset", "Month"),
        key_vector("lic-version-0", "Claims of no version.", craft::license_with("/lic/v", "0"))
            .refused(Code::Malformed)
            .profile(),
    ]
}

/// `share`, `from` and `until` stand together or not at all.
fn shares() -> Vec<Vector> {
    let whole = whole_certificate();
    let device = whole.device_key.clone().expect("it has one");
    let with = |name: &str, about: &str, pointer: &str, json: &str| {
        let token = craft::claims_with(&whole, pointer, json);
        Vector::new(name, about, TokenType::Activation, token, START + DAY)
            .expect("device_key", json!(device))
            .refused(Code::Malformed)
            .profile()
    };
    vec![
        with("share-without-from", "A share without its first second.", "/lic/quota/0/from", ""),
        with("share-without-until", "A share without its end.", "/lic/quota/0/until", ""),
        with("share-without-number", "The times of a share that has no number.", "/lic/quota/0/share", ""),
        with(
            "share-empty-span",
            "A share that ends when it begins.",
            "/lic/quota/0/until",
            &START.to_string(),
        ),
        with(
            "ledger-key-short",
            "A thumbprint of 31 bytes.",
            "/lic/ledger/key",
            &json!("A".repeat(42)).to_string(),
        ),
        with(
            "ledger-head-unused-bits",
            "A hash with unused bits set.",
            "/lic/ledger/head",
            &json!("B".repeat(43)).to_string(),
        ),
        with(
            "jkt-unused-bits",
            "A thumbprint with unused bits set.",
            "/cnf/jkt",
            &json!("B".repeat(43)).to_string(),
        ),
        with(
            "jkt-padding",
            "A thumbprint with padding.",
            "/cnf/jkt",
            &json!(format!("{device}=")).to_string(),
        ),
        with("cnf-empty", "A confirmation without a thumbprint.", "/cnf", "{}"),
    ]
}

fn needs() -> Vec<Vector> {
    let two = LicenseClaims { quota: vec![render_minutes(10), render_minutes(5)], ..license() };
    let two = craft::license_of(payload(&two));
    let needing = |name: &str, about: &str, needs: &[(&str, &str)]| {
        let needs: Vec<_> =
            needs.iter().map(|(metric, amount)| json!({ "metric": metric, "amount": amount })).collect();
        key_vector(name, about, two.clone()).expect("quota", json!(needs))
    };
    let entitled = |name: &str, about: &str, needed: &[&str]| {
        key_vector(name, about, two.clone()).expect("entitlements", json!(needed))
    };
    let granting = |name: &str, about: &str, json: &str, needed: &str| {
        key_vector(name, about, craft::license_with("/entitlements", json))
            .expect("entitlements", json!([needed]))
    };
    vec![
        needing("ok-quota-of-two-packages", "Packages of one metric add up.", &[("render-minutes", "15")])
            .valid(),
        needing("quota-of-two-packages", "More than both.", &[("render-minutes", "15.0001")])
            .refused(Code::QuotaExhausted),
        needing(
            "quota-second-need",
            "The second need is not met.",
            &[("render-minutes", "1"), ("api-calls", "1")],
        )
        .refused(Code::QuotaExhausted),
        needing(
            "ok-quota-need-of-nothing",
            "Nothing is needed of what was not bought.",
            &[("api-calls", "0")],
        )
        .valid(),
        needing("quota-metric-capital", "Metrics are compared exactly.", &[("Render-minutes", "1")])
            .refused(Code::QuotaExhausted),
        entitled("ok-entitled-twice", "The same entitlement is needed twice.", &["render", "render"]).valid(),
        entitled("not-entitled-capital", "Entitlements are compared exactly.", &["Render"])
            .refused(Code::NotEntitled),
        entitled("not-entitled-prefix", "The beginning of an entitlement.", &["rend"])
            .refused(Code::NotEntitled),
        entitled("ok-entitlements-none-needed", "Nothing is needed.", &[]).valid(),
        granting("ok-entitled-escaped", "An escaped name is the name.", r#"["re\u006eder"]"#, "render")
            .valid(),
        granting(
            "ok-entitled-emoji",
            "A surrogate pair is one character.",
            r#"["\ud83d\udd11"]"#,
            "\u{1f511}",
        )
        .valid(),
        granting("not-entitled-unnormalized", "Texts are not normalized.", "[\"cafe\u{301}\"]", "caf\u{e9}")
            .refused(Code::NotEntitled),
        key_vector("aud-capital", "Products are compared exactly.", two.clone())
            .expect("aud", json!(AUD.to_uppercase()))
            .refused(Code::WrongAudience),
    ]
}
