//! What a commit is made of. A store knows these primitives and no rules.

use super::error::CommitError;
use super::key::RecordKey;
use super::record::{BODY_BYTES_MAX, COUNTER_SCHEMA, INDEX_SCHEMA, Revision, STORED_HEADER_BYTES};
use crate::application::ports::Urgency;

/// Most primitives of one commit.
pub const PRIMITIVES_PER_COMMIT_MAX: usize = 4_096;

/// Most bytes of one commit, keys and bodies together: 2 MiB.
pub const COMMIT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One condition or write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primitive {
    /// Requires the record to stand at `revision` ([`Revision::ABSENT`]: not to exist). Writes nothing.
    Check {
        /// Whose revision.
        key: RecordKey,
        /// What it must be.
        revision: Revision,
    },
    /// Requires `revision` as `Check` does, then writes a new record under a new revision.
    Put {
        /// Where.
        key: RecordKey,
        /// What must stand there now.
        revision: Revision,
        /// Shape of the body; not [`COUNTER_SCHEMA`].
        schema: u16,
        /// What to write.
        body: Vec<u8>,
        /// When the record lapses, for kinds that do.
        until_ms: Option<u64>,
    },
    /// Requires `revision` as `Check` does, then removes the record.
    Delete {
        /// Where.
        key: RecordKey,
        /// What must stand there now.
        revision: Revision,
    },
    /// Writes a record if none stands there, or one whose `until` is at or before `now_ms`.
    /// A record without an `until` never lapses.
    Claim {
        /// Where.
        key: RecordKey,
        /// The caller's clock, in Unix milliseconds: a store has none.
        now_ms: u64,
        /// Until when the claim holds.
        until_ms: u64,
        /// Shape of the body; not [`COUNTER_SCHEMA`].
        schema: u16,
        /// What to write.
        body: Vec<u8>,
    },
    /// Adds to a counter if the sum lies within `min..=max`. A counter that does not exist is zero.
    Add {
        /// Where.
        key: RecordKey,
        /// How much; may be negative or zero.
        delta: i64,
        /// Least sum allowed.
        min: i64,
        /// Greatest sum allowed.
        max: i64,
    },
    /// Writes a look-up record whatever stands there: its owner's revision guards it.
    Index {
        /// Where.
        key: RecordKey,
        /// Shape of the body; not [`COUNTER_SCHEMA`].
        schema: u16,
        /// What to write.
        body: Vec<u8>,
        /// When the record lapses, for kinds that do.
        until_ms: Option<u64>,
    },
    /// Removes a look-up record, or a counter that stands at 0; removing none is no mistake.
    Unindex {
        /// Where.
        key: RecordKey,
    },
}

impl Primitive {
    /// The one key that this primitive reads or writes.
    pub fn key(&self) -> &RecordKey {
        match self {
            Self::Check { key, .. }
            | Self::Put { key, .. }
            | Self::Delete { key, .. }
            | Self::Claim { key, .. }
            | Self::Add { key, .. }
            | Self::Index { key, .. }
            | Self::Unindex { key } => key,
        }
    }

    fn body(&self) -> &[u8] {
        match self {
            Self::Put { body, .. } | Self::Claim { body, .. } | Self::Index { body, .. } => body,
            Self::Check { .. } | Self::Delete { .. } | Self::Add { .. } | Self::Unindex { .. } => &[],
        }
    }

    fn forges_a_counter(&self) -> bool {
        match self {
            Self::Put { schema, .. } | Self::Claim { schema, .. } | Self::Index { schema, .. } => {
                *schema == COUNTER_SCHEMA
            }
            Self::Check { .. } | Self::Delete { .. } | Self::Add { .. } | Self::Unindex { .. } => false,
        }
    }
}

/// One command's reads and writes: all or none.
///
/// Primitives are evaluated in order, each over what the ones before it did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitRequest {
    /// In order of evaluation.
    pub primitives: Vec<Primitive>,
    /// Whether it waits when the disk runs full.
    pub urgency: Urgency,
}

impl CommitRequest {
    /// A commit of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for another purpose than [`Urgency::Ordinary`].
    #[must_use]
    pub fn with_urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }

    /// Adds a [`Primitive::Check`].
    #[must_use]
    pub fn check(self, key: RecordKey, revision: Revision) -> Self {
        self.with(Primitive::Check { key, revision })
    }

    /// Adds a [`Primitive::Put`] of a record that does not lapse.
    #[must_use]
    pub fn put(self, key: RecordKey, revision: Revision, schema: u16, body: impl Into<Vec<u8>>) -> Self {
        self.with(Primitive::Put { key, revision, schema, body: body.into(), until_ms: None })
    }

    /// Adds a [`Primitive::Delete`].
    #[must_use]
    pub fn delete(self, key: RecordKey, revision: Revision) -> Self {
        self.with(Primitive::Delete { key, revision })
    }

    /// Adds a [`Primitive::Add`].
    #[must_use]
    pub fn add(self, key: RecordKey, delta: i64, min: i64, max: i64) -> Self {
        self.with(Primitive::Add { key, delta, min, max })
    }

    /// Adds a [`Primitive::Index`] of schema [`INDEX_SCHEMA`] that does not lapse.
    #[must_use]
    pub fn index(self, key: RecordKey, body: impl Into<Vec<u8>>) -> Self {
        self.with(Primitive::Index { key, schema: INDEX_SCHEMA, body: body.into(), until_ms: None })
    }

    /// Adds a [`Primitive::Unindex`].
    #[must_use]
    pub fn unindex(self, key: RecordKey) -> Self {
        self.with(Primitive::Unindex { key })
    }

    /// Adds any primitive.
    #[must_use]
    pub fn with(mut self, primitive: Primitive) -> Self {
        self.primitives.push(primitive);
        self
    }

    /// Refuses what is over the bounds, before it takes a place in the queue.
    pub(super) fn validate(&self) -> Result<(), CommitError> {
        let invalid = |what: &str| Err(CommitError::Invalid { what: what.to_owned() });
        if self.primitives.len() > PRIMITIVES_PER_COMMIT_MAX {
            return invalid("a commit has at most 1,024 primitives");
        }
        if self.primitives.iter().any(|primitive| primitive.body().len() > BODY_BYTES_MAX) {
            return invalid("a record's body has at most 256 KiB");
        }
        if self.primitives.iter().any(Primitive::forges_a_counter) {
            return invalid("a counter is written by adding to it");
        }
        if self.bytes() > COMMIT_BYTES_MAX {
            return invalid("a commit has at most 2 MiB");
        }
        Ok(())
    }

    /// An upper bound of what this commit takes in a journal frame.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |primitive: &Primitive| {
            EFFECT_OVERHEAD_BYTES + primitive.key().as_bytes().len() + primitive.body().len()
        };
        self.primitives.iter().map(bytes).sum()
    }
}

/// Tag and lengths of an effect, the stored header of its record, and a counter's eight bytes.
const EFFECT_OVERHEAD_BYTES: usize = 8 + STORED_HEADER_BYTES + 8;

/// What a commit that was made reports back. It is durable when this is returned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitAnswer {
    /// The new revision of each `Put` and `Claim`, in their order.
    pub revisions: Vec<Revision>,
    /// The new value of each `Add`, in their order.
    pub counters: Vec<i64>,
}
