//! `queryInstance` 查询实例信息: what the buyer sees of up to 100 instances.
//!
//! Source: saas_topic_0000001; its members are those of newInstance's answer.

use serde::Serialize;

use super::app_info::{ENCRYPT_TYPE, WireAppInfo, wire};
use crate::domain::{InstanceInfo, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::koogallery::answer::Answer;
use crate::marketplace::koogallery::body::INSTANCE_IDS_LIMIT_CHARS;
use crate::marketplace::koogallery::body::instance_ids;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::result_code::ResultCode;
use crate::marketplace::koogallery::usage_info::{self, WireUsage};
use crate::marketplace::{AccessKey, RefusalCause};

pub const ACTIVITY: Activity = Activity { name: "queryInstance", read, answer, changes_state: false };

fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let text = call.parameters.mandatory("instanceId", INSTANCE_IDS_LIMIT_CHARS)?;
    Ok(PurchaseEvent::Queried { instance_ids: instance_ids(text)? })
}

fn answer(outcome: &PurchaseOutcome, key: Option<&AccessKey>) -> Answer {
    match outcome {
        PurchaseOutcome::Instances(instances) => shown(instances, key),
        PurchaseOutcome::Done => Answer::fault("a query needs its instances"),
        other => plain_answer(other, key),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireInstance<'a> {
    instance_id: &'a str,
    app_info: WireAppInfo<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    usage_info: Vec<WireUsage<'a>>,
}

fn shown(instances: &[InstanceInfo], key: Option<&AccessKey>) -> Answer {
    let wired = instances.iter().map(|info| {
        let (app_info, usage_info) = (wire(info, key)?, usage_info::wire(&info.usage)?);
        Ok(WireInstance { instance_id: &info.instance_id, app_info, usage_info })
    });
    let wired = match wired.collect::<Result<Vec<_>, String>>() {
        Ok(wired) => wired,
        Err(words) => return Answer::fault(words),
    };
    let mut answer = Answer::new(ResultCode::Success);
    if instances.iter().any(|info| info.sign_in.is_some()) {
        answer = answer.member("encryptType", ENCRYPT_TYPE.code());
    }
    answer.member("info", &wired)
}
