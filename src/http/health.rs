//! For whoever keeps the process running.

use axum::extract::State;
use serde::Serialize;

use super::reply::{Reply, ok};
use super::state::HttpState;

#[derive(Serialize)]
struct HealthAnswer {
    status: &'static str,
}

/// `GET /healthz`: the process lives.
pub async fn live() -> Reply {
    ok(&HealthAnswer { status: "live" })
}

/// `GET /readyz`: a read of the store works.
pub async fn ready(State(state): State<HttpState>) -> Reply {
    state.app.merchants().await?;
    ok(&HealthAnswer { status: "ready" })
}
