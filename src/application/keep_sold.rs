//! A change of the catalog must not strand what was sold: which licenses would it, how many, and what to do instead.

use super::app::{App, UseCaseError};
use super::catalog::{Catalog, CatalogMistake};
use super::ports::{Listing, Versioned, list};
use super::record::{MarketplaceCode, PendingLicense, RecordKey, Stored};
use crate::domain::{
    ChannelId, Instant, License, LicenseEnd, LicenseId, MerchantId, Origin, ProductId, Purchase,
    PurchaseState, Sku, SpecId,
};

/// How long a license may still be renewed after its end: marketplaces freeze what has expired for up to 15 days.
const RENEWABLE_AFTER_END_DAYS: i64 = 15;
const PAGE: usize = 1_000;

/// What a change takes away from under licenses that were sold.
#[derive(Debug)]
enum Takes {
    /// The name under which every key was signed.
    Issuer { known: String },
    /// A product altogether.
    Product(ProductId),
    /// A spec altogether.
    Spec(SpecId),
    /// A spec from its product.
    SpecFromProduct { spec: SpecId, known: ProductId },
    /// A SKU, under which later orders of the same license come.
    Sku { sku: Sku, spec: SpecId },
    /// The product ids of a spec that was sold by them alone.
    ProductId { id: String, spec: SpecId },
    /// A channel altogether.
    Channel(ChannelId),
    /// The language in which its marketplace speaks.
    ChannelSpeech { channel: ChannelId, known: String },
    /// A product from a channel.
    ProductFromChannel { channel: ChannelId, product: ProductId },
}

/// A change, and the licenses that it would strand.
#[derive(Debug)]
pub(super) struct Stranding {
    takes: Takes,
    count: usize,
    example: Option<LicenseId>,
}

impl Stranding {
    fn of(takes: Takes) -> Self {
        Self { takes, count: 0, example: None }
    }

    fn hits(&self, license: &License, now: Instant) -> bool {
        let channel = match &license.origin {
            Origin::Order { channel, .. } => Some(channel),
            Origin::Issued { .. } => None,
        };
        let sold = &license.sold;
        let hit = match &self.takes {
            // Keys name it for ever, also those of licenses that have ended.
            Takes::Issuer { .. } => return true,
            Takes::Product(product) => license.product == *product,
            Takes::Spec(spec) => sold.spec == *spec,
            Takes::SpecFromProduct { spec, known } => sold.spec == *spec && license.product == *known,
            Takes::Sku { sku, .. } => channel.is_some() && sold.sku.as_ref() == Some(sku),
            Takes::ProductId { spec, .. } => channel.is_some() && sold.sku.is_none() && sold.spec == *spec,
            Takes::Channel(id) | Takes::ChannelSpeech { channel: id, .. } => channel == Some(id),
            Takes::ProductFromChannel { channel: id, product } => {
                channel == Some(id) && license.product == *product
            }
        };
        hit && may_go_on(license, now)
    }

    /// Whether a purchase that waits for its license waits for this too.
    fn hits_purchase(&self, purchase: &Purchase) -> bool {
        let waits = match purchase.state {
            PurchaseState::Received | PurchaseState::Held { .. } => true,
            PurchaseState::Minted | PurchaseState::Ended { .. } => false,
        };
        match &self.takes {
            Takes::Channel(id) | Takes::ChannelSpeech { channel: id, .. } => waits && purchase.channel == *id,
            Takes::Issuer { .. }
            | Takes::Product(_)
            | Takes::Spec(_)
            | Takes::SpecFromProduct { .. }
            | Takes::Sku { .. }
            | Takes::ProductId { .. }
            | Takes::ProductFromChannel { .. } => false,
        }
    }

    fn note(&mut self, license: &LicenseId) {
        self.count += 1;
        self.example.get_or_insert_with(|| license.clone());
    }

