//! The merchant says which spec a marketplace's code means: remembered, and every held order of that code is minted.

use super::app::{App, UseCaseError, decided};
use super::mint::term_of;
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::{Mapping, MarketplaceCode, Owned, PendingLicense, RecordKey, Stored};
use super::settle_purchase::Settled;
use crate::domain::{
    Actor, Channel, Charging, EventKind, FOREIGN_ID_BYTES_MAX, LicenseId, MerchantId, Purchase,
    PurchaseFacts, PurchaseState, Refusal, Spec, SpecId, SpecTerm,
};

/// Orders that one request mints; the others are minted right after by the workers.
const MINTED_AT_ONCE_MAX: usize = 200;
/// Pages of waiting purchases in which held orders are looked for: 100,000 purchases.
const PAGES_MAX: usize = 500;
const PAGE: usize = 200;

/// What is said.
#[derive(Debug, Clone)]
pub struct MapOrder<'a> {
    /// Whose.
    pub merchant: &'a MerchantId,
    /// Of which order; see [`App::view_order`].
    pub order: &'a str,
    /// What it means.
    pub spec: &'a SpecId,
    /// Who says so.
    pub actor: &'a Actor,
    /// The revision that the order line must have.
    pub if_revision: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// What is remembered.
    pub mapping: Mapping,
    /// Orders that were minted.
    pub minted: usize,
    /// Held orders of the same code that the workers mint next.
    pub waiting: usize,
}

impl App {
    /// Remembers it and mints. The same again changes nothing.
    pub async fn map_order(&self, map: &MapOrder<'_>) -> Result<Mapped, UseCaseError> {
        let mapping = {
            let _turn = self.turn(map.merchant).await;
            decided!(self, self.try_map(map))?
        };
        let (minted, waiting) = self.mint_held(map.merchant, &mapping.code).await?;
        self.settle_waiting_purchases_now(map.merchant).await?;
        Ok(Mapped { mapping, minted, waiting })
    }

