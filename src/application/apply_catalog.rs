//! Creates and changes what an apply file names. What it leaves out stays, unless it is to go: then it is removed where
//! nothing that was sold hangs on it.

use std::collections::BTreeMap;

use super::app::{App, UseCaseError, decided};
use super::catalog::{Applied, AppliedEntry, ApplyMode, Catalog, CatalogMistake, EntryChange};
use super::compare_catalog::{MemberChange, Written, changes_between, key_changes};
use super::keep_sold::{Removed, takings};
use super::ports::{ABSENT, Change, Commit, Listing, SigningError, StoreError, Versioned, find, list};
use super::record::{Mapping, MarketplaceCode, Owned, RecordKey, Stored};
use crate::domain::{
    Actor, ApiToken, Channel, CustomerId, Env, FOREIGN_ID_BYTES_MAX, License, LicenseId, Merchant,
    MerchantId, NewLicense, Origin, Product, ProductId, Refusal, Spec, SpecTerm, Term, Validity,
};

/// On one channel a SKU means one spec, whichever file said so: the first that fits would be minted.
fn one_spec_per_sku(current: &Catalog, given: &Catalog) -> Vec<CatalogMistake> {
    let specs: BTreeMap<_, _> =
        current.specs.iter().chain(&given.specs).map(|spec| (spec.id.as_str(), spec)).collect();
    let mut mistakes = Vec::new();
    let channels: BTreeMap<_, _> = current
        .channels
        .iter()
        .chain(&given.channels)
        .map(|channel| (channel.id.as_str(), channel))
        .collect();
    for channel in channels.values() {
        let mut meant: BTreeMap<&str, &str> = BTreeMap::new();
        let sold_here = specs.values().filter(|spec| channel.products.contains(&spec.product));
        for (spec, sku) in sold_here.flat_map(|spec| spec.skus.iter().map(move |sku| (spec, sku))) {
            let other =
                meant.insert(sku.as_str(), spec.id.as_str()).filter(|other| *other != spec.id.as_str());
            if let Some(other) = other {
                let why = format!(
                    "the SKU {sku} means both {other} and {} on the channel {}: give it to one",
                    spec.id, channel.id
                );
                // Told where the file can mend it.
                let is_given = given.specs.iter().any(|given| given.id == spec.id);
                let named = if is_given { spec.id.as_str() } else { other };
                mistakes.push(CatalogMistake { pointer: format!("/spec/{named}"), why });
            }
        }
    }
    mistakes.dedup();
    mistakes
}

/// What is being applied.
#[derive(Debug, Default)]
struct Applying {
    entries: Vec<AppliedEntry>,
    mistakes: Vec<CatalogMistake>,
    commit: Commit,
}

impl Applying {
    fn change(&mut self, change: Change) {
        self.commit.changes.push(change);
    }
}

/// A rule that is broken is noted beside the others; whatever else went wrong ends the try.
fn noted(mistakes: &mut Vec<CatalogMistake>, checked: Result<(), UseCaseError>) -> Result<(), UseCaseError> {
    match checked {
        Err(UseCaseError::Refused(Refusal::Invalid { pointer, why })) => {
            mistakes.push(CatalogMistake { pointer, why });
            Ok(())
        }
        other => other,
    }
}

/// What there is and the file does not name; a product that its specs or channels name is named.
fn left_out(current: &Catalog, given: &Catalog) -> Removed {
    fn gone<T, Id: PartialEq + Clone>(current: &[T], given: &[T], id: impl Fn(&T) -> &Id) -> Vec<Id> {
        let ids = current.iter().map(&id).filter(|known| !given.iter().any(|new| id(new) == *known));
        ids.cloned().collect()
    }
    let is_named = |id: &ProductId| {
        given.specs.iter().any(|spec| spec.product == *id)
            || given.channels.iter().any(|channel| channel.products.contains(id))
    };
    let products = gone(&current.products, &given.products, |product| &product.id);
    Removed {
        products: products.into_iter().filter(|id| !is_named(id)).collect(),
        specs: gone(&current.specs, &given.specs, |spec| &spec.id),
        channels: gone(&current.channels, &given.channels, |channel| &channel.id),
    }
}

