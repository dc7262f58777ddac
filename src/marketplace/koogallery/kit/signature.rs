//! How the Kit's calls are signed.

use chrono::{DateTime, Utc};
use hmac::Mac;
use secrecy::{ExposeSecret, SecretString};

use super::Version;
use crate::marketplace::koogallery::auth_token::{UnverifiedToken, WINDOW_MILLIS, message};
use crate::marketplace::koogallery::json::{Json, Object};
use crate::marketplace::koogallery::payload::plain_text;
use crate::marketplace::koogallery::signature::{Carrier, UnverifiedSignature, VerifiedSignature, keyed};
use crate::marketplace::koogallery::time::Zone;
use crate::marketplace::{AccessKey, RawRequest, RefusalCause};

pub fn verify(
    version: Version,
    request: &RawRequest<'_>,
    members: &Object<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Result<VerifiedSignature, RefusalCause> {
    match version {
        Version::V1 => verify_v1(request, members, keys, now),
        Version::V2 => verify_v2(request, members, keys, now),
    }
}

/// `authToken` in a header, over the members that are not blank; `timeStamp` is one of them, in UTC+8.
fn verify_v1(
    request: &RawRequest<'_>,
    members: &Object<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Result<VerifiedSignature, RefusalCause> {
    let filled = |name| (request.headers)(name).filter(|value| !value.is_empty());
    let time_stamp = match members.get("timeStamp") {
        Some(Json::Text(text)) if !text.is_empty() => Some(text.as_str()),
        Some(Json::Number(digits)) => Some(*digits),
        _ => None,
    };
    let token = filled("authtoken");
    let unverified = UnverifiedToken::read(token, time_stamp, Zone::UtcPlus8, now, WINDOW_MILLIS)?;
    let texts: Vec<(&str, String)> = members
        .0
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), plain_text(value)?)))
        .filter(|(_, text)| !text.trim().is_empty())
        .collect();
    let message = message(texts.iter().map(|(name, text)| (*name, text.as_str())));
    unverified.verify(&message, keys, now, WINDOW_MILLIS)
}

/// Three headers over the payload, without an inner HMAC.
fn verify_v2(
    request: &RawRequest<'_>,
    members: &Object<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Result<VerifiedSignature, RefusalCause> {
    let carrier = Carrier {
        get: &|name| (request.headers)(name).filter(|value| !value.is_empty()),
        signature: "x-sign",
        timestamp: "x-timestamp",
        nonce: "x-nonce",
        missing: RefusalCause::HeaderMissing,
        malformed: RefusalCause::HeaderMalformed,
    };
    let unverified = UnverifiedSignature::carried(&carrier, now)?;
    unverified.verify_made_by(sign_v2, request.body, members, keys, now)
}

/// `HMAC(key, key + nonce + timestamp + payload)`.
pub fn sign_v2(secret: &SecretString, nonce: &str, timestamp: &str, payload: &[u8]) -> [u8; 32] {
    let mut mac = keyed(secret);
    mac.update(secret.expose_secret().as_bytes());
    mac.update(nonce.as_bytes());
    mac.update(timestamp.as_bytes());
    mac.update(payload);
    mac.finalize().into_bytes().into()
}
