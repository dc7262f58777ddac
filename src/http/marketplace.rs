//! Production addresses: raw requests go to the channel's protocol, its answers leave byte for byte. Every call is counted
//! and noted with its cause; that is decided after the answer is, and changes nothing of it.
//!
//! Nothing here logs a query string: it carries the signature, and with the older families the whole order.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::call_metrics::{CallLabels, UNKNOWN, channel_label};
use super::call_wording::cause_words;
use super::error::ApiError;
use super::language::Language;
use super::path::PathOf;
use super::reply::Reply;
use super::state::HttpState;
use crate::application::ports::StoreError;
use crate::application::{
    AnsweredCall, CallSigner, CallSubject, PurchaseAnswer, PurchaseCall, ReplayIdentity, UseCaseError,
};
use crate::domain::{
    AccessKeyRef, AccessKeyUse, CallCause, Channel, ChannelId, MerchantId, OurFault, PurchaseEvent,
    PurchaseOutcome, call_text,
};
pub use crate::marketplace::ActivityGuide;
use crate::marketplace::{
    AccessKey, Call, CallRefusal, Diagnosis, Ground, Protocol, RawAnswer, RawRequest, RefusalCause, Suspect,
    Suspicion, diagnose, is_worth_a_look, named_method, plain_cause, protocol_for,
};

/// Longest body that is handed to a protocol, which judges by its own, lower limit.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most keys that are tried to explain a refusal.
const SUSPECTS_MAX: usize = 16;

/// What may be asked at the address of a channel of this protocol, each with what to fill in to try it out.
pub fn guides_of(protocol: &str) -> Vec<ActivityGuide> {
    protocol_for(protocol).map(Protocol::guides).unwrap_or_default()
}

/// One production address, ready to be spoken through.
struct Address {
    merchant: MerchantId,
    channel: Channel,
    protocol: &'static dyn Protocol,
    wanted: AccessKeyUse,
    keys: Vec<AccessKey>,
    /// References to live keys that cannot be resolved.
    unresolved: Vec<String>,
}

/// `GET|POST /marketplace/{merchant}/{channel}`
pub async fn receive(
    State(state): State<HttpState>,
    PathOf((merchant, channel)): PathOf<(String, String)>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    answer(&state, (&merchant, &channel, ""), &parts, &body).await
}

/// `GET|POST /marketplace/{merchant}/{channel}/{*tail}`
pub async fn receive_below(
    State(state): State<HttpState>,
    PathOf((merchant, channel, tail)): PathOf<(String, String, String)>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    answer(&state, (&merchant, &channel, &tail), &parts, &body).await
}

/// A call is answered within this, whatever the store does: the marketplace gives up after 5 s.
const ANSWER_TIME: Duration = Duration::from_secs(4);

async fn answer(
    state: &HttpState,
    (merchant, channel, path_tail): (&str, &str, &str),
    parts: &Parts,
    body: &[u8],
) -> Reply {
    let begun = Instant::now();
    let deadline = begun + ANSWER_TIME;
    let address =
        tokio::time::timeout_at(deadline.into(), address(state, merchant, channel, path_tail)).await;
    let address = match address.unwrap_or(Err(ApiError::TimedOut { changes: false })) {
        Ok(address) => address,
        Err(error) => {
            nowhere(state, (merchant, channel), &error, begun);
            return Err(error);
        }
    };
    let mut open = OpenCall::of(state, &address, begun);
    let headers = |name: &str| only_header(parts, name);
    let raw = RawRequest {
        method: parts.method.as_str(),
        path_tail,
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        body,
    };
    let answer = match address.protocol.read(&raw, &address.keys, state.app.now()) {
        Ok(call) => {
            open.let_in(&address, &call);
            let answering = address.answer(state, &raw, &call, &mut open);
            match tokio::time::timeout_at(deadline.into(), answering).await {
                Ok(answer) => answer,
                // It may be done all the same; the marketplace calls again, and hears what became of it.
                Err(_elapsed) => {
                    open.cause = Some(CallCause::Unavailable { fault: OurFault::StoreUnsure });
                    address.protocol.answer(&call, &PurchaseOutcome::Unavailable, &address.keys)
                }
            }
        }
        Err(refusal) => {
            let refusing = address.refuse(state, &raw, &refusal, &mut open);
            let refused = tokio::time::timeout_at(deadline.into(), refusing).await;
            refused.unwrap_or_else(|_elapsed| address.protocol.refuse(&refusal, &address.keys))
        }
    };
    open.finish(&answer);
    Ok(sent(&address, answer))
}

