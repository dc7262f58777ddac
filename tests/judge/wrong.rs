//! Servers that are wrong in one way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::family::Family;
use lictor::sandbox::judge::wire::{Limits, Target, Wire};
use lictor::sandbox::judge::{Examiner, Purchases, Report, Rule, Severity, Shelf};
use lictor::sandbox::orders::{Basket, Billing, MockOrder, Period};

use crate::merchant::{Fault, KEY, Merchant};

/// A merchant that asks no open API and needs no time.
struct NoShelf;

impl Shelf for NoShelf {
    fn register(&self, _order: MockOrder) {}

    fn wait(&mut self) {}
}

fn judged(family: Family, fault: Fault) -> Report {
    let now: DateTime<Utc> = "2026-01-31T08:00:00Z".parse().expect("valid");
    let watch = Arc::new(Mutex::new(Duration::ZERO));
    let moved = Arc::clone(&watch);
    let late = Arc::new(move |by: Duration| *moved.lock().expect("no test panics here") += by);
    let merchant = Merchant::start(family, fault, Arc::new(move || now), late);
    // A server that never answers is waited for this long, by the socket's own time-out.
    let limits = Limits { whole: Duration::from_millis(500), ..Limits::default() };
    let limits = if fault == Fault::NeverAnswers { limits } else { Limits::default() };
    let wire =
        Wire::new(limits).with_stopwatch(Arc::new(move || *watch.lock().expect("no test panics here")));
    let keys = AddressKeys::one(KEY.to_owned().into());
    let target = Target::parse(&merchant.url).expect("it is one");
    let examiner = Examiner::new(target, keys, Arc::new(move || now), wire);
    assert_eq!(examiner.look_at_address(), Ok(true));
    examiner.debug(family, &[], &mut |_| ()).expect("calls can be written");
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let purchases = Purchases { basket, count: 2 };
    examiner.buy(family, &purchases, &mut NoShelf, &mut |_| ()).expect("calls can be written");
    examiner.judge().report()
}

/// Exactly these rules are broken.
fn breaks(family: Family, fault: Fault, violated: &[Rule], advised: &[Rule]) {
    let report = judged(family, fault);
    assert_eq!(report.broken(Severity::Violation), violated, "{fault:?}\n{}", report.to_text());
    assert_eq!(report.broken(Severity::Advice), advised, "{fault:?}\n{}", report.to_text());
    assert_eq!(report.is_clean(), violated.is_empty());
    for rule in violated.iter().chain(advised) {
        let text = report.to_text();
        assert!(text.contains(rule.id()) && text.contains(rule.source()), "{text}");
        assert!(report.finding(*rule).is_some_and(|finding| finding.example.is_some()));
    }
}

#[test]
fn a_right_server_breaks_nothing() {
    for family in [Family::SaasV2, Family::LicenseOnline, Family::LicenseV1, Family::SaasV1] {
        breaks(family, Fault::Nothing, &[], &[]);
    }
}

#[test]
fn a_new_key_per_retry_is_found() {
    breaks(Family::SaasV2, Fault::NewKeyPerRetry, &[Rule::MemoStaysOnRepeat], &[]);
    breaks(Family::SaasV1, Fault::NewKeyPerRetry, &[Rule::MemoStaysOnRepeat], &[]);
    breaks(Family::LicenseV1, Fault::NewKeyPerRetry, &[Rule::LicenseStaysOnRepeat], &[]);
}

#[test]
fn a_business_id_taken_for_the_identity_is_found() {
    for family in [Family::SaasV2, Family::LicenseOnline, Family::LicenseV1, Family::SaasV1] {
        breaks(family, Fault::BusinessIdAsIdentity, &[Rule::BusinessIdIsNoIdentity], &[]);
    }
}

#[test]
fn an_unsigned_answer_is_found() {
    breaks(Family::SaasV2, Fault::Unsigned, &[Rule::BodySignPresent], &[]);
    breaks(Family::LicenseV1, Fault::Unsigned, &[Rule::BodySignPresent], &[]);
}

#[test]
fn a_wrong_letter_case_in_body_sign_is_found() {
    for name in ["Body-sign", "body-sign", "BODY-SIGN"] {
        breaks(Family::SaasV2, Fault::HeaderName(name), &[Rule::BodySignLetterCase], &[]);
    }
}

#[test]
fn an_answer_after_six_seconds_is_found() {
    breaks(Family::SaasV2, Fault::Late(Duration::from_secs(6)), &[Rule::AnswersInTime], &[]);
    breaks(Family::SaasV2, Fault::Late(Duration::from_millis(5_001)), &[Rule::AnswersInTime], &[]);
    breaks(Family::SaasV2, Fault::Late(Duration::from_secs(5)), &[], &[Rule::AnswersPromptly]);
    breaks(Family::SaasV2, Fault::Late(Duration::from_secs(2)), &[], &[]);
}

#[test]
fn an_answer_that_never_comes_is_found_when_the_judge_gives_up() {
    breaks(Family::SaasV2, Fault::NeverAnswers, &[Rule::AnswersInTime], &[]);
}

