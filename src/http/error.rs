//! Refusals and failures as `application/problem+json` (RFC 9457): the one place that chooses a status.
//!
//! A handler returns an [`ApiError`]; it travels with the response as an extension, and `request_scope`, which
//! knows the reader's language and the request's id, has it presented here.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::language::Language;
use super::openapi::forms::{AmountForm, InstantForm, NextActionForm, ProblemCodeForm};
use super::{reply, wording};
use crate::application::ports::{SigningError, StoreError};
use crate::application::{ApplyFault, ApplyMistake, UseCaseError};
use crate::domain::{NextAction, Refusal};

/// Why a request gets no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiError {
    /// The rules say no.
    Refused(Refusal),
    /// An apply file has mistakes.
    Mistakes(Vec<ApplyMistake>),
    /// Some items of a request have mistakes.
    ItemMistakes(Vec<ItemMistake>),
    /// The body is no JSON, or nested too deep.
    MalformedJson,
    /// The body names a member twice; the pointer is the second one's.
    DuplicateMember { pointer: String },
    /// The body is too long.
    TooLarge { max_bytes: usize },
    /// The path is right, the method is not.
    MethodNotAllowed,
    /// The store did not do it.
    Store(StoreError),
    /// Something could not be signed.
    Signing(SigningError),
    /// It took too long; `changes` when it may have been done all the same.
    TimedOut { changes: bool },
    /// It was changed since the caller read it; what its address shows now, as JSON, where that is not too long.
    Changed { current_revision: Option<u64>, current: Option<String> },
    /// The same request is being answered at this moment.
    StillRunning,
    /// Too many requests.
    RateLimited { retry_after_secs: u32 },
    /// A handler panicked.
    Panicked,
}

/// What is wrong with one member of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemMistake {
    /// A JSON pointer into the request.
    pub pointer: String,
    /// What is wrong, in words.
    pub message: String,
}

impl From<UseCaseError> for ApiError {
    fn from(error: UseCaseError) -> Self {
        match error {
            UseCaseError::Refused(refusal) => Self::Refused(refusal),
            UseCaseError::Store(error) => Self::Store(error),
            UseCaseError::Signing(error) => Self::Signing(error),
        }
    }
}

