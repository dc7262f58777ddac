//! Places on machines: taken, renewed, given back.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use license_token::Ask;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;
use super::machine::MachineRequest;
use super::openapi::forms::{
    ActivationIdForm, AmountInputForm, CredentialForm, InstantForm, MachineNameForm, NonceForm,
};
use super::path::PathOf;
use super::presented::{CertificateHolder, Holder, credential};
use super::proof::{Expected, Proof};
use super::reply::{Reply, hex, instant, ok};
use super::state::HttpState;
use crate::application::{
    Activate, Activated, Credential, DeviceRequest, QUOTA_ASKS_MAX, QuotaAsk, RenewActivation,
};
use crate::domain::{ActivationId, Amount, Machine, Refusal};

/// Longest nonce and machine name, in bytes: what a certificate can carry.
const NAME_BYTES_MAX: usize = 128;

#[derive(Deserialize, ToSchema)]
#[schema(as = ActivationRequest)]
#[serde(deny_unknown_fields)]
struct ActivateRequest {
    #[schema(value_type = Option<CredentialForm>)]
    license_key: Option<String>,
    #[schema(value_type = Option<CredentialForm>)]
    claim_code: Option<String>,
    machine: MachineRequest,
    #[serde(default)]
    #[schema(value_type = MachineNameForm)]
    name: String,
    /// Without one every request is a new one.
    #[schema(value_type = Option<NonceForm>)]
    nonce: Option<String>,
    /// What was consumed of a share that this machine held before.
    ledger: Option<String>,
    /// What this machine wants to hold for use without the server.
    #[serde(default)]
    #[schema(max_items = 16)]
    quota: Vec<AskRequest>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RenewalRequest)]
#[serde(deny_unknown_fields)]
struct RenewRequest {
    #[schema(value_type = Option<CredentialForm>)]
    certificate: Option<String>,
    #[schema(value_type = Option<CredentialForm>)]
    license_key: Option<String>,
    machine: Option<MachineRequest>,
    #[schema(value_type = NonceForm)]
    nonce: String,
    proof: Option<String>,
    ledger: Option<String>,
    #[serde(default)]
    #[schema(max_items = 16)]
    quota: Vec<AskRequest>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    #[schema(value_type = Option<CredentialForm>)]
    certificate: Option<String>,
    proof: Option<String>,
    ledger: Option<String>,
}

/// How much of a metric the machine wants to hold, what it holds already included.
#[derive(Deserialize, ToSchema)]
#[schema(as = QuotaAsk)]
#[serde(deny_unknown_fields)]
struct AskRequest {
    metric: String,
    /// A number or a text; read from its own digits, never through a float.
    #[schema(value_type = AmountInputForm)]
    amount: Box<RawValue>,
}

impl AskRequest {
    fn read(&self, index: usize) -> Result<QuotaAsk, ApiError> {
        let amount = Amount::parse(self.amount.get().trim_matches('"'))
            .map_err(|error| ApiError::invalid(&format!("/quota/{index}/amount"), error.to_string()))?;
        if amount == Amount::ZERO {
            return Err(ApiError::invalid(&format!("/quota/{index}/amount"), "ask for more than nothing"));
        }
        Ok(QuotaAsk { metric: self.metric.clone(), amount })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Activated)]
struct ActivatedAnswer {
    #[schema(value_type = ActivationIdForm)]
    activation_id: String,
    certificate: String,
    license_key: String,
    #[schema(value_type = InstantForm)]
    renew_after: String,
    status_list_uri: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Released)]
struct ReleasedAnswer {
    #[schema(value_type = ActivationIdForm)]
    activation_id: String,
}

/// A place on a machine; the same machine again gets its own place again.
#[utoipa::path(
    post, path = "/v1/activations",
    request_body = ActivateRequest,
    responses((status = 200, description = "This machine again.", body = ActivatedAnswer), (status = 201, description = "A new place.", body = ActivatedAnswer), (status = 403), (status = 409)),
    security(("license" = []), ()),
)]
pub async fn activate(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let request: ActivateRequest = body::parse(&body)?;
    let members =
        [("/license_key", request.license_key.as_deref()), ("/claim_code", request.claim_code.as_deref())];
    let holder = state.holder(credential(&headers, &members)?).await?;
    let nonce = request.nonce.unwrap_or_else(|| hex(&state.ids.random_bytes()));
    let (machine, device) = match request.machine.signed() {
        Some(text) => {
            let (pointer, ask) = ("/machine/request", Ask::Activate);
            let expected = Expected { pointer, ask, activation: None, nonce: Some(&nonce) };
            let proof = Proof::read(text, &holder, &expected)?;
            (proof.machine(), device(Some(proof), request.ledger.as_deref(), &request.quota)?)
        }
        None => (request.machine.read(&holder)?, device(None, request.ledger.as_deref(), &request.quota)?),
    };
    let command = Activate {
        machine,
        device,
        merchant: holder.merchant,
        license: holder.license,
        token_id: holder.token_id,
        name: short("/name", request.name, 0)?,
        nonce: short("/nonce", nonce, 1)?,
    };
    let activated = state.app.activate(&command).await?;
    let status = if activated.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(ActivatedAnswer::of(activated))).into_response())
}

