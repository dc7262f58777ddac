//! A customer's personal data is erased: on request, or because the time for which it is kept is over.
//!
//! What a customer bought stays, and goes on working: tokens hold no personal data. Names give way to a pseudonym, texts to
//! nothing, and what a marketplace told of the companies and people who use an instance goes. See `docs/privacy.md`.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::app::{App, UseCaseError, decided};
use super::ports::{ABSENT, Commit, Listing, StoreError, Urgency, Versioned, find, list};
use super::record::{KitRecord, RecordKey};
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{
    Activation, Actor, AppInfo, CustomerDigest, CustomerId, Erasure, EventKind, Instant, License, LicenseId,
    Marketplace, Merchant, MerchantId, Origin, Purchase, Refusal, Subject,
};

/// Licenses looked at for one answer, so that a long list cannot hold up the server.
const LOOKED_AT_MAX: usize = 5_000;
/// Records changed in one commit.
const CHANGED_MAX: usize = 100;
/// Activations of a license whose names are erased.
const ACTIVATIONS_MAX: usize = 1_000;
const PAGE: usize = 500;
/// Customers that one request may name.
pub const ERASED_MAX: usize = 200;

/// Whose data is erased, for whom.
#[derive(Debug, Clone, Copy)]
pub struct EraseCustomers<'a> {
    /// Whose customers.
    pub merchant: &'a MerchantId,
    /// Which.
    pub customers: &'a [CustomerDigest],
    /// Who asks.
    pub actor: &'a Actor,
}

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Licenses, and purchases that will become one.
    pub licenses: usize,
    /// Names of machines.
    pub machines: usize,
    /// What a marketplace told of companies and people.
    pub kit_records: usize,
}

/// A customer, without the id.
pub fn customer_digest(merchant: &MerchantId, customer: &str) -> CustomerDigest {
    let mut digest = Sha256::new();
    for part in ["lictor customer", merchant.as_str(), customer] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    CustomerDigest(digest.finalize().into())
}

impl App {
    /// Erases what is kept of these customers, license by license from the newest on; the second value is where the next
    /// call goes on. Cut off anywhere, the same again does the rest. What the customer does afterwards is kept anew.
    pub async fn erase_customers(
        &self,
        erase: &EraseCustomers<'_>,
        before: Option<LicenseId>,
    ) -> Result<(Erased, Option<LicenseId>), UseCaseError> {
        let pseudonyms = self.remember_erasures(erase).await?;
        let (mut erased, mut before, mut looked_at) = (Erased::default(), before, 0);
        loop {
            let batch = self.newest_before(erase.merchant, before.as_ref()).await?;
            let Some(last) = batch.last() else { return Ok((erased, None)) };
            before = Some(last.id().clone());
            looked_at += batch.len();
            for entry in &batch {
                let customer = entry.customer().map(|it| customer_digest(erase.merchant, it.as_str()));
                if let Some(pseudonym) = customer.and_then(|customer| pseudonyms.get(&customer)) {
                    erased += self.erase_license(erase.merchant, entry.id(), pseudonym, erase.actor).await?;
                }
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((erased, before));
            }
        }
    }

