//! What can go wrong below the repositories, in words that say what to do next.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::key::RecordKey;

/// Why a commit was not made, or not known to be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The record no longer stands at the given revision, or the claim is held. Nothing was written:
    /// reload and decide again.
    #[error("{key} was changed in the meantime")]
    Conflict {
        /// Whose condition did not hold.
        key: RecordKey,
    },
    /// The sum would lie outside the given bounds. Nothing was written.
    #[error("the counter {key} stands at {value} and may not move that far")]
    CounterBounds {
        /// Which counter.
        key: RecordKey,
        /// Where it stands.
        value: i64,
    },
    /// The request is over a bound or treats a counter as a record. Nothing was written; a mistake of the caller.
    #[error("this commit cannot be made: {what}")]
    Invalid {
        /// The rule it breaks.
        what: String,
    },
    /// Too many commits wait. Nothing was written: try again later.
    #[error("too many commits are waiting; try again later")]
    Full,
    /// The disk has too little room left for what the commit is for. Nothing was written: free some space.
    #[error("only {} MiB are free on the store's disk, which is kept for what must not wait", free_bytes >> 20)]
    NoRoom {
        /// What was free when it was last looked at.
        free_bytes: u64,
    },
    /// The records are being moved to another store, or were. Nothing was written: try again in a moment.
    #[error("the store is being moved to another place; try again in a moment")]
    Moving,
    /// The commit may or may not have been made: retry with the same identity.
    #[error("the outcome of this commit is unknown; retry with the same identity")]
    Unknown,
    /// The store is closed or has failed. Nothing was written.
    #[error("the store is closed")]
    Closed,
    /// The store could not be read. Nothing was written.
    #[error(transparent)]
    Storage(#[from] StoreError),
}

/// Why a store could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It was closed, or has failed before.
    #[error("the store is closed")]
    Closed,
    /// Another process holds the folder.
    #[error("{folder} is in use by another process; stop that one, or send the command to it")]
    Locked {
        /// Which folder.
        folder: String,
    },
    /// There is no store where one must be.
    #[error("{folder} holds no store; create one first, or name the folder that holds it")]
    Missing {
        /// Which folder.
        folder: String,
    },
    /// A store may only be created in an empty folder.
    #[error(
        "{folder} holds files, but no store of this program; a store is only made in an empty folder, so name another folder, or the one that holds the store"
    )]
    NotEmpty {
        /// Which folder.
        folder: String,
    },
    /// Something lies there, but no store of this program.
    #[error("{folder} is not a store of this program: {what}; name another folder")]
    Foreign {
        /// Which folder.
        folder: String,
        /// What gave it away.
        what: String,
    },
    /// A later version of the program wrote this store.
    #[error("{folder} has store schema {found}, this program reads up to {known}; start the newer program")]
    NewerSchema {
        /// Which folder.
        folder: String,
        /// What its mark says.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// Stored bytes are not what was written. No answer was given from them.
    #[error("damaged: {place}: {what}; {next}")]
    Damaged {
        /// File and offset, or key.
        place: String,
        /// What does not hold.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// The operating system refused.
    #[error("{doing}: {source}{}", next_step(source))]
    Io {
        /// What was attempted, with the path.
        doing: String,
        /// What it said.
        #[source]
        source: Arc<io::Error>,
    },
    /// The index refused for another reason than damage.
    #[error("the index refused {doing}: {what}")]
    Index {
        /// What was attempted.
        doing: &'static str,
        /// What it said.
        what: String,
    },
    /// A read asks for more than one answer may hold.
    #[error("a read asks for at most {max} records, not {asked}")]
    TooMany {
        /// How many were asked for.
        asked: usize,
        /// How many one read may ask for.
        max: usize,
    },
    /// The engine cannot take snapshots.
    #[error("this kind of store takes no snapshots; use the means of what it runs on")]
    NoSnapshots,
    /// The database cannot be used now. Nothing was written.
    #[error("the database cannot be used, {doing}: {why}; it is tried again with the next request")]
    Unreachable {
        /// What was attempted.
        doing: &'static str,
        /// What it said.
        why: String,
    },
    /// The database did not say whether it kept a batch.
    #[error("the database did not say whether it kept a batch: {why}")]
    OutcomeLost {
        /// What it said instead.
        why: String,
    },
    /// The database is another one than before, and nobody has continued the store on it yet.
    #[error(
        "a standby of the database was promoted, or the database was restored by its own means, and the store was not \
         continued on it yet; start a server on it"
    )]
    Promoted,
    /// Another process changed a record of the batch meanwhile. Nothing was written: decide again.
    #[error("another process was faster")]
    Raced,
    /// The database is not one that this program can work on.
    #[error("{what}; {next}")]
    Database {
        /// What is wrong.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// The records are in another store now.
    #[error(
        "{place}: its records were moved to {to} at {at}; start the server with that store, or take the move back with \
         `lictor store move --undo` if nothing was served from there yet"
    )]
    Moved {
        /// Which folder or database.
        place: String,
        /// Where they are.
        to: String,
        /// Since when, RFC 3339.
        at: String,
    },
    /// The process that has the store open has let go of it, because its records were moved.
    #[error("the records of this server were moved to another store")]
    LeftBehind,
    /// Only an embedded store is stopped for a move by its server.
    #[error("this kind of store is not stopped through its server")]
    NotStoppable,
    /// A fault that a test has planned.
    #[error("a planned fault")]
    Planned,
}

impl StoreError {
    /// Whether the store goes on after it: a shared engine that could not do one thing may do the next.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::OutcomeLost { .. } | Self::Raced | Self::Promoted)
    }

    /// An operating system error with what was attempted.
    pub(super) fn io(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing: format!("{doing} {}", path.display()), source: Arc::new(source) }
    }
}

/// What to do about it, where one can say.
fn next_step(source: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match source.kind() {
        StorageFull => "; free space on this disk, then start again",
        QuotaExceeded => {
            "; raise the quota of the account that runs the server or free space, then start again"
        }
        ReadOnlyFilesystem => {
            "; find out why the system made this disk read-only, mount it writable, then start again"
        }
        PermissionDenied => {
            "; give the folder and all in it to the account that runs the server, then start again"
        }
        _ => "",
    }
}
