//! A claim code becomes the license key.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::body;
use super::error::ApiError;
use super::presented::{claim_code, credential};
use super::reply::{Reply, ok};
use super::state::HttpState;
use crate::domain::ProductId;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    claim_code: Option<String>,
    product: Option<String>,
}

#[derive(Serialize)]
struct ClaimAnswer {
    license_key: String,
    license_id: String,
}

/// `POST /v1/claims`
pub async fn redeem(State(state): State<HttpState>, headers: HeaderMap, body: Body) -> Reply {
    let request: ClaimRequest = body::parse(&body::read(body, state.limits.body_bytes).await?)?;
    let code = claim_code(credential(&headers, &[("/claim_code", request.claim_code.as_deref())])?)?;
    let product = request.product.as_deref().map(ProductId::parse).transpose();
    let product = product.map_err(|error| ApiError::invalid("/product", error.to_string()))?;
    let license = state.app.redeem_claim(&code, product.as_ref()).await?;
    ok(&ClaimAnswer { license_key: license.license_key, license_id: license.id.to_string() })
}
