//! What the buyers of instances are shown.

use super::form::{Millis, Text};
use super::mirror::row;
use crate::domain::{AppInfo, LicenseId, MerchantId};

row!(
    /// What the buyer of one instance is shown.
    AppInfoRow for AppInfo {
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        front_end_url: String = front_end_url,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memo: Option<String> = memo,
        set_at_ms: Millis = set_at,
    }
);
