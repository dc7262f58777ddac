//! A claim code, or a marketplace's authorization code, becomes the license key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::body;
use super::error::ApiError;
use super::presented::credential;
use super::reply::{Reply, ok};
use super::state::HttpState;
use crate::application::{CodeUse, Redeemed};
use crate::domain::{License, ProductId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    claim_code: Option<String>,
    product: Option<String>,
}

#[derive(Serialize)]
struct AskingAnswer {
    retry_after_secs: u32,
}

#[derive(Serialize)]
struct ClaimAnswer {
    license_key: String,
    license_id: String,
}

/// `POST /v1/claims`
pub async fn redeem(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let request: ClaimRequest = body::parse(&body)?;
    let text = credential(&headers, &[("/claim_code", request.claim_code.as_deref())])?;
    let product = request.product.as_deref().map(ProductId::parse).transpose();
    let product = product.map_err(|error| ApiError::invalid("/product", error.to_string()))?;
    match state.redeem(text, product.as_ref(), CodeUse::Reading).await? {
        Redeemed::License(license) => {
            let License { license_key, id, .. } = *license;
            ok(&ClaimAnswer { license_key, license_id: id.to_string() })
        }
        Redeemed::Asking { retry_after_secs } => {
            let retry_after = [(header::RETRY_AFTER, HeaderValue::from(retry_after_secs))];
            let answer = Json(AskingAnswer { retry_after_secs });
            Ok((StatusCode::ACCEPTED, retry_after, answer).into_response())
        }
    }
}
