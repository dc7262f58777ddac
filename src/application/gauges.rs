//! What an operator watches of the work that waits.

use std::time::Duration;

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, list};
use super::record::{Job, PendingLicense, Rank, Record, RecordKey};
use crate::domain::{Instant, Merchant, MerchantId, PurchaseState, Validity, WebhookProgress};

/// Most records that one gauge counts, and most jobs of one lane that are looked at: a scrape must stay cheap.
pub const COUNTED_MAX: usize = 1_000;

/// Work that waits, of all merchants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauges {
    /// Orders whose SKU no spec knows; of each merchant's newest [`COUNTED_MAX`] that are not minted.
    pub orders_held: usize,
    /// Jobs, also those that lie ahead, at most [`COUNTED_MAX`], and the events on their way to endpoints.
    pub jobs: usize,
    /// How long the oldest job has been undone that was tried and failed, or is overdue; of each lane's next
    /// [`COUNTED_MAX`]. What waits for the merchant is not among them: [`Self::orders_held`] counts it.
    pub oldest_undone: Duration,
    /// Events on their way to endpoints.
    pub deliveries: usize,
    /// How long the oldest of them is on its way: an endpoint that does not take it waits for its merchant, so it is not
    /// among [`Self::oldest_undone`].
    pub oldest_delivery: Duration,
}

impl App {
    /// Counts anew each time.
    pub async fn gauges(&self) -> Result<Gauges, UseCaseError> {
        let (now, mut jobs, mut oldest) = (self.now(), 0, None);
        for head in self.lane_heads().await? {
            let listing = match head.value.lane {
                Some(lane) => Listing::JobsOfLane { lane, from: None },
                None => Listing::JobsWithoutLane,
            };
            let of_lane: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, COUNTED_MAX).await?;
            jobs += of_lane.len();
            let undone = of_lane.iter().filter_map(|job| undone_since(&job.value, now)).min();
            oldest = oldest.into_iter().chain(undone).min();
        }
        let (mut orders_held, mut deliveries, mut oldest_made) = (0, 0, None);
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, COUNTED_MAX).await? {
            let listing = Listing::WebhookProgress(merchant.value.id.clone());
            let endpoints: Vec<Versioned<WebhookProgress>> =
                list(self.store.as_ref(), &listing, COUNTED_MAX).await?;
            deliveries +=
                endpoints.iter().map(|it| usize::try_from(it.value.pending).unwrap_or(0)).sum::<usize>();
            oldest_made = endpoints.iter().filter_map(|it| it.value.oldest_at).chain(oldest_made).min();
            orders_held += self.orders_held(merchant.value.id).await?;
        }
        let age = oldest_made.map(|made_at| self.clock.now() - made_at);
        let oldest_delivery = age.and_then(|age| age.to_std().ok()).unwrap_or_default();
        let oldest = oldest.map(|since| now - since);
        let oldest_undone = oldest.and_then(|age| age.to_std().ok()).unwrap_or_default();
        let jobs = jobs.min(COUNTED_MAX) + deliveries;
        Ok(Gauges { orders_held, jobs, oldest_undone, deliveries, oldest_delivery })
    }

    async fn orders_held(&self, merchant: MerchantId) -> Result<usize, UseCaseError> {
        let listing = Listing::PendingLicenses { merchant, before: None };
        let pending: Vec<Versioned<PendingLicense>> =
            list(self.store.as_ref(), &listing, COUNTED_MAX).await?;
        let keys: Vec<_> =
            pending.into_iter().map(|pending| RecordKey::Purchase(pending.value.purchase)).collect();
        let purchases = self.store.load(&keys).await?;
        Ok(purchases.into_iter().flatten().filter(|purchase| is_held(&purchase.value)).count())
    }
}

/// Since when a job should have been done: from its making once a try has failed, for each failure moves `due_at` on. It is
/// told by the failure and not by the tries, which start again when somebody asks for the job by hand.
fn undone_since(job: &Job, now: Instant) -> Option<Instant> {
    if waits_for_merchant(job) {
        return None;
    }
    if job.last_failure.is_some() {
        return Some(job.since.unwrap_or(job.due_at));
    }
    Some(job.due_at).filter(|due_at| Validity::between(*due_at, None).holds_at(now))
}

/// What a buyer waits for lies among the ordinary jobs only while it is held, see `postpone`.
fn waits_for_merchant(job: &Job) -> bool {
    let rank = job.lane.as_ref().map(|lane| lane.rank);
    rank == Some(Rank::Ordinary) && job.task.rank() == Rank::Purchase
}

fn is_held(record: &Record) -> bool {
    matches!(record, Record::Purchase(purchase) if matches!(purchase.state, PurchaseState::Held { .. }))
}
