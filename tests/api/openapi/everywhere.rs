//! What every operation of the merchant API meets before its handler does: its token's rate, and a key of another request.

use std::sync::OnceLock;
use std::time::Duration;

use lictor::domain::{RateLimit, Scope, TokenOwner};
use lictor::http::{HttpLimits, RateRules};
use lictor::store::MemoryEngine;
use serde_json::json;

use super::described::{Described, Operation, Seen};
use crate::support::api::{Answer, Api};
use crate::support::{Engine, Harness, World, acme};

const LICENSES: &str = "/v1/merchant/licenses";

/// What was answered; asked once.
pub fn seen() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| {
        let described = Described::by(&Harness::start());
        let mut seen = too_many_requests(&described);
        seen.extend(keys_of_others(&described));
        seen
    })
}

fn operator(harness: &Harness) -> Api {
    let token = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    harness.bearer(&token).with("Lictor-Merchant", "acme")
}

/// Nobody looks at the ids.
fn ask(described: &Described, api: &Api, operation: &Operation<'_>) -> Answer {
    let parts = operation.path.split('/').map(|part| if part.starts_with('{') { "x" } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    let body = if operation.text.get("requestBody").is_some() { "{}" } else { "" };
    let answer = api.send(&operation.method, &path, body.as_bytes());
    described.check(operation, &answer);
    answer
}

fn too_many_requests(described: &Described) -> Seen {
    let per_token = Some(RateLimit { requests: 1, window: Duration::from_secs(60) });
    let rates = RateRules { per_token, refused_per_address: None };
    let engine = Engine::Memory(MemoryEngine::new());
    let harness = Harness::start_with(World::new(), &engine, HttpLimits { rates, ..HttpLimits::default() });
    harness.apply(&acme(&harness.world.sandbox));
    let api = operator(&harness);
    api.get(LICENSES).expect(200);
    let operations = described.operations();
    let limited = operations.iter().filter(|it| it.text["responses"].get("429").is_some());
    let answered = limited.map(|operation| {
        ask(described, &api, operation).expect_problem(429, "rate_limited");
        (operation.id.to_owned(), 429)
    });
    answered.collect()
}

fn keys_of_others(described: &Described) -> Seen {
    let harness = Harness::start();
    let api = operator(&harness).with("Idempotency-Key", "taken");
    api.post(LICENSES, &json!({ "product": "acme-cad", "spec": "cad-year" })).expect(201);
    let operations = described.operations();
    let repeatable =
        operations.iter().filter(|it| it.method == "POST" && it.path.starts_with("/v1/merchant/"));
    let answered = repeatable.map(|operation| {
        ask(described, &api, operation).expect_problem(409, "idempotency_conflict");
        (operation.id.to_owned(), 409)
    });
    answered.collect()
}

#[test]
fn every_operation_of_the_merchant_api_is_limited_and_every_post_of_it_is_done_once() {
    let posts = seen().iter().filter(|(_, status)| *status == 409).count();
    let limited = seen().iter().filter(|(_, status)| *status == 429).count();
    assert!(posts > 30 && limited > 60, "{posts} posts, {limited} operations");
}
