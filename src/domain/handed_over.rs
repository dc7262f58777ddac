//! A license that is asked for at the marketplace and handed over through it, as a text or file.

use super::{ChannelId, Commitment, Instant, LicenseId, Marketplace, MerchantId, RequestId};

/// Somebody asks for the license of an instance. The same request and fingerprint again are the same application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The marketplace's name for it.
    pub request: RequestId,
    /// From when on.
    pub starts_at: Instant,
    /// Up to when; none for ever.
    pub ends_at: Option<Instant>,
    /// Of the machine, in the marketplace's own form, if it is for one.
    pub fingerprint: Option<String>,
}

/// What makes an application unique.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HandedOverKey {
    /// Whose.
    pub merchant: MerchantId,
    /// Where.
    pub marketplace: Marketplace,
    /// The marketplace's name for it.
    pub request: RequestId,
    /// The machine's fingerprint, committed.
    pub fingerprint: Option<Commitment>,
}

/// What was made for an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedOver {
    /// For which.
    pub key: HandedOverKey,
    /// Through which address it came.
    pub channel: ChannelId,
    /// Of which license.
    pub license: LicenseId,
    /// The signed text: the same for ever.
    pub text: String,
    /// Whether it waits to be uploaded.
    pub is_waiting: bool,
}
