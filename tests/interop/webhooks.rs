//! Standard Webhooks, ours against the libraries of two languages; they go by the machine's clock, so we do too.

use chrono::{DateTime, Utc};
use lictor::application::ports::Clock as _;
use lictor::clock::SystemClock;
use lictor::sandbox::event_shop;
use lictor::standard_webhooks::signature::{Refused, Signed, WebhookSecret, sign, verify};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::oracle::Oracle;
use crate::support::Harness;
use crate::support::receiver::Receiver;

const SECRETS: [&str; 3] = [
    "whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh",
    "whsec_bGljdG9yIHRlc3Qgc2VjcmV0LCBhIHNlY29uZCBvbmU=",
    "whsec_bGljdG9yIHRlc3Qgc2VjcmV0LCB0aGUgbG9uZ2VzdCBvbmUgdGhhdCB0aGVyZSBtYXkgYmU6IDY0IGJ5dGVzLg==",
];
const BODIES: [&str; 4] = [
    r#"{"type":"purchase.created","data":{"order_id":"A-1001"}}"#,
    r#"{ "type" : "test", "note": "激活码 é 🔑" }"#,
    r#"{"note":"x.1767225600.y"}"#,
    "{\n\t\"type\": \"test\"\r\n}",
];

fn question(secret: &str, sent_at: DateTime<Utc>, body: &str) -> Value {
    json!({ "secret": secret, "id": "msg_interop-1", "timestamp": sent_at.timestamp(), "body": body })
}

fn questions(now: DateTime<Utc>) -> Vec<Value> {
    SECRETS.iter().flat_map(|secret| BODIES.map(|body| question(secret, now, body))).collect()
}

fn text<'a>(question: &'a Value, name: &str) -> &'a str {
    question[name].as_str().expect("a text")
}

fn secret(question: &Value) -> WebhookSecret {
    WebhookSecret::parse(&text(question, "secret").to_owned().into()).expect("a secret")
}

/// What we say to it.
fn judged(question: &Value, now: DateTime<Utc>) -> Result<(), Refused> {
    let timestamp = question["timestamp"].to_string();
    let signed = Signed {
        id: text(question, "id"),
        timestamp: &timestamp,
        signatures: text(question, "signature"),
        body: text(question, "body").as_bytes(),
    };
    verify(&[(0, secret(question))], &signed, now).map(drop).map_err(|(_, refused)| refused)
}

fn answers(oracle: &Oracle, questions: &[Value]) -> Vec<Value> {
    let lines: Vec<String> = questions.iter().map(Value::to_string).collect();
    let answers = oracle.ask_lines(&lines);
    answers.iter().map(|line| serde_json::from_str(line).expect("the oracle answers in JSON")).collect()
}

fn with_signature(question: &Value, signature: &str) -> Value {
    let mut question = question.clone();
    question["signature"] = json!(signature);
    question
}

pub fn each_side_accepts_the_other(oracles: &[Oracle]) {
    let now = SystemClock.now();
    let questions = questions(now);
    let ours: Vec<String> = questions
        .iter()
        .map(|question| {
            let (id, time) = (text(question, "id"), question["timestamp"].to_string());
            let body = text(question, "body").as_bytes();
            let signature = sign(&secret(question), id, &time, body).expect("well formed");
            let typed = SecretString::from(text(question, "secret").to_owned());
            assert_eq!(event_shop::signature(&typed, id, &time, body).as_ref(), Some(&signature));
            signature
        })
        .collect();
    for oracle in oracles {
        for (question, answer) in questions.iter().zip(answers(oracle, &questions)) {
            let theirs = with_signature(question, text(&answer, "signature"));
            assert_eq!(judged(&theirs, now), Ok(()), "{oracle}: {theirs}");
        }
        let asked: Vec<Value> =
            questions.iter().zip(&ours).map(|(question, ours)| with_signature(question, ours)).collect();
        for (question, answer) in asked.iter().zip(answers(oracle, &asked)) {
            assert_eq!(answer, json!({ "valid": true }), "{oracle}: {question}");
        }
    }
}

