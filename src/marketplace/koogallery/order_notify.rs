//! `orderNotify` 订单通知: some order was placed. For almost every kind of product, beside its own activities.
//!
//! Source: zh-cn_topic_0000002091799153, zh-cn_topic_0000002055600456.

use super::body::Parameters;
use super::family::{Activity, mandatory_order, plain_answer};
use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;

pub const ACTIVITY: Activity =
    Activity { name: "orderNotify", read, answer: plain_answer, changes_state: true };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    Ok(PurchaseEvent::Noticed { order: mandatory_order(parameters)? })
}
