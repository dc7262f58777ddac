//! `refreshLicense` 续费License: the end moves; also sent when a trial becomes paid. Called once, never repeated.
//!
//! Source: zh-cn_topic_0000001353381237.

use crate::domain::{PurchaseEvent, RefreshScene};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::get_order;

pub const ACTIVITY: Activity =
    Activity { name: "refreshLicense", read, answer: plain_answer, changes_state: true };

/// The call does not say whether a trial became paid.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    get_order::refreshed(call, RefreshScene::Renewal)
}