    /// What is wrong, where, and what to write instead; nothing when nobody is stranded.
    fn mistake(&self) -> Option<CatalogMistake> {
        let example = self.example.as_ref()?;
        let licenses = match self.count {
            1 => format!("1 license ({example})"),
            count => format!("{count} licenses (such as {example})"),
        };
        let (pointer, why) = match &self.takes {
            Takes::Issuer { known } => (
                "/merchant/issuer".to_owned(),
                format!(
                    "the issuer is frozen after the first sale, and {licenses} name it: write `issuer = \"{known}\"`"
                ),
            ),
            Takes::Product(product) => (
                format!("/product/{product}"),
                format!(
                    "{licenses} of the product {product} may go on: keep it in the file until they have ended"
                ),
            ),
            Takes::Spec(spec) => (
                format!("/spec/{spec}"),
                format!("{licenses} of the spec {spec} may go on: keep it in the file until they have ended"),
            ),
            Takes::SpecFromProduct { spec, known } => (
                format!("/spec/{spec}/product"),
                format!(
                    "{licenses} of this spec run for the product {known}: write `product = \"{known}\"`, and give the other product a spec of its own"
                ),
            ),
            Takes::Sku { sku, spec } => (
                format!("/spec/{spec}/sku"),
                format!(
                    "{licenses} were sold under the SKU {sku}, and later orders of theirs name it: keep it here, or give it to another spec"
                ),
            ),
            Takes::ProductId { id, spec } => (
                format!("/spec/{spec}/product_ids"),
                format!(
                    "{licenses} of this spec were sold without a SKU, and later orders of theirs may name the product id {id}: keep it here, or give it to another spec"
                ),
            ),
            Takes::Channel(channel) => (
                format!("/channel/{channel}"),
                format!(
                    "the marketplace calls {channel} for {licenses}: keep it in the file until they have ended"
                ),
            ),
            Takes::ChannelSpeech { channel, known } => (
                format!("/channel/{channel}/protocol"),
                format!(
                    "the marketplace speaks {known} here for {licenses}: keep the protocol, and make a second channel for the other one"
                ),
            ),
            Takes::ProductFromChannel { channel, product } => (
                format!("/channel/{channel}/products"),
                format!(
                    "{licenses} of {product} were sold here, and their later orders come here: keep it in the list until they have ended"
                ),
            ),
        };
        Some(CatalogMistake { pointer, why })
    }
}

/// Whether its buyer may use or renew it.
fn may_go_on(license: &License, now: Instant) -> bool {
    let renewable = now - chrono::TimeDelta::days(RENEWABLE_AFTER_END_DAYS);
    license.end == LicenseEnd::Running && !license.validity.has_ended(renewable)
}

/// What `given` would take from what there is; `removed` holds what is left out of the file and goes.
pub(super) fn takings(current: &Catalog, given: &Catalog, removed: &Removed) -> Vec<Stranding> {
    let mut takes = Vec::new();
    if let (Some(known), Some(new)) = (&current.merchant, &given.merchant)
        && known.issuer != new.issuer
    {
        takes.push(Takes::Issuer { known: known.issuer.clone() });
    }
    takes.extend(removed.products.iter().cloned().map(Takes::Product));
    takes.extend(removed.specs.iter().cloned().map(Takes::Spec));
    takes.extend(removed.channels.iter().cloned().map(Takes::Channel));
    spec_takings(current, given, &mut takes);
    for new in &given.channels {
        let Some(known) = current.channels.iter().find(|known| known.id == new.id) else { continue };
        if (known.marketplace, &known.protocol) != (new.marketplace, &new.protocol) {
            let (channel, known) = (known.id.clone(), known.protocol.0.clone());
            takes.push(Takes::ChannelSpeech { channel, known });
        }
        let gone = known.products.iter().filter(|product| !new.products.contains(product));
        takes.extend(
            gone.map(|product| Takes::ProductFromChannel {
                channel: new.id.clone(),
                product: product.clone(),
            }),
        );
    }
    takes.into_iter().map(Stranding::of).collect()
}

