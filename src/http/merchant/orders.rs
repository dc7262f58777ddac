//! Order lines: listed, shown, mapped, looked at again, fetched from the marketplace.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::licenses::reveal;
use super::outbox::JobAnswer;
use crate::application::record::MarketplaceCode;
use crate::application::{
    FetchOrder, Fetched, MapOrder, OrderFilter, OrderState, OrderView, UseCaseError, instance_shown,
    order_id_shown,
};
use crate::domain::{
    ChannelId, Charging, InstanceId, Instant, LicenseId, Purchase, PurchaseId, PurchaseState, RefundRule,
    Refusal, Scope, SpecId,
};
use crate::http::body;
use crate::http::conditional::{etag, if_match};
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{
    ChargingForm, EnvForm, FetchOutcomeForm, ForeignIdForm, InstantForm, LicenseIdForm, MarketplaceForm,
    OrderStateForm, PurchaseIdForm, SlugForm, SpecIdForm, TermForm,
};
use crate::http::openapi::parameters::{Cursor, IfMatch, Limit, Reveal};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;
use crate::http::tags;
use crate::http::wording::rule;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;
const FILTERS: [&str; 6] = ["state", "order_id", "instance_id", "channel", "limit", "cursor"];
/// Seconds after which an order that is being asked for is worth another look.
const ASK_AGAIN_SECS: u32 = 5;

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderMap)]
#[serde(deny_unknown_fields)]
struct MapRequest {
    #[schema(value_type = SpecIdForm)]
    spec: String,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderRetry)]
#[serde(deny_unknown_fields)]
struct RetryRequest {}

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderFetch)]
#[serde(deny_unknown_fields)]
struct FetchRequest {
    #[schema(value_type = SlugForm)]
    channel: String,
    #[schema(value_type = ForeignIdForm)]
    order_id: String,
    #[schema(value_type = Option<ForeignIdForm>)]
    order_line_id: Option<String>,
    #[schema(value_type = Option<ForeignIdForm>)]
    instance_id: Option<String>,
}

/// One order line. Members of what is not known yet are null.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
struct OrderAnswer {
    #[schema(value_type = PurchaseIdForm)]
    id: String,
    order_id: String,
    order_line_id: Option<String>,
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
    /// Null where it is an authorization code, unless it is to be revealed.
    instance_id: Option<String>,
    #[schema(value_type = MarketplaceForm)]
    marketplace: &'static str,
    #[schema(value_type = SlugForm)]
    channel: String,
    #[schema(value_type = OrderStateForm)]
    state: &'static str,
    #[schema(value_type = EnvForm)]
    env: &'static str,
    #[schema(value_type = InstantForm)]
    received_at: String,
    #[schema(value_type = Option<InstantForm>)]
    held_since: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    ended_at: Option<String>,
    /// Only of what waits.
    refund: Option<RefundAnswer>,
    sku: Option<String>,
    product_id: Option<String>,
    quantity: Option<u32>,
    #[schema(value_type = Option<ChargingForm>)]
    charging: Option<&'static str>,
    #[schema(value_type = Option<TermForm>)]
    term: Option<String>,
    customer: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    ordered_at: Option<String>,
    extend_params: Vec<ExtendParam>,
    /// What came for it meanwhile and is applied when it is minted.
    waiting_events: usize,
    suggestions: Vec<SuggestionAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    job: Option<JobAnswer>,
    revision: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Refund)]
struct RefundAnswer {
    /// Null where the marketplace does not pay back by itself.
    #[schema(value_type = Option<InstantForm>)]
    at: Option<String>,
    /// 0 when that time has passed.
    left_secs: Option<i64>,
    rule: &'static str,
    source: &'static str,
}

#[derive(Serialize, ToSchema)]
struct ExtendParam {
    name: String,
    value: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SpecSuggestion)]
struct SuggestionAnswer {
    spec: String,
    product: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Mapped)]
struct MappedAnswer {
    sku: Option<String>,
    product_id: Option<String>,
    spec: String,
    #[schema(value_type = InstantForm)]
    since: String,
    minted: usize,
    waiting: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Fetched)]
struct FetchedAnswer {
    /// `received` or `asking`.
    #[schema(value_type = FetchOutcomeForm)]
    outcome: &'static str,
    orders: Vec<OrderAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_secs: Option<u32>,
}