    /// Of the lines of an order the one that is held; where several are, they mean the same. One that is not held any
    /// more, because this was said before, will do as well.
    pub(super) async fn line_to_map<'a>(
        &self,
        map: &MapOrder<'_>,
        lines: &'a [Versioned<Purchase>],
    ) -> Result<&'a Versioned<Purchase>, UseCaseError> {
        let is_held = |line: &&Versioned<Purchase>| matches!(line.value.state, PurchaseState::Held { .. });
        let mut held = lines.iter().filter(is_held);
        if let Some(first) = held.next() {
            if held.any(|other| code_of(&other.value) != code_of(&first.value)) {
                // Names the lines.
                self.order_named(map.merchant, map.order).await?;
            }
            return Ok(first);
        }
        for line in lines {
            if let Some(code) = code_of(&line.value)
                && self.mapped(map.merchant, &code).await?.is_some_and(|known| known.value.spec == *map.spec)
            {
                return Ok(line);
            }
        }
        let state =
            lines.first().map_or("gone", |line| super::view_orders::OrderState::of(&line.value).as_str());
        Err(Refusal::OrderNotHeld { state }.into())
    }

    async fn try_map(&self, map: &MapOrder<'_>) -> Result<Mapping, UseCaseError> {
        let lines = self.orders_named(map.merchant, map.order).await?;
        if let Some(line) = changed_line(map, &lines) {
            return Err(Refusal::RevisionConflict { current: line.revision }.into());
        }
        let Versioned { value: line, revision } = self.line_to_map(map, &lines).await?;
        let code = code_of(line).ok_or(Refusal::IllegalState {
            why: "the order names neither a SKU nor a product id: look at it again with `order retry`",
        })?;
        let known = self.mapped(map.merchant, &code).await?;
        match known {
            Some(known) if known.value.spec == *map.spec => return Ok(known.value),
            Some(known) => return Err(taken(&code, &known.value.spec)),
            None => {}
        }
        self.check_spec(map, line, &code).await?;
        let mapping =
            Mapping { merchant: map.merchant.clone(), code, spec: map.spec.clone(), since: self.now() };
        let detail = [("code", shown(&mapping.code)), ("spec", map.spec.to_string())];
        let event = self.event(map.merchant, &line.license, map.actor, EventKind::OrderMapped, &detail);
        let mut commit = Commit::new().put(mapping.clone(), ABSENT).put(event, ABSENT);
        if map.if_revision.is_some() {
            commit = commit.with(Change::Check(RecordKey::Purchase(line.key.clone()), *revision));
        }
        self.store.commit(commit).await?;
        Ok(mapping)
    }

    /// The spec: it has to exist, to be sold there, to be the only one of the code, and to fit the order.
    pub(super) async fn check_spec(
        &self,
        map: &MapOrder<'_>,
        line: &Purchase,
        code: &MarketplaceCode,
    ) -> Result<Spec, UseCaseError> {
        let invalid = |why: String| UseCaseError::Refused(Refusal::Invalid { pointer: "/spec".into(), why });
        let specs: Vec<Versioned<Owned<Spec>>> =
            list(self.store.as_ref(), &Listing::Specs(map.merchant.clone()), 1_000).await?;
        let specs: Vec<Spec> = specs.into_iter().map(|spec| spec.value.value).collect();
        let spec = specs.iter().find(|spec| spec.id == *map.spec);
        let spec =
            spec.ok_or_else(|| invalid(format!("there is no spec {}: see the apply file", map.spec)))?;
        let key = RecordKey::Channel(map.merchant.clone(), line.channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let channel = channel.ok_or(UseCaseError::Refused(Refusal::NotFound { what: "channel" }))?;
        if !channel.value.value.products.contains(&spec.product) {
            return Err(invalid(format!(
                "the channel {} does not sell {}, the product of the spec: add it to the channel's products, or name a spec of another product",
                line.channel, spec.product
            )));
        }
        let names = |spec: &&Spec| match code {
            MarketplaceCode::Sku(sku) => spec.skus.contains(sku),
            MarketplaceCode::ProductId(id) => spec.product_ids.contains(id),
        };
        if let Some(other) = specs.iter().filter(names).find(|other| other.id != spec.id) {
            return Err(taken(code, &other.id));
        }
        if let Some(facts) = &line.facts {
            check_fits(spec, facts)?;
        }
        let merchant = self.merchant(map.merchant).await?;
        if let MarketplaceCode::Sku(sku) = code {
            let with_sku = Spec { skus: vec![sku.clone()], ..spec.clone() };
            self.check_key_length(&merchant, &with_sku)?;
        }
        Ok(spec.clone())
    }

    pub(super) async fn mapped(
        &self,
        merchant: &MerchantId,
        code: &MarketplaceCode,
    ) -> Result<Option<Versioned<Mapping>>, StoreError> {
        find(self.store.as_ref(), RecordKey::Mapping(merchant.clone(), code.clone())).await
    }

    /// Mints what is held under a code, from what the order said; says how many, and how many are left.
    async fn mint_held(
        &self,
        merchant: &MerchantId,
        code: &MarketplaceCode,
    ) -> Result<(usize, usize), UseCaseError> {
        let (mut minted, mut waiting, mut before) = (0, 0, None::<LicenseId>);
        for _ in 0..PAGES_MAX {
            let listing = Listing::PendingLicenses { merchant: merchant.clone(), before: before.clone() };
            let page: Vec<Versioned<PendingLicense>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let is_last = page.len() < PAGE;
            before = page.last().map(|pending| pending.value.id.clone());
            let keys: Vec<_> =
                page.into_iter().map(|pending| RecordKey::Purchase(pending.value.purchase)).collect();
            for record in self.store.load(&keys).await?.into_iter().flatten() {
                let Some(purchase) = Purchase::from_record(record.value) else { continue };
                let is_meant = matches!(purchase.state, PurchaseState::Held { .. })
                    && code_of(&purchase).as_ref() == Some(code);
                if is_meant && minted < MINTED_AT_ONCE_MAX && self.mint_one(&purchase).await? {
                    minted += 1;
                } else if is_meant {
                    waiting += 1;
                }
            }
            if is_last {
                break;
            }
        }
        Ok((minted, waiting))
    }

    async fn mint_one(&self, purchase: &Purchase) -> Result<bool, UseCaseError> {
        let key = RecordKey::Channel(purchase.key.merchant.clone(), purchase.channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let (Some(channel), Some(facts)) = (channel, purchase.facts.clone()) else { return Ok(false) };
        match self.settle_with(&purchase.key, &channel.value.value, facts).await {
            Ok(settled) => Ok(settled == Settled::Done),
            // This one has its own trouble, which its job tells of; the others go on.
            Err(UseCaseError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The line that is meant, if it is not as the caller has read it; where several are, one of them has to be.
fn changed_line<'a>(map: &MapOrder<'_>, lines: &'a [Versioned<Purchase>]) -> Option<&'a Versioned<Purchase>> {
    let wanted = map.if_revision?;
    lines.first().filter(|_| lines.iter().all(|line| line.revision != wanted))
}

/// What an order is remembered by.
pub(super) fn code_of(purchase: &Purchase) -> Option<MarketplaceCode> {
    code_in(purchase.facts.as_ref()?)
}

/// The SKU, else the product id.
pub(super) fn code_in(facts: &PurchaseFacts) -> Option<MarketplaceCode> {
    let product_id =
        || facts.product_id.clone().filter(|id| !id.is_empty() && id.len() <= FOREIGN_ID_BYTES_MAX);
    facts.sku.clone().map(MarketplaceCode::Sku).or_else(|| product_id().map(MarketplaceCode::ProductId))
}

fn shown(code: &MarketplaceCode) -> String {
    match code {
        MarketplaceCode::Sku(sku) => sku.to_string(),
        MarketplaceCode::ProductId(id) => id.clone(),
    }
}

fn taken(code: &MarketplaceCode, spec: &SpecId) -> UseCaseError {
    Refusal::SkuTaken { sku: shown(code), spec: spec.to_string() }.into()
}

/// A spec of a fixed term, or of the product ids of some period types, is not sold for another one.
pub(super) fn check_fits(spec: &Spec, facts: &PurchaseFacts) -> Result<(), Refusal> {
    let ordered = facts.term;
    let sold = term_of(spec, ordered);
    if facts.charging == Charging::Period && sold != ordered && spec.term != SpecTerm::AsOrdered {
        let why = format!(
            "the order is for {ordered} and the spec {} is always {sold}: name a spec of that term, or one whose term is \"order\"",
            spec.id
        );
        return Err(Refusal::SpecUnfit { why });
    }
    let product_id = facts.product_id.as_ref().filter(|_| !spec.product_ids.is_empty());
    if let Some(product_id) = product_id.filter(|id| !spec.product_ids.contains(id)) {
        let why = format!(
            "the spec {} is sold under the product ids {}, one per period type, and the order says {product_id}: name the spec of that period, or add the product id to it",
            spec.id,
            spec.product_ids.join(", ")
        );
        return Err(Refusal::SpecUnfit { why });
    }
    Ok(())
}