impl From<ApplyFault> for ApiError {
    fn from(fault: ApplyFault) -> Self {
        match fault {
            ApplyFault::Mistakes(mistakes) => Self::Mistakes(mistakes),
            ApplyFault::UseCase(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl ApiError {
    /// Something in the request breaks a rule.
    pub fn invalid(pointer: &str, why: impl Into<String>) -> Self {
        Self::Refused(Refusal::Invalid { pointer: pointer.to_owned(), why: why.into() })
    }

    /// Nothing of that name, or it belongs to someone else.
    pub fn not_found(what: &'static str) -> Self {
        Self::Refused(Refusal::NotFound { what })
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => status_of(refusal),
            Self::Mistakes(_) | Self::ItemMistakes(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::MalformedJson | Self::DuplicateMember { .. } => StatusCode::BAD_REQUEST,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Store(_) | Self::Signing(_) | Self::TimedOut { .. } | Self::StillRunning => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code in answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Mistakes(_) | Self::ItemMistakes(_) => "invalid_request",
            Self::MalformedJson => "malformed_json",
            Self::DuplicateMember { .. } => "duplicate_member",
            Self::TooLarge { .. } => "too_large",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Store(StoreError::OutcomeUnknown)
            | Self::TimedOut { changes: true }
            | Self::StillRunning => "outcome_unknown",
            Self::Changed { .. } => "revision_conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::Store(
                StoreError::Conflict
                | StoreError::Busy
                | StoreError::NoRoom
                | StoreError::Moving
                | StoreError::Failed(_),
            )
            | Self::Signing(_)
            | Self::TimedOut { changes: false } => "unavailable",
            Self::Panicked => "internal_error",
        }
    }

    fn next_action(&self) -> Option<NextAction> {
        match self {
            Self::Refused(refusal) => refusal.next_action(),
            Self::Store(_)
            | Self::Signing(_)
            | Self::TimedOut { .. }
            | Self::StillRunning
            | Self::RateLimited { .. }
            | Self::Changed { .. }
            | Self::Panicked => Some(NextAction::Retry),
            Self::Mistakes(_)
            | Self::ItemMistakes(_)
            | Self::MalformedJson
            | Self::DuplicateMember { .. }
            | Self::TooLarge { .. }
            | Self::MethodNotAllowed => None,
        }
    }

    /// When to ask again, if asking again may help.
    fn retry_after_secs(&self) -> Option<u32> {
        match self {
            Self::Store(StoreError::Conflict | StoreError::Busy | StoreError::OutcomeUnknown)
            | Self::TimedOut { .. }
            | Self::StillRunning => Some(1),
            Self::RateLimited { retry_after_secs } => Some(*retry_after_secs),
            Self::Store(StoreError::Moving | StoreError::Failed(_)) | Self::Signing(_) => Some(5),
            // Somebody has to make room.
            Self::Store(StoreError::NoRoom) => Some(60),
            Self::Refused(_)
            | Self::Mistakes(_)
            | Self::ItemMistakes(_)
            | Self::MalformedJson
            | Self::DuplicateMember { .. }
            | Self::TooLarge { .. }
            | Self::MethodNotAllowed
            | Self::Changed { .. }
            | Self::Panicked => None,
        }
    }

    fn pointer(&self) -> Option<&str> {
        match self {
            Self::Refused(
                Refusal::Invalid { pointer, .. }
                | Refusal::QuotaExhausted { pointer, .. }
                | Refusal::UsageTooOld { pointer, .. },
            )
            | Self::DuplicateMember { pointer } => Some(pointer),
            Self::Mistakes(mistakes) => mistakes.first().map(|mistake| mistake.pointer.as_str()),
            Self::ItemMistakes(mistakes) => mistakes.first().map(|mistake| mistake.pointer.as_str()),
            Self::Refused(_)
            | Self::MalformedJson
            | Self::TooLarge { .. }
            | Self::MethodNotAllowed
            | Self::Store(_)
            | Self::Signing(_)
            | Self::TimedOut { .. }
            | Self::StillRunning
            | Self::RateLimited { .. }
            | Self::Changed { .. }
            | Self::Panicked => None,
        }
    }

    /// What broke, for the log; a refusal is no failure.
    fn log(&self, request_id: &str) {
        match self {
            Self::Store(error) => tracing::error!(request_id, error = %error, "the store did not do it"),
            Self::Signing(error) => tracing::error!(request_id, error = %error, "nothing was signed"),
            Self::TimedOut { .. } => tracing::error!(request_id, "the request took too long"),
            Self::Panicked => tracing::error!(request_id, "a handler panicked"),
            Self::Refused(_)
            | Self::Mistakes(_)
            | Self::ItemMistakes(_)
            | Self::MalformedJson
            | Self::DuplicateMember { .. }
            | Self::TooLarge { .. }
            | Self::StillRunning
            | Self::RateLimited { .. }
            | Self::Changed { .. }
            | Self::MethodNotAllowed => {}
        }
    }

    /// The answer as this reader reads it. Failures are logged here, once.
    pub fn present(&self, language: Language, request_id: &str) -> Response {
        self.log(request_id);
        let status = self.status();
        let problem = Problem {
            r#type: format!("urn:lictor:problem:{}", self.code()),
            title: wording::title(self, language),
            status: status.as_u16(),
            code: self.code(),
            reason: wording::reason(self, language),
            next_action: self.next_action().map(NextAction::as_str),
            pointer: self.pointer(),
            current_revision: self.current_revision(),
            current: self.current(),
            place: self.place(),
            mistakes: self.mistakes(language),
            exhausted: self.exhausted(),
            request_id,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        headers.extend(self.headers());
        response
    }

    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        if let Some(secs) = self.retry_after_secs() {
            headers.push((header::RETRY_AFTER, HeaderValue::from(secs)));
        }
        if matches!(self, Self::TooLarge { .. }) {
            // What was not read stands in the way of the next request.
            headers.push((header::CONNECTION, HeaderValue::from_static("close")));
        }
        if let Some(scheme) = self.wanted_scheme() {
            headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme)));
        }
        headers
    }

