//! Many licenses in one request.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::licenses::{IssueRequest, order, reveal};
use crate::application::{BULK_MAX, BulkLine, IssueLicense, UseCaseError};
use crate::domain::{License, Refusal, Scope};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::{idempotency, part_of};
use crate::http::error::{ApiError, ItemMistake};
use crate::http::language::Language;
use crate::http::openapi::forms::LicenseIdForm;
use crate::http::openapi::parameters::{ReportKey, Reveal};
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;
use crate::http::wording::rule;

#[derive(Deserialize, ToSchema)]
#[schema(as = BulkIssue)]
#[serde(deny_unknown_fields)]
struct BulkRequest {
    /// Each as it would be issued alone.
    #[schema(value_type = Vec<IssueRequest>, min_items = 1, max_items = 1_000)]
    items: Vec<Value>,
    /// Issue what can be issued, and report the rest. By default nothing is issued while any line is wrong.
    #[serde(default)]
    partial: bool,
    /// Look at every line, and issue nothing.
    #[serde(default)]
    check: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BulkIssued)]
struct BulkAnswer {
    issued: usize,
    refused: usize,
    /// In the order of the request.
    lines: Vec<LineAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BulkIssuedLine)]
struct LineAnswer {
    /// Of the request, from 1.
    line: usize,
    /// What was issued; null where it was refused, or only looked at.
    #[schema(value_type = Option<LicenseIdForm>)]
    license_id: Option<String>,
    /// Why not.
    reason: Option<String>,
    /// Which member is wrong.
    pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    license_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    claim_code: Option<String>,
}

/// Issues up to 1,000 licenses.
///
/// All of them or none, unless `partial`. The `Idempotency-Key` is required: whoever is interrupted sends the same request again,
/// and each line is issued once.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/bulk",
    params(Reveal, ReportKey),
    request_body = BulkRequest,
    responses((status = 200, body = BulkAnswer), (status = 409)),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn issue(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Issue).await?;
    let reveal = reveal(&caller, &parts.uri)?;
    let request: BulkRequest = body::parse(&body)?;
    let identity = idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?;
    let why = "name an Idempotency-Key: the same request again, after an interrupt, issues nothing twice";
    let identity = identity.ok_or_else(|| ApiError::invalid("", why))?;
    if !(1..=BULK_MAX).contains(&request.items.len()) {
        return Err(ApiError::invalid("/items", format!("a request has 1 to {BULK_MAX} items")));
    }
    let mut lines = Vec::with_capacity(request.items.len());
    for item in &request.items {
        lines.push(judged(&state, &caller, item).await?);
    }
    let mistakes: Vec<ItemMistake> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| {
            let Refused { pointer, reason } = line.as_ref().err()?;
            Some(ItemMistake { pointer: format!("/items/{at}{pointer}"), message: reason.clone() })
        })
        .collect();
    if !mistakes.is_empty() && !request.partial {
        return Err(ApiError::ItemMistakes(mistakes));
    }
    let wanted = lines.iter().enumerate().filter_map(|(at, line)| {
        let order = line.as_ref().ok()?.clone();
        let item = request.items.get(at)?.to_string();
        Some(BulkLine { order, identity: part_of(identity, at, item.as_bytes()) })
    });
    let wanted: Vec<BulkLine> = wanted.collect();
    let issued = if request.check { Vec::new() } else { state.app.issue_in_bulk(&wanted).await? };
    let (mut issued, language) = (issued.iter(), Language::of(&parts.headers));
    let answers: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| match line {
            Ok(_) => LineAnswer::of(at, issued.next(), reveal.then_some(&state)),
            Err(refused) => LineAnswer::refused(at, refused, language),
        })
        .collect();
    let issued = answers.iter().filter(|line| line.license_id.is_some()).count();
    ok(&BulkAnswer { issued, refused: mistakes.len(), lines: answers })
}

/// Why a line cannot be issued.
struct Refused {
    pointer: String,
    reason: String,
}

/// What a line asks for, if it can be issued; a failure is none of the line.
async fn judged(
    state: &HttpState,
    caller: &Caller,
    item: &Value,
) -> Result<Result<IssueLicense, Refused>, ApiError> {
    let read = body::parse(item.to_string().as_bytes()).and_then(|request| order(request, caller));
    let order = match read {
        Ok(order) => order,
        Err(ApiError::Refused(Refusal::Invalid { pointer, why })) => {
            return Ok(Err(Refused { pointer, reason: why }));
        }
        Err(other) => return Err(other),
    };
    match state.app.check_issue(&order).await {
        Ok(()) => Ok(Ok(order)),
        Err(UseCaseError::Refused(Refusal::Invalid { pointer, why })) => {
            Ok(Err(Refused { pointer, reason: why }))
        }
        Err(other) => Err(other.into()),
    }
}

impl LineAnswer {
    fn of(at: usize, license: Option<&License>, revealed_by: Option<&HttpState>) -> Self {
        let shown = license.zip(revealed_by);
        let code = |(license, state): (&License, &HttpState)| {
            state.app.signer().claim_code(&license.id, license.generation).reveal()
        };
        Self {
            line: at + 1,
            license_id: license.map(|license| license.id.to_string()),
            reason: None,
            pointer: None,
            license_key: shown
                .filter(|(license, _)| license.awaits().is_none())
                .map(|(license, _)| license.license_key.clone()),
            claim_code: shown.map(code),
        }
    }

    fn refused(at: usize, refused: &Refused, language: Language) -> Self {
        let (reason, pointer) = (Some(rule(&refused.reason, language)), Some(refused.pointer.clone()));
        Self { line: at + 1, license_id: None, reason, pointer, license_key: None, claim_code: None }
    }
}
