//! How the quota packages of licenses stand.

use std::collections::BTreeMap;

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, find, find_all, list};
use super::quota_books::{follow, is_settled};
use super::record::{Instance, RecordKey};
use crate::domain::{
    Device, HeldPackage, InstanceId, Instant, License, LicenseId, Marketplace, MerchantId, Meter, Purchase,
    QuotaAccount, QuotaBalance, QuotaCounts, Refusal, Reservation,
};

/// Reservations of one license that are looked at.
const LOOKED_AT_MAX: usize = 1_000;

/// A package and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageView {
    /// The package.
    pub held: HeldPackage,
    /// How it stands.
    pub balance: QuotaBalance,
}

impl App {
    /// How the packages of each license stand now; those that ended are left out. Nothing is written.
    pub async fn view_quota(
        &self,
        merchant: &MerchantId,
        licenses: &[&License],
    ) -> Result<BTreeMap<LicenseId, Vec<PackageView>>, UseCaseError> {
        let now = self.now();
        let keys: Vec<_> = licenses
            .iter()
            .map(|license| RecordKey::QuotaAccount(merchant.clone(), license.id.clone()))
            .collect();
        let stored: Vec<Option<Versioned<QuotaAccount>>> = find_all(self.store.as_ref(), &keys).await?;
        let mut views = BTreeMap::new();
        for (license, stored) in licenses.iter().zip(stored) {
            let account = stored.map(|stored| stored.value);
            views.insert(license.id.clone(), self.package_views(license, account, now).await?);
        }
        Ok(views)
    }

    /// The license of an instance, whichever marketplace calls it so.
    pub async fn license_of_instance(
        &self,
        merchant: &MerchantId,
        instance: &InstanceId,
    ) -> Result<LicenseId, UseCaseError> {
        for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
            let key = RecordKey::Instance(merchant.clone(), marketplace, instance.clone());
            let known: Option<Versioned<Instance>> = find(self.store.as_ref(), key).await?;
            let Some(known) = known else { continue };
            let key = RecordKey::Purchase(known.value.purchase);
            let purchase: Option<Versioned<Purchase>> = find(self.store.as_ref(), key).await?;
            if let Some(purchase) = purchase {
                return Ok(purchase.value.license);
            }
        }
        Err(Refusal::NotFound { what: "license" }.into())
    }

    async fn package_views(
        &self,
        license: &License,
        stored: Option<QuotaAccount>,
        now: Instant,
    ) -> Result<Vec<PackageView>, UseCaseError> {
        let Some(mut account) = stored else {
            let account = QuotaAccount::open(license);
            return Ok(shown(&account, license, &QuotaCounts::default(), now));
        };
        let purchases = self.purchases_of(&account).await?;
        let mut counts = self.counts_to_follow(&account, license, &purchases, now).await?;
        if !is_settled(&account, license, &purchases) {
            follow(&mut account, license, &purchases, &counts, now);
            counts = self.counts_at(&account, license, now).await?;
        }
        let is_reserved = |held: &HeldPackage| counts.get(&held.meter(Meter::Reserved)) > 0;
        if account.packages.iter().any(is_reserved) {
            self.without_lapsed(license, &mut counts, now).await?;
        }
        Ok(shown(&account, license, &counts, now))
    }

    /// What lapsed reservations and silent machines still hold is free.
    async fn without_lapsed(
        &self,
        license: &License,
        counts: &mut QuotaCounts,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let listing = Listing::Reservations(license.merchant.clone(), license.id.clone());
        let all: Vec<Versioned<Reservation>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        for reservation in all.into_iter().filter(|found| found.value.has_lapsed(now)) {
            for part in &reservation.value.parts {
                for key in [Meter::Taken, Meter::Reserved].into_iter().flat_map(|meter| part.counters(meter))
                {
                    counts.add(key, -part.amount.ten_thousandths());
                }
            }
        }
        let listing = Listing::Devices(license.merchant.clone(), license.id.clone());
        let devices: Vec<Versioned<Device>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        let shares = devices.iter().flat_map(|device| &device.value.shares);
        for share in shares.filter(|share| share.has_lapsed(now)) {
            for key in [Meter::Taken, Meter::Reserved].into_iter().flat_map(|meter| share.counters(meter)) {
                counts.add(key, -share.kept().ten_thousandths());
            }
        }
        Ok(())
    }
}

fn shown(account: &QuotaAccount, license: &License, counts: &QuotaCounts, now: Instant) -> Vec<PackageView> {
    let ended_at = license.quota_ended_at();
    let view =
        |held: &HeldPackage| PackageView { held: held.clone(), balance: held.balance(counts, ended_at, now) };
    account.open_packages().map(view).collect()
}
