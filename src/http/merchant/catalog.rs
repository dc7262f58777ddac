//! What the merchant sells: products and specs, as the apply file made them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::license_answer::{MachinesAnswer, machines};
use crate::domain::{
    LocalizedText, MachinePolicy, OfflinePolicy, Product, ProductId, QuotaTemplate, Scope, Spec, SpecId,
    SpecTerm, WindowAlignment,
};
use crate::http::error::ApiError;
use crate::http::openapi::forms::{AmountForm, OverageForm, ResetForm, SlugForm, SpecIdForm, StartsForm};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, amount, ok};
use crate::http::state::HttpState;

/// A text in one or both languages.
#[derive(Serialize, ToSchema)]
#[schema(as = LocalizedText)]
struct TextAnswer {
    zh: Option<String>,
    en: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Product)]
struct ProductAnswer {
    #[schema(value_type = SlugForm)]
    id: String,
    name: TextAnswer,
    /// Shown to the buyer; empty is the portal.
    front_end_url: String,
    memo: TextAnswer,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Spec)]
struct SpecAnswer {
    #[schema(value_type = SpecIdForm)]
    id: String,
    #[schema(value_type = SlugForm)]
    product: String,
    skus: Vec<String>,
    product_ids: Vec<String>,
    name: TextAnswer,
    /// `P1M`, `P1Y`, `PnM`, `PnY`, `PnD`, `permanent`, or `order`: as the order says.
    term: String,
    machines: MachinesAnswer,
    /// What the order's quantity multiplies: `machines`, `quota` or `none`.
    multiply: &'static str,
    entitlements: Vec<String>,
    attributes: BTreeMap<String, String>,
    updates: Option<String>,
    #[schema(value_type = StartsForm)]
    starts: &'static str,
    /// `license` or `package`.
    kind: &'static str,
    offline: OfflineAnswer,
    machine: PolicyAnswer,
    quota: Vec<TemplateAnswer>,
    /// Which specs an instance may become by an order; null is any other license of its product.
    changes_to: Option<Vec<String>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OfflinePolicy)]
struct OfflineAnswer {
    lease_secs: u64,
    renew_after_secs: u64,
    air_gap_lease_secs: u64,
    status: &'static str,
    max_status_age_secs: u64,
    grace_secs: u64,
    enforcement: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MachinePolicy)]
struct PolicyAnswer {
    binding: &'static str,
    floating_lease_secs: u64,
    when_full: &'static str,
    moves_per_30_days: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = QuotaTemplate)]
struct TemplateAnswer {
    metric: String,
    unit: String,
    #[schema(value_type = AmountForm)]
    amount: Box<RawValue>,
    #[schema(value_type = ResetForm)]
    reset: &'static str,
    /// `anniversary` or `calendar`.
    window: &'static str,
    #[schema(value_type = OverageForm)]
    overage: &'static str,
}

/// Products.
#[utoipa::path(
    get, path = "/v1/merchant/products",
    responses((status = 200, body = Page<ProductAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn products(State(state): State<HttpState>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let products = state.app.view_products(&caller.merchant).await?;
    ok(&Page::whole(products.iter().map(|found| ProductAnswer::of(&found.value.value)).collect()))
}

/// One product.
#[utoipa::path(
    get, path = "/v1/merchant/products/{id}",
    params(("id" = SlugForm, Path)),
    responses((status = 200, body = ProductAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn product(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let id = ProductId::parse(&id).map_err(|_| ApiError::not_found("product"))?;
    ok(&ProductAnswer::of(&state.app.view_product(&caller.merchant, &id).await?.value.value))
}

/// Specs, of one product where it is named.
#[utoipa::path(
    get, path = "/v1/merchant/specs",
    params(("product" = Option<SlugForm>, Query)),
    responses((status = 200, body = Page<SpecAnswer>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn specs(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["product"])?;
    let product =
        parameters.get("product", "a product is named by its id", |text| ProductId::parse(text).ok())?;
    let specs = state.app.view_specs(&caller.merchant, product.as_ref()).await?;
    ok(&Page::whole(specs.iter().map(|found| SpecAnswer::of(&found.value.value)).collect()))
}

/// One spec.
#[utoipa::path(
    get, path = "/v1/merchant/specs/{id}",
    params(("id" = SpecIdForm, Path)),
    responses((status = 200, body = SpecAnswer, headers(("ETag" = String)))),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn spec(State(state): State<HttpState>, PathOf(id): PathOf<String>, headers: HeaderMap) -> Reply {
    let caller = state.caller(&headers, Scope::Read).await?;
    let id = SpecId::parse(&id).map_err(|_| ApiError::not_found("spec"))?;
    ok(&SpecAnswer::of(&state.app.view_spec(&caller.merchant, &id).await?.value.value))
}

impl TextAnswer {
    fn of(text: &LocalizedText) -> Self {
        Self { zh: text.zh.clone(), en: text.en.clone() }
    }
}

impl ProductAnswer {
    fn of(product: &Product) -> Self {
        Self {
            id: product.id.to_string(),
            name: TextAnswer::of(&product.name),
            front_end_url: product.front_end_url.clone(),
            memo: TextAnswer::of(&product.memo),
        }
    }
}

impl SpecAnswer {
    fn of(spec: &Spec) -> Self {
        let changes_to = spec.changes_to.as_ref();
        Self {
            id: spec.id.to_string(),
            product: spec.product.to_string(),
            skus: spec.skus.iter().map(ToString::to_string).collect(),
            product_ids: spec.product_ids.clone(),
            name: TextAnswer::of(&spec.name),
            term: match spec.term {
                SpecTerm::AsOrdered => "order".to_owned(),
                SpecTerm::Fixed(term) => term.to_string(),
            },
            machines: machines(spec.machines),
            multiply: spec.multiply.as_str(),
            entitlements: spec.entitlements.clone(),
            attributes: spec.attributes.clone(),
            updates: spec.updates.map(|term| term.to_string()),
            starts: spec.starts.as_str(),
            kind: spec.kind.as_str(),
            offline: OfflineAnswer::of(&spec.offline),
            machine: PolicyAnswer::of(&spec.machine),
            quota: spec.quota.iter().map(TemplateAnswer::of).collect(),
            changes_to: changes_to.map(|ids| ids.iter().map(ToString::to_string).collect()),
        }
    }
}

impl OfflineAnswer {
    fn of(policy: &OfflinePolicy) -> Self {
        Self {
            lease_secs: seconds(policy.lease),
            renew_after_secs: seconds(policy.renew_after),
            air_gap_lease_secs: seconds(policy.air_gap_lease),
            status: policy.status.as_str(),
            max_status_age_secs: seconds(policy.max_status_age),
            grace_secs: seconds(policy.grace),
            enforcement: policy.enforcement.as_str(),
        }
    }
}

impl PolicyAnswer {
    fn of(policy: &MachinePolicy) -> Self {
        Self {
            binding: policy.binding.as_str(),
            floating_lease_secs: seconds(policy.floating_lease),
            when_full: policy.when_full.as_str(),
            moves_per_30_days: policy.moves_per_30_days,
        }
    }
}

impl TemplateAnswer {
    fn of(template: &QuotaTemplate) -> Self {
        Self {
            metric: template.metric.clone(),
            unit: template.unit.clone(),
            amount: amount(template.amount),
            reset: template.reset.as_str(),
            window: match template.window {
                WindowAlignment::Anniversary => "anniversary",
                WindowAlignment::Calendar => "calendar",
            },
            overage: template.overage.as_str(),
        }
    }
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}
