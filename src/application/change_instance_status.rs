//! The marketplace stops an instance, or lets it go on.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::license_change::flips_between;
use super::ports::{ABSENT, Commit, Urgency, Versioned};
use crate::domain::{
    EarlyEvent, EventKind, HoldBy, InstanceStatus, LicenseEnd, PurchaseOutcome, PurchaseState,
};

impl App {
    pub(super) async fn change_instance_status(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        status: InstanceStatus,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_change_status(call, instance_id, status))
    }

    async fn try_change_status(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
        status: InstanceStatus,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            let early = match status {
                InstanceStatus::Freeze => EarlyEvent::Frozen { at: call.happened_at() },
                InstanceStatus::Unfreeze => EarlyEvent::Unfrozen { at: call.happened_at() },
            };
            return self.keep_for_code(call, instance_id, early).await;
        };
        match (&purchase.value.state, status) {
            (PurchaseState::Ended { .. }, _) => return Ok(PurchaseOutcome::Done),
            (PurchaseState::Received | PurchaseState::Held { .. }, InstanceStatus::Freeze) => {
                let early = EarlyEvent::Frozen { at: call.happened_at() };
                return self.keep_early(call, purchase, early, None).await;
            }
            (PurchaseState::Received | PurchaseState::Held { .. }, InstanceStatus::Unfreeze) => {
                let early = EarlyEvent::Unfrozen { at: call.happened_at() };
                return self.keep_early(call, purchase, early, None).await;
            }
            (PurchaseState::Minted, InstanceStatus::Freeze | InstanceStatus::Unfreeze) => {}
        }
        let Versioned { value: before, revision } =
            self.load_license(call.merchant, &purchase.value.license).await?;
        if before.end != LicenseEnd::Running || before.was_told_since(call.occurred_at) {
            return Ok(PurchaseOutcome::Done);
        }
        let mut license = before.clone();
        let (changed, kind) = match status {
            InstanceStatus::Freeze => {
                (license.suspend(HoldBy::Marketplace, None, call.now)?, EventKind::LicenseSuspended)
            }
            InstanceStatus::Unfreeze => (license.resume(HoldBy::Marketplace)?, EventKind::LicenseResumed),
        };
        license.status_told_at = call.occurred_at.or(license.status_told_at);
        if license != before {
            let mut commit = Commit::new().with_urgency(Urgency::Essential);
            if changed {
                license.updated_at = call.now;
                let event = self.event(call.merchant, &license.id, &call.actor(), kind, &[]);
                commit = commit.put(event, ABSENT);
            }
            let flips = flips_between(Some(&before), &license, call.now);
            let commit = commit.put(license, revision).set_all(flips);
            self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
            self.signals.flips.notify_one();
        }
        Ok(PurchaseOutcome::Done)
    }
}
