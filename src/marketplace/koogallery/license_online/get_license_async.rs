//! `getLicenseAsync` 申请License: the License of an instance is asked for; it is uploaded after the answer.
//!
//! Source: zh-cn_topic_0070649255.

use crate::domain::{Application, PurchaseEvent, RequestId};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, plain_answer};
use crate::marketplace::koogallery::time;

pub const ACTIVITY: Activity =
    Activity { name: "getLicenseAsync", read, answer: plain_answer, changes_state: true };

const TIME_LIMIT_CHARS: usize = 32;
const FINGERPRINT_LIMIT_CHARS: usize = 1024;

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = parameters.mandatory("instanceId", ID_LIMIT_CHARS)?.to_owned();
    let event_id = parameters.mandatory("eventId", ID_LIMIT_CHARS)?;
    let request = RequestId::parse(event_id).map_err(|_| RefusalCause::ParameterMalformed("eventId"))?;
    let instant = |name, text| time::parse_printed(text).ok_or(RefusalCause::ParameterMalformed(name));
    let starts_at = instant("effectiveTime", parameters.mandatory("effectiveTime", TIME_LIMIT_CHARS)?)?;
    let ends_at = parameters.optional("expireTime", TIME_LIMIT_CHARS)?;
    let ends_at = ends_at.map(|text| instant("expireTime", text)).transpose()?;
    let fingerprint = parameters.optional("deviceFingerprint", FINGERPRINT_LIMIT_CHARS)?.map(str::to_owned);
    let application = Application { request, starts_at, ends_at, fingerprint };
    Ok(PurchaseEvent::Applied { instance_id, application })
}
