//! The life of authorization codes over real HTTP: sold by the marketplace, redeemed here, renewed, stopped, released,
//! and what the marketplace is told of their use.

use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use lictor::application::ports::{
    ABSENT, CodeStanding, Commit, MarketplaceCallError, MarketplaceCalls, Store as _, UsagePushError,
};
use lictor::application::record::{Instance as StoredInstance, Job, Lane, PendingLicense, Rank, Task};
use lictor::application::{App, Settled};
use lictor::domain::{
    AuthorizationCode, AuthorizationCodeState, Channel, ChannelId, Charging, CodeGrant, Env, InstanceId,
    Instant, JobId, LicenseId, Marketplace, MerchantId, OrderId, OrderLineKey, Purchase, PurchaseFacts,
    PurchaseState, RequestId, Scope, Term, UsageRecord,
};
use lictor::sandbox::CodeShop;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::store::{Kind, MemoryEngine};
use serde_json::json;

use crate::support::Harness;
use crate::support::api::Answer;
use crate::support::people::{activate, command};

const DAY: Duration = Duration::from_secs(86_400);

fn monthly() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

fn claim(harness: &Harness, code: &str) -> Answer {
    harness.anonymous().post("/v1/claims", &json!({ "claim_code": code }))
}

/// Redeems a code: asked for, settled, and then the license key.
fn redeem(harness: &Harness, code: &str) -> (String, String) {
    let asked = claim(harness, code).expect(202);
    assert_eq!(asked.at("/retry_after_secs"), json!(2));
    assert_eq!(asked.header("retry-after"), Some("2"));
    harness.settle();
    let claimed = claim(harness, code).expect(200);
    (claimed.text_at("/license_id"), claimed.text_at("/license_key"))
}

fn shown(harness: &Harness, license: &str) -> Answer {
    harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200)
}

fn end_of(harness: &Harness, license: &str) -> Instant {
    shown(harness, license).text_at("/ends_at").parse().expect("an instant")
}

fn licenses(harness: &Harness) -> usize {
    harness.merchant().get("/v1/merchant/licenses").expect(200).at("/items").as_array().map_or(0, Vec::len)
}

fn last_end(shop: &CodeShop, code: &str) -> Instant {
    shop.codes().find(code).and_then(|sold| sold.ends.last().copied()).expect("a period")
}

fn success(answer: &lictor::sandbox::caller::CallAnswer) {
    assert_eq!((answer.status, answer.result_code()), (200, "000000"), "{answer:?}");
}

#[test]
fn a_code_is_redeemed_once_and_opens_the_same_license_for_ever() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (license, key) = redeem(&harness, &sale.code);
    let shown = shown(&harness, &license);
    assert_eq!(shown.text_at("/state"), "active");
    assert_eq!(shown.text_at("/order_id"), sale.order.order_id);
    assert_eq!(shown.text_at("/order_line_id"), sale.order.order_line_id);
    assert_eq!(shown.at("/instance_id"), json!(null));
    let revealed = format!("/v1/merchant/licenses/{license}?reveal=true");
    assert_eq!(harness.merchant().get(&revealed).expect(200).text_at("/instance_id"), sale.code);
    assert_eq!(end_of(&harness, &license), last_end(&shop, &sale.code));
    assert!(shop.codes().find(&sale.code).is_some_and(|sold| sold.activated_at.is_some()));
    for text in [sale.code.clone(), format!(" {} \n", sale.code)] {
        let again = claim(&harness, &text).expect(200);
        assert_eq!(
            (again.text_at("/license_id"), again.text_at("/license_key")),
            (license.clone(), key.clone())
        );
    }
    assert_eq!(licenses(&harness), 1);
}

#[test]
fn an_unknown_code_is_refused_like_any_unknown_key_and_asked_for_again_only_later() {
    let harness = Harness::start();
    let _shop = harness.code_shop();
    claim(&harness, "PLNOBODYSOLDTHIS").expect(202);
    harness.settle();
    let calls = harness.world.sandbox.open_api_calls();
    let refused = claim(&harness, "PLNOBODYSOLDTHIS").expect_problem(401, "license_key_refused");
    let malformed = claim(&harness, "no code at all").expect_problem(401, "license_key_refused");
    assert_eq!(refused.without_request_id(), malformed.without_request_id());
    harness.settle();
    assert_eq!(harness.world.sandbox.open_api_calls(), calls, "the marketplace is left in peace");
    harness.world.clock.advance(Duration::from_secs(600));
    claim(&harness, "PLNOBODYSOLDTHIS").expect(202);
    harness.settle();
    assert!(harness.world.sandbox.open_api_calls() > calls);
    claim(&harness, "PLNOBODYSOLDTHIS").expect_problem(401, "license_key_refused");
}

