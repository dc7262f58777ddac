//! Calls by GET with everything in the query: License 1.0 and SaaS V1.
//!
//! Source: zh-cn_topic_0070649153 (License 1.0), saas_topic_0000001 (SaaS V1).

use chrono::{DateTime, Utc};

use super::answer::{self, Answer};
use super::auth_token::{self, VerifiedQuery, WINDOW_MILLIS};
use super::kit;
use super::query::Query;
use super::query_parameters::QueryParameters;
use super::result_code::ResultCode;
use crate::domain::{PurchaseEvent, PurchaseOutcome};
use crate::marketplace::{AccessKey, Call, CallRefusal, RawAnswer, RawRequest, RefusalCause};

/// One kind of call: its name on the wire, how it is read, whether it changes state.
pub struct Activity {
    pub name: &'static str,
    pub read: fn(&GetCall<'_>) -> Result<PurchaseEvent, RefusalCause>,
    /// The key is for members that are encrypted.
    pub answer: fn(&PurchaseOutcome, Option<&AccessKey>) -> Answer,
    pub changes_state: bool,
}

/// What an activity is read from.
pub struct GetCall<'a> {
    pub parameters: QueryParameters<'a>,
    /// V1 does not say when an order was ordered. When it came is near enough, and by the clock that dates the
    /// orders after it.
    pub received_at: DateTime<Utc>,
}

/// Verifies a call and reads it. The Kit's sub-paths are answered on the same address.
pub fn read(
    activities: &'static [Activity],
    request: &RawRequest<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Result<Call, CallRefusal> {
    if kit::is_kit_path(request.path_tail) {
        return kit::read(request, keys, now);
    }
    let claims = readable(request).map_err(unattributed)?;
    let activity = claimed_activity(activities, &claims);
    let test = QueryParameters(&claims).test_flag();
    let refusal = |cause, signed_by| CallRefusal {
        cause,
        activity: activity.map(|activity| activity.name),
        test: test == Ok(true),
        signed_by,
    };
    let verified = auth_token::verify_query(request.query, keys, now, WINDOW_MILLIS);
    let VerifiedQuery { query, signature } = verified.map_err(|cause| refusal(cause, None))?;
    let signed_by = signature.signed_by;
    let refusal = |cause| refusal(cause, Some(signed_by));
    let activity = activity.ok_or_else(|| refusal(unknown_activity(&query)))?;
    let test = test.clone().map_err(refusal)?;
    let event = (activity.read)(&GetCall { parameters: QueryParameters(&query), received_at: now })
        .map_err(refusal)?;
    let replay = (activity.changes_state && !test).then_some(signature.replay);
    Ok(Call { event, test, occurred_at: None, replay, activity: activity.name, signed_by })
}

/// Words an outcome.
pub fn answer(
    activities: &'static [Activity],
    call: &Call,
    outcome: &PurchaseOutcome,
    keys: &[AccessKey],
) -> RawAnswer {
    let key = keys.get(call.signed_by);
    let answer = match activities.iter().find(|activity| activity.name == call.activity) {
        Some(activity) => (activity.answer)(outcome, key),
        None if kit::is_kit_activity(call.activity) => kit::answer(outcome),
        None => Answer::fault("an activity of another protocol"),
    };
    answer.sign(key)
}

/// Words a refusal.
pub fn refuse(refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer {
    answer::refuse(refusal, keys)
}

/// What must hold before a token can be looked at.
fn readable(request: &RawRequest<'_>) -> Result<Query, RefusalCause> {
    if !request.path_tail.is_empty() {
        return Err(RefusalCause::UnknownSubPath);
    }
    if request.method != "GET" {
        return Err(RefusalCause::NotGet);
    }
    auth_token::claimed(request.query)
}

fn claimed_activity(activities: &'static [Activity], claims: &Query) -> Option<&'static Activity> {
    let name = claims.get("activity")?;
    activities.iter().find(|activity| activity.name == name)
}

fn unknown_activity(query: &Query) -> RefusalCause {
    match query.get("activity") {
        None => RefusalCause::ParameterMissing("activity"),
        Some(_) => RefusalCause::UnknownActivity,
    }
}

fn unattributed(cause: RefusalCause) -> CallRefusal {
    CallRefusal { cause, activity: None, test: false, signed_by: None }
}

/// The answer of an activity that has no members of its own.
pub fn plain_answer(outcome: &PurchaseOutcome, _key: Option<&AccessKey>) -> Answer {
    match ResultCode::of(outcome) {
        Some(result) => Answer::new(result),
        None => Answer::fault("an outcome that does not answer this activity"),
    }
}
