//! Who is signed in to the console, and the end of it from outside.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::SignedInSession;
use crate::domain::{Scope, SessionId};
use crate::http::access::actor;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{ApiTokenIdForm, InstantForm, ScopeForm, SessionIdForm};
use crate::http::path::PathOf;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = SessionEnd)]
#[serde(deny_unknown_fields)]
struct EndRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionAnswer {
    #[schema(value_type = SessionIdForm)]
    id: String,
    /// The actor in the audit log.
    name: String,
    #[schema(value_type = Vec<ScopeForm>)]
    scopes: Vec<&'static str>,
    /// The token that opened it, or that made the link which did.
    #[schema(value_type = ApiTokenIdForm)]
    api_token: String,
    /// Whether a sign-in link opened it.
    by_link: bool,
    #[schema(value_type = InstantForm)]
    created_at: String,
    /// In steps of ten minutes.
    #[schema(value_type = InstantForm)]
    last_seen_at: String,
    /// When it ends if nobody uses it any more.
    #[schema(value_type = InstantForm)]
    ends_at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SessionsEnded)]
struct EndedAnswer {
    /// How many.
    ended: usize,
}

/// Who is signed in to the console, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/sessions",
    responses((status = 200, body = Page<SessionAnswer>)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true)), ("x-never" = json!([422]))),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let (_token, owner) = state.admin(&headers).await?;
    let sessions = state.app.sessions(&owner).await?;
    ok(&Page::whole(sessions.iter().map(SessionAnswer::of).collect()))
}

/// Signs one browser out.
#[utoipa::path(
    post, path = "/v1/merchant/sessions/{id}/end",
    params(("id" = SessionIdForm, Path)),
    request_body = Option<EndRequest>,
    responses((status = 200, body = EndedAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn end(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let (token, owner) = state.admin(&headers).await?;
    let EndRequest {} = body::parse_or_empty(&body)?;
    let id = SessionId::parse(&id).map_err(|_| ApiError::not_found("session"))?;
    state.app.end_session_of(&actor(&token), &owner, &id).await?;
    ok(&EndedAnswer { ended: 1 })
}

/// Signs everybody out.
#[utoipa::path(
    post, path = "/v1/merchant/sessions/end",
    request_body = Option<EndRequest>,
    responses((status = 200, body = EndedAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn end_all(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let (token, owner) = state.admin(&headers).await?;
    let EndRequest {} = body::parse_or_empty(&body)?;
    ok(&EndedAnswer { ended: state.app.end_all_sessions(&actor(&token), &owner).await? })
}

impl SessionAnswer {
    fn of(SignedInSession { session, held }: &SignedInSession) -> Self {
        Self {
            id: session.id.to_string(),
            name: held.name.clone(),
            scopes: held.scopes.iter().map(|scope| scope.as_str()).collect(),
            api_token: held.id.to_string(),
            by_link: session.narrowed.is_some(),
            created_at: instant(session.created_at),
            last_seen_at: instant(session.last_seen_at),
            ends_at: instant(session.ends_at()),
        }
    }
}
