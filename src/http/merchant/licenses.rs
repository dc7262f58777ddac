//! Licenses: listed, shown, issued by hand.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use axum::http::request::Parts;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::license_answer::{Extent, LicenseAnswer, QuotaAnswer};
use crate::application::{IssueLicense, LicenseFilter, LicenseOrPurchase};
use crate::domain::{
    CustomerId, Env, IdError, InstanceId, Instant, License, LicenseId, LicenseState, MerchantId, OrderId,
    ProductId, Scope, Sku, SpecId, Term, whole_seconds,
};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::conditional::idempotency;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    EnvForm, ForeignIdForm, InstantForm, LabelForm, LicenseIdForm, LicenseStateForm, QueryForm, SlugForm,
    SpecIdForm, TermForm,
};
use crate::http::openapi::parameters::{Cursor, IdempotencyKey, Limit, Reveal};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, created, ok};
use crate::http::state::HttpState;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
/// Longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 255;
/// Most of one spec that one license gives.
pub const QUANTITY_MAX: u32 = 100_000;

/// The query parameters of a list.
pub(super) const FILTERS: [&str; 13] = [
    "order_id",
    "instance_id",
    "state",
    "product",
    "spec",
    "sku",
    "customer",
    "env",
    "ends_before",
    "ends_after",
    "q",
    "limit",
    "cursor",
];
/// Longest text that is searched for, in characters: a license key, wrapped.
const QUERY_CHARS_MAX: usize = 8_192;

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

/// A page of licenses.
#[derive(Serialize, ToSchema)]
#[schema(as = LicensePage)]
struct LicensesAnswer {
    items: Vec<LicenseAnswer>,
    /// Where the next page starts; null at the end. A page may be short, or empty, where there are more.
    next_cursor: Option<String>,
    /// `false` while licenses from before there was a search index are still being put into it: they are found too, but
    /// a rare match may take several pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    index_complete: Option<bool>,
}

/// Licenses, and purchases that wait to become one, newest first; all filters that are given must fit.
#[utoipa::path(
    get, path = "/v1/merchant/licenses",
    params(
        ("order_id" = Option<ForeignIdForm>, Query, description = "Bought in this order, or renewed or changed by it."),
        ("instance_id" = Option<ForeignIdForm>, Query, description = "Known to the marketplace by this id."),
        ("state" = Option<LicenseStateForm>, Query, description = "In this state now."),
        ("product" = Option<SlugForm>, Query, description = "Of this product."),
        ("spec" = Option<SpecIdForm>, Query, description = "Of this spec."),
        ("sku" = Option<ForeignIdForm>, Query, description = "Sold under this SKU."),
        ("customer" = Option<ForeignIdForm>, Query, description = "Bought by this customer."),
        ("env" = Option<EnvForm>, Query, description = "Live or test."),
        ("ends_before" = Option<InstantForm>, Query, description = "Ends before this instant, and not at it."),
        ("ends_after" = Option<InstantForm>, Query, description = "Ends at this instant or later; permanent ones have no end."),
        ("q" = Option<QueryForm>, Query, description = "The beginning of an order, instance, customer, label or machine name, in either case; a license key's last 8 characters; a whole license key, claim code or authorization code, also a superseded one; a license id."),
        Limit,
        Cursor,
    ),
    responses((status = 200, body = LicensesAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let (filter, entries, next) = searched(&state, &caller, &parameters).await?;
    let is_complete = filter.is_empty() || state.app.index_is_complete().await?;
    let licenses: Vec<_> = entries.iter().filter_map(minted).collect();
    let extent = extent(&state, &caller.merchant, &licenses, false).await?;
    ok(&LicensesAnswer {
        items: entries.iter().map(|entry| LicenseAnswer::of(entry, &extent)).collect(),
        next_cursor: next.map(|id| id.to_string()),
        index_complete: (!is_complete).then_some(false),
    })
}

/// What was asked for, what was found, and where the next page starts.
type Searched = (LicenseFilter, Vec<LicenseOrPurchase>, Option<LicenseId>);

/// The page that these parameters ask for.
pub(super) async fn searched(
    state: &HttpState,
    caller: &Caller,
    parameters: &Parameters,
) -> Result<Searched, ApiError> {
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        LicenseId::parse(text).ok()
    })?;
    let mut filter = filter(parameters)?;
    filter.q_names = filter.q.as_deref().and_then(|q| state.license_of_key(&caller.merchant, q));
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (entries, next) = state.app.view_licenses(&caller.merchant, &filter, before, limit).await?;
    Ok((filter, entries, next))
}

fn filter(parameters: &Parameters) -> Result<LicenseFilter, ApiError> {
    let states = "a state is revoked, released, suspended, expired, pending or active";
    let queries = "a search is 1 to 8192 characters";
    let filter = LicenseFilter {
        order_id: text(parameters, "order_id", OrderId::parse)?,
        instance_id: text(parameters, "instance_id", InstanceId::parse)?,
        state: parameters.get("state", states, LicenseState::parse)?,
        product: text(parameters, "product", ProductId::parse)?,
        spec: text(parameters, "spec", SpecId::parse)?,
        sku: text(parameters, "sku", Sku::parse)?,
        customer: text(parameters, "customer", CustomerId::parse)?,
        env: parameters.get("env", "env is live or test", Env::parse)?,
        ends_before: parsed(parameters, "ends_before", read_instant)?,
        ends_after: parsed(parameters, "ends_after", read_instant)?,
        q: parameters.get("q", queries, |text| {
            (1..=QUERY_CHARS_MAX).contains(&text.chars().count()).then(|| text.to_owned())
        })?,
        q_names: None,
    };
    if filter.ends_before.zip(filter.ends_after).is_some_and(|(before, after)| before <= after) {
        return Err(ApiError::invalid(
            "/ends_before",
            "nothing ends before ends_before and after ends_after",
        ));
    }
    Ok(filter)
}

fn parsed<T, E: ToString>(
    parameters: &Parameters,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ApiError> {
    read_if(&format!("/{name}"), parameters.text(name), parse)
}

/// What cannot be such an id is a mistake, not a license that is not there.
fn text<T: ToString>(
    parameters: &Parameters,
    name: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Option<String>, ApiError> {
    Ok(parsed(parameters, name, parse)?.map(|id| id.to_string()))
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
