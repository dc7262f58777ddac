//! The sandbox speaks every family, and the server understands it: lives told over real HTTP. Their signatures and
//! encrypted fields are written twice, and both are held to the same vectors.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use lictor::application::ports::Clock as _;
use lictor::marketplace::AccessKey;
use lictor::marketplace::koogallery::auth_token;
use lictor::marketplace::koogallery::sensitive::{self as theirs, EncryptType};
use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::caller::{BodySign, CallAnswer, CallError};
use lictor::sandbox::judge::Family;
use lictor::sandbox::manner::{BodyForm, Manner, SignedForm, TokenPlus};
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::sandbox::sensitive::{self, KeySize};
use lictor::sandbox::words::kit::{Flag, Tenant};
use lictor::sandbox::written::beijing_digits;
use lictor::sandbox::{Sale, Shop, Step, signer};
use serde_json::{Value, json};

use crate::support::{ACCESS_KEY, Harness, channel_speaking};

/// The families that sell, in the order of the documents.
const SELLING: [Family; 5] =
    [Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::LicenseV1, Family::SaasV1];

fn shop(harness: &Harness, family: Family) -> Shop {
    let id = format!("of-{}", family.name());
    harness.apply(&channel_speaking(family.name(), &id, &harness.world.sandbox));
    let address = format!("{}/marketplace/acme/{id}", harness.url);
    harness.world.sandbox.shop(family, &address, AddressKeys::one(ACCESS_KEY.to_owned().into()))
}

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

fn yearly() -> Basket {
    Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))
}

#[track_caller]
fn accepted(answer: &CallAnswer) {
    let seen = (answer.status, answer.result_code(), answer.body_sign);
    assert!(answer.is_accepted() && answer.body_sign == BodySign::Right, "{seen:?} {answer:?}");
}

/// Buys, and redeems the code where there is one.
fn bought(harness: &Harness, shop: &Shop, basket: Basket) -> Sale {
    let (mut sale, answer) = shop.buy(basket).expect("answered");
    accepted(&answer);
    harness.settle();
    if shop.family() == Family::LicenseCode {
        harness.anonymous().post("/v1/claims", &json!({ "claim_code": sale.instance })).expect(202);
        harness.settle();
    }
    let again = shop.take(&mut sale, &Step::Buy).expect("answered");
    assert_eq!(again.result_code(), "000000", "{again:?}");
    if shop.family() != Family::LicenseCode {
        assert_eq!(again.instance_id(), sale.instance, "the same instance, however often it is bought");
    }
    sale
}

fn license(harness: &Harness, sale: &Sale) -> Value {
    let path = format!("/v1/merchant/licenses?order_id={}", sale.order.order_id);
    let found = harness.merchant().get(&path).expect(200);
    assert_eq!(found.at("/items").as_array().map(Vec::len), Some(1), "{found:?}");
    found.at("/items/0")
}

fn ends_as_told(harness: &Harness, sale: &Sale) {
    let end: chrono::DateTime<chrono::Utc> =
        license(harness, sale)["ends_at"].as_str().expect("a period").parse().expect("an instant");
    assert_eq!(Some(&end), sale.ends.last());
}

