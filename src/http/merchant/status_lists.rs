//! Which status lists the merchant has: whoever mirrors them, or carries them to where no network is, takes all.

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Scope;
use crate::http::openapi::forms::InstantForm;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Serialize, ToSchema)]
#[schema(as = StatusList)]
struct ListAnswer {
    uri: String,
    seq: u64,
    #[schema(value_type = InstantForm)]
    published_at: String,
    #[schema(value_type = InstantForm)]
    expires_at: String,
}

/// Status lists of the merchant: whoever mirrors them takes all.
#[utoipa::path(
    get, path = "/v1/merchant/status-lists",
    responses((status = 200, body = Page<ListAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let lists = state.app.status_lists(&caller.merchant).await?;
    let items = lists.into_iter().map(|list| ListAnswer {
        uri: state.app.signer().status_list_uri(&caller.merchant, list.number),
        seq: list.seq,
        published_at: instant(list.published_at),
        expires_at: instant(list.expires_at),
    });
    ok(&Page::whole(items.collect()))
}
