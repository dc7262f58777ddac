//! License 1.0 and SaaS 1.0: GET, and the call carries what was bought.
//!
//! Source: zh-cn_topic_0070649013 (newInstance), zh-cn_topic_0070649014, zh-cn_topic_0070649055, zh-cn_topic_0070649056,
//! zh-cn_topic_0000001297828992 (upgrade), en-us_topic_0070649069 (status); zh-cn_topic_0000001353181669 (getLicense),
//! zh-cn_topic_0000001353381237, zh-cn_topic_0000001353261785.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Call;
use crate::sandbox::family::Family;
use crate::sandbox::orders::{Basket, Billing, MockOrder, Period, digits};

/// What a buyer lets the merchant know, encrypted already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    pub mobile_phone: Option<String>,
    pub email: Option<String>,
}

/// `newInstance` or `getLicense`: somebody paid, or looks at what he bought.
pub fn purchase(family: Family, order: &MockOrder, contact: &Contact, typed_in: &[(&str, &str)]) -> Call {
    let (activity, provision) = match family {
        Family::LicenseV1 => ("getLicense", 3),
        Family::SaasV1 | Family::SaasV2 | Family::LicenseOnline | Family::LicenseCode => ("newInstance", 1),
        Family::KitV1 | Family::KitV2 => ("newInstance", 1),
    };
    let (period_type, period_number) = period(order.basket.billing);
    let members = json!({
        "customerId": order.basket.customer_id.as_deref().unwrap_or("68cbc86abc2018ab880d92f36422fa0e"),
        "customerName": "mock buyer & Söhne 云",
        "mobilePhone": contact.mobile_phone,
        "email": contact.email,
        "orderId": order.order_id,
        "skuCode": order.basket.sku,
        "productId": order.basket.product_id,
        "trialFlag": order.basket.trial.then_some("1"),
        "expireTime": order.expires_at.map(digits),
        "chargingMode": charging_mode(order.basket.billing),
        "amount": order.basket.quantity,
        "periodType": period_type,
        "periodNumber": period_number,
        "provisionType": provision,
        "orderAmount": "12.780",
        "saasExtendParams": extend_params(typed_in),
    });
    Call::new(family, activity, members)
}

/// What a renewal says beside its order and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    Paid,
    TrialToFormal,
    /// Paid back: the amount is negative, which is all that tells.
    Cancelled,
}

/// `refreshInstance` or `refreshLicense`.
pub fn refresh(
    family: Family,
    renewal: Renewal,
    instance_id: &str,
    order: &MockOrder,
    end: DateTime<Utc>,
    product_id: Option<&str>,
) -> Call {
    let (period_type, period_number) = period(order.basket.billing);
    let members = json!({
        "orderId": order.order_id,
        "instanceId": instance_id,
        "productId": product_id,
        "expireTime": digits(end),
        "periodType": period_type,
        "periodNumber": period_number,
    });
    match (family, renewal) {
        // License 1.0 has no word for either.
        (Family::LicenseV1, _) => Call::new(family, "refreshLicense", members),
        (_, Renewal::Paid) => Call::new(family, "refreshInstance", members).with("orderAmount", "12.78"),
        (_, Renewal::TrialToFormal) => {
            Call::new(family, "refreshInstance", members).with("trialToFormal", "1")
        }
        (_, Renewal::Cancelled) => {
            Call::new(family, "refreshInstance", members).with("orderAmount", "-12.78")
        }
    }
}

/// `expireInstance` or `expireLicense`: over, and may still be renewed. Names the order of the purchase.
pub fn expire(family: Family, instance_id: &str, order: &MockOrder) -> Call {
    let activity = if family == Family::LicenseV1 { "expireLicense" } else { "expireInstance" };
    Call::new(family, activity, json!({ "orderId": order.order_id, "instanceId": instance_id }))
}

/// `instanceStatus`, of SaaS only: arrears or a violation, and the end of them.
pub fn status(instance_id: &str, frozen: bool) -> Call {
    let status = if frozen { "FREEZE" } else { "NORMAL" };
    let members = json!({ "instanceId": instance_id, "instanceStatus": status });
    Call::new(Family::SaasV1, "instanceStatus", members)
}

/// The end of it. Names the order of the purchase, whatever ended it.
pub fn release(family: Family, instance_id: &str, order: &MockOrder) -> Call {
    let activity = if family == Family::LicenseV1 { "releaseLicense" } else { "releaseInstance" };
    Call::new(family, activity, json!({ "orderId": order.order_id, "instanceId": instance_id }))
}

/// `upgrade`, of SaaS only: another spec, or more of the same.
pub fn upgrade(instance_id: &str, order: &MockOrder) -> Call {
    let Basket { sku, product_id, quantity, .. } = &order.basket;
    let members = json!({
        "orderId": order.order_id,
        "instanceId": instance_id,
        "skuCode": sku,
        "productId": product_id,
        "amount": quantity,
    });
    Call::new(Family::SaasV1, "upgrade", members)
}

/// `queryInstance`, of SaaS only.
pub fn query(instance_ids: &[&str]) -> Call {
    Call::new(Family::SaasV1, "queryInstance", json!({ "instanceId": instance_ids.join(",") }))
}

fn charging_mode(billing: Billing) -> u8 {
    match billing {
        Billing::OnDemand => 0,
        Billing::Period(_) => 1,
        Billing::OneTime => 3,
        Billing::OnDemandPackage => 5,
    }
}

/// The page knows `year` and `month` only: a trial of days says no more than its end.
fn period(billing: Billing) -> (Option<&'static str>, Option<u32>) {
    match billing {
        Billing::Period(Period::Years(number)) => (Some("year"), Some(number)),
        Billing::Period(Period::Months(number)) => (Some("month"), Some(number)),
        Billing::Period(Period::Days(_))
        | Billing::OnDemand
        | Billing::OneTime
        | Billing::OnDemandPackage => (None, None),
    }
}

/// `urlEncode(base64([{"name":…,"value":…}]))`: what the buyer typed in at checkout.
fn extend_params(typed_in: &[(&str, &str)]) -> Option<String> {
    let list: Vec<Value> =
        typed_in.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let text = STANDARD.encode(Value::from(list).to_string());
    (!typed_in.is_empty()).then(|| utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
}
