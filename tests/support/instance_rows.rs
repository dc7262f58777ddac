//! The activities that the newer families share, parameter by parameter, and what each parameter is held to.

use lictor::marketplace::{Call, CallRefusal, RefusalCause};
use serde_json::{Value, json};

/// Activity, parameter, length in characters, mandatory, whether any text will do.
pub struct Row(pub &'static str, pub &'static str, pub usize, pub bool, pub bool);

const ROWS: &[Row] = &[
    Row("newInstance", "orderId", 64, true, true),
    Row("newInstance", "orderLineId", 64, true, true),
    Row("newInstance", "businessId", 64, true, true),
    Row("newInstance", "productId", 64, false, true),
    Row("queryInstance", "instanceId", 64, true, true),
    Row("refreshInstance", "scene", 64, true, false),
    Row("refreshInstance", "orderId", 64, true, true),
    Row("refreshInstance", "orderLineId", 64, true, true),
    Row("refreshInstance", "instanceId", 64, true, true),
    Row("refreshInstance", "productId", 64, false, true),
    Row("refreshInstance", "expireTime", 20, true, false),
    Row("updateInstanceStatus", "instanceId", 64, true, true),
    Row("updateInstanceStatus", "status", 32, true, false),
    Row("releaseInstance", "instanceId", 64, true, true),
    Row("releaseInstance", "orderId", 64, false, true),
    Row("releaseInstance", "orderLineId", 64, false, true),
    Row("upgradeInstance", "instanceId", 64, true, true),
    Row("upgradeInstance", "orderId", 64, true, true),
    Row("upgradeInstance", "orderLineId", 64, true, true),
    Row("changeInstanceCheck", "instanceId", 64, true, true),
    Row("orderNotify", "orderId", 64, true, true),
    Row("orderNotify", "orderLineId", 64, true, true),
];

/// The rows of these activities; each of them has some.
pub fn rows_of(activities: &[&str]) -> Vec<&'static Row> {
    for activity in activities {
        assert!(ROWS.iter().any(|row| row.0 == *activity), "{activity} has no row");
    }
    ROWS.iter().filter(|row| activities.contains(&row.0)).collect()
}

/// A call in which nothing mandatory is missing.
pub fn complete(activity: &str) -> Value {
    match activity {
        "newInstance" => {
            json!({ "activity": activity, "orderId": "CS1", "orderLineId": "CS1-000001", "businessId": "b-1" })
        }
        "queryInstance" => json!({ "activity": activity, "instanceId": "i-1" }),
        "refreshInstance" => json!({ "activity": activity, "scene": "RENEWAL", "orderId": "CS2",
            "orderLineId": "CS2-000001", "instanceId": "i-1", "expireTime": "20230523201932" }),
        "updateInstanceStatus" => json!({ "activity": activity, "instanceId": "i-1", "status": "FREEZE" }),
        "releaseInstance" => json!({ "activity": activity, "instanceId": "i-1" }),
        "upgradeInstance" => json!({ "activity": activity, "instanceId": "i-1", "orderId": "CS4",
            "orderLineId": "CS4-000001" }),
        "changeInstanceCheck" => json!({ "activity": activity, "instanceId": "i-1",
            "productInfo": { "productId": "P1", "skuCode": "S1", "linearValue": 2 } }),
        "orderNotify" => json!({ "activity": activity, "orderId": "CS5", "orderLineId": "CS5-000001" }),
        _ => panic!("{activity}"),
    }
}

/// Holds each row to presence, length and type.
pub fn rows_hold<'a>(
    rows: impl IntoIterator<Item = &'a Row>,
    with: impl Fn(&str, &str, Value) -> Result<Call, CallRefusal>,
) {
    for Row(activity, name, limit, mandatory, any_text) in rows {
        let refused = |value: Value| with(activity, name, value).err().map(|refusal| refusal.cause);
        for absent in [json!(null), json!("")] {
            let expected = mandatory.then_some(RefusalCause::ParameterMissing(name));
            assert_eq!(refused(absent), expected, "{activity} {name}");
        }
        let too_long = RefusalCause::ParameterTooLong { name, limit: *limit };
        assert_eq!(refused(json!("1".repeat(limit + 1))), Some(too_long), "{activity} {name}");
        if *any_text {
            assert_eq!(refused(json!("码".repeat(*limit))), None, "{activity} {name}");
        }
        for odd in [json!(7), json!(true), json!(["x"]), json!({ "x": 1 }), json!("a\nb"), json!("a\u{0}")] {
            assert_eq!(
                refused(odd.clone()),
                Some(RefusalCause::ParameterMalformed(name)),
                "{activity} {name} {odd}"
            );
        }
    }
}
