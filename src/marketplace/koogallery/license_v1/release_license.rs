//! `releaseLicense` License释放: after the retention period, or unsubscribed; final. Called once, never repeated.
//!
//! Source: zh-cn_topic_0000001353261785.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "releaseLicense", read, answer: plain_answer, changes_state: true };

/// `orderId` is the order of the purchase, not one that cancelled it.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    call.parameters.order()?;
    Ok(PurchaseEvent::Released { instance_id: call.parameters.instance_id()?, order: None })
}
