//! The instances that usage is recorded of: what was bought, how it is paid for, and through which channel.

use std::collections::{BTreeMap, BTreeSet};

use super::app::{App, UseCaseError};
use super::ports::{Versioned, find_all};
use super::record::{Instance, Owned, RecordKey, Stored};
use crate::domain::{
    Channel, ChannelId, Charging, InstanceId, Instant, License, LicenseEnd, LicenseId, Marketplace,
    MerchantId, Metered, Origin, Purchase, PurchaseFacts,
};

/// The one marketplace that takes usage.
pub(super) const METERING_MARKETPLACE: Marketplace = Marketplace::KooGallery;

/// An instance that was minted.
pub(super) struct MeteredInstance {
    pub(super) purchase: Purchase,
    pub(super) facts: PurchaseFacts,
    pub(super) license: License,
}

/// Everything that a request may be about, loaded at once.
pub(super) struct MeteredInstances {
    instances: BTreeMap<InstanceId, Result<MeteredInstance, &'static str>>,
    of_license: BTreeMap<LicenseId, InstanceId>,
    channels: BTreeMap<ChannelId, Channel>,
}

impl MeteredInstance {
    pub(super) fn is_pay_per_use(&self) -> bool {
        self.facts.charging == Charging::OnDemand
    }

    pub(super) fn is_package(&self) -> bool {
        self.facts.charging == Charging::OnDemandPackage
    }

    pub(super) fn released_at(&self) -> Option<Instant> {
        match &self.license.end {
            LicenseEnd::Released { at } => Some(*at),
            LicenseEnd::Running | LicenseEnd::Revoked { .. } => None,
        }
    }

    /// What the merchant ends or stops goes on at the marketplace, so only its own release counts.
    pub(super) fn metered(&self) -> Metered {
        Metered { starts_at: self.license.validity.starts_at, released_at: self.released_at() }
    }

    pub(super) fn product_id(&self) -> Option<&String> {
        self.facts.product_id.as_ref().or(self.purchase.key.product_id.as_ref())
    }
}

impl MeteredInstances {
    /// The instance, or in words why nothing can be recorded of it.
    pub(super) fn instance(&self, id: &InstanceId) -> Result<&MeteredInstance, &'static str> {
        match self.instances.get(id) {
            Some(Ok(instance)) => Ok(instance),
            Some(Err(why)) => Err(why),
            None => Err("there is no such instance"),
        }
    }

    pub(super) fn instance_of(&self, license: &LicenseId) -> Option<&InstanceId> {
        self.of_license.get(license)
    }

    pub(super) fn channel(&self, id: &ChannelId) -> Option<&Channel> {
        self.channels.get(id)
    }
}

impl App {
    /// Loads what these ids mean; what means nothing is left out.
    pub(super) async fn metered_instances(
        &self,
        merchant: &MerchantId,
        mut wanted: BTreeSet<InstanceId>,
        licenses: BTreeSet<LicenseId>,
    ) -> Result<MeteredInstances, UseCaseError> {
        let mut of_license = BTreeMap::new();
        for license in self.licenses(merchant, licenses).await?.into_values() {
            if let Origin::Order { key, instance, .. } = license.origin
                && key.marketplace == METERING_MARKETPLACE
            {
                wanted.insert(instance.clone());
                of_license.insert(license.id, instance);
            }
        }
        let key = |id: &InstanceId| RecordKey::Instance(merchant.clone(), METERING_MARKETPLACE, id.clone());
        let found: Vec<Instance> = self.loaded(wanted.iter().map(key)).await?;
        let purchases: Vec<Purchase> =
            self.loaded(found.iter().map(|it| RecordKey::Purchase(it.purchase.clone()))).await?;
        let by_key: BTreeMap<_, _> = purchases.iter().map(|purchase| (&purchase.key, purchase)).collect();
        let ids = purchases.iter().map(|purchase| purchase.license.clone()).collect();
        let mut licenses = self.licenses(merchant, ids).await?;
        let mut instances = BTreeMap::new();
        for Instance { id, purchase } in found {
            let Some(purchase) = by_key.get(&purchase) else { continue };
            let license = licenses.remove(&purchase.license);
            instances.insert(id, minted(purchase, license));
        }
        let ids: BTreeSet<_> = purchases.iter().map(|purchase| purchase.channel.clone()).collect();
        let channels: Vec<Owned<Channel>> =
            self.loaded(ids.into_iter().map(|id| RecordKey::Channel(merchant.clone(), id))).await?;
        let channels = channels.into_iter().map(|channel| (channel.value.id.clone(), channel.value));
        Ok(MeteredInstances { instances, of_license, channels: channels.collect() })
    }

    async fn licenses(
        &self,
        merchant: &MerchantId,
        ids: BTreeSet<LicenseId>,
    ) -> Result<BTreeMap<LicenseId, License>, UseCaseError> {
        let key = |id| RecordKey::License(merchant.clone(), id);
        let licenses: Vec<License> = self.loaded(ids.into_iter().map(key)).await?;
        Ok(licenses.into_iter().map(|license| (license.id.clone(), license)).collect())
    }

    /// The nouns that are there.
    pub(super) async fn loaded<T: Stored>(
        &self,
        keys: impl Iterator<Item = RecordKey>,
    ) -> Result<Vec<T>, UseCaseError> {
        let keys: Vec<_> = keys.collect();
        let found: Vec<Option<Versioned<T>>> = find_all(self.store.as_ref(), &keys).await?;
        Ok(found.into_iter().flatten().map(|found| found.value).collect())
    }
}

/// How it is paid for is known once the order was asked for; from when it can be used, once it is minted.
fn minted(purchase: &Purchase, license: Option<License>) -> Result<MeteredInstance, &'static str> {
    match (license, &purchase.facts) {
        (Some(license), Some(facts)) => {
            Ok(MeteredInstance { purchase: purchase.clone(), facts: facts.clone(), license })
        }
        (None, _) | (_, None) => Err(
            "the instance is not ready: its order is being asked for, or its SKU is not mapped; try again later",
        ),
    }
}
