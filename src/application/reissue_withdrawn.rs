//! Every license whose key is not believed any more gets another one.

use super::act_on_license::KEYS_MAX;
use super::app::{App, UseCaseError, decided};
use super::license_change::flips_between;
use super::ports::{ABSENT, Commit, Listing, Versioned, list};
use crate::domain::{
    Actor, EventKind, KeyRing, Lease, License, LicenseEnd, LicenseId, Merchant, MerchantId, OldKeyFate,
    Refusal, TokenId,
};

/// Licenses that are looked at in one go.
const PAGE: usize = 64;
/// How the audit log names who did it.
const REASON: &str = "the key that signed it was revoked";

impl App {
    /// Looks at the next licenses of one merchant whose keys are being re-issued. `true`: there is more to do now.
    ///
    /// How far it came is kept with each page, so that it goes on after a restart; done twice, by a replica that does the same,
    /// it changes nothing.
    pub async fn reissue_some(&self) -> Result<bool, UseCaseError> {
        let mut fault = None;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let Some(ring) = self.stored_ring(&merchant.value.id).await? else { continue };
            if ring.value.reissue.as_ref().is_none_or(|work| work.done_at.is_some()) {
                continue;
            }
            match self.reissue_page(&merchant.value, ring).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // What is wrong with one merchant's keys holds up no other.
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        fault.map_or(Ok(false), Err)
    }

    async fn reissue_page(
        &self,
        merchant: &Merchant,
        found: Versioned<KeyRing>,
    ) -> Result<bool, UseCaseError> {
        let Versioned { value: mut ring, revision } = found;
        let Some(work) = &mut ring.reissue else { return Ok(false) };
        if !work.goes_on(self.now()) {
            return Ok(false);
        }
        let listing = Listing::Licenses { merchant: merchant.id.clone(), before: work.before.clone() };
        let page: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, PAGE).await?;
        let (mut reissued, mut failed) = (0, 0);
        for license in page.iter().map(|license| &license.value) {
            if license.end != LicenseEnd::Running
                || !self.signer.is_withdrawn(&merchant.id, &license.license_key)
            {
                continue;
            }
            let made = self.believed_key(&merchant.id, &license.id).await?;
            if made == license.current_key().map(|key| key.token_id.clone()) {
                failed += 1;
                tracing::error!(merchant = %merchant.id, license = %license.id, "a license has too many keys for another one: revoke it and issue a new one");
            } else {
                reissued += 1;
            }
        }
        let last = page.last().filter(|_| page.len() == PAGE).map(|license| license.value.id.clone());
        work.looked(page.len() as u64, reissued, failed, last, self.now());
        let goes_on = work.before.is_some();
        match self.keep_ring(merchant, ring, revision, &Actor::Server).await {
            // Somebody changed the ring, or did the same work: the next round goes on from there.
            Err(error) if error.is_conflict() => Ok(true),
            kept => kept.map(|_| goes_on),
        }
    }

    /// As [`Self::believed_key`], for a caller that looks for the license itself; nothing is read while no key of the merchant
    /// was ever withdrawn.
    pub(super) async fn believed_if_there(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<(), UseCaseError> {
        if !self.signer.has_withdrawn(merchant) {
            return Ok(());
        }
        match self.believed_key(merchant, license).await {
            Ok(_) | Err(UseCaseError::Refused(Refusal::NotFound { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether a lease's certificate is not believed any more.
    pub(super) fn is_withdrawn_lease(&self, merchant: &MerchantId, lease: &Lease) -> bool {
        self.signer.is_withdrawn(merchant, &lease.certificate)
    }

    /// The license's key text is one that is believed, made anew if it is not. Says which it is, if there is one.
    pub async fn believed_key(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<Option<TokenId>, UseCaseError> {
        decided!(self, self.try_believed_key(merchant, license))
    }

    async fn try_believed_key(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
    ) -> Result<Option<TokenId>, UseCaseError> {
        let Versioned { value: before, revision } = self.load_license(merchant, id).await?;
        let current = before.current_key().map(|key| key.token_id.clone());
        let may_change = before.end == LicenseEnd::Running && before.issued.len() < KEYS_MAX;
        if !may_change || !self.signer.is_withdrawn(merchant, &before.license_key) {
            return Ok(current);
        }
        let (now, mut license) = (self.now(), before.clone());
        let merchant = self.merchant(merchant).await?;
        // The old text goes on to count where nobody has heard of the revocation: nothing is taken from its holder.
        self.sign_new_key(&merchant, &mut license, OldKeyFate::StaysValid, now).await?;
        license.updated_at = now;
        let detail = [("reason", REASON.to_owned())];
        let event = self.event(&merchant.id, id, &Actor::Server, EventKind::LicenseReissued, &detail);
        let flips = flips_between(Some(&before), &license, now);
        let token_id = license.current_key().map(|key| key.token_id.clone());
        let commit = Commit::new().with_urgency(super::ports::Urgency::Essential);
        let commit = commit.put(license, revision).set_all(flips).put(event, ABSENT);
        self.store.commit(commit).await?;
        Ok(token_id)
    }
}
