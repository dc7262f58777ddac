//! Online License provisioning over real HTTP: bought, applied for, uploaded; each machine takes a place, the same
//! application gets the same file.

use std::time::Duration;

use chrono::TimeDelta;
use license_token::claims::Claims;
use license_token::{ActivationClaims, LicenseClaims, UnverifiedToken};
use lictor::domain::{Instant, LicenseId, MerchantId};
use lictor::sandbox::Storefront;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::sandbox::uploads::Upload;
use serde_json::json;

use crate::support::Harness;
use crate::support::people::{activate, command};

const DAY: Duration = Duration::from_secs(86_400);
const FIRST: &str = "04:7C:16:5E:E3:5D|001B_444A_488B_5CEC.||BFEBFBFF00090672";
const SECOND: &str = "04:7C:16:5E:E3:5E|001B_444A_488B_5CED.||BFEBFBFF00090673";

fn start() -> (Harness, Storefront) {
    let harness = Harness::start();
    harness.apply(&crate::support::channel_speaking("license-online", "cad-online", &harness.world.sandbox));
    let key_only = "\n[[spec]]\nid = \"cad-key-only\"\nproduct = \"acme-cad\"\nsku = \"CAD-KEY\"\nterm = \"P1Y\"\n[spec.machine]\nbinding = \"none\"\n";
    let channel = crate::support::channel_speaking("license-online", "cad-online", &harness.world.sandbox);
    harness.apply(&format!("{channel}{key_only}"));
    let address = format!("{}/marketplace/acme/cad-online", harness.url);
    let shop = harness.world.sandbox.storefront(&address, crate::support::ACCESS_KEY.to_owned().into());
    (harness, shop)
}

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

struct Bought {
    instance: String,
    license: String,
    starts_at: Instant,
    ends_at: Option<Instant>,
}

impl Bought {
    fn span(&self) -> (Instant, Option<Instant>) {
        (self.starts_at, self.ends_at)
    }
}

fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> Bought {
    let bought = shop.buy(basket).expect("the call is answered");
    assert_eq!(bought.answer.result_code(), "000004");
    harness.settle();
    look(harness, bought.answer.instance_id())
}

fn look(harness: &Harness, instance: &str) -> Bought {
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    let at = |name: &str| found.at(name).as_str().map(|text| text.parse().expect("an instant"));
    Bought {
        instance: instance.to_owned(),
        license: found.text_at("/items/0/id"),
        starts_at: at("/items/0/starts_at").expect("minted"),
        ends_at: at("/items/0/ends_at"),
    }
}

fn places(harness: &Harness, license: &str) -> usize {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    shown.at("/activations").as_array().map_or(0, Vec::len)
}

fn apply(shop: &Storefront, bought: &Bought, event: &str, fingerprint: Option<&str>) -> String {
    let answer = shop.apply(&bought.instance, event, bought.span(), fingerprint).expect("answered");
    assert_eq!(answer.status, 200);
    answer.result_code().to_owned()
}

fn only(uploads: &[Upload]) -> &Upload {
    let [upload] = uploads else { panic!("{uploads:?}") };
    upload
}

/// What a text says; whether it is believed is the client's to judge.
fn said<C: Claims>(text: &str) -> C {
    C::read(UnverifiedToken::parse(text).expect("a token").inspect().claims).expect("claims of this type")
}

fn certificate(text: &str) -> ActivationClaims {
    said(text)
}

#[test]
fn an_application_with_a_fingerprint_takes_a_place_and_uploads_a_certificate_with_its_dates() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    assert_eq!(apply(&shop, &bought, "event-1", Some(FIRST)), "000004");
    assert!(shop.uploads("event-1").is_empty(), "answered first");
    harness.settle();
    let upload = only(&shop.uploads("event-1")).clone();
    assert_eq!(upload.is_file, upload.text.chars().count() > 1024);
    let claims = certificate(&upload.text);
    assert_eq!(claims.nbf, bought.starts_at.timestamp());
    assert_eq!(Some(claims.exp), bought.ends_at.map(|end| end.timestamp()));
    assert_eq!(claims.sub, bought.license);
    assert_eq!(places(&harness, &bought.license), 1);
}