fn spec_takings(current: &Catalog, given: &Catalog, takes: &mut Vec<Takes>) {
    let is_given = |id: &SpecId| given.specs.iter().any(|spec| spec.id == *id);
    let unchanged = current.specs.iter().filter(|spec| !is_given(&spec.id));
    let after: Vec<_> = unchanged.chain(&given.specs).collect();
    for new in &given.specs {
        let Some(known) = current.specs.iter().find(|known| known.id == new.id) else { continue };
        if known.product != new.product {
            let (spec, known) = (known.id.clone(), known.product.clone());
            takes.push(Takes::SpecFromProduct { spec, known });
        }
        let is_left = |sku: &Sku| after.iter().any(|spec| spec.skus.contains(sku));
        let skus = known.skus.iter().filter(|sku| !is_left(sku));
        takes.extend(skus.map(|sku| Takes::Sku { sku: sku.clone(), spec: new.id.clone() }));
        let is_left = |id: &String| after.iter().any(|spec| spec.product_ids.contains(id));
        let ids = known.product_ids.iter().filter(|id| !is_left(id));
        takes.extend(ids.map(|id| Takes::ProductId { id: id.clone(), spec: new.id.clone() }));
    }
}

/// What a file leaves out and what therefore goes.
#[derive(Debug, Default)]
pub(super) struct Removed {
    pub(super) products: Vec<ProductId>,
    pub(super) specs: Vec<SpecId>,
    pub(super) channels: Vec<ChannelId>,
}

impl App {
    /// Without what a mapping still names: it stands beside the file, and finds the spec of a later order.
    async fn unmapped(
        &self,
        merchant: &MerchantId,
        takings: Vec<Stranding>,
    ) -> Result<Vec<Stranding>, UseCaseError> {
        let mut left = Vec::with_capacity(takings.len());
        for taking in takings {
            let code = match &taking.takes {
                Takes::Sku { sku, .. } => Some(MarketplaceCode::Sku(sku.clone())),
                Takes::ProductId { id, .. } => Some(MarketplaceCode::ProductId(id.clone())),
                Takes::Issuer { .. }
                | Takes::Product(_)
                | Takes::Spec(_)
                | Takes::Channel(_)
                | Takes::SpecFromProduct { .. }
                | Takes::ChannelSpeech { .. }
                | Takes::ProductFromChannel { .. } => None,
            };
            let is_mapped = match code {
                Some(code) => self.mapped(merchant, &code).await?.is_some(),
                None => false,
            };
            if !is_mapped {
                left.push(taking);
            }
        }
        Ok(left)
    }

    /// Every license is looked at, once for all changes, and none when nothing is taken away.
    pub(super) async fn stranded(
        &self,
        merchant: &MerchantId,
        takings: Vec<Stranding>,
    ) -> Result<Vec<CatalogMistake>, UseCaseError> {
        let mut takings = self.unmapped(merchant, takings).await?;
        if takings.is_empty() {
            return Ok(Vec::new());
        }
        let (now, mut before) = (self.now(), None::<LicenseId>);
        loop {
            let listing = Listing::Licenses { merchant: merchant.clone(), before };
            let page: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, PAGE).await?;
            for license in page.iter().map(|license| &license.value) {
                let hit = takings.iter_mut().filter(|taking| taking.hits(license, now));
                hit.for_each(|taking| taking.note(&license.id));
            }
            before = page.last().map(|license| license.value.id.clone());
            if page.len() < PAGE {
                break;
            }
        }
        self.note_waiting(merchant, &mut takings).await?;
        Ok(takings.iter().filter_map(Stranding::mistake).collect())
    }

    async fn note_waiting(
        &self,
        merchant: &MerchantId,
        takings: &mut [Stranding],
    ) -> Result<(), UseCaseError> {
        let mut before = None::<LicenseId>;
        loop {
            let listing = Listing::PendingLicenses { merchant: merchant.clone(), before };
            let page: Vec<Versioned<PendingLicense>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let keys: Vec<_> =
                page.iter().map(|pending| RecordKey::Purchase(pending.value.purchase.clone())).collect();
            for record in self.store.load(&keys).await?.into_iter().flatten() {
                let Some(purchase) = Purchase::from_record(record.value) else { continue };
                let hit = takings.iter_mut().filter(|taking| taking.hits_purchase(&purchase));
                hit.for_each(|taking| taking.note(&purchase.license));
            }
            before = page.last().map(|pending| pending.value.id.clone());
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }
}
