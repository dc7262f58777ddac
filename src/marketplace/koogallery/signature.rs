//! The V2 request signature: two layers of HMAC-SHA-256 over the body, bound to a time and a nonce.
//!
//! Source: zh-cn_topic_0070649248 (the page that prints the key in both layers), zh-cn_topic_0070649476,
//! en-us_topic_000007.

use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::json::Object;
use super::payload::payload_forms;
use super::query::Query;
use super::time;
use crate::domain::Repeat;
use crate::marketplace::{AccessKey, RefusalCause, ReplayIdentity};

/// A call's time may differ from ours by this much, either way.
pub const WINDOW_MILLIS: i64 = 60_000;
/// Printed nonces have 16, 32 and 64 characters.
pub const NONCE_LIMIT_BYTES: usize = 128;

/// Where a call carries its signature, and under which names.
pub struct Carrier<'a> {
    pub get: &'a dyn Fn(&str) -> Option<&'a str>,
    pub signature: &'static str,
    pub timestamp: &'static str,
    pub nonce: &'static str,
    pub missing: fn(&'static str) -> RefusalCause,
    pub malformed: fn(&'static str) -> RefusalCause,
}

/// What a signature is made of: key, nonce, timestamp, payload.
pub type Signing = fn(&SecretString, &str, &str, &[u8]) -> [u8; 32];

/// The three parts of a signed call, in their documented forms and in time; the signature is not checked yet.
pub struct UnverifiedSignature {
    signature: [u8; 32],
    timestamp: String,
    sent_at: DateTime<Utc>,
    nonce: String,
}

/// A call whose signature fits.
pub struct VerifiedSignature {
    pub signed_by: usize,
    pub replay: ReplayIdentity,
}

impl UnverifiedSignature {
    /// Reads them from the query string.
    pub fn read(query: &Query, now: DateTime<Utc>) -> Result<Self, RefusalCause> {
        let carrier = Carrier {
            get: &|name| query.get(name),
            signature: "signature",
            timestamp: "timestamp",
            nonce: "nonce",
            missing: RefusalCause::QueryParameterMissing,
            malformed: RefusalCause::QueryParameterMalformed,
        };
        Self::carried(&carrier, now)
    }

    /// Reads and bounds the parts, in the order in which the marketplace's sample project checks them.
    pub fn carried(carrier: &Carrier<'_>, now: DateTime<Utc>) -> Result<Self, RefusalCause> {
        let timestamp = (carrier.get)(carrier.timestamp).ok_or((carrier.missing)(carrier.timestamp))?;
        let sent_at = read_timestamp(timestamp).ok_or((carrier.malformed)(carrier.timestamp))?;
        let skew_millis = sent_at.timestamp_millis() - now.timestamp_millis();
        if skew_millis.abs() > WINDOW_MILLIS {
            return Err(RefusalCause::StaleTimestamp { skew_secs: time::whole_secs(skew_millis) });
        }
        let nonce = (carrier.get)(carrier.nonce).ok_or((carrier.missing)(carrier.nonce))?;
        if nonce.len() > NONCE_LIMIT_BYTES || !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err((carrier.malformed)(carrier.nonce));
        }
        let signature = (carrier.get)(carrier.signature).ok_or(RefusalCause::SignatureMissing)?;
        let signature = decode_hex(signature).ok_or(RefusalCause::SignatureWrong)?;
        Ok(Self { signature, timestamp: timestamp.to_owned(), sent_at, nonce: nonce.to_owned() })
    }

    /// Tries every live key and every form of the payload that the documents leave open.
    pub fn verify(
        &self,
        body: &[u8],
        members: &Object<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<VerifiedSignature, RefusalCause> {
        self.verify_made_by(sign, body, members, keys, now)
    }

    /// The same for another way of signing.
    pub fn verify_made_by(
        &self,
        signing: Signing,
        body: &[u8],
        members: &Object<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<VerifiedSignature, RefusalCause> {
        if keys.is_empty() {
            return Err(RefusalCause::NoAccessKey);
        }
        let signed_by = payload_forms(body, members)
            .iter()
            .find_map(|payload| keys.iter().position(|key| self.fits(signing, payload, &key.secret)))
            .ok_or(RefusalCause::SignatureWrong)?;
        Ok(VerifiedSignature { signed_by, replay: self.replay_identity(now) })
    }

    fn fits(&self, signing: Signing, payload: &[u8], secret: &SecretString) -> bool {
        let expected = signing(secret, &self.nonce, &self.timestamp, payload);
        expected.ct_eq(&self.signature).into()
    }

    /// The signature covers nonce, time and body, so it stands for the whole request.
    fn replay_identity(&self, now: DateTime<Utc>) -> ReplayIdentity {
        ReplayIdentity {
            digest: Sha256::new_with_prefix(b"koogallery nonce\0")
                .chain_update(&self.nonce)
                .finalize()
                .into(),
            request: Sha256::new_with_prefix(b"koogallery request\0")
                .chain_update(self.signature)
                .finalize()
                .into(),
            keep_until: self.sent_at.max(now) + Duration::milliseconds(2 * WINDOW_MILLIS),
            repeat: Repeat::StoredAnswer,
        }
    }
}

/// `HMAC(key, key + nonce + timestamp + hex(HMAC(key, payload)))`.
pub fn sign(secret: &SecretString, nonce: &str, timestamp: &str, payload: &[u8]) -> [u8; 32] {
    let mut inner = keyed(secret);
    inner.update(payload);
    let mut outer = keyed(secret);
    outer.update(secret.expose_secret().as_bytes());
    outer.update(nonce.as_bytes());
    outer.update(timestamp.as_bytes());
    outer.update(encode_hex(&inner.finalize().into_bytes()).as_bytes());
    outer.finalize().into_bytes().into()
}

pub(super) fn keyed(secret: &SecretString) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes keys of every length")
}

/// 13 digits are milliseconds (every printed example), 10 are seconds (what older pages say).
fn read_timestamp(text: &str) -> Option<DateTime<Utc>> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match text.len() {
        10 => DateTime::from_timestamp(text.parse().ok()?, 0),
        13 => DateTime::from_timestamp_millis(text.parse().ok()?),
        _ => None,
    }
}

pub(super) fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode_hex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (char::from(digits[0]).to_digit(16)?, char::from(digits[1]).to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}
