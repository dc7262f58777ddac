//! A marketplace's list of orders against what is kept here.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::{COMPARED_MAX, ComparedOrder, ListedOrder, OrderState};
use crate::domain::{OrderId, PurchaseId, Restore, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{
    CompareOutcomeForm, ForeignIdForm, InstantForm, LicenseIdForm, OrderStateForm, PurchaseIdForm, SlugForm,
};
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Deserialize, ToSchema)]
#[schema(as = OrderList)]
#[serde(deny_unknown_fields)]
struct CompareRequest {
    #[schema(min_items = 1, max_items = 1000)]
    orders: Vec<ListedRequest>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ListedOrder)]
#[serde(deny_unknown_fields)]
struct ListedRequest {
    #[schema(value_type = ForeignIdForm)]
    order_id: String,
    order_line_id: Option<String>,
    sku: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Compared)]
struct CompareAnswer {
    /// In the order of the request.
    items: Vec<ComparedAnswer>,
    /// What was lost with an earlier store; null where none was restored.
    lost_time: Option<LostTime>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ComparedOrder)]
struct ComparedAnswer {
    order_id: String,
    order_line_id: Option<String>,
    /// `missing`, `differs` or `known`.
    #[schema(value_type = CompareOutcomeForm)]
    outcome: &'static str,
    lines: Vec<KnownLine>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KnownOrderLine)]
struct KnownLine {
    #[schema(value_type = PurchaseIdForm)]
    id: String,
    order_line_id: Option<String>,
    #[schema(value_type = SlugForm)]
    channel: String,
    #[schema(value_type = OrderStateForm)]
    state: &'static str,
    sku: Option<String>,
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
}

/// From the backup to the restore.
#[derive(Serialize, ToSchema)]
pub struct LostTime {
    #[schema(value_type = InstantForm)]
    from: String,
    #[schema(value_type = InstantForm)]
    to: String,
}

impl LostTime {
    /// Of a restore.
    pub fn of(restore: &Restore) -> Self {
        Self { from: instant(restore.taken_at), to: instant(restore.restored_at) }
    }
}

/// A marketplace's list of orders against what is kept here; changes nothing.
#[utoipa::path(
    post, path = "/v1/merchant/orders/compare",
    request_body = CompareRequest,
    responses((status = 200, body = CompareAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn compare(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let request: CompareRequest = body::parse(&body)?;
    if request.orders.is_empty() || request.orders.len() > COMPARED_MAX {
        let why = format!("a request names 1 to {COMPARED_MAX} orders: send more of them");
        return Err(ApiError::invalid("/orders", why));
    }
    let listed = request.orders.into_iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    let compared = state.app.compare_orders(&caller.merchant, &listed).await?;
    let items = listed.into_iter().zip(compared).map(ComparedAnswer::of).collect();
    let lost_time = state.app.restored().await?.as_ref().map(LostTime::of);
    ok(&CompareAnswer { items, lost_time })
}

fn read((place, listed): (usize, ListedRequest)) -> Result<ListedOrder, ApiError> {
    OrderId::parse(&listed.order_id)
        .map_err(|error| ApiError::invalid(&format!("/orders/{place}/order_id"), error.to_string()))?;
    let ListedRequest { order_id, order_line_id, sku } = listed;
    Ok(ListedOrder { order_id, order_line_id, sku })
}

impl ComparedAnswer {
    fn of((listed, compared): (ListedOrder, ComparedOrder)) -> Self {
        let outcome = match (compared.known.is_empty(), compared.differs) {
            (true, _) => "missing",
            (false, true) => "differs",
            (false, false) => "known",
        };
        let line = |purchase: &crate::domain::Purchase| KnownLine {
            id: PurchaseId::of(&purchase.license).to_string(),
            order_line_id: purchase.key.line_id.as_ref().map(ToString::to_string),
            channel: purchase.channel.to_string(),
            state: OrderState::of(purchase).as_str(),
            sku: purchase.facts.as_ref().and_then(|facts| facts.sku.as_ref()).map(ToString::to_string),
            license_id: purchase.license.to_string(),
        };
        let lines = compared.known.iter().map(|view| line(&view.purchase.value)).collect();
        Self { order_id: listed.order_id, order_line_id: listed.order_line_id, outcome, lines }
    }
}
