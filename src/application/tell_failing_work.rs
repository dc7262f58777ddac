//! Tells the merchant that what the marketplace is asked or told keeps failing: before purchases are paid back for it.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, find, list};
use super::record::{Job, Lane, Owned, Rank, RecordKey, Task};
use super::settle_purchase::Trouble;
use crate::domain::{
    Channel, ChannelId, ChannelNotice, FailingWork, Instant, MerchantId, NoticeId, NoticeKind,
};

/// So long it may fail before it is told: most passing faults are over by then, and a purchase has hours left.
const TOLD_AFTER_MINUTES: i64 = 10;
/// Jobs among which the purchase that is paid back first is looked for.
const LOOKED_AT_MAX: usize = 1_000;

impl App {
    /// A job has failed, and was postponed. Told once an hour of each channel, whatever fails there.
    pub(super) async fn tell_failing_work(&self, job: &Job, trouble: &Trouble) -> Result<(), UseCaseError> {
        let lane = job.lane.as_ref().and_then(|lane| Some((lane, lane.channel.as_ref()?)));
        let (Some((lane, channel)), Some(fault), Some(since)) = (lane, trouble.fault, job.since) else {
            return Ok(());
        };
        // The first failure after a night without a server says nothing of the night.
        let is_first = job.last_failure.is_none();
        if is_first || self.now() - since < TimeDelta::minutes(TOLD_AFTER_MINUTES) {
            return Ok(());
        }
        let failing = FailingWork::new(fault, &trouble.why, since);
        let notice = self.notice_of(&lane.merchant, channel, NoticeKind::OpenApiFailing, failing);
        if self.calls.was_told(&notice) {
            return Ok(());
        }
        let refund_at = self.first_refund(lane, channel).await?;
        let failing = notice.failing.map(|failing| FailingWork { refund_at, ..failing });
        if self.calls.tell(ChannelNotice { failing, ..notice }) {
            let (merchant, why) = (&lane.merchant, &trouble.why);
            tracing::warn!(%merchant, %channel, fault = fault.as_str(), why, "the merchant is told of failing work");
        }
        Ok(())
    }

    /// What is told of work that does not come about.
    pub(super) fn notice_of(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
        kind: NoticeKind,
        failing: FailingWork,
    ) -> ChannelNotice {
        let at = self.now();
        ChannelNotice {
            id: NoticeId::from_uuid(self.ids.uuid_v7(at)),
            merchant: merchant.clone(),
            channel: channel.clone(),
            kind,
            at,
            activity: None,
            cause: None,
            last_success: None,
            failing: Some(failing),
        }
    }

    /// When the first of a channel's purchases that wait is paid back, if that lies ahead.
    async fn first_refund(&self, lane: &Lane, id: &ChannelId) -> Result<Option<Instant>, UseCaseError> {
        let key = RecordKey::Channel(lane.merchant.clone(), id.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let Some(rule) = found.map(|channel| channel.value.value.protocol.refund_rule()) else {
            return Ok(None);
        };
        let purchases = Lane { rank: Rank::Purchase, ..lane.clone() };
        let listing = Listing::JobsOfLane { lane: purchases, from: None };
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        let now = self.now();
        // A purchase and its job are made together.
        let received = |job: &Versioned<Job>| match &job.value.task {
            Task::SettlePurchase { .. } => job.value.since,
            Task::RankOrder { .. }
            | Task::RedeemCode { .. }
            | Task::QueryCode { .. }
            | Task::ReportUse { .. }
            | Task::ApplyForLicense { .. }
            | Task::ApplyChange { .. }
            | Task::LookAtOrder { .. }
            | Task::UploadLicense { .. }
            | Task::AttachPackage { .. }
            | Task::PushUsage { .. } => None,
        };
        let refunds = jobs.iter().filter_map(received).filter_map(|at| rule.refund_at(at));
        Ok(refunds.filter(|at| *at > now).min())
    }
}
