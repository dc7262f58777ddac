//! What a shop is answered: JSON with a stable word in `result`, or, where nothing was done, in `code`.
//!
//! The shop's sender looks at the status alone: 2xx is done, anything else is sent again for a while. So what will never
//! succeed is 4xx, and what is ours to mend is 503 with `Retry-After`.

use serde_json::{Map, Value, json};

use crate::domain::{InstanceInfo, PurchaseOutcome};
use crate::marketplace::{Call, CallRefusal, RawAnswer, RefusalCause};

/// Something broke here, or is too busy: the next try of most senders is as early.
const RETRY_AFTER_BROKEN_SECS: u32 = 30;
/// Somebody has to map a SKU first.
const RETRY_AFTER_UNMAPPED_SECS: u32 = 600;

/// Words an outcome.
pub fn answer(call: &Call, outcome: &PurchaseOutcome) -> RawAnswer {
    match outcome {
        PurchaseOutcome::Delivered { info, license_key: _ } => instance(call, info),
        PurchaseOutcome::Accepted { instance_id, ready: false } => held(call, instance_id),
        PurchaseOutcome::Processing => later(
            "sku_not_mapped",
            "no spec knows this SKU yet: map it, and send the event again",
            RETRY_AFTER_UNMAPPED_SECS,
        ),
        // A test of nothing in particular asks for no instances.
        PurchaseOutcome::Done | PurchaseOutcome::Instances(_) => done(call, 200, "done", Map::new()),
        PurchaseOutcome::InstanceUnknown => {
            let reason = "no purchase has this order_id and line_id: send purchase.created first";
            problem(404, "purchase_unknown", reason, None)
        }
        PurchaseOutcome::InvalidParameter => {
            let reason = "the event contradicts what is known of the purchase, or asks for more than can be";
            problem(422, "contradiction", reason, None)
        }
        PurchaseOutcome::Unavailable => {
            later("unavailable", "this could not be done now: send it again", RETRY_AFTER_BROKEN_SECS)
        }
        PurchaseOutcome::Accepted { ready: true, .. }
        | PurchaseOutcome::NoPlaceFree
        | PurchaseOutcome::OutsideValidity
        | PurchaseOutcome::EndRequired
        | PurchaseOutcome::FingerprintRequired
        | PurchaseOutcome::ChangeRefused => fault("an outcome that does not answer this event"),
    }
}

