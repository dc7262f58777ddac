//! Files that somebody carries for a machine that is never online: requests are answered, deactivations taken.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use license_token::armour::{self, ArmourError, REQUEST_FILE_MAX_BYTES};
use license_token::{Ask, TokenType, VerifiedRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body;
use super::error::ApiError;
use super::openapi::forms::{ActivationIdForm, CarriedOutcomeForm, InstantForm};
use super::presented::{CertificateHolder, Holder};
use super::proof::{Expected, Proof};
use super::reply::{Reply, instant};
use super::state::HttpState;
use crate::application::{
    Activate, AirGapAnswer, AirGapRequest, Credential, DeviceRequest, RenewActivation, UseCaseError,
};
use crate::domain::{ActivationId, MerchantId, Refusal, Scope};

const POINTER: &str = "/request";

#[derive(Deserialize, ToSchema)]
#[schema(as = AirGapFile)]
#[serde(deny_unknown_fields)]
struct FileRequest {
    /// The text of the file, as it came.
    request: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Carried)]
struct CarriedAnswer {
    /// `activated`, `renewed` or `deactivated`.
    #[schema(value_type = CarriedOutcomeForm)]
    outcome: &'static str,
    #[schema(value_type = ActivationIdForm)]
    activation_id: String,
    #[serde(flatten)]
    response: Option<ResponseAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CarriedResponse)]
struct ResponseAnswer {
    /// The file that is carried back.
    response: String,
    certificate: String,
    license_key: String,
    #[schema(value_type = InstantForm)]
    renew_after: String,
    status_lists: Vec<String>,
}

/// What a file brought about.
pub enum Carried {
    /// A response is carried back.
    Answered { is_new: bool, product: String, answer: Box<AirGapAnswer> },
    /// The place is free.
    Deactivated(ActivationId),
}

/// Why a file was not taken.
pub enum CarriedFault {
    /// It was damaged on its way.
    Damaged(ArmourError),
    /// Everything else.
    Api(ApiError),
}

impl From<ApiError> for CarriedFault {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<UseCaseError> for CarriedFault {
    fn from(error: UseCaseError) -> Self {
        Self::Api(error.into())
    }
}

impl From<CarriedFault> for ApiError {
    fn from(fault: CarriedFault) -> Self {
        match fault {
            CarriedFault::Damaged(damage) => Self::invalid(POINTER, damage.to_string()),
            CarriedFault::Api(error) => error,
        }
    }
}

/// A file that a machine without network has written: a request is answered, a deactivation is taken.
#[utoipa::path(
    post, path = "/v1/air-gap",
    request_body = FileRequest,
    responses((status = 200, description = "Renewed, or deactivated.", body = CarriedAnswer), (status = 201, description = "A new place.", body = CarriedAnswer), (status = 401), (status = 403), (status = 409)),
)]
pub async fn answer(State(state): State<HttpState>, body: Bytes) -> Reply {
    let request: FileRequest = body::parse(&body)?;
    presented(state.take_carried(&request.request, None).await?)
}

