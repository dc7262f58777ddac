//! A merchant's own shop, or any other that speaks Standard Webhooks: purchase events by signed POST.
//!
//! Everything a merchant needs to know of it stands in `docs/generic.md`.

mod answer;
mod envelope;
mod events;
mod members;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use self::envelope::Envelope;
use self::events::EventType;
use super::json::{BODY_LIMIT_BYTES, read_object};
use super::{AccessKey, Call, CallRefusal, Protocol, RawAnswer, RawRequest, RefusalCause, ReplayIdentity};
use crate::domain::{PurchaseOutcome, Repeat};
use crate::standard_webhooks::signature::{self, Refused, Signed, WebhookSecret};

/// How long an event is known again by its `webhook-id`. Senders try for some days and, by hand, for some weeks.
const EVENT_KEPT_DAYS: i64 = 30;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

pub struct StandardWebhooks;

impl Protocol for StandardWebhooks {
    fn name(&self) -> &'static str {
        "standard-webhooks"
    }

    fn key_fault(&self, secret: &SecretString) -> Option<&'static str> {
        let fault = "a secret of Standard Webhooks is `whsec_` followed by 24 to 64 bytes in base64";
        WebhookSecret::parse(secret).is_err().then_some(fault)
    }

    fn read(
        &self,
        request: &RawRequest<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<Call, CallRefusal> {
        let signed = signed(request).map_err(unattributed)?;
        let signed_by = verified(&signed, keys, now)?;
        let refusal = |cause| CallRefusal { cause, activity: None, test: false, signed_by: Some(signed_by) };
        let body = read_object(request.body).map_err(refusal)?;
        let envelope = Envelope::read(&body, now).map_err(refusal)?;
        let (event_type, test) = (envelope.event_type, envelope.test);
        let refusal =
            |cause| CallRefusal { cause, activity: Some(event_type.name), test, signed_by: Some(signed_by) };
        let event = (event_type.read)(&envelope).map_err(refusal)?;
        Ok(Call {
            event,
            test,
            occurred_at: Some(envelope.occurred_at),
            replay: (event_type.changes_state && !test).then(|| replay_identity(&signed, event_type, now)),
            activity: event_type.name,
            signed_by,
        })
    }

    fn answer(&self, call: &Call, outcome: &PurchaseOutcome, _keys: &[AccessKey]) -> RawAnswer {
        answer::answer(call, outcome)
    }

    fn refuse(&self, refusal: &CallRefusal, _keys: &[AccessKey]) -> RawAnswer {
        answer::refuse(refusal)
    }

    fn activities(&self) -> Vec<&'static str> {
        events::EVENT_TYPES.iter().map(|event_type| event_type.name).collect()
    }
}

/// What must be there before a signature can be looked at.
fn signed<'a>(request: &RawRequest<'a>) -> Result<Signed<'a>, RefusalCause> {
    if !request.path_tail.is_empty() {
        return Err(RefusalCause::UnknownSubPath);
    }
    if request.method != "POST" {
        return Err(RefusalCause::NotPost);
    }
    if request.body.len() > BODY_LIMIT_BYTES {
        return Err(RefusalCause::BodyTooLarge { bytes: request.body.len(), limit: BODY_LIMIT_BYTES });
    }
    let header = |name| (request.headers)(name).ok_or(RefusalCause::HeaderMissing(name));
    Ok(Signed {
        id: header(ID)?,
        timestamp: header(TIMESTAMP)?,
        signatures: header(SIGNATURE)?,
        body: request.body,
    })
}

/// The index of the access key that signed.
fn verified(signed: &Signed<'_>, keys: &[AccessKey], now: DateTime<Utc>) -> Result<usize, CallRefusal> {
    let secret = |(index, key): (usize, &AccessKey)| Some((index, WebhookSecret::parse(&key.secret).ok()?));
    let secrets: Vec<_> = keys.iter().enumerate().filter_map(secret).collect();
    if secrets.is_empty() {
        return Err(unattributed(RefusalCause::NoAccessKey));
    }
    signature::verify(&secrets, signed, now).map_err(|(signed_by, refused)| CallRefusal {
        signed_by,
        ..unattributed(match refused {
            Refused::MalformedId => RefusalCause::HeaderMalformed(ID),
            Refused::MalformedTimestamp => RefusalCause::HeaderMalformed(TIMESTAMP),
            Refused::MalformedSignature => RefusalCause::HeaderMalformed(SIGNATURE),
            Refused::SignatureMismatch => RefusalCause::SignatureWrong,
            Refused::TooOld { secs } => RefusalCause::StaleTimestamp { skew_secs: -secs },
            Refused::TooNew { secs } => RefusalCause::StaleTimestamp { skew_secs: secs },
        })
    })
}

/// A sender that tries again signs the same id and body at a new time, perhaps with a new secret.
fn replay_identity(signed: &Signed<'_>, event_type: &EventType, now: DateTime<Utc>) -> ReplayIdentity {
    let digest =
        |prefix: &[u8], what: &[u8]| Sha256::new_with_prefix(prefix).chain_update(what).finalize().into();
    ReplayIdentity {
        digest: digest(b"standard-webhooks id\0", signed.id.as_bytes()),
        request: digest(b"standard-webhooks body\0", signed.body),
        keep_until: now + TimeDelta::days(EVENT_KEPT_DAYS),
        repeat: if event_type.is_answered_as_it_stands { Repeat::AsItStands } else { Repeat::StoredAnswer },
    }
}

fn unattributed(cause: RefusalCause) -> CallRefusal {
    CallRefusal { cause, activity: None, test: false, signed_by: None }
}
