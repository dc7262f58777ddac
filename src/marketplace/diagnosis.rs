//! Finds the true cause of a refusal, for the merchant's engineer. Runs after the refusal was decided and answered, and lets
//! nothing in: the same reading is tried with other keys, at another time, or with undone what somebody may have done on the
//! way, only to see whether the signature fits then.

use chrono::{DateTime, TimeDelta, Utc};

use super::{AccessKey, CallRefusal, Protocol, QueryDefect, RawRequest, RefusalCause, protocol_for};
use crate::domain::{AccessKeyUse, CallCause, ChannelId, OnTheWay, ParameterPlace};

/// Longest body that is looked into: a documented one has below 8 KB, and each guess signs it anew.
const BODY_BYTES_MAX: usize = 8 * 1024;
/// Most guesses that are tried.
const GUESSES_MAX: usize = 32;
/// Every family, the most used of each method first.
const FAMILIES: [&str; 6] =
    ["saas-v2", "license-online", "license-code", "saas-v1", "license-v1", "standard-webhooks"];
/// Methods that are named; others are not quoted.
const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"];

/// A key that lets nothing in here, but may have signed.
#[derive(Debug, Clone)]
pub struct Suspect {
    pub key: AccessKey,
    pub suspicion: Suspicion,
}

/// Why a key lets nothing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspicion {
    Retired,
    /// Live, and for something else than this call.
    OtherUse(AccessKeyUse),
    /// Live at another channel of the merchant.
    OtherChannel(ChannelId),
}

/// What the call would have been before somebody on the way did something to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub how: OnTheWay,
    pub query: String,
    pub body: Vec<u8>,
}

/// What is known around a refused call.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The keys that it was read with.
    pub keys: &'a [AccessKey],
    /// References to keys that could not be resolved.
    pub unresolved: &'a [String],
    /// Which use they are for.
    pub wanted: AccessKeyUse,
    /// Other keys of the merchant.
    pub suspects: &'a [Suspect],
}

/// The true cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    pub cause: CallCause,
    /// The id of the key whose signature fits, if one does.
    pub signer: Option<String>,
}

/// The cause as the reading found it, without looking further.
pub fn plain_cause(
    protocol: &dyn Protocol,
    request: &RawRequest<'_>,
    refusal: &CallRefusal,
    ground: &Ground<'_>,
) -> CallCause {
    let missing = |place, name: &str| CallCause::Missing { place, name: name.to_owned() };
    let malformed = |place, name: &str| CallCause::Malformed { place, name: name.to_owned() };
    match &refusal.cause {
        RefusalCause::UnknownSubPath => CallCause::UnknownSubPath,
        RefusalCause::WrongMethod | RefusalCause::NotGet | RefusalCause::NotPost => {
            wrong_method(protocol, request)
        }
        RefusalCause::BodyTooLarge { bytes: _, limit } => CallCause::BodyTooLarge { limit: wide(*limit) },
        RefusalCause::MalformedJson => CallCause::MalformedJson,
        RefusalCause::NestedTooDeep { limit } => CallCause::NestedTooDeep { limit: wide(*limit) },
        RefusalCause::DuplicateMember => CallCause::DuplicateMember,
        RefusalCause::UnreadableQuery(QueryDefect::TooLong) => CallCause::QueryTooLong,
        RefusalCause::UnreadableQuery(QueryDefect::Encoding) => CallCause::QueryEncoding,
        RefusalCause::UnreadableQuery(QueryDefect::Duplicate) => CallCause::QueryDuplicate,
        RefusalCause::QueryParameterMissing(name) => missing(ParameterPlace::Query, name),
        RefusalCause::QueryParameterMalformed(name) => malformed(ParameterPlace::Query, name),
        RefusalCause::HeaderMissing(name) => missing(ParameterPlace::Header, name),
        RefusalCause::HeaderMalformed(name) => malformed(ParameterPlace::Header, name),
        RefusalCause::ParameterMissing(name) => missing(ParameterPlace::Call, name),
        RefusalCause::ParameterMalformed(name) => malformed(ParameterPlace::Call, name),
        RefusalCause::ParameterTooLong { name, limit } => {
            CallCause::TooLong { name: (*name).to_owned(), limit: wide(*limit) }
        }
        RefusalCause::StaleTimestamp { skew_secs } => {
            CallCause::ClockOff { skew_secs: *skew_secs, is_signed: false }
        }
        RefusalCause::NonceReused => CallCause::NonceReused,
        RefusalCause::NoAccessKey => CallCause::NoAccessKey { unresolved: ground.unresolved.to_vec() },
        RefusalCause::SignatureMissing => CallCause::SignatureMissing,
        RefusalCause::SignatureWrong => CallCause::SignatureUnknown {
            tried: wide(ground.keys.len()),
            unresolved: ground.unresolved.to_vec(),
        },
        RefusalCause::UnknownActivity => unknown_activity(protocol, request),
    }
}

/// Whether looking further may find more than [`plain_cause`].
pub fn is_worth_a_look(cause: &RefusalCause) -> bool {
    matches!(
        cause,
        RefusalCause::SignatureWrong
            | RefusalCause::StaleTimestamp { .. }
            | RefusalCause::QueryParameterMalformed(_)
    )
}