#[test]
fn without_an_address_for_codes_a_code_is_refused_and_nothing_is_kept() {
    let harness = Harness::start();
    claim(&harness, "PL230523").expect_problem(401, "license_key_refused");
    harness.settle();
    assert_eq!(harness.world.sandbox.open_api_calls(), 0);
}

#[test]
fn a_marketplace_that_is_down_for_a_day_loses_no_redemption_and_is_not_stormed() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let codes: Vec<_> = (0..5).map(|_| shop.sell(monthly()).expect("sold").code).collect();
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    codes.iter().for_each(|code| drop(claim(&harness, code).expect(202)));
    for _ in 0..24 * 60 {
        harness.settle();
        harness.world.clock.advance(Duration::from_secs(60));
    }
    let calls = harness.world.sandbox.open_api_calls();
    // Every ten minutes at most, once the pauses have grown.
    assert!(calls <= 5 * (24 * 6 + 12), "{calls} calls");
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.world.clock.advance(Duration::from_secs(800));
    harness.settle();
    for code in codes {
        claim(&harness, &code).expect(200);
    }
    assert_eq!(licenses(&harness), 5);
}

#[test]
fn an_activation_whose_answer_is_lost_is_found_out_by_a_query() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("sold");
    harness.world.sandbox.trouble(Trouble::AnswerLost, 1);
    claim(&harness, &sale.code).expect(202);
    harness.settle();
    assert!(shop.codes().find(&sale.code).is_some_and(|sold| sold.activated_at.is_some()));
    harness.world.clock.advance(Duration::from_secs(10));
    harness.settle();
    // The query names neither order nor product: the purchase is held for the merchant, never refused or forgotten.
    let waiting = claim(&harness, &sale.code).expect(202);
    assert_eq!(waiting.at("/retry_after_secs"), json!(60));
    let found =
        harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={}", sale.code)).expect(200);
    assert_eq!(found.text_at("/items/0/state"), "pending");
    let order_id = found.text_at("/items/0/order_id");
    assert!(order_id.starts_with("code-") && order_id.len() == 37, "{order_id}");
}

/// What may be read without the scope `keys`, wherever a license or an order is shown.
fn read_without_keys(harness: &Harness, license: &str, order_id: &str, code: &str) -> Vec<String> {
    let reader = harness.bearer(&harness.token(&[Scope::Read]));
    let mut bodies = Vec::new();
    for path in [
        "licenses".to_owned(),
        format!("licenses/{license}"),
        format!("licenses?order_id={order_id}"),
        "orders".to_owned(),
        format!("orders/{license}"),
        format!("orders?order_id={order_id}"),
        "outbox".to_owned(),
        "channels/cad-codes/calls".to_owned(),
    ] {
        bodies.push(reader.get(&format!("/v1/merchant/{path}")).expect(200).text);
    }
    for list in ["licenses", "orders"] {
        let found = reader.get(&format!("/v1/merchant/{list}?instance_id={code}")).expect(200);
        assert_eq!(found.at("/items").as_array().map(Vec::len), Some(1), "whoever knows the code finds it");
        bodies.push(found.text);
        let shown = format!("/v1/merchant/{list}/{license}?reveal=true");
        reader.get(&shown).expect_problem(403, "scope_missing");
    }
    let support = harness.bearer(&harness.token(&[Scope::Read, Scope::Support]));
    let asked = json!({ "channel": "cad-codes", "order_id": order_id });
    bodies.push(support.post("/v1/merchant/orders/fetch", &asked).text);
    bodies.push(support.post(&format!("/v1/merchant/orders/{license}/retry"), &json!({})).text);
    bodies
}

#[test]
fn a_code_is_shown_to_nobody_who_may_only_read() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (license, _) = redeem(&harness, &sale.code);
    for body in read_without_keys(&harness, &license, &sale.order.order_id, &sale.code) {
        assert!(!body.contains(&sale.code), "{body}");
    }
    let keys = harness.bearer(&harness.token(&[Scope::Read, Scope::Keys]));
    for list in ["licenses", "orders"] {
        let revealed = keys.get(&format!("/v1/merchant/{list}/{license}?reveal=true")).expect(200);
        assert_eq!(revealed.text_at("/instance_id"), sale.code);
        let shown = keys.get(&format!("/v1/merchant/{list}/{license}")).expect(200);
        assert_eq!(shown.at("/instance_id"), json!(null), "only when it is asked for");
    }
}

