//! A later order changes what was bought: another spec, or more of it. The end stays.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::license_change::flips_between;
use super::mint::sold_spec;
use super::ports::{ABSENT, Commit, OrderSourceError, Urgency, Versioned, find};
use super::record::{Owned, RecordKey, Task};
use super::settle_purchase::{Settled, facts_for};
use crate::domain::{
    Actor, AppliedChange, Channel, Charging, EarlyEvent, EventKind, Instant, License, LicenseEnd, Merchant,
    OrderLineKey, OrderRef, Purchase, PurchaseFacts, PurchaseOutcome, PurchaseState, Sku, SoldSpec, Spec,
    Target,
};

/// Tokens name their product for ever: a license never becomes one of another.
pub(super) const OTHER_PRODUCT: &str = "the SKU means a spec of another product, or of another kind: give it to a spec of the license's own product in the apply file";

/// What changes a license.
pub(super) struct OrderedChange<'a> {
    pub(super) merchant: &'a Merchant,
    pub(super) order: &'a OrderRef,
    pub(super) actor: &'a Actor,
    pub(super) now: Instant,
}

impl App {
    /// Answered at once; the order is asked for afterwards. A repeat is answered by how far that has come.
    pub(super) async fn change_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        order: &OrderRef,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_change_instance(call, instance_id, order))
    }

    async fn try_change_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        order: &OrderRef,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        match purchase.value.state {
            PurchaseState::Ended { .. } => return Ok(PurchaseOutcome::Done),
            PurchaseState::Received | PurchaseState::Held { .. } => {
                let early = EarlyEvent::Changed { at: call.now, order: order.clone() };
                let kept = self.keep_early(call, purchase, early, None).await?;
                return Ok(if kept == PurchaseOutcome::Done { PurchaseOutcome::Processing } else { kept });
            }
            PurchaseState::Minted => {}
        }
        let purchase = purchase.value;
        let Versioned { value: mut license, revision } =
            self.load_license(call.merchant, &purchase.license).await?;
        if let Some(known) = license.changes.iter().find(|known| known.order_id == order.order_id) {
            let done = known.ordered_at.is_some();
            return Ok(if done { PurchaseOutcome::Done } else { PurchaseOutcome::Processing });
        }
        license.changes.push(AppliedChange { order_id: order.order_id.clone(), ordered_at: None });
        let task = Task::ApplyChange { purchase: purchase.key, order: order.clone() };
        let commit = Commit::new().with_urgency(Urgency::Grow);
        let job = self.job_through(&purchase.channel, task, call.now);
        let commit = commit.put(license, revision).put(job, ABSENT);
        let outcome = PurchaseOutcome::Processing;
        self.store.commit(call.remembered(commit, &outcome)).await?;
        self.signals.jobs.notify_one();
        Ok(outcome)
    }

    /// Asks what the changing order says, then changes the license. May be repeated at any time.
    pub async fn apply_change(&self, key: &OrderLineKey, order: &OrderRef) -> Result<Settled, UseCaseError> {
        let known: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        let Some(purchase) = known.map(|purchase| purchase.value) else { return Ok(Settled::Done) };
        let channel_key = RecordKey::Channel(key.merchant.clone(), purchase.channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), channel_key).await?;
        let Some(channel) = channel.map(|channel| channel.value.value) else {
            return Ok(Settled::Later("the channel of the purchase is gone".into()));
        };
        let line = order.order_line_id.as_deref();
        let details = match self.orders.order(&key.merchant, &channel, &order.order_id, line).await {
            Ok(details) => details,
            Err(
                error @ (OrderSourceError::Unavailable(_)
                | OrderSourceError::UnknownOrder(_)
                | OrderSourceError::Refused(_)
                | OrderSourceError::NotConfigured),
            ) => return Ok(Settled::Later(error.into())),
        };
        let changing = OrderLineKey::of(&key.merchant, key.marketplace, order);
        let Some(facts) = changing.and_then(|changing| facts_for(&changing, &details)) else {
            return Ok(Settled::Later("the marketplace's order has no such line".into()));
        };
        let Some(spec) = self.spec_meant(&key.merchant, &channel, &facts).await? else {
            return Ok(Settled::Later("no spec knows the SKU yet".into()));
        };
        let license = self.find_license(&key.merchant, &purchase.license).await?;
        if license.is_some_and(|license| !spec.suits(&license.value)) {
            return Ok(Settled::Later(OTHER_PRODUCT.into()));
        }
        let merchant = self.merchant(&key.merchant).await?;
        let _turn = self.turn(&purchase.instance.as_str()).await;
        decided!(self, self.try_apply_change(&merchant, &purchase, order, &spec, &facts))
            .map(|()| Settled::Done)
    }

    async fn try_apply_change(
        &self,
        merchant: &Merchant,
        purchase: &Purchase,
        order: &OrderRef,
        spec: &Spec,
        facts: &PurchaseFacts,
    ) -> Result<(), UseCaseError> {
        let found = self.find_license(&merchant.id, &purchase.license).await?;
        let Some(Versioned { value: before, revision }) = found else { return Ok(()) };
        let (now, mut license) = (self.now(), before);
        let is_latest = license.was_changed_last_at(facts.ordered_at);
        let Some(known) = license.changes.iter_mut().find(|known| known.order_id == order.order_id) else {
            return Ok(());
        };
        if known.ordered_at.replace(facts.ordered_at).is_some() {
            return Ok(());
        }
        let mut commit = Commit::new();
        if is_latest && license.end == LicenseEnd::Running {
            let sold = changed(&license, spec, facts)?;
            let change = OrderedChange { merchant, order, actor: &Actor::Server, now };
            commit = self.change_license(&change, &mut license, sold, spec).await?;
        }
        self.store.commit(commit.put(license, revision)).await?;
        self.signals.flips.notify_one();
        Ok(())
    }

    /// Lets a license grant what an order has made of it, and signs it: what is written besides the license.
    pub(super) async fn change_license(
        &self,
        change: &OrderedChange<'_>,
        license: &mut License,
        sold: SoldSpec,
        spec: &Spec,
    ) -> Result<Commit, UseCaseError> {
        let OrderedChange { merchant, order, actor, now } = *change;
        let before = license.clone();
        license.sell(sold, spec.updates);
        self.sign_what_changed(merchant, &before, license, now).await?;
        license.updated_at = now;
        let detail = [("order_id", order.order_id.clone()), ("spec", license.sold.spec.to_string())];
        let event = self.event(&merchant.id, &license.id, actor, EventKind::LicenseChanged, &detail);
        let commit = Commit::new().put(event, ABSENT).set_all(flips_between(Some(&before), license, now));
        self.book_change(commit, &before, license, now).await
    }

    /// Whether an instance could become what its buyer thinks of: its spec has to lead there, and the machines in use have
    /// to fit. What no spec knows is not refused.
    pub(super) async fn check_change(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        target: &Target,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        match purchase.value.state {
            PurchaseState::Received | PurchaseState::Held { .. } => return Ok(PurchaseOutcome::Processing),
            PurchaseState::Ended { .. } => return Ok(PurchaseOutcome::ChangeRefused),
            PurchaseState::Minted => {}
        }
        let loaded = self.load_with_places(call.merchant, &purchase.value.license).await?;
        let license = &loaded.license.value;
        if license.end != LicenseEnd::Running {
            return Ok(PurchaseOutcome::ChangeRefused);
        }
        let facts = target_facts(target, call);
        let Some(spec) = self.spec_meant(call.merchant, call.channel, &facts).await? else {
            return Ok(PurchaseOutcome::Done);
        };
        let key = RecordKey::Spec(call.merchant.clone(), license.sold.spec.clone());
        let present: Option<Versioned<Owned<Spec>>> = find(self.store.as_ref(), key).await?;
        let leads_there = present.is_none_or(|present| present.value.value.may_become(&spec));
        if !leads_there || !spec.suits(license) {
            return Ok(PurchaseOutcome::ChangeRefused);
        }
        let places = &loaded.places.value.places;
        let activations = self.activations_of(license, places).await?;
        let live = activations.values().filter(|activation| !activation.has_lapsed(call.now)).count();
        let target = changed(license, &spec, &facts)?.machines;
        let in_use = crate::domain::MachineLimit::AtMost(u32::try_from(live).unwrap_or(u32::MAX));
        Ok(if target.is_below(in_use) { PurchaseOutcome::ChangeRefused } else { PurchaseOutcome::Done })
    }
}

/// What the license grants after the change; its end and its term stay, which are the matter of other orders.
pub(super) fn changed(
    license: &License,
    spec: &Spec,
    facts: &PurchaseFacts,
) -> Result<SoldSpec, UseCaseError> {
    sold_spec(spec, facts.sku.clone(), license.sold.term, facts.quantity, license.validity)
}

fn target_facts(target: &Target, call: &PurchaseCall<'_>) -> PurchaseFacts {
    PurchaseFacts {
        customer: None,
        sku: Sku::parse(&target.sku).ok(),
        product_id: Some(target.product_id.clone()),
        quantity: target.quantity.unwrap_or(1).max(1),
        charging: Charging::OnDemand,
        term: crate::domain::Term::Permanent,
        ordered_at: call.now,
        expires_at: None,
        ends_at: None,
        extend_params: Vec::new(),
        changed_at: None,
    }
}
