//! The marketplace ends an instance: refund, or expiry without renewal.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::license_change::flips_between;
use super::ports::{ABSENT, Commit, Urgency, Versioned};
use crate::domain::{EventKind, Purchase, PurchaseOutcome, PurchaseState};

impl App {
    pub(super) async fn release_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let _turn = self.turn(&instance_id).await;
        decided!(self, self.try_release(call, instance_id))
    }

    async fn try_release(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(purchase) = self.purchase_of_instance(call, instance_id).await? else {
            return self.release_code(call, instance_id).await;
        };
        match purchase.value.state {
            PurchaseState::Ended { .. } => Ok(PurchaseOutcome::Done),
            PurchaseState::Received | PurchaseState::Held { .. } => self.end_purchase(call, purchase).await,
            PurchaseState::Minted => self.release_license(call, &purchase.value).await,
        }
    }

    /// Released before its license existed: none will be minted.
    async fn end_purchase(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Versioned<Purchase>,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Versioned { value: mut purchase, revision } = purchase;
        purchase.state = PurchaseState::Ended { at: call.now };
        let event =
            self.event(call.merchant, &purchase.license, &call.actor(), EventKind::LicenseReleased, &[]);
        let commit =
            Commit::new().with_urgency(Urgency::Essential).put(purchase, revision).put(event, ABSENT);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }

    async fn release_license(
        &self,
        call: &PurchaseCall<'_>,
        purchase: &Purchase,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Versioned { value: before, revision } =
            self.load_license(call.merchant, &purchase.license).await?;
        let mut license = before.clone();
        if license.release(call.now) {
            license.updated_at = call.now;
            let event =
                self.event(call.merchant, &license.id, &call.actor(), EventKind::LicenseReleased, &[]);
            let flips = flips_between(Some(&before), &license, call.now);
            let commit = Commit::new().with_urgency(Urgency::Essential);
            let commit = self
                .book_change(commit, &before, &license, call.now)
                .await?
                .put(license, revision)
                .put(event, ABSENT)
                .set_all(flips);
            self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
            self.signals.flips.notify_one();
        }
        Ok(PurchaseOutcome::Done)
    }
}
