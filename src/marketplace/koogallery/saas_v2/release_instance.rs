//! `releaseInstance` 释放实例: not renewed, or unsubscribed; final.
//!
//! Source: zh-cn_topic_0070649431, en-us_topic_000013.

use super::{Activity, plain_answer};
use crate::domain::{OrderRef, PurchaseEvent};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};

pub const ACTIVITY: Activity =
    Activity { name: "releaseInstance", read, answer: plain_answer, changes_state: true };

/// The order, when there is one, is the one that unsubscribed. A line id without an order id names nothing.
fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    let order_id = parameters.optional("orderId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let order_line_id = parameters.optional("orderLineId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let order = order_id.map(|order_id| OrderRef { order_id, order_line_id, product_id: None });
    Ok(PurchaseEvent::Released { instance_id, order })
}
