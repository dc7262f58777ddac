//! What holders present (license key, claim code, certificate) becomes claims that were verified.
//!
//! The signature comes first: a text with an unknown key asks no store, and malformed, foreign and unknown texts
//! get one and the same answer. An expired token still says whose it is; time is the use case's to judge.

use std::sync::Arc;

use axum::http::HeaderMap;
use license_token::claims::Claims;
use license_token::json::Value;
use license_token::{ActivationClaims, LicenseClaims, TokenType, UnverifiedToken, VerifiedToken, base64url};

use super::access::authorization;
use super::error::ApiError;
use super::machine::enrolled;
use super::state::HttpState;
use super::verifying_keys::MerchantKeys;
use crate::application::ports::StoreError;
use crate::application::{CodeUse, Redeemed, UseCaseError};
use crate::domain::{
    ActivationId, ClaimCode, License, LicenseId, Machine, MerchantId, ProductId, Refusal, TokenId,
    authorization_code,
};

/// Longest text that is looked at, white space included, in bytes: a token of 8 KiB, wrapped.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Who holds a license.
#[derive(Debug, Clone)]
pub struct Holder {
    pub merchant: MerchantId,
    pub issuer: String,
    pub product: String,
    pub license: LicenseId,
    /// Which of its key texts was presented; `None` when it was a claim code.
    pub token_id: Option<TokenId>,
}

/// Whose certificate it is.
#[derive(Debug, Clone)]
pub struct CertificateHolder {
    pub holder: Holder,
    pub activation: ActivationId,
    pub generation: u64,
    /// The machine that it was signed for, if it names one.
    pub enrolled: Option<Machine>,
}

/// The one credential of a request: from `Authorization: License …` or from one of these body members.
pub fn credential<'a>(
    headers: &'a HeaderMap,
    members: &[(&str, Option<&'a str>)],
) -> Result<&'a str, ApiError> {
    let given = members.iter().filter_map(|(pointer, text)| Some((*pointer, (*text)?)));
    let header = authorization(headers, "License").map(|text| ("", text));
    let mut given = header.into_iter().chain(given);
    match (given.next(), given.next()) {
        (Some((_, text)), None) => Ok(text),
        (Some(_), Some((pointer, _))) => Err(ApiError::invalid(pointer, "one credential is enough")),
        (None, _) => {
            let pointers: Vec<_> =
                members.iter().map(|(pointer, _)| pointer.trim_start_matches('/')).collect();
            let why = format!("{} is missing, and so is Authorization: License", pointers.join(" or "));
            Err(ApiError::invalid(members.first().map_or("", |(pointer, _)| pointer), why))
        }
    }
}

impl HttpState {
    /// The holder of a license key or claim code.
    pub(super) async fn holder(&self, text: &str) -> Result<Holder, ApiError> {
        if text.contains('.') {
            return self.key_holder(text).await;
        }
        let license = match self.redeem(text, None, CodeUse::Activation).await? {
            Redeemed::License(license) => *license,
            // Told like any other "not now": the caller tries the same again.
            Redeemed::Asking { .. } => return Err(ApiError::Store(StoreError::Busy)),
        };
        let merchant = self.merchant(&license.merchant).await?.ok_or(Refusal::LicenseKeyRefused)?;
        let License { id, product, .. } = license;
        Ok(Holder {
            merchant: merchant.id,
            issuer: merchant.issuer,
            product: product.to_string(),
            license: id,
            token_id: None,
        })
    }

