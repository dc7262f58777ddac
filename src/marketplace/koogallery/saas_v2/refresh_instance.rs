//! `refreshInstance` 更新实例: the end of an instance moves, forwards or backwards.
//!
//! Source: zh-cn_topic_0070649429, en-us_topic_000011.

use crate::domain::{PurchaseEvent, RefreshScene};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, mandatory_order, plain_answer};
use crate::marketplace::koogallery::time;

pub const ACTIVITY: Activity =
    Activity { name: "refreshInstance", read, answer: plain_answer, changes_state: true };

const SCENE_LIMIT_CHARS: usize = 64;
const TIME_LIMIT_CHARS: usize = 20;

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let scene = scene(parameters.mandatory("scene", SCENE_LIMIT_CHARS)?)?;
    let order = mandatory_order(parameters)?;
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    let product_id = parameters.optional("productId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let ends_at = time::parse(parameters.mandatory("expireTime", TIME_LIMIT_CHARS)?)
        .ok_or(RefusalCause::ParameterMalformed("expireTime"))?;
    let ends_at = Some(ends_at);
    let (term, resumes) = (None, false);
    Ok(PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes })
}

fn scene(text: &str) -> Result<RefreshScene, RefusalCause> {
    match text {
        "TRIAL_TO_FORMAL" => Ok(RefreshScene::TrialToFormal),
        "RENEWAL" => Ok(RefreshScene::Renewal),
        "UNSUBSCRIBE_RENEWAL_PERIOD" => Ok(RefreshScene::CancelRenewal),
        "RENEWAL_CHANGE" => Ok(RefreshScene::RenewalChange),
        _ => Err(RefusalCause::ParameterMalformed("scene")),
    }
}
