//! Production addresses: raw requests go to the channel's protocol, its answers leave byte for byte.
//!
//! Nothing here logs a query string: it carries the signature, and with the older families the whole order.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::error::ApiError;
use super::path::PathOf;
use super::reply::Reply;
use super::state::HttpState;
use crate::application::{PurchaseAnswer, PurchaseCall, ReplayIdentity, UseCaseError};
use crate::domain::{AccessKeyRef, AccessKeyUse, Channel, ChannelId, MerchantId, PurchaseOutcome};
use crate::marketplace::{
    AccessKey, Call, CallRefusal, Protocol, RawAnswer, RawRequest, RefusalCause, protocol_for,
};

/// Longest body that is handed to a protocol, which judges by its own, lower limit.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// One production address, ready to be spoken through.
struct Address {
    merchant: MerchantId,
    channel: Channel,
    protocol: &'static dyn Protocol,
    keys: Vec<AccessKey>,
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

async fn answer(
    state: &HttpState,
    (merchant, channel, path_tail): (&str, &str, &str),
    parts: &Parts,
    body: &[u8],
) -> Reply {
    let address = address(state, merchant, channel, path_tail).await?;
    let raw = RawRequest {
        method: parts.method.as_str(),
        path_tail,
        query: parts.uri.query().unwrap_or_default(),
        headers: &|name| only_header(parts, name),
        body,
    };
    let answer = match address.protocol.read(&raw, &address.keys, state.app.now()) {
        Ok(call) => address.answer(state, &call).await,
        Err(refusal) => address.refuse(&refusal),
    };
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
    let keys = access_keys(state, &merchant, &channel, protocol, path_tail);
    Ok(Address { merchant, channel, protocol, keys })
}

/// A header that stands there once.
fn only_header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

/// The keys of a use, newest first; where the channel has none for it, those that sign callbacks. One that cannot
/// be resolved is left out and named in the log: the others still let calls in.
fn access_keys(
    state: &HttpState,
    merchant: &MerchantId,
    channel: &Channel,
    protocol: &dyn Protocol,
    path_tail: &str,
) -> Vec<AccessKey> {
    let wanted = protocol.key_use(path_tail);
    let own = channel.access_keys.iter().any(|key| key.used_for == wanted);
    let used_for = if own { wanted } else { AccessKeyUse::Callbacks };
    let keys = channel.access_keys.iter().filter(|key| key.used_for == used_for);
    let usable = |key: &AccessKeyRef| {
        let secret = state.secrets.resolve(&key.value).map_err(|fault| fault.to_string())?;
        match protocol.key_fault(&secret) {
            Some(fault) => Err(format!("{}: {fault}", key.value)),
            None => Ok(AccessKey { id: key.id.clone(), secret }),
        }
    };
    let resolved = keys.filter_map(|key| match usable(key) {
        Ok(key) => Some(key),
        Err(fault) => {
            let (key, channel) = (&key.id, &channel.id);
            tracing::error!(%merchant, %channel, key, fault, "an access key cannot be used");
            None
        }
    });
    resolved.collect()
}

impl Address {
    async fn answer(&self, state: &HttpState, call: &Call) -> RawAnswer {
        if call.test {
            let outcome = call.dial_test_outcome(&state.app.signer().portal_url());
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
            Ok(PurchaseAnswer::Outcome(outcome)) => self.protocol.answer(call, &outcome, &self.keys),
            Ok(PurchaseAnswer::NonceReused) => self.refuse(&call.refused(RefusalCause::NonceReused)),
            Err(error) => self.protocol.answer(call, &self.outcome_of(&error, call), &self.keys),
        }
    }

    /// A refusal contradicts what is known; anything else is ours, and the marketplace tries again.
    fn outcome_of(&self, error: &UseCaseError, call: &Call) -> PurchaseOutcome {
        let (merchant, channel, activity) = (&self.merchant, &self.channel.id, call.activity);
        match error {
            UseCaseError::Refused(refusal) => {
                tracing::warn!(%merchant, %channel, activity, %refusal, "a call contradicts what is known");
                PurchaseOutcome::InvalidParameter
            }
            UseCaseError::Store(_) | UseCaseError::Signing(_) => {
                tracing::error!(%merchant, %channel, activity, %error, "a call could not be done");
                PurchaseOutcome::Unavailable
            }
        }
    }

    fn refuse(&self, refusal: &CallRefusal) -> RawAnswer {
        let (merchant, channel, activity) = (&self.merchant, &self.channel.id, refusal.activity);
        tracing::warn!(%merchant, %channel, activity, test = refusal.test, %refusal, "a call was refused");
        self.protocol.refuse(refusal, &self.keys)
    }
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