    /// What a claim code, or a marketplace's authorization code, opens.
    pub(super) async fn redeem(
        &self,
        text: &str,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<Redeemed, ApiError> {
        let claimed = match ClaimCode::parse(text) {
            Ok(code) => self.app.redeem_claim(&code, product, code_use).await,
            Err(_) => Err(Refusal::LicenseKeyRefused.into()),
        };
        match (claimed, authorization_code(text)) {
            (Err(UseCaseError::Refused(Refusal::LicenseKeyRefused)), Some(code)) => {
                Ok(self.app.redeem_code(&code, product, code_use).await?)
            }
            (claimed, _) => Ok(Redeemed::License(Box::new(claimed?))),
        }
    }

    /// The holder of a license key.
    pub(super) async fn key_holder(&self, text: &str) -> Result<Holder, ApiError> {
        let Verified { known, token, is_withdrawn } = self.verified::<LicenseClaims>(text)?;
        let text = token.text().to_owned();
        let claims = token.into_claims();
        let token_id = own(TokenId::parse(&claims.jti))?;
        let mut holder = holder(&known, claims.aud, &claims.sub, Some(token_id.clone()))?;
        if is_withdrawn {
            let app = &self.app;
            let current =
                app.match_withdrawn_key(&holder.merchant, &holder.license, &token_id, &text).await?;
            holder.token_id = Some(current);
        }
        Ok(holder)
    }

    /// The license of a license key or certificate whose signature fits, if it is this merchant's. For its merchant, who
    /// looks for it: nothing is opened by it.
    pub(super) fn license_of_key(&self, merchant: &MerchantId, text: &str) -> Option<LicenseId> {
        if !text.contains('.') {
            return None;
        }
        let of = |known: &MerchantKeys, license: &str| {
            LicenseId::parse(license).ok().filter(|_| known.merchant.id == *merchant)
        };
        match self.verified::<LicenseClaims>(text) {
            Ok(verified) => of(&verified.known, &verified.token.into_claims().sub),
            Err(_) => {
                let verified = self.verified::<ActivationClaims>(text).ok()?;
                of(&verified.known, &verified.token.into_claims().sub)
            }
        }
    }

    /// The holder of a certificate.
    pub(super) async fn certificate_holder(&self, text: &str) -> Result<CertificateHolder, ApiError> {
        let Verified { known, token, is_withdrawn } = self.verified::<ActivationClaims>(text)?;
        let text = token.text().to_owned();
        let claims = token.into_claims();
        let activation = own(ActivationId::parse(&claims.act))?;
        let generation = own(u64::try_from(claims.generation))?;
        let enrolled = claims.machine.as_ref().map(enrolled).or_else(|| of_device_key(&claims));
        let holder = holder(&known, claims.aud, &claims.sub, None)?;
        if is_withdrawn {
            let app = &self.app;
            app.match_withdrawn_certificate(&holder.merchant, &holder.license, &activation, &text).await?;
        }
        Ok(CertificateHolder { holder, activation, generation, enrolled })
    }

    /// The untrusted `kid` only chooses whose keys judge the signature.
    fn verified<C: Claims>(&self, text: &str) -> Result<Verified<C>, ApiError> {
        let text = pasted(text)?;
        let unverified = UnverifiedToken::parse(&text).map_err(|_why| Refusal::LicenseKeyRefused)?;
        let kid = unverified.inspect().header.get("kid").and_then(Value::as_str);
        let known = kid.and_then(|kid| self.keys.of_kid(kid, self.app.signer(), self.app.now()));
        let known = known.ok_or(Refusal::LicenseKeyRefused)?;
        let is_withdrawn = kid.is_some_and(|kid| known.is_withdrawn(kid));
        let keys = known.withdrawn.as_ref().filter(|_| is_withdrawn).unwrap_or(&known.keys);
        let token = unverified.verify::<C>(keys).map_err(|_why| Refusal::LicenseKeyRefused)?;
        Ok(Verified { known, token, is_withdrawn })
    }
}

/// A text whose signature fits.
struct Verified<C> {
    known: Arc<MerchantKeys>,
    token: VerifiedToken<C>,
    /// The key is not believed any more: the text counts only if it is on record as it is.
    is_withdrawn: bool,
}

/// A certificate that names no components is bound to a device key.
fn of_device_key(claims: &ActivationClaims) -> Option<Machine> {
    let thumbprint = claims.device_key.as_deref().and_then(base64url::decode_array)?;
    Some(Machine::of_device_key(&thumbprint))
}

fn holder(
    known: &MerchantKeys,
    product: String,
    license: &str,
    token_id: Option<TokenId>,
) -> Result<Holder, ApiError> {
    Ok(Holder {
        merchant: known.merchant.id.clone(),
        issuer: known.merchant.issuer.clone(),
        product,
        license: own(LicenseId::parse(license))?,
        token_id,
    })
}

/// Whether a text says of itself that it is a certificate: nothing is known of it yet, and no signature was looked at.
pub fn claims_to_be_certificate(text: &str) -> bool {
    let Ok(text) = pasted(text) else { return false };
    let read = UnverifiedToken::parse(&text);
    let typ = read.as_ref().ok().and_then(|token| token.inspect().header.get("typ").and_then(Value::as_str));
    typ.and_then(TokenType::from_typ) == Some(TokenType::Activation)
}

/// A key that was wrapped on its way through a mail is still the key.
fn pasted(text: &str) -> Result<String, ApiError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Refusal::LicenseKeyRefused.into());
    }
    Ok(text.chars().filter(|letter| !letter.is_whitespace()).collect())
}

/// We sign nothing but our own ids; whatever else a key vouches for is not known here.
fn own<T, E>(read: Result<T, E>) -> Result<T, ApiError> {
    read.map_err(|_why| Refusal::LicenseKeyRefused.into())
}
