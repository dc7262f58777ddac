//! For whoever keeps the process running.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::merchant::order_compare::LostTime;
use super::openapi::forms::{DiskForm, HealthStatusForm};
use super::reply::{Reply, ok};
use super::state::HttpState;
use crate::application::ports::StoreError;

/// Who asks wants to know it soon, and does not wait much longer.
const READY_TIME: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthAnswer {
    #[schema(value_type = HealthStatusForm)]
    status: &'static str,
    /// How much room the store's disk has, where it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DiskForm>, nullable = false)]
    disk: Option<&'static str>,
    /// What was lost with an earlier store, for a month after the restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    lost_time: Option<LostTime>,
}

/// The process lives.
#[utoipa::path(
    get, path = "/healthz",
    responses((status = 200, body = HealthAnswer)),
)]
pub async fn live() -> Reply {
    ok(&HealthAnswer { status: "live", disk: None, lost_time: None })
}

/// A read of the store works, and it is not being moved away.
#[utoipa::path(
    get, path = "/readyz",
    responses((status = 200, body = HealthAnswer)),
)]
pub async fn ready(State(state): State<HttpState>) -> Reply {
    if state.store.is_moving() {
        return Err(ApiError::Store(StoreError::Moving));
    }
    let read = tokio::time::timeout(READY_TIME, async {
        state.app.merchants().await?;
        state.app.restored().await
    });
    let restored = read.await.map_err(|_elapsed| ApiError::TimedOut { changes: false })??;
    let now = state.app.now();
    let restored = restored.filter(|restore| restore.is_recent(now));
    let disk = state.store.disk().map(|disk| disk.level.as_str());
    ok(&HealthAnswer { status: "ready", disk, lost_time: restored.as_ref().map(LostTime::of) })
}
