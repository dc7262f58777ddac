//! What happens after the answer: durable jobs, leased, repeated until they are done.
//!
//! Each destination has its turn, one job at a time; one that does not answer is passed over, whatever waits for it.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::breakers::{Destination, Entry};
use super::ports::{Change, Commit, Listing, StoreError, Versioned, list};
use super::rank_order::LaterOrder;
use super::record::{Job, Lane, Rank, Task};
use super::settle_purchase::Settled;
use crate::domain::{Instant, Validity};

/// How long a worker has a job to itself, in calls: longer than all calls of any job together. What a worker that is
/// gone had begun is done by another one after that.
const LEASE_CALLS: i32 = 6;
/// How long one call may take unless somebody says otherwise, in seconds.
const CALL_SECS: i64 = 10;
/// Longest pause between two tries of what a buyer waits for,
const PURCHASE_PAUSE_MAX_SECS: i64 = 120;
/// and of everything else.
const PAUSE_MAX_SECS: i64 = 600;
/// So often it is tried at the shorter pause: longer than any marketplace waits before it pays back.
const PURCHASE_TRIES: u32 = 150;
/// Jobs run in one round.
const JOBS_PER_ROUND: usize = 64;
/// Jobs of one destination that are fetched at a time.
const BATCH: usize = 16;
/// Jobs of one lane that are looked at for them: some may be leased.
const WINDOW: usize = 48;
/// Purchases younger than this come first: the marketplace has not paid them back yet.
const PURCHASE_WINDOW_HOURS: i64 = 3;

/// The lanes of one destination, the most urgent first, and those of their jobs that are due.
struct Queue {
    destination: Option<Destination>,
    lanes: Vec<Lane>,
    due: VecDeque<Versioned<Job>>,
    is_fetched: bool,
}

/// The earliest of the instants that were noted.
#[derive(Default)]
struct Soonest(Option<Instant>);

impl Soonest {
    fn note(&mut self, at: Instant) {
        self.0 = Some(self.0.map_or(at, |earliest| earliest.min(at)));
    }
}

/// How long a worker has a job to itself when one call takes at most so long.
pub(super) fn lease_of(call_time: TimeDelta) -> TimeDelta {
    call_time * LEASE_CALLS
}

/// The lease when nothing is said of calls.
pub(super) fn usual_lease() -> TimeDelta {
    lease_of(TimeDelta::seconds(CALL_SECS))
}

impl App {
    /// Leases and runs the jobs that are due, one after another; says when the next one is due, if any is known.
    pub async fn run_due_jobs(&self) -> Result<Option<Duration>, UseCaseError> {
        self.adopt_jobs().await?;
        let (mut queues, mut next, mut ran) = (self.queues().await?, Soonest::default(), 0);
        if !queues.is_empty() {
            let start = usize::from(self.ids.random_bytes()[0]) % queues.len();
            queues.rotate_left(start);
        }
        while !queues.is_empty() && ran < JOBS_PER_ROUND {
            let mut going_on = Vec::with_capacity(queues.len());
            for mut queue in queues {
                if self.run_one_of(&mut queue, &mut next).await? {
                    next.note(self.clock.now());
                    ran += 1;
                    going_on.push(queue);
                }
            }
            queues = going_on;
        }
        let now = self.clock.now();
        Ok(next.0.map(|next| (next - now).to_std().unwrap_or(Duration::ZERO)))
    }

    /// One for each destination that has jobs.
    async fn queues(&self) -> Result<Vec<Queue>, UseCaseError> {
        let lanes: Vec<Lane> =
            self.lane_heads().await?.into_iter().filter_map(|head| head.value.lane).collect();
        let destinations = self.destinations(&lanes).await?;
        let mut queues: Vec<Queue> = Vec::new();
        for (lane, destination) in lanes.into_iter().zip(destinations) {
            let same = |queue: &&mut Queue| match (&queue.destination, &destination) {
                (Some(known), Some(destination)) => known == destination,
                (None, None) => queue.lanes.iter().any(|known| known.merchant == lane.merchant),
                (None, Some(_)) | (Some(_), None) => false,
            };
            match queues.iter_mut().find(same) {
                Some(queue) => queue.lanes.push(lane),
                None => {
                    let (due, lanes) = (VecDeque::new(), vec![lane]);
                    queues.push(Queue { destination, lanes, due, is_fetched: false });
                }
            }
        }
        for queue in &mut queues {
            queue.lanes.sort_by_key(|lane| lane.rank);
        }
        Ok(queues)
    }

    /// Runs one job of a queue; `false` when there is none, or it has to wait.
    async fn run_one_of(&self, queue: &mut Queue, next: &mut Soonest) -> Result<bool, UseCaseError> {
        if let Some(destination) = &queue.destination
            && let Some(until) = self.breakers.waits_until(destination, self.clock.now())
        {
            next.note(until);
            return Ok(false);
        }
        if queue.due.is_empty() && !queue.is_fetched {
            queue.due = self.due_jobs(&queue.lanes, next).await?;
            queue.is_fetched = true;
        }
        let Some(job) = queue.due.pop_front() else { return Ok(false) };
        let die = self.ids.random_bytes()[0];
        let _permit = match queue.destination.as_ref() {
            None => None,
            Some(destination) => match self.breakers.enter(destination, self.clock.now(), die) {
                Entry::Go(permit) => Some(permit),
                Entry::Wait(until) => {
                    next.note(until);
                    return Ok(false);
                }
            },
        };
        self.run_job(job).await?;
        Ok(true)
    }

