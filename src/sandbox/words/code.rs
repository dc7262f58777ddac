//! Authorization codes: the marketplace makes the code and tells what becomes of it.
//!
//! Source: zh-cn_topic_0070649167 to zh-cn_topic_0070649169; newInstance is printed on zh-cn_topic_0070649248 only.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Call;
use super::v2::Scene;
use crate::sandbox::family::Family;
use crate::sandbox::orders::{MockOrder, digits};

/// `newInstance`, which no table of this family names.
pub fn announce(order: &MockOrder) -> Call {
    super::v2::new_instance(Family::LicenseCode, order)
}

/// Another end.
pub fn refresh(
    scene: Scene,
    code: &str,
    order: &MockOrder,
    end: DateTime<Utc>,
    product_id: Option<&str>,
) -> Call {
    let members = json!({
        "scene": scene.wire(),
        "orderId": order.order_id,
        "orderLineId": order.order_line_id,
        "license": code,
        "productId": product_id,
        "expireTime": digits(end),
    });
    Call::new(Family::LicenseCode, "refreshLicenseCode", members)
}

/// `FREEZE` or `UNFREEZE`.
pub fn update_status(code: &str, frozen: bool) -> Call {
    let status = if frozen { "FREEZE" } else { "UNFREEZE" };
    Call::new(Family::LicenseCode, "updateLicenseCodeStatus", json!({ "license": code, "status": status }))
}

/// The end of it; names the order that unsubscribed, if one did.
pub fn release(code: &str, unsubscribed_by: Option<&MockOrder>) -> Call {
    let members = json!({
        "license": code,
        "orderId": unsubscribed_by.map(|order| &order.order_id),
        "orderLineId": unsubscribed_by.map(|order| &order.order_line_id),
    });
    Call::new(Family::LicenseCode, "releaseLicenseCode", members)
}
