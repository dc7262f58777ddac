//! `upgrade` 商品升级: another spec, or more of the same. Instance and end stay.
//!
//! Source: zh-cn_topic_0000001297828992.

use crate::domain::{OrderDetails, OrderKind, PurchaseEvent};
use crate::marketplace::RefusalCause;
use crate::marketplace::koogallery::body::ID_LIMIT_CHARS;
use crate::marketplace::koogallery::extend_params;
use crate::marketplace::koogallery::get_call::{Activity, GetCall, plain_answer};
use crate::marketplace::koogallery::get_order;

pub const ACTIVITY: Activity = Activity { name: "upgrade", read, answer: plain_answer, changes_state: true };

/// `skuCode` is the spec after the upgrade, which may be the one from before.
fn read(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let parameters = &call.parameters;
    let order = parameters.order()?;
    let instance_id = parameters.instance_id()?;
    parameters.mandatory("skuCode", ID_LIMIT_CHARS)?;
    let details = OrderDetails {
        order_id: order.order_id.clone(),
        kind: OrderKind::Change,
        created_at: call.received_at,
        customer: None,
        lines: vec![get_order::line(call)?],
        extend_params: extend_params::read(parameters)?,
    };
    Ok(PurchaseEvent::Changed { instance_id, order, details: Some(details) })
}