/// The same for the merchant, whose license it must be.
#[utoipa::path(
    post, path = "/v1/merchant/air-gap-requests",
    request_body = FileRequest,
    responses((status = 200, description = "Renewed, or deactivated.", body = CarriedAnswer), (status = 201, description = "A new place.", body = CarriedAnswer), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn answer_for_merchant(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let request: FileRequest = body::parse(&body)?;
    presented(state.take_carried(&request.request, Some(&caller.merchant)).await?)
}

fn presented(carried: Carried) -> Reply {
    let (status, answer) = match carried {
        Carried::Deactivated(activation) => {
            let activation_id = activation.to_string();
            (StatusCode::OK, CarriedAnswer { outcome: "deactivated", activation_id, response: None })
        }
        Carried::Answered { is_new, product, answer } => {
            let response = response_file(&product, &answer);
            let AirGapAnswer { activated, status_lists, key_set: _ } = *answer;
            let (status, outcome) =
                if is_new { (StatusCode::CREATED, "activated") } else { (StatusCode::OK, "renewed") };
            let response = ResponseAnswer {
                response,
                certificate: activated.certificate,
                license_key: activated.license_key,
                renew_after: instant(activated.renew_after),
                status_lists,
            };
            let activation_id = activated.activation.to_string();
            (status, CarriedAnswer { outcome, activation_id, response: Some(response) })
        }
    };
    let response: Response = (status, Json(answer)).into_response();
    Ok(response)
}

/// The file that is carried back: certificate, license key, key set, status lists.
pub fn response_file(product: &str, answer: &AirGapAnswer) -> String {
    let activated = &answer.activated;
    let renew_after = instant(activated.renew_after);
    let notes = [("Product", product), ("Purpose", "response"), ("Renew after", renew_after.as_str())];
    let mut tokens = vec![
        (TokenType::Activation, activated.certificate.as_str()),
        (TokenType::License, activated.license_key.as_str()),
    ];
    tokens.extend(answer.key_set.iter().map(|set| (TokenType::KeySet, set.as_str())));
    tokens.extend(answer.status_lists.iter().map(|list| (TokenType::StatusList, list.as_str())));
    armour::write(&notes, &tokens)
}

impl HttpState {
    /// Takes a file: its own signature and the license's come before anything is looked up. `merchant`: whose it must be.
    pub(super) async fn take_carried(
        &self,
        file: &str,
        merchant: Option<&MerchantId>,
    ) -> Result<Carried, CarriedFault> {
        let tokens = armour::read(file, REQUEST_FILE_MAX_BYTES).map_err(CarriedFault::Damaged)?;
        let (text, certificate) = match tokens.as_slice() {
            [text] => (text, None),
            [text, certificate] => (text, Some(certificate.as_str())),
            _other => {
                return Err(invalid("a file has one request, and the certificate that it is about").into());
            }
        };
        let request = VerifiedRequest::read(text)
            .map_err(|refusal| invalid(&format!("no license-activation-request+jwt ({refusal})")))?;
        match request.claims.ask {
            Ask::Activate => {
                let token = request.claims.token.as_deref();
                let token =
                    token.ok_or_else(|| invalid("lic.token is missing: the license key or claim code"))?;
                let holder = of_merchant(self.holder(token).await?, merchant)?;
                self.activate_carried(holder, text, &request).await
            }
            Ask::Renew => {
                let shown = self.certificate_of(certificate, merchant).await?;
                self.renew_carried(shown, text, &request).await
            }
            Ask::Release => {
                let shown = self.certificate_of(certificate, merchant).await?;
                self.release_carried(shown, text).await
            }
        }
    }

    async fn certificate_of(
        &self,
        certificate: Option<&str>,
        merchant: Option<&MerchantId>,
    ) -> Result<CertificateHolder, ApiError> {
        let text = certificate.ok_or_else(|| invalid("the certificate is missing behind the request"))?;
        let shown = self.certificate_holder(text).await?;
        Ok(CertificateHolder { holder: of_merchant(shown.holder, merchant)?, ..shown })
    }

    async fn activate_carried(
        &self,
        holder: Holder,
        text: &str,
        request: &VerifiedRequest,
    ) -> Result<Carried, CarriedFault> {
        let expected = Expected { pointer: POINTER, ask: Ask::Activate, activation: None, nonce: None };
        let proof = Proof::read(text, &holder, &expected)?;
        let command = Activate {
            machine: proof.machine(),
            device: DeviceRequest { proof: Some(proof.with_ledger(None)?), ..DeviceRequest::default() },
            merchant: holder.merchant,
            license: holder.license,
            token_id: holder.token_id,
            name: request.claims.name.clone().unwrap_or_default(),
            nonce: request.claims.jti.clone(),
        };
        let answer = self.app.answer_air_gap_request(&AirGapRequest::Activate(command)).await?;
        let is_new = answer.activated.is_new;
        Ok(Carried::Answered { is_new, product: holder.product, answer: Box::new(answer) })
    }

    async fn renew_carried(
        &self,
        shown: CertificateHolder,
        text: &str,
        request: &VerifiedRequest,
    ) -> Result<Carried, CarriedFault> {
        let CertificateHolder { holder, activation, generation, enrolled } = shown;
        let proof = read_proof(text, &holder, Ask::Renew, &activation)?;
        let machine = Some(proof.machine()).filter(|machine| !machine.components.is_empty());
        let command = RenewActivation {
            device: DeviceRequest { proof: Some(proof.with_ledger(None)?), ..DeviceRequest::default() },
            machine,
            merchant: holder.merchant,
            license: holder.license,
            activation,
            credential: Credential::Certificate { generation, enrolled },
            nonce: request.claims.jti.clone(),
        };
        let answer = self.app.answer_air_gap_request(&AirGapRequest::Renew(command)).await?;
        Ok(Carried::Answered { is_new: false, product: holder.product, answer: Box::new(answer) })
    }

    async fn release_carried(&self, shown: CertificateHolder, text: &str) -> Result<Carried, CarriedFault> {
        let CertificateHolder { holder, activation, generation, .. } = shown;
        let proof = read_proof(text, &holder, Ask::Release, &activation)?.with_ledger(None)?;
        let device = DeviceRequest { proof: Some(proof), ..DeviceRequest::default() };
        let (merchant, license) = (&holder.merchant, &holder.license);
        self.app.release_activation(merchant, license, &activation, generation, &device).await?;
        Ok(Carried::Deactivated(activation))
    }
}

fn read_proof(text: &str, holder: &Holder, ask: Ask, activation: &ActivationId) -> Result<Proof, ApiError> {
    let expected = Expected { pointer: POINTER, ask, activation: Some(activation.as_str()), nonce: None };
    Proof::read(text, holder, &expected)
}

/// Foreign and unknown alike.
fn of_merchant(holder: Holder, merchant: Option<&MerchantId>) -> Result<Holder, ApiError> {
    match merchant {
        Some(merchant) if *merchant != holder.merchant => Err(Refusal::LicenseKeyRefused.into()),
        Some(_) | None => Ok(holder),
    }
}

fn invalid(why: &str) -> ApiError {
    ApiError::invalid(POINTER, why)
}