/// Looks further: bounded by keys times guesses, and by the length of the body.
pub fn diagnose(
    protocol: &dyn Protocol,
    request: &RawRequest<'_>,
    refusal: &CallRefusal,
    ground: &Ground<'_>,
    now: DateTime<Utc>,
) -> Diagnosis {
    let plain = plain_cause(protocol, request, refusal, ground);
    if request.body.len() > BODY_BYTES_MAX {
        return Diagnosis { cause: plain, signer: None };
    }
    let found = match &refusal.cause {
        RefusalCause::StaleTimestamp { skew_secs } => {
            // The call as it would be read by the caller's own clock.
            let then = now.checked_add_signed(TimeDelta::seconds(*skew_secs)).unwrap_or(now);
            let signer = signer(protocol, request, ground.keys, then);
            let clock_off = |id| (CallCause::ClockOff { skew_secs: *skew_secs, is_signed: true }, id);
            signer.map(clock_off).or_else(|| suspected(protocol, request, ground, then))
        }
        RefusalCause::SignatureWrong | RefusalCause::QueryParameterMalformed(_) => {
            suspected(protocol, request, ground, now)
                .or_else(|| undone(protocol, request, ground.keys, now))
                .or_else(|| misshapen(protocol, request).map(|cause| (cause, String::new())))
        }
        _ => None,
    };
    match found {
        Some((cause, signer)) => Diagnosis { cause, signer: Some(signer).filter(|id| !id.is_empty()) },
        None => Diagnosis { cause: plain, signer: None },
    }
}

/// The id of the key whose signature fits, whatever else is wrong with the call.
fn signer(
    protocol: &dyn Protocol,
    request: &RawRequest<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Option<String> {
    let place = match protocol.read(request, keys, now) {
        Ok(call) => Some(call.signed_by),
        Err(refusal) => refusal.signed_by,
    };
    keys.get(place?).map(|key| key.id.clone())
}

fn suspected(
    protocol: &dyn Protocol,
    request: &RawRequest<'_>,
    ground: &Ground<'_>,
    now: DateTime<Utc>,
) -> Option<(CallCause, String)> {
    let fits =
        |suspect: &&Suspect| signer(protocol, request, std::slice::from_ref(&suspect.key), now).is_some();
    let suspect = ground.suspects.iter().find(fits)?;
    let key = suspect.key.id.clone();
    let cause = match &suspect.suspicion {
        Suspicion::Retired => CallCause::RetiredKey { key: key.clone() },
        Suspicion::OtherUse(used_for) => {
            CallCause::OtherUse { key: key.clone(), used_for: *used_for, wanted: ground.wanted }
        }
        Suspicion::OtherChannel(channel) => {
            CallCause::OtherChannel { key: key.clone(), channel: channel.to_string() }
        }
    };
    Some((cause, key))
}

fn undone(
    protocol: &dyn Protocol,
    request: &RawRequest<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Option<(CallCause, String)> {
    protocol.guesses(request).into_iter().take(GUESSES_MAX).find_map(|guess| {
        let headers = |name: &str| (request.headers)(name);
        let before = RawRequest {
            method: request.method,
            path_tail: request.path_tail,
            query: &guess.query,
            headers: &headers,
            body: &guess.body,
        };
        let key = signer(protocol, &before, keys, now)?;
        Some((CallCause::Altered { how: guess.how, key: key.clone() }, key))
    })
}

fn misshapen(protocol: &dyn Protocol, request: &RawRequest<'_>) -> Option<CallCause> {
    let (chars, wanted) = protocol.signature_form(request)?;
    Some(CallCause::SignatureForm { chars: wide(chars), wanted: wide(wanted) })
}

fn wrong_method(protocol: &dyn Protocol, request: &RawRequest<'_>) -> CallCause {
    let looks_like = claimed_activity(request).and_then(|activity| {
        families().find(|family| {
            family.method() == request.method && family.activities().contains(&activity.as_str())
        })
    });
    CallCause::WrongMethod {
        method: named_method(request.method),
        protocol: protocol.name().to_owned(),
        wanted: protocol.method().to_owned(),
        looks_like: looks_like.map(|family| family.name().to_owned()),
    }
}

/// A method by its name, if it is one of the common ones.
pub fn named_method(method: &str) -> String {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("another method").to_owned()
}

fn unknown_activity(protocol: &dyn Protocol, request: &RawRequest<'_>) -> CallCause {
    let claimed = claimed_activity(request).unwrap_or_default();
    let has_it = |family: &&'static dyn Protocol| family.activities().contains(&claimed.as_str());
    let meant = protocol.activities().into_iter().find(|known| known.eq_ignore_ascii_case(&claimed));
    CallCause::UnknownActivity {
        protocol: protocol.name().to_owned(),
        spoken_by: families().filter(has_it).map(|family| family.name().to_owned()).collect(),
        meant: meant.map(str::to_owned),
    }
}

fn families() -> impl Iterator<Item = &'static dyn Protocol> {
    FAMILIES.into_iter().filter_map(protocol_for)
}

/// What a call of any family says it is: only ever compared with lists.
fn claimed_activity(request: &RawRequest<'_>) -> Option<String> {
    let body: Option<serde_json::Value> = Some(request.body)
        .filter(|body| body.len() <= BODY_BYTES_MAX)
        .and_then(|body| serde_json::from_slice(body).ok());
    let of_body = body
        .as_ref()
        .and_then(|body| body.get("activity").or_else(|| body.get("type"))?.as_str())
        .map(str::to_owned);
    of_body.or_else(|| {
        let pairs = request.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(name, _)| *name == "activity").map(|(_, value)| value.to_owned())
    })
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
