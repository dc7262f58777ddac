//! Who is signed in to the console, and the end of it from outside.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use crate::application::SignedInSession;
use crate::domain::SessionId;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndRequest {}

#[derive(Serialize)]
struct SessionAnswer {
    id: String,
    /// The actor in the audit log.
    name: String,
    scopes: Vec<&'static str>,
    /// The token that opened it, or that made the link which did.
    api_token: String,
    /// Whether a sign-in link opened it.
    by_link: bool,
    created_at: String,
    /// In steps of ten minutes.
    last_seen_at: String,
    /// When it ends if nobody uses it any more.
    ends_at: String,
}

#[derive(Serialize)]
struct EndedAnswer {
    ended: usize,
}

/// `GET /v1/merchant/sessions`: those that are open, newest first.
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let (_token, owner) = state.admin(&headers).await?;
    let sessions = state.app.sessions(&owner).await?;
    ok(&Page::whole(sessions.iter().map(SessionAnswer::of).collect()))
}

/// `POST /v1/merchant/sessions/{id}/end`
pub async fn end(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let (_token, owner) = state.admin(&headers).await?;
    let EndRequest {} = body::parse_or_empty(&body)?;
    let id = SessionId::parse(&id).map_err(|_| ApiError::not_found("session"))?;
    state.app.end_session_of(&owner, &id).await?;
    ok(&EndedAnswer { ended: 1 })
}

/// `POST /v1/merchant/sessions/end`: signs everybody out.
pub async fn end_all(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let (_token, owner) = state.admin(&headers).await?;
    let EndRequest {} = body::parse_or_empty(&body)?;
    ok(&EndedAnswer { ended: state.app.end_all_sessions(&owner).await? })
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
