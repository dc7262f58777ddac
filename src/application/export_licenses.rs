//! Licenses as rows of a file: what an import of the same row makes again elsewhere.

use super::app::{App, UseCaseError};
use super::import_licenses::ImportRow;
use super::ports::{Versioned, find_all};
use super::record::RecordKey;
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{
    ChannelId, Charging, InstanceId, Instant, License, LicenseState, Marketplace, MerchantId, OrderLineKey,
    Origin, Purchase,
};

/// One license as a row.
#[derive(Debug, Clone)]
pub struct ExportedLicense {
    /// The license itself.
    pub license: License,
    /// Its state when it was looked at.
    pub state: LicenseState,
    /// What the marketplace knows it by; none of one that was issued by hand.
    pub bought: Option<Bought>,
    /// How much was bought; 1 of one that was issued by hand.
    pub quantity: u32,
    /// How it is paid for.
    pub charging: Charging,
    /// The marketplace's product id.
    pub product_id: Option<String>,
}

/// What the marketplace knows a license by.
#[derive(Debug, Clone)]
pub struct Bought {
    /// Through which address.
    pub channel: ChannelId,
    /// Which order line.
    pub key: OrderLineKey,
    /// What it calls the instance.
    pub instance: InstanceId,
}

impl App {
    /// These licenses as rows, in their order; purchases that are not minted are left out: nobody knows yet what they
    /// will be.
    pub async fn export_licenses(
        &self,
        merchant: &MerchantId,
        entries: Vec<LicenseOrPurchase>,
    ) -> Result<Vec<ExportedLicense>, UseCaseError> {
        let now = self.now();
        let minted = entries.into_iter().filter_map(|entry| match entry {
            LicenseOrPurchase::License(license) => Some(license.value),
            LicenseOrPurchase::Purchase(_) => None,
        });
        let licenses: Vec<License> = minted.collect();
        let keys = licenses.iter().map(|license| match &license.origin {
            Origin::Order { key, .. } => key.clone(),
            // Nothing lies there: rows and purchases stay side by side.
            Origin::Issued { .. } => absent(merchant, license),
        });
        let keys: Vec<_> = keys.map(RecordKey::Purchase).collect();
        let purchases = find_all::<Purchase>(self.store.as_ref(), &keys).await?;
        let row = |(license, purchase): (License, Option<Versioned<Purchase>>)| {
            exported(license, purchase.map(|purchase| purchase.value).as_ref(), now)
        };
        Ok(licenses.into_iter().zip(purchases).map(row).collect())
    }
}

fn absent(merchant: &MerchantId, license: &License) -> OrderLineKey {
    OrderLineKey {
        merchant: merchant.clone(),
        marketplace: Marketplace::Generic,
        order_id: crate::domain::OrderId::parse(license.id.as_str()).expect("a license id is visible ASCII"),
        line_id: None,
        product_id: Some("issued by hand".to_owned()),
    }
}

fn exported(license: License, purchase: Option<&Purchase>, now: Instant) -> ExportedLicense {
    let facts = purchase.and_then(|purchase| purchase.facts.as_ref());
    let by_end = if license.validity.ends_at.is_some() { Charging::Period } else { Charging::OneTime };
    let bought = match &license.origin {
        Origin::Order { channel, key, instance } => {
            Some(Bought { channel: channel.clone(), key: key.clone(), instance: instance.clone() })
        }
        Origin::Issued { .. } => None,
    };
    ExportedLicense {
        state: license.state(now),
        bought,
        quantity: facts.map_or(1, |facts| facts.quantity),
        charging: facts.map_or(by_end, |facts| facts.charging),
        product_id: facts.and_then(|facts| facts.product_id.clone()),
        license,
    }
}

/// Whether a row says what is there already, as it would be exported now.
pub(super) fn is_row_of(row: &ImportRow, license: &License, purchase: &Purchase, now: Instant) -> bool {
    let known = exported(license.clone(), Some(purchase), now);
    let ImportRow {
        channel,
        instance,
        order_id,
        order_line_id,
        product_id,
        sku,
        spec,
        term,
        charging,
        starts_at,
        ends_at,
        quantity,
        customer,
        is_suspended,
        label,
    } = row;
    known.bought.is_some_and(|bought| {
        (bought.channel, bought.instance) == (channel.clone(), instance.clone())
            && (bought.key.order_id, bought.key.line_id) == (order_id.clone(), order_line_id.clone())
    }) && known.product_id == *product_id
        && known.quantity == *quantity
        && Some(known.charging) == *charging
        && license.sold.sku == *sku
        && Some(&license.sold.spec) == spec.as_ref()
        && Some(license.sold.term) == *term
        && license.validity.starts_at == *starts_at
        && license.known_end() == *ends_at
        && license.customer == *customer
        && license.holds.is_empty() != *is_suspended
        && license.label == *label
}
