//! The merchant of a token.

use axum::extract::State;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Refusal, Scope};
use crate::http::openapi::forms::SlugForm;
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;

/// Whose licenses a token works on.
#[derive(Serialize, ToSchema)]
#[schema(as = Merchant)]
struct MerchantAnswer {
    #[schema(value_type = SlugForm)]
    id: String,
    name: NameAnswer,
    /// `iss` of every token.
    issuer: String,
    /// The IANA zone in which times are shown to people; everything here is in UTC.
    time_zone: String,
    /// BCP 47: the language of what customers read by default.
    locale: String,
}

/// A name in one or both languages.
#[derive(Serialize, ToSchema)]
#[schema(as = LocalizedName)]
struct NameAnswer {
    zh: Option<String>,
    en: Option<String>,
}

/// The merchant that the token belongs to, or that an operator acts for.
#[utoipa::path(
    get, path = "/v1/merchant",
    responses((status = 200, body = MerchantAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let merchant = state.merchant(&caller.merchant).await?.ok_or(Refusal::NotFound { what: "merchant" })?;
    ok(&MerchantAnswer {
        id: merchant.id.to_string(),
        name: NameAnswer { zh: merchant.name.zh, en: merchant.name.en },
        issuer: merchant.issuer,
        time_zone: merchant.time_zone,
        locale: merchant.locale,
    })
}
