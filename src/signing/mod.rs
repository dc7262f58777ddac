//! The keyring: the only room that touches a private key.

mod audit_head;
mod backup;
mod ceremony;
mod claim_key;
mod claims;
mod keeper;
mod key_file;
mod keyring;
mod merchant_keys;
mod vault;

pub use audit_head::{AuditHead, HeadFault};
pub use backup::{KeysBackupError, KeysBackupSummary, back_up_keys, last_keys_backup, restore_keys};
pub use ceremony::{CeremonyError, SignedOffline, StolenKey, read_signing_key, sign_offline};
pub use keeper::KEY_SET_LIFETIME_DAYS;
pub use key_file::KeyFileError;
pub use keyring::{Keyring, KeyringSettings};
pub use vault::Vault;

#[cfg(test)]
mod tests;
