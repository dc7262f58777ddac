//! Who calls the merchant API, for which merchant, and what they may do.

use axum::http::{HeaderMap, HeaderName, header};
use license_token::base64url;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::control::CONTROL_SCHEME;
use super::error::ApiError;
use super::state::HttpState;
use crate::domain::{Actor, ApiToken, MerchantId, Refusal, Scope, TokenDigest, TokenOwner};

const MERCHANT: HeaderName = HeaderName::from_static("lictor-merchant");
/// Longest bearer token that is looked at, in bytes.
pub(super) const TOKEN_BYTES_MAX: usize = 512;

/// Somebody whose token is live, acting for one merchant.
#[derive(Debug, Clone)]
pub struct Caller {
    pub token: ApiToken,
    pub merchant: MerchantId,
}

impl Caller {
    /// As the audit log names them.
    pub fn actor(&self) -> Actor {
        actor(&self.token)
    }

    /// Refuses what the token does not allow.
    pub fn must_have(&self, scope: Scope) -> Result<(), ApiError> {
        must_have(&self.token, scope)
    }
}

/// The holder of a token, as the audit log names them.
pub fn actor(token: &ApiToken) -> Actor {
    Actor::Token(token.name.clone())
}

/// What follows the scheme in `Authorization`.
pub fn authorization<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (named, rest) = value.split_once(' ')?;
    named.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}

/// The text of a token that these unpredictable bytes make; secret scanners know how it starts.
pub fn token_text(bytes: &[u8; 32]) -> SecretString {
    SecretString::from(format!("lictor_{}", base64url::encode(bytes)))
}

/// The digest under which a token is found.
pub fn token_digest(text: &str) -> TokenDigest {
    Sha256::digest(text.as_bytes()).into()
}

fn must_have(token: &ApiToken, scope: Scope) -> Result<(), ApiError> {
    if token.allows(scope) { Ok(()) } else { Err(Refusal::ScopeMissing { scope: scope.as_str() }.into()) }
}

impl HttpState {
    /// The caller with this scope, for the merchant that the token belongs to or that the header names.
    pub(super) async fn caller(&self, headers: &HeaderMap, scope: Scope) -> Result<Caller, ApiError> {
        let token = self.token(headers, scope).await?;
        let merchant = self.acting_for(headers, &token).await?;
        let unnamed = || ApiError::invalid("", "name the merchant by the header Lictor-Merchant");
        Ok(Caller { token, merchant: merchant.ok_or_else(unnamed)? })
    }

    /// The live token of a request, if it has the scope.
    pub(super) async fn token(&self, headers: &HeaderMap, scope: Scope) -> Result<ApiToken, ApiError> {
        let token = self.any_token(headers).await?;
        must_have(&token, scope)?;
        Ok(token)
    }

    /// The live token of a request, whatever it may do.
    pub(super) async fn any_token(&self, headers: &HeaderMap) -> Result<ApiToken, ApiError> {
        if let Some(text) = authorization(headers, CONTROL_SCHEME) {
            return self.control_token(text).await;
        }
        let text = authorization(headers, "Bearer").filter(|text| text.len() <= TOKEN_BYTES_MAX);
        let text = text.ok_or(Refusal::TokenRefused)?;
        Ok(self.app.authenticate(&token_digest(text)).await?)
    }

    /// For which merchant this token acts; none where an operator names none.
    pub(super) async fn acting_for(
        &self,
        headers: &HeaderMap,
        token: &ApiToken,
    ) -> Result<Option<MerchantId>, ApiError> {
        let named = named_merchant(headers)?;
        match (&token.owner, named) {
            (TokenOwner::Merchant(own), None) => Ok(Some(own.clone())),
            (TokenOwner::Merchant(own), Some(named)) if *own == named => Ok(Some(named)),
            (TokenOwner::Merchant(_), Some(_)) => Err(no_merchant()),
            (TokenOwner::Server, Some(named)) => {
                let merchant = self.merchant(&named).await?.ok_or_else(no_merchant)?;
                Ok(Some(merchant.id))
            }
            (TokenOwner::Server, None) => Ok(None),
        }
    }

    /// A token of the scope `admin`, and whose tokens, sessions and links it looks after: the merchant's, or the server's
    /// own when an operator names no merchant.
    pub(super) async fn admin(&self, headers: &HeaderMap) -> Result<(ApiToken, TokenOwner), ApiError> {
        let token = self.token(headers, Scope::Admin).await?;
        let merchant = self.acting_for(headers, &token).await?;
        Ok((token, merchant.map_or(TokenOwner::Server, TokenOwner::Merchant)))
    }
}

/// The merchant that the header names; a name that nobody can have is nobody's.
pub fn named_merchant(headers: &HeaderMap) -> Result<Option<MerchantId>, ApiError> {
    let Some(value) = headers.get(MERCHANT) else { return Ok(None) };
    let named = value.to_str().ok().and_then(|text| MerchantId::parse(text).ok());
    named.map(Some).ok_or_else(no_merchant)
}

/// Foreign and absent alike.
pub fn no_merchant() -> ApiError {
    ApiError::not_found("merchant")
}