impl App {
    /// The catalog of a merchant as it stands.
    pub async fn catalog(&self, merchant: &MerchantId) -> Result<Catalog, UseCaseError> {
        let store = self.store.as_ref();
        let found: Option<Versioned<Merchant>> = find(store, RecordKey::Merchant(merchant.clone())).await?;
        let products = list::<Owned<Product>>(store, &Listing::Products(merchant.clone()), 1_000).await?;
        let specs = list::<Owned<Spec>>(store, &Listing::Specs(merchant.clone()), 1_000).await?;
        let channels = list::<Owned<Channel>>(store, &Listing::Channels(merchant.clone()), 1_000).await?;
        Ok(Catalog {
            merchant: found.map(|merchant| merchant.value),
            products: products.into_iter().map(|product| product.value.value).collect(),
            specs: specs.into_iter().map(|spec| spec.value.value).collect(),
            channels: channels.into_iter().map(|channel| channel.value.value).collect(),
            api_tokens: Vec::new(),
        })
    }

    /// Every merchant.
    pub async fn merchants(&self) -> Result<Vec<Merchant>, UseCaseError> {
        let all: Vec<Versioned<Merchant>> = list(self.store.as_ref(), &Listing::Merchants, 1_000).await?;
        Ok(all.into_iter().map(|merchant| merchant.value).collect())
    }

    /// Applies all of it or nothing. Purchases that wait for a SKU are asked about again.
    pub async fn apply_catalog(
        &self,
        id: &MerchantId,
        catalog: Catalog,
        mode: ApplyMode,
        actor: &Actor,
    ) -> Result<Applied, UseCaseError> {
        let _turn = self.turn(id).await;
        decided!(self, self.try_apply(id, catalog.clone(), mode, actor))
    }

    async fn try_apply(
        &self,
        id: &MerchantId,
        catalog: Catalog,
        mode: ApplyMode,
        actor: &Actor,
    ) -> Result<Applied, UseCaseError> {
        let current = self.catalog(id).await?;
        let merchant = catalog.merchant.clone().or(current.merchant.clone());
        let merchant = merchant.ok_or(Refusal::NotFound { what: "merchant" })?;
        let removed = if mode.prune { left_out(&current, &catalog) } else { Removed::default() };
        let mut mistakes = one_spec_per_sku(&current, &catalog);
        mistakes.extend(self.stranded(id, takings(&current, &catalog, &removed)).await?);
        if current.merchant.is_some() || !mode.dry_run {
            self.prepare_keys(&merchant, mode.dry_run)?;
            for spec in &catalog.specs {
                noted(&mut mistakes, self.check_key_length(&merchant, spec))?;
            }
        }
        let mut applying = Applying { mistakes, ..Applying::default() };
        self.apply_entries(&merchant.id, &current, catalog, &mut applying).await?;
        self.remove_left_out(&merchant.id, removed, &mut applying).await?;
        if !applying.mistakes.is_empty() {
            return Ok(Err(applying.mistakes));
        }
        if !mode.dry_run {
            if !applying.commit.changes.is_empty() {
                let told = self.told_of_entries(&merchant.id, actor, &applying.entries);
                self.store
                    .commit(told.into_iter().fold(applying.commit, |commit, event| commit.put(event, ABSENT)))
                    .await?;
            }
            // Also when nothing changed: the answer to an earlier try may have been lost after its commit.
            self.settle_waiting_purchases_now(&merchant.id).await?;
        }
        Ok(Ok(applying.entries))
    }

