//! A restored store goes on where its clients are, not where the backup was.

use chrono::SecondsFormat;

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{RecordKey, Stored};
use crate::domain::{
    Actor, AuditEvent, ChainHead, EventKind, Instant, Merchant, MerchantId, Refusal, Restore,
    StatusListNumber, Subject, whole_seconds,
};

/// What a restored store goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Continued {
    /// That it was restored, and from when.
    pub restore: Restore,
    /// The first status list of each merchant that gives out entries again.
    pub next_lists: Vec<(MerchantId, StatusListNumber)>,
}

/// The last restore of the store, if there was one.
pub(super) struct LastRestore(Option<Versioned<Restore>>);

impl LastRestore {
    /// The restore, if a record of this revision is as the backup had it. An absent record is not.
    pub(super) fn untouched(&self, revision: u64) -> Option<&Restore> {
        let restore = self.0.as_ref().filter(|restore| (ABSENT + 1..restore.revision).contains(&revision));
        restore.map(|restore| &restore.value)
    }

    /// The restore itself.
    pub(super) fn into_restore(self) -> Option<Restore> {
        self.0.map(|restore| restore.value)
    }

    /// Whether there was one: a genuine text may speak of what the store has lost.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

impl App {
    /// Prepares a store that was made from a backup for clients that remember a later time: no status-list entry is
    /// given out twice, no list goes back, and certificates that were signed since the backup are no clones.
    ///
    /// Nothing may be served before. Done again, also after it was cut off, it only leaves more room.
    pub async fn continue_after_restore(&self, taken_at: Instant) -> Result<Continued, UseCaseError> {
        let restore = Restore { taken_at: whole_seconds(taken_at), restored_at: self.now() };
        if restore.restored_at < restore.taken_at {
            let why = format!(
                "the clock shows {}, the backup was taken at {}",
                restore.restored_at, restore.taken_at
            );
            return Err(Refusal::Invalid { pointer: String::new(), why }.into());
        }
        let mut next_lists = Vec::new();
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let next = self.seal_open_lists(&merchant.value.id, &restore).await?;
            next_lists.push((merchant.value.id, next));
        }
        // Last, because it says that all of this was done. Each chain says it too: whoever holds a head that is newer than the
        // backup will not find it there.
        let mut commit = Commit::new().with(Change::Set(restore.clone().into_record()));
        for (merchant, _) in &next_lists {
            commit = commit.put(self.restore_event(merchant, &restore).await?, ABSENT);
        }
        self.store.commit(commit).await?;
        Ok(Continued { restore, next_lists })
    }

    /// Says which part of the chain the backup had.
    async fn restore_event(
        &self,
        merchant: &MerchantId,
        restore: &Restore,
    ) -> Result<AuditEvent, StoreError> {
        let head: Option<Versioned<ChainHead>> =
            find(self.store.as_ref(), RecordKey::ChainHead(merchant.clone())).await?;
        let text = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let detail = [
            ("taken_at", text(restore.taken_at)),
            ("restored_at", text(restore.restored_at)),
            ("seq", head.map_or(0, |head| head.value.seq).to_string()),
        ];
        let (subject, actor) = (Subject::store(), Actor::Server);
        Ok(self.event_about(merchant, subject, &actor, EventKind::StoreRestored, &detail))
    }

    pub(super) async fn last_restore(&self) -> Result<LastRestore, StoreError> {
        find(self.store.as_ref(), RecordKey::Restore).await.map(LastRestore)
    }
}
