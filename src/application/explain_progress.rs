//! Why a call that was let in is answered "in progress".

use super::app::{App, UseCaseError};
use super::ports::{Versioned, find};
use super::record::{Instance, RecordKey};
use crate::domain::{CallCause, Channel, InstanceId, MerchantId, Purchase, PurchaseState};

impl App {
    /// Whether the instance's order is still being asked for, or waits for its SKU. A store that cannot tell makes no
    /// difference to the call: it was answered.
    pub async fn explain_progress(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        instance: &str,
    ) -> CallCause {
        match self.held_sku(merchant, channel, instance).await {
            Ok(Some(sku)) => CallCause::OrderHeld { sku },
            Ok(None) | Err(_) => CallCause::InProgress,
        }
    }

    /// The SKU of an instance that is held: the outer option is whether it is.
    async fn held_sku(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        instance: &str,
    ) -> Result<Option<Option<String>>, UseCaseError> {
        let Ok(id) = InstanceId::parse(instance) else { return Ok(None) };
        let key = RecordKey::Instance(merchant.clone(), channel.marketplace, id);
        let found: Option<Versioned<Instance>> = find(self.store.as_ref(), key).await?;
        let Some(found) = found else { return Ok(None) };
        let purchase: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(found.value.purchase)).await?;
        let held = purchase
            .map(|purchase| purchase.value)
            .filter(|purchase| matches!(purchase.state, PurchaseState::Held { .. }));
        Ok(held.map(|purchase| purchase.facts.and_then(|facts| facts.sku).map(|sku| sku.to_string())))
    }
}