    async fn apply_entries(
        &self,
        merchant: &MerchantId,
        current: &Catalog,
        catalog: Catalog,
        applying: &mut Applying,
    ) -> Result<(), UseCaseError> {
        if let Some(merchant) = catalog.merchant {
            let id = merchant.id.to_string();
            self.apply_one(applying, "merchant", id, merchant).await?;
        }
        for product in catalog.products {
            let (id, merchant) = (product.id.to_string(), merchant.clone());
            self.apply_one(applying, "product", id, Owned { merchant, value: product }).await?;
        }
        for spec in catalog.specs {
            self.apply_mappings(applying, merchant, &spec).await?;
            let (id, merchant) = (spec.id.to_string(), merchant.clone());
            self.apply_one(applying, "spec", id, Owned { merchant, value: spec }).await?;
        }
        for channel in catalog.channels {
            let known = current.channels.iter().find(|known| known.id == channel.id);
            let details = known.map(|known| key_changes(known, &channel)).unwrap_or_default();
            let (id, merchant) = (channel.id.to_string(), merchant.clone());
            self.apply_one(applying, "channel", id, Owned { merchant, value: channel }).await?;
            if let Some(entry) = applying.entries.last_mut() {
                entry.details = details;
            }
        }
        for token in catalog.api_tokens {
            self.apply_token(applying, token).await?;
        }
        Ok(())
    }

    async fn apply_one<T: Stored + Clone + PartialEq + Written>(
        &self,
        applying: &mut Applying,
        kind: &'static str,
        id: String,
        value: T,
    ) -> Result<(), UseCaseError> {
        let key = value.clone().into_record().key();
        let stored: Option<Versioned<T>> = find(self.store.as_ref(), key).await?;
        let (change, revision) = match &stored {
            None => (EntryChange::Created, ABSENT),
            Some(stored) if stored.value == value => (EntryChange::Unchanged, stored.revision),
            Some(stored) => (EntryChange::Changed, stored.revision),
        };
        let members = stored.as_ref().map(|stored| changes_between(&stored.value, &value));
        let members = members.unwrap_or_default();
        applying.entries.push(AppliedEntry { members, ..AppliedEntry::new(kind, id, change) });
        match change {
            EntryChange::Unchanged | EntryChange::Removed => {}
            EntryChange::Created | EntryChange::Changed => {
                applying.change(Change::Put(value.into_record(), revision));
            }
        }
        Ok(())
    }

    /// What is left out of the file goes, if nobody is stranded by that: what was sold is looked at before.
    async fn remove_left_out(
        &self,
        merchant: &MerchantId,
        removed: Removed,
        applying: &mut Applying,
    ) -> Result<(), UseCaseError> {
        let key = |kind, id: String, key| (kind, id, key);
        let channels = removed
            .channels
            .into_iter()
            .map(|id| key("channel", id.to_string(), RecordKey::Channel(merchant.clone(), id)));
        let specs = removed
            .specs
            .into_iter()
            .map(|id| key("spec", id.to_string(), RecordKey::Spec(merchant.clone(), id)));
        let products = removed
            .products
            .into_iter()
            .map(|id| key("product", id.to_string(), RecordKey::Product(merchant.clone(), id)));
        for (kind, id, key) in channels.chain(specs).chain(products) {
            let stored = self.store.load(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
            let stored = stored.ok_or(StoreError::Conflict)?;
            applying.change(Change::Delete(key, stored.revision));
            applying.entries.push(AppliedEntry::new(kind, id, EntryChange::Removed));
        }
        Ok(())
    }

    /// What a held order was mapped to is kept beside the catalog: a file that does not name the SKU leaves it, and one
    /// that gives it to another spec is the later word.
    async fn apply_mappings(
        &self,
        applying: &mut Applying,
        merchant: &MerchantId,
        spec: &Spec,
    ) -> Result<(), UseCaseError> {
        let skus = spec.skus.iter().cloned().map(MarketplaceCode::Sku);
        let product_ids = spec.product_ids.iter().filter(|id| id.len() <= FOREIGN_ID_BYTES_MAX);
        let product_ids = product_ids.cloned().map(MarketplaceCode::ProductId);
        for code in skus.chain(product_ids) {
            let Some(Versioned { value: known, revision }) = self.mapped(merchant, &code).await? else {
                continue;
            };
            if known.spec != spec.id {
                let id = match &code {
                    MarketplaceCode::Sku(sku) => sku.to_string(),
                    MarketplaceCode::ProductId(id) => id.clone(),
                };
                let members = vec![MemberChange {
                    member: "spec".to_owned(),
                    before: Some(format!("{:?}", known.spec.as_str())),
                    after: Some(format!("{:?}", spec.id.as_str())),
                }];
                let entry = AppliedEntry::new("mapping", id, EntryChange::Changed);
                applying.entries.push(AppliedEntry { members, ..entry });
                let moved = Mapping { spec: spec.id.clone(), since: self.now(), ..known };
                applying.change(Change::Put(moved.into_record(), revision));
            }
        }
        Ok(())
    }

    /// A token given from outside is known by its digest: the same text again changes nothing. It stays whose it is,
    /// and what ended it still does: the text may be a reference that somebody else's token hides behind.
    async fn apply_token(&self, applying: &mut Applying, token: ApiToken) -> Result<(), UseCaseError> {
        let known: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(token.digest)).await?;
        if known.as_ref().is_some_and(|known| known.value.owner != token.owner) {
            let why = "this text is another owner's token already: make a new one".to_owned();
            applying.mistakes.push(CatalogMistake { pointer: format!("/api_token/{}", token.name), why });
            return Ok(());
        }
        let same = known
            .as_ref()
            .is_some_and(|known| known.value.name == token.name && known.value.scopes == token.scopes);
        let change = match (&known, same) {
            (None, _) => EntryChange::Created,
            (Some(_), true) => EntryChange::Unchanged,
            (Some(_), false) => EntryChange::Changed,
        };
        let before = known.as_ref().filter(|_| !same).map(|known| &known.value);
        let members = before.map(|before| changes_between(before, &token)).unwrap_or_default();
        let entry = AppliedEntry::new("api_token", token.name.clone(), change);
        applying.entries.push(AppliedEntry { members, ..entry });
        match known {
            Some(_) if same => {}
            Some(Versioned { value: known, revision }) => {
                let token = ApiToken { name: token.name, scopes: token.scopes, ..known };
                applying.change(Change::Put(token.into_record(), revision));
            }
            None => applying.change(Change::Put(token.into_record(), ABSENT)),
        }
        Ok(())
    }