#[test]
fn a_memo_that_is_too_long_is_found_by_its_characters_not_its_bytes() {
    breaks(Family::SaasV2, Fault::MemoChars(1_025), &[Rule::MemoLength], &[]);
    breaks(Family::SaasV1, Fault::MemoChars(1_025), &[Rule::MemoLength], &[]);
    breaks(Family::SaasV2, Fault::MemoChars(1_024), &[], &[]);
}

#[test]
fn every_other_wrong_answer_is_found_under_one_rule() {
    let v2 = Family::SaasV2;
    for (family, fault, rule) in [
        (v2, Fault::NewInstancePerRetry, Rule::SameOrderSameInstance),
        (v2, Fault::OneInstanceForAll, Rule::DifferentOrdersDifferentInstances),
        (v2, Fault::SignatureForm, Rule::BodySignForm),
        (v2, Fault::SignsOtherBytes, Rule::BodySignRight),
        (v2, Fault::ClosesBeforeAnswering, Rule::AnswersAtAll),
        (v2, Fault::MessageChars(256), Rule::ResultMsgLength),
        (v2, Fault::UrlChars(513), Rule::UrlLength),
        (v2, Fault::InstanceIdChars(65), Rule::InstanceIdLength),
        (v2, Fault::SignInChars(129), Rule::SignInLength),
        (Family::SaasV1, Fault::SignInChars(129), Rule::SignInLength),
        (Family::SaasV1, Fault::PlainSignIn, Rule::SignInEncrypted),
        (v2, Fault::Redirects, Rule::NoRedirect),
        (v2, Fault::Status(500), Rule::HttpStatus200),
        (v2, Fault::RefusesTests, Rule::DebuggingCallSucceeds),
        (v2, Fault::NotFoundForUnknown, Rule::UnknownActivityAnswered),
        (v2, Fault::ContentType("text/html"), Rule::ContentTypeJson),
        (v2, Fault::NoJson, Rule::BodyJsonObject),
        (v2, Fault::ChineseMessage, Rule::ChineseOnlyInMemo),
        (v2, Fault::WithoutMember("resultMsg"), Rule::ResultMsgPresent),
        (v2, Fault::WithoutMember("instanceId"), Rule::InstanceIdPresent),
        (v2, Fault::WithoutMember("frontEndUrl"), Rule::FrontEndUrlPresent),
        (Family::SaasV1, Fault::WithoutMember("appInfo"), Rule::FrontEndUrlPresent),
        (Family::LicenseV1, Fault::WithoutMember("license"), Rule::LicensePresent),
        (v2, Fault::WithoutMember("info"), Rule::QueryInfoPresent),
        (v2, Fault::ForgetsOneOfMany, Rule::QueryAnswersAll),
        (v2, Fault::UsageWithoutTime, Rule::UsageInfoComplete),
        (v2, Fault::AcceptsAnySignature, Rule::WrongSignatureRefused),
        (v2, Fault::AcceptsOldCalls, Rule::StaleTimeRefused),
        (v2, Fault::RefusesUnknownMembers, Rule::UnknownMembersIgnored),
        (v2, Fault::RefusesLongTimes, Rule::VariationsAccepted),
        (v2, Fault::ReleasesOnce, Rule::RepeatedReleaseSucceeds),
        (Family::LicenseV1, Fault::ReleasesOnce, Rule::RepeatedReleaseSucceeds),
    ] {
        let ignored = judged(family, fault);
        let also: &[Rule] = match fault {
            // What knows no instance id in its answers to purchases names none in those to queries either.
            Fault::WithoutMember("instanceId") => &[Rule::InstanceIdPresent, Rule::QueryInfoPresent],
            _ => std::slice::from_ref(&rule),
        };
        assert_eq!(ignored.broken(Severity::Violation), also, "{fault:?}\n{}", ignored.to_text());
    }
}

#[test]
fn a_code_that_no_page_knows_or_that_belongs_elsewhere_is_found() {
    for (code, rule) in [
        ("000009", Rule::ResultCodeDocumented),
        ("0000004", Rule::ResultCodeDocumented),
        ("000003", Rule::ResultCodeWhereItBelongs),
        ("000900", Rule::ResultCodeWhereItBelongs),
    ] {
        let broken = judged(Family::SaasV2, Fault::CodeForPurchases(code)).broken(Severity::Violation);
        assert!(broken.contains(&rule), "{code}: {broken:?}");
    }
    let broken = judged(Family::SaasV2, Fault::CodeForPurchases("000106")).broken(Severity::Violation);
    assert!(
        !broken.contains(&Rule::ResultCodeWhereItBelongs) && !broken.contains(&Rule::ResultCodeDocumented)
    );
}

#[test]
fn advice_is_given_and_is_no_violation() {
    let v2 = Family::SaasV2;
    breaks(v2, Fault::PlainMemo, &[], &[Rule::MemoEscaped]);
    breaks(v2, Fault::RefusesEverythingAs("000005"), &[], &[Rule::RefusalCode]);
    breaks(Family::SaasV1, Fault::AcceptsOldCalls, &[], &[Rule::StaleTimeRefusedV1]);
    breaks(v2, Fault::NeverSettles, &[], &[Rule::PurchaseSettles]);
}
