//! Short stories for answers that no other test of this program meets. What they must be is the business of the tests
//! that are about it; here it is only that they are given, and as described.

use std::sync::Arc;

use license_client::{Config, deactivate, request, take_response};
use lictor::application::ports::Clock as _;
use lictor::domain::{Scope, TokenOwner};
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, OrderReason, Period};
use serde_json::json;
use tempfile::TempDir;

use crate::support::people::{activate, command, issue};
use crate::support::{Harness, channel_speaking};

/// Orders are held, looked at again, mapped and fetched; the marketplace does not answer for a while.
pub fn orders() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let basket = || Basket::of("CAD-NEW", Billing::Period(Period::Years(1)));
    let bought = shop.buy(basket()).expect("answers");
    harness.settle();
    let path = format!("/v1/merchant/orders/{}", bought.order.order_id);
    merchant.get(&path).expect(200);
    let job = merchant.get("/v1/merchant/outbox").expect(200).text_at("/items/0/id");
    let again = format!("/v1/merchant/outbox/{job}/retry");
    merchant.post(&again, &json!({})).expect(200);
    merchant.post(&format!("{path}/retry"), &json!({})).expect(200);
    merchant.post(&format!("{path}/map"), &json!({ "spec": "cad-key-only" })).expect(200);
    merchant.post(&format!("{path}/map"), &json!({ "spec": "cad-year" })).expect(409);
    merchant.post(&format!("{path}/retry"), &json!({})).expect(409);
    let fetch = |channel: &str| {
        let placed = shop.place(OrderReason::New, basket()).expect("placed");
        merchant
            .post("/v1/merchant/orders/fetch", &json!({ "channel": channel, "order_id": placed.order_id }))
    };
    fetch("cad-koogallery").expect(200);
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    fetch("cad-koogallery").expect(202);
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.apply(&channel_speaking("license-code", "cad-codes", &harness.world.sandbox));
    fetch("cad-codes").expect(409);
}

/// A marketplace's authorization code: tried, and claimed while the marketplace is being asked.
pub fn codes() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let sold = shop.sell(Basket::of("CAD-YEAR", Billing::OneTime)).expect("answers");
    let claim = json!({ "claim_code": "PLNOBODYSOLDTHIS" });
    harness.anonymous().post("/v1/claims", &claim).expect(202);
    let tried = |channel: &str| {
        let path = format!("/v1/merchant/channels/{channel}/test-code");
        harness.merchant().post(&path, &json!({ "code": sold.code }))
    };
    tried("cad-codes").expect(200);
    tried("cad-koogallery").expect(409);
}

/// What only a license in some state is told.
pub fn states() {
    let harness = Harness::start();
    let (merchant, api) = (harness.merchant(), harness.anonymous());
    let license = issue(&harness, "cad-month");
    let (id, key) = (license.text_at("/id"), license.text_at("/license_key"));
    let held = activate(&api, &key, 1, "one").expect(201);
    activate(&api, &key, 2, "two").expect(409);
    let renew = |body: &serde_json::Value| {
        api.post(&format!("/v1/activations/{}/renew", held.text_at("/activation_id")), body)
    };
    let nobodys = "/v1/activations/act_0000000000000000000000/renew";
    let machine = crate::support::people::machine(1);
    api.post(nobodys, &json!({ "license_key": key, "nonce": "n", "machine": machine })).expect(404);
    let report = json!({ "metric": "nothing", "amount": 1 });
    let customer = harness.customer(&key).with("Idempotency-Key", "one");
    customer.post("/v1/usage", &report);
    command(&harness, &id, "suspend", &json!({})).expect(200);
    command(&harness, &id, "accept", &json!({})).expect(409);
    command(&harness, &id, "resume", &json!({})).expect(200);
    command(&harness, &id, "resume", &json!({}));
    command(&harness, &id, "revoke", &json!({})).expect(200);
    for verb in ["suspend", "resume", "revoke", "reissue"] {
        command(&harness, &id, verb, &json!({}));
    }
    activate(&api, &key, 1, "three").expect(403);
    renew(&json!({ "certificate": held.text_at("/certificate"), "nonce": "n" })).expect(403);
    customer.post("/v1/usage", &report).expect(403);
    customer.post("/v1/usage/reservations", &report).expect(403);
    api.post("/v1/claims", &json!({ "claim_code": license.text_at("/claim_code") })).expect(403);
    let order = |customer: &str| {
        let body = json!({ "product": "acme-cad", "spec": "cad-year", "customer": customer });
        merchant.with("Idempotency-Key", "the same").post("/v1/merchant/licenses", &body)
    };
    order("one").expect(201);
    order("two").expect(409);
}