    fn prepare_keys(&self, merchant: &Merchant, dry_run: bool) -> Result<(), SigningError> {
        if dry_run {
            return Ok(());
        }
        self.signer.prepare_merchant(merchant).map(|_| ())
    }

    /// Signs the longest key that the spec can give; a marketplace takes no more than 1,023 characters.
    pub(super) fn check_key_length(&self, merchant: &Merchant, spec: &Spec) -> Result<(), UseCaseError> {
        let now = self.now();
        let term = match spec.term {
            SpecTerm::Fixed(term) => term,
            SpecTerm::AsOrdered => Term::Years(1),
        };
        let pointer = format!("/spec/{}", spec.id);
        let invalid = |why: String| UseCaseError::Refused(Refusal::Invalid { pointer: pointer.clone(), why });
        let validity = Validity::lasting(term, now).map_err(|error| invalid(error.to_string()))?;
        let longest_sku = spec.skus.iter().max_by_key(|sku| sku.as_str().len()).cloned();
        let bought = |quantity| super::mint::sold_spec(spec, longest_sku.clone(), term, quantity, validity);
        // Amounts that cannot be bought a thousand times over are still sold one at a time.
        let sold = bought(1_000).or_else(|_| bought(1)).map_err(|error| invalid(error.to_string()))?;
        let new = NewLicense {
            id: LicenseId::from_uuid(u128::MAX),
            merchant: merchant.id.clone(),
            product: spec.product.clone(),
            origin: Origin::Issued { by: String::new() },
            customer: None::<CustomerId>,
            label: String::new(),
            env: Env::Live,
            sold,
            validity,
            ordered_at: None,
        };
        let license = License::new(new, None, now, now);
        let order = super::ports::LicenseKeyOrder {
            merchant,
            license: &license,
            token_id: &crate::domain::TokenId::from_uuid(u128::MAX),
            // A restored server goes on with lists of high numbers.
            slot: crate::domain::StatusSlot { list: u32::MAX, idx: crate::domain::STATUS_SLOTS_PER_LIST - 1 },
            now,
        };
        self.signer.license_key(&order).map(|_| ()).map_err(|error| invalid(error.to_string()))
    }
}
