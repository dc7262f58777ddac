//! The merchant's verifying keys by role.

use axum::extract::{Request, State};
use license_token::{KeySet, VerifyingKey, base64url};
use serde::Serialize;

use crate::application::UseCaseError;
use crate::application::ports::SigningError;
use crate::domain::Scope;
use crate::http::access::no_merchant;
use crate::http::reply::{Page, Reply, ok};
use crate::http::state::HttpState;

#[derive(Serialize)]
struct KeyAnswer {
    kid: String,
    role: &'static str,
    issuer: String,
    /// The 32 public bytes, base64url.
    public_key: String,
}

/// `GET /v1/merchant/keys`
pub async fn list(State(state): State<HttpState>, request: Request) -> Reply {
    let caller = state.caller(request.headers(), Scope::Read).await?;
    let merchant = state.merchant(&caller.merchant).await?.ok_or_else(no_merchant)?;
    let jwks = state.app.signer().jwks(&merchant).map_err(UseCaseError::from)?;
    let keys = KeySet::parse(jwks.as_bytes()).map_err(|error| SigningError(error.to_string()));
    let keys = keys.map_err(UseCaseError::from)?;
    ok(&Page::whole(keys.keys().iter().map(KeyAnswer::of).collect()))
}

impl KeyAnswer {
    fn of(key: &VerifyingKey) -> Self {
        Self {
            kid: key.kid().to_owned(),
            role: key.role().as_str(),
            issuer: key.issuer().to_owned(),
            public_key: base64url::encode(key.public()),
        }
    }
}