/// Unknown merchants, unknown channels and protocols that nobody speaks look the same.
async fn address(
    state: &HttpState,
    merchant: &str,
    channel: &str,
    path_tail: &str,
) -> Result<Address, ApiError> {
    let unknown = || ApiError::not_found("production address");
    let merchant = MerchantId::parse(merchant).map_err(|_| unknown())?;
    let channel = ChannelId::parse(channel).map_err(|_| unknown())?;
    let channel = state.channel(&merchant, &channel).await?.ok_or_else(unknown)?;
    let protocol = protocol_for(&channel.protocol.0).ok_or_else(unknown)?;
    let wanted = protocol.key_use(path_tail);
    let (keys, unresolved) = access_keys(state, (&merchant, &channel), protocol, wanted);
    Ok(Address { merchant, channel, protocol, wanted, keys, unresolved })
}

/// A header that stands there once.
fn only_header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

/// A key that can be used, or why not.
fn usable(state: &HttpState, protocol: &dyn Protocol, key: &AccessKeyRef) -> Result<AccessKey, String> {
    let secret = state.secrets.resolve(&key.value).map_err(|fault| fault.to_string())?;
    match protocol.key_fault(&secret) {
        Some(fault) => Err(format!("{}: {fault}", key.value)),
        None => Ok(AccessKey { id: key.id.clone(), secret }),
    }
}

/// The live keys of a use, newest first. One that cannot be resolved is left out and named in the log: the others
/// still let calls in.
fn access_keys(
    state: &HttpState,
    (merchant, channel): (&MerchantId, &Channel),
    protocol: &dyn Protocol,
    wanted: AccessKeyUse,
) -> (Vec<AccessKey>, Vec<String>) {
    let (mut keys, mut unresolved) = (Vec::new(), Vec::new());
    for key in channel.live_keys(wanted) {
        match usable(state, protocol, key) {
            Ok(key) => keys.push(key),
            Err(fault) => {
                let (key_id, channel) = (&key.id, &channel.id);
                tracing::error!(%merchant, %channel, key = key_id, fault, "an access key cannot be used");
                unresolved.push(call_text(&key.value.to_string()));
            }
        }
    }
    (keys, unresolved)
}

/// There is no channel to note it at: it is counted, and named in the log now and then.
fn nowhere(state: &HttpState, (merchant, channel): (&str, &str), error: &ApiError, begun: Instant) {
    let result_code = error.status().as_u16().to_string();
    let labels = CallLabels { channel: UNKNOWN.to_owned(), activity: UNKNOWN, result_code, test: false };
    state.calls.count(labels, begun.elapsed());
    if state.explaining.take(None) {
        let (merchant, channel) = (call_text(merchant), call_text(channel));
        tracing::warn!(merchant, channel, code = error.code(), "called at an address that cannot answer");
    }
}

