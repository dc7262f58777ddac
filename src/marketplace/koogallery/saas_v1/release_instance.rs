//! `releaseInstance` 商品资源释放: after the retention period, or refunded; final.
//!
//! Source: zh-cn_topic_0070649056.

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "releaseInstance", read, answer: plain_answer, changes_state: true };

const AMOUNT_LIMIT_CHARS: usize = 20;

/// `orderId` is the order of the purchase, not one that cancelled it.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    call.parameters.order()?;
    call.parameters.optional("orderAmount", AMOUNT_LIMIT_CHARS)?;
    Ok(PurchaseEvent::Released { instance_id: call.parameters.instance_id()?, order: None })
}
