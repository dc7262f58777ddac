//! Licenses that begin after their purchase: with the first activation, or with the buyer's acceptance.

use std::time::Duration;

use lictor::domain::Scope;
use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::support::Harness;
use crate::support::api::{Answer, Api};
use crate::support::people::{activate, command, machine};

const DAY: Duration = Duration::from_secs(86_400);

const SPECS: &str = r#"
[[spec]]
id = "cad-later"
product = "acme-cad"
sku = "CAD-LATER"
term = "P1Y"
machines = 3
starts = "first-activation"
[[spec.quota]]
metric = "render-minutes"
amount = 10
reset = "month"

[[spec]]
id = "cad-later-forever"
product = "acme-cad"
sku = "CAD-LATER-FOREVER"
term = "permanent"
updates = "P1Y"
starts = "first-activation"

[[spec]]
id = "cad-later-unbound"
product = "acme-cad"
term = "P1M"
starts = "first-activation"
[spec.machine]
binding = "none"

[[spec]]
id = "cad-service"
product = "acme-cad"
sku = "CAD-SERVICE"
term = "P1M"
starts = "acceptance"
"#;

fn start() -> Harness {
    let harness = Harness::start();
    harness.apply(&(crate::support::acme(&harness.world.sandbox) + SPECS));
    harness
}

fn yearly(sku: &str) -> Basket {
    Basket::of(sku, Billing::Period(Period::Years(1)))
}

/// A purchase: its instance, its license, and the claim code as the buyer reads it in the memo.
fn buy(harness: &Harness, shop: &Storefront, basket: Basket) -> (String, String, String) {
    let instance = shop.buy(basket).expect("answered").answer.instance_id().to_owned();
    harness.settle();
    let found = harness.merchant().get(&format!("/v1/merchant/licenses?instance_id={instance}")).expect(200);
    let memo = shop.query(&[&instance]).expect("answered");
    let memo = memo.app_info(&instance).and_then(|info| info["memo"].as_str()).expect("a memo");
    let code = memo.strip_prefix("Claim code ").and_then(|rest| rest.split(',').next()).expect("a code");
    (instance, found.text_at("/items/0/id"), code.to_owned())
}

fn shown(harness: &Harness, license: &str) -> Answer {
    harness.merchant().get(&format!("/v1/merchant/licenses/{license}?reveal=true")).expect(200)
}

fn activate_by_code(api: &Api, code: &str, number: u8) -> Answer {
    let request = json!({ "claim_code": code, "machine": machine(number), "nonce": format!("n{number}") });
    api.post("/v1/activations", &request)
}

fn spans(license: &Answer) -> [Value; 3] {
    ["/state", "/starts_at", "/ends_at"].map(|member| license.at(member))
}

#[test]
fn until_its_first_activation_a_license_is_pending_with_a_claim_code_and_no_license_key() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    let waiting = shown(&harness, &license);
    assert_eq!(spans(&waiting), [json!("pending"), Value::Null, Value::Null]);
    assert_eq!((waiting.at("/license_key"), waiting.at("/status")), (Value::Null, Value::Null));
    assert_eq!(
        (waiting.text_at("/claim_code"), waiting.text_at("/starts")),
        (code.clone(), "first-activation".into())
    );
    harness.world.clock.advance(40 * DAY);
    let anybody = harness.anonymous();
    let refused = anybody.post("/v1/claims", &json!({ "claim_code": code }));
    let refused = refused.expect_problem(403, "license_not_started");
    assert!(refused.text_at("/reason").contains("Enter this code in the software"), "{refused:?}");
    let page = anybody.send("POST", "/portal", format!("code={code}").as_bytes());
    assert!(page.text.contains("starts with its first activation"), "{page:?}");
    let now = "2026-03-12T08:00:00Z";
    let activated = activate_by_code(&anybody, &code, 1).expect(201);
    let begun = shown(&harness, &license);
    assert_eq!(spans(&begun), [json!("active"), json!(now), json!("2027-03-12T08:00:00Z")]);
    assert_eq!(activated.text_at("/license_key"), begun.text_at("/license_key"));
    assert_eq!(begun.at("/quota/0/total"), json!(120));
    let claimed = anybody.post("/v1/claims", &json!({ "claim_code": code })).expect(200);
    assert_eq!(claimed.text_at("/license_key"), begun.text_at("/license_key"));
    harness.world.clock.advance(40 * DAY);
    activate(&anybody, &begun.text_at("/license_key"), 2, "n2").expect(201);
    assert_eq!(spans(&shown(&harness, &license)), spans(&begun), "it begins once");
}

