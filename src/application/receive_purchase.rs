//! Somebody bought: keep it, answer, then work.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Commit, Urgency, Versioned, find};
use super::record::{Instance, PendingLicense, RecordKey, Task};
use crate::domain::{
    Env, EventKind, InstanceId, License, LicenseId, OrderDetails, OrderLineKey, OrderRef, Purchase,
    PurchaseOutcome, PurchaseState,
};

impl App {
    pub(super) async fn receive_purchase(
        &self,
        call: &PurchaseCall<'_>,
        order: &OrderRef,
        business_id: &str,
        details: Option<&OrderDetails>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(key) = OrderLineKey::of(call.merchant, call.channel.marketplace, order) else {
            return Ok(PurchaseOutcome::InvalidParameter);
        };
        let _turn = self.turn(&key).await;
        decided!(self, self.try_receive(call, &key, business_id, details))
    }

    async fn try_receive(
        &self,
        call: &PurchaseCall<'_>,
        key: &OrderLineKey,
        business_id: &str,
        details: Option<&OrderDetails>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let known: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        if let Some(known) = known {
            return match details {
                Some(_) => self.delivered(call, &known.value).await,
                None => Ok(accepted(&known.value)),
            };
        }
        let purchase = self.new_purchase(call, key, business_id).await?;
        match details {
            Some(details) => self.mint_at_once(call, purchase, details).await,
            None => self.keep_purchase(call, purchase).await,
        }
    }

    /// What a family that carries the order is told of a purchase that is known: as it stands now.
    pub(super) async fn delivered(
        &self,
        call: &PurchaseCall<'_>,
        purchase: &Purchase,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        match purchase.state {
            PurchaseState::Received | PurchaseState::Held { .. } => Ok(accepted(purchase)),
            PurchaseState::Ended { .. } => {
                Ok(PurchaseOutcome::Delivered { info: self.ended(purchase), license_key: None })
            }
            PurchaseState::Minted => {
                let locale = self.merchant(call.merchant).await?.locale;
                let license = self.load_license(call.merchant, &purchase.license).await?.value;
                self.delivery(call, purchase, &license, &locale).await
            }
        }
    }

    /// The license key itself, and what the buyer is shown. An answer that will be stored does not hold the license twice.
    pub(super) async fn delivery(
        &self,
        call: &PurchaseCall<'_>,
        purchase: &Purchase,
        license: &License,
        locale: &str,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        if self.waits_for_app_info(call, license).await? {
            let instance_id = purchase.instance.to_string();
            return Ok(PurchaseOutcome::Accepted { instance_id, ready: false });
        }
        let mut info = self.instance_info(purchase, license, locale).await?;
        info.license = (!call.stores_its_answer()).then(|| Box::new(self.license_shown(license)));
        // What has not begun has no license key yet: software takes the claim code in its place.
        let text = match license.awaits() {
            None => license.license_key.clone(),
            Some(_) => self.signer.claim_code(&license.id, license.generation).reveal(),
        };
        Ok(PurchaseOutcome::Delivered { info, license_key: Some(text) })
    }

    async fn new_purchase(
        &self,
        call: &PurchaseCall<'_>,
        key: &OrderLineKey,
        business_id: &str,
    ) -> Result<Purchase, UseCaseError> {
        let license = LicenseId::from_uuid(self.ids.uuid_v7(call.now));
        let own_id = InstanceId::parse(license.as_str()).ok();
        let proposed = InstanceId::parse(business_id).ok();
        let taken = match &proposed {
            Some(id) => self.purchase_of_instance(call, id.as_str()).await?.is_some(),
            None => true,
        };
        let instance = if taken { own_id } else { proposed };
        let instance = instance.ok_or_else(|| super::ports::StoreError::Failed("no instance id".into()))?;
        Ok(Purchase {
            key: key.clone(),
            license,
            instance,
            channel: call.channel.id.clone(),
            received_at: call.now,
            env: Env::Live,
            state: PurchaseState::Received,
            early: Vec::new(),
            facts: None,
            upgrades: Vec::new(),
        })
    }

    /// The purchase, what finds it, and the job that asks for its order: one commit.
    async fn keep_purchase(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Purchase,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let outcome = accepted(&purchase);
        let task = Task::SettlePurchase { purchase: purchase.key.clone() };
        let job = self.job_through(&purchase.channel, task, call.now);
        let commit = self.first_sight(call, &purchase).put(job, ABSENT).put(purchase, ABSENT);
        self.store.commit(call.remembered(commit, &outcome)).await?;
        self.signals.jobs.notify_one();
        Ok(outcome)
    }

    /// What is written when a purchase is seen for the first time, besides the purchase itself.
    pub(super) fn first_sight(&self, call: &PurchaseCall<'_>, purchase: &Purchase) -> Commit {
        let detail = [("order_id", purchase.key.order_id.to_string())];
        let event =
            self.event(call.merchant, &purchase.license, &call.actor(), EventKind::OrderReceived, &detail);
        Commit::new()
            .with_urgency(Urgency::Grow)
            .put(Instance { id: purchase.instance.clone(), purchase: purchase.key.clone() }, ABSENT)
            .put(PendingLicense { id: purchase.license.clone(), purchase: purchase.key.clone() }, ABSENT)
            .put(event, ABSENT)
    }
}

/// What the marketplace is told of a purchase, the first time and for ever.
pub(super) fn accepted(purchase: &Purchase) -> PurchaseOutcome {
    let ready = match purchase.state {
        PurchaseState::Minted | PurchaseState::Ended { .. } => true,
        PurchaseState::Received | PurchaseState::Held { .. } => false,
    };
    PurchaseOutcome::Accepted { instance_id: purchase.instance.to_string(), ready }
}
