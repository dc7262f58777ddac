//! A later order changes what was bought, and its call carries it: the license is changed in the commit of the call.

use super::app::{App, UseCaseError, decided};
use super::change_instance::{OrderedChange, changed};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{Commit, Urgency, Versioned};
use super::settle_purchase::facts_for;
use crate::domain::{
    AppliedChange, LicenseEnd, OrderDetails, OrderRef, Purchase, PurchaseFacts, PurchaseOutcome,
    PurchaseState,
};

impl App {
    pub(super) async fn upgrade_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        order: &OrderRef,
        details: &OrderDetails,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_upgrade(call, instance_id, order, details))
    }

    async fn try_upgrade(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        order: &OrderRef,
        details: &OrderDetails,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(mut purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        if purchase.value.upgrades.contains(&order.order_id) {
            return Ok(PurchaseOutcome::Done);
        }
        let Some(says) = facts_for(&purchase.value.key, details) else {
            return Ok(PurchaseOutcome::InvalidParameter);
        };
        let is_overtaken =
            purchase.value.facts.as_ref().is_some_and(|known| known.was_changed_since(call.occurred_at));
        if is_overtaken {
            purchase.value.upgrades.push(order.order_id.clone());
            return self.keep_upgrade(call, purchase).await;
        }
        let facts = upgraded(purchase.value.facts.take(), says, details);
        purchase.value.facts = Some(PurchaseFacts { changed_at: call.occurred_at, ..facts });
        match purchase.value.state {
            PurchaseState::Received | PurchaseState::Held { .. } => {
                purchase.value.upgrades.push(order.order_id.clone());
                self.keep_upgrade(call, purchase).await
            }
            PurchaseState::Minted => self.upgrade_license(call, purchase, order).await,
            PurchaseState::Ended { .. } => Ok(PurchaseOutcome::Done),
        }
    }

    /// The purchase alone: there is no license yet, or a later change has overtaken this one.
    async fn keep_upgrade(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Versioned<Purchase>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let commit = Commit::new().with_urgency(Urgency::Grow).put(purchase.value, purchase.revision);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }

    /// Not refused when no spec knows the SKU: a refusal becomes a refund, and the marketplace asks again.
    async fn upgrade_license(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Versioned<Purchase>,
        order: &OrderRef,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Versioned { value: purchase, revision: purchase_revision } = purchase;
        let Versioned { value: mut license, revision } =
            self.load_license(call.merchant, &purchase.license).await?;
        let is_known = license.changes.iter().any(|known| known.order_id == order.order_id);
        if is_known || license.end != LicenseEnd::Running {
            return Ok(PurchaseOutcome::Done);
        }
        let Some(facts) = purchase.facts.as_ref() else { return Ok(PurchaseOutcome::InvalidParameter) };
        let spec = self.spec_meant(call.merchant, call.channel, facts).await?;
        // A license never becomes one of another product.
        let Some(spec) = spec.filter(|spec| spec.suits(&license)) else {
            return Ok(PurchaseOutcome::Processing);
        };
        let merchant = self.merchant(call.merchant).await?;
        let sold = changed(&license, &spec, facts)?;
        let ordered_at = Some(call.happened_at());
        license.changes.push(AppliedChange { order_id: order.order_id.clone(), ordered_at });
        let change = OrderedChange { merchant: &merchant, order, actor: &call.actor(), now: call.now };
        let commit = self.change_license(&change, &mut license, sold, &spec).await?;
        let commit = commit.with_urgency(Urgency::Grow);
        let commit = commit.put(license, revision).put(purchase, purchase_revision);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        self.signals.flips.notify_one();
        Ok(PurchaseOutcome::Done)
    }
}

/// What is bought from now on; what the later order does not say stays.
fn upgraded(known: Option<PurchaseFacts>, says: PurchaseFacts, details: &OrderDetails) -> PurchaseFacts {
    let Some(known) = known else { return says };
    let quantity = details.lines.iter().find_map(|line| line.quantity);
    PurchaseFacts {
        sku: says.sku.or(known.sku),
        product_id: says.product_id.or(known.product_id),
        quantity: quantity.map_or(known.quantity, |quantity| quantity.max(1)),
        ..known
    }
}
