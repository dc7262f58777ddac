//! Order lines: listed, shown, looked at again.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Field, Form, Kind};
use super::license::address_of;
use super::query::{Asked, address};
use super::words::Orders;
use crate::application::{OrderFilter, OrderState, OrderView, order_id_shown};
use crate::domain::{LicenseId, PurchaseId, PurchaseState, Scope};
use crate::http::path::PathOf;
use crate::http::state::HttpState;

const PATH: &str = "/console/orders";
const SHOWN: usize = 25;
const STATES: [OrderState; 4] =
    [OrderState::Held, OrderState::Received, OrderState::Minted, OrderState::Ended];

/// `GET /console/orders`: those that are held, unless others are asked for.
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Orders::of(desk.language());
        let chosen = asked.some("state").unwrap_or("held");
        let filter = OrderFilter { state: OrderState::parse(chosen), ..OrderFilter::default() };
        let before = asked.some("before").and_then(|id| LicenseId::parse(id).ok());
        let (views, next) = desk.state.app.view_orders(desk.id(), &filter, before, SHOWN).await?;
        let states =
            STATES.iter().map(|state| (state.as_str().to_owned(), words.of_state(*state).0.to_owned()));
        let states = states.chain(std::iter::once(("any".to_owned(), words.any.to_owned()))).collect();
        let form = Form::new(PATH, words.look)
            .field(Field::new("state", words.state, Kind::Choice(states)).value(chosen))
            .looking_up(&Vec::new());
        let columns = [words.line, words.order, words.state, words.sku, words.customer, words.received_at];
        let rows = views.iter().map(|view| desk.order_row(view, words)).collect();
        let mut body = form.then(blocks::table(words.title, &columns, rows, words.none));
        if let Some(next) = next {
            let more = address(PATH, &[("state", chosen), ("before", next.as_str())]);
            body = body.then(blocks::row([blocks::button_link(more, desk.words().more, "")]));
        }
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

/// `GET /console/orders/{order}`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Orders::of(desk.language());
        let view = desk.state.app.view_order(desk.id(), &id).await?;
        let done = match asked.text("done") {
            "map" => blocks::done(words.mapped),
            "retry" => blocks::done(words.retried),
            _ => Html::default(),
        };
        let body = Html::all([done, desk.order_facts(&view, words), desk.order_acts(&view, words)]);
        Ok(desk.order_page(StatusCode::OK, &view, body))
    })
    .await
}

/// `POST /console/orders/{order}/retry`
pub async fn retry(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Support, async |desk, _form| {
        let view = desk.state.app.view_order(desk.id(), &id).await?;
        desk.state.app.retry_order(desk.id(), &id, &desk.caller.actor()).await?;
        Ok(go_to(&address(&order_address(&view), &[("done", "retry")])))
    })
    .await
}

/// Where the page of an order line is.
pub fn order_address(view: &OrderView) -> String {
    format!("{PATH}/{}", PurchaseId::of(&view.purchase.value.license))
}

impl Desk {
    /// A page about an order line.
    pub fn order_page(&self, status: StatusCode, view: &OrderView, body: Html) -> Response {
        let words = Orders::of(self.language());
        let purchase = &view.purchase.value;
        let title = format!("{} {}", words.order, order_id_shown(&purchase.key, &purchase.instance));
        self.page(status, &title, Some((PATH, words.title)), body)
    }

    fn order_row(&self, view: &OrderView, words: &Orders) -> Vec<Html> {
        let purchase = &view.purchase.value;
        let (word, kind) = words.of_state(OrderState::of(purchase));
        let facts = purchase.facts.as_ref();
        let none = || blocks::text("–");
        let sku = facts.and_then(|facts| facts.sku.as_ref()).map(blocks::code);
        let customer = facts.and_then(|facts| facts.customer.as_ref()).map(blocks::anywhere);
        vec![
            blocks::link_code(order_address(view), PurchaseId::of(&purchase.license)),
            blocks::code(order_id_shown(&purchase.key, &purchase.instance)),
            blocks::state(word, kind),
            sku.unwrap_or_else(none),
            customer.unwrap_or_else(none),
            self.reader.time(purchase.received_at),
        ]
    }

    /// Everything that is known of an order line.
    pub fn order_facts(&self, view: &OrderView, words: &'static Orders) -> Html {
        let purchase = &view.purchase.value;
        let (word, kind) = words.of_state(OrderState::of(purchase));
        let mut rows = vec![
            (words.state, blocks::state(word, kind)),
            (words.channel, blocks::text(&purchase.channel)),
            (words.received_at, self.reader.time(purchase.received_at)),
            (words.license, blocks::link(address_of(&purchase.license), &purchase.license)),
        ];
        match purchase.state {
            PurchaseState::Held { since } => rows.push((words.held_since, self.reader.time(since))),
            PurchaseState::Ended { at } => rows.push((words.ended_at, self.reader.time(at))),
            PurchaseState::Received | PurchaseState::Minted => {}
        }
        if let Some(facts) = &purchase.facts {
            rows.extend(facts.customer.as_ref().map(|customer| (words.customer, blocks::text(customer))));
            rows.extend(facts.sku.as_ref().map(|sku| (words.sku, blocks::code(sku))));
            rows.extend(facts.product_id.as_ref().map(|id| (words.product_id, blocks::code(id))));
            rows.push((words.quantity, blocks::text(self.reader.number(facts.quantity))));
            rows.push((words.term, blocks::text(facts.term)));
            rows.push((words.ordered_at, self.reader.time(facts.ordered_at)));
            let asked = facts.extend_params.iter().map(|(name, value)| format!("{name}: {value}"));
            rows.extend(asked.map(|asked| (words.answers, blocks::text(asked))));
        }
        if !purchase.early.is_empty() {
            rows.push((words.waiting, blocks::text(purchase.early.len())));
        }
        let waits = matches!(purchase.state, PurchaseState::Received | PurchaseState::Held { .. });
        let channel = view.channel.as_ref().filter(|_| waits);
        let refund = channel.and_then(|it| it.protocol.refund_rule().refund_at(purchase.received_at));
        rows.extend(refund.map(|at| (words.refund, self.reader.time(at))));
        let facts = blocks::facts(rows);
        if refund.is_some() { facts.then(blocks::warning(words.refund_left)) } else { facts }
    }

    /// What can be done with an order line.
    pub fn order_acts(&self, view: &OrderView, words: &'static Orders) -> Html {
        let mut parts = Vec::new();
        let address = order_address(view);
        let state = OrderState::of(&view.purchase.value);
        if state == OrderState::Held {
            parts.push(blocks::warning(words.held_why));
        }
        let mut acts = Vec::new();
        if state == OrderState::Held && self.may(Scope::Catalog) {
            acts.push(blocks::button_link(format!("{address}/map"), words.map, ""));
        }
        if matches!(state, OrderState::Held | OrderState::Received) && self.may(Scope::Support) {
            let (name, csrf) = self.csrf();
            acts.push(
                Form::new(&format!("{address}/retry"), words.retry).hidden(name, csrf).html(&Vec::new()),
            );
        }
        parts.push(blocks::row(acts));
        if let Some(job) = &view.job {
            parts.push(blocks::section("job", words.job, self.jobs(std::slice::from_ref(job), words)));
        }
        Html::all(parts)
    }
}
