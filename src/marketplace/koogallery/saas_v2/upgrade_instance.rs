//! `upgradeInstance` 实例升级: another spec or more of it, at once; what exactly, the order says.
//!
//! Source: zh-cn_topic_0070649097 (international), en-us_topic_000014.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, mandatory_order, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "upgradeInstance", read, answer: plain_answer, changes_state: true };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    Ok(PurchaseEvent::Changed { instance_id, order: mandatory_order(parameters)?, details: None })
}
