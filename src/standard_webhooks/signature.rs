//! Standard Webhooks signatures: HMAC-SHA256 over `id.timestamp.body`.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>. Only the
//! symmetric scheme, `v1`; whatever else stands in the list of signatures is passed over, as the specification wants.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use thiserror::Error;

/// How far a call's time may lie from ours, either way; the bounds themselves are within.
pub const TOLERANCE_SECS: i64 = 5 * 60;
/// Longest `webhook-id`; senders use a few dozen.
pub const ID_BYTES_MAX: usize = 256;
/// Longest `webhook-signature`: room for as many signatures as are looked at, and for versions of other lengths.
pub const SIGNATURES_BYTES_MAX: usize = 4_096;
/// Most signatures of one call: a sender that changes its secret sends two.
pub const SIGNATURES_MAX: usize = 16;

/// Seconds of a year far beyond any calendar.
const TIMESTAMP_DIGITS_MAX: usize = 11;
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;
/// The longest secret in base64, with its prefix.
const SECRET_TEXT_BYTES_MAX: usize = SECRET_PREFIX.len() + 88;
const VERSION: &str = "v1";
const MAC_BYTES: usize = 32;

/// Some tools cut the padding off.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What both sides know. Does not print.
#[derive(Debug, Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

/// The text is no secret of Standard Webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it must be `whsec_` followed by 24 to 64 bytes in base64")]
pub struct MalformedSecret;

impl WebhookSecret {
    /// Reads `whsec_…`.
    pub fn parse(text: &SecretString) -> Result<Self, MalformedSecret> {
        let text = text.expose_secret();
        if text.len() > SECRET_TEXT_BYTES_MAX {
            return Err(MalformedSecret);
        }
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(MalformedSecret)?;
        let bytes = SECRET_BASE64.decode(encoded).map_err(|_| MalformedSecret)?;
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(MalformedSecret);
        }
        Ok(Self(bytes.into()))
    }

    /// The text of the secret that these unpredictable bytes make.
    pub fn text_of(bytes: &[u8; 32]) -> SecretString {
        SecretString::from(format!("{SECRET_PREFIX}{}", STANDARD.encode(bytes)))
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length");
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac
    }
}

/// Why a call is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// No visible ASCII, empty, too long, or with a full stop: with one, parts of a signed body could be passed off as
    /// an id, and the rest of it as another body.
    #[error("the id is 1 to {ID_BYTES_MAX} visible ASCII characters without a full stop")]
    MalformedId,
    #[error("the timestamp is a whole number of seconds since 1970")]
    MalformedTimestamp,
    #[error(
        "the signature is a list of `VERSION,BASE64`, separated by blanks; at most {SIGNATURES_MAX} of them"
    )]
    MalformedSignature,
    #[error("no signature of version v1 fits")]
    SignatureMismatch,
    #[error("the timestamp lies {secs} s back; {TOLERANCE_SECS} s are allowed")]
    TooOld { secs: i64 },
    #[error("the timestamp lies {secs} s ahead; {TOLERANCE_SECS} s are allowed")]
    TooNew { secs: i64 },
}

impl Refused {
    /// The stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::MalformedId => "malformed_id",
            Self::MalformedTimestamp => "malformed_timestamp",
            Self::MalformedSignature => "malformed_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TooOld { .. } => "timestamp_too_old",
            Self::TooNew { .. } => "timestamp_too_new",
        }
    }
}

/// What is signed, and what is said to sign it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signatures: &'a str,
    /// The exact bytes received.
    pub body: &'a [u8],
}

/// One signature, `v1,BASE64`.
pub fn sign(secret: &WebhookSecret, id: &str, timestamp: &str, body: &[u8]) -> Result<String, Refused> {
    checked_id(id)?;
    seconds(timestamp)?;
    let mac = secret.mac(id, timestamp, body).finalize().into_bytes();
    Ok(format!("{VERSION},{}", STANDARD.encode(mac)))
}

/// One signature for each secret, separated by blanks: a receiver that knows any of them accepts.
pub fn sign_with_all(
    secrets: &[WebhookSecret],
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> Result<String, Refused> {
    let signatures: Result<Vec<String>, Refused> =
        secrets.iter().map(|secret| sign(secret, id, timestamp, body)).collect();
    Ok(signatures?.join(" "))
}

/// Which of the secrets signed; the signature is judged first, so that only a true caller hears about its clock. Every
/// signature is compared with every secret, in constant time.
pub fn verify(
    secrets: &[(usize, WebhookSecret)],
    signed: &Signed<'_>,
    now: DateTime<Utc>,
) -> Result<usize, (Option<usize>, Refused)> {
    let (given, sent_at) = read(signed).map_err(|refused| (None, refused))?;
    let fits = |secret: &WebhookSecret| {
        let mac = secret.mac(signed.id, signed.timestamp, signed.body);
        given.iter().any(|given| mac.clone().verify_slice(given).is_ok())
    };
    let signer = secrets.iter().find(|(_, secret)| fits(secret)).map(|(index, _)| *index);
    let signer = signer.ok_or((None, Refused::SignatureMismatch))?;
    match now.timestamp() - sent_at {
        age if age > TOLERANCE_SECS => Err((Some(signer), Refused::TooOld { secs: age })),
        age if age < -TOLERANCE_SECS => Err((Some(signer), Refused::TooNew { secs: -age })),
        _ => Ok(signer),
    }
}

fn read(signed: &Signed<'_>) -> Result<(Vec<[u8; MAC_BYTES]>, i64), Refused> {
    checked_id(signed.id)?;
    let sent_at = seconds(signed.timestamp)?;
    Ok((signatures(signed.signatures)?, sent_at))
}

fn checked_id(id: &str) -> Result<(), Refused> {
    let fine = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    let is_id = !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(fine);
    is_id.then_some(()).ok_or(Refused::MalformedId)
}

/// Plain digits: the text itself is signed, and everybody has to read the same number in it.
fn seconds(text: &str) -> Result<i64, Refused> {
    let digits = !text.is_empty()
        && text.len() <= TIMESTAMP_DIGITS_MAX
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    let seconds = text.parse().ok().filter(|_| digits);
    seconds.ok_or(Refused::MalformedTimestamp)
}

/// The signatures of our version; one that has not its form makes none of the others worse.
fn signatures(text: &str) -> Result<Vec<[u8; MAC_BYTES]>, Refused> {
    if text.is_empty() || text.len() > SIGNATURES_BYTES_MAX {
        return Err(Refused::MalformedSignature);
    }
    let items: Vec<&str> = text.split(' ').filter(|item| !item.is_empty()).collect();
    if items.is_empty() || items.len() > SIGNATURES_MAX {
        return Err(Refused::MalformedSignature);
    }
    let mut found = Vec::new();
    for item in items {
        let (version, signature) = item.split_once(',').ok_or(Refused::MalformedSignature)?;
        if version == VERSION {
            let bytes = STANDARD.decode(signature).ok();
            found.extend(bytes.and_then(|bytes| <[u8; MAC_BYTES]>::try_from(bytes).ok()));
        }
    }
    Ok(found)
}
