//! The sandbox's storefront and the server's adapter speak the same protocol, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use lictor::domain::{InstanceInfo, PurchaseEvent, PurchaseOutcome, RefreshScene};
use lictor::marketplace::{AccessKey, Call, RawAnswer, RawRequest, RefusalCause, protocol_for};
use lictor::sandbox::caller::{BodySign, CallAnswer};
use lictor::sandbox::orders::{Basket, Billing, Period};
use lictor::sandbox::{OpenApiKeys, Sandbox, Storefront};

const KEY: &str = "isv-demo-key-0001";

type Digest = [u8; 32];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_680_508_066_618).unwrap()
}

/// As little of a server as makes a conversation: instance ids by order, replays by nonce, a list of what was said.
#[derive(Default)]
struct Merchant {
    instances: Mutex<HashMap<String, String>>,
    replays: Mutex<HashMap<Digest, (Digest, RawAnswer)>>,
    events: Mutex<Vec<PurchaseEvent>>,
}

impl Merchant {
    fn receive(&self, method: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> RawAnswer {
        let protocol = protocol_for("saas-v2").unwrap();
        let keys = [AccessKey { id: "k".into(), secret: KEY.into() }];
        let lookup = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let request = RawRequest { method, path_tail: "", query, headers: &lookup, body };
        let call = match protocol.read(&request, &keys, now()) {
            Ok(call) => call,
            Err(refusal) => return protocol.refuse(&refusal, &keys),
        };
        if let Some((request, answer)) =
            call.replay.and_then(|replay| self.replays.lock().unwrap().get(&replay.digest).cloned())
        {
            let same = call.replay.is_some_and(|replay| replay.request == request);
            return if same {
                answer
            } else {
                protocol.refuse(&call.refused(RefusalCause::NonceReused), &keys)
            };
        }
        let answer = protocol.answer(&call, &self.outcome(&call), &keys);
        if let Some(replay) = call.replay {
            self.replays.lock().unwrap().insert(replay.digest, (replay.request, answer.clone()));
        }
        answer
    }

    fn outcome(&self, call: &Call) -> PurchaseOutcome {
        if call.test {
            return call.dial_test_outcome("https://a.example/portal");
        }
        self.events.lock().unwrap().push(call.event.clone());
        match &call.event {
            PurchaseEvent::Bought { order, business_id, .. } => {
                let mut instances = self.instances.lock().unwrap();
                let instance_id =
                    instances.entry(order.order_id.clone()).or_insert_with(|| business_id.clone()).clone();
                PurchaseOutcome::Accepted { instance_id, ready: false }
            }
            PurchaseEvent::Queried { instance_ids } => {
                let info = |id: &String| InstanceInfo {
                    instance_id: id.clone(),
                    front_end_url: "https://a.example/portal".into(),
                    memo: "激活码 ABC".into(),
                    sign_in: None,
                    license: None,
                    usage: Vec::new(),
                };
                PurchaseOutcome::Instances(instance_ids.iter().map(info).collect())
            }
            _ => PurchaseOutcome::Done,
        }
    }
}

/// Serves a merchant for as long as the test runs; returns its production address.
fn serve(merchant: Arc<Merchant>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/marketplace/acme/cad", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let handler = move |method: Method, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes| {
        let answer = merchant.receive(method.as_str(), &query.unwrap_or_default(), &headers, &body);
        async move { response(answer) }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let router = Router::new().route("/marketplace/acme/cad", axum::routing::any(handler));
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    address
}

fn response(answer: RawAnswer) -> Response {
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

fn fixture() -> (Sandbox, Storefront, Arc<Merchant>) {
    let keys = OpenApiKeys { access_key: "AK".into(), secret_key: "SK".into() };
    let sandbox = Sandbox::start(TcpListener::bind("127.0.0.1:0").unwrap(), keys, Arc::new(now)).unwrap();
    let merchant = Arc::new(Merchant::default());
    let storefront = sandbox.storefront(&serve(Arc::clone(&merchant)), KEY.into());
    (sandbox, storefront, merchant)
}

fn assert_code(answer: &CallAnswer, code: &str) {
    assert_eq!(
        (answer.status, answer.result_code(), answer.body_sign),
        (200, code, BodySign::Right),
        "{answer:?}"
    );
}

#[test]
fn a_life_is_told_in_order() {
    let (_sandbox, storefront, merchant) = fixture();
    let purchase = storefront.buy(Basket::of("CAD-PRO", Billing::Period(Period::Months(1)))).unwrap();
    assert_code(&purchase.answer, "000004");
    let instance = purchase.answer.instance_id().to_owned();

    let again = storefront.deliver(&purchase.order).unwrap();
    assert_eq!(again.instance_id(), instance);
    let info = storefront.query(&[&instance]).unwrap();
    assert_eq!(info.app_info(&instance).unwrap()["memo"], "激活码 ABC");

    assert_code(&storefront.renew(&instance, Period::Years(1)).unwrap().answer, "000000");
    assert_code(&storefront.cancel_renewal(&instance).unwrap().answer, "000000");
    assert_code(&storefront.freeze(&instance).unwrap(), "000000");
    assert_code(&storefront.unfreeze(&instance).unwrap(), "000000");
    assert_code(&storefront.unsubscribe(&instance).unwrap().answer, "000000");
    assert_code(&storefront.release(&instance).unwrap(), "000000");

    let events = merchant.events.lock().unwrap();
    let ends: Vec<_> = events.iter().filter_map(end).collect();
    let first = purchase.order.expires_at.unwrap();
    assert_eq!(
        ends,
        [(RefreshScene::Renewal, Period::Years(1).end_after(first)), (RefreshScene::CancelRenewal, first)]
    );
    assert_eq!(events.len(), 9);
}

fn end(event: &PurchaseEvent) -> Option<(RefreshScene, DateTime<Utc>)> {
    match event {
        PurchaseEvent::Refreshed { scene, ends_at, .. } => Some((*scene, (*ends_at)?)),
        _ => None,
    }
}

#[test]
fn a_trial_converts() {
    let (_sandbox, storefront, merchant) = fixture();
    let basket = Basket { trial: true, ..Basket::of("CAD-PRO", Billing::Period(Period::Days(14))) };
    let purchase = storefront.buy(basket).unwrap();
    let formal = storefront.convert_trial(purchase.answer.instance_id(), Period::Months(1)).unwrap();
    assert_code(&formal.answer, "000000");
    let ends: Vec<_> = merchant.events.lock().unwrap().iter().filter_map(end).collect();
    assert_eq!(ends, [(RefreshScene::TrialToFormal, Period::Months(1).end_after(now()))]);
}

#[test]
fn each_call_is_fresh_and_the_same_call_twice_has_one_effect() {
    let (_sandbox, storefront, merchant) = fixture();
    let members = serde_json::json!({ "activity": "releaseInstance", "instanceId": "i-1", "none": null });
    let members = members.as_object().unwrap();
    let caller = storefront.caller();
    let call = caller.sign(members.clone()).unwrap();
    assert_ne!(caller.sign(members.clone()).unwrap().signature.nonce, call.signature.nonce);
    assert_eq!(call.body, br#"{"activity":"releaseInstance","instanceId":"i-1"}"#);

    let (first, second) = (caller.send(&call).unwrap(), caller.send(&call).unwrap());
    assert_code(&first, "000000");
    assert_eq!(first.body, second.body);
    assert_eq!(merchant.events.lock().unwrap().len(), 1);

    let mut tampered = call.clone();
    tampered.body = br#"{"activity":"releaseInstance","instanceId":"i-2"}"#.to_vec();
    assert_code(&caller.send(&tampered).unwrap(), "000001");
    let mut truncated = call;
    truncated.body.pop();
    assert_eq!(caller.send(&truncated).unwrap().status, 400);
}

#[test]
fn a_dial_test_passes_and_leaves_nothing_behind() {
    let (_sandbox, storefront, merchant) = fixture();
    let answers = storefront.dial_test().unwrap();
    assert_eq!(answers.len(), 5);
    answers.iter().for_each(|(_, answer)| assert_code(answer, "000000"));
    assert!(merchant.events.lock().unwrap().is_empty() && merchant.replays.lock().unwrap().is_empty());
}

#[test]
fn the_sandbox_notices_an_answer_signed_by_another() {
    let (sandbox, _, merchant) = fixture();
    let stranger = sandbox.storefront(&serve(merchant), "another key".into());
    let answer = stranger.release("i-1").unwrap();
    assert_eq!((answer.result_code(), answer.body_sign), ("000001", BodySign::Wrong));
}

#[test]
fn many_threads_may_share_a_storefront() {
    let (_sandbox, storefront, _merchant) = fixture();
    let order = storefront.buy(Basket::of("CAD-PRO", Billing::OneTime)).unwrap();
    let ids = std::thread::scope(|scope| {
        let deliver = || storefront.deliver(&order.order).unwrap().instance_id().to_owned();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(deliver)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(ids.iter().all(|id| id == order.answer.instance_id()));
}
