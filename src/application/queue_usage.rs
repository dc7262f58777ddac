//! Records of usage in the queue of their channel, and the one job that will push them.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::decide_usage::{DecidedUsage, FreshUsage};
use super::metered_instances::METERING_MARKETPLACE;
use super::ports::{ABSENT, Commit, StoreError, Urgency, Versioned, find};
use super::record::{Job, NamedUsage, RecordKey, Task, UsageOutbox, WaitingUsage};
use crate::domain::{ChannelId, InstanceId, Instant, MerchantId, PushWindow, Refusal, UsageRecord, Validity};

/// As many records as a push takes.
pub(super) const BATCH_MAX: u32 = 1_000;
/// Within a window, what comes shortly after each other is pushed together.
const GATHER_SECS: i64 = 15;
/// What one commit may hold, less what does not depend on the items.
const CHANGES_MAX: usize = 4_000;
const COMMIT_BYTES_MAX: usize = 1_900_000;
/// An upper bound of what the names of members, the instants and the keys of one stored row take.
const ROW_BYTES: usize = 250;

impl App {
    /// Records, their places in the queues, the sums, and the jobs: one commit.
    ///
    /// [`Urgency::Ordinary`]: usage is money that is owed already and is lost after 21 days, so it goes on being taken when
    /// nothing new is sold any more; but it stops nothing, and whoever measured still has it and sends it again, so the
    /// last room is not for it.
    pub(super) async fn usage_commit(
        &self,
        merchant: &MerchantId,
        decided: DecidedUsage,
        now: Instant,
    ) -> Result<Commit, UseCaseError> {
        let mut bytes: usize = decided.fresh.iter().map(|fresh| bytes_of(&fresh.record)).sum();
        let mut commit = Commit::new().with_urgency(Urgency::Ordinary);
        for Versioned { value: sum, revision } in decided.sums {
            bytes += 2 * ROW_BYTES + sum.used.len() * ROW_BYTES;
            commit = commit.put(sum, revision);
        }
        let mut by_channel: BTreeMap<ChannelId, Vec<FreshUsage>> = BTreeMap::new();
        for fresh in decided.fresh {
            by_channel.entry(fresh.record.channel.clone()).or_default().push(fresh);
        }
        for (channel, fresh) in by_channel {
            let Versioned { value: mut outbox, revision } = self.usage_outbox(merchant, &channel).await?;
            let earliest = fresh.iter().map(|fresh| fresh.window).min_by_key(|window| window.opens);
            for FreshUsage { mut record, window, is_named } in fresh {
                // Nothing is put before the end of a batch that is on its way.
                let batch_end = outbox.batch_end.as_ref().map_or(window.opens, |(due_at, _)| *due_at);
                record.due_at = window.opens.max(batch_end);
                if is_named {
                    let (metering_sn, record) = (record.metering_sn.clone(), record.key.clone());
                    commit = commit.put(NamedUsage { metering_sn, record }, ABSENT);
                }
                commit = commit.put(place_of(&record), ABSENT).put(record, ABSENT);
            }
            if let Some(earliest) = earliest.filter(|earliest| !is_covered(&outbox, earliest)) {
                let start = self.start_within(&earliest, now);
                commit = self.with_push_job(commit, &mut outbox, Some(start));
            }
            commit = commit.put(outbox, revision);
        }
        if commit.changes.len() > CHANGES_MAX || bytes > COMMIT_BYTES_MAX {
            let why = "so many different instances, or such long ids, do not fit into one request: send half of the records";
            return Err(Refusal::Invalid { pointer: "/items".into(), why: why.into() }.into());
        }
        Ok(commit)
    }

    pub(super) async fn usage_outbox(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
    ) -> Result<Versioned<UsageOutbox>, StoreError> {
        let key = RecordKey::UsageOutbox(merchant.clone(), channel.clone());
        let empty = || UsageOutbox {
            merchant: merchant.clone(),
            channel: channel.clone(),
            next_at: None,
            batch_end: None,
            batch_max: BATCH_MAX,
            set_aside: 0,
        };
        let found = find(self.store.as_ref(), key).await?;
        Ok(found.unwrap_or_else(|| Versioned { value: empty(), revision: ABSENT }))
    }

    /// When a push begins in a window: spread over its start, or almost at once when it is open already.
    fn start_within(&self, window: &PushWindow, now: Instant) -> Instant {
        if !window.is_open(now) {
            return window.start(self.ids.random_bytes()[0]);
        }
        let gathered = now + TimeDelta::seconds(GATHER_SECS);
        if window.is_open(gathered) { gathered } else { now }
    }

    /// Has a job at `next_at` do the pushing, and no other.
    pub(super) fn with_push_job(
        &self,
        commit: Commit,
        outbox: &mut UsageOutbox,
        next_at: Option<Instant>,
    ) -> Commit {
        outbox.next_at = next_at;
        let Some(due_at) = next_at else { return commit };
        let task = Task::PushUsage { merchant: outbox.merchant.clone(), channel: outbox.channel.clone() };
        // What lies ahead by plan is not late from its making on.
        let since = Some(due_at.max(self.now()));
        commit.put(Job { due_at, since, ..self.job_through(&outbox.channel, task, self.now()) }, ABSENT)
    }
}

/// An upper bound of what a record takes: itself, its place in the queue, its name.
fn bytes_of(record: &UsageRecord) -> usize {
    let ids = [record.key.merchant.as_str(), record.key.instance.as_str(), record.channel.as_str()];
    let ids: usize = ids.iter().map(|id| id.len()).sum();
    let package = record.package.as_ref().map_or(0, |package| package.as_str().len());
    let product = record.product_id.as_ref().map_or(0, String::len);
    3 * (ids + ROW_BYTES) + package + product + 2 * record.metering_sn.as_str().len() + 2 * ROW_BYTES
}

/// Whether a job that is planned, running or being repeated comes before the window closes.
fn is_covered(outbox: &UsageOutbox, window: &PushWindow) -> bool {
    outbox.next_at.is_some_and(|next_at| !Validity::between(window.closes, None).holds_at(next_at))
}

/// A record's place in the queue of its channel.
pub(super) fn place_of(record: &UsageRecord) -> WaitingUsage {
    WaitingUsage {
        channel: record.channel.clone(),
        due_at: record.due_at,
        id: record.id.clone(),
        record: record.key.clone(),
    }
}

pub(super) fn sum_key(merchant: &MerchantId, instance: &InstanceId) -> RecordKey {
    RecordKey::UsageSum(merchant.clone(), METERING_MARKETPLACE, instance.clone())
}
