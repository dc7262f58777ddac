//! `newInstance` 新购商品: an order was paid, or the buyer opens the details of one: the same call, answered from
//! what is known.
//!
//! Source: zh-cn_topic_0070649013, en-us_topic_0070649013.

use super::app_info::{ENCRYPT_TYPE, wire};
use crate::domain::{InstanceInfo, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::koogallery::answer::Answer;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::get_order;
use crate::marketplace::koogallery::result_code::ResultCode;
use crate::marketplace::{AccessKey, RefusalCause};

pub const ACTIVITY: Activity = Activity { name: "newInstance", read, answer, changes_state: true };

fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    get_order::bought(call)
}

fn answer(outcome: &PurchaseOutcome, key: Option<&AccessKey>) -> Answer {
    match outcome {
        PurchaseOutcome::Delivered { info, license_key: _ } => delivered(info, key),
        PurchaseOutcome::Accepted { instance_id, ready: false } => {
            Answer::new(ResultCode::Processing).text("instanceId", instance_id, ID_LIMIT_CHARS)
        }
        PurchaseOutcome::Accepted { ready: true, .. } | PurchaseOutcome::Done => {
            Answer::fault("a new instance needs what its buyer is shown")
        }
        other => plain_answer(other, key),
    }
}

fn delivered(info: &InstanceInfo, key: Option<&AccessKey>) -> Answer {
    let app_info = match wire(info, key) {
        Ok(app_info) => app_info,
        Err(words) => return Answer::fault(words),
    };
    let mut answer = Answer::new(ResultCode::Success);
    if info.sign_in.is_some() {
        answer = answer.member("encryptType", ENCRYPT_TYPE.code());
    }
    answer.text("instanceId", &info.instance_id, ID_LIMIT_CHARS).member("appInfo", &app_info)
}
