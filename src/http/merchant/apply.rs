//! Apply files over the API: create and change, and remove what a file leaves out where that is asked for.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::{AppliedEntry, ApplyCaller, ApplyMode, EntryChange, MemberChange};
use crate::domain::{Actor, ApiToken, MerchantId, Refusal, Scope, TokenOwner};
use crate::http::access::{named_merchant, no_merchant};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{EntryChangeForm, SlugForm};
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = ApplyFile)]
#[serde(deny_unknown_fields)]
struct ApplyRequest {
    toml: String,
    #[serde(default)]
    dry_run: bool,
    /// Remove products, specs and channels that the file leaves out.
    #[serde(default)]
    prune: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Applied)]
struct ApplyAnswer {
    #[schema(value_type = SlugForm)]
    merchant: String,
    dry_run: bool,
    entries: Vec<EntryAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AppliedEntry)]
struct EntryAnswer {
    kind: &'static str,
    id: String,
    /// `created`, `changed`, `unchanged` or `removed`.
    #[schema(value_type = EntryChangeForm)]
    change: &'static str,
    /// What of it changed, as an apply file writes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    members: Vec<MemberAnswer>,
    /// What of it changed, where that is followed step by step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AppliedMember)]
struct MemberAnswer {
    member: String,
    before: Option<String>,
    after: Option<String>,
}

/// An apply file: creates and changes, and removes what the file leaves out where `prune` says so.
#[utoipa::path(
    post, path = "/v1/merchant/apply",
    request_body = ApplyRequest,
    responses((status = 200, body = ApplyAnswer)),
    security(("token" = [Scope::Catalog.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn apply(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let token = state.token(&headers, Scope::Catalog).await?;
    let applying = applying(&token, named_merchant(&headers)?)?;
    let request: ApplyRequest = body::parse(&body)?;
    if gives_tokens(&request.toml) && !token.allows(Scope::Admin) {
        return Err(Refusal::ScopeMissing { scope: Scope::Admin.as_str() }.into());
    }
    let mode = ApplyMode { dry_run: request.dry_run, prune: request.prune };
    let (merchant, entries) =
        state.apply.apply(&request.toml, &applying, mode, &Actor::Token(token.name.clone())).await?;
    if !request.dry_run {
        state.reload_keys().await?;
    }
    let entries = entries.into_iter().map(EntryAnswer::of).collect();
    ok(&ApplyAnswer { merchant: merchant.to_string(), dry_run: request.dry_run, entries })
}

/// A merchant's token changes that merchant. An operator may name one; without, the file says for whom it is.
fn applying(token: &ApiToken, named: Option<MerchantId>) -> Result<ApplyCaller, ApiError> {
    match (&token.owner, named) {
        (TokenOwner::Server, named) => Ok(ApplyCaller::Operator(named)),
        (TokenOwner::Merchant(own), Some(named)) if *own != named => Err(no_merchant()),
        (TokenOwner::Merchant(own), _) => {
            Ok(ApplyCaller::Merchant { merchant: own.clone(), is_admin: token.allows(Scope::Admin) })
        }
    }
}

/// Nobody makes a token that may do more than theirs. What is no TOML gives nothing: its mistakes are named later.
fn gives_tokens(text: &str) -> bool {
    text.parse::<toml::Table>().is_ok_and(|file| file.contains_key("api_token"))
}

impl EntryAnswer {
    fn of(entry: AppliedEntry) -> Self {
        let change = match entry.change {
            EntryChange::Created => "created",
            EntryChange::Changed => "changed",
            EntryChange::Unchanged => "unchanged",
            EntryChange::Removed => "removed",
        };
        let member = |MemberChange { member, before, after }| MemberAnswer { member, before, after };
        let members = entry.members.into_iter().map(member).collect();
        Self { kind: entry.kind, id: entry.id, change, members, details: entry.details }
    }
}
