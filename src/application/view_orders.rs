//! What a merchant sees of order lines: received, held, minted, ended.

use super::app::{App, UseCaseError};
use super::map_order::check_fits;
use super::ports::{Listing, Versioned, find, list};
use super::record::{Instance, Owned, PendingLicense, RecordKey};
use super::view_outbox::OutboxEntry;
use crate::domain::{
    Channel, ChannelId, InstanceId, License, LicenseId, Marketplace, MerchantId, OrderId, OrderLineKey,
    Origin, ProductId, Purchase, PurchaseFacts, PurchaseId, PurchaseState, Refusal, Spec, SpecId,
};

/// Records looked at for one page of a filtered list, so that a rare filter cannot hold up the server.
const LOOKED_AT_MAX: usize = 5_000;
const BATCH: usize = 200;
/// Specs suggested for a held order.
const SUGGESTIONS_MAX: usize = 20;

/// Where an order line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    /// Its order is being asked for.
    Received,
    /// No spec knows what was bought.
    Held,
    /// Its license exists.
    Minted,
    /// Released before its license existed.
    Ended,
}

impl OrderState {
    const ALL: [Self; 4] = [Self::Received, Self::Held, Self::Minted, Self::Ended];

    /// Of a purchase.
    pub fn of(purchase: &Purchase) -> Self {
        match purchase.state {
            PurchaseState::Received => Self::Received,
            PurchaseState::Held { .. } => Self::Held,
            PurchaseState::Minted => Self::Minted,
            PurchaseState::Ended { .. } => Self::Ended,
        }
    }

    /// The word in answers and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Held => "held",
            Self::Minted => "minted",
            Self::Ended => "ended",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Which order lines are asked for; all that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// In this state.
    pub state: Option<OrderState>,
    /// Of this order.
    pub order_id: Option<String>,
    /// Known to the marketplace by this id.
    pub instance_id: Option<String>,
    /// Came through this address.
    pub channel: Option<String>,
}

impl OrderFilter {
    fn fits(&self, purchase: &Purchase) -> bool {
        self.state.is_none_or(|state| state == OrderState::of(purchase))
            && self.order_id.as_deref().is_none_or(|id| id == purchase.key.order_id.as_str())
            && self.instance_id.as_deref().is_none_or(|id| id == purchase.instance.as_str())
            && self.channel.as_deref().is_none_or(|id| id == purchase.channel.as_str())
    }
}

/// A spec that a held order may mean: one of the channel's products that has no SKU yet and may be sold for the order's term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestedSpec {
    /// Which.
    pub spec: SpecId,
    /// Of which product.
    pub product: ProductId,
}

/// One order line with what is known around it.
#[derive(Debug, Clone)]
pub struct OrderView {
    /// The line.
    pub purchase: Versioned<Purchase>,
    /// The address it came through, if it is still there.
    pub channel: Option<Channel>,
    /// What it may mean, when it is held.
    pub suggestions: Vec<SuggestedSpec>,
    /// The job that looks at it, when it waits for one.
    pub job: Option<OutboxEntry>,
}

impl App {
    /// A page of order lines, newest first; the second value is where the next page starts. Goes by the index of what is
    /// not minted and by the ids of licenses, which sort by time.
    pub async fn view_orders(
        &self,
        merchant: &MerchantId,
        filter: &OrderFilter,
        before: Option<LicenseId>,
        limit: usize,
    ) -> Result<(Vec<OrderView>, Option<LicenseId>), UseCaseError> {
        if filter.order_id.is_some() || filter.instance_id.is_some() {
            let found = self.orders_by_id(merchant, filter).await?;
            return Ok((self.views(merchant, found).await?, None));
        }
        let (mut page, mut before, mut looked_at) = (Vec::new(), before, 0);
        loop {
            let batch = self.order_lines_before(merchant, filter.state, before.as_ref()).await?;
            looked_at += batch.len();
            let is_last = batch.len() < BATCH;
            let keys: Vec<_> =
                batch.iter().filter_map(|(_, key)| Some(RecordKey::Purchase(key.clone()?))).collect();
            let mut purchases = self.store.load(&keys).await?.into_iter();
            for (id, key) in batch {
                before = Some(id);
                let Some(record) = key.and_then(|_| purchases.next().flatten()) else { continue };
                let Versioned { value, revision } = record;
                let purchase = <Purchase as super::record::Stored>::from_record(value);
                if let Some(value) = purchase.filter(|purchase| filter.fits(purchase)) {
                    page.push(Versioned { value, revision });
                }
                if page.len() >= limit {
                    return Ok((self.views(merchant, page).await?, before));
                }
            }
            if is_last {
                return Ok((self.views(merchant, page).await?, None));
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((self.views(merchant, page).await?, before));
            }
        }
    }

