//! `expireLicense` License过期: stop it; the buyer may still renew.
//!
//! Source: named by imc_01_0038; its parameters are those of releaseLicense and of SaaS V1's expireInstance.

use crate::domain::{InstanceStatus, PurchaseEvent};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};

pub const ACTIVITY: Activity =
    Activity { name: "expireLicense", read, answer: plain_answer, changes_state: true };

/// `orderId` is the order of the purchase, which the instance id names already.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    call.parameters.order()?;
    let instance_id = call.parameters.instance_id()?;
    Ok(PurchaseEvent::StatusChanged { instance_id, status: InstanceStatus::Freeze })
}
