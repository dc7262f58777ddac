//! Sign-in links: a person gets into the console without ever holding a token.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::api_tokens::{named, scopes};
use crate::application::NewSignInLink;
use crate::domain::{
    ApiToken, Narrowed, Refusal, SIGN_IN_LINK_DEFAULT_SECS, SIGN_IN_LINK_MAX_SECS, Scope, SignInLink,
    SignInLinkId,
};
use crate::http::access::actor;
use crate::http::body;
use crate::http::conditional::idempotency;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{InstantForm, ScopeForm, SignInLinkIdForm, TokenNameForm};
use crate::http::openapi::parameters::IdempotencyKey;
use crate::http::path::PathOf;
use crate::http::reply::{Page, Reply, created, instant, ok};
use crate::http::session_cookie::{link_digest, secret_text};
use crate::http::sessions::SIGN_IN;
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = SignInLinkCreate)]
#[serde(deny_unknown_fields)]
struct CreateRequest {
    /// The actor in the audit log; the token's own name when absent. Another one needs `admin`.
    #[schema(value_type = Option<TokenNameForm>)]
    name: Option<String>,
    /// The token's own when absent.
    #[schema(value_type = Option<Vec<ScopeForm>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// How long it can be used; 600 when absent.
    #[schema(minimum = 1, maximum = 86_400)]
    expires_in_secs: Option<u32>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = SignInLinkRevoke)]
#[serde(deny_unknown_fields)]
struct RevokeRequest {}

#[derive(Serialize, ToSchema)]
#[schema(as = SignInLink)]
struct SignInLinkAnswer {
    #[schema(value_type = SignInLinkIdForm)]
    id: String,
    name: String,
    #[schema(value_type = Vec<ScopeForm>)]
    scopes: Vec<&'static str>,
    #[schema(value_type = InstantForm)]
    created_at: String,
    #[schema(value_type = InstantForm)]
    expires_at: String,
    /// When it was used, or withdrawn.
    #[schema(value_type = Option<InstantForm>)]
    closed_at: Option<String>,
    /// The link under the server's public address, when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    url: Option<String>,
    /// The same below any other address of this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    path: Option<String>,
}

/// Sign-in links that still open a session.
#[utoipa::path(
    get, path = "/v1/merchant/sign-in-links",
    responses((status = 200, body = Page<SignInLinkAnswer>)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true)), ("x-never" = json!([422]))),
)]
pub async fn list(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let (_token, owner) = state.admin(&headers).await?;
    let links = state.app.sign_in_links(&owner).await?;
    ok(&Page::whole(links.iter().map(SignInLinkAnswer::of).collect()))
}

/// A link that opens one session of the console, once; it is shown this once.
#[utoipa::path(
    post, path = "/v1/merchant/sign-in-links",
    params(IdempotencyKey),
    request_body = Option<CreateRequest>,
    responses((status = 201, body = SignInLinkAnswer, headers(("Location" = String)))),
    security(("token" = [Scope::Read.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn create(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let token = state.token(&parts.headers, Scope::Read).await?;
    let acting_for = state.acting_for(&parts.headers, &token).await?;
    let repeatable = idempotency(&parts.headers, &token, (&parts.method, &parts.uri), &body)?;
    let request: CreateRequest = body::parse_or_empty(&body)?;
    let gives = gives(&token, request.name, request.scopes)?;
    let lifetime = lifetime(request.expires_in_secs)?;
    // The same key makes the same link, so that a repeat is answered alike and no secret is kept for it; never the bytes
    // of the token that the same key would make.
    let secret = match repeatable {
        Some(identity) => state.app.signer().token_bytes(&of_links(&identity.key_digest)),
        None => state.ids.random_bytes(),
    };
    let text = secret_text(token.owner.merchant(), &secret);
    let acting_for = if token.owner.merchant().is_some() { None } else { acting_for };
    let new = NewSignInLink { digest: link_digest(&text), gives, acting_for, lifetime };
    let link = state.app.create_sign_in_link(&token, new).await?;
    let answer = SignInLinkAnswer {
        url: Some(format!("{}?link={text}", state.app.signer().sign_in_url())),
        path: Some(format!("{SIGN_IN}?link={text}")),
        ..SignInLinkAnswer::of(&link)
    };
    created(&format!("/v1/merchant/sign-in-links/{}", link.id), &answer)
}

/// A sign-in link opens nothing any more.
#[utoipa::path(
    post, path = "/v1/merchant/sign-in-links/{id}/revoke",
    params(("id" = SignInLinkIdForm, Path)),
    request_body = Option<RevokeRequest>,
    responses((status = 200, body = SignInLinkAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
    extensions(("x-without-merchant" = json!(true))),
)]
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let (token, owner) = state.admin(&headers).await?;
    let RevokeRequest {} = body::parse_or_empty(&body)?;
    let id = SignInLinkId::parse(&id).map_err(|_| ApiError::not_found("sign-in link"))?;
    ok(&SignInLinkAnswer::of(&state.app.revoke_sign_in_link(&actor(&token), &owner, &id).await?))
}

/// Nobody passes for somebody else: another name than the token's takes whoever may make tokens of any name.
fn gives(token: &ApiToken, name: Option<String>, asked: Option<Vec<String>>) -> Result<Narrowed, ApiError> {
    let name = name.map(named).transpose()?.unwrap_or_else(|| token.name.clone());
    if name != token.name && !token.allows(Scope::Admin) {
        return Err(Refusal::ScopeMissing { scope: Scope::Admin.as_str() }.into());
    }
    let scopes = match asked {
        Some(asked) => scopes(&asked, token, &token.owner)?,
        None => token.scopes.clone(),
    };
    Ok(Narrowed { name, scopes })
}

fn lifetime(secs: Option<u32>) -> Result<TimeDelta, ApiError> {
    let secs = secs.unwrap_or(SIGN_IN_LINK_DEFAULT_SECS);
    if !(1..=SIGN_IN_LINK_MAX_SECS).contains(&secs) {
        let why = format!("a sign-in link can be used for 1 to {SIGN_IN_LINK_MAX_SECS} seconds");
        return Err(ApiError::invalid("/expires_in_secs", why));
    }
    Ok(TimeDelta::seconds(secs.into()))
}

fn of_links(key_digest: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(b"sign-in link\0").chain_update(key_digest).finalize().into()
}

impl SignInLinkAnswer {
    fn of(link: &SignInLink) -> Self {
        Self {
            id: link.id.to_string(),
            name: link.gives.name.clone(),
            scopes: link.gives.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_at: instant(link.created_at),
            expires_at: instant(link.expires_at),
            closed_at: link.closed_at.map(instant),
            url: None,
            path: None,
        }
    }
}
