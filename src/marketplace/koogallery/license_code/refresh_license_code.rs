//! `refreshLicenseCode` 更新授权码有效期: the end of a code moves, forwards or backwards.
//!
//! Source: zh-cn_topic_0070649167.

use crate::domain::{PurchaseEvent, RefreshScene};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, mandatory_order, plain_answer};
use crate::marketplace::koogallery::time;

pub const ACTIVITY: Activity =
    Activity { name: "refreshLicenseCode", read, answer: plain_answer, changes_state: true };

const SCENE_LIMIT_CHARS: usize = 64;
const TIME_LIMIT_CHARS: usize = 20;

/// The order is a new one, other than the purchase and earlier renewals.
fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let scene = scene(parameters.mandatory("scene", SCENE_LIMIT_CHARS)?)?;
    let order = mandatory_order(parameters)?;
    let instance_id = parameters.mandatory("license", ID_LIMIT_CHARS)?.to_owned();
    let product_id = parameters.optional("productId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let ends_at = time::parse(parameters.mandatory("expireTime", TIME_LIMIT_CHARS)?)
        .ok_or(RefusalCause::ParameterMalformed("expireTime"))?;
    let ends_at = Some(ends_at);
    let (term, resumes) = (None, false);
    Ok(PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes })
}

fn scene(text: &str) -> Result<RefreshScene, RefusalCause> {
    match text {
        "RENEWAL" => Ok(RefreshScene::Renewal),
        "UNSUBSCRIBE_RENEWAL_PERIOD" => Ok(RefreshScene::CancelRenewal),
        _ => Err(RefusalCause::ParameterMalformed("scene")),
    }
}
