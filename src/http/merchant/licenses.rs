//! Licenses: listed, shown, issued by hand.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::http::request::Parts;
use chrono::DateTime;
use serde::Deserialize;
use utoipa::ToSchema;

use super::license_answer::{Extent, LicenseAnswer, QuotaAnswer};
use crate::application::{IssueLicense, LicenseFilter, LicenseOrPurchase};
use crate::domain::{
    CustomerId, Env, Instant, License, LicenseId, LicenseState, MerchantId, ProductId, Scope, SpecId, Term,
    whole_seconds,
};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::idempotency;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    EnvForm, ForeignIdForm, InstantForm, LabelForm, LicenseIdForm, LicenseStateForm, SlugForm, SpecIdForm,
    TermForm,
};
use crate::http::openapi::parameters::{Cursor, IdempotencyKey, Limit, Reveal};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, created, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Longest label, in bytes.
pub(super) const LABEL_BYTES_MAX: usize = 255;
/// Most of one spec that one license gives.
pub(super) const QUANTITY_MAX: u32 = 100_000;

const FILTERS: [&str; 9] =
    ["order_id", "instance_id", "state", "product", "sku", "customer", "env", "limit", "cursor"];

#[derive(Deserialize, ToSchema)]
#[schema(as = LicenseIssue)]
#[serde(deny_unknown_fields)]
pub(super) struct IssueRequest {
    #[schema(value_type = SlugForm)]
    product: String,
    #[schema(value_type = SpecIdForm)]
    spec: String,
    /// 1 when absent.
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: Option<u32>,
    #[schema(value_type = Option<ForeignIdForm>)]
    customer: Option<String>,
    #[serde(default)]
    #[schema(value_type = LabelForm)]
    label: String,
    /// The spec's when absent.
    #[schema(value_type = Option<TermForm>)]
    term: Option<String>,
    /// Now when absent.
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
}

/// Licenses, and purchases that wait to become one, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/licenses",
    params(
        ("order_id" = Option<String>, Query),
        ("instance_id" = Option<String>, Query),
        ("state" = Option<LicenseStateForm>, Query),
        ("product" = Option<String>, Query),
        ("sku" = Option<String>, Query),
        ("customer" = Option<String>, Query),
        ("env" = Option<EnvForm>, Query),
        Limit,
        Cursor,
    ),
    responses((status = 200, body = Page<LicenseAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        LicenseId::parse(text).ok()
    })?;
    let filter = filter(&parameters)?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (entries, next) = state.app.view_licenses(&caller.merchant, &filter, before, limit).await?;
    let licenses: Vec<_> = entries.iter().filter_map(minted).collect();
    let extent = extent(&state, &caller.merchant, &licenses, false).await?;
    let items = entries.iter().map(|entry| LicenseAnswer::of(entry, &extent)).collect();
    ok(&Page { items, next_cursor: next.map(|id| id.to_string()) })
}

fn filter(parameters: &Parameters) -> Result<LicenseFilter, ApiError> {
    let text = |name| parameters.text(name).map(str::to_owned);
    let states = "a state is revoked, released, suspended, expired, pending or active";
    Ok(LicenseFilter {
        order_id: text("order_id"),
        instance_id: text("instance_id"),
        state: parameters.get("state", states, LicenseState::parse)?,
        product: text("product"),
        sku: text("sku"),
        customer: text("customer"),
        env: parameters.get("env", "env is live or test", Env::parse)?,
        ..LicenseFilter::default()
    })
}

