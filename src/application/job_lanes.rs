//! Where jobs wait: lane by lane, so that ten thousand that wait for one marketplace hide no other.

use super::app::{App, UseCaseError};
use super::breakers::Destination;
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Urgency, Versioned, find, list};
use super::record::{Job, Lane, Owned, Rank, RecordKey, Task};
use crate::domain::{
    AuditEvent, Channel, ChannelId, HandedOver, Instant, LicenseId, MerchantId, Origin, Purchase, Validity,
};

/// Jobs without a lane that get one in one round.
const ADOPTED_PER_ROUND: usize = 64;
/// Jobs looked at per page.
const PAGE: usize = 1_000;

impl App {
    /// The first job of every lane that has one.
    pub(super) async fn lane_heads(&self) -> Result<Vec<Versioned<Job>>, UseCaseError> {
        let (mut heads, mut listing) = (Vec::new(), Listing::Jobs);
        loop {
            let head: Option<Versioned<Job>> = list(self.store.as_ref(), &listing, 1).await?.pop();
            let Some(head) = head else { return Ok(heads) };
            let lane = head.value.lane.clone();
            heads.push(head);
            // Those without a lane come last.
            let Some(lane) = lane else { return Ok(heads) };
            listing = Listing::JobsBehindLane(lane);
        }
    }

    /// Whose call the jobs of these lanes wait for; none for those that call nobody.
    pub(super) async fn destinations(
        &self,
        lanes: &[Lane],
    ) -> Result<Vec<Option<Destination>>, UseCaseError> {
        let keys: Vec<_> = lanes
            .iter()
            .filter_map(|lane| Some(RecordKey::Channel(lane.merchant.clone(), lane.channel.clone()?)))
            .collect();
        let mut channels = self.store.load(&keys).await?.into_iter();
        let destination = |lane: &Lane| {
            lane.channel.as_ref()?;
            let record = channels.next().flatten()?.value;
            let channel = <Owned<Channel> as super::record::Stored>::from_record(record)?;
            Destination::of(&channel.value)
        };
        Ok(lanes.iter().map(destination).collect())
    }