impl Address {
    async fn answer(
        &self,
        state: &HttpState,
        raw: &RawRequest<'_>,
        call: &Call,
        open: &mut OpenCall,
    ) -> RawAnswer {
        if call.test {
            let outcome = call.dial_test_outcome(&state.app.signer().portal_url());
            open.cause = cause_of(&outcome);
            return self.protocol.answer(call, &outcome, &self.keys);
        }
        let purchase_call = PurchaseCall {
            merchant: &self.merchant,
            channel: &self.channel,
            replay: call.replay.map(|replay| ReplayIdentity {
                digest: replay.digest,
                request: replay.request,
                keep_until: replay.keep_until,
                repeat: replay.repeat,
            }),
            occurred_at: call.occurred_at,
            now: state.app.now(),
        };
        match state.app.handle_purchase_event(&purchase_call, call.event.clone()).await {
            Ok(PurchaseAnswer::Outcome(outcome)) => {
                open.cause = self.cause_of(state, call, &outcome).await;
                self.protocol.answer(call, &outcome, &self.keys)
            }
            Ok(PurchaseAnswer::NonceReused) => {
                self.refuse(state, raw, &call.refused(RefusalCause::NonceReused), open).await
            }
            Err(error) => {
                let (outcome, cause) = self.outcome_of(&error, call);
                open.cause = Some(cause);
                self.protocol.answer(call, &outcome, &self.keys)
            }
        }
    }

    /// A refusal contradicts what is known; anything else is ours, and the marketplace tries again.
    fn outcome_of(&self, error: &UseCaseError, call: &Call) -> (PurchaseOutcome, CallCause) {
        let (merchant, channel, activity) = (&self.merchant, &self.channel.id, call.activity);
        let fault = match error {
            UseCaseError::Refused(refusal) => {
                tracing::warn!(%merchant, %channel, activity, %refusal, "a call contradicts what is known");
                let why = call_text(&refusal.to_string());
                return (PurchaseOutcome::InvalidParameter, CallCause::Contradiction { why });
            }
            UseCaseError::Store(StoreError::Busy | StoreError::Moving) => OurFault::StoreBusy,
            UseCaseError::Store(StoreError::NoRoom) => OurFault::StoreFull,
            UseCaseError::Store(StoreError::Conflict) => OurFault::StoreContended,
            UseCaseError::Store(StoreError::OutcomeUnknown) => OurFault::StoreUnsure,
            UseCaseError::Store(StoreError::Failed(_)) => OurFault::StoreFailed,
            UseCaseError::Signing(_) => OurFault::SigningFailed,
        };
        tracing::error!(%merchant, %channel, activity, %error, "a call could not be done");
        (PurchaseOutcome::Unavailable, CallCause::Unavailable { fault })
    }

    /// Why an outcome is no success; of what is in progress also what it waits for.
    async fn cause_of(&self, state: &HttpState, call: &Call, outcome: &PurchaseOutcome) -> Option<CallCause> {
        let cause = cause_of(outcome)?;
        let instance = match (&cause, outcome, &call.event) {
            (CallCause::InProgress, PurchaseOutcome::Accepted { instance_id, .. }, _) => instance_id,
            (CallCause::InProgress, _, PurchaseEvent::Queried { instance_ids }) => instance_ids.first()?,
            (CallCause::InProgress, _, PurchaseEvent::Applied { instance_id, .. }) => instance_id,
            _ => return Some(cause),
        };
        Some(state.app.explain_progress(&self.merchant, &self.channel, instance).await)
    }

    /// The answer comes first; nothing that is found afterwards changes it.
    async fn refuse(
        &self,
        state: &HttpState,
        raw: &RawRequest<'_>,
        refusal: &CallRefusal,
        open: &mut OpenCall,
    ) -> RawAnswer {
        let answer = self.protocol.refuse(refusal, &self.keys);
        let Diagnosis { cause, signer } = self.explained(state, raw, refusal).await;
        let (merchant, channel, activity) = (&self.merchant, &self.channel.id, refusal.activity);
        let words = cause_words(&cause, Language::English);
        tracing::warn!(%merchant, %channel, activity, test = refusal.test, cause = words, "a call was refused");
        open.activity = refusal.activity;
        open.test = refusal.test;
        open.cause = Some(cause);
        if let Some(key) = refusal.signed_by.and_then(|place| self.keys.get(place)) {
            open.signer = Some(self.signer(&key.id));
        } else if let Some(id) = signer {
            open.signer = Some(CallSigner { id, let_in_as: None });
        }
        answer
    }

