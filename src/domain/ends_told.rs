//! How far merchants were told of ends that come by themselves: once of each, whoever tells.

use super::{Instant, LicenseId, MerchantId};

/// Up to which end of a license its merchant was told, so many days ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndsTold {
    /// Whose.
    pub merchant: MerchantId,
    /// How many days before an end it is told; 0 at the end itself.
    pub days: u16,
    /// Every end before this was told of,
    pub until: Instant,
    /// and of those that lie at it, the licenses up to and with this one.
    pub through: Option<LicenseId>,
}

/// Of which end of the served certificate a merchant was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateTold {
    /// To whom.
    pub merchant: MerchantId,
    /// The certificate's end.
    pub ends_at: Instant,
    /// How many days before it that was.
    pub days: u16,
}
