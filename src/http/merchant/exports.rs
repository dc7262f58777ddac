//! Licenses as rows of a file, in the words that the import takes.

use axum::extract::State;
use axum::http::request::Parts;
use serde::Serialize;
use utoipa::ToSchema;

use super::licenses::{FILTERS, searched};
use crate::application::{ExportedLicense, instance_shown, order_id_shown};
use crate::domain::{Charging, Scope};
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    ChargingForm, EnvForm, ForeignIdForm, InstantForm, LicenseStateForm, QueryForm, SlugForm, SpecIdForm,
};
use crate::http::openapi::parameters::{Cursor, Limit, Reveal};
use crate::http::query::Parameters;
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;

/// A page of rows.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseRowPage)]
struct RowsAnswer {
    items: Vec<RowAnswer>,
    /// Where the next page starts; null at the end. A page may be short, or empty, where there are more.
    next_cursor: Option<String>,
}

/// A license as a row: the members of an import's row.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseRow)]
struct RowAnswer {
    channel: Option<String>,
    /// Null where it is an authorization code and `reveal` is not asked for.
    instance_id: Option<String>,
    order_id: Option<String>,
    order_line_id: Option<String>,
    product_id: Option<String>,
    sku: Option<String>,
    spec: String,
    term: String,
    #[schema(value_type = ChargingForm)]
    charging: &'static str,
    /// Null before a beginning that is awaited.
    starts_at: Option<String>,
    /// Null: permanent.
    ends_at: Option<String>,
    quantity: u32,
    customer: Option<String>,
    #[schema(value_type = LicenseStateForm)]
    state: &'static str,
    label: String,
}

/// Licenses as rows that `POST /v1/merchant/licenses/import` takes, newest first. Purchases that wait to become a license
/// are left out; what was issued by hand, revoked or released is among them, and no import takes it.
#[utoipa::path(
    get, path = "/v1/merchant/licenses/export",
    params(
        ("order_id" = Option<ForeignIdForm>, Query),
        ("instance_id" = Option<ForeignIdForm>, Query),
        ("state" = Option<LicenseStateForm>, Query),
        ("product" = Option<SlugForm>, Query),
        ("spec" = Option<SpecIdForm>, Query),
        ("sku" = Option<ForeignIdForm>, Query),
        ("customer" = Option<ForeignIdForm>, Query),
        ("env" = Option<EnvForm>, Query),
        ("ends_before" = Option<InstantForm>, Query),
        ("ends_after" = Option<InstantForm>, Query),
        ("q" = Option<QueryForm>, Query),
        Limit,
        Cursor,
        Reveal,
    ),
    responses((status = 200, body = RowsAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn export(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let known: Vec<_> = FILTERS.into_iter().chain(["reveal"]).collect();
    let parameters = Parameters::read(&parts.uri, &known)?;
    let reveal = parameters.flag("reveal")?;
    if reveal {
        caller.must_have(Scope::Keys)?;
    }
    let (_, entries, next) = searched(&state, &caller, &parameters).await?;
    let rows = state.app.export_licenses(&caller.merchant, entries).await.map_err(ApiError::from)?;
    let items = rows.iter().map(|row| RowAnswer::of(row, reveal)).collect();
    ok(&RowsAnswer { items, next_cursor: next.map(|id| id.to_string()) })
}

impl RowAnswer {
    fn of(row: &ExportedLicense, reveal: bool) -> Self {
        let (license, bought) = (&row.license, row.bought.as_ref());
        Self {
            channel: bought.map(|bought| bought.channel.to_string()),
            instance_id: bought
                .and_then(|bought| instance_shown(bought.key.marketplace, &bought.instance, reveal)),
            order_id: bought.map(|bought| order_id_shown(&bought.key, &bought.instance)),
            order_line_id: bought.and_then(|bought| bought.key.line_id.as_ref().map(ToString::to_string)),
            product_id: row.product_id.clone(),
            sku: license.sold.sku.as_ref().map(ToString::to_string),
            spec: license.sold.spec.to_string(),
            term: license.sold.term.to_string(),
            charging: match row.charging {
                Charging::Period => "period",
                Charging::OneTime => "one_time",
                Charging::OnDemand => "on_demand",
                Charging::OnDemandPackage => "on_demand_package",
            },
            starts_at: license.awaits().is_none().then(|| instant(license.validity.starts_at)),
            ends_at: license.known_end().map(instant),
            quantity: row.quantity,
            customer: license.customer.as_ref().map(ToString::to_string),
            state: row.state.as_str(),
            label: license.label.clone(),
        }
    }
}