pub fn what_was_changed_is_refused_by_all(oracles: &[Oracle]) {
    let now = SystemClock.now();
    let mut wrong = Vec::new();
    for question in questions(now) {
        let body = text(&question, "body").as_bytes();
        let time = question["timestamp"].to_string();
        let signature = sign(&secret(&question), text(&question, "id"), &time, body).expect("well formed");
        let right = with_signature(&question, &signature);
        assert_eq!(judged(&right, now), Ok(()));
        for (name, value) in [
            ("id", json!("msg_interop-2")),
            ("timestamp", json!(now.timestamp() - 1)),
            ("body", json!(format!("{} ", text(&question, "body")))),
            ("signature", json!(signature.replacen("v1,", "v1a,", 1))),
            ("signature", json!(signature.replacen("v1,", "v2,", 1))),
            ("secret", json!("whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAzISEh")),
        ] {
            let mut changed = right.clone();
            changed[name] = value;
            wrong.push(changed);
        }
    }
    for minutes in [-6, 6, -60] {
        let at = now + chrono::TimeDelta::minutes(minutes);
        let stale = question(SECRETS[0], at, BODIES[0]);
        let time = stale["timestamp"].to_string();
        let signature = sign(&secret(&stale), "msg_interop-1", &time, BODIES[0].as_bytes());
        wrong.push(with_signature(&stale, &signature.expect("well formed")));
    }
    for question in &wrong {
        assert!(judged(question, now).is_err(), "{question}");
    }
    for oracle in oracles {
        for (question, answer) in wrong.iter().zip(answers(oracle, &wrong)) {
            assert_eq!(answer["valid"], json!(false), "{oracle}: {question}");
        }
    }
}

/// What a running service sends to a receiver, with two secrets live: both libraries take it with either.
pub fn what_the_service_sends_is_accepted_with_every_live_secret(oracles: &[Oracle]) {
    let harness = Harness::start();
    harness.world.clock.set(SystemClock.now());
    let receiver = Receiver::start(&harness.world.clock);
    let merchant = harness.merchant();
    let body = json!({ "url": receiver.url(), "description": "收件方 🔑" });
    let made = merchant.post("/v1/merchant/webhooks", &body).expect(201);
    let rotate = format!("/v1/merchant/webhooks/{}/secrets", made.text_at("/id"));
    let secrets =
        [made.text_at("/secret"), merchant.post(&rotate, &json!({})).expect(200).text_at("/secret")];
    let order = json!({ "product": "acme-cad", "spec": "cad-year", "customer": "c-é-激活" });
    merchant.post("/v1/merchant/licenses", &order).expect_problem(422, "invalid_request");
    let order =
        json!({ "product": "acme-cad", "spec": "cad-year", "customer": "c-1", "label": "激活码 é 🔑" });
    let license = merchant.post("/v1/merchant/licenses", &order).expect(201).text_at("/id");
    for action in ["suspend", "resume", "revoke"] {
        let path = format!("/v1/merchant/licenses/{license}/{action}");
        merchant.post(&path, &json!({ "reason": "测试" })).expect(200);
    }
    merchant.post(&rotate.replace("/secrets", "/test"), &json!({})).expect(200);
    harness.block_on(async {
        while harness.app.seal_events().await.expect("sealed").has_more {}
        while harness.app.deliver_due_events().await.expect("sent") > 0 {}
    });
    let received = receiver.received();
    assert_eq!(received.len(), 5, "{received:?}");
    let questions: Vec<Value> = received
        .iter()
        .flat_map(|it| {
            secrets.iter().map(|secret| {
                let seconds: i64 = it.timestamp.parse().expect("seconds");
                json!({ "secret": secret, "id": it.id, "timestamp": seconds, "signature": it.signature, "body": it.body })
            })
        })
        .collect();
    for oracle in oracles {
        for (question, answer) in questions.iter().zip(answers(oracle, &questions)) {
            assert_eq!(answer, json!({ "valid": true }), "{oracle}: {question}");
        }
        println!("{oracle}: {} of {} accepted", questions.len(), questions.len());
        let changed: Vec<Value> = questions
            .iter()
            .map(|question| {
                let mut changed = question.clone();
                changed["body"] = json!(
                    text(question, "body").replacen("license", "licence", 1).replacen("lictor", "Lictor", 1)
                );
                changed
            })
            .collect();
        for (question, answer) in changed.iter().zip(answers(oracle, &changed)) {
            assert_eq!(answer["valid"], json!(false), "{oracle}: {question}");
        }
    }
}
