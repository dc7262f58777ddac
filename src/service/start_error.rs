//! Why a start refuses, and what to do next.

use std::io;
use std::path::PathBuf;

use crate::application::UseCaseError;
use crate::domain::MerchantId;
use crate::signing::KeyFileError;
use crate::store::StoreError;

/// Why a start refuses. Nothing was made or changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Data without its keys.
    #[error(
        "{data} holds a store, but {keys} holds no keys: nothing it signed could be verified. Restore the keys folder from your backup, or point LICTOR_KEYS_DIR at it"
    )]
    KeysMissing {
        /// The data folder.
        data: PathBuf,
        /// The keys folder.
        keys: PathBuf,
    },
    /// Keys without their data.
    #[error(
        "{keys} holds keys, but {data} holds no store: an empty store in place of the old one would lose every license. Put the data folder back from your copy, or point LICTOR_DATA_DIR at it"
    )]
    DataMissing {
        /// The data folder.
        data: PathBuf,
        /// The keys folder.
        keys: PathBuf,
    },
    /// Nothing is there, and nothing may be made.
    #[error(
        "{data} and {keys} are empty and LICTOR_CREATE is never: run `lictor init` to make them, or mount the right folders"
    )]
    NothingThere {
        /// The data folder.
        data: PathBuf,
        /// The keys folder.
        keys: PathBuf,
    },
    /// `init` where something is.
    #[error("{data} and {keys} hold a store and its keys already: start it with `lictor serve`")]
    AlreadyThere {
        /// The data folder.
        data: PathBuf,
        /// The keys folder.
        keys: PathBuf,
    },
    /// The keys are others than the ones that signed.
    #[error(
        "the keys in {keys} did not sign the newest license of {merchant}: restore the keys folder that belongs to this store"
    )]
    ForeignKeys {
        /// The keys folder.
        keys: PathBuf,
        /// Whose license.
        merchant: MerchantId,
    },
    /// A replica whose keys folder is empty.
    #[error(
        "{keys} holds no keys, and a replica on the database {database} makes none: copy the keys folder of the server that made them here, or point LICTOR_KEYS_DIR at it; for a new installation run `lictor init` once"
    )]
    ReplicaWithoutKeys {
        /// The keys folder.
        keys: PathBuf,
        /// Which database.
        database: String,
    },
    /// `init` where a store is in use.
    #[error(
        "the database holds a store in use already: start it with `lictor serve`, with the keys folder that belongs to it ({keys} is yours)"
    )]
    DatabaseInUse {
        /// The keys folder.
        keys: PathBuf,
    },
    /// A folder is none, or cannot be looked into.
    #[error("cannot read the folder {path}: {source}; {}", next_step(source))]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system says no.
    #[error("{what}; {next}")]
    System {
        /// What was attempted, on which path, and what it said.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(StoreError),
    /// The store was opened, and failed before the service could answer.
    #[error(transparent)]
    StoreFailed(StoreError),
    /// A key cannot be used.
    #[error(transparent)]
    Keys(KeyFileError),
    /// Something could not be read or written in the store.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
    /// The operator's token could not be written.
    #[error("cannot write {path}: {source}; {}", next_step(source))]
    OperatorToken {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Io { source, .. } => {
                Self::System { what: error.to_string(), next: next_step(source) }
            }
            _ => Self::Store(error),
        }
    }
}

impl From<KeyFileError> for StartError {
    fn from(error: KeyFileError) -> Self {
        match &error {
            KeyFileError::Io { source, .. } => {
                Self::System { what: error.to_string(), next: next_step(source) }
            }
            KeyFileError::Open { .. }
            | KeyFileError::Malformed { .. }
            | KeyFileError::Misnamed { .. }
            | KeyFileError::Missing { .. } => Self::Keys(error),
        }
    }
}

/// What to do about what the operating system said.
pub(super) fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space on that disk, 16 MiB at least and better 1 GiB, and start again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount that disk writable, or name a folder that is",
        io::ErrorKind::PermissionDenied => "start it as the user who owns that, or give this user the right",
        io::ErrorKind::NotADirectory => "name a folder: LICTOR_DATA_DIR and LICTOR_KEYS_DIR are no files",
        _ => "look after that disk, and start again: what was answered is kept",
    }
}
