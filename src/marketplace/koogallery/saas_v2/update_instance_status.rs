//! `updateInstanceStatus` 更新实例状态: freeze at expiry, violation or arrears; unfreeze when that is over.
//!
//! Source: zh-cn_topic_0070649430, en-us_topic_000012.

use super::{Activity, plain_answer};
use crate::domain::{InstanceStatus, PurchaseEvent};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};

pub const ACTIVITY: Activity =
    Activity { name: "updateInstanceStatus", read, answer: plain_answer, changes_state: true };

const STATUS_LIMIT_CHARS: usize = 32;

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    let status = match parameters.mandatory("status", STATUS_LIMIT_CHARS)? {
        "FREEZE" => InstanceStatus::Freeze,
        "UNFREEZE" => InstanceStatus::Unfreeze,
        _ => return Err(RefusalCause::ParameterMalformed("status")),
    };
    Ok(PurchaseEvent::StatusChanged { instance_id, status })
}
