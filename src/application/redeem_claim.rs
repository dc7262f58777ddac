//! A claim code becomes a license key, online.

use super::app::{App, UseCaseError, decided};
use super::begin_license::CodeUse;
use super::ports::{Listing, Versioned, find, list};
use super::record::{ClaimTarget, RecordKey};
use crate::domain::{ClaimCode, License, Merchant, ProductId, Refusal};

impl App {
    /// The license that the code means. A code that is unknown, of another product or of an older generation is
    /// refused like a malformed key; a genuine one whose license cannot be used says so.
    pub async fn redeem_claim(
        &self,
        code: &ClaimCode,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<License, UseCaseError> {
        decided!(self, self.try_redeem_claim(code, product, code_use))
    }

    async fn try_redeem_claim(
        &self,
        code: &ClaimCode,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<License, UseCaseError> {
        let digest = self.signer.claim_digest(code);
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let key = RecordKey::ClaimCode(merchant.value.id.clone(), digest);
            let target: Option<Versioned<ClaimTarget>> = find(self.store.as_ref(), key).await?;
            let Some(target) = target.map(|target| target.value) else { continue };
            let license = self.find_license(&target.merchant, &target.license).await?;
            let fits = |license: &License| {
                license.generation == target.generation && product.is_none_or(|id| *id == license.product)
            };
            let license =
                license.map(|license| license.value).filter(fits).ok_or(Refusal::LicenseKeyRefused)?;
            return self.opened(license, code_use).await;
        }
        Err(Refusal::LicenseKeyRefused.into())
    }
}
