//! For whoever keeps the process running.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;

use super::error::ApiError;
use super::reply::{Reply, ok};
use super::state::HttpState;

/// Who asks wants to know it soon, and does not wait much longer.
const READY_TIME: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct HealthAnswer {
    status: &'static str,
    /// How much room the store's disk has, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<&'static str>,
}

/// `GET /healthz`: the process lives.
pub async fn live() -> Reply {
    ok(&HealthAnswer { status: "live", disk: None })
}

/// `GET /readyz`: a read of the store works. A disk that fills up is told and is no reason to take the service out:
/// reads, and what must not wait, go on.
pub async fn ready(State(state): State<HttpState>) -> Reply {
    let read = tokio::time::timeout(READY_TIME, state.app.merchants()).await;
    read.map_err(|_elapsed| ApiError::TimedOut { changes: false })??;
    let disk = state.store.disk().map(|disk| disk.level.as_str());
    ok(&HealthAnswer { status: "ready", disk })
}
