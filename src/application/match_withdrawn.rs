//! A text whose signature is worth nothing any more is still genuine where it is, byte for byte, what was given out.

use super::app::{App, UseCaseError};
use super::ports::{Versioned, find};
use super::record::RecordKey;
use crate::domain::{Activation, ActivationId, ActivationState, LicenseId, MerchantId, Refusal, TokenId};

impl App {
    /// The key text that the holder of a withdrawn one may use: the license's, made anew, if this was it. Whoever holds one that
    /// was replaced is told so; one that was never given out is not known here.
    pub async fn match_withdrawn_key(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        token_id: &TokenId,
        text: &str,
    ) -> Result<TokenId, UseCaseError> {
        let found = self.find_license(merchant, license).await?.ok_or(Refusal::LicenseKeyRefused)?.value;
        if found.license_key == text {
            let current = self.believed_key(merchant, license).await?;
            return Ok(current.ok_or(Refusal::LicenseKeyRefused)?);
        }
        let was_given_out = found.issued.iter().any(|key| key.token_id == *token_id);
        let was_replaced = was_given_out && !self.signer.is_withdrawn(merchant, &found.license_key);
        Err(if was_replaced { Refusal::LicenseSuperseded } else { Refusal::LicenseKeyRefused }.into())
    }

    /// Whether a withdrawn certificate is the one that the activation was given last.
    pub async fn match_withdrawn_certificate(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        activation: &ActivationId,
        text: &str,
    ) -> Result<(), UseCaseError> {
        let key = RecordKey::Activation(merchant.clone(), license.clone(), activation.clone());
        let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
        let is_it = found.is_some_and(|found| match &found.value.state {
            ActivationState::Held(lease) => lease.certificate == text,
            ActivationState::Ended { .. } => false,
        });
        if is_it { Ok(()) } else { Err(Refusal::LicenseKeyRefused.into()) }
    }
}