#[test]
fn new_versions_are_counted_from_the_beginning_too() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license, code) = buy(&harness, &shop, Basket::of("CAD-LATER-FOREVER", Billing::OneTime));
    harness.world.clock.advance(100 * DAY);
    let activated = activate_by_code(&harness.anonymous(), &code, 1).expect(201);
    let key = activated.text_at("/license_key");
    let token = license_token::UnverifiedToken::parse(&key).expect("a token");
    let claims = format!("{:?}", token.inspect());
    let until = chrono::DateTime::parse_from_rfc3339("2027-05-11T08:00:00Z").expect("valid").timestamp();
    assert!(claims.contains(&until.to_string()), "{claims}");
    assert_eq!(spans(&shown(&harness, &license))[2], Value::Null);
}

#[test]
fn of_many_first_activations_at_once_one_begins_the_license_and_the_places_decide_the_rest() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    let (harness_ref, code) = (&harness, code.as_str());
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = |number| scope.spawn(move || activate_by_code(&harness_ref.anonymous(), code, number));
        let callers: Vec<_> = (1..=8).map(ask).collect();
        callers.into_iter().map(|caller| caller.join().expect("answered")).collect()
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(taken.len(), 3, "{answers:?}");
    for answer in refused {
        answer.clone().expect_problem(409, "machine_limit_reached");
    }
    let key = shown(&harness, &license).text_at("/license_key");
    assert!(taken.iter().all(|answer| answer.text_at("/license_key") == key), "one key: it began once");
    let events = harness.block_on(async {
        let acme = lictor::domain::MerchantId::parse("acme").expect("valid");
        let license = lictor::domain::LicenseId::parse(&license).expect("valid");
        harness.app.license_events(&acme, &license).await.expect("they can be read")
    });
    let begun = events.iter().filter(|event| event.kind.as_str() == "license.started").count();
    assert_eq!(begun, 1, "{events:?}");
}

#[test]
fn where_nothing_is_bound_to_a_machine_the_claim_is_the_beginning() {
    let harness = start();
    let order = json!({ "product": "acme-cad", "spec": "cad-later-unbound" });
    let issued = harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201);
    assert_eq!((issued.text_at("/state"), issued.at("/license_key")), ("pending".into(), Value::Null));
    harness.world.clock.advance(10 * DAY);
    let claim = json!({ "claim_code": issued.text_at("/claim_code") });
    let claimed = harness.anonymous().post("/v1/claims", &claim).expect(200);
    let begun = shown(&harness, &issued.text_at("/id"));
    assert_eq!(
        spans(&begun),
        [json!("active"), json!("2026-02-10T08:00:00Z"), json!("2026-03-10T08:00:00Z")]
    );
    assert_eq!(begun.text_at("/license_key"), claimed.text_at("/license_key"));
    harness.world.clock.advance(DAY);
    let again = harness.anonymous().post("/v1/claims", &claim).expect(200);
    assert_eq!(again.json(), claimed.json());
}