    /// What is due now, the most urgent first: what somebody asked for, then purchases that are about to be paid back,
    /// then the other purchases, then the rest.
    async fn due_jobs(
        &self,
        lanes: &[Lane],
        next: &mut Soonest,
    ) -> Result<VecDeque<Versioned<Job>>, UseCaseError> {
        let mut due: Vec<Versioned<Job>> = Vec::new();
        let (now, in_time) = (self.now(), self.now() - TimeDelta::hours(PURCHASE_WINDOW_HOURS));
        for lane in lanes {
            // What was never tried is due since it came: the ones in time are found without those before them.
            let parts: &[Option<Instant>] =
                if lane.rank == Rank::Purchase { &[Some(in_time), None] } else { &[None] };
            for from in parts {
                if due.len() >= BATCH {
                    break;
                }
                let listing = Listing::JobsOfLane { lane: lane.clone(), from: *from };
                let page: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, WINDOW).await?;
                for job in page {
                    let free_at =
                        job.value.leased_until.map_or(job.value.due_at, |until| until.max(job.value.due_at));
                    if !Validity::between(free_at, None).holds_at(now) {
                        next.note(free_at);
                    } else if due.iter().all(|known| known.value.id != job.value.id) {
                        due.push(job);
                    }
                }
            }
        }
        let rank = |job: &Versioned<Job>| job.value.lane.as_ref().map(|lane| lane.rank);
        let is_late = |job: &Versioned<Job>| job.value.since.is_none_or(|since| since < in_time);
        due.sort_by_key(|job| (rank(job), is_late(job), job.value.since));
        due.truncate(BATCH);
        Ok(due.into())
    }

    async fn run_job(&self, job: Versioned<Job>) -> Result<(), UseCaseError> {
        let Some(leased) = self.lease(job).await? else { return Ok(()) };
        let outcome = match &leased.value.task {
            Task::SettlePurchase { purchase } => self.settle_purchase(purchase).await,
            Task::RankOrder { purchase, order_id, order_line_id, scene } => {
                let later =
                    LaterOrder { purchase, order_id, order_line_id: order_line_id.as_deref(), scene: *scene };
                self.rank_order(later).await
            }
            Task::RedeemCode { merchant, marketplace, code } => {
                self.settle_code(merchant, *marketplace, code).await
            }
            Task::QueryCode { merchant, license, day } => self.query_code(merchant, license, *day).await,
            Task::ApplyForLicense { purchase, application } => {
                self.settle_application(purchase, application).await
            }
            Task::ApplyChange { purchase, order } => self.apply_change(purchase, order).await,
            Task::LookAtOrder { merchant, channel, order } => {
                self.look_at_order(merchant, channel, order, leased.value.since).await
            }
            Task::UploadLicense { key } => self.upload_license(key).await,
            Task::AttachPackage { merchant, package } => self.attach_package(merchant, package).await,
            Task::PushUsage { merchant, channel } => self.push_usage(merchant, channel).await,
            Task::ReportUse { merchant, license, client } => self.report_use(merchant, license, client).await,
        };
        match outcome {
            Ok(Settled::Done) => self.finish(leased).await,
            Ok(Settled::Later(trouble)) => {
                let (rank, failed) = (leased.value.task.rank(), leased.value.clone());
                self.postpone(leased, rank, trouble.why.clone()).await?;
                self.tell_failing_work(&failed, &trouble).await
            }
            Ok(Settled::Held(why)) => self.postpone(leased, Rank::Ordinary, why).await,
            Err(error) => {
                let rank = leased.value.task.rank();
                self.postpone(leased, rank, error.to_string()).await
            }
        }
    }

    /// A lease saves work; idempotence of the task saves truth.
    async fn lease(&self, job: Versioned<Job>) -> Result<Option<Versioned<Job>>, UseCaseError> {
        let Versioned { value: mut job, revision } = job;
        job.leased_until = Some(self.now() + self.job_lease);
        match self.store.commit(Commit::new().put(job.clone(), revision)).await {
            Ok(committed) => {
                let revision = committed.revisions.first().copied();
                let revision =
                    revision.ok_or_else(|| StoreError::Failed("a put without a revision".into()))?;
                Ok(Some(Versioned { value: job, revision }))
            }
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn finish(&self, job: Versioned<Job>) -> Result<(), UseCaseError> {
        self.replace(job, None).await
    }

    /// Of the given rank from now on.
    async fn postpone(&self, job: Versioned<Job>, rank: Rank, why: String) -> Result<(), UseCaseError> {
        let now = self.now();
        let attempts = job.value.attempts + 1;
        // One that waits for days is told of ever more seldom.
        if attempts.is_power_of_two() {
            let (merchant, subject) = job.value.task.subject();
            tracing::warn!(%merchant, subject, attempts, why, "a job waits and will be looked at again");
        }
        let is_urgent = rank != Rank::Ordinary && attempts < PURCHASE_TRIES;
        let pause_max = if is_urgent { PURCHASE_PAUSE_MAX_SECS } else { PAUSE_MAX_SECS };
        let pause = pause_max.min(1 << attempts.min(16));
        let jitter = i64::from(self.ids.random_bytes()[0]) * pause / 1_024;
        let due_at = now + TimeDelta::seconds(pause + jitter);
        let lane = job.value.lane.clone().map(|lane| Lane { rank, ..lane });
        let later =
            Job { lane, due_at, leased_until: None, attempts, last_failure: Some(why), ..job.value.clone() };
        self.replace(job, Some(later)).await
    }

    async fn replace(&self, job: Versioned<Job>, by: Option<Job>) -> Result<(), UseCaseError> {
        let mut commit = Commit::new().with(Change::Delete(job.value.key(), job.revision));
        if let Some(later) = by {
            commit = commit.put(later, super::ports::ABSENT);
        }
        match self.store.commit(commit).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
