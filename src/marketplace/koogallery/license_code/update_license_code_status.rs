//! `updateLicenseCodeStatus` 变更授权码状态: freeze after the grace period; unfreeze once it is paid.
//!
//! Source: zh-cn_topic_0070649168.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, instance_status, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "updateLicenseCodeStatus", read, answer: plain_answer, changes_state: true };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("license", ID_LIMIT_CHARS)?.to_owned();
    Ok(PurchaseEvent::StatusChanged { instance_id, status: instance_status(parameters)? })
}
