//! A later order moves the end: renewal, trial to formal, cancelled renewal.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::license_change::flips_between;
use super::ports::{ABSENT, Commit, Urgency, Versioned};
use super::record::Task;
use crate::domain::{
    AppliedOrder, EarlyEvent, EarlyKept, EventKind, HoldBy, Instant, License, LicenseEnd, OrderRef, Purchase,
    PurchaseOutcome, PurchaseState, RefreshScene, Term,
};

/// What a refresh says.
pub(super) struct Refresh<'a> {
    pub(super) order: &'a OrderRef,
    pub(super) scene: RefreshScene,
    pub(super) ends_at: Option<Instant>,
    /// What was bought, where the call says it.
    pub(super) term: Option<Term>,
    /// It also ends the marketplace's stop.
    pub(super) resumes: bool,
}

impl Refresh<'_> {
    fn early(&self, at: Instant) -> EarlyEvent {
        let (order, scene, ends_at, term) = (self.order.clone(), self.scene, self.ends_at, self.term);
        EarlyEvent::Refreshed { at, order, scene, ends_at, term }
    }
}

impl App {
    pub(super) async fn refresh_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        refresh: &Refresh<'_>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_refresh(call, instance_id, refresh))
    }

    async fn try_refresh(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        refresh: &Refresh<'_>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return self.keep_for_code(call, instance_id, refresh.early(call.happened_at())).await;
        };
        match purchase.value.state {
            PurchaseState::Minted => self.refresh_license(call, &purchase.value, refresh).await,
            PurchaseState::Received | PurchaseState::Held { .. } => {
                let resumed = refresh.resumes.then_some(EarlyEvent::Unfrozen { at: call.now });
                self.keep_early(call, purchase, refresh.early(call.happened_at()), resumed).await
            }
            PurchaseState::Ended { .. } => Ok(PurchaseOutcome::Done),
        }
    }

    /// Keeps what came before the license existed, and tells of it as if the license did. `follows` comes with it.
    pub(super) async fn keep_early(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Versioned<Purchase>,
        early: EarlyEvent,
        follows: Option<EarlyEvent>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Versioned { value: mut purchase, revision } = purchase;
        let urgency = urgency_of_early(&early);
        let (kind, detail) = match &early {
            EarlyEvent::Frozen { .. } => (EventKind::LicenseSuspended, Vec::new()),
            EarlyEvent::Unfrozen { .. } => (EventKind::LicenseResumed, Vec::new()),
            EarlyEvent::Refreshed { order, .. } => {
                (EventKind::LicenseRenewed, vec![("order_id", order.order_id.clone())])
            }
            EarlyEvent::Changed { order, .. } => {
                (EventKind::LicenseChanged, vec![("order_id", order.order_id.clone())])
            }
            EarlyEvent::Applied { .. } => (EventKind::LicenseRequested, Vec::new()),
        };
        match purchase.keep_early(early) {
            EarlyKept::Repeat => return Ok(PurchaseOutcome::Done),
            // Not "done": the marketplace sends it again, and by then the license may exist.
            EarlyKept::NoRoom => return Ok(PurchaseOutcome::Unavailable),
            EarlyKept::Kept => {}
        }
        if follows.is_some_and(|event| purchase.keep_early(event) == EarlyKept::NoRoom) {
            return Ok(PurchaseOutcome::Unavailable);
        }
        let event = self.event(call.merchant, &purchase.license, &call.actor(), kind, &detail);
        let commit = Commit::new().with_urgency(urgency).put(purchase, revision).put(event, ABSENT);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }

    async fn refresh_license(
        &self,
        call: &PurchaseCall<'_>,
        purchase: &Purchase,
        refresh: &Refresh<'_>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Versioned { value: before, revision } =
            self.load_license(call.merchant, &purchase.license).await?;
        if before.knows_order(&refresh.order.order_id, refresh.scene) {
            return Ok(PurchaseOutcome::Done);
        }
        let mut license = before.clone();
        let ranked_later = call.channel.open_api.is_some();
        let order = AppliedOrder {
            order_id: refresh.order.order_id.clone(),
            scene: Some(refresh.scene),
            ordered_at: call.occurred_at,
            received_at: call.now,
            ends_at: refresh.ends_at,
            term: refresh.term,
            in_force: false,
        };
        license.apply_order(order, ranked_later);
        let kind = if license.end == LicenseEnd::Running {
            let merchant = self.merchant(call.merchant).await?;
            self.sign_what_changed(&merchant, &before, &mut license, call.now).await?;
            EventKind::LicenseRenewed
        } else {
            EventKind::OrderPaidAfterRevocation
        };
        let resumed =
            refresh.resumes && license.end == LicenseEnd::Running && license.resume(HoldBy::Marketplace)?;
        license.updated_at = call.now;
        let detail = [("order_id", refresh.order.order_id.clone()), ("ends_at", end_text(&license))];
        let event = self.event(call.merchant, &license.id, &call.actor(), kind, &detail);
        let flips = flips_between(Some(&before), &license, call.now);
        let (merchant, id) = (call.merchant, license.id.clone());
        let commit = Commit::new().with_urgency(urgency_of(refresh.scene));
        let commit = self.book_change(commit, &before, &license, call.now).await?;
        let mut commit = commit.put(license, revision).put(event, ABSENT).set_all(flips);
        if resumed {
            let event = self.event(merchant, &id, &call.actor(), EventKind::LicenseResumed, &[]);
            commit = commit.put(event, ABSENT);
        }
        if ranked_later {
            let task = Task::RankOrder {
                purchase: purchase.key.clone(),
                order_id: refresh.order.order_id.clone(),
                order_line_id: refresh.order.order_line_id.clone(),
                scene: refresh.scene,
            };
            commit = commit.put(self.job_through(&purchase.channel, task, call.now), ABSENT);
        }
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        self.signals.flips.notify_one();
        self.signals.jobs.notify_one();
        Ok(PurchaseOutcome::Done)
    }
}

/// What came early waits as it would have later.
pub(super) fn urgency_of_early(early: &EarlyEvent) -> Urgency {
    match early {
        EarlyEvent::Frozen { .. } | EarlyEvent::Unfrozen { .. } => Urgency::Essential,
        EarlyEvent::Refreshed { scene, .. } => urgency_of(*scene),
        EarlyEvent::Changed { .. } | EarlyEvent::Applied { .. } => Urgency::Grow,
    }
}

/// What is paid for waits like every purchase; what is paid back needs another key, and waits for that only.
fn urgency_of(scene: RefreshScene) -> Urgency {
    match scene {
        RefreshScene::TrialToFormal | RefreshScene::Renewal | RefreshScene::RenewalChange => Urgency::Grow,
        RefreshScene::CancelRenewal => Urgency::Ordinary,
    }
}

pub(super) fn end_text(license: &License) -> String {
    license.validity.ends_at.map_or_else(|| "never".into(), |end| end.to_rfc3339())
}