    /// A live key that let a call in.
    fn signer(&self, id: &str) -> CallSigner {
        let key = self.channel.live_keys(self.wanted).find(|key| key.id == id);
        CallSigner { id: id.to_owned(), let_in_as: key.map(|key| (key.used_for, key.value.clone())) }
    }

    async fn explained(&self, state: &HttpState, raw: &RawRequest<'_>, refusal: &CallRefusal) -> Diagnosis {
        let ground =
            Ground { keys: &self.keys, unresolved: &self.unresolved, wanted: self.wanted, suspects: &[] };
        let looks = is_worth_a_look(&refusal.cause)
            && state.explaining.take(Some((&self.merchant, &self.channel.id)));
        if !looks {
            let cause = plain_cause(self.protocol, raw, refusal, &ground);
            return Diagnosis { cause, signer: None };
        }
        let suspects = self.suspects(state).await;
        diagnose(self.protocol, raw, refusal, &Ground { suspects: &suspects, ..ground }, state.app.now())
    }

    /// Every other key of the merchant: this channel's retired ones first, then its other ones, then other channels'.
    async fn suspects(&self, state: &HttpState) -> Vec<Suspect> {
        let others = state.app.channels(&self.merchant).await.unwrap_or_default();
        let own = self.channel.access_keys.iter();
        let (retired, live): (Vec<_>, Vec<_>) = own.partition(|key| key.retired);
        let of_other_use = live.into_iter().filter(|key| key.used_for != self.wanted);
        let here = retired.into_iter().map(|key| (key, Suspicion::Retired));
        let here = here.chain(of_other_use.map(|key| (key, Suspicion::OtherUse(key.used_for))));
        let elsewhere = others.iter().filter(|other| other.id != self.channel.id).flat_map(|other| {
            let keys = other.access_keys.iter().filter(|key| !key.retired);
            keys.map(|key| (key, Suspicion::OtherChannel(other.id.clone())))
        });
        let resolved = here.chain(elsewhere).filter_map(|(key, suspicion)| {
            Some(Suspect { key: usable(state, self.protocol, key).ok()?, suspicion })
        });
        resolved.take(SUSPECTS_MAX).collect()
    }
}

/// Why an outcome is no success.
fn cause_of(outcome: &PurchaseOutcome) -> Option<CallCause> {
    match outcome {
        PurchaseOutcome::Done
        | PurchaseOutcome::Accepted { ready: true, .. }
        | PurchaseOutcome::Delivered { .. }
        | PurchaseOutcome::Instances(_) => None,
        PurchaseOutcome::Accepted { ready: false, .. } | PurchaseOutcome::Processing => {
            Some(CallCause::InProgress)
        }
        PurchaseOutcome::InstanceUnknown => Some(CallCause::InstanceUnknown),
        PurchaseOutcome::Unavailable => Some(CallCause::Unavailable { fault: OurFault::StoreFailed }),
        PurchaseOutcome::InvalidParameter => {
            Some(CallCause::Contradiction { why: "another order stands there already".to_owned() })
        }
        PurchaseOutcome::NoPlaceFree => Some(CallCause::NoPlaceFree),
        PurchaseOutcome::OutsideValidity => Some(CallCause::OutsideValidity),
        PurchaseOutcome::EndRequired => Some(CallCause::EndRequired),
        PurchaseOutcome::FingerprintRequired => Some(CallCause::FingerprintRequired),
        PurchaseOutcome::ChangeRefused => Some(CallCause::ChangeRefused),
    }
}

/// A call that is being answered. Dropped unfinished it is noted as cut off: the caller hung up, or the time was over; or as
/// ours, when something broke.
struct OpenCall {
    state: HttpState,
    merchant: MerchantId,
    channel: ChannelId,
    begun: Instant,
    activity: Option<&'static str>,
    test: bool,
    signer: Option<CallSigner>,
    subject: CallSubject,
    cause: Option<CallCause>,
    is_finished: bool,
}

