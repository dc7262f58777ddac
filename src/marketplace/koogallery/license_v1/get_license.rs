//! `getLicense` 获取License: an order was paid; it comes with everything that is known of it.
//!
//! Source: zh-cn_topic_0000001353181669, zh-cn_topic_0070649153.

use crate::domain::{PurchaseEvent, PurchaseOutcome};
use crate::marketplace::koogallery::answer::Answer;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::get_order;
use crate::marketplace::koogallery::result_code::ResultCode;
use crate::marketplace::{AccessKey, RefusalCause};

pub const ACTIVITY: Activity = Activity { name: "getLicense", read, answer, changes_state: true };

fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    get_order::bought(call)
}

/// `license` and `instanceId` are mandatory. A purchase that was released before its license existed has none.
fn answer(outcome: &PurchaseOutcome, key: Option<&AccessKey>) -> Answer {
    match outcome {
        PurchaseOutcome::Delivered { info, license_key: Some(license_key) } => {
            if info.instance_id.is_empty() || license_key.is_empty() {
                return Answer::fault("the instance id or the license is empty");
            }
            Answer::new(ResultCode::Success).member("license", license_key).text(
                "instanceId",
                &info.instance_id,
                ID_LIMIT_CHARS,
            )
        }
        PurchaseOutcome::Delivered { info, license_key: None } => {
            Answer::new(ResultCode::NoResource).text("instanceId", &info.instance_id, ID_LIMIT_CHARS)
        }
        PurchaseOutcome::Accepted { instance_id, ready: false } => {
            Answer::new(ResultCode::Processing).text("instanceId", instance_id, ID_LIMIT_CHARS)
        }
        PurchaseOutcome::Accepted { ready: true, .. } | PurchaseOutcome::Done => {
            Answer::fault("a new license needs its text")
        }
        other => plain_answer(other, key),
    }
}
