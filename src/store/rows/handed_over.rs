//! Licenses that are handed over through a marketplace.

use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::domain::{
    Application, ChannelId, Commitment, HandedOver, HandedOverKey, LicenseId, Marketplace, MerchantId,
    RequestId,
};

row!(
    /// What was asked for.
    ApplicationRow for Application {
        request: Text<RequestId> = request,
        starts_at_ms: Millis = starts_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<String> = fingerprint,
    }
);

row!(
    /// What makes an application unique.
    HandedOverKeyRow for HandedOverKey {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        request: Text<RequestId> = request,
        #[serde(skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Base64<Commitment>> = fingerprint,
    }
);

row!(
    /// What was made for it.
    HandedOverRow for HandedOver {
        key: HandedOverKeyRow = key,
        channel: Text<ChannelId> = channel,
        license: Text<LicenseId> = license,
        text: String = text,
        is_waiting: bool = is_waiting,
    }
);
