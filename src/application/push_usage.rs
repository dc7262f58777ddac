//! Hands recorded usage over to the marketplace: within its windows, in batches, each record in effect once.
//!
//! A batch is fixed in the store before it is sent, and the same batch, byte for byte, is sent until there is an answer.
//! One call is made per run of the job, so that a lost answer, a restart or another worker repeats at most one.

use std::collections::BTreeMap;

use super::app::{App, UseCaseError, decided};
use super::ports::{
    ABSENT, Change, Commit, Listing, MarketplaceCallError, UsagePushError, Versioned, find, find_all, list,
};
use super::queue_usage::{BATCH_MAX, place_of, sum_key};
use super::record::{Owned, RecordKey, Stored, UsageOutbox, WaitingUsage};
use super::record_usage::USAGE_ITEMS_MAX;
use super::settle_purchase::{Settled, Trouble};
use crate::domain::{
    Actor, Channel, ChannelId, EventKind, InstanceId, Instant, MerchantId, PushWindow, UsageRecord,
    UsageState, UsageSum, Validity,
};

/// Most records that are given up in one commit: each has its event.
const DROPPED_PER_COMMIT: usize = 500;
/// So many records in a row that the marketplace refuses alone mean that something else is wrong.
const SET_ASIDE_MAX: u32 = 16;

/// What a run of the job finds.
enum Prepared {
    /// Nothing that could be sent now; whatever comes next is planned.
    Nothing,
    /// It has to be looked at again.
    Later(Trouble),
    /// This is to be sent.
    Batch(Box<Batch>),
}

/// A fixed batch: never empty.
struct Batch {
    channel: Channel,
    records: Vec<Versioned<UsageRecord>>,
}

impl App {
    /// Pushes one batch of a channel, if one is due, and plans the next.
    pub async fn push_usage(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
    ) -> Result<Settled, UseCaseError> {
        let _turn = self.turn(&("usage push", merchant.as_str(), channel.as_str())).await;
        let batch = match decided!(self, self.prepare_push(merchant, channel))? {
            Prepared::Nothing => return Ok(Settled::Done),
            Prepared::Later(why) => return Ok(Settled::Later(why)),
            Prepared::Batch(batch) => batch,
        };
        let Some(calls) = self.marketplaces.as_deref() else {
            return Ok(Settled::Later(MarketplaceCallError::NotConfigured.into()));
        };
        let nonce: String =
            self.ids.random_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let records = batch.records.iter().map(|record| record.value.clone()).collect();
        let answer = calls.push_usage(&batch.channel, records, &nonce).await;
        if let Err(UsagePushError::Call(error)) = answer {
            return Ok(Settled::Later(error.into()));
        }
        decided!(self, self.settle_batch(&batch, &answer))
    }

