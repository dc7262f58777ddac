//! The V1 signature: one HMAC-SHA-256 over all parameters but itself, bound to a time by its key.
//!
//! Source: zh-cn_topic_0070649066 and zh-cn_topic_0070649135 with the official Java sample; 0082027567 (a blank in
//! the token is a plus that was decoded twice or as a form).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::query::{Plus, Query};
use super::signature::VerifiedSignature;
use super::time::{self, Zone};
use crate::domain::Repeat;
use crate::marketplace::{AccessKey, RefusalCause, ReplayIdentity};

/// A call's time may differ from ours by this much, either way. The pages state no tolerance.
pub const WINDOW_MILLIS: i64 = 5 * 60_000;
/// Room for 100 instance ids, or for `saasExtendParams` with every character encoded.
pub const QUERY_LIMIT_BYTES: usize = 16 * 1024;
/// `timeStamp`: String(20).
const TIME_STAMP_LIMIT_CHARS: usize = 20;
const TOKEN: &str = "authToken";
const TIME: &str = "timeStamp";

/// Token and time of a call in their documented forms, and in time; the token is not checked yet.
pub struct UnverifiedToken {
    token: [u8; 32],
    time_stamp: String,
    sent_at: DateTime<Utc>,
}

impl UnverifiedToken {
    /// `zone` is the one that `timeStamp` is written in; `window_millis` the tolerance either way.
    pub fn read(
        token: Option<&str>,
        time_stamp: Option<&str>,
        zone: Zone,
        now: DateTime<Utc>,
        window_millis: i64,
    ) -> Result<Self, RefusalCause> {
        let time_stamp = time_stamp.ok_or(RefusalCause::ParameterMissing(TIME))?;
        let sent_at = Some(time_stamp).filter(|text| text.len() <= TIME_STAMP_LIMIT_CHARS);
        let sent_at = sent_at.and_then(|text| time::parse_in(text, zone));
        let sent_at = sent_at.ok_or(RefusalCause::ParameterMalformed(TIME))?;
        let skew_millis = sent_at.timestamp_millis() - now.timestamp_millis();
        if skew_millis.abs() > window_millis {
            return Err(RefusalCause::StaleTimestamp { skew_secs: time::whole_secs(skew_millis) });
        }
        let token = token.ok_or(RefusalCause::SignatureMissing)?;
        let token = decode(token).ok_or(RefusalCause::SignatureWrong)?;
        Ok(Self { token, time_stamp: time_stamp.to_owned(), sent_at })
    }

    /// Tries every live key on one message.
    pub fn verify(
        &self,
        message: &str,
        keys: &[AccessKey],
        now: DateTime<Utc>,
        window_millis: i64,
    ) -> Result<VerifiedSignature, RefusalCause> {
        if keys.is_empty() {
            return Err(RefusalCause::NoAccessKey);
        }
        let fits = |key: &AccessKey| {
            bool::from(auth_token(&key.secret, &self.time_stamp, message).ct_eq(&self.token))
        };
        let signed_by = keys.iter().position(fits).ok_or(RefusalCause::SignatureWrong)?;
        Ok(VerifiedSignature { signed_by, replay: self.replay_identity(now, window_millis) })
    }

    /// There is no nonce: the token covers the time and every parameter, so it stands for the call.
    fn replay_identity(&self, now: DateTime<Utc>, window_millis: i64) -> ReplayIdentity {
        let digest =
            |prefix: &[u8]| Sha256::new_with_prefix(prefix).chain_update(self.token).finalize().into();
        ReplayIdentity {
            digest: digest(b"koogallery authToken\0"),
            request: digest(b"koogallery authToken request\0"),
            keep_until: self.sent_at.max(now) + Duration::milliseconds(2 * window_millis),
            repeat: Repeat::StoredAnswer,
        }
    }
}

/// A query whose token fits, read the way it was signed.
pub struct VerifiedQuery {
    pub query: Query,
    pub signature: VerifiedSignature,
}

/// Reads a query for what it claims; nothing in it is verified.
pub fn claimed(raw: &str) -> Result<Query, RefusalCause> {
    Query::parse_as(raw, QUERY_LIMIT_BYTES, Plus::Itself)
}

/// Verifies a query. A bare `+` is a plus; where the token then does not fit, it is tried as the blank that form
/// encoding writes so.
pub fn verify_query(
    raw: &str,
    keys: &[AccessKey],
    now: DateTime<Utc>,
    window_millis: i64,
) -> Result<VerifiedQuery, RefusalCause> {
    let verified = |plus| {
        let query = Query::parse_as(raw, QUERY_LIMIT_BYTES, plus)?;
        let (token, time_stamp) = (query.get(TOKEN), query.get(TIME));
        let unverified = UnverifiedToken::read(token, time_stamp, Zone::Utc, now, window_millis)?;
        let signature = unverified.verify(&message(query.pairs()), keys, now, window_millis)?;
        Ok(VerifiedQuery { query, signature })
    };
    match verified(Plus::Itself) {
        Err(RefusalCause::SignatureWrong) if raw.contains('+') => verified(Plus::Blank),
        outcome => outcome,
    }
}

/// What a token covers: `name=value` of every parameter but the token, sorted by name in UTF-16 code units as in
/// a Java `TreeMap`, joined by `&`.
pub fn message<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<_> = pairs.filter(|(name, _)| *name != TOKEN).collect();
    pairs.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// `HMAC(key + timeStamp, message)`.
pub fn auth_token(secret: &SecretString, time_stamp: &str, message: &str) -> [u8; 32] {
    let key = SecretString::from(format!("{}{time_stamp}", secret.expose_secret()));
    let mut mac: Hmac<Sha256> =
        Hmac::new_from_slice(key.expose_secret().as_bytes()).expect("HMAC takes keys of every length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Base64, also after a plus of it was read as a blank.
fn decode(token: &str) -> Option<[u8; 32]> {
    STANDARD.decode(token.replace(' ', "+")).ok()?.try_into().ok()
}
