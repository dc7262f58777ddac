//! What the buyer is shown: claim code and where to go with it.

use super::app::{App, UseCaseError};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{Versioned, find, memo_for};
use super::record::{Owned, RecordKey};
use crate::domain::{InstanceInfo, License, LicenseShown, Product, Purchase, PurchaseOutcome, PurchaseState};

impl App {
    pub(super) async fn query_instances(
        &self,
        call: &PurchaseCall<'_>,
        instance_ids: &[String],
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let locale = self.merchant(call.merchant).await?.locale;
        let mut infos = Vec::with_capacity(instance_ids.len());
        for id in instance_ids {
            let Some(purchase) = self.purchase_of_instance(call, id).await? else {
                return Ok(PurchaseOutcome::InstanceUnknown);
            };
            match purchase.value.state {
                PurchaseState::Received | PurchaseState::Held { .. } => {
                    return Ok(PurchaseOutcome::Processing);
                }
                PurchaseState::Ended { .. } => infos.push(self.ended(&purchase.value)),
                PurchaseState::Minted => {
                    let license = self.load_license(call.merchant, &purchase.value.license).await?.value;
                    infos.push(self.instance_info(&purchase.value, &license, &locale).await?);
                }
            }
        }
        Ok(PurchaseOutcome::Instances(infos))
    }

    /// As it stands, and as a purchase is answered that is told again.
    pub(super) async fn license_asked(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        match self.purchase_of_instance(call, instance_id).await? {
            Some(purchase) => self.delivered(call, &purchase.value).await,
            None => Ok(PurchaseOutcome::InstanceUnknown),
        }
    }

    /// For whoever hands the license over.
    pub(super) fn license_shown(&self, license: &License) -> LicenseShown {
        LicenseShown {
            id: license.id.clone(),
            state: license.state(self.now()),
            ends_at: license.validity.ends_at,
            license_key: license.license_key.clone(),
            claim_code: self.signer.claim_code(&license.id, license.generation).reveal(),
        }
    }

    pub(super) async fn instance_info(
        &self,
        purchase: &Purchase,
        license: &License,
        locale: &str,
    ) -> Result<InstanceInfo, UseCaseError> {
        let key = RecordKey::Product(license.merchant.clone(), license.product.clone());
        let product: Option<Versioned<Owned<Product>>> = find(self.store.as_ref(), key).await?;
        let portal_url = self.signer.portal_url();
        let code = self.signer.claim_code(&license.id, license.generation).reveal();
        let (front_end_url, memo) = match product.map(|product| product.value.value) {
            Some(product) => {
                let front_end_url = product.front_end_url.clone();
                (front_end_url, memo_for(&product, locale, &code, &portal_url))
            }
            None => (String::new(), code),
        };
        let front_end_url = if front_end_url.is_empty() { portal_url } else { front_end_url };
        let instance_id = purchase.instance.to_string();
        Ok(InstanceInfo { instance_id, front_end_url, memo, sign_in: None, license: None })
    }

    /// What was released before its license existed has nothing to show but where to ask.
    pub(super) fn ended(&self, purchase: &Purchase) -> InstanceInfo {
        let (instance_id, front_end_url) = (purchase.instance.to_string(), self.signer.portal_url());
        InstanceInfo { instance_id, front_end_url, memo: String::new(), sign_in: None, license: None }
    }
}
