//! Gives each event its place in the chain of its merchant, and signs where the chain ends.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::audit_digest::{chain_start, digest_of, link_after};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{RecordKey, Stored};
use crate::domain::{
    AuditEvent, BLOCK_ENTRIES_MAX, ChainBlock, ChainEntry, ChainHead, MerchantId, SealedEvent, SealerLease,
    UNREADABLE, Unsealed, Validity,
};

/// Most blocks of one merchant in one round, so that a flood at one holds up no other.
const BLOCKS_PER_ROUND_MAX: usize = 16;
/// How long nobody else seals after a server has last said that it does.
const LEASE_SECS: i64 = 3;
/// A lease that ends sooner is renewed before it is used.
const LEASE_LEFT_SECS: i64 = 1;

/// What a round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SealingRound {
    /// How many events got their place.
    pub sealed: usize,
    /// Whether some were left waiting.
    pub has_more: bool,
}

impl App {
    /// Seals what waits, merchant by merchant. Of several servers one does it at a time; should two do it after all, the
    /// store takes what one of them made, and the chain never forks.
    pub async fn seal_events(&self) -> Result<SealingRound, UseCaseError> {
        let (mut round, mut fault, mut behind) = (SealingRound::default(), None, None);
        while let Some(merchant) = self.first_unsealed_behind(behind.take()).await? {
            if !self.holds_sealer_lease().await? {
                break;
            }
            // A merchant whose keys cannot be read here holds up no other.
            match self.seal_events_of(&merchant).await {
                Ok(of_merchant) => {
                    round.sealed += of_merchant.sealed;
                    round.has_more |= of_merchant.has_more;
                }
                Err(error) => fault = fault.or(Some(error)),
            }
            behind = Some(merchant);
        }
        fault.map_or(Ok(round), Err)
    }

    async fn first_unsealed_behind(
        &self,
        behind: Option<MerchantId>,
    ) -> Result<Option<MerchantId>, StoreError> {
        let first: Option<Versioned<Unsealed>> =
            list(self.store.as_ref(), &Listing::Unsealed { behind }, 1).await?.pop();
        Ok(first.map(|first| first.value.merchant))
    }

    /// Whether this process seals now. Nothing is written while nothing waits.
    async fn holds_sealer_lease(&self) -> Result<bool, StoreError> {
        let (holder, now) = (self.process(), self.now());
        let found: Option<Versioned<SealerLease>> = find(self.store.as_ref(), RecordKey::SealerLease).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        if let Some(lease) = found.map(|found| found.value) {
            let holds_at = |at| !Validity::between(lease.until, None).holds_at(at);
            // A clock that was set back leaves no lease for ever.
            let is_sane = lease.until <= now + TimeDelta::seconds(LEASE_SECS);
            if lease.holder == holder && is_sane && holds_at(now + TimeDelta::seconds(LEASE_LEFT_SECS)) {
                return Ok(true);
            }
            if lease.holder != holder && is_sane && holds_at(now) {
                return Ok(false);
            }
        }
        let lease = SealerLease { holder, until: now + TimeDelta::seconds(LEASE_SECS) };
        match self.store.commit(Commit::new().put(lease, revision)).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn seal_events_of(&self, merchant: &MerchantId) -> Result<SealingRound, UseCaseError> {
        let mut round = SealingRound { sealed: 0, has_more: true };
        for _ in 0..BLOCKS_PER_ROUND_MAX {
            match self.seal_block(merchant).await {
                Ok(Some(sealed)) => round.sealed += sealed,
                Ok(None) => {
                    round.has_more = false;
                    break;
                }
                // Another server seals: what is left is its.
                Err(UseCaseError::Store(StoreError::Conflict)) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(round)
    }

    /// One commit: the block, the new end of the chain at the revision of the old one, and the marks that are done with. Cut
    /// off anywhere, either all of it is there or nothing. `None` when nothing waits.
    async fn seal_block(&self, merchant: &MerchantId) -> Result<Option<usize>, UseCaseError> {
        let waiting: Vec<Versioned<Unsealed>> =
            list(self.store.as_ref(), &Listing::UnsealedOf(merchant.clone()), BLOCK_ENTRIES_MAX).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let merchant = self.merchant(merchant).await?;
        let found: Option<Versioned<ChainHead>> =
            find(self.store.as_ref(), RecordKey::ChainHead(merchant.id.clone())).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        let (mut seq, mut link) =
            found.map_or_else(|| (0, chain_start(&merchant.id)), |found| (found.value.seq, found.value.link));
        let (mut commit, mut entries) = (Commit::new(), Vec::with_capacity(waiting.len()));
        for (Versioned { value: mark, revision }, event) in self.with_events(waiting).await? {
            commit = commit.with(Change::Delete(mark.clone().into_record().key(), revision));
            let Waiting::ToSeal(event) = event else { continue };
            let digest = event.as_ref().map_or(UNREADABLE, digest_of);
            seq += 1;
            link = link_after(&link, seq, &digest, mark.adopted, &mark.place);
            let event = mark.place.event.clone();
            commit = commit.put(SealedEvent { merchant: merchant.id.clone(), event, seq }, ABSENT);
            entries.push(ChainEntry { seq, place: mark.place, adopted: mark.adopted, digest, link });
        }
        let sealed = entries.len();
        if sealed > 0 {
            let (sealed_at, id) = (self.now(), merchant.id.clone());
            let mut head = ChainHead { merchant: id.clone(), seq, link, sealed_at, token: String::new() };
            head.token = self.signer.audit_head(&merchant, &head)?;
            let block = ChainBlock { merchant: id, entries, sealed_at, head: head.token.clone() };
            commit = commit.put(head, revision).put(block, ABSENT);
        }
        self.store.commit(commit).await?;
        self.signals.events.notify_one();
        Ok(Some(sealed))
    }

    /// The marks with their events, as of one moment, unless one of them cannot be read.
    async fn with_events(
        &self,
        waiting: Vec<Versioned<Unsealed>>,
    ) -> Result<Vec<(Versioned<Unsealed>, Waiting)>, StoreError> {
        let keys: Vec<RecordKey> = waiting.iter().flat_map(|mark| keys_of(&mark.value)).collect();
        // What somebody has spoilt before it was sealed is told for ever, and holds up nothing.
        let mut found = self.load_readable(&keys).await?.into_iter();
        let mut next = || found.next().flatten();
        let with_event = |mark| {
            let (event, sealed) = (next().and_then(AuditEvent::from_record), next());
            let waiting = if sealed.is_some() { Waiting::Sealed } else { Waiting::ToSeal(event) };
            (mark, waiting)
        };
        Ok(waiting.into_iter().map(with_event).collect())
    }
}

/// What stands behind a mark.
enum Waiting {
    /// An event without a place, or what is left of one.
    ToSeal(Option<AuditEvent>),
    /// An event that has its place already.
    Sealed,
}

fn keys_of(mark: &Unsealed) -> [RecordKey; 2] {
    let sealed = RecordKey::SealedEvent(mark.merchant.clone(), mark.place.event.clone());
    [RecordKey::of_event(&mark.merchant, &mark.place), sealed]
}
