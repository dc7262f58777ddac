//! Creates and changes what an apply file names; never deletes.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::app::{App, UseCaseError, decided};
use super::ports::{ABSENT, Change, Commit, Listing, SigningError, Versioned, find, list};
use super::record::{Mapping, MarketplaceCode, Owned, RecordKey, Stored};
use crate::domain::{
    AccessKeyRef, ApiToken, Channel, CustomerId, Env, FOREIGN_ID_BYTES_MAX, License, LicenseId, Merchant,
    MerchantId, NewLicense, Origin, Product, Refusal, Spec, SpecTerm, Term, Validity,
};

/// What an apply file says, for one merchant.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The merchant itself.
    pub merchant: Option<Merchant>,
    /// Its products.
    pub products: Vec<Product>,
    /// Its specs.
    pub specs: Vec<Spec>,
    /// Its channels.
    pub channels: Vec<Channel>,
    /// Tokens given from outside.
    pub api_tokens: Vec<ApiToken>,
}

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryChange {
    /// It was not there.
    Created,
    /// It was there and is different now.
    Changed,
    /// It is as it was.
    Unchanged,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedEntry {
    /// `merchant`, `product`, `mapping`, `spec`, `channel` or `api_token`.
    pub kind: &'static str,
    /// Its id, the SKU of a mapping, or the name of a token.
    pub id: String,
    /// What became of it.
    pub change: EntryChange,
    /// What of it changed, in words, for what people have to follow step by step: access keys.
    pub details: Vec<String>,
}

/// A mistake in an apply file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyMistake {
    /// Line, counted from 1.
    pub line: usize,
    /// Which member; a JSON pointer (RFC 6901), empty for the file itself.
    pub pointer: String,
    /// The rule, and what to write instead.
    pub message: String,
}

/// Why an apply file was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFault {
    /// Every mistake in it.
    #[error("the apply file has mistakes: {}", shown(.0))]
    Mistakes(Vec<ApplyMistake>),
    /// The rules say no, or something broke.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
}

fn shown(mistakes: &[ApplyMistake]) -> String {
    let lines: Vec<_> = mistakes.iter().map(|it| format!("line {}: {}", it.line, it.message)).collect();
    lines.join("; ")
}

/// Who applies a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyCaller {
    /// The server's operator, for this merchant or for the one that the file names.
    Operator(Option<MerchantId>),
    /// Somebody with a token of this merchant.
    Merchant {
        /// Of which.
        merchant: MerchantId,
        /// Whether the token may do all that can be done for that merchant, or keeps its catalog only.
        is_admin: bool,
    },
}

impl ApplyCaller {
    /// For whom, if that is said outside the file.
    pub fn merchant(&self) -> Option<&MerchantId> {
        match self {
            Self::Operator(merchant) => merchant.as_ref(),
            Self::Merchant { merchant, is_admin: _ } => Some(merchant),
        }
    }
}

/// Applies apply files: the one act behind `apply`, `--bootstrap` and the merchant API.
#[async_trait]
pub trait ApplyFiles: Send + Sync {
    /// Applies the text for the merchant that it names, or for the caller's.
    async fn apply(
        &self,
        text: &str,
        caller: &ApplyCaller,
        dry_run: bool,
    ) -> Result<(MerchantId, Vec<AppliedEntry>), ApplyFault>;
}

/// On one channel a SKU means one spec, whichever file said so: the first that fits would be minted.
fn one_spec_per_sku(current: &Catalog, given: &Catalog) -> Result<(), Refusal> {
    let specs: BTreeMap<_, _> =
        current.specs.iter().chain(&given.specs).map(|spec| (spec.id.as_str(), spec)).collect();
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
                return Err(Refusal::Invalid { pointer: format!("/spec/{}", spec.id), why });
            }
        }
    }
    Ok(())
}

/// Whether the ids of a channel's access keys are only their places in the list.
fn is_by_place(channel: &Channel) -> bool {
    channel.access_keys.iter().enumerate().all(|(index, key)| key.id == (index + 1).to_string())
}

