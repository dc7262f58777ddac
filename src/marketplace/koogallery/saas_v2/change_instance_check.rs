//! `changeInstanceCheck` 续费变更校验: may the instance shrink at its renewal? Asked before anything is bought.
//!
//! Source: zh-cn_topic_0000002411753620, en-us_topic_0000002464934193 (whose example names another activity).

use crate::domain::{PurchaseEvent, Target};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "changeInstanceCheck", read, answer: plain_answer, changes_state: false };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    let product = parameters.mandatory_object("productInfo")?;
    let product = Parameters(product);
    let target = Target {
        product_id: product.mandatory("productId", ID_LIMIT_CHARS)?.to_owned(),
        sku: product.mandatory("skuCode", ID_LIMIT_CHARS)?.to_owned(),
        quantity: product.optional_count("linearValue")?,
    };
    Ok(PurchaseEvent::ChangeAsked { instance_id, target })
}