#[test]
fn a_lost_answer_of_any_later_call_changes_nothing() {
    // First the activation, then the query, then the order: of the three only the first cannot be repeated.
    for skip in 1..=2 {
        let harness = Harness::start();
        let shop = harness.code_shop();
        let sale = shop.sell(monthly()).expect("sold");
        claim(&harness, &sale.code).expect(202);
        harness.world.sandbox.trouble_after(skip, Trouble::AnswerLost, 1);
        harness.settle();
        claim(&harness, &sale.code).expect(202);
        harness.world.clock.advance(Duration::from_secs(60));
        harness.settle();
        claim(&harness, &sale.code).expect(200);
        assert_eq!(licenses(&harness), 1);
    }
}

#[test]
fn a_code_that_the_buyer_has_not_received_waits_until_it_is_received() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    shop.codes().change(&sale.code, |sold| sold.received = false);
    claim(&harness, &sale.code).expect(202);
    harness.settle();
    claim(&harness, &sale.code).expect(202);
    shop.codes().change(&sale.code, |sold| sold.received = true);
    harness.world.clock.advance(Duration::from_secs(60));
    harness.settle();
    claim(&harness, &sale.code).expect(200);
}

#[test]
fn an_unknown_sku_is_held_and_minted_once_a_spec_knows_it() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let basket = Basket { quantity: Some(2), ..Basket::of("CAD-NEW", Billing::Period(Period::Months(1))) };
    let sale = shop.sell(basket).expect("sold");
    claim(&harness, &sale.code).expect(202);
    harness.settle();
    assert_eq!(claim(&harness, &sale.code).expect(202).at("/retry_after_secs"), json!(60));
    let found = harness.merchant().get("/v1/merchant/licenses").expect(200);
    assert_eq!(
        (found.text_at("/items/0/state"), found.text_at("/items/0/sku")),
        ("pending".into(), "CAD-NEW".into())
    );
    let channel = crate::support::channel_speaking("license-code", "cad-codes", &harness.world.sandbox);
    harness.apply(&format!(
        "{channel}\n[[spec]]\nid = \"cad-new\"\nproduct = \"acme-cad\"\nsku = \"CAD-NEW\"\nmachines = 3\n"
    ));
    harness.world.clock.advance(Duration::from_secs(900));
    harness.settle();
    let license = claim(&harness, &sale.code).expect(200).text_at("/license_id");
    assert_eq!(shown(&harness, &license).at("/machines"), json!(6), "the amount multiplies");
    assert_eq!(end_of(&harness, &license), last_end(&shop, &sale.code));
}

#[test]
fn the_end_is_the_marketplaces_own_also_where_the_order_estimates_another() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let own = last_end(&shop, &sale.code) + TimeDelta::days(10);
    shop.codes().change(&sale.code, |sold| sold.ends = vec![own]);
    let (license, _) = redeem(&harness, &sale.code);
    assert_eq!(end_of(&harness, &license), own);
}

#[test]
fn two_codes_of_one_order_are_two_licenses() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let first = shop.sell(monthly()).expect("sold");
    let second = shop.one_more(&first.order).expect("sold");
    let (one, other) = (redeem(&harness, &first.code).0, redeem(&harness, &second.code).0);
    assert_ne!(one, other);
    assert_eq!(licenses(&harness), 2);
}

#[test]
fn the_callbacks_of_a_redeemed_code_reach_its_license() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (license, key) = redeem(&harness, &sale.code);
    let first_end = end_of(&harness, &license);
    harness.world.clock.advance(DAY);
    success(&shop.renew(&sale.code, Period::Months(1)).expect("answered"));
    harness.settle();
    assert_eq!(end_of(&harness, &license), last_end(&shop, &sale.code));
    assert!(end_of(&harness, &license) > first_end);
    harness.world.clock.advance(DAY);
    success(&shop.cancel_renewal(&sale.code).expect("answered"));
    harness.settle();
    assert_eq!(end_of(&harness, &license), first_end);
    success(&shop.freeze(&sale.code).expect("answered"));
    assert_eq!(shown(&harness, &license).text_at("/state"), "suspended");
    claim(&harness, &sale.code).expect_problem(403, "license_suspended");
    success(&shop.unfreeze(&sale.code).expect("answered"));
    assert_eq!(shown(&harness, &license).text_at("/state"), "active");
    for _ in 0..2 {
        success(&shop.release(&sale.code).expect("answered"));
        assert_eq!(shown(&harness, &license).text_at("/state"), "released");
    }
    claim(&harness, &sale.code).expect_problem(403, "license_released");
    activate(&harness.anonymous(), &key, 1, "late").expect_problem(403, "license_released");
}

