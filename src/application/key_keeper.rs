//! What the use cases need of whoever has the signing keys, besides signatures.

use super::ports::SigningError;
use crate::domain::{Instant, KeyId, KeyRing, KeyRole, Merchant, MerchantId};

/// A key whose private half is in this server's keys folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// Its name.
    pub kid: KeyId,
    /// What it signs.
    pub role: KeyRole,
    /// The 32 public bytes.
    pub public: [u8; 32],
    /// Whether it was made to be rotated to: it signs nothing before a ring says so.
    pub is_staged: bool,
    /// Whether its file says that it was revoked.
    pub is_revoked: bool,
}

/// A key set that came back from the machine with the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedKeySet {
    /// The claims that were signed, byte for byte.
    pub payload: String,
    /// The root that signed them.
    pub root: KeyId,
    /// Its public bytes.
    pub root_public: [u8; 32],
}

/// Keeps private keys, and does with them what a [`KeyRing`] says.
pub trait KeyKeeper: Send + Sync {
    /// Every key of the merchant whose private half is here, by role, the oldest first.
    fn held_keys(&self, merchant: &Merchant) -> Result<Vec<HeldKey>, SigningError>;

    /// Makes a key that signs nothing before a ring says so. A server on a database makes none: two would make two.
    fn make_key(&self, merchant: &Merchant, role: KeyRole) -> Result<HeldKey, SigningError>;

    /// From now on the ring says which keys sign and which are believed. The private half of a revoked key is put out of
    /// use for good. Says which keys should sign here and are not here.
    fn follow(&self, merchant: &Merchant, ring: &KeyRing) -> Result<Vec<KeyId>, SigningError>;

    /// Goes up whenever what is believed changes.
    fn beliefs(&self) -> u64;

    /// Whether a text names a key as its signer that is not believed any more. Known in memory.
    fn is_withdrawn(&self, merchant: &MerchantId, text: &str) -> bool;

    /// Whether any key of the merchant is not believed any more. Known in memory.
    fn has_withdrawn(&self, merchant: &MerchantId) -> bool;

    /// The key that a text names as its signer.
    fn signer_of(&self, text: &str) -> Option<KeyId>;

    /// The keys that are not believed any more, as a JWK Set; none when there are none. For what is compared with the
    /// record afterwards.
    fn withdrawn_jwks(&self, merchant: &Merchant) -> Result<Option<String>, SigningError>;

    /// The claims of the key set that tells of a ring, as JSON.
    fn key_set_payload(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        seq: u64,
        now: Instant,
    ) -> Result<String, SigningError>;

    /// Signs such claims with the merchant's root; `None` when it is not here.
    fn sign_key_set(&self, merchant: &Merchant, payload: &str) -> Result<Option<String>, SigningError>;

    /// Reads a key set that was signed elsewhere, under the ring's root, or, where the ring knows none, under this one (a JWK).
    fn read_key_set(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        text: &str,
        root: Option<&str>,
    ) -> Result<SignedKeySet, SigningError>;
}
