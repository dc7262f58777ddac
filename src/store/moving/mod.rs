//! Moving a store between engines, while it is served until the last seconds.
//!
//! The copy is made beside the running server, then what was written meanwhile is carried over, then everything is read
//! back and compared. For the last seconds nothing is written at the old place: the rest follows, what it touched is compared,
//! the old place notes for good that the records have left, and only then may anything start at the new one. Cut off before
//! that note, the old place goes on as if nothing had been; after it, the same command goes on where it was.

mod mark;
mod tally;
mod to_database;
mod to_folder;

use std::time::Duration;

pub use mark::{MoveId, Moved};
pub use tally::{Sum, Tally};
pub use to_database::{StoppedStore, move_to_database};
pub use to_folder::move_to_folder;

use super::engine::Position;
use super::error::StoreError;

/// What a move does just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveStage {
    /// Reading what is to be moved.
    Reading,
    /// Copying it.
    Copying,
    /// Carrying over what was written meanwhile.
    CatchingUp,
    /// Reading everything back.
    Comparing,
    /// The last seconds: nothing is written at the old place.
    Stopped,
    /// The old place has let go of the records.
    Left,
}

/// Hears of each stage, and how many records or changes it has come to.
pub type MoveWatch<'a> = &'a mut dyn FnMut(MoveStage, u64);

/// Why nothing was moved, or not yet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MoveError {
    /// One of the two places says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What arrived is not what was sent.
    #[error(
        "what is at the new place is not what is at the old one: {what}; the old place goes on as before, and nothing starts at the new one. See that nobody else writes there, and run the same command again: it begins anew"
    )]
    Differs {
        /// Where they differ.
        what: String,
    },
    /// The server that has the store open did not do its part.
    #[error("{why}")]
    Server {
        /// What it said.
        why: String,
        /// Whether it can be reached.
        is_reached: bool,
    },
}

/// The one who has an embedded store open.
pub trait SourceServer {
    /// Up to where everything is durable.
    fn stand(&self) -> Result<Position, MoveError>;

    /// Makes no further commit for some seconds, or for so long again; says where that led.
    fn pause(&self, id: MoveId) -> Result<Position, MoveError>;

    /// Makes commits again.
    fn resume(&self, id: MoveId);

    /// Lets go of the records for good. `false`, and nothing is changed, when the pause has ended meanwhile.
    fn leave(&self, moved: &Moved) -> Result<bool, MoveError>;
}

/// What was moved.
#[derive(Debug, Clone)]
pub struct MoveReport {
    /// Which move it was.
    pub id: MoveId,
    /// What left the old place.
    pub sent: Tally,
    /// What was read back at the new one.
    pub arrived: Tally,
    /// How many changes were carried over after the copy.
    pub changes: u64,
    /// How long nothing was written.
    pub stopped: Duration,
    /// How long all of it took.
    pub took: Duration,
}

/// What left and what was read back must be the same.
fn compare(sent: &Tally, arrived: &Tally) -> Result<(), MoveError> {
    match sent.differs(arrived) {
        Some(what) => Err(MoveError::Differs { what }),
        None => Ok(()),
    }
}
