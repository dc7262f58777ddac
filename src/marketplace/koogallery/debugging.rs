//! What to fill in when the seller console debugs an activity: every mandatory parameter with a value that passes.
//!
//! With `testFlag=1` any id is answered; the mock orders are the marketplace's own (zh-cn_topic_0070649466).

use crate::marketplace::ActivityGuide;

/// A value that passes, whatever the activity.
fn example(name: &str) -> &'static str {
    match name {
        "orderId" => "MOCKPERIODYEARNEW",
        "orderLineId" => "MOCKPERIODYEARNEW-000001",
        "businessId" => "debug-business-1",
        "instanceId" => "debug-instance-1",
        "license" => "debug-code-1",
        "eventId" => "debug-event-1",
        "customerId" => "debug-customer-1",
        "productId" => "debug-product-1",
        "skuCode" => "debug-sku-1",
        "productInfo" => r#"{"productId":"debug-product-1","skuCode":"debug-sku-1"}"#,
        "scene" => "RENEWAL",
        "status" | "instanceStatus" => "FREEZE",
        "effectiveTime" => "20260101000000",
        "expireTime" => "20301231155959",
        _ => "",
    }
}

/// The mandatory parameters besides `activity` and `testFlag`, and those of signature and time.
fn mandatory(protocol: &str, activity: &str) -> &'static [&'static str] {
    match (protocol, activity) {
        ("saas-v1" | "license-v1", "newInstance" | "getLicense") => {
            &["customerId", "businessId", "orderId", "productId"]
        }
        ("saas-v1" | "license-v1", "refreshInstance" | "refreshLicense") => {
            &["orderId", "instanceId", "expireTime"]
        }
        (
            "saas-v1" | "license-v1",
            "expireInstance" | "expireLicense" | "releaseInstance" | "releaseLicense",
        ) => &["orderId", "instanceId"],
        ("saas-v1", "upgrade") => &["orderId", "instanceId", "skuCode", "productId"],
        ("saas-v1", "instanceStatus") => &["instanceId", "instanceStatus"],
        (_, "newInstance") => &["orderId", "orderLineId", "businessId"],
        (_, "queryInstance" | "releaseInstance") => &["instanceId"],
        (_, "refreshInstance") => &["scene", "orderId", "orderLineId", "instanceId", "expireTime"],
        (_, "updateInstanceStatus") => &["instanceId", "status"],
        (_, "upgradeInstance") => &["instanceId", "orderId", "orderLineId"],
        (_, "changeInstanceCheck") => &["instanceId", "productInfo"],
        (_, "orderNotify") => &["orderId", "orderLineId"],
        (_, "getLicenseAsync") => &["instanceId", "eventId", "effectiveTime", "expireTime"],
        (_, "refreshLicenseCode") => &["scene", "orderId", "orderLineId", "license", "expireTime"],
        (_, "updateLicenseCodeStatus") => &["license", "status"],
        (_, "releaseLicenseCode") => &["license"],
        _ => &[],
    }
}

/// The activities of a family, each with what to fill in.
pub fn guides(protocol: &str, activities: &[&'static str]) -> Vec<ActivityGuide> {
    let guide = |name: &&'static str| ActivityGuide {
        name,
        fields: mandatory(protocol, name).iter().map(|field| (*field, example(field))).collect(),
    };
    activities.iter().map(guide).collect()
}