    async fn prepare_push(&self, merchant: &MerchantId, id: &ChannelId) -> Result<Prepared, UseCaseError> {
        let now = self.now();
        let Versioned { value: mut outbox, revision } = self.usage_outbox(merchant, id).await?;
        if !outbox.next_at.is_some_and(|next_at| has_come(next_at, now)) {
            return Ok(Prepared::Nothing);
        }
        let key = RecordKey::Channel(merchant.clone(), id.clone());
        let Some(channel): Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await? else {
            return Ok(Prepared::Later("the channel is gone".into()));
        };
        let channel = channel.value.value;
        let queue = self.usage_queue(&outbox, batch_limit(&outbox)).await?;
        let is_in_batch = |place: &&WaitingUsage| match &outbox.batch_end {
            Some((due_at, id)) => (place.due_at, &place.id) <= (*due_at, id),
            None => has_come(place.due_at, now),
        };
        let records = self.waiting_records(queue.iter().take_while(is_in_batch)).await?;
        let (old, records): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.value.is_too_old(now));
        if !old.is_empty() {
            let why = "it was not taken in time: the marketplace takes no usage that began 21 days ago";
            let commit = self.dropped(Commit::new(), &old, why).await?;
            self.plan(commit, Versioned { value: outbox, revision }, Some(now)).await?;
            return Ok(Prepared::Nothing);
        }
        let Some(last) = records.last() else {
            outbox.batch_end = None;
            outbox.batch_max = BATCH_MAX;
            let next = queue.first().map(|place| self.start_of(&channel, place.due_at, now));
            self.plan(Commit::new(), Versioned { value: outbox, revision }, next).await?;
            return Ok(Prepared::Nothing);
        };
        let window = self.window(&channel, now);
        let can_wait =
            |record: &Versioned<UsageRecord>| record.value.key.unless_too_old(window, now) == window;
        if !window.is_open(now) && records.iter().all(can_wait) {
            let next = self.window_start(&channel, now);
            self.plan(Commit::new(), Versioned { value: outbox, revision }, Some(next)).await?;
            return Ok(Prepared::Nothing);
        }
        if outbox.batch_end.is_none() {
            outbox.batch_end = Some((last.value.due_at, last.value.id.clone()));
            self.store.commit(Commit::new().put(outbox, revision)).await?;
        }
        Ok(Prepared::Batch(Box::new(Batch { channel, records })))
    }

    async fn settle_batch(
        &self,
        batch: &Batch,
        answer: &Result<(), UsagePushError>,
    ) -> Result<Settled, UseCaseError> {
        let Batch { channel, records } = batch;
        let Some(merchant) = records.first().map(|record| &record.value.key.merchant) else {
            return Ok(Settled::Done);
        };
        let (now, count) = (self.now(), records.len());
        let Versioned { value: mut outbox, revision } = self.usage_outbox(merchant, &channel.id).await?;
        let is_alone = count == 1;
        let commit = match answer {
            Ok(()) => {
                outbox.set_aside = 0;
                settled(Commit::new(), records, &UsageState::Pushed { at: now })
            }
            Err(UsagePushError::Call(error)) => return Ok(Settled::Later(error.clone().into())),
            Err(UsagePushError::TooMany) if is_alone => {
                return Ok(Settled::Later("the marketplace takes not even one record".into()));
            }
            Err(UsagePushError::TooMany | UsagePushError::TooOld | UsagePushError::Unwanted(_))
                if !is_alone =>
            {
                let half = count / 2;
                outbox.batch_max = u32::try_from(half).unwrap_or(BATCH_MAX);
                let last = records.get(half - 1).map(|record| &record.value);
                outbox.batch_end = last.map(|record| (record.due_at, record.id.clone()));
                self.plan(Commit::new(), Versioned { value: outbox, revision }, Some(now)).await?;
                return Ok(Settled::Done);
            }
            Err(UsagePushError::TooOld) if records.iter().all(|record| record.value.may_be_too_old(now)) => {
                let why = "the marketplace takes no usage that began so long ago (MKT.9004)";
                self.dropped(Commit::new(), records, why).await?
            }
            Err(error @ (UsagePushError::TooMany | UsagePushError::TooOld | UsagePushError::Unwanted(_))) => {
                outbox.set_aside += 1;
                self.set_aside(channel, records, &error.to_string(), now).await?
            }
        };
        outbox.batch_end = None;
        outbox.batch_max = (outbox.batch_max * 2).min(BATCH_MAX);
        let mut next = self.next_start(&outbox, channel, records, now).await?;
        let is_hopeless = outbox.set_aside >= SET_ASIDE_MAX;
        if is_hopeless || (outbox.set_aside > 0 && next.is_none()) {
            outbox.set_aside *= u32::from(!is_hopeless);
            next = Some(self.window_start(channel, self.window(channel, now).closes));
        }
        self.plan(commit, Versioned { value: outbox, revision }, next).await?;
        Ok(Settled::Done)
    }

    /// When what lies behind a batch is due.
    async fn next_start(
        &self,
        outbox: &UsageOutbox,
        channel: &Channel,
        batch: &[Versioned<UsageRecord>],
        now: Instant,
    ) -> Result<Option<Instant>, UseCaseError> {
        let queue = self.usage_queue(outbox, batch.len() + 1).await?;
        let is_in_batch = |place: &WaitingUsage| batch.iter().any(|record| record.value.id == place.id);
        Ok(match queue.iter().find(|place| !is_in_batch(place)) {
            Some(place) => Some(self.start_of(channel, place.due_at, now)),
            // A page that is full of the batch says nothing about what follows.
            None => (batch.len() >= USAGE_ITEMS_MAX).then_some(now),
        })
    }

    /// When a place in the queue is looked at: at once if it is due, else within its window.
    fn start_of(&self, channel: &Channel, due_at: Instant, now: Instant) -> Instant {
        if has_come(due_at, now) { now } else { self.window_start(channel, due_at) }
    }

    /// Somewhere at the start of the window that is open at `at` or follows it.
    fn window_start(&self, channel: &Channel, at: Instant) -> Instant {
        self.window(channel, at).start(self.ids.random_bytes()[0]).max(at)
    }

    fn window(&self, channel: &Channel, at: Instant) -> PushWindow {
        PushWindow::from(channel.marketplace, channel.usage.billing, at)
    }

    async fn usage_queue(
        &self,
        outbox: &UsageOutbox,
        limit: usize,
    ) -> Result<Vec<WaitingUsage>, UseCaseError> {
        let listing = Listing::WaitingUsage(outbox.merchant.clone(), outbox.channel.clone());
        let queue: Vec<Versioned<WaitingUsage>> = list(self.store.as_ref(), &listing, limit).await?;
        Ok(queue.into_iter().map(|place| place.value).collect())
    }

    async fn waiting_records(
        &self,
        places: impl Iterator<Item = &WaitingUsage>,
    ) -> Result<Vec<Versioned<UsageRecord>>, UseCaseError> {
        let keys: Vec<_> = places.map(|place| RecordKey::UsageRecord(place.record.clone())).collect();
        let records: Vec<Option<Versioned<UsageRecord>>> = find_all(self.store.as_ref(), &keys).await?;
        Ok(records.into_iter().flatten().collect())
    }

    /// Commits, with the time of the next run.
    async fn plan(
        &self,
        commit: Commit,
        outbox: Versioned<UsageOutbox>,
        next_at: Option<Instant>,
    ) -> Result<(), UseCaseError> {
        let Versioned { value: mut outbox, revision } = outbox;
        let commit = self.with_push_job(commit, &mut outbox, next_at).put(outbox, revision);
        self.store.commit(commit).await?;
        self.signals.jobs.notify_one();
        Ok(())
    }

    /// Gives records up: they leave the queue and the sums, and their merchant is told.
    async fn dropped(
        &self,
        mut commit: Commit,
        records: &[Versioned<UsageRecord>],
        why: &str,
    ) -> Result<Commit, UseCaseError> {
        let records = records.get(..DROPPED_PER_COMMIT).unwrap_or(records);
        let mut sums: BTreeMap<InstanceId, Versioned<UsageSum>> = BTreeMap::new();
        for Versioned { value: record, .. } in records {
            let of_package = record.package.as_ref().map(|package| (package, Some(&record.key.instance)));
            for (instance, related) in std::iter::once((&record.key.instance, None)).chain(of_package) {
                if !sums.contains_key(instance) {
                    let key = sum_key(&record.key.merchant, instance);
                    let Some(sum) = find(self.store.as_ref(), key).await? else { continue };
                    sums.insert(instance.clone(), sum);
                }
                if let Some(sum) = sums.get_mut(instance) {
                    sum.value.take_back(related, record.value);
                }
            }
            let (merchant, metering_sn) = (&record.key.merchant, &record.metering_sn);
            tracing::warn!(%merchant, license = %record.license, %metering_sn, why, "usage is given up");
            commit = commit.put(self.drop_event(record, why), ABSENT);
        }
        for (_, Versioned { value, revision }) in sums {
            commit = commit.put(value, revision);
        }
        let state = UsageState::Dropped { at: self.now(), why: why.to_owned() };
        Ok(settled(commit, records, &state))
    }

    fn drop_event(&self, record: &UsageRecord, why: &str) -> crate::domain::AuditEvent {
        let text = |instant: Instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let detail = [
            ("instance_id", record.key.instance.to_string()),
            ("begin", text(record.key.begin)),
            ("end", text(record.key.end)),
            ("value", record.value.to_string()),
            ("metering_sn", record.metering_sn.to_string()),
            ("reason", why.to_owned()),
        ];
        let (merchant, license) = (&record.key.merchant, &record.license);
        self.event(merchant, license, &Actor::Server, EventKind::UsageDropped, &detail)
    }

    /// What the marketplace does not want waits for the next window, so that it does not hold up the others; it may be a
    /// setting that is wrong, and then nothing is lost.
    async fn set_aside(
        &self,
        channel: &Channel,
        records: &[Versioned<UsageRecord>],
        why: &str,
        now: Instant,
    ) -> Result<Commit, UseCaseError> {
        let next = self.window(channel, self.window(channel, now).closes);
        let mut commit = Commit::new();
        for Versioned { value: record, revision } in records {
            let (merchant, metering_sn) = (&record.key.merchant, &record.metering_sn);
            tracing::warn!(%merchant, license = %record.license, %metering_sn, why, "usage waits for the next window");
            if record.key.unless_too_old(next, now) != next {
                let alone = [Versioned { value: record.clone(), revision: *revision }];
                commit = self.dropped(commit, &alone, why).await?;
                continue;
            }
            let mut moved = record.clone();
            moved.due_at = next.opens;
            commit = commit
                .with(Change::Remove(place_of(record).into_record().key()))
                .put(place_of(&moved), ABSENT)
                .put(moved, *revision);
        }
        Ok(commit)
    }
}

/// Records leave the queue in this state.
fn settled(mut commit: Commit, records: &[Versioned<UsageRecord>], state: &UsageState) -> Commit {
    for Versioned { value: record, revision } in records {
        let place = place_of(record).into_record().key();
        commit = commit
            .with(Change::Remove(place))
            .put(UsageRecord { state: state.clone(), ..record.clone() }, *revision);
    }
    commit
}

fn has_come(at: Instant, now: Instant) -> bool {
    Validity::between(at, None).holds_at(now)
}

fn batch_limit(outbox: &UsageOutbox) -> usize {
    usize::try_from(outbox.batch_max.clamp(1, BATCH_MAX)).unwrap_or(1)
}
