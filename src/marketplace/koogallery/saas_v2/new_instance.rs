//! `newInstance` 创建实例: an order was paid. Carries ids only; the order is asked for afterwards.
//!
//! Source: zh-cn_topic_0070649427, en-us_topic_000009.

use crate::domain::{PurchaseEvent, PurchaseOutcome};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::answer::Answer;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, mandatory_order, plain_answer};
use crate::marketplace::koogallery::result_code::ResultCode;

pub const ACTIVITY: Activity = Activity { name: "newInstance", read, answer, changes_state: true };

/// `productId` is in no table of V2; pay-per-use purchases are told apart by it, so it is kept when it comes.
fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let mut order = mandatory_order(parameters)?;
    order.product_id = parameters.optional("productId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let business_id = parameters.mandatory("businessId", ID_LIMIT_CHARS)?.to_owned();
    Ok(PurchaseEvent::Bought { order, business_id, details: None })
}

/// `instanceId` is mandatory in both cases, provisioned and being provisioned.
fn answer(outcome: &PurchaseOutcome) -> Answer {
    match outcome {
        PurchaseOutcome::Accepted { instance_id, ready } => {
            let result = if *ready { ResultCode::Success } else { ResultCode::Processing };
            if instance_id.is_empty() {
                return Answer::fault("the instance id is empty");
            }
            Answer::new(result).text("instanceId", instance_id, ID_LIMIT_CHARS)
        }
        PurchaseOutcome::Done => Answer::fault("a new instance needs its id"),
        other => plain_answer(other),
    }
}
