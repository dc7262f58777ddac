//! What the newer families have in common: POST, JSON, one address for all activities, the V2 signature.
//!
//! Source: zh-cn_topic_0070649475 (transport), zh-cn_topic_0070649248 (signature).

use chrono::{DateTime, Utc};

use super::answer::{self, Answer};
use super::body::{ID_LIMIT_CHARS, Parameters};
use super::debugging;
use super::guesses;
use super::json::{self, Json, Object};
use super::kit;
use super::query::Query;
use super::result_code::ResultCode;
use super::signature::{UnverifiedSignature, VerifiedSignature};
use crate::domain::{AccessKeyUse, InstanceStatus, OrderRef, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::{
    AccessKey, ActivityGuide, Call, CallRefusal, Guess, Protocol, RawAnswer, RawRequest, RefusalCause,
};

const STATUS_LIMIT_CHARS: usize = 32;

/// A family of activities under one address.
pub struct Family {
    /// The channel's `protocol`.
    pub name: &'static str,
    pub activities: &'static [Activity],
}

/// One kind of call: its name on the wire, how it is read, whether it changes state.
#[derive(Clone, Copy)]
pub struct Activity {
    pub name: &'static str,
    pub read: fn(&Parameters<'_>) -> Result<PurchaseEvent, RefusalCause>,
    pub answer: fn(&PurchaseOutcome) -> Answer,
    pub changes_state: bool,
}

impl Protocol for Family {
    fn name(&self) -> &'static str {
        self.name
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
        let activity = self.claimed_activity(&members);
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
        Ok(Call { event, test, occurred_at: None, replay, activity: activity.name, signed_by })
    }

    fn answer(&self, call: &Call, outcome: &PurchaseOutcome, keys: &[AccessKey]) -> RawAnswer {
        let answer = match self.activities.iter().find(|activity| activity.name == call.activity) {
            Some(activity) => (activity.answer)(outcome),
            None if kit::is_kit_activity(call.activity) => kit::answer(outcome),
            None => Answer::fault("an activity of another protocol"),
        };
        answer.sign(keys.get(call.signed_by))
    }

    fn refuse(&self, refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer {
        answer::refuse(refusal, keys)
    }

    fn activities(&self) -> Vec<&'static str> {
        self.activities.iter().map(|activity| activity.name).collect()
    }

    fn guides(&self) -> Vec<ActivityGuide> {
        debugging::guides(self.name, &Protocol::activities(self))
    }

    fn guesses(&self, request: &RawRequest<'_>) -> Vec<Guess> {
        guesses::of_v2(request)
    }

    fn signature_form(&self, request: &RawRequest<'_>) -> Option<(usize, usize)> {
        guesses::signature_form(request, false)
    }
}

impl Family {
    fn claimed_activity(&self, members: &Object<'_>) -> Option<&'static Activity> {
        let Some(Json::Text(name)) = members.get("activity") else { return None };
        self.activities.iter().find(|activity| activity.name == name)
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
pub fn mandatory_order(parameters: &Parameters<'_>) -> Result<OrderRef, RefusalCause> {
    Ok(OrderRef {
        order_id: parameters.mandatory("orderId", ID_LIMIT_CHARS)?.to_owned(),
        order_line_id: Some(parameters.mandatory("orderLineId", ID_LIMIT_CHARS)?.to_owned()),
        product_id: None,
    })
}

/// `orderId` and `orderLineId`, both optional. A line id without an order id names nothing.
pub fn optional_order(parameters: &Parameters<'_>) -> Result<Option<OrderRef>, RefusalCause> {
    let order_id = parameters.optional("orderId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let order_line_id = parameters.optional("orderLineId", ID_LIMIT_CHARS)?.map(str::to_owned);
    Ok(order_id.map(|order_id| OrderRef { order_id, order_line_id, product_id: None }))
}

/// `status`: the marketplace's wish to stop an instance, or to let it run again.
pub fn instance_status(parameters: &Parameters<'_>) -> Result<InstanceStatus, RefusalCause> {
    match parameters.mandatory("status", STATUS_LIMIT_CHARS)? {
        "FREEZE" => Ok(InstanceStatus::Freeze),
        "UNFREEZE" => Ok(InstanceStatus::Unfreeze),
        _ => Err(RefusalCause::ParameterMalformed("status")),
    }
}

/// The answer of an activity that has no members of its own.
pub fn plain_answer(outcome: &PurchaseOutcome) -> Answer {
    match ResultCode::of(outcome) {
        Some(result) => Answer::new(result),
        None => Answer::fault("an outcome that does not answer this activity"),
    }
}
