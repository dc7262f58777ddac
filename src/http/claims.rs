//! A claim code, or a marketplace's authorization code, becomes the license key.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;
use super::openapi::forms::{CredentialForm, LicenseIdForm, SlugForm};
use super::presented::credential;
use super::reply::{Reply, ok};
use super::state::HttpState;
use crate::application::{CodeUse, Redeemed};
use crate::domain::{License, ProductId};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClaimRequest {
    #[schema(value_type = Option<CredentialForm>)]
    claim_code: Option<String>,
    #[schema(value_type = Option<SlugForm>)]
    product: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Asking)]
struct AskingAnswer {
    retry_after_secs: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Claimed)]
struct ClaimAnswer {
    license_key: String,
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
}

/// The license key of a claim code, or of a marketplace's authorization code.
#[utoipa::path(
    post, path = "/v1/claims",
    request_body = ClaimRequest,
    responses((status = 200, body = ClaimAnswer), (status = 202, description = "The marketplace is being asked.", body = AskingAnswer, headers(("Retry-After" = String))), (status = 403)),
    security(("license" = []), ()),
)]
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
