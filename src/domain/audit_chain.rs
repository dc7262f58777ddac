//! The chain over a merchant's events: what was sealed cannot be taken away, changed or put between without a trace.

use super::{EventId, Instant, MerchantId, Subject};

/// Most entries of one block: what is sealed together, under one signed head.
pub const BLOCK_ENTRIES_MAX: usize = 256;

/// SHA-256 of an event, or of a chain up to an entry.
pub type AuditDigest = [u8; 32];

/// What stands for the digest of an event that could not be read when it was to be sealed: somebody took it away before.
pub const UNREADABLE: AuditDigest = [0; 32];

/// Where an event lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPlace {
    /// Which event.
    pub event: EventId,
    /// About what.
    pub subject: Subject,
    /// Whether it lies under its license ([`super::AuditEvent::lies_under`]), or by itself.
    pub under_license: bool,
}

/// That an event waits for its place in the chain; written in the commit of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsealed {
    /// Whose.
    pub merchant: MerchantId,
    /// Which event.
    pub place: EventPlace,
    /// Whether it was found without a place in the chain, long after it was written.
    pub adopted: bool,
}

/// One place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its number: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// Which event.
    pub place: EventPlace,
    /// See [`Unsealed::adopted`].
    pub adopted: bool,
    /// Digest of the event; [`UNREADABLE`] where there was none to read.
    pub digest: AuditDigest,
    /// Digest of the chain up to here.
    pub link: AuditDigest,
}

/// Entries that were sealed together. Never changed once written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainBlock {
    /// Whose.
    pub merchant: MerchantId,
    /// In order; at least one, at most [`BLOCK_ENTRIES_MAX`].
    pub entries: Vec<ChainEntry>,
    /// When.
    pub sealed_at: Instant,
    /// The signed head as it was then.
    pub head: String,
}

impl ChainBlock {
    /// The number of its last entry.
    pub fn last_seq(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.seq)
    }
}

/// Where a chain ends. Whoever seals puts it at its revision: of two sealers one begins again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainHead {
    /// Whose.
    pub merchant: MerchantId,
    /// The number of the last entry.
    pub seq: u64,
    /// Digest of the whole chain.
    pub link: AuditDigest,
    /// When that was sealed.
    pub sealed_at: Instant,
    /// Number, digest and time, signed (`docs/audit.md`).
    pub token: String,
}

/// The place that an event has in its chain, to be found by the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEvent {
    /// Whose.
    pub merchant: MerchantId,
    /// Which event.
    pub event: EventId,
    /// Its number.
    pub seq: u64,
}

/// Who seals at the moment, so that of several servers one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealerLease {
    /// Which process: drawn at its start.
    pub holder: u64,
    /// Until when, unless it is renewed.
    pub until: Instant,
}

/// How far the events of a merchant were looked through for those that are in no chain: from before there was one, or
/// written by servers that know none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Whose.
    pub merchant: MerchantId,
    /// Which look: 1 is the first.
    pub pass: u32,
    /// When it began. Later events have their places without it.
    pub began_at: Instant,
    /// The event that was looked at last.
    pub after: Option<EventPlace>,
    /// How many this pass has looked at.
    pub looked_at: u64,
    /// How many of them it gave a place.
    pub adopted: u64,
    /// When it was through.
    pub done_at: Option<Instant>,
}

impl Adoption {
    /// A look that begins now.
    pub fn begin(merchant: MerchantId, pass: u32, began_at: Instant) -> Self {
        Self { merchant, pass, began_at, after: None, looked_at: 0, adopted: 0, done_at: None }
    }
}
