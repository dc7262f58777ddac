//! A license with its quota packages and counters, as loaded and to be committed against.

use std::collections::BTreeSet;

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, StoreError, Versioned, find, find_all};
use super::record::{CounterKey, Record, RecordKey};
use crate::domain::{
    Attachment, Charging, HeldPackage, Instant, License, LicenseId, MerchantId, Meter, MeterKey, Origin,
    Purchase, QuotaAccount, QuotaCounts, QuotaPool,
};

/// Most counters that are read at a time.
const COUNTERS_MAX: usize = 1_000;

/// The books of one license.
pub(super) struct QuotaBooks {
    pub(super) license: Versioned<License>,
    pub(super) account: QuotaAccount,
    /// Of the account; absent until something is counted.
    revision: u64,
    /// What the account was made from, where it is not as stored: nothing may have been taken since.
    followed: Option<Commit>,
    /// The purchases of the packages that it holds beside its own.
    purchases: Vec<Versioned<License>>,
}

impl QuotaBooks {
    /// What pays: packages whose purchase is stopped do not, while it is. Whoever counts commits against the purchases.
    pub(super) fn pool(&self, counts: QuotaCounts) -> QuotaPool<'_> {
        let stopped = self.purchases.iter().filter(|purchase| !purchase.value.holds.is_empty());
        QuotaPool::new(&self.account, counts).passing_over(stopped.map(|purchase| purchase.value.id.clone()))
    }

    /// Makes a commit hold only while license and packages are as they were read; writes what the account has become.
    pub(super) fn guard(&self, mut commit: Commit) -> Commit {
        let license = &self.license.value;
        let key = RecordKey::License(license.merchant.clone(), license.id.clone());
        commit = commit.with(Change::Check(key, self.license.revision));
        for Versioned { value: purchase, revision } in &self.purchases {
            let key = RecordKey::License(purchase.merchant.clone(), purchase.id.clone());
            commit = commit.with(Change::Check(key, *revision));
        }
        let Some(followed) = &self.followed else {
            let key = RecordKey::QuotaAccount(license.merchant.clone(), license.id.clone());
            return commit.with(Change::Check(key, self.revision));
        };
        commit.changes.extend(followed.changes.iter().cloned());
        commit.put(self.account.clone(), self.revision)
    }
}

impl App {
    /// The books of a license whose account was loaded with it.
    pub(super) async fn quota_books(
        &self,
        license: Versioned<License>,
        account: Option<Versioned<QuotaAccount>>,
        now: Instant,
    ) -> Result<QuotaBooks, UseCaseError> {
        let Some(Versioned { value: mut account, revision }) = account else {
            let account = QuotaAccount::open(&license.value);
            let (followed, purchases) = (Some(Commit::new()), Vec::new());
            return Ok(QuotaBooks { license, account, revision: ABSENT, followed, purchases });
        };
        let purchases = self.purchases_of(&account).await?;
        if is_settled(&account, &license.value, &purchases) {
            return Ok(QuotaBooks { license, account, revision, followed: None, purchases });
        }
        let counts = self.counts_to_follow(&account, &license.value, &purchases, now).await?;
        let followed = Some(unchanged_since(Commit::new(), &account, &counts));
        follow(&mut account, &license.value, &purchases, &counts, now);
        Ok(QuotaBooks { license, account, revision, followed, purchases })
    }