    /// Gives a lane to jobs that have none: those of an earlier version, and those whose maker did not know whose call
    /// they wait for.
    pub(super) async fn adopt_jobs(&self) -> Result<(), UseCaseError> {
        let listing = Listing::JobsWithoutLane;
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, ADOPTED_PER_ROUND).await?;
        for Versioned { value: job, revision } in jobs {
            let is_leased =
                job.leased_until.is_some_and(|until| !Validity::between(until, None).holds_at(self.now()));
            if is_leased {
                continue;
            }
            let lane = self.lane_of(&job.task).await?;
            let moved = Job { lane: Some(lane), leased_until: None, ..job.clone() };
            let commit = Commit::new().with(Change::Delete(job.key(), revision)).put(moved, ABSENT);
            match self.store.commit(commit).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn lane_of(&self, task: &Task) -> Result<Lane, UseCaseError> {
        let channel = self.channel_of_task(task).await?;
        Ok(Lane { merchant: task.subject().0.clone(), channel, rank: task.rank() })
    }

    /// Through which channel a task calls; none when what it is about is gone.
    async fn channel_of_task(&self, task: &Task) -> Result<Option<ChannelId>, UseCaseError> {
        match task {
            Task::SettlePurchase { purchase }
            | Task::RankOrder { purchase, .. }
            | Task::ApplyForLicense { purchase, .. }
            | Task::ApplyChange { purchase, .. } => {
                let key = RecordKey::Purchase(purchase.clone());
                let found: Option<Versioned<Purchase>> = find(self.store.as_ref(), key).await?;
                Ok(found.map(|found| found.value.channel))
            }
            Task::LookAtOrder { channel, .. } | Task::PushUsage { channel, .. } => Ok(Some(channel.clone())),
            Task::RedeemCode { merchant, .. } => {
                Ok(self.code_channels(merchant).await?.into_iter().next().map(|channel| channel.id))
            }
            Task::QueryCode { merchant, license, .. } | Task::ReportUse { merchant, license, .. } => {
                self.channel_of_license(merchant, license).await
            }
            Task::AttachPackage { .. } => Ok(None),
            Task::UploadLicense { key } => {
                let key = RecordKey::HandedOver(key.clone());
                let found: Option<Versioned<HandedOver>> = find(self.store.as_ref(), key).await?;
                Ok(found.map(|found| found.value.channel))
            }
        }
    }

    async fn channel_of_license(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Option<ChannelId>, UseCaseError> {
        let found = self.find_license(merchant, license).await?;
        Ok(found.and_then(|license| match license.value.origin {
            Origin::Order { channel, .. } => Some(channel),
            Origin::Issued { .. } => None,
        }))
    }

    /// Every job of a merchant that a page-wise walk meets, at most `pages` pages.
    pub(super) async fn jobs_of_merchant(
        &self,
        merchant: &MerchantId,
        pages: usize,
    ) -> Result<Vec<Versioned<Job>>, UseCaseError> {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..pages {
            let listing = Listing::JobsOfMerchant { merchant: merchant.clone(), after };
            let page: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|job| job.value.key());
            found.extend(page);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Moves a job to another time and rank, with what is told of it. What changed meanwhile is left as it is; says whether it was moved.
    pub(super) async fn move_job(
        &self,
        job: &Versioned<Job>,
        rank: Rank,
        due_at: Instant,
        told: Option<AuditEvent>,
    ) -> Result<bool, UseCaseError> {
        let lane = match job.value.lane.clone() {
            Some(lane) => Lane { rank, ..lane },
            None => Lane { rank, ..self.lane_of(&job.value.task).await? },
        };
        let moved = Job { lane: Some(lane), due_at, attempts: 0, leased_until: None, ..job.value.clone() };
        if moved == job.value {
            return Ok(false);
        }
        let commit = if moved.key() == job.value.key() {
            Commit::new().put(moved, job.revision)
        } else {
            Commit::new().with(Change::Delete(job.value.key(), job.revision)).put(moved, ABSENT)
        };
        let commit = told.into_iter().fold(commit, |commit, event| commit.put(event, ABSENT));
        match self.store.commit(commit).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Purchases that wait are looked at again now, not when their jobs are due; says how many. A job that is
    /// being done, or that another replica moves, comes back by itself.
    pub async fn settle_waiting_purchases_now(&self, merchant: &MerchantId) -> Result<usize, UseCaseError> {
        let (now, mut count) = (self.now(), 0);
        let without_lane: Vec<Versioned<Job>> =
            list(self.store.as_ref(), &Listing::JobsWithoutLane, PAGE).await?;
        let jobs = self.jobs_of_merchant(merchant, PAGES_MOVED_MAX).await?;
        for job in jobs.into_iter().chain(without_lane) {
            let settles = matches!(&job.value.task, Task::SettlePurchase { purchase } if purchase.merchant == *merchant);
            let is_due = Validity::between(job.value.due_at, None).holds_at(now);
            if settles && !is_due && job.value.leased_until.is_none() {
                count += usize::from(self.move_job(&job, Rank::Purchase, now, None).await?);
            }
        }
        self.signals.jobs.notify_one();
        Ok(count)
    }

    /// Takes back every lease: for a start of the only process that can hold one. Whoever held them is gone.
    pub async fn take_back_job_leases(&self) -> Result<usize, UseCaseError> {
        let mut taken_back = 0;
        for head in self.lane_heads().await? {
            let listing = match head.value.lane {
                Some(lane) => Listing::JobsOfLane { lane, from: None },
                None => Listing::JobsWithoutLane,
            };
            // Those that are due come first, and only they are leased.
            let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, PAGE).await?;
            for Versioned { value: mut job, revision } in jobs {
                if job.leased_until.take().is_some() {
                    // A start must come through on a full disk too: there is one such job per worker at most.
                    let commit = Commit::new().with_urgency(Urgency::Essential).put(job, revision);
                    self.store.commit(commit).await?;
                    taken_back += 1;
                }
            }
        }
        Ok(taken_back)
    }
}

/// Pages of jobs that are moved at a time; the others come by themselves.
const PAGES_MOVED_MAX: usize = 100;
