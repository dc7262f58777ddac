//! Published status lists.

use super::form::{Base64, Millis, Text};
use super::mirror::row;
use crate::domain::{MerchantId, StatusList};

row!(
    /// A published list.
    StatusListRow for StatusList {
        merchant: Text<MerchantId> = merchant,
        number: u32 = number,
        bits: Base64<Vec<u8>> = bits,
        seq: u64 = seq,
        token: String = token,
        published_at_ms: Millis = published_at,
        expires_at_ms: Millis = expires_at,
    }
);
