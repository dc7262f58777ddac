//! The online verdict: always 200 once the request can be read.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;
use super::language::Language;
use super::machine::MachineRequest;
use super::openapi::forms::{CredentialForm, InstantForm, LicenseIdForm, NextActionForm, VerdictCodeForm};
use super::presented::{Holder, credential};
use super::reply::{Reply, instant, ok};
use super::state::HttpState;
use super::wording;
use crate::domain::{License, LicenseId, NextAction, Refusal};

#[derive(Deserialize, ToSchema)]
#[schema(as = ValidationRequest)]
#[serde(deny_unknown_fields)]
struct ValidateRequest {
    #[schema(value_type = Option<CredentialForm>)]
    license_key: Option<String>,
    machine: Option<MachineRequest>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
struct VerdictAnswer {
    valid: bool,
    #[schema(value_type = VerdictCodeForm)]
    code: &'static str,
    reason: String,
    #[schema(value_type = Option<NextActionForm>)]
    next_action: Option<&'static str>,
    #[schema(value_type = Option<LicenseIdForm>)]
    license_id: Option<String>,
    product: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
    /// Null for a permanent license, and when the verdict is not "valid".
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    entitlements: Option<Vec<String>>,
}

/// The online verdict: 200 whatever it is.
#[utoipa::path(
    post, path = "/v1/validate",
    request_body = ValidateRequest,
    responses((status = 200, body = VerdictAnswer)),
    security(("license" = []), ()),
    extensions(("x-never" = json!([401]))),
)]
pub async fn validate(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let request: ValidateRequest = body::parse(&body)?;
    let language = Language::of(&headers);
    let text = credential(&headers, &[("/license_key", request.license_key.as_deref())])?;
    let holder = match state.key_holder(text).await {
        Ok(holder) => holder,
        Err(error) => return refused(error, None, language),
    };
    match judge(&state, &holder, request.machine.as_ref()).await {
        Ok(license) => ok(&VerdictAnswer::valid(&license, language)),
        Err(error) => refused(error, Some(&holder.license), language),
    }
}

async fn judge(
    state: &HttpState,
    holder: &Holder,
    machine: Option<&MachineRequest>,
) -> Result<License, ApiError> {
    let machine = machine.map(|machine| machine.read(holder)).transpose()?;
    let token_id = holder.token_id.as_ref().ok_or(Refusal::LicenseKeyRefused)?;
    Ok(state.app.validate(&holder.merchant, &holder.license, token_id, machine.as_ref()).await?)
}

/// A refusal of the license is the answer; a refusal of the request, or a failure, is an error.
fn refused(error: ApiError, license: Option<&LicenseId>, language: Language) -> Reply {
    match error {
        ApiError::Refused(Refusal::Invalid { .. }) => Err(error),
        ApiError::Refused(refusal) => ok(&VerdictAnswer::refused(&refusal, license, language)),
        failure => Err(failure),
    }
}

impl VerdictAnswer {
    fn valid(license: &License, language: Language) -> Self {
        Self {
            valid: true,
            code: "valid",
            reason: wording::valid(language).to_owned(),
            next_action: None,
            license_id: Some(license.id.to_string()),
            product: Some(license.product.to_string()),
            starts_at: Some(instant(license.validity.starts_at)),
            ends_at: license.validity.ends_at.map(instant),
            entitlements: Some(license.sold.entitlements.clone()),
        }
    }

    /// An unknown license is named no more than a foreign one.
    fn refused(refusal: &Refusal, license: Option<&LicenseId>, language: Language) -> Self {
        let license = license.filter(|_| *refusal != Refusal::LicenseKeyRefused);
        Self {
            valid: false,
            code: refusal.code(),
            reason: wording::refusal_reason(refusal, language),
            next_action: refusal.next_action().map(NextAction::as_str),
            license_id: license.map(LicenseId::to_string),
            product: None,
            starts_at: None,
            ends_at: None,
            entitlements: None,
        }
    }
}
