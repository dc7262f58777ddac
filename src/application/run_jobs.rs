//! What happens after the answer: durable jobs, leased, repeated until they are done.

use std::time::Duration;

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{Change, Commit, Listing, StoreError, Urgency, Versioned, list};
use super::rank_order::LaterOrder;
use super::record::{Job, RecordKey, Task};
use super::settle_purchase::Settled;
use crate::domain::{Instant, Validity};

/// How long a worker has a job to itself: longer than the longest call.
const LEASE_SECS: i64 = 30;
/// Longest pause between two tries.
const PAUSE_MAX_SECS: i64 = 600;
/// Jobs looked at in one round.
const JOBS_PER_ROUND: usize = 64;

impl App {
    /// Leases and runs the jobs that are due, one after another; says when the next one is due, if any is known.
    pub async fn run_due_jobs(&self) -> Result<Option<Duration>, UseCaseError> {
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &Listing::Jobs, JOBS_PER_ROUND).await?;
        let mut jobs = jobs;
        let start = usize::from(self.ids.random_bytes()[0]);
        if !jobs.is_empty() {
            let start = start % jobs.len();
            jobs.rotate_left(start);
        }
        let mut next: Option<Instant> = None;
        for job in jobs {
            let free_at =
                job.value.leased_until.map_or(job.value.due_at, |until| until.max(job.value.due_at));
            let waits = !Validity::between(free_at, None).holds_at(self.now());
            if waits {
                next = Some(next.map_or(free_at, |earliest| earliest.min(free_at)));
            } else {
                self.run_job(job).await?;
                next = Some(self.now());
            }
        }
        let now = self.now();
        Ok(next.map(|next| (next - now).to_std().unwrap_or(Duration::ZERO)))
    }

    /// Takes back every lease: for a start of the only process that can hold one. Whoever held them is gone.
    pub async fn take_back_job_leases(&self) -> Result<usize, UseCaseError> {
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &Listing::Jobs, 1_000).await?;
        let mut taken_back = 0;
        for Versioned { value: mut job, revision } in jobs {
            if job.leased_until.take().is_some() {
                // A start must come through on a full disk too: there is one such job per worker at most.
                let commit = Commit::new().with_urgency(Urgency::Essential).put(job, revision);
                self.store.commit(commit).await?;
                taken_back += 1;
            }
        }
        Ok(taken_back)
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
                self.look_at_order(merchant, channel, order).await
            }
            Task::UploadLicense { key } => self.upload_license(key).await,
            Task::PushUsage { merchant, channel } => self.push_usage(merchant, channel).await,
            Task::ReportUse { merchant, license, client } => self.report_use(merchant, license, client).await,
        };
        match outcome {
            Ok(Settled::Done) => self.finish(leased).await,
            Ok(Settled::Later(why)) => self.postpone(leased, why).await,
            Err(error) => self.postpone(leased, error.to_string()).await,
        }
    }

    /// A lease saves work; idempotence of the task saves truth.
    async fn lease(&self, job: Versioned<Job>) -> Result<Option<Versioned<Job>>, UseCaseError> {
        let Versioned { value: mut job, revision } = job;
        job.leased_until = Some(self.now() + TimeDelta::seconds(LEASE_SECS));
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

    async fn postpone(&self, job: Versioned<Job>, why: String) -> Result<(), UseCaseError> {
        let now = self.now();
        let attempts = job.value.attempts + 1;
        // One that waits for days is told of ever more seldom.
        if attempts.is_power_of_two() {
            let (merchant, subject) = job.value.task.subject();
            tracing::warn!(%merchant, subject, attempts, why, "a job waits and will be looked at again");
        }
        let pause = PAUSE_MAX_SECS.min(1 << attempts.min(16));
        let jitter = i64::from(self.ids.random_bytes()[0]) * pause / 1_024;
        let due_at = now + TimeDelta::seconds(pause + jitter);
        let later =
            Job { due_at, leased_until: None, attempts, last_failure: Some(why), ..job.value.clone() };
        self.replace(job, Some(later)).await
    }

    async fn replace(&self, job: Versioned<Job>, by: Option<Job>) -> Result<(), UseCaseError> {
        let key = RecordKey::Job { due_at: job.value.due_at, id: job.value.id };
        let mut commit = Commit::new().with(Change::Delete(key, job.revision));
        if let Some(later) = by {
            commit = commit.put(later, super::ports::ABSENT);
        }
        match self.store.commit(commit).await {
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
