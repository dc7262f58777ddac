//! The age format, version 1 (age-encryption.org/v1, specification C2SP `age.md`): a file encrypted to public keys or by a
//! passphrase, read and written as a stream. Any program that knows the format opens what is written here, and the other way
//! round. Why it is written here: `docs/adr/0009-backups-as-age-files.md`.
//!
//! A file is a header, which wraps a random file key for each recipient and ends with a MAC, and a payload of chunks of
//! 64 KiB, each sealed with its number and whether it is the last: nothing of it can be cut, moved or changed unnoticed.

mod header;
mod keys;
mod stream;

use std::io;

pub use header::{FileKey, Key, Lock, is_age};
pub use keys::{BadKey, Identity, Recipient};
pub use stream::{Decrypter, Encrypter};

/// Why a file cannot be opened, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// The operating system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is not encrypted in the age format")]
    NotAge,
    /// It is age, wrapped once more.
    #[error("it is an age file in ASCII armour, which is not read: write it without `-a`")]
    Armoured,
    /// Its header is not of the form.
    #[error("its header is damaged: {0}")]
    Header(&'static str),
    /// Another key, or another passphrase.
    #[error("{0}")]
    NoKeyFits(&'static str),
    /// A passphrase that would take too long to try.
    #[error("its passphrase is to be worked on for 2^{0} steps; at most 2^{max} are done", max = header::LOG_N_MAX)]
    TooHard(u8),
}
