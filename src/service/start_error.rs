//! Why a start refuses, and what to do next.

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
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Something could not be read or written in the store.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
    /// The operator's token could not be written.
    #[error("cannot write {path}: {source}")]
    OperatorToken {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
