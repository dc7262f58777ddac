//! What a machine says that it consumed while it was offline (`docs/usage-ledger.md`).

use super::spec::named;
use super::{Amount, Instant};

/// SHA-256 of a line.
pub type LineHash = [u8; 32];

/// An end of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead {
    /// Number of the last entry; 0 before the first.
    pub seq: u64,
    /// Hash of its line; before the first, of the activation's id.
    pub hash: LineHash,
}

/// One consumption, its signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its number.
    pub seq: u64,
    /// Hash of the line before it.
    pub previous: LineHash,
    /// Hash of its own line.
    pub hash: LineHash,
    /// Generation of the certificate that allowed it.
    pub generation: u64,
    /// Number of the share that gives it.
    pub share: u32,
    /// What was consumed.
    pub metric: String,
    /// How much.
    pub amount: Amount,
    /// When, by the machine's corrected clock.
    pub at: Instant,
}

named!(
    /// What is wrong at a place of a ledger: the steps of its verification, in their order.
    LedgerFault {
        /// More than is read at a time.
        TooLarge = "too_large",
        /// Not the line of an entry.
        Malformed = "malformed",
        /// Not signed by this machine's key.
        BadSignature = "bad_signature",
        /// Of another activation.
        WrongActivation = "wrong_activation",
        /// A number stands here that was there before.
        Replay = "replay",
        /// Entries before this one are missing.
        Gap = "gap",
        /// It does not follow the line before it.
        BrokenChain = "broken_chain",
        /// Another entry of this number was merged before.
        Fork = "fork",
        /// It ends before what was merged, and is no known part of that.
        RolledBack = "rolled_back",
        /// Made under a certificate that is not there yet, or older than that of the entry before it.
        WrongGeneration = "wrong_generation",
        /// Earlier than the entry before it.
        TimeReversed = "time_reversed",
        /// The share is not this machine's, not of this metric, or not of this time.
        WrongShare = "wrong_share",
        /// More than the share has.
        OverShare = "over_share",
        /// It ends before the end that the machine vouches for.
        Truncated = "truncated",
    }
);

/// Where a ledger is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerPlace {
    /// Number of the entry that should stand there.
    pub seq: u64,
    /// What is wrong.
    pub fault: LedgerFault,
}

/// A ledger as it was sent: everything up to the first fault in itself. What it says of what was merged before is
/// not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentLedger {
    /// Number of its first entry.
    pub from: u64,
    /// Signed, of one activation, one chain, without a gap.
    pub entries: Vec<LedgerEntry>,
    /// Where it stops being so.
    pub place: Option<LedgerPlace>,
    /// The end that the machine vouches for.
    pub claimed: LedgerHead,
    /// There is nothing behind that end.
    pub is_complete: bool,
}
