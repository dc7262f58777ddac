//! Wires the rooms to one running service: store, keyring, use cases, workers, HTTP.

mod apply;
mod backup;
mod channel_check;
mod moving;
mod open;
mod open_shared;
mod restore;
mod restore_shared;
mod run;
mod secrets;
mod start_error;

pub use apply::CatalogApplier;
pub use backup::ServerBackups;
pub use channel_check::AddressChecks;
pub use moving::ServerMoves;
pub use open::{
    Create, FirstStart, OPERATOR_TOKEN_FILE, OpenOptions, Opened, StorePlace, new_token_text, open, outbound,
};
pub use restore::{BackupFile, RestoreError, Restored, restore};
pub use run::{Listening, RunError, check_tls, control_alone, init, run, store_place};
pub use secrets::ServerSecrets;
pub use start_error::StartError;
