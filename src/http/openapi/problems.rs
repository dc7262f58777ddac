//! What goes wrong, as one shape with a closed set of codes.

use serde_json::{Map, Value, json};

/// Every code with its status. `problems_are_documented` compares it with what the code can answer.
pub const PROBLEMS: &[(u16, &[&str])] = &[
    (400, &["malformed_json", "duplicate_member"]),
    (401, &["token_refused", "license_key_refused"]),
    (
        403,
        &[
            "scope_missing",
            "license_expired",
            "license_suspended",
            "license_released",
            "license_revoked",
            "license_superseded",
            "license_not_started",
            "machine_mismatch",
        ],
    ),
    (404, &["not_found"]),
    (405, &["method_not_allowed"]),
    (
        409,
        &[
            "machine_limit_reached",
            "clone_suspected",
            "ledger_refused",
            "quota_exhausted",
            "idempotency_conflict",
            "illegal_state",
            "order_not_held",
            "sku_taken",
            "spec_unfit",
            "order_not_taken",
        ],
    ),
    (412, &["revision_conflict"]),
    (413, &["too_large"]),
    (422, &["invalid_request", "usage_too_old"]),
    (429, &["rate_limited"]),
    (500, &["internal_error"]),
    (503, &["unavailable", "outcome_unknown"]),
];

/// The name and the words of a status that operations share.
fn words(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("Malformed", "The body is no JSON, is nested too deep, or names a member twice."),
        401 => (
            "Unauthorized",
            "No credential that is believed here. What is malformed, foreign or unknown looks alike.",
        ),
        403 => ("Forbidden", "The credential is genuine and does not allow this; `code` says why."),
        404 => {
            ("NotFound", "There is nothing of that name, or it belongs to somebody else: the two look alike.")
        }
        409 => ("Conflict", "The present state does not allow it; `code` says why."),
        412 => ("Changed", "It was changed since it was read; `current_revision` is what it is now."),
        413 => ("TooLarge", "The body is too long."),
        422 => ("Invalid", "A member, a parameter or a header breaks a rule; `pointer` says which."),
        429 => ("RateLimited", "Too many requests; `Retry-After` says when the next is taken."),
        _ => (
            "Failed",
            "Something broke, or takes too long. Nothing is wrong with the request: try again later.",
        ),
    }
}

/// The key under which operations refer to the response of a status.
pub fn reference(status: u16) -> Value {
    json!({ "$ref": format!("#/components/responses/{}", words(status).0) })
}

/// Responses of all statuses that operations name, and the one for everything else.
pub fn responses() -> Map<String, Value> {
    let operations = PROBLEMS.iter().filter(|(status, _)| !matches!(status, 405 | 500 | 503));
    let named = operations.map(|(status, codes)| (words(*status).0.to_owned(), response(*status, codes)));
    let failures: Vec<&str> =
        PROBLEMS.iter().filter(|(status, _)| *status >= 500).flat_map(|(_, codes)| *codes).copied().collect();
    named.chain([(words(500).0.to_owned(), response(500, &failures))]).collect()
}

fn response(status: u16, codes: &[&str]) -> Value {
    let schema = json!({ "allOf": [
        { "$ref": "#/components/schemas/Problem" },
        { "properties": { "code": { "enum": codes } } },
    ] });
    let mut headers = json!({ "Request-Id": { "$ref": "#/components/headers/Request-Id" } });
    match status {
        401 => headers["WWW-Authenticate"] = json!({ "$ref": "#/components/headers/WWW-Authenticate" }),
        429 | 500 => headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" }),
        _others => {}
    }
    json!({
        "description": words(status).1,
        "headers": headers,
        "content": { "application/problem+json": { "schema": schema } },
    })
}
