//! The SaaS V1.0 adapter from outside: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

mod activities;
mod answers;
mod signature;
mod vectors;

use crate::family::Family;
use lictor::marketplace::protocol_for;

pub fn saas_v1() -> Family {
    Family {
        protocol: protocol_for("saas-v1").unwrap(),
        activities: &[
            "newInstance",
            "refreshInstance",
            "expireInstance",
            "releaseInstance",
            "upgrade",
            "instanceStatus",
            "queryInstance",
        ],
        complete,
    }
}

fn complete(activity: &str) -> Vec<(&'static str, String)> {
    let pairs: &[(&'static str, &str)] = match activity {
        "newInstance" => &[
            ("activity", "newInstance"),
            ("customerId", "68cbc86abc2018ab880d92f36422fa0e"),
            ("businessId", "b-1"),
            ("orderId", "CS1"),
            ("productId", "00301-666666-0--0"),
        ],
        "refreshInstance" => &[
            ("activity", "refreshInstance"),
            ("orderId", "CS2"),
            ("instanceId", "i-1"),
            ("expireTime", "20260725155959"),
        ],
        "expireInstance" => &[("activity", "expireInstance"), ("orderId", "CS1"), ("instanceId", "i-1")],
        "releaseInstance" => &[("activity", "releaseInstance"), ("orderId", "CS1"), ("instanceId", "i-1")],
        "upgrade" => &[
            ("activity", "upgrade"),
            ("orderId", "CS3"),
            ("instanceId", "i-1"),
            ("skuCode", "SKU-2"),
            ("productId", "P2"),
        ],
        "instanceStatus" => {
            &[("activity", "instanceStatus"), ("instanceId", "i-1"), ("instanceStatus", "FREEZE")]
        }
        "queryInstance" => &[("activity", "queryInstance"), ("instanceId", "i-1")],
        _ => panic!("{activity}"),
    };
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}