/// A license with its activations.
#[utoipa::path(
    get, path = "/v1/merchant/licenses/{id}",
    params(("id" = LicenseIdForm, Path), Reveal),
    responses((status = 200, body = LicenseAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let reveal = reveal(&caller, &parts.uri)?;
    let id = license_id(&id)?;
    let entry = state.app.view_license(&caller.merchant, &id).await?;
    let activations = match &entry {
        LicenseOrPurchase::License(_) => state.app.activations(&caller.merchant, &id).await?,
        LicenseOrPurchase::Purchase(_) => Vec::new(),
    };
    let licenses: Vec<_> = minted(&entry).into_iter().collect();
    let extent = extent(&state, &caller.merchant, &licenses, reveal).await?;
    let extent = Extent { activations: Some(&activations), ..extent };
    let answer = LicenseAnswer::of(&entry, &extent);
    Ok(answer.tagged(ok(&answer)?))
}

/// The packages of a license and what is left of them.
#[utoipa::path(
    get, path = "/v1/merchant/licenses/{id}/quota",
    params(("id" = LicenseIdForm, Path)),
    responses((status = 200, body = Page<QuotaAnswer>, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn quota(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let entry = state.app.view_license(&caller.merchant, &license_id(&id)?).await?;
    let licenses: Vec<_> = minted(&entry).into_iter().collect();
    let views = state.app.view_quota(&caller.merchant, &licenses).await?;
    ok(&Page::whole(views.values().flatten().map(QuotaAnswer::of).collect()))
}

/// A license by hand.
#[utoipa::path(
    post, path = "/v1/merchant/licenses",
    params(Reveal, IdempotencyKey),
    request_body = IssueRequest,
    responses((status = 201, body = LicenseAnswer, headers(("ETag" = String), ("Location" = String)))),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn issue(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Issue).await?;
    let reveal = reveal(&caller, &parts.uri)?;
    let mut order = order(body::parse(&body)?, &caller)?;
    order.idempotency = idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?;
    let license = state.app.issue_license(&order).await?;
    let extent = extent(&state, &caller.merchant, &[&license.value], reveal).await?;
    let answer = LicenseAnswer::of_license(&license, &extent);
    Ok(answer.tagged(created(&answer.location(), &answer)?))
}

pub(super) fn order(request: IssueRequest, caller: &Caller) -> Result<IssueLicense, ApiError> {
    let quantity = read_quantity(request.quantity)?;
    if request.label.len() > LABEL_BYTES_MAX || request.label.chars().any(char::is_control) {
        let why = format!("a label has at most {LABEL_BYTES_MAX} bytes without control characters");
        return Err(ApiError::invalid("/label", why));
    }
    Ok(IssueLicense {
        merchant: caller.merchant.clone(),
        actor: caller.actor(),
        product: read("/product", &request.product, ProductId::parse)?,
        spec: read("/spec", &request.spec, SpecId::parse)?,
        quantity,
        customer: read_if("/customer", request.customer.as_deref(), CustomerId::parse)?,
        label: request.label,
        term: read_if("/term", request.term.as_deref(), Term::parse)?,
        starts_at: read_if("/starts_at", request.starts_at.as_deref(), read_instant)?,
        env: Env::Live,
        idempotency: None,
    })
}

/// RFC 3339 UTC with `Z` and whole seconds, from 1970: tokens count seconds from there. A leap second cannot be counted.
pub fn read_instant(text: &str) -> Result<Instant, &'static str> {
    let rule = "an instant is RFC 3339 in UTC with whole seconds from 1970 on, such as 2026-01-31T08:00:00Z";
    let read = DateTime::parse_from_rfc3339(text).map_err(|_| rule)?.to_utc();
    let whole = whole_seconds(read) == read && !text.contains(['.', ',']) && !text.contains(":60");
    if text.ends_with('Z') && whole && read >= Instant::UNIX_EPOCH { Ok(read) } else { Err(rule) }
}

/// How much of a spec; 1 where nothing is said.
pub(super) fn read_quantity(quantity: Option<u32>) -> Result<u32, ApiError> {
    let quantity = quantity.unwrap_or(1);
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        return Err(ApiError::invalid("/quantity", format!("a quantity is 1 to {QUANTITY_MAX}")));
    }
    Ok(quantity)
}

pub(super) fn read<T, E: ToString>(
    pointer: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, ApiError> {
    parse(text).map_err(|error| ApiError::invalid(pointer, error.to_string()))
}

pub(super) fn read_if<T, E: ToString>(
    pointer: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ApiError> {
    text.map(|text| read(pointer, text, parse)).transpose()
}

/// `reveal=true` shows license key and claim code to whoever has the scope.
pub(super) fn reveal(caller: &Caller, uri: &Uri) -> Result<bool, ApiError> {
    let reveal = Parameters::read(uri, &["reveal"])?.flag("reveal")?;
    if reveal {
        caller.must_have(Scope::Keys)?;
    }
    Ok(reveal)
}

/// What cannot be an id is nobody's.
pub(super) fn license_id(text: &str) -> Result<LicenseId, ApiError> {
    LicenseId::parse(text).map_err(|_| ApiError::not_found("license"))
}

/// What is shown of these licenses besides themselves.
pub(super) async fn extent<'a>(
    state: &'a HttpState,
    merchant: &MerchantId,
    licenses: &[&License],
    reveal: bool,
) -> Result<Extent<'a>, ApiError> {
    let quota = state.app.view_quota(merchant, licenses).await?;
    Ok(Extent { now: state.app.now(), signer: state.app.signer(), reveal, activations: None, quota })
}

fn minted(entry: &LicenseOrPurchase) -> Option<&License> {
    match entry {
        LicenseOrPurchase::License(license) => Some(&license.value),
        LicenseOrPurchase::Purchase(_) => None,
    }
}