#[test]
fn what_is_said_of_a_code_before_it_is_redeemed_is_not_lost() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let renewed = shop.sell(monthly()).expect("sold");
    success(&shop.announce(&renewed.order).expect("answered"));
    success(&shop.renew(&renewed.code, Period::Months(1)).expect("answered"));
    let (license, _) = redeem(&harness, &renewed.code);
    assert_eq!(end_of(&harness, &license), last_end(&shop, &renewed.code));

    let frozen = shop.sell(monthly()).expect("sold");
    success(&shop.freeze(&frozen.code).expect("answered"));
    claim(&harness, &frozen.code).expect(202);
    harness.settle();
    claim(&harness, &frozen.code).expect_problem(403, "license_suspended");
    success(&shop.unfreeze(&frozen.code).expect("answered"));
    claim(&harness, &frozen.code).expect(200);

    let released = shop.sell(monthly()).expect("sold");
    success(&shop.release(&released.code).expect("answered"));
    claim(&harness, &released.code).expect_problem(403, "license_released");
    assert_eq!(licenses(&harness), 2);
}

#[test]
fn a_code_released_while_the_marketplace_is_asked_opens_nothing() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    claim(&harness, &sale.code).expect(202);
    success(&shop.release(&sale.code).expect("answered"));
    harness.settle();
    claim(&harness, &sale.code).expect_problem(403, "license_released");
    assert_eq!(licenses(&harness), 0);
}

#[test]
fn an_announcement_and_the_dial_tests_leave_nothing_behind() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let first = shop.announce(&sale.order).expect("answered");
    success(&first);
    let again = shop.announce(&sale.order).expect("answered");
    assert_eq!(first.instance_id(), again.instance_id());
    for (activity, answer) in shop.dial_test().expect("answered") {
        assert_eq!(answer.result_code(), "000000", "{activity}");
    }
    harness.settle();
    assert_eq!(licenses(&harness), 0);
    assert_eq!(harness.world.sandbox.open_api_calls(), 0);
}

#[test]
fn callbacks_of_a_code_at_an_address_of_another_family_name_an_unknown_instance() {
    let harness = Harness::start();
    let answer = harness.storefront().freeze("PL230523").expect("answered");
    assert_eq!(answer.result_code(), "000003");
}

#[test]
fn the_first_use_of_a_day_is_told_to_the_marketplace_and_only_the_first() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)))).expect("sold");
    let (_, key) = redeem(&harness, &sale.code);
    let queried = shop.codes().queries().len();
    let customer = harness.anonymous();
    let held = activate(&customer, &key, 1, "n1").expect(201);
    harness.settle();
    let activation = held.text_at("/activation_id");
    assert_eq!(shop.codes().uses(), [(sale.code.clone(), activation.clone())]);
    assert_eq!(shop.codes().queries().len(), queried + 1);
    activate(&customer, &key, 2, "n2").expect(201);
    customer.post("/v1/validate", &json!({ "license_key": key })).expect(200);
    harness.settle();
    assert_eq!(shop.codes().uses().len(), 1, "once a day");
    // 08:00 UTC is 16:00 in Beijing, where the next day begins eight hours later.
    harness.world.clock.advance(Duration::from_secs(8 * 3_600 - 1));
    customer.post("/v1/validate", &json!({ "license_key": key })).expect(200);
    harness.settle();
    assert_eq!(shop.codes().uses().len(), 1);
    harness.world.clock.advance(Duration::from_secs(1));
    let renewal = json!({ "certificate": held.text_at("/certificate"), "nonce": "n3" });
    customer.post(&format!("/v1/activations/{activation}/renew"), &renewal).expect(200);
    harness.settle();
    assert_eq!(shop.codes().uses().len(), 2);
    assert_eq!(shop.codes().queries().len(), queried + 2);
    harness.world.clock.advance(DAY * 3);
    harness.settle();
    assert_eq!(shop.codes().uses().len(), 2, "nothing is called on days without use");
}

