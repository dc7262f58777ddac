//! The online verdict.

use super::app::{App, UseCaseError};
use super::ports::find;
use super::record::{LicensePlaces, RecordKey};
use crate::domain::{Binding, License, LicenseId, Machine, MerchantId, Refusal, TokenId};

impl App {
    /// Whether the holder of this key text may use the license now, on this machine if one is named. A key that
    /// was merely followed by a newer one is as good as the license: the client picks the newer one up.
    pub async fn validate(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        token_id: &TokenId,
        machine: Option<&Machine>,
    ) -> Result<License, UseCaseError> {
        let found = self.find_license(merchant, license).await?;
        let license = found.map(|found| found.value).ok_or(Refusal::LicenseKeyRefused)?;
        license.check(self.now())?;
        if license.is_superseded(token_id) {
            return Err(Refusal::LicenseSuperseded.into());
        }
        if let Some(machine) = machine.filter(|_| license.sold.machine.binding != Binding::Unbound) {
            let key = RecordKey::Places(merchant.clone(), license.id.clone());
            let places: Option<super::ports::Versioned<LicensePlaces>> =
                find(self.store.as_ref(), key).await?;
            let has_place = places.is_some_and(|places| places.value.places.of_machine(machine).is_some());
            if !has_place {
                return Err(Refusal::MachineMismatch.into());
            }
        }
        self.note_use(merchant, &license.id, license.id.as_str()).await;
        Ok(license)
    }
}
