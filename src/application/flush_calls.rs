//! Writes the calls that were noted, keeps the last ones and deletes the others.

use super::app::{App, UseCaseError, decided};
use super::call_log::{Address, BETWEEN_ALIKE_NOTICES, Batch};
use super::ports::{ABSENT, Change, Commit, Listing, Urgency, Versioned, find, list};
use super::record::RecordKey;
use super::tell_notice::event_of;
use crate::domain::{
    CallChunk, ChannelCall, ChannelNotice, ChannelStanding, NOTICES_MAX, SIGNED_CALLS_MAX, UNSIGNED_CALLS_MAX,
};

/// Most calls in one record: with every fact at its longest it stays far below what a record may hold.
const CALLS_PER_RECORD_MAX: usize = 100;
/// Records looked at, at a time.
const PAGE: usize = 1_000;

impl App {
    /// Writes what was noted since the last time, one commit for each channel. What cannot be written waits for the next
    /// time, within bounds. `all`: also what would be written a little later to spare the store, for the end of a process.
    pub async fn flush_calls(&self, all: bool) -> Result<(), UseCaseError> {
        let _one_at_a_time = self.calls.flushing.lock().await;
        let mut outcome = Ok(());
        for address in self.calls.waiting() {
            let Some(batch) = self.calls.take(&address, all, self.clock.now()) else { continue };
            let guard = Returned { app: self, batch: Some(batch.clone()) };
            match decided!(self, self.try_write(&batch)) {
                Ok(()) => {
                    guard.disarm();
                    if self.calls.written(&batch) {
                        outcome = outcome.and(self.trim_calls(&address).await);
                    }
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// All of a batch or nothing. The ids are the same each time, so that an unknown outcome may be tried again.
    async fn try_write(&self, batch: &Batch) -> Result<(), UseCaseError> {
        let (merchant, channel) = &batch.address;
        let key = RecordKey::Standing(merchant.clone(), channel.clone());
        let stored: Option<Versioned<ChannelStanding>> = find(self.store.as_ref(), key).await?;
        let revision = stored.as_ref().map_or(ABSENT, |stored| stored.revision);
        let mut standing = stored
            .map_or_else(|| ChannelStanding::new(merchant.clone(), channel.clone()), |stored| stored.value);
        standing.merge(&batch.standing);
        // The first to give way when the disk fills up.
        let commit = Commit::new().with_urgency(Urgency::Grow);
        let notices = self.untold(batch).await?;
        let events: Vec<_> = notices.iter().filter_map(event_of).collect();
        let commit = commit
            .set_all(chunks(&batch.address, true, &batch.signed))
            .set_all(chunks(&batch.address, false, &batch.unsigned))
            .set_all(notices)
            .set_all(events)
            .put(standing, revision);
        self.store.commit(commit).await?;
        Ok(())
    }

    /// The notices that no other process has told of lately.
    async fn untold(&self, batch: &Batch) -> Result<Vec<ChannelNotice>, UseCaseError> {
        if batch.notices.is_empty() {
            return Ok(Vec::new());
        }
        let (merchant, channel) = batch.address.clone();
        let listing = Listing::Notices(merchant, channel);
        let told: Vec<Versioned<ChannelNotice>> = list(self.store.as_ref(), &listing, NOTICES_MAX).await?;
        let is_told = |notice: &ChannelNotice| {
            told.iter().any(|told| {
                let told = &told.value;
                told.id != notice.id
                    && told.is_like(notice)
                    && (notice.at - told.at).abs() < BETWEEN_ALIKE_NOTICES
            })
        };
        Ok(batch.notices.iter().filter(|notice| !is_told(notice)).cloned().collect())
    }

    /// Deletes what lies beyond the last calls and the last notices of a channel.
    async fn trim_calls(&self, (merchant, channel): &Address) -> Result<(), UseCaseError> {
        let mut commit = Commit::new();
        for (signed, max) in [(true, SIGNED_CALLS_MAX), (false, UNSIGNED_CALLS_MAX)] {
            let (merchant, channel) = (merchant.clone(), channel.clone());
            let listing = Listing::Calls { merchant, channel, signed };
            let mut newer = 0;
            for chunk in list::<CallChunk>(self.store.as_ref(), &listing, PAGE).await? {
                if newer >= max {
                    commit =
                        commit.with(Change::Remove(super::record::Record::Calls(chunk.value.clone()).key()));
                }
                newer += chunk.value.calls.len();
            }
        }
        let listing = Listing::Notices(merchant.clone(), channel.clone());
        let notices: Vec<Versioned<ChannelNotice>> = list(self.store.as_ref(), &listing, PAGE).await?;
        for old in notices.into_iter().skip(NOTICES_MAX).map(|old| old.value) {
            commit = commit.with(Change::Remove(RecordKey::Notice(old.merchant, old.channel, old.id)));
        }
        if !commit.changes.is_empty() {
            self.store.commit(commit).await?;
        }
        Ok(())
    }
}

fn chunks(address: &Address, signed: bool, calls: &[ChannelCall]) -> Vec<CallChunk> {
    let chunk = |calls: &[ChannelCall]| {
        let newest = calls.iter().map(|call| &call.id).max()?.clone();
        let (merchant, channel) = address.clone();
        Some(CallChunk { merchant, channel, signed, newest, calls: calls.to_vec() })
    };
    calls.chunks(CALLS_PER_RECORD_MAX).filter_map(chunk).collect()
}

/// A batch that goes back unless it was written, also when the writing is cut off.
struct Returned<'a> {
    app: &'a App,
    batch: Option<Batch>,
}

impl Returned<'_> {
    fn disarm(mut self) {
        self.batch = None;
    }
}

impl Drop for Returned<'_> {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.app.calls.give_back(batch);
        }
    }
}
