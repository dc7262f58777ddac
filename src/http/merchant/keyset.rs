//! The merchant's key set: what is published, what waits for the root, what is being re-issued.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::{KeyRing, KeySetDraft, PublishedKeySet, Reissue, Scope};
use crate::http::body;
use crate::http::openapi::forms::{InstantForm, KeyIdForm};
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
pub struct KeySetAnswer {
    published: Option<PublishedAnswer>,
    /// What the root must sign before it is published.
    waiting: Option<WaitingAnswer>,
    reissue: Option<ReissueAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PublishedKeySet)]
struct PublishedAnswer {
    seq: u64,
    #[schema(value_type = InstantForm)]
    published_at: String,
    keyset: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WaitingKeySet)]
struct WaitingAnswer {
    seq: u64,
    #[schema(value_type = InstantForm)]
    made_at: String,
    /// Keys that sign from its publication on.
    #[schema(value_type = Vec<KeyIdForm>)]
    activates: Vec<String>,
    /// The claims, byte for byte.
    payload: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reissue)]
struct ReissueAnswer {
    #[schema(value_type = InstantForm)]
    since: String,
    looked_at: u64,
    reissued: u64,
    failed: u64,
    #[schema(value_type = Option<InstantForm>)]
    done_at: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeySetAccept)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    keyset: String,
    /// The root's JWK; needed where it was taken away before this server knew of key sets.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    root: Option<Box<RawValue>>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = KeySetPublish)]
#[serde(deny_unknown_fields)]
struct PublishRequest {}

/// The key set: what is published, what waits for the root, what is being re-issued.
#[utoipa::path(
    get, path = "/v1/merchant/keyset",
    responses((status = 200, body = KeySetAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    ok(&KeySetAnswer::of(&state.app.key_ring(&caller.merchant).await?))
}

/// Publishes what the root has signed.
#[utoipa::path(
    put, path = "/v1/merchant/keyset",
    request_body = AcceptRequest,
    responses((status = 200, body = KeySetAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn accept(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = state.caller(&headers, Scope::Operator).await?;
    let request: AcceptRequest = body::parse(&body)?;
    let root = request.root.as_deref().map(RawValue::get);
    let (text, actor) = (request.keyset.trim(), caller.actor());
    ok(&KeySetAnswer::of(&state.app.accept_key_set(&caller.merchant, text, root, &actor).await?))
}

/// The root, where it is here, signs what waits.
#[utoipa::path(
    post, path = "/v1/merchant/keyset/publish",
    request_body = Option<PublishRequest>,
    responses((status = 200, body = KeySetAnswer), (status = 409)),
    security(("token" = [Scope::Operator.as_str()])),
)]
pub async fn publish(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let caller = state.caller(&headers, Scope::Operator).await?;
    let PublishRequest {} = body::parse_or_empty(&body)?;
    ok(&KeySetAnswer::of(&state.app.publish_key_set(&caller.merchant, &caller.actor()).await?))
}

impl KeySetAnswer {
    pub fn of(ring: &KeyRing) -> Self {
        let published = |set: &PublishedKeySet| PublishedAnswer {
            seq: set.seq,
            published_at: instant(set.published_at),
            keyset: set.token.clone(),
        };
        let waiting = |draft: &KeySetDraft| WaitingAnswer {
            seq: draft.seq,
            made_at: instant(draft.made_at),
            activates: draft.activates.iter().map(ToString::to_string).collect(),
            payload: draft.payload.clone(),
        };
        let reissue = |work: &Reissue| ReissueAnswer {
            since: instant(work.since),
            looked_at: work.looked_at,
            reissued: work.reissued,
            failed: work.failed,
            done_at: work.done_at.map(instant),
        };
        Self {
            published: ring.published.as_ref().map(published),
            waiting: ring.draft.as_ref().map(waiting),
            reissue: ring.reissue.as_ref().map(reissue),
        }
    }
}
