//! `queryInstance` 查询实例信息: what the buyer sees of up to 100 instances. Polled until there is an answer.
//!
//! Source: zh-cn_topic_0070649428, en-us_topic_000010.

use serde::Serialize;

use crate::domain::{InstanceInfo, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::answer::{Answer, within};
use crate::marketplace::koogallery::body::{
    ID_LIMIT_CHARS, INSTANCE_IDS_LIMIT_CHARS, Parameters, instance_ids,
};
use crate::marketplace::koogallery::family::{Activity, plain_answer};
use crate::marketplace::koogallery::result_code::ResultCode;
use crate::marketplace::koogallery::usage_info::{self, WireUsage};

pub const ACTIVITY: Activity = Activity { name: "queryInstance", read, answer, changes_state: false };

const FRONT_END_URL_LIMIT_CHARS: usize = 512;
const MEMO_LIMIT_CHARS: usize = 1024;
const SIGN_IN_LIMIT_CHARS: usize = 128;

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let text = parameters.mandatory("instanceId", INSTANCE_IDS_LIMIT_CHARS)?;
    Ok(PurchaseEvent::Queried { instance_ids: instance_ids(text)? })
}

fn answer(outcome: &PurchaseOutcome) -> Answer {
    match outcome {
        PurchaseOutcome::Instances(instances) => {
            match instances.iter().map(wire).collect::<Result<Vec<_>, _>>() {
                Ok(info) => Answer::new(ResultCode::Success).member("info", &info),
                Err(words) => Answer::fault(words),
            }
        }
        PurchaseOutcome::Done => Answer::fault("a query needs its instances"),
        other => plain_answer(other),
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAppInfo<'a> {
    front_end_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    memo: &'a str,
}

/// `frontEndUrl` is mandatory inside `appInfo`; `userName` and `password` are plain.
fn wire(instance: &InstanceInfo) -> Result<WireInstance<'_>, String> {
    let InstanceInfo { instance_id, front_end_url, memo, sign_in, license: _, usage } = instance;
    within("instanceId", instance_id, ID_LIMIT_CHARS)?;
    within("frontEndUrl", front_end_url, FRONT_END_URL_LIMIT_CHARS)?;
    within("memo", memo, MEMO_LIMIT_CHARS)?;
    if front_end_url.is_empty() {
        return Err("frontEndUrl would be empty, the marketplace wants one".to_owned());
    }
    let (user_name, password) = match sign_in {
        Some(sign_in) => (Some(sign_in.user_name.as_str()), Some(sign_in.password.as_str())),
        None => (None, None),
    };
    within("userName", user_name.unwrap_or_default(), SIGN_IN_LIMIT_CHARS)?;
    within("password", password.unwrap_or_default(), SIGN_IN_LIMIT_CHARS)?;
    let app_info = WireAppInfo { front_end_url, user_name, password, memo };
    Ok(WireInstance { instance_id, app_info, usage_info: usage_info::wire(usage)? })
}