    /// RFC 9110 §11.6.1: a 401 says what it wants.
    fn wanted_scheme(&self) -> Option<&'static str> {
        let Self::Refused(refusal) = self else { return None };
        if *refusal == Refusal::TokenRefused {
            Some("Bearer")
        } else {
            (*refusal == Refusal::LicenseKeyRefused).then_some("License")
        }
    }

    fn current(&self) -> Option<Box<RawValue>> {
        let Self::Changed { current, .. } = self else { return None };
        RawValue::from_string(current.clone()?).ok()
    }

    fn current_revision(&self) -> Option<u64> {
        match self {
            Self::Refused(Refusal::RevisionConflict { current }) => Some(*current),
            Self::Changed { current_revision, .. } => *current_revision,
            _others => None,
        }
    }

    fn place(&self) -> Option<PlaceLine> {
        let Self::Refused(Refusal::LedgerRefused(place)) = self else { return None };
        Some(PlaceLine { seq: place.seq, fault: place.fault.as_str() })
    }

    fn exhausted(&self) -> Option<Exhausted<'_>> {
        let Self::Refused(Refusal::QuotaExhausted { metric, left, window_ends_at, resets_at, .. }) = self
        else {
            return None;
        };
        Some(Exhausted {
            metric,
            left: reply::amount(*left),
            window_ends_at: window_ends_at.map(reply::instant),
            resets_at: resets_at.map(reply::instant),
        })
    }

    fn mistakes(&self, language: Language) -> Option<Vec<MistakeLine<'_>>> {
        match self {
            Self::Mistakes(mistakes) => {
                Some(mistakes.iter().map(|it| MistakeLine::of(it, language)).collect())
            }
            Self::ItemMistakes(mistakes) => {
                Some(mistakes.iter().map(|it| MistakeLine::of_item(it, language)).collect())
            }
            Self::Refused(_)
            | Self::MalformedJson
            | Self::DuplicateMember { .. }
            | Self::TooLarge { .. }
            | Self::MethodNotAllowed
            | Self::Store(_)
            | Self::Signing(_)
            | Self::TimedOut { .. }
            | Self::StillRunning
            | Self::RateLimited { .. }
            | Self::Changed { .. }
            | Self::Panicked => None,
        }
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::LicenseKeyRefused | Refusal::TokenRefused => StatusCode::UNAUTHORIZED,
        Refusal::ScopeMissing { .. }
        | Refusal::LicenseExpired
        | Refusal::LicenseSuspended
        | Refusal::LicenseReleased
        | Refusal::LicenseRevoked
        | Refusal::LicenseSuperseded
        | Refusal::LicenseNotStarted
        | Refusal::AwaitsActivation
        | Refusal::AwaitsAcceptance
        | Refusal::MachineMismatch => StatusCode::FORBIDDEN,
        Refusal::NotFound { .. } => StatusCode::NOT_FOUND,
        Refusal::MachineLimitReached { .. }
        | Refusal::CloneSuspected
        | Refusal::LedgerRefused(_)
        | Refusal::ActivationEnded
        | Refusal::AirGapAnswered
        | Refusal::MovesExhausted { .. }
        | Refusal::OrderNotHeld { .. }
        | Refusal::SkuTaken { .. }
        | Refusal::SpecUnfit { .. }
        | Refusal::OrderNotTaken { .. }
        | Refusal::IllegalState { .. }
        | Refusal::KeyRefused { .. }
        | Refusal::QuotaExhausted { .. }
        | Refusal::IdempotencyConflict => StatusCode::CONFLICT,
        Refusal::RevisionConflict { .. } => StatusCode::PRECONDITION_FAILED,
        Refusal::Invalid { .. } | Refusal::UsageTooOld { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// What goes wrong (RFC 9457). `code` is stable; `title` and `reason` are for people, in their language.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    #[schema(value_type = ProblemCodeForm)]
    code: &'static str,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NextActionForm>, nullable = false)]
    next_action: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    /// A JSON pointer (RFC 6901) into the request; a query parameter is pointed at as if the query were an object.
    #[schema(nullable = false)]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    current_revision: Option<u64>,
    /// With 412: what the address of what was to be changed shows now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    current: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    place: Option<PlaceLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    mistakes: Option<Vec<MistakeLine<'a>>>,
    #[serde(flatten)]
    exhausted: Option<Exhausted<'a>>,
    request_id: &'a str,
}

/// Where a usage ledger is wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerPlace)]
struct PlaceLine {
    seq: u64,
    fault: &'static str,
}

/// What is left of a metric when more was asked for.
#[derive(Serialize, ToSchema)]
struct Exhausted<'a> {
    metric: &'a str,
    #[schema(value_type = AmountForm)]
    left: Box<RawValue>,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    resets_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Mistake)]
struct MistakeLine<'a> {
    /// Of a file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    line: Option<usize>,
    pointer: &'a str,
    message: String,
}

impl<'a> MistakeLine<'a> {
    fn of(mistake: &'a ApplyMistake, language: Language) -> Self {
        let message = wording::rule(&mistake.message, language);
        Self { line: Some(mistake.line), pointer: &mistake.pointer, message }
    }

    fn of_item(mistake: &'a ItemMistake, language: Language) -> Self {
        Self { line: None, pointer: &mistake.pointer, message: wording::rule(&mistake.message, language) }
    }
}

impl IntoResponse for ApiError {
    /// Status and error only: `request_scope` has it presented.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
