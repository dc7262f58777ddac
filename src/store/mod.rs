//! The store: one map of records, changed by commits that are made whole or not at all.
//!
//! From the outside in:
//!
//! * [`RecordStore`] is the handle: reads, and commits made of [`Primitive`]s;
//! * `committer` gathers commits into batches: the one group commit for every engine;
//! * [`Evaluator`] decides the commits of a batch: pure, the same for every engine;
//! * an [`Engine`] keeps batches: [`MemoryEngine`] for tests, [`EmbeddedEngine`] on disk,
//!   [`PostgresEngine`] in a database that many processes share.
//!
//! Bytes in, bytes out; what a body means is said by the `rows`, through which [`Repository`] serves the use
//! cases.

mod committer;
mod disk;
mod embedded;
mod engine;
mod error;
mod evaluator;
mod files;
mod handle;
mod journal;
mod key;
mod kind;
mod maintenance;
mod memory;
mod moving;
mod postgres;
mod primitive;
mod record;
mod repository;
mod rows;
mod snapshot;

pub use committer::{BATCH_BYTES_MAX, BATCH_COMMITS_MAX, QUEUE_COMMITS_MAX, StoreState};
pub use disk::{
    DiskReserve, FileSystem, FreeSpace, LOW_BYTES, RESERVE_BYTES, SHORT_BYTES, make_room_to_open,
};
pub use embedded::{
    Arriving, CHECKPOINT_BYTES, CompactReport, EmbeddedEngine, EmbeddedFiles, EmbeddedOptions, FAULTS_MAX,
    IndexPause, STORE_SCHEMA, ScrubReport, StorePart, Upkeep, UpkeepOptions, VerifyFault, VerifyProgress,
    VerifyReport, compact_store, forget_store, verify_store,
};
pub use engine::{Batch, Direction, Effect, Engine, FailureTold, Position, Prior, SCAN_BYTES_MAX};
pub use error::{CommitError, StoreError};
pub use evaluator::Evaluator;
pub use handle::{GET_KEYS_MAX, RecordStore, SCAN_RECORDS_MAX};
pub use journal::SEGMENT_BYTES_MAX;
pub use key::{KEY_BYTES_MAX, KeyError, KeyRange, MERCHANT_BYTES_MAX, RecordKey};
pub use kind::Kind;
pub use maintenance::{Maintenance, MaintenanceState};
pub use memory::{Fault, MemoryEngine};
pub use moving::{
    MoveError, MoveId, MoveReport, MoveStage, Moved, SourceServer, StoppedStore, Sum, Tally,
    move_to_database, move_to_folder,
};
pub use postgres::{
    BulkWriter, Continuation, DatabaseAddress, DatabaseSource, FillMark, PostgresEngine, SCHEMA_VERSION,
};
pub use primitive::{COMMIT_BYTES_MAX, CommitAnswer, CommitRequest, PRIMITIVES_PER_COMMIT_MAX, Primitive};
pub use record::{BODY_BYTES_MAX, COUNTER_SCHEMA, INDEX_SCHEMA, Record, Revision};
pub use repository::{LIST_RECORDS_MAX, Repository};
pub use snapshot::{SnapshotSource, SnapshotSummary, verify_snapshot};