#[test]
fn a_use_is_never_held_up_by_a_marketplace_that_is_down_and_is_told_later() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (_, key) = redeem(&harness, &sale.code);
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    harness.settle();
    assert_eq!(shop.codes().uses(), []);
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.world.clock.advance(Duration::from_secs(3_600));
    harness.settle();
    assert_eq!(shop.codes().uses().len(), 1);
}

#[test]
fn what_the_marketplace_says_of_a_used_code_wins_also_when_its_callback_was_lost() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (license, key) = redeem(&harness, &sale.code);
    let later = end_of(&harness, &license) + TimeDelta::days(30);
    shop.codes().change(&sale.code, |sold| sold.ends.push(later));
    harness.world.clock.advance(DAY);
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    harness.settle();
    assert_eq!(end_of(&harness, &license), later);
    shop.codes().change(&sale.code, |sold| sold.released = true);
    harness.world.clock.advance(DAY);
    let customer = harness.anonymous();
    customer.post("/v1/validate", &json!({ "license_key": key })).expect(200);
    harness.settle();
    assert_eq!(shown(&harness, &license).text_at("/state"), "released");
    let verdict = customer.post("/v1/validate", &json!({ "license_key": key })).expect(200);
    assert_eq!(verdict.text_at("/code"), "license_released");
}

#[test]
fn a_revoked_license_stays_revoked_whatever_the_marketplace_says() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let (license, _) = redeem(&harness, &sale.code);
    command(&harness, &license, "revoke", &json!({ "reason": "fraud" })).expect(200);
    success(&shop.renew(&sale.code, Period::Months(1)).expect("answered"));
    success(&shop.unfreeze(&sale.code).expect("answered"));
    harness.settle();
    assert_eq!(shown(&harness, &license).text_at("/state"), "revoked");
    claim(&harness, &sale.code).expect_problem(403, "license_revoked");
}

#[test]
fn a_code_serves_as_credential_of_an_activation_and_on_the_portal() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    let form = format!("code={}", sale.code);
    let portal = |form: &str| harness.anonymous().send("POST", "/portal", form.as_bytes());
    assert_eq!(portal(&form).status, 202);
    let request =
        json!({ "claim_code": sale.code, "machine": crate::support::people::machine(1), "nonce": "n" });
    harness.anonymous().post("/v1/activations", &request).expect_problem(503, "unavailable");
    harness.settle();
    let key = claim(&harness, &sale.code).expect(200).text_at("/license_key");
    let page = portal(&form);
    assert!(page.status == 200 && page.text.contains(&key), "{page:?}");
    let made = harness.anonymous().post("/v1/activations", &request).expect(201);
    assert_eq!(made.text_at("/license_key"), key);
}

#[test]
fn a_code_of_another_product_is_refused() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    redeem(&harness, &sale.code);
    let asked = |product: &str| {
        harness.anonymous().post("/v1/claims", &json!({ "claim_code": sale.code, "product": product }))
    };
    asked("acme-cad").expect(200);
    asked("acme-cam").expect_problem(401, "license_key_refused");
}

#[test]
fn codes_that_nobody_answers_for_do_not_fill_the_store() {
    let harness = Harness::start();
    let _shop = harness.code_shop();
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    for number in 0..200 {
        claim(&harness, &format!("PLMADEUP{number}")).expect(202);
    }
    claim(&harness, "PLONETOOMANY").expect_problem(503, "unavailable");
    claim(&harness, "PLMADEUP0").expect(202);
}

/// The marketplace as a slow worker meets it: while its question how the code stands is on the way, another worker
/// does all the rest, and the marketplace releases the code.
struct Overtaken {
    inner: Arc<dyn MarketplaceCalls>,
    other: Arc<App>,
    shop: Arc<CodeShop>,
}

#[async_trait]
impl MarketplaceCalls for Overtaken {
    async fn activate_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeGrant, MarketplaceCallError> {
        self.inner.activate_code(channel, code).await
    }

    async fn query_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeStanding, MarketplaceCallError> {
        let merchant = MerchantId::parse("acme").expect("valid");
        let settled = self.other.settle_code(&merchant, Marketplace::KooGallery, code).await;
        assert_eq!(settled.expect("it settles"), Settled::Done);
        self.shop.codes().change(code.as_str(), |sold| sold.released = true);
        self.inner.query_code(channel, code).await
    }

