//! SaaS V2.0: POST, JSON, one address for all activities.
//!
//! Source: zh-cn_topic_0070649414 (activities), zh-cn_topic_0070649475 (transport).

mod new_instance;
mod query_instance;
mod refresh_instance;
mod release_instance;
mod update_instance_status;

use chrono::{DateTime, Utc};

use super::answer::{self, Answer};
use super::body::{ID_LIMIT_CHARS, Parameters};
use super::json::{self, Json, Object};
use super::kit;
use super::query::Query;
use super::result_code::ResultCode;
use super::signature::{UnverifiedSignature, VerifiedSignature};
use crate::domain::{AccessKeyUse, OrderRef, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::{AccessKey, Call, CallRefusal, Protocol, RawAnswer, RawRequest, RefusalCause};

pub struct SaasV2;

/// One kind of call: its name on the wire, how it is read, whether it changes state.
struct Activity {
    name: &'static str,
    read: fn(&Parameters<'_>) -> Result<PurchaseEvent, RefusalCause>,
    answer: fn(&PurchaseOutcome) -> Answer,
    changes_state: bool,
}

const ACTIVITIES: &[Activity] = &[
    new_instance::ACTIVITY,
    query_instance::ACTIVITY,
    refresh_instance::ACTIVITY,
    update_instance_status::ACTIVITY,
    release_instance::ACTIVITY,
];

impl Protocol for SaasV2 {
    fn name(&self) -> &'static str {
        "saas-v2"
    }

    fn key_use(&self, path_tail: &str) -> AccessKeyUse {
        kit::key_use(path_tail)
    }

    fn read(
        &self,
        request: &RawRequest<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<Call, CallRefusal> {
        if kit::is_kit_path(request.path_tail) {
            return kit::read(request, keys, now);
        }
        let members = readable(request).map_err(unattributed)?;
        let activity = claimed_activity(&members);
        let test = Parameters(&members).test_flag();
        let refusal = |cause, signed_by| CallRefusal {
            cause,
            activity: activity.map(|activity| activity.name),
            test: test == Ok(true),
            signed_by,
        };
        let verified = verify(request, &members, keys, now).map_err(|cause| refusal(cause, None))?;
        let signed_by = verified.signed_by;
        let refusal = |cause| refusal(cause, Some(signed_by));
        let activity = activity.ok_or_else(|| refusal(unknown_activity(&members)))?;
        let test = test.clone().map_err(refusal)?;
        let event = (activity.read)(&Parameters(&members)).map_err(refusal)?;
        let replay = (activity.changes_state && !test).then_some(verified.replay);
        Ok(Call { event, test, replay, activity: activity.name, signed_by })
    }

    fn answer(&self, call: &Call, outcome: &PurchaseOutcome, keys: &[AccessKey]) -> RawAnswer {
        let answer = match ACTIVITIES.iter().find(|activity| activity.name == call.activity) {
            Some(activity) => (activity.answer)(outcome),
            None if kit::is_kit_activity(call.activity) => kit::answer(outcome),
            None => Answer::fault("an activity of another protocol"),
        };
        answer.sign(keys.get(call.signed_by))
    }

    fn refuse(&self, refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer {
        answer::refuse(refusal, keys)
    }
}

/// What must hold before a signature can be looked at; anything else is answered by a plain 4xx.
fn readable<'a>(request: &RawRequest<'a>) -> Result<Object<'a>, RefusalCause> {
    if !request.path_tail.is_empty() {
        return Err(RefusalCause::UnknownSubPath);
    }
    if request.method != "POST" {
        return Err(RefusalCause::WrongMethod);
    }
    json::read_object(request.body)
}

fn verify(
    request: &RawRequest<'_>,
    members: &Object<'_>,
    keys: &[AccessKey],
    now: DateTime<Utc>,
) -> Result<VerifiedSignature, RefusalCause> {
    let query = Query::parse(request.query)?;
    UnverifiedSignature::read(&query, now)?.verify(request.body, members, keys, now)
}

fn claimed_activity(members: &Object<'_>) -> Option<&'static Activity> {
    let Some(Json::Text(name)) = members.get("activity") else { return None };
    ACTIVITIES.iter().find(|activity| activity.name == name)
}

fn unknown_activity(members: &Object<'_>) -> RefusalCause {
    match members.get("activity") {
        None | Some(Json::Null) => RefusalCause::ParameterMissing("activity"),
        Some(_) => RefusalCause::UnknownActivity,
    }
}

fn unattributed(cause: RefusalCause) -> CallRefusal {
    CallRefusal { cause, activity: None, test: false, signed_by: None }
}

/// `orderId` and `orderLineId`, both mandatory.
fn mandatory_order(parameters: &Parameters<'_>) -> Result<OrderRef, RefusalCause> {
    Ok(OrderRef {
        order_id: parameters.mandatory("orderId", ID_LIMIT_CHARS)?.to_owned(),
        order_line_id: Some(parameters.mandatory("orderLineId", ID_LIMIT_CHARS)?.to_owned()),
        product_id: None,
    })
}

/// The answer of an activity that has no members of its own.
fn plain_answer(outcome: &PurchaseOutcome) -> Answer {
    match outcome {
        PurchaseOutcome::Done => Answer::new(ResultCode::Success),
        PurchaseOutcome::InstanceUnknown => Answer::new(ResultCode::InstanceUnknown),
        PurchaseOutcome::Processing => Answer::new(ResultCode::Processing),
        PurchaseOutcome::Unavailable => Answer::new(ResultCode::InternalError),
        PurchaseOutcome::InvalidParameter => Answer::new(ResultCode::InvalidParameter),
        PurchaseOutcome::Accepted { .. }
        | PurchaseOutcome::Delivered { .. }
        | PurchaseOutcome::Instances(_) => Answer::fault("an outcome that does not answer this activity"),
    }
}