    /// Ids of licenses, minted or not, newest first; with the line of those that were bought.
    async fn order_lines_before(
        &self,
        merchant: &MerchantId,
        state: Option<OrderState>,
        before: Option<&LicenseId>,
    ) -> Result<Vec<(LicenseId, Option<OrderLineKey>)>, UseCaseError> {
        let mut all: Vec<(LicenseId, Option<OrderLineKey>)> = Vec::new();
        // What waits is read first: what is minted in between is found among the licenses.
        if state != Some(OrderState::Minted) {
            let listing = Listing::PendingLicenses { merchant: merchant.clone(), before: before.cloned() };
            let pending: Vec<Versioned<PendingLicense>> = list(self.store.as_ref(), &listing, BATCH).await?;
            all.extend(pending.into_iter().map(|it| (it.value.id, Some(it.value.purchase))));
        }
        if state.is_none_or(|state| state == OrderState::Minted) {
            let listing = Listing::Licenses { merchant: merchant.clone(), before: before.cloned() };
            let licenses: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, BATCH).await?;
            all.extend(licenses.into_iter().map(|license| {
                let key = match license.value.origin {
                    Origin::Order { key, .. } => Some(key),
                    Origin::Issued { .. } => None,
                };
                (license.value.id, key)
            }));
        }
        all.sort_by(|one, other| other.0.cmp(&one.0));
        all.dedup_by(|one, other| one.0 == other.0);
        all.truncate(BATCH);
        Ok(all)
    }

    async fn orders_by_id(
        &self,
        merchant: &MerchantId,
        filter: &OrderFilter,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        let mut found = Vec::new();
        for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
            match (&filter.instance_id, &filter.order_id) {
                (Some(text), _) => {
                    let Ok(id) = InstanceId::parse(text) else { continue };
                    let key = RecordKey::Instance(merchant.clone(), marketplace, id);
                    let instance: Option<Versioned<Instance>> = find(self.store.as_ref(), key).await?;
                    if let Some(instance) = instance {
                        let key = RecordKey::Purchase(instance.value.purchase);
                        found.extend(find(self.store.as_ref(), key).await?);
                    }
                }
                (None, Some(text)) => found.extend(self.lines_of_order(merchant, marketplace, text).await?),
                (None, None) => {}
            }
        }
        found.retain(|purchase: &Versioned<Purchase>| filter.fits(&purchase.value));
        found.sort_by(|one, other| other.value.license.cmp(&one.value.license));
        Ok(found)
    }

    pub(super) async fn lines_of_order(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        order_id: &str,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        let Ok(order_id) = OrderId::parse(order_id) else { return Ok(Vec::new()) };
        let listing = Listing::PurchasesOfOrder { merchant: merchant.clone(), marketplace, order_id };
        Ok(list(self.store.as_ref(), &listing, 1_000).await?)
    }

    /// The order lines that a text names: one by its own id or its license's, all of an order by the marketplace's.
    pub(super) async fn orders_named(
        &self,
        merchant: &MerchantId,
        text: &str,
    ) -> Result<Vec<Versioned<Purchase>>, UseCaseError> {
        let license = PurchaseId::parse(text).map(|id| id.license()).or_else(|_| LicenseId::parse(text));
        if let Ok(license) = license
            && let Some(purchase) = self.purchase_of_license(merchant, &license).await?
        {
            return Ok(vec![purchase]);
        }
        let filter = OrderFilter { order_id: Some(text.to_owned()), ..OrderFilter::default() };
        let found = self.orders_by_id(merchant, &filter).await?;
        if found.is_empty() { Err(Refusal::NotFound { what: "order" }.into()) } else { Ok(found) }
    }

    /// The only order line that a text names.
    pub(super) async fn order_named(
        &self,
        merchant: &MerchantId,
        text: &str,
    ) -> Result<Versioned<Purchase>, UseCaseError> {
        let mut found = self.orders_named(merchant, text).await?;
        if found.len() > 1 {
            let ids: Vec<_> =
                found.iter().map(|line| PurchaseId::of(&line.value.license).to_string()).collect();
            let why = format!("the order has {} lines: name one of {}", found.len(), ids.join(", "));
            return Err(Refusal::Invalid { pointer: String::new(), why }.into());
        }
        found.pop().ok_or_else(|| Refusal::NotFound { what: "order" }.into())
    }

    async fn purchase_of_license(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Option<Versioned<Purchase>>, UseCaseError> {
        let key = RecordKey::PendingLicense(merchant.clone(), license.clone());
        let pending: Option<Versioned<PendingLicense>> = find(self.store.as_ref(), key).await?;
        let line = match pending {
            Some(pending) => Some(pending.value.purchase),
            None => match self.find_license(merchant, license).await?.map(|it| it.value.origin) {
                Some(Origin::Order { key, .. }) => Some(key),
                Some(Origin::Issued { .. }) | None => None,
            },
        };
        let Some(line) = line else { return Ok(None) };
        Ok(find(self.store.as_ref(), RecordKey::Purchase(line)).await?)
    }

    /// One order line with all that is known around it.
    pub async fn view_order(&self, merchant: &MerchantId, text: &str) -> Result<OrderView, UseCaseError> {
        let purchase = self.order_named(merchant, text).await?;
        self.whole_view(merchant, purchase).await
    }

    pub(super) async fn whole_view(
        &self,
        merchant: &MerchantId,
        purchase: Versioned<Purchase>,
    ) -> Result<OrderView, UseCaseError> {
        let job = match OrderState::of(&purchase.value) {
            OrderState::Received | OrderState::Held => {
                self.job_of_purchase(merchant, &purchase.value.key).await?
            }
            OrderState::Minted | OrderState::Ended => None,
        };
        let job = match job {
            Some(job) => Some(self.outbox_entry(job.value).await?),
            None => None,
        };
        let view = self.views(merchant, vec![purchase]).await?.pop();
        let view = view.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "order" }))?;
        Ok(OrderView { job, ..view })
    }

    pub(super) async fn views(
        &self,
        merchant: &MerchantId,
        purchases: Vec<Versioned<Purchase>>,
    ) -> Result<Vec<OrderView>, UseCaseError> {
        let listing = Listing::Channels(merchant.clone());
        let channels: Vec<Versioned<Owned<Channel>>> = list(self.store.as_ref(), &listing, 1_000).await?;
        let has_held = purchases.iter().any(|purchase| OrderState::of(&purchase.value) == OrderState::Held);
        let specs: Vec<Versioned<Owned<Spec>>> = if has_held {
            list(self.store.as_ref(), &Listing::Specs(merchant.clone()), 1_000).await?
        } else {
            Vec::new()
        };
        let channel_of = |id: &ChannelId| {
            channels.iter().map(|channel| &channel.value.value).find(|channel| channel.id == *id).cloned()
        };
        let view = |purchase: Versioned<Purchase>| {
            let channel = channel_of(&purchase.value.channel);
            let is_held = OrderState::of(&purchase.value) == OrderState::Held;
            let sold = channel.as_ref().filter(|_| is_held).map(|channel| channel.products.as_slice());
            let facts = purchase.value.facts.as_ref();
            let suggestions = suggested(&specs, sold.unwrap_or_default(), facts);
            OrderView { purchase, channel, suggestions, job: None }
        };
        Ok(purchases.into_iter().map(view).collect())
    }
}

/// By the rule that refuses an unfit mapping: nothing is suggested that would be refused.
fn suggested(
    specs: &[Versioned<Owned<Spec>>],
    sold: &[ProductId],
    facts: Option<&PurchaseFacts>,
) -> Vec<SuggestedSpec> {
    let specs = specs.iter().map(|spec| &spec.value.value);
    let fits = |spec: &Spec| facts.is_none_or(|facts| check_fits(spec, facts).is_ok());
    let free = specs.filter(|spec| sold.contains(&spec.product) && spec.skus.is_empty() && fits(spec));
    let suggested = |spec: &Spec| SuggestedSpec { spec: spec.id.clone(), product: spec.product.clone() };
    free.take(SUGGESTIONS_MAX).map(suggested).collect()
}