    async fn report_use(
        &self,
        channel: &Channel,
        code: &InstanceId,
        client: &str,
    ) -> Result<(), MarketplaceCallError> {
        self.inner.report_use(channel, code, client).await
    }

    async fn upload_license(
        &self,
        channel: &Channel,
        request: &RequestId,
        text: &str,
    ) -> Result<(), MarketplaceCallError> {
        self.inner.upload_license(channel, request, text).await
    }

    async fn push_usage(
        &self,
        channel: &Channel,
        records: Vec<UsageRecord>,
        nonce: &str,
    ) -> Result<(), UsagePushError> {
        self.inner.push_usage(channel, records, nonce).await
    }
}

#[test]
fn a_late_worker_does_not_close_a_code_that_was_redeemed_meanwhile() {
    let harness = Harness::start();
    let shop = Arc::new(harness.code_shop());
    let sale = shop.sell(monthly()).expect("sold");
    claim(&harness, &sale.code).expect(202);
    let late = harness.another_worker(|inner| {
        Arc::new(Overtaken { inner, other: Arc::clone(&harness.app), shop: Arc::clone(&shop) })
    });
    let (merchant, code) =
        (MerchantId::parse("acme").expect("valid"), InstanceId::parse(&sale.code).expect("an id"));
    let settled = harness.block_on(late.settle_code(&merchant, Marketplace::KooGallery, &code));
    assert_eq!(settled.expect("it settles"), Settled::Done);
    assert!(shop.codes().find(&sale.code).is_some_and(|sold| sold.released), "the late worker was told so");
    let key = claim(&harness, &sale.code).expect(200).text_at("/license_key");
    // The next use asks again, and then the license is released.
    harness.world.clock.advance(Duration::from_secs(1));
    activate(&harness.anonymous(), &key, 1, "n1").expect(201);
    harness.settle();
    claim(&harness, &sale.code).expect_problem(403, "license_released");
}

/// What the process has logged of itself, by whichever test.
fn logged() -> String {
    static LINES: OnceLock<Lines> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = tracing_subscriber::EnvFilter::new("lictor=trace");
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
        subscriber.with_writer(move || writer.clone()).init();
        lines
    });
    String::from_utf8_lossy(&lines.0.lock().expect("nobody panics here")).into_owned()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics here").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Nothing that is stored of these kinds holds the code.
fn nothing_holds(engine: &MemoryEngine, kinds: &[Kind], code: &str) {
    for (key, record) in engine.records() {
        let text = format!("{key} {}", String::from_utf8_lossy(&record.body));
        assert!(!kinds.contains(&key.kind()) || !text.contains(code), "{text}");
    }
}

#[test]
fn a_code_that_names_no_order_reaches_no_log_no_event_no_job_no_answer_and_no_question() {
    logged();
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    harness.world.sandbox.trouble(Trouble::AnswerLost, 1);
    claim(&harness, &sale.code).expect(202);
    harness.settle();
    harness.world.clock.advance(Duration::from_secs(10));
    harness.settle();
    let found = format!("/v1/merchant/orders?instance_id={}", sale.code);
    let held = harness.merchant().get(&found).expect(200);
    assert_eq!(held.text_at("/items/0/state"), "held");
    let asked = harness.world.sandbox.open_api_calls();
    for _ in 0..3 {
        harness.world.clock.advance(Duration::from_secs(900));
        harness.settle();
    }
    assert_eq!(harness.world.sandbox.open_api_calls(), asked, "there is no such order to ask for");
    let (license, order_id) = (held.text_at("/items/0/license_id"), held.text_at("/items/0/order_id"));
    for body in read_without_keys(&harness, &license, &order_id, &sale.code) {
        assert!(!body.contains(&sale.code), "{body}");
    }
    nothing_holds(
        &engine,
        &[Kind::Job, Kind::LaneJob, Kind::Event, Kind::Index, Kind::Call, Kind::Notice],
        &sale.code,
    );
    let jobs = engine
        .records()
        .into_iter()
        .filter(|(key, _)| matches!(key.kind(), Kind::Job | Kind::LaneJob))
        .count();
    assert_eq!(jobs, 1, "the held purchase is looked at");
    let lines = logged();
    assert!(lines.contains("a job waits") && lines.contains(&order_id), "{lines}");
    assert!(!lines.contains(&sale.code), "{lines}");
}

