//! `newInstance`: in no table of this family, but printed on its signature page and named by publishing guides.
//!
//! Tolerated: the code that the buyer redeems names its order, so nothing has to be kept of the announcement.
//! Source: zh-cn_topic_0070649248 (the example).

use crate::domain::PurchaseEvent;
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::{ID_LIMIT_CHARS, Parameters};
use crate::marketplace::koogallery::family::{Activity, mandatory_order};
use crate::marketplace::koogallery::saas_v2::new_instance;

pub const ACTIVITY: Activity = Activity { read, changes_state: false, ..new_instance::ACTIVITY };

fn read(parameters: &Parameters<'_>) -> Result<PurchaseEvent, RefusalCause> {
    parameters.mandatory("businessId", ID_LIMIT_CHARS)?;
    Ok(PurchaseEvent::Announced { order: mandatory_order(parameters)? })
}
