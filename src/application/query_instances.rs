//! What the buyer is shown: claim code and where to go with it.

use super::app::{App, UseCaseError};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{Versioned, find, memo_of};
use super::record::{Owned, RecordKey};
use crate::domain::{
    Amount, Charging, InstanceId, InstanceInfo, InstanceUsage, License, LicenseShown, OrderLineKey, Product,
    Purchase, PurchaseOutcome, PurchaseState, UsageSum,
};

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
                    if self.waits_for_app_info(call, &license).await? {
                        return Ok(PurchaseOutcome::Processing);
                    }
                    let mut info = self.instance_info(&purchase.value, &license, &locale).await?;
                    info.usage = self.instance_usage(&purchase.value, &license).await?;
                    infos.push(info);
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
            ends_at: license.known_end(),
            license_key: license.awaits().is_none().then(|| license.license_key.clone()),
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
        let app_info = self.find_app_info(&license.merchant, &license.id).await?.map(|found| found.value);
        let product = product.map(|product| product.value.value);
        let own_memo = app_info.as_ref().and_then(|app_info| app_info.memo.as_deref());
        let memo = own_memo.or(product.as_ref().map(|product| product.memo.for_locale(locale)));
        let memo = memo.map_or_else(|| code.clone(), |memo| memo_of(memo, &code, &portal_url));
        let front_end_url = app_info.map(|app_info| app_info.front_end_url);
        let front_end_url = front_end_url.or(product.map(|product| product.front_end_url));
        let front_end_url = front_end_url.filter(|url| !url.is_empty()).unwrap_or(portal_url);
        let (instance_id, usage) = (purchase.instance.to_string(), Vec::new());
        Ok(InstanceInfo { instance_id, front_end_url, memo, sign_in: None, license: None, usage })
    }

    /// What was used: of a pay-per-use instance in all, of a package by the instances that used it.
    async fn instance_usage(
        &self,
        purchase: &Purchase,
        license: &License,
    ) -> Result<Vec<InstanceUsage>, UseCaseError> {
        match purchase.facts.as_ref().map(|facts| facts.charging) {
            Some(Charging::OnDemand | Charging::OnDemandPackage) => {}
            Some(Charging::OneTime | Charging::Period) | None => return Ok(Vec::new()),
        }
        let OrderLineKey { merchant, marketplace, .. } = purchase.key.clone();
        let key = RecordKey::UsageSum(merchant, marketplace, purchase.instance.clone());
        let sum: Option<Versioned<UsageSum>> = find(self.store.as_ref(), key).await?;
        let shown = |related: Option<&InstanceId>, value, as_of| InstanceUsage {
            related_instance_id: related.map(ToString::to_string),
            value,
            as_of,
            dashboard_url: self.signer.portal_url(),
        };
        let Some(sum) = sum.map(|sum| sum.value).filter(|sum| !sum.used.is_empty()) else {
            return Ok(vec![shown(None, Amount::ZERO, license.validity.starts_at)]);
        };
        Ok(sum.used.iter().map(|part| shown(part.related.as_ref(), part.amount, sum.as_of)).collect())
    }

    /// What was released before its license existed has nothing to show but where to ask.
    pub(super) fn ended(&self, purchase: &Purchase) -> InstanceInfo {
        let (instance_id, front_end_url) = (purchase.instance.to_string(), self.signer.portal_url());
        let (memo, usage) = (String::new(), Vec::new());
        InstanceInfo { instance_id, front_end_url, memo, sign_in: None, license: None, usage }
    }
}