/// What people know an access key by: its id, or its reference where the id is only its place.
fn key_name(channel: &Channel, key: &AccessKeyRef) -> String {
    if is_by_place(channel) {
        key.value.to_string()
    } else {
        format!("{} ({})", key.id, key.used_for.as_str())
    }
}

/// What happens to the access keys of a channel. A place says nothing of which key stands there: the reference does.
fn key_changes(known: &Channel, given: &Channel) -> Vec<String> {
    let by_reference = is_by_place(known) || is_by_place(given);
    let name = |key: &AccessKeyRef| key_name(given, key);
    let same = |a: &AccessKeyRef, b: &AccessKeyRef| {
        a.used_for == b.used_for && if by_reference { a.value == b.value } else { a.id == b.id }
    };
    let mut changes = Vec::new();
    for key in &given.access_keys {
        let Some(old) = known.access_keys.iter().find(|old| same(old, key)) else {
            changes.push(format!("access key {} added", name(key)));
            continue;
        };
        if by_reference && key_name(known, old) != name(key) {
            changes.push(format!("access key {} is called {} now", key_name(known, old), name(key)));
        }
        if old.value != key.value {
            changes.push(format!(
                "access key {} is read from {}, not from {}",
                name(key),
                key.value,
                old.value
            ));
        }
        match (old.retired, key.retired) {
            (false, true) => changes.push(format!("access key {} retired", name(key))),
            (true, false) => changes.push(format!("access key {} is live again", name(key))),
            (false, false) | (true, true) => {}
        }
    }
    let is_gone = |old: &&AccessKeyRef| !given.access_keys.iter().any(|key| same(old, key));
    changes.extend(
        known
            .access_keys
            .iter()
            .filter(is_gone)
            .map(|old| format!("access key {} removed", key_name(known, old))),
    );
    changes
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

    /// Applies all of it or nothing; `dry_run` only reports. Purchases that wait for a SKU are asked about again.
    pub async fn apply_catalog(
        &self,
        id: &MerchantId,
        catalog: Catalog,
        dry_run: bool,
    ) -> Result<Vec<AppliedEntry>, UseCaseError> {
        let _turn = self.turn(id).await;
        decided!(self, self.try_apply(id, catalog.clone(), dry_run))
    }

    async fn try_apply(
        &self,
        id: &MerchantId,
        catalog: Catalog,
        dry_run: bool,
    ) -> Result<Vec<AppliedEntry>, UseCaseError> {
        let current = self.catalog(id).await?;
        one_spec_per_sku(&current, &catalog)?;
        let has_keys = current.merchant.is_some() || !dry_run;
        let merchant = catalog.merchant.clone().or(current.merchant.clone());
        let merchant = merchant.ok_or(Refusal::NotFound { what: "merchant" })?;
        self.check_issuer(&merchant, current.merchant.as_ref()).await?;
        let mut entries = Vec::new();
        let mut commit = Commit::new();
        if let Some(merchant) = catalog.merchant {
            let id = merchant.id.to_string();
            commit = self.apply_one(commit, &mut entries, "merchant", id, merchant).await?;
        }
        let owned = |value| Owned { merchant: merchant.id.clone(), value };
        for product in catalog.products {
            let id = product.id.to_string();
            commit = self.apply_one(commit, &mut entries, "product", id, owned(product)).await?;
        }
        self.prepare_keys(&merchant, dry_run)?;
        for spec in catalog.specs {
            if has_keys {
                self.check_key_length(&merchant, &spec)?;
            }
            commit = self.apply_mappings(commit, &mut entries, &merchant.id, &spec).await?;
            let (id, owned) = (spec.id.to_string(), Owned { merchant: merchant.id.clone(), value: spec });
            commit = self.apply_one(commit, &mut entries, "spec", id, owned).await?;
        }
        for channel in catalog.channels {
            let known = current.channels.iter().find(|known| known.id == channel.id);
            let details = known.map(|known| key_changes(known, &channel)).unwrap_or_default();
            let (id, owned) =
                (channel.id.to_string(), Owned { merchant: merchant.id.clone(), value: channel });
            commit = self.apply_one(commit, &mut entries, "channel", id, owned).await?;
            if let Some(entry) = entries.last_mut() {
                entry.details = details;
            }
        }
        for token in catalog.api_tokens {
            commit = self.apply_token(commit, &mut entries, token).await?;
        }
        if !dry_run {
            if !commit.changes.is_empty() {
                self.store.commit(commit).await?;
            }
            // Also when nothing changed: the answer to an earlier try may have been lost after its commit.
            self.settle_waiting_purchases_now(&merchant.id).await?;
        }
        Ok(entries)
    }

    async fn apply_one<T: Stored + Clone + PartialEq>(
        &self,
        commit: Commit,
        entries: &mut Vec<AppliedEntry>,
        kind: &'static str,
        id: String,
        value: T,
    ) -> Result<Commit, UseCaseError> {
        let record = value.into_record();
        let stored = self.store.load(&[record.key()]).await?.into_iter().next().flatten();
        let (change, revision) = match &stored {
            None => (EntryChange::Created, ABSENT),
            Some(stored) if stored.value == record => (EntryChange::Unchanged, stored.revision),
            Some(stored) => (EntryChange::Changed, stored.revision),
        };
        entries.push(AppliedEntry { kind, id, change, details: Vec::new() });
        Ok(match change {
            EntryChange::Unchanged => commit,
            EntryChange::Created | EntryChange::Changed => commit.with(Change::Put(record, revision)),
        })
    }

    /// What a held order was mapped to is kept beside the catalog: a file that does not name the SKU leaves it, and one
    /// that gives it to another spec is the later word.
    async fn apply_mappings(
        &self,
        mut commit: Commit,
        entries: &mut Vec<AppliedEntry>,
        merchant: &MerchantId,
        spec: &Spec,
    ) -> Result<Commit, UseCaseError> {
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
                let (kind, change) = ("mapping", EntryChange::Changed);
                entries.push(AppliedEntry { kind, id, change, details: Vec::new() });
                let moved = Mapping { spec: spec.id.clone(), since: self.now(), ..known };
                commit = commit.put(moved, revision);
            }
        }
        Ok(commit)
    }

    /// A token given from outside is known by its digest: the same text again changes nothing. It stays whose it is,
    /// and what ended it still does: the text may be a reference that somebody else's token hides behind.
    async fn apply_token(
        &self,
        commit: Commit,
        entries: &mut Vec<AppliedEntry>,
        token: ApiToken,
    ) -> Result<Commit, UseCaseError> {
        let known: Option<Versioned<ApiToken>> =
            find(self.store.as_ref(), RecordKey::ApiToken(token.digest)).await?;
        if known.as_ref().is_some_and(|known| known.value.owner != token.owner) {
            let why = "this text is another owner's token already: make a new one".to_owned();
            return Err(Refusal::Invalid { pointer: format!("/api_token/{}", token.name), why }.into());
        }
        let same = known
            .as_ref()
            .is_some_and(|known| known.value.name == token.name && known.value.scopes == token.scopes);
        let change = match (&known, same) {
            (None, _) => EntryChange::Created,
            (Some(_), true) => EntryChange::Unchanged,
            (Some(_), false) => EntryChange::Changed,
        };
        entries.push(AppliedEntry { kind: "api_token", id: token.name.clone(), change, details: Vec::new() });
        Ok(match known {
            Some(_) if same => commit,
            Some(Versioned { value: known, revision }) => {
                commit.put(ApiToken { name: token.name, scopes: token.scopes, ..known }, revision)
            }
            None => commit.put(token, ABSENT),
        })
    }

    /// The issuer is an identity: keys and certificates name it for ever.
    async fn check_issuer(&self, new: &Merchant, current: Option<&Merchant>) -> Result<(), UseCaseError> {
        let Some(current) = current.filter(|current| current.issuer != new.issuer) else { return Ok(()) };
        let listing = Listing::Licenses { merchant: current.id.clone(), before: None };
        let sold: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, 1).await?;
        if sold.is_empty() {
            return Ok(());
        }
        let why = format!("the issuer is frozen after the first sale; it is {}", current.issuer);
        Err(Refusal::Invalid { pointer: "/merchant/issuer".into(), why }.into())
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
