//! Who sells.

use super::{LocalizedText, MerchantId};

/// Sells software; every stored thing belongs to exactly one merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merchant {
    /// Stable id.
    pub id: MerchantId,
    /// Name that customers read.
    pub name: LocalizedText,
    /// `iss` of every token: an identity, never fetched, frozen after the first sale.
    pub issuer: String,
    /// IANA zone for display; computations are in UTC.
    pub time_zone: String,
    /// BCP 47 language tag for what customers read by default.
    pub locale: String,
}
