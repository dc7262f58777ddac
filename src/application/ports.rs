//! What the use cases need from outside, in domain words.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::mpsc;

pub use super::disk_room::{DiskLevel, DiskState, Urgency};
pub use super::event_sending::{
    EventCall, EventSender, OutboundEvent, SealedFault, SecretVault, SendOutcome,
};
pub use super::key_keeper::{HeldKey, KeyKeeper, SignedKeySet};
use super::leave_unsealed::leave_unsealed;
pub use super::listing::Listing;
pub use super::marketplace_calls::{
    CodeStanding, MarketplaceCallError, MarketplaceCalls, OrderSource, OrderSourceError, UsagePushError,
};
pub use super::record::Versioned;
use super::record::{CounterKey, Record, RecordKey, Stored, UsedHour};
use super::tell_standing::tell_standing;
use crate::domain::{
    Activation, ChainHead, ClaimCode, ClaimDigest, Commitment, Device, EventPlace, Instant, License,
    LicenseId, Merchant, MerchantId, ProductId, SecretRef, StatusList, StatusListNumber, StatusSlot, TokenId,
};

/// Revision that means "there is no such record".
pub const ABSENT: u64 = 0;

/// One step of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The record must be at this revision ([`ABSENT`]: must not be there).
    Check(RecordKey, u64),
    /// Writes the record if it is at this revision ([`ABSENT`]: if it is not there).
    Put(Record, u64),
    /// Writes the record whatever is there (index entries and status-list flips: the last one wins).
    Set(Record),
    /// Writes the record if there is none, or if the one that is there was to be kept until an instant that
    /// lies at or before `now` ([`super::record::Replay::until`], [`super::record::Idempotency::until`]).
    Claim(Record, Instant),
    /// Deletes the record at this revision.
    Delete(RecordKey, u64),
    /// Deletes the record, if it is there.
    Remove(RecordKey),
    /// Adds to a counter that starts at 0.
    Add(CounterKey, i64),
    /// Adds to a counter that starts at 0, if the sum lies within these bounds; adding nothing only checks them. Refused
    /// as [`StoreError::Conflict`].
    AddWithin {
        /// Which.
        counter: CounterKey,
        /// How much; may be negative.
        delta: i64,
        /// The least that it may stand at then.
        min: i64,
        /// The most.
        max: i64,
    },
    /// Forgets a counter that stands at 0: it is no different from one that was never added to.
    Forget(CounterKey),
}

/// What must happen together: all or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Evaluated in order.
    pub changes: Vec<Change>,
    /// Whether it waits when the disk runs full.
    pub urgency: Urgency,
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for another purpose than [`Urgency::Ordinary`].
    #[must_use]
    pub fn with_urgency(mut self, urgency: Urgency) -> Self {
        self.urgency = urgency;
        self
    }

    /// Adds a step. A license and the events that tell of its change find each other, whichever comes first; an event waits
    /// from then on for its place in the chain.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        tell_standing(&mut self.changes);
        leave_unsealed(&mut self.changes);
        self
    }

    /// Writes a noun at a revision.
    #[must_use]
    pub fn put(self, noun: impl Stored, revision: u64) -> Self {
        self.with(Change::Put(noun.into_record(), revision))
    }

    /// Writes a noun whatever is there.
    #[must_use]
    pub fn set(self, noun: impl Stored) -> Self {
        self.with(Change::Set(noun.into_record()))
    }

    /// Writes several nouns whatever is there.
    #[must_use]
    pub fn set_all(self, nouns: impl IntoIterator<Item = impl Stored>) -> Self {
        nouns.into_iter().fold(self, Self::set)
    }
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// The new revision of each `Put` and `Claim`, in order.
    pub revisions: Vec<u64>,
    /// The new value of each `Add`, in order.
    pub counters: Vec<i64>,
}

/// Why the store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A record is not at the revision, or a claim is held: load again and decide again. Nothing was written.
    #[error("a record changed meanwhile")]
    Conflict,
    /// Too much work is waiting: try again later. Nothing was written.
    #[error("the store is busy")]
    Busy,
    /// The disk has too little room left for what the commit is for. Nothing was written.
    #[error("the store's disk has no room for this")]
    NoRoom,
    /// The records are being moved to another store, or were: try again in a moment. Nothing was written.
    #[error("the store is being moved to another place")]
    Moving,
    /// It may or may not be written: ask again with the same identity.
    #[error("whether it was stored is not known")]
    OutcomeUnknown,
    /// The store cannot be used; told once where it happened.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Keeps records. Every implementation passes the conformance suite.
///
/// A read sees only what is durable, and sees a commit before its `Ok` returns. A commit is all or nothing,
/// durable when it returns; one that is refused has written nothing.
#[async_trait]
pub trait Store: Send + Sync {
    /// Loads records, in the order of the keys, as of one moment. Absent is `None`; a failed read is an error.
    async fn load(&self, keys: &[RecordKey]) -> Result<Vec<Option<Versioned<Record>>>, StoreError>;

