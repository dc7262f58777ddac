//! The secret from which claim codes and repeatable API tokens are derived and status-list entries are mixed.

use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::key_file::{KeyFileError, read_secret, write_secret};
use crate::domain::{
    CLAIM_CODE_BITS, ClaimCode, ClaimDigest, LicenseId, MerchantId, STATUS_SLOTS_PER_LIST, StatusSlot,
};

/// Bytes of the secret.
const CLAIM_KEY_BYTES: usize = 32;
/// Rounds of the permutation.
const ROUNDS: u8 = 4;
/// Bits of each half: two halves hold 2^18 values, of which those below 2^17 are entries.
const HALF_BITS: u32 = 9;
const HALF_MASK: u32 = (1 << HALF_BITS) - 1;

/// The secret. Does not print.
pub(super) struct ClaimKey(Zeroizing<[u8; CLAIM_KEY_BYTES]>);

impl ClaimKey {
    /// The file's name in the keys folder.
    pub const FILE_NAME: &'static str = "claim.key";

    pub fn create(path: &Path, bytes: &[u8; CLAIM_KEY_BYTES]) -> Result<Self, KeyFileError> {
        write_secret(path, bytes)?;
        Ok(Self(Zeroizing::new(*bytes)))
    }

    pub fn open(path: &Path) -> Result<Self, KeyFileError> {
        if !path.exists() {
            return Err(KeyFileError::Missing { path: path.to_owned() });
        }
        let bytes: [u8; CLAIM_KEY_BYTES] = read_secret(path)?
            .as_slice()
            .try_into()
            .map_err(|_| KeyFileError::Malformed { path: path.to_owned() })?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        for part in parts {
            mac.update(&[0]);
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The first 120 bits of HMAC-SHA-256 over (license id, generation).
    pub fn claim_code(&self, license: &LicenseId, generation: u32) -> ClaimCode {
        let mac = self.mac("claim-code", &[license.as_str().as_bytes(), &generation.to_be_bytes()]);
        let mut bits = [0; CLAIM_CODE_BITS / 8];
        bits.copy_from_slice(&mac[..CLAIM_CODE_BITS / 8]);
        ClaimCode::from_bits(&bits)
    }

    pub fn claim_digest(&self, code: &ClaimCode) -> ClaimDigest {
        self.mac("claim-digest", &[code.reveal().as_bytes()])
    }

    pub fn token_bytes(&self, key_digest: &[u8; 32]) -> [u8; 32] {
        self.mac("api-token", &[key_digest])
    }

    /// A keyed permutation of each list's entries: a balanced Feistel network over 18 bits, walked until the
    /// value is an entry. No two counts share an entry, and neighbours in time are not neighbours in the list.
    pub fn status_slot(&self, merchant: &MerchantId, count: u64) -> StatusSlot {
        let per_list = u64::from(STATUS_SLOTS_PER_LIST);
        let list = u32::try_from(count / per_list).unwrap_or(u32::MAX);
        let mut value = u32::try_from(count % per_list).expect("a remainder below 2^17 fits");
        loop {
            value = self.permute(merchant, list, value);
            if value < STATUS_SLOTS_PER_LIST {
                return StatusSlot { list, idx: value };
            }
        }
    }

    fn permute(&self, merchant: &MerchantId, list: u32, value: u32) -> u32 {
        let (mut left, mut right) = (value >> HALF_BITS, value & HALF_MASK);
        for round in 0..ROUNDS {
            let parts: [&[u8]; 4] =
                [merchant.as_str().as_bytes(), &list.to_be_bytes(), &[round], &right.to_be_bytes()];
            let mac = self.mac("status-slot", &parts);
            let mixed = u32::from(u16::from_be_bytes([mac[0], mac[1]])) & HALF_MASK;
            (left, right) = (right, left ^ mixed);
        }
        (left << HALF_BITS) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim_key() -> ClaimKey {
        ClaimKey(Zeroizing::new([7; CLAIM_KEY_BYTES]))
    }

    #[test]
    fn no_two_counts_share_a_status_entry() {
        let (secret, merchant) = (claim_key(), MerchantId::parse("acme").expect("valid"));
        let mut seen = vec![false; usize::try_from(STATUS_SLOTS_PER_LIST).expect("fits")];
        for count in 0..u64::from(STATUS_SLOTS_PER_LIST) {
            let slot = secret.status_slot(&merchant, count);
            assert_eq!(slot.list, 0);
            let idx = usize::try_from(slot.idx).expect("fits");
            assert!(!seen[idx], "{count} shares {idx}");
            seen[idx] = true;
        }
        assert_eq!(secret.status_slot(&merchant, u64::from(STATUS_SLOTS_PER_LIST)).list, 1);
    }

    #[test]
    fn each_generation_has_its_own_claim_code_and_the_same_one_every_time() {
        let (secret, license) = (claim_key(), LicenseId::from_uuid(1));
        let code = secret.claim_code(&license, 0);
        assert_eq!(code, secret.claim_code(&license, 0));
        assert_ne!(code, secret.claim_code(&license, 1));
        assert_ne!(code, secret.claim_code(&LicenseId::from_uuid(2), 0));
        assert_ne!(secret.claim_digest(&code), secret.claim_digest(&secret.claim_code(&license, 1)));
    }
}
