//! A marketplace's list of orders against what is kept here.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::application::{COMPARED_MAX, ComparedOrder, ListedOrder, OrderState};
use crate::domain::{OrderId, PurchaseId, Restore, Scope};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::reply::{Reply, instant, ok};
use crate::http::state::HttpState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompareRequest {
    orders: Vec<ListedRequest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedRequest {
    order_id: String,
    order_line_id: Option<String>,
    sku: Option<String>,
}

#[derive(Serialize)]
struct CompareAnswer {
    /// In the order of the request.
    items: Vec<ComparedAnswer>,
    /// What was lost with an earlier store; null where none was restored.
    lost_time: Option<LostTime>,
}

#[derive(Serialize)]
struct ComparedAnswer {
    order_id: String,
    order_line_id: Option<String>,
    /// `missing`, `differs` or `known`.
    outcome: &'static str,
    lines: Vec<KnownLine>,
}

#[derive(Serialize)]
struct KnownLine {
    id: String,
    order_line_id: Option<String>,
    channel: String,
    state: &'static str,
    sku: Option<String>,
    license_id: String,
}

/// From the backup to the restore.
#[derive(Serialize)]
pub struct LostTime {
    from: String,
    to: String,
}

impl LostTime {
    /// Of a restore.
    pub fn of(restore: &Restore) -> Self {
        Self { from: instant(restore.taken_at), to: instant(restore.restored_at) }
    }
}

/// `POST /v1/merchant/orders/compare`: changes nothing.
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
