//! SaaS 2.0 and online License: what is bought is only named, and asked for by the merchant.
//!
//! Source: zh-cn_topic_0070649427 to zh-cn_topic_0070649431, topic_0070649097 (upgrade), zh-cn_topic_0000002411753620
//! (check), zh-cn_topic_0000002091799153 (notice); zh-cn_topic_0070649251 to zh-cn_topic_0070649255 (online License).

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::Call;
use crate::sandbox::family::Family;
use crate::sandbox::orders::{Basket, MockOrder, digits};

/// Why `refreshInstance` is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    TrialToFormal,
    Renewal,
    CancelRenewal,
    RenewalChange,
}

impl Scene {
    pub fn wire(self) -> &'static str {
        match self {
            Self::TrialToFormal => "TRIAL_TO_FORMAL",
            Self::Renewal => "RENEWAL",
            Self::CancelRenewal => "UNSUBSCRIBE_RENEWAL_PERIOD",
            Self::RenewalChange => "RENEWAL_CHANGE",
        }
    }
}

/// Somebody paid.
pub fn new_instance(family: Family, order: &MockOrder) -> Call {
    let members = json!({ "orderId": order.order_id, "orderLineId": order.order_line_id });
    Call::new(family, "newInstance", members)
}

/// What do the instances look like? Up to 100 ids.
pub fn query_instance(family: Family, instance_ids: &[&str]) -> Call {
    Call::new(family, "queryInstance", json!({ "instanceId": instance_ids.join(",") }))
}

/// Another end. `product_id` is said when the kind of period changed.
pub fn refresh_instance(
    family: Family,
    scene: Scene,
    instance_id: &str,
    order: &MockOrder,
    end: DateTime<Utc>,
    product_id: Option<&str>,
) -> Call {
    let members = json!({
        "scene": scene.wire(),
        "orderId": order.order_id,
        "orderLineId": order.order_line_id,
        "instanceId": instance_id,
        "productId": product_id,
        "expireTime": digits(end),
    });
    Call::new(family, "refreshInstance", members)
}

/// `FREEZE` or `UNFREEZE`.
pub fn update_status(family: Family, instance_id: &str, frozen: bool) -> Call {
    let status = if frozen { "FREEZE" } else { "UNFREEZE" };
    Call::new(family, "updateInstanceStatus", json!({ "instanceId": instance_id, "status": status }))
}

/// The end of it; names the order that unsubscribed, if one did.
pub fn release(family: Family, instance_id: &str, unsubscribed_by: Option<&MockOrder>) -> Call {
    let members = json!({
        "instanceId": instance_id,
        "orderId": unsubscribed_by.map(|order| &order.order_id),
        "orderLineId": unsubscribed_by.map(|order| &order.order_line_id),
    });
    Call::new(family, "releaseInstance", members)
}

/// Another spec, or more of the same, at once.
pub fn upgrade(family: Family, instance_id: &str, order: &MockOrder) -> Call {
    let members = json!({
        "instanceId": instance_id,
        "orderId": order.order_id,
        "orderLineId": order.order_line_id,
    });
    Call::new(family, "upgradeInstance", members)
}

/// May the instance become this at its renewal?
pub fn check_change(instance_id: &str, basket: &Basket) -> Call {
    let Basket { sku, product_id, quantity, .. } = basket;
    let mut product = json!({ "productId": product_id, "skuCode": sku });
    if let Some(quantity) = quantity {
        product["linearValue"] = json!(quantity);
    }
    let members = json!({ "instanceId": instance_id, "productInfo": product });
    Call::new(Family::SaasV2, "changeInstanceCheck", members)
}

/// An order was paid, of whatever product. Of every family that is signed in its query and has a JSON body.
pub fn order_notify(family: Family, order: &MockOrder) -> Call {
    // The page has testFlag among what is mandatory here.
    let members = json!({ "orderId": order.order_id, "orderLineId": order.order_line_id, "testFlag": "0" });
    Call::new(family, "orderNotify", members)
}

/// Somebody applies for the License of an instance, for the machine of this fingerprint if there is one.
pub fn get_license_async(
    instance_id: &str,
    event_id: &str,
    (from, to): (DateTime<Utc>, Option<DateTime<Utc>>),
    fingerprint: Option<&str>,
) -> Call {
    let members = json!({
        "instanceId": instance_id,
        "effectiveTime": printed(from),
        "expireTime": to.map(printed),
        "eventId": event_id,
        "deviceFingerprint": fingerprint,
    });
    Call::new(Family::LicenseOnline, "getLicenseAsync", members)
}

/// As the page prints it, a blank and a small z included.
fn printed(instant: DateTime<Utc>) -> Value {
    instant.format("%Y-%m-%d %H:%M:%S z").to_string().into()
}
