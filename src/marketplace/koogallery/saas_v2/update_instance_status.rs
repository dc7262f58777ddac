//! `updateInstanceStatus` 更新实例状态: freeze at expiry, violation or arrears; unfreeze when that is over.
//!
//! Source: zh-cn_topic_0070649430, en-us_topic_000012.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, instance_status, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "updateInstanceStatus", read, answer: plain_answer, changes_state: true };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    Ok(PurchaseEvent::StatusChanged { instance_id, status: instance_status(parameters)? })
}