#[test]
fn a_purchase_that_an_earlier_version_named_after_its_code_goes_on_and_shows_it_no_more() {
    logged();
    let harness = Harness::start();
    let _shop = harness.code_shop();
    let (code, license) = ("PLOFANEARLIERVERSION", "lic_03521esJR6kQw8gKQMZHKt");
    harness.block_on(harness.store.commit(named_after(code, license))).expect("it is stored");
    harness.settle();
    assert_eq!(harness.world.sandbox.open_api_calls(), 0, "there is no such order to ask for");
    assert_eq!(claim(&harness, code).expect(202).at("/retry_after_secs"), json!(60));
    let shown = harness.merchant().get(&format!("/v1/merchant/orders/{license}")).expect(200);
    assert_eq!((shown.at("/state"), shown.at("/job/attempts")), (json!("held"), json!(1)));
    let order_id = shown.text_at("/order_id");
    assert!(order_id.starts_with("code-"), "{order_id}");
    for path in ["licenses", "orders", "outbox", &format!("licenses/{license}"), &format!("orders/{license}")]
    {
        let body = harness.merchant().get(&format!("/v1/merchant/{path}")).expect(200).text;
        assert!(body.contains(&order_id) && !body.contains(code), "{body}");
    }
    assert!(!logged().contains(code));
    // A spec that knows the product id mints it.
    let channel = crate::support::channel_speaking("license-code", "cad-codes", &harness.world.sandbox);
    let spec = "[[spec]]\nid = \"cad-new\"\nproduct = \"acme-cad\"\nproduct_ids = [\"OFFI-NEW\"]\nsku = \"CAD-NEW\"\n";
    harness.apply(&format!("{channel}\n{spec}machines = 3\n"));
    harness.world.clock.advance(Duration::from_secs(900));
    harness.settle();
    assert_eq!(claim(&harness, code).expect(200).text_at("/license_id"), license);
    assert_eq!(harness.world.sandbox.open_api_calls(), 0);
}

/// What an earlier version stored of a code whose activation had named a product and no order.
fn named_after(code: &str, license: &str) -> Commit {
    let merchant = MerchantId::parse("acme").expect("valid");
    let (instance, license) =
        (InstanceId::parse(code).expect("an id"), LicenseId::parse(license).expect("an id"));
    let (marketplace, channel) = (Marketplace::KooGallery, ChannelId::parse("cad-codes").expect("valid"));
    let key = OrderLineKey {
        merchant: merchant.clone(),
        marketplace,
        order_id: OrderId::parse(code).expect("an id"),
        line_id: None,
        product_id: Some(code.to_owned()),
    };
    let at: Instant = crate::support::START.parse().expect("an instant");
    let facts = PurchaseFacts {
        customer: None,
        sku: None,
        product_id: Some("OFFI-NEW".to_owned()),
        quantity: 1,
        charging: Charging::OneTime,
        term: Term::Permanent,
        ordered_at: at,
        expires_at: None,
        ends_at: None,
        extend_params: Vec::new(),
        changed_at: None,
    };
    let purchase = Purchase {
        key: key.clone(),
        license: license.clone(),
        instance: instance.clone(),
        channel: channel.clone(),
        received_at: at,
        env: Env::Live,
        state: PurchaseState::Held { since: at },
        early: Vec::new(),
        facts: Some(facts),
        upgrades: Vec::new(),
    };
    let state = AuthorizationCodeState::Redeemed { license: license.clone(), used_on: None };
    let record = AuthorizationCode {
        merchant: merchant.clone(),
        marketplace,
        code: instance.clone(),
        state,
        early: Vec::new(),
    };
    let job = Job {
        id: JobId::parse("job_03521esJR6kQw8gKQMZHKt").expect("an id"),
        lane: Some(Lane { merchant, channel: Some(channel), rank: Rank::Purchase }),
        since: Some(at),
        due_at: at,
        leased_until: None,
        attempts: 0,
        last_failure: None,
        task: Task::SettlePurchase { purchase: key.clone() },
    };
    Commit::new()
        .put(record, ABSENT)
        .put(purchase, ABSENT)
        .put(StoredInstance { id: instance, purchase: key.clone() }, ABSENT)
        .put(PendingLicense { id: license, purchase: key }, ABSENT)
        .put(job, ABSENT)
}

fn stored_codes(engine: &MemoryEngine) -> usize {
    engine.records().into_iter().filter(|(key, _)| key.kind() == Kind::AuthorizationCode).count()
}