/// Order lines, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/orders",
    params(("state" = Option<OrderStateForm>, Query), ("order_id" = Option<String>, Query), ("instance_id" = Option<String>, Query), ("channel" = Option<String>, Query), Limit, Cursor),
    responses((status = 200, body = Page<OrderAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &FILTERS)?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        PurchaseId::parse(text).ok().map(|id| id.license())
    })?;
    let text = |name| parameters.text(name).map(str::to_owned);
    let filter = OrderFilter {
        state: parameters.get("state", "a state is received, held, minted or ended", OrderState::parse)?,
        order_id: text("order_id"),
        instance_id: text("instance_id"),
        channel: text("channel"),
    };
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (views, next) = state.app.view_orders(&caller.merchant, &filter, before, limit).await?;
    let now = state.app.now();
    let items = views.into_iter().map(|view| OrderAnswer::of(view, now, false)).collect();
    ok(&Page { items, next_cursor: next.as_ref().map(cursor) })
}

fn cursor(license: &LicenseId) -> String {
    PurchaseId::of(license).to_string()
}

/// An order line.
#[utoipa::path(
    get, path = "/v1/merchant/orders/{order}",
    params(("order" = String, Path, description = "The id of an order line, or the marketplace's order id."), Reveal),
    responses((status = 200, body = OrderAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(order): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let reveal = reveal(&caller, &parts.uri)?;
    let view = state.app.view_order(&caller.merchant, &order).await?;
    let answer = OrderAnswer::of(view, state.app.now(), reveal);
    let mut response = ok(&answer)?;
    response.headers_mut().insert(header::ETAG, etag(answer.revision));
    Ok(response)
}

/// Remembers which spec the SKU of a held order means, and mints every held order of it.
#[utoipa::path(
    post, path = "/v1/merchant/orders/{order}/map",
    params(("order" = String, Path, description = "The id of an order line, or the marketplace's order id."), IfMatch),
    request_body = MapRequest,
    responses((status = 200, body = MappedAnswer), (status = 409)),
    security(("token" = [Scope::Catalog.as_str()])),
)]
pub async fn map(
    State(state): State<HttpState>,
    PathOf(order): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Catalog).await?;
    let request: MapRequest = body::parse(&body)?;
    let spec = SpecId::parse(&request.spec).map_err(|error| ApiError::invalid("/spec", error.to_string()))?;
    let actor = caller.actor();
    let if_revision = if_match(&parts.headers)?;
    let map = MapOrder { merchant: &caller.merchant, order: &order, spec: &spec, actor: &actor, if_revision };
    let mapped = match state.app.map_order(&map).await {
        Ok(mapped) => mapped,
        Err(error) => return Err(changed(&state, &map, error).await),
    };
    let (sku, product_id) = match mapped.mapping.code {
        MarketplaceCode::Sku(sku) => (Some(sku.to_string()), None),
        MarketplaceCode::ProductId(id) => (None, Some(id)),
    };
    let (spec, since) = (mapped.mapping.spec.to_string(), instant(mapped.mapping.since));
    ok(&MappedAnswer { sku, product_id, spec, since, minted: mapped.minted, waiting: mapped.waiting })
}

/// A lost update is told with what the order is now.
async fn changed(state: &HttpState, map: &MapOrder<'_>, error: UseCaseError) -> ApiError {
    let UseCaseError::Refused(Refusal::RevisionConflict { current }) = error else { return error.into() };
    let shown = async {
        let view = state.app.view_order(map.merchant, map.order).await.ok()?;
        serde_json::to_vec(&OrderAnswer::of(view, state.app.now(), false)).ok()
    };
    ApiError::Changed { current_revision: Some(current), current: shown.await.and_then(tags::current) }
}