#[test]
fn the_same_application_gets_the_same_file_and_another_event_the_next_one() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    for _ in 0..3 {
        assert_eq!(apply(&shop, &bought, "event-1", Some(FIRST)), "000004");
    }
    harness.settle();
    let first = only(&shop.uploads("event-1")).clone();
    harness.world.clock.advance(DAY);
    assert_eq!(apply(&shop, &bought, "event-1", Some(FIRST)), "000004");
    harness.settle();
    assert_eq!(shop.uploads("event-1"), [first.clone(), first.clone()], "a broken transfer is repeated");
    assert_eq!(apply(&shop, &bought, "event-2", Some(FIRST)), "000004");
    harness.settle();
    let next = certificate(&only(&shop.uploads("event-2")).text);
    let before = certificate(&first.text);
    assert_eq!((next.act.as_str(), next.generation), (before.act.as_str(), before.generation + 1));
    assert_eq!(places(&harness, &bought.license), 1, "the same machine keeps its place");
}

#[test]
fn each_refusal_has_its_code_and_changes_nothing() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    let end = bought.ends_at.expect("a period");
    let asked = |event: &str, from: Instant, to: Option<Instant>, fingerprint: Option<&str>| {
        let answer = shop.apply(&bought.instance, event, (from, to), fingerprint).expect("answered");
        answer.result_code().to_owned()
    };
    let (from, late, to) = (bought.starts_at, end + TimeDelta::seconds(1), Some(end));
    assert_eq!(asked("e", from, to, None), "000903");
    assert_eq!(asked("e", from, None, Some(FIRST)), "000902");
    assert_eq!(asked("e", from, Some(late), Some(FIRST)), "000901");
    assert_eq!(asked("e", end, Some(late), Some(FIRST)), "000901");
    assert_eq!(asked("e", from - TimeDelta::days(3), to, Some(FIRST)), "000901");
    assert_eq!(asked("e", from, Some(from), Some(FIRST)), "000002");
    let unknown = shop.apply("nobody", "e", (from, to), Some(FIRST)).expect("answered");
    assert_eq!(unknown.result_code(), "000003");
    harness.settle();
    assert_eq!((places(&harness, &bought.license), shop.uploads("e")), (0, vec![]));
    assert_eq!(asked("e1", from, to, Some(FIRST)), "000004");
    assert_eq!(asked("e2", from, to, Some(SECOND)), "000900", "one machine was bought");
    assert_eq!(asked("e1", from, to, Some(SECOND)), "000900", "another fingerprint is another application");
    harness.settle();
    assert_eq!(shop.uploads("e2"), []);
}

#[test]
fn a_stopped_license_is_not_handed_over() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    shop.freeze(&bought.instance).expect("answered");
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000901");
    shop.unfreeze(&bought.instance).expect("answered");
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000004");
    shop.release(&bought.instance).expect("answered");
    assert_eq!(apply(&shop, &bought, "e2", Some(SECOND)), "000901");
}

#[test]
fn a_license_bound_to_no_machine_is_handed_over_as_a_key_with_the_dates_of_the_call() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, Basket::of("CAD-KEY", Billing::Period(Period::Years(1))));
    let (from, to) = (bought.starts_at + TimeDelta::days(1), bought.starts_at + TimeDelta::days(30));
    let answer = shop.apply(&bought.instance, "e1", (from, Some(to)), Some(FIRST)).expect("answered");
    assert_eq!(answer.result_code(), "000004");
    harness.settle();
    let upload = only(&shop.uploads("e1")).clone();
    assert!(!upload.is_file, "a license key fits into 1,024 characters");
    let claims = said::<LicenseClaims>(&upload.text);
    assert_eq!((claims.nbf, claims.exp), (from.timestamp(), Some(to.timestamp())));
    let current = harness.merchant().get(&format!("/v1/merchant/licenses/{}?reveal=true", bought.license));
    let current = said::<LicenseClaims>(&current.expect(200).text_at("/license_key"));
    assert_eq!(current.exp, bought.ends_at.map(|end| end.timestamp()), "the license's own key stays");
    let validate =
        || harness.anonymous().post("/v1/validate", &json!({ "license_key": upload.text })).expect(200);
    assert_eq!(validate().text_at("/code"), "valid");
    command(&harness, &bought.license, "revoke", &json!({ "reason": "fraud" })).expect(200);
    assert_eq!(validate().text_at("/code"), "license_revoked");
}

