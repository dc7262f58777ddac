//! `refreshInstance` 商品续费: the end moves: renewed, made formal, or a renewal was cancelled.
//!
//! Source: zh-cn_topic_0070649014.

use crate::domain::{PurchaseEvent, RefreshScene};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::get_order;

pub const ACTIVITY: Activity =
    Activity { name: "refreshInstance", read, answer: plain_answer, changes_state: true };

/// V1 has no `scene`: a trial that became formal says so, and what a cancelled renewal cost is negative.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let formal = call.parameters.flag("trialToFormal")?;
    let refunded = call.parameters.0.get("orderAmount").is_some_and(|amount| amount.starts_with('-'));
    let scene = match (formal, refunded) {
        (true, _) => RefreshScene::TrialToFormal,
        (false, true) => RefreshScene::CancelRenewal,
        (false, false) => RefreshScene::Renewal,
    };
    get_order::refreshed(call, scene)
}
