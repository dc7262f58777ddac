//! `queryInstance` 查询实例信息: what the buyer sees of up to 100 instances. Polled until there is an answer.
//!
//! Source: zh-cn_topic_0070649428, en-us_topic_000010.

use serde::Serialize;

use crate::domain::{InstanceInfo, PurchaseEvent, PurchaseOutcome};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::answer::{Answer, within};
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, plain_answer};
use crate::marketplace::koogallery::result_code::ResultCode;

pub const ACTIVITY: Activity = Activity { name: "queryInstance", read, answer, changes_state: false };

/// The table's "length 100" cannot hold 100 ids: it is the number of ids.
const IDS_LIMIT: usize = 100;
const FRONT_END_URL_LIMIT_CHARS: usize = 512;
const MEMO_LIMIT_CHARS: usize = 1024;

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let text = parameters.mandatory("instanceId", IDS_LIMIT * (ID_LIMIT_CHARS + 2))?;
    let instance_ids: Vec<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
    if instance_ids.len() > IDS_LIMIT {
        return Err(RefusalCause::ParameterTooLong { name: "instanceId", limit: IDS_LIMIT });
    }
    if instance_ids.iter().any(|id| id.chars().count() > ID_LIMIT_CHARS) {
        return Err(RefusalCause::ParameterTooLong { name: "instanceId", limit: ID_LIMIT_CHARS });
    }
    if instance_ids.iter().any(String::is_empty) {
        return Err(RefusalCause::ParameterMalformed("instanceId"));
    }
    Ok(PurchaseEvent::Queried { instance_ids })
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
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WireAppInfo<'a> {
    front_end_url: &'a str,
    memo: &'a str,
}

/// `frontEndUrl` is mandatory inside `appInfo`.
fn wire(instance: &InstanceInfo) -> Result<WireInstance<'_>, String> {
    let InstanceInfo { instance_id, front_end_url, memo } = instance;
    within("instanceId", instance_id, ID_LIMIT_CHARS)?;
    within("frontEndUrl", front_end_url, FRONT_END_URL_LIMIT_CHARS)?;
    within("memo", memo, MEMO_LIMIT_CHARS)?;
    if front_end_url.is_empty() {
        return Err("frontEndUrl would be empty, the marketplace wants one".to_owned());
    }
    Ok(WireInstance { instance_id, app_info: WireAppInfo { front_end_url, memo } })
}
