//! `releaseInstance` 释放实例: not renewed, or unsubscribed; final.
//!
//! Source: zh-cn_topic_0070649431, en-us_topic_000013.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, optional_order, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "releaseInstance", read, answer: plain_answer, changes_state: true };

/// The order, when there is one, is the one that unsubscribed.
fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    Ok(PurchaseEvent::Released { instance_id, order: optional_order(parameters)? })
}
