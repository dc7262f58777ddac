//! How far merchants were told of ends that come by themselves.

use super::form::{Millis, Text};
use super::mirror::row;
use crate::domain::{CertificateTold, EndsTold, LicenseId, MerchantId};

row!(
    /// Up to which end of a license.
    EndsToldRow for EndsTold {
        merchant: Text<MerchantId> = merchant,
        days: u16 = days,
        until_ms: Millis = until,
        #[serde(skip_serializing_if = "Option::is_none")]
        through: Option<Text<LicenseId>> = through,
    }
);

row!(
    /// Of which end of the served certificate.
    CertificateToldRow for CertificateTold {
        merchant: Text<MerchantId> = merchant,
        ends_at_ms: Millis = ends_at,
        days: u16 = days,
    }
);