#[test]
fn a_code_that_nobody_sold_is_forgotten_and_one_that_the_marketplace_speaks_of_is_not() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    redeem(&harness, &sale.code);
    let early = shop.sell(monthly()).expect("sold");
    success(&shop.freeze(&early.code).expect("answered"));
    let sweep = || harness.block_on(harness.app.sweep_lapsed()).expect("it sweeps");
    for number in 0..20 {
        claim(&harness, &format!("PLMADEUP{number}")).expect(202);
    }
    harness.settle();
    sweep();
    assert_eq!(stored_codes(&engine), 22, "until they may be asked about again");
    claim(&harness, "PLMADEUP0").expect_problem(401, "license_key_refused");
    harness.world.clock.advance(Duration::from_secs(600));
    sweep();
    assert_eq!(stored_codes(&engine), 2, "the redeemed one, and the one that was told of");
    claim(&harness, &sale.code).expect(200);
    claim(&harness, &early.code).expect(202);
    harness.settle();
    claim(&harness, &early.code).expect_problem(403, "license_suspended");
}

#[test]
fn a_code_is_asked_about_for_a_day_and_no_longer_whatever_comes_in_between() {
    for trouble in [Trouble::Status(503), Trouble::Status(400)] {
        let engine = MemoryEngine::new();
        let harness = Harness::start_over(&engine);
        let shop = harness.code_shop();
        let sale = shop.sell(monthly()).expect("sold");
        harness.world.sandbox.trouble(trouble, u32::MAX);
        claim(&harness, &sale.code).expect(202);
        for hour in 0..24 {
            harness.settle();
            claim(&harness, &sale.code).expect(202);
            assert_eq!(stored_codes(&engine), 1, "{trouble:?}, hour {hour}");
            harness.world.clock.advance(Duration::from_secs(3_600));
        }
        harness.world.clock.advance(Duration::from_secs(1));
        harness.settle();
        claim(&harness, &sale.code).expect_problem(401, "license_key_refused");
        let jobs = engine
            .records()
            .into_iter()
            .filter(|(key, _)| matches!(key.kind(), Kind::Job | Kind::LaneJob))
            .count();
        assert_eq!(jobs, 0, "{trouble:?}");
        // Nothing is lost: whoever has the code types it again.
        harness.world.sandbox.trouble(trouble, 0);
        harness.world.clock.advance(Duration::from_secs(600));
        redeem(&harness, &sale.code);
    }
}

#[test]
fn while_the_marketplace_does_not_answer_made_up_codes_take_a_smaller_share_and_are_not_stored_beyond_it() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    for number in 0..5 {
        claim(&harness, &format!("PLMADEUP{number}")).expect(202);
    }
    harness.settle();
    for number in 5..50 {
        claim(&harness, &format!("PLMADEUP{number}")).expect(202);
    }
    let before = engine.records().len();
    for number in 50..60 {
        let turned_away = claim(&harness, &format!("PLMADEUP{number}")).expect_problem(503, "unavailable");
        assert!(turned_away.header("retry-after").is_some(), "{turned_away:?}");
    }
    assert_eq!((engine.records().len(), stored_codes(&engine)), (before, 50));
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.world.clock.advance(Duration::from_secs(120));
    harness.settle();
    claim(&harness, &sale.code).expect(202);
    for _ in 0..120 {
        harness.world.clock.advance(Duration::from_secs(1));
        harness.settle();
    }
    claim(&harness, &sale.code).expect(200);
    claim(&harness, "PLMADEUP49").expect_problem(401, "license_key_refused");
}

#[test]
fn codes_whose_question_the_marketplace_turns_away_leave_room_for_others() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let shop = harness.code_shop();
    let sale = shop.sell(monthly()).expect("sold");
    harness.world.sandbox.trouble(Trouble::Status(400), u32::MAX);
    for number in 0..200 {
        claim(&harness, &format!("PLMADEUP{number}")).expect(202);
    }
    claim(&harness, &sale.code).expect_problem(503, "unavailable");
    harness.settle();
    let waiting = || {
        engine
            .records()
            .into_iter()
            .filter(|(key, _)| matches!(key.kind(), Kind::Job | Kind::LaneJob))
            .count()
    };
    assert_eq!(waiting(), 50);
    claim(&harness, &sale.code).expect(202);
    harness.world.sandbox.trouble(Trouble::Status(400), 0);
    harness.settle();
    claim(&harness, &sale.code).expect(200);
}
