//! Requests of the merchant API that were answered.

use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::application::record::Idempotency;
use crate::domain::{LicenseId, MerchantId};

row!(
    /// An answered request.
    IdempotencyRow for Idempotency {
        merchant: Text<MerchantId> = merchant,
        key_digest: Base64<[u8; 32]> = key_digest,
        request_digest: Base64<[u8; 32]> = request_digest,
        until_ms: Millis = until,
        license: Text<LicenseId> = license,
    }
);
