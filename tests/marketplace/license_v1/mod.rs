//! The License 1.0 adapter from outside: bytes in, bytes out.
#![expect(clippy::unwrap_used, reason = "a test may fail anywhere, also in its helpers")]

mod activities;
mod signature;
mod vectors;

use crate::family::Family;
use lictor::marketplace::protocol_for;

pub fn license_v1() -> Family {
    Family {
        protocol: protocol_for("license-v1").unwrap(),
        activities: &["getLicense", "refreshLicense", "expireLicense", "releaseLicense"],
        complete,
    }
}

fn complete(activity: &str) -> Vec<(&'static str, String)> {
    let pairs: &[(&'static str, &str)] = match activity {
        "getLicense" => &[
            ("activity", "getLicense"),
            ("customerId", "3736bb8ad93b43fca8012c64a82cac10"),
            ("businessId", "b-1"),
            ("orderId", "CS1"),
            ("productId", "00301-666666-0--0"),
        ],
        "refreshLicense" => &[
            ("activity", "refreshLicense"),
            ("orderId", "CS2"),
            ("instanceId", "i-1"),
            ("expireTime", "20260725155959"),
        ],
        "expireLicense" => &[("activity", "expireLicense"), ("orderId", "CS1"), ("instanceId", "i-1")],
        "releaseLicense" => &[("activity", "releaseLicense"), ("orderId", "CS1"), ("instanceId", "i-1")],
        _ => panic!("{activity}"),
    };
    pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}
