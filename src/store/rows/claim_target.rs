//! Which license a claim code means.

use super::form::{Base64, Text};
use super::mirror::row;
use crate::application::record::ClaimTarget;
use crate::domain::{ClaimDigest, LicenseId, MerchantId};

row!(
    /// The digest of a claim code and its license.
    ClaimTargetRow for ClaimTarget {
        merchant: Text<MerchantId> = merchant,
        digest: Base64<ClaimDigest> = digest,
        license: Text<LicenseId> = license,
        generation: u32 = generation,
    }
);