    /// Loads a page, at most `limit` (≤ 1,000) records.
    async fn list(&self, listing: &Listing, limit: usize) -> Result<Vec<Versioned<Record>>, StoreError>;

    /// What counters stand at, in the order of the keys, as of one moment; one that was never added to stands at 0. At
    /// most 1,000.
    async fn counts(&self, counters: &[CounterKey]) -> Result<Vec<i64>, StoreError>;

    /// What was used in hours that begin before `before`, behind the given one, by hour: at most `limit` (≤ 1,000).
    async fn used_hours(
        &self,
        merchant: &MerchantId,
        before: Instant,
        after: Option<&UsedHour>,
        limit: usize,
    ) -> Result<Vec<(UsedHour, i64)>, StoreError>;

    /// Where the events of a merchant lie, also those whose records cannot be read: those under licenses, then those that
    /// lie by themselves, behind the given one, at most `limit` (≤ 1,000). Fewer are the end.
    async fn event_places(
        &self,
        merchant: &MerchantId,
        after: Option<&EventPlace>,
        limit: usize,
    ) -> Result<Vec<EventPlace>, StoreError>;

    /// Loads at most `limit` (≤ 1,000) of the listed records that the store has noted as lapsed; `None` when it notes none,
    /// and then only looking at each record finds them. What it has noted may be behind: look at each before anything is
    /// done with it.
    async fn lapsed(
        &self,
        _listing: &Listing,
        _now: Instant,
        _limit: usize,
    ) -> Result<Option<Vec<Versioned<Record>>>, StoreError> {
        Ok(None)
    }

    /// Applies all of the changes or none.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// The store's disk; nothing when it has none of its own.
    fn disk(&self) -> Option<DiskState> {
        None
    }

    /// Whether nothing is written because the records are being moved to another store, or were.
    fn is_moving(&self) -> bool {
        false
    }

    /// How often this process has found that the store under it may have lost what was written, as when a standby takes
    /// the place of a database: what was taken of a counter before such a moment is not given out after it.
    fn promotions(&self) -> u64 {
        0
    }
}

/// Loads one record as the noun it is.
pub async fn find<T: Stored>(store: &dyn Store, key: RecordKey) -> Result<Option<Versioned<T>>, StoreError> {
    let record = store.load(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
    record.map(|record| typed(record, &key)).transpose()
}

/// Loads a page as the nouns they are.
pub async fn list<T: Stored>(
    store: &dyn Store,
    listing: &Listing,
    limit: usize,
) -> Result<Vec<Versioned<T>>, StoreError> {
    let records = store.list(listing, limit).await?;
    records
        .into_iter()
        .map(|record| {
            let key = record.value.key();
            typed(record, &key)
        })
        .collect()
}

/// Most keys that are loaded at a time.
const LOAD_KEYS_MAX: usize = 1_000;

/// Loads many records as the nouns they are, in the order of the keys; each thousand as of one moment.
pub async fn find_all<T: Stored>(
    store: &dyn Store,
    keys: &[RecordKey],
) -> Result<Vec<Option<Versioned<T>>>, StoreError> {
    let mut found = Vec::with_capacity(keys.len());
    for keys in keys.chunks(LOAD_KEYS_MAX) {
        for (record, key) in store.load(keys).await?.into_iter().zip(keys) {
            found.push(record.map(|record| typed(record, key)).transpose()?);
        }
    }
    Ok(found)
}

fn typed<T: Stored>(record: Versioned<Record>, key: &RecordKey) -> Result<Versioned<T>, StoreError> {
    let Versioned { value, revision } = record;
    T::from_record(value)
        .map(|value| Versioned { value, revision })
        .ok_or_else(|| StoreError::Failed(format!("another kind of record stands at {key:?}")))
}

/// When the signing keys were last backed up, and what is not in that backup.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeysBackup {
    /// When; `None` is never.
    pub last_at: Option<Instant>,
    /// The key files that were made or changed since, by their paths in the keys folder.
    pub not_in_it: Vec<String>,
}

/// Backups of what is stored, and what is known of those of the keys: keys themselves never leave this way.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Writes a consistent backup in pieces, in order. It is whole when this returns `Ok`; when nobody takes the
    /// pieces any more, it fails.
    async fn write_backup(&self, pieces: mpsc::Sender<Vec<u8>>, taken_at: Instant) -> Result<(), StoreError>;

    /// What is known of the last backup of the keys.
    fn keys_backup(&self) -> Result<KeysBackup, SigningError>;
}

/// A store that is moved while it is served: what its server does for it.
#[async_trait]
pub trait Moves: Send + Sync {
    /// Which store it is, and up to where everything is durable; `None` where servers do not stop for a move, because
    /// others write to the same records.
    async fn stand(&self) -> Result<Option<MoveStand>, StoreError>;

