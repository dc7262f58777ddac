//! `instanceStatus` 资源状态变更: a pay-per-use instance stops over arrears or a violation, and goes on after it.
//!
//! Source: en-us_topic_0070649069.

use crate::domain::{InstanceStatus, PurchaseEvent};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "instanceStatus", read, answer: plain_answer, changes_state: true };

const STATUS_LIMIT_CHARS: usize = 32;

/// The words are V1's own: what V2 calls `UNFREEZE` is `NORMAL` here.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = call.parameters.instance_id()?;
    let status = match call.parameters.mandatory("instanceStatus", STATUS_LIMIT_CHARS)? {
        "FREEZE" => InstanceStatus::Freeze,
        "NORMAL" => InstanceStatus::Unfreeze,
        _ => return Err(RefusalCause::ParameterMalformed("instanceStatus")),
    };
    Ok(PurchaseEvent::StatusChanged { instance_id, status })
}
