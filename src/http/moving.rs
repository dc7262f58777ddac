//! A store that is moved to another engine while it is served, for its operator.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;
use super::openapi::forms::PlaceForm;
use super::reply::{Reply, ok};
use super::state::HttpState;
use crate::application::ports::MoveStand;
use crate::domain::{Refusal, Scope};

/// Longest pause between two words of a move.
const HOLD_SECS_MAX: u64 = 60;
/// Longest name of a place.
const PLACE_BYTES_MAX: usize = 1_024;

const SHARED: &str = "the records are in a database: its servers are not stopped one by one for a move";
const ANOTHER: &str = "another move has the store stopped";
const ENDED: &str = "this move does not have the store stopped, or not any more";

#[derive(Serialize, ToSchema)]
#[schema(as = MoveStand)]
struct StandAnswer {
    store: String,
    batch: u64,
    revision: u64,
}

impl StandAnswer {
    fn of(MoveStand { store, batch, revision }: MoveStand) -> Self {
        Self { store, batch, revision }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = MovePause)]
#[serde(deny_unknown_fields)]
struct PauseRequest {
    r#move: String,
    #[schema(minimum = 1, maximum = 60)]
    hold_secs: u64,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = MoveResume)]
#[serde(deny_unknown_fields)]
struct ResumeRequest {
    r#move: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = MoveLeave)]
#[serde(deny_unknown_fields)]
struct LeaveRequest {
    r#move: String,
    #[schema(value_type = PlaceForm)]
    to: String,
}

/// Nothing to tell.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Done {}

/// Which store it is and up to where everything is durable.
#[utoipa::path(
    get, path = "/v1/server/move",
    responses((status = 200, body = StandAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn stand(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    state.operator(&headers).await?;
    let stand = state.moves.stand().await.map_err(ApiError::Store)?;
    ok(&StandAnswer::of(stand.ok_or(ApiError::Refused(Refusal::IllegalState { why: SHARED }))?))
}

/// No commit is made for so long, unless the same move asks again.
#[utoipa::path(
    post, path = "/v1/server/move/pause",
    request_body = PauseRequest,
    responses((status = 200, body = StandAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn pause(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    state.operator(&headers).await?;
    let PauseRequest { r#move, hold_secs } = body::parse(&body)?;
    if !(1..=HOLD_SECS_MAX).contains(&hold_secs) {
        return Err(ApiError::invalid("/hold_secs", format!("a pause lasts 1 to {HOLD_SECS_MAX} seconds")));
    }
    let paused = state.moves.pause(&r#move, Duration::from_secs(hold_secs)).await.map_err(ApiError::Store)?;
    ok(&StandAnswer::of(paused.ok_or(ApiError::Refused(Refusal::IllegalState { why: ANOTHER }))?))
}

/// Commits are made again.
#[utoipa::path(
    post, path = "/v1/server/move/resume",
    request_body = ResumeRequest,
    responses((status = 200, body = Done)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn resume(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    state.operator(&headers).await?;
    let ResumeRequest { r#move } = body::parse(&body)?;
    state.moves.resume(&r#move).await.map_err(ApiError::Store)?;
    ok(&Done {})
}

/// Lets go of the records for good; they are in the named store now.
#[utoipa::path(
    post, path = "/v1/server/move/leave",
    request_body = LeaveRequest,
    responses((status = 200, body = Done), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn leave(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    state.operator(&headers).await?;
    let LeaveRequest { r#move, to } = body::parse(&body)?;
    if to.is_empty() || to.len() > PLACE_BYTES_MAX || to.chars().any(char::is_control) {
        let why = format!("a place has 1 to {PLACE_BYTES_MAX} bytes without control characters");
        return Err(ApiError::invalid("/to", why));
    }
    match state.moves.leave(&r#move, &to, state.app.now()).await.map_err(ApiError::Store)? {
        true => ok(&Done {}),
        false => Err(Refusal::IllegalState { why: ENDED }.into()),
    }
}
