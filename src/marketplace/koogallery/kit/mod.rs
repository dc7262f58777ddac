//! The joint-operation Kit (联营Kit): companies, their applications, people and departments, below the production
//! address: version 1 signed like SaaS V1 in a header, version 2 in three headers.
//!
//! Source: zh-cn_topic_0070649109 to zh-cn_topic_0070649113 (version 1), zh-cn_topic_0070649433 to
//! zh-cn_topic_0070649437 (version 2), zh-cn_topic_0070649135 and zh-cn_topic_0070649476 (signatures).

mod all_org_sync;
mod application_sync;
mod auth_sync;
mod members;
mod signature;
mod single_org_sync;
mod tenant_sync;

use chrono::{DateTime, Utc};

use super::answer::Answer;
use super::body::Parameters;
use super::json::{self, Duplicates, Object};
use super::result_code::ResultCode;
use crate::domain::{AccessKeyUse, KitSync, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::{AccessKey, Call, CallRefusal, RawRequest, RefusalCause};
use members::Members;

pub use signature::sign_v2;

/// 500 people with every member at its length.
pub const BODY_LIMIT_BYTES: usize = 512 * 1024;
const BELOW: &str = "produceAPI/";
const BELOW_V2: &str = "v2/";

/// Which of the two signatures, and which of the two shapes of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// One kind of call: the last part of its path and how it is read.
struct Interface {
    name: &'static str,
    read: fn(&Members<'_>) -> Result<KitSync, RefusalCause>,
}

const INTERFACES: &[Interface] = &[
    tenant_sync::INTERFACE,
    application_sync::INTERFACE,
    auth_sync::INTERFACE,
    single_org_sync::INTERFACE,
    all_org_sync::INTERFACE,
];

/// Whether a call below the production address is the Kit's.
pub fn is_kit_path(path_tail: &str) -> bool {
    path_tail.starts_with(BELOW)
}

/// Whether a call that was read is the Kit's.
pub fn is_kit_activity(name: &str) -> bool {
    INTERFACES.iter().any(|interface| interface.name == name)
}

/// The marketplace gives the Kit a key of its own.
pub fn key_use(path_tail: &str) -> AccessKeyUse {
    if is_kit_path(path_tail) { AccessKeyUse::Kit } else { AccessKeyUse::Callbacks }
}

/// Verifies a call and reads it.
pub fn read(request: &RawRequest<'_>, keys: &[AccessKey], now: DateTime<Utc>) -> Result<Call, CallRefusal> {
    let refusal = |cause| CallRefusal { cause, activity: None, test: false, signed_by: None };
    let (interface, version) = interface_of(request).map_err(refusal)?;
    let refusal =
        |cause, test, signed_by| CallRefusal { cause, activity: Some(interface.name), test, signed_by };
    let members = readable(request).map_err(|cause| refusal(cause, false, None))?;
    let test = Parameters(&members).test_flag();
    let claims_test = test == Ok(true);
    let verified = signature::verify(version, request, &members, keys, now);
    let verified = verified.map_err(|cause| refusal(cause, claims_test, None))?;
    let signed_by = verified.signed_by;
    let refusal = |cause| refusal(cause, claims_test, Some(signed_by));
    let test = test.clone().map_err(refusal)?;
    let received = std::str::from_utf8(request.body).map_err(|_| refusal(RefusalCause::MalformedJson))?;
    let sync = (interface.read)(&Members { version, members: &members, received }).map_err(refusal)?;
    let replay = (!test).then_some(verified.replay);
    let event = PurchaseEvent::KitSynced(sync);
    Ok(Call { event, test, occurred_at: None, replay, activity: interface.name, signed_by })
}

fn interface_of(request: &RawRequest<'_>) -> Result<(&'static Interface, Version), RefusalCause> {
    let tail = request.path_tail.strip_prefix(BELOW).ok_or(RefusalCause::UnknownSubPath)?;
    let (name, version) = match tail.strip_prefix(BELOW_V2) {
        Some(name) => (name, Version::V2),
        None => (tail, Version::V1),
    };
    let interface = INTERFACES.iter().find(|interface| interface.name == name);
    let interface = interface.ok_or(RefusalCause::UnknownSubPath)?;
    if request.method != "POST" {
        return Err(RefusalCause::WrongMethod);
    }
    Ok((interface, version))
}

/// Leniently: printed examples name a member twice.
fn readable<'a>(request: &RawRequest<'a>) -> Result<Object<'a>, RefusalCause> {
    json::read_object_as(request.body, BODY_LIMIT_BYTES, Duplicates::LastWins)
}

/// Words an outcome.
pub fn answer(outcome: &PurchaseOutcome) -> Answer {
    match (outcome, ResultCode::of(outcome)) {
        (PurchaseOutcome::InstanceUnknown, _) | (_, None) => {
            Answer::fault("an outcome that does not answer the Kit")
        }
        (_, Some(result)) => Answer::new(result),
    }
}