    /// Makes no further commit for so long, unless the same move asks again. Says where the store stands; `None` while
    /// another move has it stopped.
    async fn pause(&self, r#move: &str, hold: Duration) -> Result<Option<MoveStand>, StoreError>;

    /// Makes commits again, if it was this move that had it stopped.
    async fn resume(&self, r#move: &str) -> Result<(), StoreError>;

    /// Lets go of the records for good: they are in that other store now. `false`, and nothing is changed, unless this
    /// move has had the store stopped without a gap.
    async fn leave(&self, r#move: &str, to: &str, now: Instant) -> Result<bool, StoreError>;
}

/// Where a store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MoveStand {
    /// Its id, in hex.
    pub store: String,
    /// Number of the last batch that was written.
    pub batch: u64,
    /// Greatest revision that was given out.
    pub revision: u64,
}

/// Reads the machine's clocks; the only one that does.
pub trait Clock: Send + Sync {
    /// The present instant, UTC, as the wall clock shows it: it may be set, ahead and back.
    fn now(&self) -> Instant;

    /// What has passed since an arbitrary moment before this process asked first. It is never set.
    fn elapsed(&self) -> Duration;
}

/// Makes ids and randomness.
pub trait IdSource: Send + Sync {
    /// A UUIDv7 (RFC 9562 §5.7) of `now`; later ones are greater within a process.
    fn uuid_v7(&self, now: Instant) -> u128;

    /// Unpredictable bytes.
    fn random_bytes(&self) -> [u8; 32];
}

/// Why something could not be signed. Never the caller's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signing failed: {0}")]
pub struct SigningError(pub String);

/// What a license key says besides the license itself.
#[derive(Debug)]
pub struct LicenseKeyOrder<'a> {
    /// Whose.
    pub merchant: &'a Merchant,
    /// The license, with the validity that the key is to state.
    pub license: &'a License,
    /// `jti`.
    pub token_id: &'a TokenId,
    /// Its status-list entry.
    pub slot: StatusSlot,
    /// `iat`.
    pub now: Instant,
}

/// What an activation certificate says besides license and activation.
#[derive(Debug)]
pub struct CertificateOrder<'a> {
    /// Whose.
    pub merchant: &'a Merchant,
    /// The license.
    pub license: &'a License,
    /// The activation, with the machine, slot and the lease (its `certificate` text is what is asked for).
    pub activation: &'a Activation,
    /// The machine's own key, if it has shown one.
    pub device: Option<&'a Device>,
}

/// Signs. Implementations verify each signature before it leaves.
pub trait Signer: KeyKeeper {
    /// Makes the merchant's keys if it has none; `Ok(false)` if it has them all.
    fn prepare_merchant(&self, merchant: &Merchant) -> Result<bool, SigningError>;

    /// A `license+jwt`, below 1,024 characters.
    fn license_key(&self, order: &LicenseKeyOrder<'_>) -> Result<String, SigningError>;

    /// A `license-activation+jwt`.
    fn certificate(&self, order: &CertificateOrder<'_>) -> Result<String, SigningError>;

    /// A `statuslist+jwt` of the list (whose `token` is what is asked for).
    fn status_list(&self, merchant: &Merchant, list: &StatusList) -> Result<String, SigningError>;

    /// Number, digest and time of a chain's head as a `lictor-audit-head+jwt` (whose `token` is what is asked for).
    fn audit_head(&self, merchant: &Merchant, head: &ChainHead) -> Result<String, SigningError>;

    /// Where a status list is found, as tokens name it.
    fn status_list_uri(&self, merchant: &MerchantId, number: StatusListNumber) -> String;

    /// The claim code of a license's generation: derived, not stored.
    fn claim_code(&self, license: &LicenseId, generation: u32) -> ClaimCode;

    /// The digest under which a claim code is found.
    fn claim_digest(&self, code: &ClaimCode) -> ClaimDigest;

    /// The commitment of a fingerprint in a marketplace's own form, as client software makes it; none of a text that
    /// says nothing about a machine.
    fn commit_fingerprint(&self, merchant: &Merchant, product: &ProductId, text: &str) -> Option<Commitment>;

    /// The bytes of an API token that a request under this idempotency key makes: the same for the same key, and
    /// nothing that anybody else can compute.
    fn token_bytes(&self, key_digest: &[u8; 32]) -> [u8; 32];

    /// Which entry the `count`-th one given out to a merchant is: no two counts share one, and the order does
    /// not show.
    fn status_slot(&self, merchant: &MerchantId, count: u64) -> StatusSlot;

    /// The merchant's verifying keys as a JWK Set (RFC 7517), each with its role.
    fn jwks(&self, merchant: &Merchant) -> Result<String, SigningError>;

    /// The customer's page, as memos name it.
    fn portal_url(&self) -> String;

    /// Where merchants' people sign in to the console.
    fn sign_in_url(&self) -> String;
}

/// A secret that cannot be used: which one, and what is wrong with it. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretFault(pub String);

/// Finds the secrets that records only refer to.
pub trait SecretSource: Send + Sync {
    /// The secret, as it is at this moment; empty or missing is a fault.
    fn resolve(&self, reference: &SecretRef) -> Result<SecretString, SecretFault>;
}

/// What a buyer reads: a memo with its placeholders filled in.
pub fn memo_of(memo: &str, claim_code: &str, portal_url: &str) -> String {
    memo.replace("{claim_code}", claim_code).replace("{portal_url}", portal_url)
}
