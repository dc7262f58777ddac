//! What a merchant sees of the work that waits, and how it is asked for by hand.

use super::app::{App, UseCaseError};
use super::hide_code::{is_named_after_code, order_of_code};
use super::ports::{ABSENT, Commit, Listing, Versioned, list};
use super::record::{Job, Lane, Rank, RecordKey, Stored, Task};
use crate::domain::{
    Actor, AuditEvent, ChannelId, EventKind, InstanceId, Instant, JobId, LicenseId, MerchantId, OrderLineKey,
    Purchase, PurchaseState, Refusal, Subject, Validity, authorization_code,
};

/// Jobs looked at for one page of a filtered list.
const LOOKED_AT_MAX: usize = 5_000;
const BATCH: usize = 200;
/// Pages of jobs in which one is looked for: 100,000 jobs.
const PAGES_SEARCHED_MAX: usize = 100;

/// Whether a job can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    /// Some worker has it.
    Running,
    /// It is due as soon as a worker comes to it.
    Due,
    /// Its own time has not come.
    Waiting,
    /// It is due, and the marketplace that it would call does not answer.
    HeldBack,
}

impl OutboxState {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Due => "due",
            Self::Waiting => "waiting",
            Self::HeldBack => "held_back",
        }
    }
}

/// One job, and what it is about; never a code.
#[derive(Debug, Clone)]
pub struct OutboxEntry {
    /// The job.
    pub job: Job,
    /// Whether it can go.
    pub state: OutboxState,
    /// When it is tried next, as far as this process knows.
    pub next_try_at: Instant,
    /// About which order line.
    pub order: Option<OrderLineKey>,
    /// About which license, also one that is not minted yet.
    pub license: Option<LicenseId>,
    /// What the marketplace calls it.
    pub instance: Option<InstanceId>,
}

/// Which jobs are asked for.
#[derive(Debug, Clone, Default)]
pub struct OutboxFilter {
    /// Through this address.
    pub channel: Option<ChannelId>,
    /// Only those that have failed at least once.
    pub failed: bool,
}

impl OutboxFilter {
    fn fits(&self, job: &Job) -> bool {
        let channel = job.lane.as_ref().and_then(|lane| lane.channel.as_ref());
        self.channel.as_ref().is_none_or(|wanted| channel == Some(wanted))
            && (!self.failed || job.attempts > 0)
    }
}