impl OpenCall {
    fn of(state: &HttpState, address: &Address, begun: Instant) -> Self {
        Self::at(state, (address.merchant.clone(), address.channel.id.clone()), begun)
    }

    fn at(state: &HttpState, (merchant, channel): (MerchantId, ChannelId), begun: Instant) -> Self {
        let (state, subject) = (state.clone(), CallSubject::default());
        let (activity, signer, cause) = (None, None, None);
        let (test, is_finished) = (false, false);
        Self { state, merchant, channel, begun, activity, test, signer, subject, cause, is_finished }
    }

    fn let_in(&mut self, address: &Address, call: &Call) {
        self.activity = Some(call.activity);
        self.test = call.test;
        self.subject = CallSubject::of(&call.event, address.channel.protocol.has_authorization_codes());
        let key = address.keys.get(call.signed_by);
        self.signer = key.map(|key| address.signer(&key.id));
    }

    fn finish(mut self, answer: &RawAnswer) {
        if let Some(fault) = &answer.fault {
            self.cause = Some(CallCause::AnswerUnfit { why: call_text(fault) });
        }
        self.note(answer.status, answer.result_code);
    }

    fn note(&mut self, status: u16, result_code: Option<&'static str>) {
        self.is_finished = true;
        let took = self.begun.elapsed();
        let labels = CallLabels {
            channel: channel_label(&self.merchant, &self.channel),
            activity: self.activity.unwrap_or(UNKNOWN),
            result_code: result_code.map_or_else(|| status.to_string(), str::to_owned),
            test: self.test,
        };
        self.state.calls.count(labels, took);
        self.state.app.record_call(AnsweredCall {
            merchant: self.merchant.clone(),
            channel: self.channel.clone(),
            activity: self.activity,
            test: self.test,
            status,
            result_code,
            took,
            signer: self.signer.take(),
            cause: self.cause.take(),
            subject: std::mem::take(&mut self.subject),
        });
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        if std::thread::panicking() {
            self.cause = Some(CallCause::Unavailable { fault: OurFault::Broken });
            self.note(StatusCode::INTERNAL_SERVER_ERROR.as_u16(), None);
        } else {
            self.cause = Some(CallCause::CutOff);
            self.note(0, None);
        }
    }
}

/// Around the production addresses: what is turned away before any protocol sees it is noted too.
pub async fn watch(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let (begun, method) = (Instant::now(), request.method().clone());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let cause = match response.extensions().get::<ApiError>() {
        Some(ApiError::TooLarge { max_bytes }) => {
            Some(CallCause::BodyTooLarge { limit: u64::try_from(*max_bytes).unwrap_or(u64::MAX) })
        }
        Some(ApiError::MethodNotAllowed) => None,
        _ => return response,
    };
    let mut ids = path.trim_start_matches('/').split('/').skip(1);
    let (merchant, channel) = (ids.next().unwrap_or_default(), ids.next().unwrap_or_default());
    if let Ok(address) = address(&state, merchant, channel, "").await {
        let wrong_method = || CallCause::WrongMethod {
            method: named_method(method.as_str()),
            protocol: address.protocol.name().to_owned(),
            wanted: address.protocol.method().to_owned(),
            looks_like: None,
        };
        let mut open = OpenCall::of(&state, &address, begun);
        open.cause = Some(cause.unwrap_or_else(wrong_method));
        open.note(response.status().as_u16(), None);
    }
    response
}

/// The answer as the protocol worded it.
fn sent(address: &Address, answer: RawAnswer) -> Response {
    let (merchant, channel, result_code) = (&address.merchant, &address.channel.id, answer.result_code);
    if let Some(fault) = &answer.fault {
        tracing::error!(%merchant, %channel, fault, "an answer was not fit to be sent");
    }
    tracing::debug!(%merchant, %channel, result_code, "a call was answered");
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        // The server writes names in title case, which is how the protocol gives them.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