/// The license, for the shop to hand over; or that there is none any more.
fn instance(call: &Call, info: &InstanceInfo) -> RawAnswer {
    let mut members = Map::new();
    members.insert("instance_id".to_owned(), json!(info.instance_id));
    members.insert("portal_url".to_owned(), json!(info.front_end_url));
    let Some(license) = &info.license else {
        // A test has no license to show; it gets the answer that a purchase has.
        return done(call, 200, if call.test { "minted" } else { "ended" }, members);
    };
    let ends_at = license.ends_at.map(|end| end.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    for (name, value) in [
        ("memo", json!(info.memo)),
        ("license_id", json!(license.id.as_str())),
        ("state", json!(license.state.as_str())),
        ("ends_at", json!(ends_at)),
        ("license_key", json!(license.license_key)),
        ("claim_code", json!(license.claim_code)),
    ] {
        members.insert(name.to_owned(), value);
    }
    done(call, 200, "minted", members)
}

/// Kept for good, and minted as soon as a spec knows the SKU.
fn held(call: &Call, instance_id: &str) -> RawAnswer {
    let members = Map::from_iter([("instance_id".to_owned(), json!(instance_id))]);
    done(call, 202, "held", members)
}

fn done(call: &Call, status: u16, result: &'static str, mut members: Map<String, Value>) -> RawAnswer {
    members.insert("result".to_owned(), json!(result));
    if call.test {
        members.insert("test".to_owned(), json!(true));
    }
    raw(status, "application/json", &Value::Object(members), result)
}

fn problem(status: u16, code: &'static str, reason: &str, pointer: Option<String>) -> RawAnswer {
    let mut body = json!({ "status": status, "code": code, "reason": reason });
    if let Some(pointer) = pointer {
        body["pointer"] = json!(pointer);
    }
    raw(status, "application/problem+json", &body, code)
}

fn later(code: &'static str, reason: &str, after_secs: u32) -> RawAnswer {
    let mut answer = problem(503, code, reason, None);
    answer.headers.push(("Retry-After", after_secs.to_string()));
    answer
}

fn fault(words: &str) -> RawAnswer {
    let reason = "something here is not as it should be; the server's log says what";
    RawAnswer { fault: Some(words.to_owned()), ..problem(500, "internal_error", reason, None) }
}

fn raw(status: u16, content_type: &str, body: &Value, result: &'static str) -> RawAnswer {
    RawAnswer {
        status,
        headers: vec![("Content-Type", content_type.to_owned())],
        body: body.to_string().into_bytes(),
        result_code: Some(result),
        fault: None,
    }
}

/// Words a refusal.
pub fn refuse(refusal: &CallRefusal) -> RawAnswer {
    let cause = &refusal.cause;
    let plain = |status, code, reason: &str| problem(status, code, reason, None);
    match cause {
        RefusalCause::UnknownSubPath => plain(404, "not_found", "nothing lives below the production address"),
        RefusalCause::NotPost
        | RefusalCause::WrongMethod
        | RefusalCause::NotGet
        | RefusalCause::UnreadableQuery(_)
        | RefusalCause::QueryParameterMissing(_)
        | RefusalCause::QueryParameterMalformed(_) => {
            let mut answer = plain(405, "method_not_allowed", "events come by POST");
            answer.headers.push(("Allow", "POST".to_owned()));
            answer
        }
        RefusalCause::BodyTooLarge { limit, .. } => {
            plain(413, "too_large", &format!("a body has at most {limit} bytes"))
        }
        RefusalCause::MalformedJson => plain(400, "malformed_json", "the body is no JSON object"),
        RefusalCause::NestedTooDeep { .. } => plain(400, "malformed_json", "the body is nested too deep"),
        RefusalCause::DuplicateMember => {
            plain(400, "duplicate_member", "an object of the body names a member twice")
        }
        RefusalCause::HeaderMissing(name) => plain(
            400,
            missing(name),
            &format!("the header {name} is missing, or stands there more than once"),
        ),
        RefusalCause::HeaderMalformed(name) => {
            plain(400, malformed(name), &format!("the header {name} does not have its documented form"))
        }
        RefusalCause::StaleTimestamp { skew_secs } if *skew_secs > 0 => plain(
            401,
            "timestamp_too_new",
            "webhook-timestamp lies more than 5 minutes ahead: set the sender's clock",
        ),
        RefusalCause::StaleTimestamp { .. } => plain(
            401,
            "timestamp_too_old",
            "webhook-timestamp lies more than 5 minutes back: sign each try anew, and set the sender's clock",
        ),
        RefusalCause::NoAccessKey | RefusalCause::SignatureMissing | RefusalCause::SignatureWrong => {
            plain(401, "signature_mismatch", "no signature of version v1 fits a live secret of this channel")
        }
        RefusalCause::NonceReused => {
            plain(409, "webhook_id_reused", "this webhook-id came with another body before")
        }
        RefusalCause::UnknownActivity => {
            problem(422, "unknown_type", "there is no such type of event", Some("/type".to_owned()))
        }
        RefusalCause::ParameterMissing(name) => member(name, "is missing"),
        RefusalCause::ParameterTooLong { name, limit } => {
            member(name, &format!("is longer than {limit} characters"))
        }
        RefusalCause::ParameterMalformed(name) => member(name, "does not have its documented form"),
    }
}

fn member(name: &str, rule: &str) -> RawAnswer {
    let pointer = format!("/{}", name.replace('.', "/"));
    problem(422, "invalid_request", &format!("{pointer} {rule}"), Some(pointer))
}

fn missing(header: &str) -> &'static str {
    match header {
        super::ID => "missing_id",
        super::TIMESTAMP => "missing_timestamp",
        _ => "missing_signature",
    }
}

fn malformed(header: &str) -> &'static str {
    match header {
        super::ID => "malformed_id",
        super::TIMESTAMP => "malformed_timestamp",
        _ => "malformed_signature",
    }
}