/// The work on an order is done now.
#[utoipa::path(
    post, path = "/v1/merchant/orders/{order}/retry",
    params(("order" = String, Path, description = "The id of an order line, or the marketplace's order id.")),
    request_body = Option<RetryRequest>,
    responses((status = 200, body = JobAnswer), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn retry(
    State(state): State<HttpState>,
    PathOf(order): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let RetryRequest {} = body::parse_or_empty(&body)?;
    let job = state.app.retry_order(&caller.merchant, &order, &caller.actor()).await?;
    ok(&JobAnswer::of(job))
}

/// An order that the marketplace knows and this service does not.
#[utoipa::path(
    post, path = "/v1/merchant/orders/fetch",
    request_body = FetchRequest,
    responses((status = 200, description = "It is here.", body = FetchedAnswer), (status = 202, description = "The marketplace is being asked.", body = FetchedAnswer), (status = 409)),
    security(("token" = [Scope::Support.as_str()])),
)]
pub async fn fetch(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Support).await?;
    let request: FetchRequest = body::parse(&body)?;
    let channel = ChannelId::parse(&request.channel).map_err(|_| ApiError::not_found("channel"))?;
    if let Some(id) = &request.instance_id {
        InstanceId::parse(id).map_err(|error| ApiError::invalid("/instance_id", error.to_string()))?;
    }
    let fetch = FetchOrder {
        merchant: &caller.merchant,
        channel: &channel,
        order_id: &request.order_id,
        line_id: request.order_line_id.as_deref(),
        instance_id: request.instance_id.as_deref(),
    };
    let now = state.app.now();
    match state.app.fetch_order(&fetch).await? {
        Fetched::Received(views) => ok(&FetchedAnswer {
            outcome: "received",
            orders: views.into_iter().map(|view| OrderAnswer::of(view, now, false)).collect(),
            reason: None,
            retry_after_secs: None,
        }),
        Fetched::Asking { why } => {
            let answer = FetchedAnswer {
                outcome: "asking",
                orders: Vec::new(),
                reason: Some(rule(&why, Language::of(&parts.headers))),
                retry_after_secs: Some(ASK_AGAIN_SECS),
            };
            Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
        }
    }
}

impl OrderAnswer {
    fn of(view: OrderView, now: Instant, reveal: bool) -> Self {
        let OrderView { purchase, channel, suggestions, job } = view;
        let (revision, purchase) = (purchase.revision, purchase.value);
        let state = OrderState::of(&purchase);
        let (held_since, ended_at) = match purchase.state {
            PurchaseState::Held { since } => (Some(instant(since)), None),
            PurchaseState::Ended { at } => (None, Some(instant(at))),
            PurchaseState::Received | PurchaseState::Minted => (None, None),
        };
        let waits = matches!(state, OrderState::Received | OrderState::Held);
        let rule = channel.filter(|_| waits).map(|channel| channel.protocol.refund_rule());
        let refund = rule.map(|rule| RefundAnswer::of(rule, &purchase, now));
        let suggestions = suggestions
            .into_iter()
            .map(|it| SuggestionAnswer { spec: it.spec.to_string(), product: it.product.to_string() });
        let facts = purchase.facts;
        let extend_params = facts.iter().flat_map(|facts| &facts.extend_params);
        Self {
            id: PurchaseId::of(&purchase.license).to_string(),
            order_id: order_id_shown(&purchase.key, &purchase.instance),
            order_line_id: purchase.key.line_id.as_ref().map(ToString::to_string),
            license_id: purchase.license.to_string(),
            instance_id: instance_shown(purchase.key.marketplace, &purchase.instance, reveal),
            marketplace: purchase.key.marketplace.as_str(),
            channel: purchase.channel.to_string(),
            state: state.as_str(),
            env: purchase.env.as_str(),
            received_at: instant(purchase.received_at),
            held_since,
            ended_at,
            refund,
            sku: facts.as_ref().and_then(|facts| facts.sku.as_ref()).map(ToString::to_string),
            product_id: facts.as_ref().and_then(|facts| facts.product_id.clone()),
            quantity: facts.as_ref().map(|facts| facts.quantity),
            charging: facts.as_ref().map(|facts| charging(facts.charging)),
            term: facts.as_ref().map(|facts| facts.term.to_string()),
            customer: facts.as_ref().and_then(|facts| facts.customer.as_ref()).map(ToString::to_string),
            ordered_at: facts.as_ref().map(|facts| instant(facts.ordered_at)),
            extend_params: extend_params
                .map(|(name, value)| ExtendParam { name: name.clone(), value: value.clone() })
                .collect(),
            waiting_events: purchase.early.len(),
            suggestions: suggestions.collect(),
            job: job.map(JobAnswer::of),
            revision,
        }
    }
}

impl RefundAnswer {
    fn of(rule: RefundRule, purchase: &Purchase, now: Instant) -> Self {
        let at = rule.refund_at(purchase.received_at);
        Self {
            at: at.map(instant),
            left_secs: at.map(|at| (at - now).num_seconds().max(0)),
            rule: rule.words,
            source: rule.source,
        }
    }
}

fn charging(charging: Charging) -> &'static str {
    match charging {
        Charging::OnDemand => "on_demand",
        Charging::OneTime => "one_time",
        Charging::Period => "period",
        Charging::OnDemandPackage => "on_demand_package",
    }
}