/// Files of machines without network, there and back.
pub fn air_gap() {
    let harness = Harness::start();
    let labs: Vec<_> = (1..=3).map(|number| Lab::machine(&harness, number)).collect();
    let carry = |file: &str| harness.anonymous().post("/v1/air-gap", &json!({ "request": file }));
    let for_merchant = |file: &str| {
        let api = harness.bearer(&harness.token(&[Scope::Support]));
        api.post("/v1/merchant/air-gap-requests", &json!({ "request": file }))
    };
    let license = issue(&harness, "cad-month");
    let key = license.text_at("/license_key");
    let asked = labs.iter().map(|lab| request(&lab.config, Some(&key)).expect("a request"));
    let asked: Vec<String> = asked.collect();
    let answer = carry(&asked[0]).expect(201);
    carry(&asked[0]).expect(200);
    for_merchant(&asked[0]).expect(200);
    carry(&asked[1]).expect(409);
    for_merchant(&asked[1]).expect(409);
    take_response(&labs[0].config, &answer.text_at("/response")).expect("it is this machine's");
    carry(&deactivate(&labs[0].config).expect("a proof")).expect(200);
    for_merchant(&asked[1]).expect(201);
    command(&harness, &license.text_at("/id"), "revoke", &json!({})).expect(200);
    carry(&asked[2]).expect(403);
    // Another service, which has never seen that key.
    Harness::start().anonymous().post("/v1/air-gap", &json!({ "request": asked[2] })).expect(401);
}

/// A laboratory machine: its own folder and components, nobody to call, the service's clock.
struct Lab {
    _folder: TempDir,
    config: Config,
}

impl Lab {
    fn machine(harness: &Harness, number: u8) -> Self {
        use license_token::Component::{Brd, Fw, Os};
        let folder = tempfile::tempdir().expect("a folder");
        let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        let clock = Arc::clone(&harness.world.clock);
        let config = Config::new("acme-cad", "https://license.acme.example", &keys, folder.path())
            .expect("a valid configuration")
            .server("http://127.0.0.1:9")
            .clock(move || clock.now().timestamp())
            .boot_clock(|| license_client::Uptime { boot: "the only start".into(), secs: 0 })
            .environment(|_| None)
            .machine(move || [Os, Fw, Brd].map(|name| (name, format!("{name:?} of {number}"))).to_vec());
        Self { _folder: folder, config }
    }
}

/// What the server's own operator asks of a service whose records are in no folder.
pub fn operation() {
    let harness = Harness::start();
    let operator = harness.bearer(&harness.token_of(TokenOwner::Server, &[Scope::Operator]));
    operator.get("/v1/server/move").expect(409);
    operator.post("/v1/server/move/pause", &json!({ "move": "one", "hold_secs": 1 })).expect(409);
    operator.post("/v1/server/move/leave", &json!({ "move": "one", "to": "elsewhere" })).expect(409);
    operator.get("/v1/server/keys-backup").expect(200);
    harness.anonymous().get("/healthz").expect(200);
    harness.anonymous().get("/readyz").expect(200);
    harness.anonymous().get("/.well-known/jwks.json").expect(200);
}

/// Whoever changes what another has changed meanwhile.
pub fn lost_updates() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year").text_at("/id");
    let path = format!("/v1/merchant/licenses/{license}");
    let late = harness.merchant().with("If-Match", "\"999999\"");
    let commands = [
        ("suspend", json!({})),
        ("resume", json!({})),
        ("reissue", json!({})),
        ("accept", json!({})),
        ("extend", json!({ "by": "P1D" })),
        ("change", json!({ "spec": "cad-month" })),
    ];
    for (command, body) in commands {
        late.post(&format!("{path}/{command}"), &body).expect(412);
    }
    let merchant = harness.merchant();
    let endpoint =
        merchant.post("/v1/merchant/webhooks", &json!({ "url": "http://127.0.0.1:9/" })).expect(201);
    let path = format!("/v1/merchant/webhooks/{}", endpoint.text_at("/id"));
    for act in ["disable", "enable", "secrets"] {
        late.post(&format!("{path}/{act}"), &json!({})).expect(412);
        merchant.post(&format!("{path}/{act}"), &json!({})).expect(200);
    }
}

/// A file of what was sold before is judged, and its address is checked.
pub fn sold_before() {
    let harness = Harness::start();
    let merchant = harness.merchant();
    let row = json!({ "channel": "none", "instance_id": "i-1", "order_id": "CS1", "order_line_id": "1",
        "sku": "CAD-YEAR", "starts_at": "2025-06-01T00:00:00Z" });
    let file = json!({ "rows": [row], "partial": true, "dry_run": true });
    merchant.post("/v1/merchant/licenses/import", &file).expect(200);
    merchant.post("/v1/merchant/channels/cad-koogallery/check", &json!({})).expect(200);
}