    /// Erases the personal data of what ended before `ended_before`, of every merchant.
    pub async fn erase_what_ended(&self, ended_before: Instant) -> Result<Erased, UseCaseError> {
        let mut erased = Erased::default();
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let (merchant, mut before) = (merchant.value.id, None);
            loop {
                let batch = self.newest_before(&merchant, before.as_ref()).await?;
                let Some(last) = batch.last() else { break };
                before = Some(last.id().clone());
                for entry in batch.iter().filter(|entry| entry.ended_before(ended_before)) {
                    let token = entry.id().as_str().trim_start_matches("lic_");
                    let pseudonym = pseudonym(token)?;
                    if entry.holds_personal_data() {
                        erased +=
                            self.erase_license(&merchant, entry.id(), &pseudonym, &Actor::Server).await?;
                    }
                }
                tokio::time::sleep(super::sweep_lapsed::BETWEEN_PAGES).await;
            }
        }
        Ok(erased)
    }

    /// Erasures of a merchant, behind the given one.
    pub async fn erasures(
        &self,
        merchant: &MerchantId,
        after: Option<CustomerDigest>,
        limit: usize,
    ) -> Result<Vec<Erasure>, UseCaseError> {
        let listing = Listing::Erasures { merchant: merchant.clone(), after };
        let found: Vec<Versioned<Erasure>> = list(self.store.as_ref(), &listing, limit).await?;
        Ok(found.into_iter().map(|found| found.value).collect())
    }

    /// First: an erasure that was begun is on the list, whatever comes between.
    async fn remember_erasures(
        &self,
        erase: &EraseCustomers<'_>,
    ) -> Result<BTreeMap<CustomerDigest, CustomerId>, UseCaseError> {
        let mut pseudonyms = BTreeMap::new();
        for customer in erase.customers.iter().take(ERASED_MAX) {
            let pseudonym = decided!(self, self.remember_erasure(erase, *customer))?;
            pseudonyms.insert(*customer, pseudonym);
        }
        Ok(pseudonyms)
    }

    async fn remember_erasure(
        &self,
        erase: &EraseCustomers<'_>,
        customer: CustomerDigest,
    ) -> Result<CustomerId, UseCaseError> {
        let merchant = erase.merchant;
        let known: Option<Versioned<Erasure>> =
            find(self.store.as_ref(), RecordKey::Erasure(merchant.clone(), customer)).await?;
        let (revision, pseudonym) = match known {
            Some(known) => (known.revision, known.value.pseudonym),
            None => {
                let bytes = self.ids.random_bytes();
                let token: String = bytes.iter().take(11).map(|byte| format!("{byte:02x}")).collect();
                (ABSENT, pseudonym(&token)?)
            }
        };
        let detail = [("pseudonym", pseudonym.to_string())];
        let subject = Subject::customer(&customer);
        let event = self.event_about(merchant, subject, erase.actor, EventKind::CustomerErased, &detail);
        let (merchant, at) = (merchant.clone(), self.now());
        let erasure = Erasure { merchant, customer, pseudonym: pseudonym.clone(), at };
        let commit = Commit::new().with_urgency(Urgency::Essential).put(erasure, revision);
        self.store.commit(commit.put(event, ABSENT)).await?;
        Ok(pseudonym)
    }

    /// The license last: while its customer stands there, the same again finds it.
    async fn erase_license(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
        pseudonym: &CustomerId,
        actor: &Actor,
    ) -> Result<Erased, UseCaseError> {
        let _turn = self.turn(id).await;
        let entry = match self.view_license(merchant, id).await {
            Err(UseCaseError::Refused(Refusal::NotFound { .. })) => return Ok(Erased::default()),
            entry => entry?,
        };
        let mut erased = Erased { licenses: 1, ..Erased::default() };
        if let Some((marketplace, instance)) = entry.instance() {
            erased.kit_records = self.erase_kit(merchant, marketplace, &instance).await?;
        }
        erased.machines = decided!(self, self.erase_machine_names(merchant, id))?;
        decided!(self, self.erase_names(merchant, id, pseudonym, actor))?;
        Ok(erased)
    }

    async fn erase_kit(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        instance: &str,
    ) -> Result<usize, UseCaseError> {
        let mut gone = 0;
        for record in self.kit_of_instance(merchant, marketplace, instance).await?.chunks(CHANGED_MAX) {
            let keys = record.iter().map(|it| super::record::Stored::into_record(it.clone()).key());
            let changes = keys.map(super::ports::Change::Remove).collect();
            self.store.commit(Commit { changes, urgency: Urgency::Essential }).await?;
            gone += record.len();
        }
        Ok(gone)
    }

    /// What a marketplace told of the companies and people who use an instance.
    pub(super) async fn kit_of_instance(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        instance: &str,
    ) -> Result<Vec<KitRecord>, UseCaseError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let listing = Listing::Kit { merchant: merchant.clone(), after };
            let page: Vec<Versioned<KitRecord>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(super::record::Stored::into_record(last.value.clone()).key());
            let is_of = |it: &KitRecord| {
                it.marketplace == marketplace && it.id.first().is_some_and(|first| first == instance)
            };
            found.extend(page.into_iter().map(|it| it.value).filter(is_of));
        }
    }

    async fn erase_machine_names(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<usize, UseCaseError> {
        let listing = Listing::Activations(merchant.clone(), license.clone());
        let all: Vec<Versioned<Activation>> = list(self.store.as_ref(), &listing, ACTIVATIONS_MAX).await?;
        let named: Vec<_> = all.into_iter().filter(|it| !it.value.name.is_empty()).collect();
        for some in named.chunks(CHANGED_MAX) {
            let erase = |commit: Commit, it: &Versioned<Activation>| {
                commit.put(Activation { name: String::new(), ..it.value.clone() }, it.revision)
            };
            let commit = some.iter().fold(Commit::new().with_urgency(Urgency::Essential), erase);
            self.store.commit(commit).await?;
        }
        Ok(named.len())
    }

    async fn erase_names(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
        pseudonym: &CustomerId,
        actor: &Actor,
    ) -> Result<(), UseCaseError> {
        let mut commit = Commit::new().with_urgency(Urgency::Essential);
        let purchase = match self.view_license(merchant, id).await? {
            LicenseOrPurchase::Purchase(purchase) => Some(*purchase),
            LicenseOrPurchase::License(license) => {
                let Versioned { value, revision } = *license;
                let purchase = match &value.origin {
                    Origin::Order { key, .. } => {
                        find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?
                    }
                    Origin::Issued { .. } => None,
                };
                commit = commit.put(erased_license(value, pseudonym), revision);
                purchase
            }
        };
        if let Some(Versioned { value, revision }) = purchase {
            commit = commit.put(erased_purchase(value, pseudonym), revision);
        }
        let shown: Option<Versioned<AppInfo>> =
            find(self.store.as_ref(), RecordKey::AppInfo(merchant.clone(), id.clone())).await?;
        if let Some(Versioned { value, revision }) = shown.filter(|shown| shown.value.memo.is_some()) {
            commit = commit.put(AppInfo { memo: None, ..value }, revision);
        }
        let event = self.event(merchant, id, actor, EventKind::LicensePersonalDataErased, &[]);
        self.store.commit(commit.put(event, ABSENT)).await?;
        Ok(())
    }
}