impl App {
    /// A page of a merchant's jobs, channel by channel, in each the most urgent first; the second value is where the next
    /// page starts.
    pub async fn view_outbox(
        &self,
        merchant: &MerchantId,
        filter: &OutboxFilter,
        after: Option<RecordKey>,
        limit: usize,
    ) -> Result<(Vec<OutboxEntry>, Option<RecordKey>), UseCaseError> {
        let (mut page, mut after, mut looked_at) = (Vec::new(), after, 0);
        loop {
            let listing = Listing::JobsOfMerchant { merchant: merchant.clone(), after: after.clone() };
            let batch: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, BATCH).await?;
            looked_at += batch.len();
            let is_last = batch.len() < BATCH;
            for job in batch {
                after = Some(job.value.key());
                if filter.fits(&job.value) {
                    page.push(job.value);
                }
                if page.len() >= limit {
                    return Ok((self.outbox_entries(page).await?, after));
                }
            }
            if is_last {
                return Ok((self.outbox_entries(page).await?, None));
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((self.outbox_entries(page).await?, after));
            }
        }
    }

    /// Has a job done now, whatever it waits for; its marketplace is asked even if it did not answer lately.
    pub async fn retry_job(
        &self,
        merchant: &MerchantId,
        id: &JobId,
        actor: &Actor,
    ) -> Result<OutboxEntry, UseCaseError> {
        let jobs = self.jobs_of_merchant(merchant, PAGES_SEARCHED_MAX).await?;
        let job = jobs.into_iter().find(|job| job.value.id == *id);
        let job = job.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "job" }))?;
        self.do_now(&job, actor).await
    }

    /// The same for the job that looks at a purchase; one that is not there, although the purchase waits, is made.
    pub async fn retry_order(
        &self,
        merchant: &MerchantId,
        order: &str,
        actor: &Actor,
    ) -> Result<OutboxEntry, UseCaseError> {
        let purchase = self.order_named(merchant, order).await?.value;
        match purchase.state {
            PurchaseState::Received | PurchaseState::Held { .. } => {}
            PurchaseState::Minted => {
                let why = "the order is minted: there is nothing to look at again";
                return Err(Refusal::IllegalState { why }.into());
            }
            PurchaseState::Ended { .. } => {
                let why = "the marketplace has released the order: nothing will be minted";
                return Err(Refusal::IllegalState { why }.into());
            }
        }
        if let Some(job) = self.job_of_purchase(merchant, &purchase.key).await? {
            return self.do_now(&job, actor).await;
        }
        let task = Task::SettlePurchase { purchase: purchase.key.clone() };
        let job = self.job_through(&purchase.channel, task, self.now());
        let event = self.retry_event(&job, actor);
        self.store.commit(Commit::new().put(job.clone(), ABSENT).put(event, ABSENT)).await?;
        self.signals.jobs.notify_one();
        self.outbox_entry(job).await
    }

    /// What is told when somebody has work done now.
    fn retry_event(&self, job: &Job, actor: &Actor) -> AuditEvent {
        let (merchant, about) = job.task.subject();
        let detail = [("job", job.id.to_string()), ("work", job.task.kind().to_owned())];
        // Named by a digest where the name is a code that opens something.
        let is_code = authorization_code(about).is_some();
        let subject = match LicenseId::parse(about) {
            Ok(license) => Some(Subject::License(license)),
            Err(_) => Subject::parse(&format!("order/{about}")).filter(|_| !is_code),
        };
        let subject = subject.unwrap_or_else(|| merchant.into());
        self.event_about(merchant, subject, actor, EventKind::OrderRetried, &detail)
    }

    async fn do_now(&self, job: &Versioned<Job>, actor: &Actor) -> Result<OutboxEntry, UseCaseError> {
        let now = self.now();
        let lanes: Vec<Lane> = job.value.lane.iter().cloned().collect();
        if let Some(Some(destination)) = self.destinations(&lanes).await?.first() {
            self.breakers.probe_now(destination, self.clock.now());
        }
        let is_running = job.value.leased_until.is_some_and(|until| now < until);
        if !is_running {
            let event = self.retry_event(&job.value, actor);
            self.move_job(job, Rank::ByHand, now, Some(event)).await?;
        }
        self.signals.jobs.notify_one();
        let lane = job.value.lane.clone().map(|lane| Lane { rank: Rank::ByHand, ..lane });
        let moved = Job { lane, due_at: now, ..job.value.clone() };
        self.outbox_entry(if is_running { job.value.clone() } else { moved }).await
    }

    /// The job that looks at a purchase.
    pub(super) async fn job_of_purchase(
        &self,
        merchant: &MerchantId,
        key: &OrderLineKey,
    ) -> Result<Option<Versioned<Job>>, UseCaseError> {
        let jobs = self.jobs_of_merchant(merchant, PAGES_SEARCHED_MAX).await?;
        let settles = |job: &Versioned<Job>| matches!(&job.value.task, Task::SettlePurchase { purchase } if purchase == key);
        Ok(jobs.into_iter().find(settles))
    }

    pub(super) async fn outbox_entry(&self, job: Job) -> Result<OutboxEntry, UseCaseError> {
        let entry = self.outbox_entries(vec![job]).await?.pop();
        entry.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "job" }))
    }

    async fn outbox_entries(&self, jobs: Vec<Job>) -> Result<Vec<OutboxEntry>, UseCaseError> {
        let mut lanes: Vec<Lane> = jobs.iter().filter_map(|job| job.lane.clone()).collect();
        lanes.sort();
        lanes.dedup();
        let destinations = self.destinations(&lanes).await?;
        let now = self.clock.now();
        let waits = |job: &Job| {
            let at = lanes.iter().position(|lane| Some(lane) == job.lane.as_ref())?;
            self.breakers.waits_until(destinations.get(at)?.as_ref()?, now)
        };
        let keys: Vec<_> =
            jobs.iter().filter_map(|job| Some(RecordKey::Purchase(line_of(&job.task)?.clone()))).collect();
        let mut purchases = self.store.load(&keys).await?.into_iter();
        let mut entries = Vec::with_capacity(jobs.len());
        for job in jobs {
            let until = waits(&job);
            let (mut order, mut license, mut instance) =
                (line_of(&job.task).cloned(), license_of(&job.task), None);
            let purchase = order.as_ref().and_then(|_| purchases.next().flatten());
            if let Some(purchase) = purchase.and_then(|record| Purchase::from_record(record.value)) {
                if let Some(key) = order.as_mut().filter(|key| is_named_after_code(key, &purchase.instance)) {
                    key.order_id = order_of_code(&purchase.instance)?;
                }
                (license, instance) = (Some(purchase.license), Some(purchase.instance));
            }
            let is_due = Validity::between(job.due_at, None).holds_at(now);
            let state = match (job.leased_until.is_some_and(|until| now < until), is_due, until) {
                (true, _, _) => OutboxState::Running,
                (false, false, _) => OutboxState::Waiting,
                (false, true, Some(_)) => OutboxState::HeldBack,
                (false, true, None) => OutboxState::Due,
            };
            let next_try_at = until.map_or(job.due_at, |until| until.max(job.due_at));
            // A code opens a license: the instance id of its family is the code itself.
            let instance = instance.filter(|id| authorization_code(id.as_str()).is_none());
            entries.push(OutboxEntry { job, state, next_try_at, order, license, instance });
        }
        Ok(entries)
    }
}

fn line_of(task: &Task) -> Option<&OrderLineKey> {
    match task {
        Task::SettlePurchase { purchase }
        | Task::RankOrder { purchase, .. }
        | Task::ApplyForLicense { purchase, .. }
        | Task::ApplyChange { purchase, .. } => Some(purchase),
        Task::RedeemCode { .. }
        | Task::QueryCode { .. }
        | Task::ReportUse { .. }
        | Task::LookAtOrder { .. }
        | Task::UploadLicense { .. }
        | Task::AttachPackage { .. }
        | Task::PushUsage { .. } => None,
    }
}

fn license_of(task: &Task) -> Option<LicenseId> {
    match task {
        Task::QueryCode { license, .. } | Task::ReportUse { license, .. } => Some(license.clone()),
        Task::AttachPackage { package, .. } => Some(package.clone()),
        Task::SettlePurchase { .. }
        | Task::RankOrder { .. }
        | Task::RedeemCode { .. }
        | Task::ApplyForLicense { .. }
        | Task::ApplyChange { .. }
        | Task::LookAtOrder { .. }
        | Task::UploadLicense { .. }
        | Task::PushUsage { .. } => None,
    }
}