#[test]
fn an_application_that_comes_before_the_license_is_handed_over_once_it_is_minted() {
    let (harness, shop) = start();
    let bought = shop.buy(monthly()).expect("answered");
    let instance = bought.answer.instance_id();
    let (from, to) = (bought.order.created_at, bought.order.expires_at);
    for _ in 0..3 {
        let answer = shop.apply(instance, "e1", (from, to), Some(FIRST)).expect("answered");
        assert_eq!(answer.result_code(), "000004");
    }
    harness.settle();
    assert_eq!(certificate(&only(&shop.uploads("e1")).text).sub, look(&harness, instance).license);
}

#[test]
fn an_upload_that_the_marketplace_does_not_take_any_more_is_told_by_an_event_with_its_reason() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000004");
    shop.withdraw("e1");
    harness.settle();
    harness.world.clock.advance(DAY);
    harness.settle();
    let merchant = MerchantId::parse("acme").expect("a slug");
    let license = LicenseId::parse(&bought.license).expect("an id");
    let events = harness.block_on(harness.app.license_events(&merchant, &license)).expect("readable");
    let refused: Vec<_> = events.iter().filter(|it| it.kind.as_str() == "license.upload_refused").collect();
    let [event] = refused.as_slice() else { panic!("once: {events:?}") };
    assert_eq!(event.detail.get("request").map(String::as_str), Some("e1"));
    let why = event.detail.get("why").expect("it says why");
    assert!(why.contains("91381034"), "{why}");
    assert_eq!(shop.uploads("e1"), []);
}

#[test]
fn an_upload_survives_a_marketplace_that_is_down() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000004");
    for _ in 0..24 {
        harness.settle();
        harness.world.clock.advance(Duration::from_secs(3_600));
    }
    assert_eq!(shop.uploads("e1"), []);
    harness.world.sandbox.trouble(Trouble::AnswerLost, 1);
    harness.settle();
    harness.world.clock.advance(Duration::from_secs(3_600));
    harness.settle();
    let uploads = shop.uploads("e1");
    assert_eq!(uploads.len(), 2, "whether it was done was not known");
    assert_eq!(uploads[0], uploads[1]);
}

#[test]
fn a_renewed_instance_gets_a_license_for_its_new_span() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000004");
    harness.world.clock.advance(DAY);
    shop.renew(&bought.instance, Period::Months(1)).expect("answered");
    harness.settle();
    let renewed = look(&harness, &bought.instance);
    assert!(renewed.ends_at > bought.ends_at);
    assert_eq!(apply(&shop, &renewed, "e2", Some(FIRST)), "000004");
    harness.settle();
    let claims = certificate(&only(&shop.uploads("e2")).text);
    assert_eq!(Some(claims.exp), renewed.ends_at.map(|end| end.timestamp()));
}

#[test]
fn the_machine_of_a_fingerprint_is_the_one_that_client_software_names() {
    let (harness, shop) = start();
    let bought = buy(&harness, &shop, monthly());
    assert_eq!(apply(&shop, &bought, "e1", Some(FIRST)), "000004");
    harness.settle();
    let key = harness.merchant().get(&format!("/v1/merchant/licenses/{}?reveal=true", bought.license));
    let key = key.expect(200).text_at("/license_key");
    let customer = harness.anonymous();
    let machine = |fingerprint: &str| json!({ "license_key": key, "machine": { "fingerprint": fingerprint }, "nonce": "n" });
    customer.post("/v1/activations", &machine(FIRST)).expect(200);
    customer.post("/v1/activations", &machine(SECOND)).expect_problem(409, "machine_limit_reached");
    activate(&customer, &key, 1, "n").expect_problem(409, "machine_limit_reached");
}