fn erased_license(license: License, pseudonym: &CustomerId) -> License {
    License { customer: license.customer.map(|_| pseudonym.clone()), label: String::new(), ..license }
}

fn erased_purchase(mut purchase: Purchase, pseudonym: &CustomerId) -> Purchase {
    if let Some(facts) = &mut purchase.facts {
        facts.customer = facts.customer.take().map(|_| pseudonym.clone());
        facts.extend_params.clear();
    }
    purchase
}

fn pseudonym(token: &str) -> Result<CustomerId, StoreError> {
    CustomerId::pseudonym(token).ok_or_else(|| StoreError::Failed("a pseudonym that is no id".to_owned()))
}

impl LicenseOrPurchase {
    /// Who bought it.
    pub fn customer(&self) -> Option<&CustomerId> {
        match self {
            Self::License(license) => license.value.customer.as_ref(),
            Self::Purchase(purchase) => purchase.value.facts.as_ref()?.customer.as_ref(),
        }
    }

    /// What the marketplace calls it.
    pub(super) fn instance(&self) -> Option<(Marketplace, String)> {
        match self {
            Self::License(license) => match &license.value.origin {
                Origin::Order { key, instance, .. } => Some((key.marketplace, instance.to_string())),
                Origin::Issued { .. } => None,
            },
            Self::Purchase(purchase) => {
                Some((purchase.value.key.marketplace, purchase.value.instance.to_string()))
            }
        }
    }

    fn ended_before(&self, instant: Instant) -> bool {
        match self {
            Self::License(license) => license.value.ended_at().is_some_and(|at| at < instant),
            Self::Purchase(purchase) => purchase.value.ended_at().is_some_and(|at| at < instant),
        }
    }

    fn holds_personal_data(&self) -> bool {
        let label = match self {
            Self::License(license) => license.value.label.as_str(),
            Self::Purchase(_) => "",
        };
        !label.is_empty() || self.customer().is_some_and(|customer| !customer.is_pseudonym())
    }
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.licenses += other.licenses;
        self.machines += other.machines;
        self.kit_records += other.kit_records;
    }
}