#[test]
fn what_the_marketplace_does_to_a_license_that_waits_holds_when_it_begins() {
    let harness = start();
    let shop = harness.storefront();
    let anybody = harness.anonymous();
    // Renewed before it began: the marketplace has fixed the end.
    let (instance, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    let renewed = shop.renew(&instance, Period::Years(1)).expect("answered");
    harness.settle();
    let end = renewed.order.expires_at.expect("a period").to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(spans(&shown(&harness, &license)), [json!("pending"), Value::Null, json!(end)]);
    harness.world.clock.advance(30 * DAY);
    activate_by_code(&anybody, &code, 1).expect(201);
    assert_eq!(
        spans(&shown(&harness, &license)),
        [json!("active"), json!("2026-03-02T08:00:00Z"), json!(end)]
    );
    // Frozen, let go on, upgraded.
    let (instance, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    shop.freeze(&instance).expect("answered");
    activate_by_code(&anybody, &code, 2).expect_problem(403, "license_suspended");
    shop.unfreeze(&instance).expect("answered");
    shop.upgrade(&instance, yearly("CAD-LATER-FOREVER")).expect("answered");
    harness.settle();
    assert_eq!(shown(&harness, &license).at("/license_key"), Value::Null, "it still waits");
    activate_by_code(&anybody, &code, 2).expect(201);
    let begun = shown(&harness, &license);
    assert_eq!((begun.text_at("/spec"), begun.text_at("/term")), ("cad-later-forever".into(), "P1Y".into()));
    // A new code, and no key all the same; the old code opens nothing.
    let (_, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    command(&harness, &license, "reissue", &json!({})).expect(200);
    let reissued = shown(&harness, &license);
    assert_eq!((reissued.text_at("/state"), reissued.at("/license_key")), ("pending".into(), Value::Null));
    activate_by_code(&anybody, &code, 3).expect_problem(401, "license_key_refused");
    activate_by_code(&anybody, &reissued.text_at("/claim_code"), 3).expect(201);
    // Refunded; and never activated within what the marketplace has dictated.
    let (instance, _, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    shop.release(&instance).expect("answered");
    activate_by_code(&anybody, &code, 4).expect_problem(403, "license_released");
    let (instance, license, code) = buy(&harness, &shop, yearly("CAD-LATER"));
    shop.renew(&instance, Period::Years(1)).expect("answered");
    harness.settle();
    harness.world.clock.advance(3 * 366 * DAY);
    assert_eq!(shown(&harness, &license).text_at("/state"), "expired");
    activate_by_code(&anybody, &code, 5).expect_problem(403, "license_expired");
}

#[test]
pub fn an_acceptance_begins_a_license_once_at_the_time_that_is_said() {
    let harness = start();
    let shop = harness.storefront();
    let (_, license, code) =
        buy(&harness, &shop, Basket::of("CAD-SERVICE", Billing::Period(Period::Months(1))));
    harness.world.clock.advance(10 * DAY);
    let anybody = harness.anonymous();
    let refused = activate_by_code(&anybody, &code, 1).expect_problem(403, "license_not_started");
    assert_eq!(refused.text_at("/next_action"), "contact_seller");
    let path = format!("/v1/merchant/licenses/{license}/accept");
    let support = harness.bearer(&harness.token(&[Scope::Support]));
    support.post(&path, &json!({})).expect_problem(403, "scope_missing");
    let issuing = harness.bearer(&harness.token(&[Scope::Issue]));
    for wrong in ["2026-01-31T07:59:59Z", "2026-02-10T08:00:01Z", "yesterday"] {
        let refused =
            issuing.post(&path, &json!({ "starts_at": wrong })).expect_problem(422, "invalid_request");
        assert_eq!(refused.text_at("/pointer"), "/starts_at", "{wrong}");
    }
    let accepted =
        issuing.post(&path, &json!({ "starts_at": "2026-02-05T00:00:00Z", "reason": "signed off" }));
    let begun = [json!("active"), json!("2026-02-05T00:00:00Z"), json!("2026-03-05T00:00:00Z")];
    assert_eq!(spans(&accepted.expect(200)), begun);
    harness.world.clock.advance(DAY);
    let again = issuing.post(&path, &json!({})).expect(200);
    assert_eq!(spans(&again), begun, "a repeat changes nothing");
    activate(&anybody, &shown(&harness, &license).text_at("/license_key"), 1, "n").expect(201);
    let (_, other, _) = buy(&harness, &shop, yearly("CAD-LATER"));
    command(&harness, &other, "accept", &json!({})).expect_problem(409, "illegal_state");
    let (_, month, _) = buy(&harness, &shop, Basket::of("CAD-MONTH", Billing::Period(Period::Months(1))));
    command(&harness, &month, "accept", &json!({})).expect_problem(409, "illegal_state");
    let (instance, released, _) =
        buy(&harness, &shop, Basket::of("CAD-SERVICE", Billing::Period(Period::Months(1))));
    shop.release(&instance).expect("answered");
    command(&harness, &released, "accept", &json!({})).expect_problem(409, "illegal_state");
}

#[test]
fn a_license_issued_by_hand_waits_too_and_takes_no_start_of_its_own() {
    let harness = start();
    let order = json!({ "product": "acme-cad", "spec": "cad-service", "starts_at": "2026-03-01T00:00:00Z" });
    let refused = harness.merchant().post("/v1/merchant/licenses", &order);
    assert_eq!(refused.expect_problem(422, "invalid_request").text_at("/pointer"), "/starts_at");
    let order = json!({ "product": "acme-cad", "spec": "cad-service" });
    let issued = harness.merchant().post("/v1/merchant/licenses", &order).expect(201);
    assert_eq!(spans(&issued), [json!("pending"), Value::Null, Value::Null]);
    let listed = harness.merchant().get("/v1/merchant/licenses?state=pending").expect(200);
    assert_eq!(listed.text_at("/items/0/id"), issued.text_at("/id"));
}