/// A new certificate and the current license key, by the last certificate or a license key.
#[utoipa::path(
    post, path = "/v1/activations/{id}/renew",
    params(("id" = ActivationIdForm, Path)),
    request_body = RenewRequest,
    responses((status = 200, body = ActivatedAnswer), (status = 403), (status = 404), (status = 409)),
    security(("license" = []), ()),
)]
pub async fn renew(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let request: RenewRequest = body::parse(&body)?;
    let members =
        [("/certificate", request.certificate.as_deref()), ("/license_key", request.license_key.as_deref())];
    let text = credential(&headers, &members)?;
    let (holder, activation, credential) = match &request.certificate {
        Some(_) => by_certificate(state.certificate_holder(text).await?, &id)?,
        None => by_license_key(state.key_holder(text).await?, &id)?,
    };
    let proof = request.proof.as_deref().map(|text| {
        let (ask, nonce) = (Ask::Renew, Some(request.nonce.as_str()));
        let expected = Expected { pointer: "/proof", ask, activation: Some(&id), nonce };
        Proof::read(text, &holder, &expected)
    });
    let command = RenewActivation {
        device: device(proof.transpose()?, request.ledger.as_deref(), &request.quota)?,
        machine: machine_of(request.machine.as_ref(), &holder)?,
        merchant: holder.merchant,
        license: holder.license,
        activation,
        credential,
        nonce: short("/nonce", request.nonce, 1)?,
    };
    ok(&ActivatedAnswer::of(state.app.renew_activation(&command).await?))
}

/// The place is given back.
#[utoipa::path(
    post, path = "/v1/activations/{id}/release",
    params(("id" = ActivationIdForm, Path)),
    request_body = Option<ReleaseRequest>,
    responses((status = 200, body = ReleasedAnswer), (status = 403), (status = 409)),
    security(("license" = []), ()),
)]
pub async fn release(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let request: ReleaseRequest = body::parse_or_empty(&body)?;
    let text = credential(&headers, &[("/certificate", request.certificate.as_deref())])?;
    let shown = state.certificate_holder(text).await?;
    let generation = shown.generation;
    let (holder, activation, _credential) = by_certificate(shown, &id)?;
    let proof = request.proof.as_deref().map(|text| {
        let expected = Expected { pointer: "/proof", ask: Ask::Release, activation: Some(&id), nonce: None };
        Proof::read(text, &holder, &expected)
    });
    let device = device(proof.transpose()?, request.ledger.as_deref(), &[])?;
    let app = &state.app;
    app.release_activation(&holder.merchant, &holder.license, &activation, generation, &device).await?;
    ok(&ReleasedAnswer { activation_id: activation.to_string() })
}

/// The same as `POST /v1/activations/{id}/release`.
#[utoipa::path(
    delete, path = "/v1/activations/{id}",
    params(("id" = ActivationIdForm, Path)),
    request_body = Option<ReleaseRequest>,
    responses((status = 200, body = ReleasedAnswer), (status = 403), (status = 409)),
    security(("license" = []), ()),
)]
pub async fn delete(state: State<HttpState>, id: PathOf<String>, headers: HeaderMap, body: Bytes) -> Reply {
    release(state, id, headers, body).await
}

/// A certificate opens its own activation only.
fn by_certificate(
    shown: CertificateHolder,
    id: &str,
) -> Result<(Holder, ActivationId, Credential), ApiError> {
    if shown.activation.as_str() != id {
        return Err(Refusal::LicenseKeyRefused.into());
    }
    let CertificateHolder { holder, activation, generation, enrolled } = shown;
    Ok((holder, activation, Credential::Certificate { generation, enrolled }))
}

fn by_license_key(holder: Holder, id: &str) -> Result<(Holder, ActivationId, Credential), ApiError> {
    let token_id = holder.token_id.clone().ok_or(Refusal::LicenseKeyRefused)?;
    let activation = ActivationId::parse(id).map_err(|_| ApiError::not_found("activation"))?;
    Ok((holder, activation, Credential::LicenseKey { token_id }))
}

fn machine_of(machine: Option<&MachineRequest>, holder: &Holder) -> Result<Option<Machine>, ApiError> {
    machine.map(|machine| machine.read(holder)).transpose()
}

fn device(
    proof: Option<Proof>,
    ledger: Option<&str>,
    quota: &[AskRequest],
) -> Result<DeviceRequest, ApiError> {
    if quota.len() > QUOTA_ASKS_MAX {
        return Err(ApiError::invalid("/quota", format!("at most {QUOTA_ASKS_MAX} metrics")));
    }
    let quota = quota.iter().enumerate().map(|(index, ask)| ask.read(index)).collect::<Result<_, _>>()?;
    match (proof, ledger) {
        (None, Some(_)) => {
            Err(ApiError::invalid("/ledger", "a ledger goes with a request signed by the same key"))
        }
        (proof, ledger) => {
            let proof = proof.map(|proof| proof.with_ledger(ledger)).transpose()?;
            Ok(DeviceRequest { proof, quota, air_gap: None })
        }
    }
}

/// A name of a machine, or what stands in its place: at most 128 bytes without control characters.
pub(super) fn short(pointer: &str, text: String, bytes_min: usize) -> Result<String, ApiError> {
    let fits = (bytes_min..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text);
    }
    let why = format!("{bytes_min} to {NAME_BYTES_MAX} bytes without control characters");
    Err(ApiError::invalid(pointer, why))
}

impl ActivatedAnswer {
    fn of(activated: Activated) -> Self {
        Self {
            activation_id: activated.activation.to_string(),
            certificate: activated.certificate,
            license_key: activated.license_key,
            renew_after: instant(activated.renew_after),
            status_list_uri: activated.status_list_uri,
        }
    }
}
