//! What a merchant sees of its endpoints and of what was sent there.

use super::app::{App, UseCaseError};
use super::change_webhook::WebhookView;
use super::ports::{Listing, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{Delivery, DeliveryId, DeliveryState, MerchantId, Refusal, WebhookId};

/// Which deliveries are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryFilter {
    /// Those that are on their way.
    Pending,
    /// Those that were accepted.
    Delivered,
    /// Those that were not, and are tried no more.
    GivenUp,
}

impl DeliveryFilter {
    /// The words in queries and answers.
    pub const NAMES: [&'static str; 3] = ["pending", "delivered", "given_up"];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::GivenUp].into_iter().find(|known| known.as_str() == text)
    }

    /// Where a delivery stands.
    pub fn of(delivery: &Delivery) -> Self {
        match delivery.state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered(_) => Self::Delivered,
            DeliveryState::GivenUp(_) => Self::GivenUp,
        }
    }
}

/// Ended deliveries that are looked at: more than are kept.
const ENDED_MAX: usize = 1_000;

impl App {
    /// Every endpoint of a merchant, the newest first.
    pub async fn view_webhooks(&self, merchant: &MerchantId) -> Result<Vec<WebhookView>, UseCaseError> {
        let mut views = Vec::new();
        for webhook in self.webhooks_of(merchant).await? {
            let progress = self.webhook_progress(merchant, &webhook.value.id).await?.value;
            views.push(WebhookView { webhook, progress, secret: None });
        }
        views.sort_by(|a, b| {
            let age = |view: &WebhookView| (view.webhook.value.created_at, view.webhook.value.id.clone());
            age(b).cmp(&age(a))
        });
        Ok(views)
    }

    /// One of them.
    pub async fn view_webhook(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
    ) -> Result<WebhookView, UseCaseError> {
        let webhook = self.webhook(merchant, id).await?;
        let progress = self.webhook_progress(merchant, id).await?.value;
        Ok(WebhookView { webhook, progress, secret: None })
    }

    /// What was sent to an endpoint, and what is on its way, the newest first, below the given one. The second value is where
    /// the next page starts.
    pub async fn view_deliveries(
        &self,
        merchant: &MerchantId,
        id: &WebhookId,
        filter: Option<DeliveryFilter>,
        before: Option<&DeliveryId>,
        limit: usize,
    ) -> Result<(Vec<Delivery>, Option<DeliveryId>), UseCaseError> {
        self.webhook(merchant, id).await?;
        let listing = Listing::EndedDeliveries {
            merchant: merchant.clone(),
            webhook: id.clone(),
            before: before.cloned(),
        };
        let ended: Vec<Versioned<Delivery>> = list(self.store.as_ref(), &listing, ENDED_MAX).await?;
        let pending = self.pending_deliveries(merchant, id).await?;
        let all = pending.into_iter().chain(ended).map(|delivery| delivery.value);
        let fits = |delivery: &Delivery| {
            filter.is_none_or(|filter| DeliveryFilter::of(delivery) == filter)
                && before.is_none_or(|before| delivery.id < *before)
        };
        let mut page: Vec<Delivery> = all.filter(fits).collect();
        page.sort_by(|a, b| b.id.cmp(&a.id));
        let has_more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| has_more).map(|last| last.id.clone());
        Ok((page, next))
    }

    /// One delivery, wherever it stands.
    pub(super) async fn find_delivery(
        &self,
        merchant: &MerchantId,
        webhook: &WebhookId,
        id: &DeliveryId,
    ) -> Result<Delivery, UseCaseError> {
        for ended in [false, true] {
            let (merchant, webhook, id) = (merchant.clone(), webhook.clone(), id.clone());
            let key = RecordKey::Delivery { merchant, webhook, ended, id };
            let found: Option<Versioned<Delivery>> = find(self.store.as_ref(), key).await?;
            if let Some(found) = found {
                return Ok(found.value);
            }
        }
        Err(Refusal::NotFound { what: "delivery" }.into())
    }
}