    /// The purchases of the packages that an account holds beside those that its license was sold with.
    pub(super) async fn purchases_of(
        &self,
        account: &QuotaAccount,
    ) -> Result<Vec<Versioned<License>>, UseCaseError> {
        let key = |purchase| RecordKey::License(account.merchant.clone(), purchase);
        let keys: Vec<_> = account.purchases().into_iter().map(key).collect();
        let found: Vec<Option<Versioned<License>>> = find_all(self.store.as_ref(), &keys).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Every counter that is needed to follow the license and those purchases: of what has ended as it stood then.
    pub(super) async fn counts_to_follow(
        &self,
        account: &QuotaAccount,
        license: &License,
        purchases: &[Versioned<License>],
        now: Instant,
    ) -> Result<QuotaCounts, UseCaseError> {
        let ends = purchases.iter().filter_map(|purchase| purchase.value.quota_ended_at());
        let instants: Vec<Instant> = ends.chain([now]).collect();
        let meters = |held: &HeldPackage| {
            let at = |instant: &Instant| held.meters_at(held.stands_at(license.quota_ended_at(), *instant));
            instants.iter().flat_map(at).collect::<Vec<_>>()
        };
        let keys = account.packages.iter().flat_map(meters).collect();
        self.quota_counts(&license.merchant, keys).await
    }

    /// What a change of a license, or of the purchase of a package, means for the books, in the same commit: what is paid back,
    /// exchanged or ended is so now, and not when something is used next. What only goes on for longer needs none of this:
    /// when that is noticed makes no difference. Neither does a license that ends: what it had left is computed.
    pub(super) async fn book_change(
        &self,
        commit: Commit,
        before: &License,
        after: &License,
        now: Instant,
    ) -> Result<Commit, UseCaseError> {
        let holder = match &after.attachment {
            Some(Attachment::To(holder)) => holder,
            None | Some(Attachment::Own) => &after.id,
        };
        let is_held_by_another = *holder != after.id;
        let ends =
            is_held_by_another && before.quota_ended_at().is_none() && after.quota_ended_at().is_some();
        if after.keeps_quota_of(before) && !ends {
            return Ok(commit);
        }
        let key = RecordKey::QuotaAccount(after.merchant.clone(), holder.clone());
        let stored: Option<Versioned<QuotaAccount>> = find(self.store.as_ref(), key).await?;
        let as_sold = || Versioned { value: QuotaAccount::open(before), revision: ABSENT };
        let Versioned { value: mut account, revision } = stored.unwrap_or_else(as_sold);
        // Also of what each may become: a window of the same reset may have been used before.
        let becomes = |held: &HeldPackage| {
            let at = held.package.reopens(now).unwrap_or(now);
            let new = after.sold.quota.iter().map(|new| HeldPackage { package: new.clone(), ..held.clone() });
            new.chain([held.clone()]).flat_map(|held| held.meters_at(at)).collect::<Vec<_>>()
        };
        let keys = account.packages.iter().flat_map(becomes).collect();
        let counts = self.quota_counts(&after.merchant, keys).await?;
        self.nothing_has_lapsed(&account, &counts, now).await?;
        let commit = unchanged_since(commit, &account, &counts);
        for stage in [before, after] {
            if is_held_by_another {
                account.follow_purchase(stage, &counts, now);
            } else {
                account.follow(stage, &counts, now);
            }
        }
        Ok(commit.put(account, revision))
    }

    /// What lapsed reservations and silent machines still hold is given back before anything is computed from what is taken;
    /// whoever finds some decides again.
    pub(super) async fn nothing_has_lapsed(
        &self,
        account: &QuotaAccount,
        counts: &QuotaCounts,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let is_reserved = account.packages.iter().any(|held| counts.get(&held.meter(Meter::Reserved)) > 0);
        if is_reserved && self.return_lapsed(&account.merchant, &account.license, now).await? > 0 {
            return Err(StoreError::Conflict.into());
        }
        Ok(())
    }

    /// Loads a license with its account.
    pub(super) async fn license_with_account(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<(Option<Versioned<License>>, Option<Versioned<QuotaAccount>>), UseCaseError> {
        let keys = [
            RecordKey::License(merchant.clone(), id.clone()),
            RecordKey::QuotaAccount(merchant.clone(), id.clone()),
        ];
        let (mut license, mut account) = (None, None);
        for Versioned { value, revision } in self.store.load(&keys).await?.into_iter().flatten() {
            match value {
                Record::License(value) => license = Some(Versioned { value, revision }),
                Record::QuotaAccount(value) => account = Some(Versioned { value, revision }),
                other => return Err(misplaced(&other).into()),
            }
        }
        Ok((license, account))
    }

    /// Every counter that says how the packages of a license stand.
    pub(super) async fn counts_at(
        &self,
        account: &QuotaAccount,
        license: &License,
        now: Instant,
    ) -> Result<QuotaCounts, UseCaseError> {
        let meters_at = |held: &HeldPackage| held.meters_at(held.stands_at(license.quota_ended_at(), now));
        let keys = account.packages.iter().flat_map(meters_at).collect();
        self.quota_counts(&license.merchant, keys).await
    }

    /// Reads counters; each thousand as of one moment.
    pub(super) async fn quota_counts(
        &self,
        merchant: &MerchantId,
        keys: BTreeSet<MeterKey>,
    ) -> Result<QuotaCounts, UseCaseError> {
        let keys: Vec<MeterKey> = keys.into_iter().collect();
        let mut counts = QuotaCounts::default();
        for keys in keys.chunks(COUNTERS_MAX) {
            let named = keys.iter().map(|key| CounterKey::Quota(merchant.clone(), key.clone()));
            let values = self.store.counts(&named.collect::<Vec<_>>()).await?;
            keys.iter().zip(values).for_each(|(key, value)| counts.set(key.clone(), value));
        }
        Ok(counts)
    }

    /// Whether the marketplace bills what is used, hour by hour or day by day.
    pub(super) async fn is_pay_per_use(&self, license: &License) -> Result<bool, UseCaseError> {
        let Origin::Order { key, .. } = &license.origin else { return Ok(false) };
        if key.marketplace != super::metered_instances::METERING_MARKETPLACE {
            return Ok(false);
        }
        let purchase: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        let charging = purchase.and_then(|purchase| Some(purchase.value.facts?.charging));
        Ok(charging == Some(Charging::OnDemand))
    }
}

/// Whether an account says what its license and the purchases of its other packages say.
pub(super) fn is_settled(
    account: &QuotaAccount,
    license: &License,
    purchases: &[Versioned<License>],
) -> bool {
    account.is_settled(license) && purchases.iter().all(|purchase| account.is_settled_with(&purchase.value))
}

/// Makes it say so.
pub(super) fn follow(
    account: &mut QuotaAccount,
    license: &License,
    purchases: &[Versioned<License>],
    counts: &QuotaCounts,
    now: Instant,
) {
    account.follow(license, counts, now);
    for purchase in purchases {
        account.follow_purchase(&purchase.value, counts, now);
    }
}

/// What was taken of each open package is what it was when it was read.
fn unchanged_since(commit: Commit, account: &QuotaAccount, counts: &QuotaCounts) -> Commit {
    account.open_packages().fold(commit, |commit, held| {
        let key = held.meter(Meter::Taken);
        let value = counts.get(&key);
        let counter = CounterKey::Quota(account.merchant.clone(), key);
        commit.with(Change::AddWithin { counter, delta: 0, min: value, max: value })
    })
}

pub(super) fn misplaced(record: &Record) -> StoreError {
    StoreError::Failed(format!("another kind of record stands at {:?}", record.key()))
}