/// Takes a step that the family has; says whether it has.
fn step(harness: &Harness, shop: &Shop, sale: &mut Sale, step: &Step) -> bool {
    harness.world.clock.advance(Duration::from_secs(3_600));
    match shop.take(sale, step) {
        Ok(answer) => {
            accepted(&answer);
            harness.settle();
            true
        }
        Err(CallError::NotInFamily { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_life_is_told_in_every_family() {
    for family in SELLING {
        let harness = Harness::start();
        let shop = shop(&harness, family);
        let mut sale = bought(&harness, &shop, monthly());
        let name = family.name();
        let state = |sale: &Sale| license(&harness, sale)["state"].as_str().expect("a state").to_owned();
        assert_eq!(state(&sale), "active", "{name}");
        ends_as_told(&harness, &sale);
        assert!(step(&harness, &shop, &mut sale, &Step::Renew(Period::Years(1))), "{name}");
        ends_as_told(&harness, &sale);
        let cancels = step(&harness, &shop, &mut sale, &Step::CancelRenewal);
        assert_eq!(cancels, family != Family::LicenseV1, "{name}");
        ends_as_told(&harness, &sale);
        assert!(step(&harness, &shop, &mut sale, &Step::Freeze), "{name}");
        assert_eq!(state(&sale), "suspended", "{name}");
        if !step(&harness, &shop, &mut sale, &Step::Unfreeze) {
            assert_eq!(family, Family::LicenseV1, "a renewal lifts the stop there");
            assert!(step(&harness, &shop, &mut sale, &Step::Renew(Period::Months(1))));
        }
        assert_eq!(state(&sale), "active", "{name}");
        let upgrades = step(&harness, &shop, &mut sale, &Step::Upgrade(yearly()));
        assert_eq!(upgrades, !matches!(family, Family::LicenseCode | Family::LicenseV1), "{name}");
        if upgrades {
            assert_eq!(license(&harness, &sale)["spec"], "cad-year", "{name}");
        }
        assert!(step(&harness, &shop, &mut sale, &Step::Unsubscribe), "{name}");
        assert!(step(&harness, &shop, &mut sale, &Step::Release), "{name}");
        assert_eq!(state(&sale), "released", "{name}");
    }
}

#[test]
fn a_trial_becomes_formal_and_a_renewal_changes_what_was_bought() {
    for family in SELLING.into_iter().filter(|family| *family != Family::LicenseCode) {
        let harness = Harness::start();
        let shop = shop(&harness, family);
        let trial = Basket { trial: true, ..Basket::of("CAD-MONTH", Billing::Period(Period::Days(14))) };
        let mut sale = bought(&harness, &shop, trial);
        assert!(step(&harness, &shop, &mut sale, &Step::Formalize(Period::Months(1))), "{}", family.name());
        ends_as_told(&harness, &sale);
        let changes = step(&harness, &shop, &mut sale, &Step::RenewAs(yearly(), Period::Years(1)));
        assert_eq!(changes, family == Family::SaasV2);
        ends_as_told(&harness, &sale);
        if changes {
            assert_eq!(license(&harness, &sale)["spec"], "cad-year");
            let asked = shop.take(&mut sale, &Step::Check(monthly())).expect("answered");
            assert_eq!(asked.result_code(), "000000");
            accepted(&shop.take(&mut sale, &Step::Notify).expect("answered"));
        }
    }
}

#[test]
fn every_way_to_pay_is_bought_in_the_older_saas() {
    let harness = Harness::start();
    let shop = shop(&harness, Family::SaasV1);
    for billing in
        [Billing::OneTime, Billing::OnDemand, Billing::OnDemandPackage, Billing::Period(Period::Years(2))]
    {
        let basket = Basket { quantity: Some(2), ..Basket::of("CAD-FOREVER", billing) };
        let mut sale = bought(&harness, &shop, basket);
        let freeze = shop.call_for(&mut sale, &Step::Freeze, harness.world.clock.now()).expect("words");
        let period = matches!(billing, Billing::Period(_));
        let activity = if period { "expireInstance" } else { "instanceStatus" };
        assert_eq!(freeze.map(|call| call.activity), Some(activity));
        assert!(step(&harness, &shop, &mut sale, &Step::Freeze));
        assert!(step(&harness, &shop, &mut sale, &Step::Unfreeze));
        assert!(step(&harness, &shop, &mut sale, &Step::Release));
    }
}

#[test]
fn a_license_is_applied_for_and_uploaded_once() {
    let harness = Harness::start();
    let shop = shop(&harness, Family::LicenseOnline);
    let sale = bought(&harness, &shop, yearly());
    let now = harness.world.clock.now();
    let span = (now, Some(now + TimeDelta::days(30)));
    let call = shop.apply(&sale, "event-1", span, Some("04:7C:16:5E:E3:5D|||BFEB"));
    for _ in 0..3 {
        accepted(&shop.address().tell(&call).expect("answered"));
        harness.settle();
    }
    let texts: std::collections::BTreeSet<_> =
        shop.uploads("event-1").into_iter().map(|upload| upload.text).collect();
    assert_eq!(texts.len(), 1);
}

#[test]
fn the_kit_tells_of_a_company_in_both_versions() {
    let harness = Harness::start();
    let shop = shop(&harness, Family::SaasV1);
    let sale = bought(&harness, &shop, yearly());
    let tenant = Tenant {
        tenant_id: "t-1".into(),
        instance_id: sale.instance.clone(),
        order_id: sale.order.order_id.clone(),
    };
    for family in [Family::KitV1, Family::KitV2] {
        let now = beijing_digits(harness.world.clock.now());
        for flag in [Flag::Add, Flag::Modify, Flag::Delete, Flag::Delete] {
            for call in [
                tenant.sync(family, flag, "企业"),
                tenant.application(family, flag, "app-1", "QUJD/+=="),
                tenant.authorization(family, flag, "app-1", &["zhang", "li"], &now),
                tenant.department(family, flag, "O1", "研发"),
                tenant.all_departments(family, &[("O1", "研发"), ("O2", "Sales")]),
            ] {
                let answer = shop.address().tell(&call).expect("answered");
                assert_eq!((answer.result_code(), answer.body_sign), ("000000", BodySign::Right), "{call:?}");
            }
        }
    }
}

/// Every unusual way to write a call that is right.
fn manners() -> BTreeMap<&'static str, Manner> {
    let usual = Manner { order_seed: 3, ..Manner::default() };
    let body = |body, signed| Manner { body, signed, unknown_member: true, nulls: true, ..usual.clone() };
    let ahead = |secs| Manner { skew: TimeDelta::seconds(secs), ..usual.clone() };
    BTreeMap::from([
        ("usual", Manner::default()),
        ("upper case", usual.clone()),
        ("ten digits", Manner { in_seconds: true, ..usual.clone() }),
        ("seventeen digits", Manner { expire_millis: Some(7), ..usual.clone() }),
        ("unsorted", body(BodyForm::Shuffled, SignedForm::SortedAtTop)),
        ("with blanks", body(BodyForm::Spaced, SignedForm::SortedAtTop)),
        ("sorted deeply", body(BodyForm::Spaced, SignedForm::SortedDeeply)),
        ("as sent", body(BodyForm::Shuffled, SignedForm::AsSent)),
        ("a minute late", ahead(-60)),
        ("a minute early", ahead(60)),
        ("a blank in the token", Manner { token_plus: TokenPlus::Blank, ..usual.clone() }),
        ("a bare plus in the token", Manner { token_plus: TokenPlus::Bare, ..usual.clone() }),
        (
            "blanks as plus",
            Manner { blank_as_plus: true, shuffled_query: true, unknown_member: true, ..usual },
        ),
    ])
}

#[test]
fn every_right_way_to_write_a_call_is_accepted_and_a_wrong_key_is_not() {
    let harness = Harness::start();
    for family in SELLING {
        let shop = shop(&harness, family);
        let mut sale = bought(&harness, &shop, monthly());
        let steps =
            [Step::Buy, Step::Query, Step::Renew(Period::Months(1)), Step::Check(yearly()), Step::Release];
        let now = harness.world.clock.now();
        let calls: Vec<_> =
            steps.iter().filter_map(|step| shop.call_for(&mut sale, step, now).expect("words")).collect();
        for (name, manner) in manners() {
            for call in &calls {
                let mut manner = manner.clone();
                manner.leaves_out_optional(call);
                let answer = shop.address().send(&shop.address().write(call, &manner).expect("written"));
                let answer = answer.expect("answered");
                // A change of what is over is contradicted, a release may come again.
                let fine = answer.is_accepted() || call.activity == "changeInstanceCheck";
                assert!(fine && answer.result_code() != "000001", "{name}: {call:?} {answer:?}");
            }
            let wrong = Manner { wrong_key: true, ..manner };
            let answer = shop.address().send(&shop.address().write(&calls[0], &wrong).expect("written"));
            assert_eq!(answer.expect("answered").result_code(), "000001", "{name}");
        }
    }
}

#[test]
fn sign_in_of_an_answer_is_read_with_either_key_size() {
    let harness = Harness::start();
    let shop = shop(&harness, Family::SaasV1);
    let iv = *b"Ab3Cd4Ef5Gh6Ij7K";
    for (size, said) in
        [(KeySize::Bits256, None), (KeySize::Bits256, Some("1")), (KeySize::Bits128, Some("2"))]
    {
        let field = |plain| sensitive::encrypt(ACCESS_KEY, size, iv, plain);
        let info = json!({ "userName": field("admin"), "password": field("秘密") });
        let read = shop.address().sign_in(said, &info);
        assert_eq!(read, Some(("admin".to_owned(), "秘密".to_owned())));
        let other = if size == KeySize::Bits128 { None } else { Some("2") };
        assert_ne!(shop.address().sign_in(other, &info), read);
    }
    assert_eq!(shop.address().sign_in(Some("3"), &json!({})), None);
}

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/koogallery.json")).expect("JSON");
    all[name].as_array().expect("a list").clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().expect("text")
}

#[test]
fn both_sides_give_the_vectors_of_the_older_families() {
    for vector in vectors("auth_token_v1") {
        let query = vector["query"].as_object().expect("an object").iter();
        let pairs: Vec<_> =
            query.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect();
        assert_eq!(signer::auth_token(text(&vector, "key"), &pairs), text(&vector, "authToken"));
        let message = auth_token::message(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let key = AccessKey { id: "k".into(), secret: text(&vector, "key").into() };
        let theirs = auth_token::auth_token(&key.secret, text(&vector["query"], "timeStamp"), &message);
        let theirs = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, theirs);
        assert_eq!(theirs, text(&vector, "authToken"));
    }
    for vector in vectors("kit_v2") {
        let (key, payload) = (text(&vector, "access_key"), text(&vector, "signed_payload"));
        let (timestamp, nonce) = (text(&vector, "x-timestamp"), text(&vector, "x-nonce"));
        assert_eq!(signer::kit_sign(key, timestamp, nonce, payload.as_bytes()), text(&vector, "x-sign"));
    }
}

#[test]
fn encrypted_fields_are_those_of_the_vectors() {
    let found = vectors("sensitive_field_aes");
    assert_eq!(found.len(), 2);
    for vector in found {
        let (key, plain) = (text(&vector, "key"), text(&vector, "plain"));
        let hex: String = sensitive::field_key(key).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&hex[..], &hex[..32]), (text(&vector, "aes256_key"), text(&vector, "aes128_key")));
        let iv: [u8; 16] = text(&vector, "iv").as_bytes().try_into().expect("sixteen");
        for (size, name) in [(KeySize::Bits256, "field_aes256"), (KeySize::Bits128, "field_aes128")] {
            let field = text(&vector, name);
            assert_eq!(sensitive::encrypt(key, size, iv, plain), field);
            assert_eq!(sensitive::decrypt(key, size, field).as_deref(), Some(plain));
            assert_eq!(sensitive::decrypt(key, size, &field[..20]), None);
        }
        for (size, kind) in [(KeySize::Bits256, EncryptType::Aes256), (KeySize::Bits128, EncryptType::Aes128)]
        {
            let theirs = theirs::encrypt(&key.into(), kind, "userName", plain);
            assert_eq!(sensitive::decrypt(key, size, &theirs).as_deref(), Some(plain));
        }
    }
}
