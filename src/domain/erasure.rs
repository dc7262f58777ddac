//! That a customer's personal data was erased.

use super::{CustomerId, Instant, MerchantId};

/// Beginning of what stands in the place of a customer.
const PSEUDONYM_START: &str = "erased-";

/// What stands for a customer where only equality matters: SHA-256 over merchant and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerDigest(pub [u8; 32]);

impl AsRef<[u8]> for CustomerDigest {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<Vec<u8>> for CustomerDigest {
    type Error = Vec<u8>;
    fn try_from(bytes: Vec<u8>) -> Result<Self, Vec<u8>> {
        bytes.try_into().map(Self)
    }
}

/// A customer whose personal data was erased on request. Kept without the customer's id, so that it can be done again on a
/// store that was restored from an older backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Whose customer.
    pub merchant: MerchantId,
    /// Which.
    pub customer: CustomerDigest,
    /// What stands in the customer's place: licenses of one customer go on belonging together.
    pub pseudonym: CustomerId,
    /// When it was asked for last.
    pub at: Instant,
}

impl CustomerId {
    /// What stands in the place of a customer; `token` is nobody's name.
    pub fn pseudonym(token: &str) -> Option<Self> {
        Self::parse(&format!("{PSEUDONYM_START}{token}")).ok()
    }

    /// Whether it stands in the place of somebody.
    pub fn is_pseudonym(&self) -> bool {
        self.as_str().starts_with(PSEUDONYM_START)
    }
}
