//! What is kept of a customer: shown, handed out, erased. The customer's id never stands in an address.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::air_gap::file;
use super::blocks::{self, Html};
use super::desk::{Desk, with_desk, with_form};
use super::forms::{Field, Form as Asking, Kind, Mistakes, summary};
use super::license::address_of;
use super::words::Customers;
use crate::application::{EraseCustomers, HeldOfCustomer, LicenseOrPurchase, customer_digest};
use crate::domain::{FOREIGN_ID_BYTES_MAX, LicenseId, Scope};
use crate::http::form::Form;
use crate::http::merchant::customers::exported;
use crate::http::state::HttpState;

const PATH: &str = "/console/customers";
/// Pages of what is kept that one file has, so that it ends; 50 licenses each.
const PAGES_MAX: usize = 40;

/// `GET /console/customers`
pub async fn ask(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        Ok(desk.customer_page(StatusCode::OK, "", Html::default(), &Vec::new()))
    })
    .await
}

/// `POST /console/customers`
pub async fn show(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let Some(customer) = named(form) else { return Ok(desk.no_customer(form)) };
        let (held, next) = desk.state.app.view_customer(desk.id(), customer, None).await?;
        let kept = desk.kept(customer, &held, next.is_some());
        Ok(desk.customer_page(StatusCode::OK, customer, kept, &Vec::new()))
    })
    .await
}

/// `POST /console/customers/export`: all of it as JSON.
pub async fn export(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let Some(customer) = named(form) else { return Ok(desk.no_customer(form)) };
        let (mut all, mut before) = (Vec::new(), None);
        for _page in 0..PAGES_MAX {
            let (held, next) = desk.state.app.view_customer(desk.id(), customer, before).await?;
            all.extend(held);
            before = next;
            if before.is_none() {
                break;
            }
        }
        Ok(file("customer.json", exported(all, before.as_ref())))
    })
    .await
}

/// `POST /console/customers/erase`: asks, then erases.
pub async fn erase(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let Some(customer) = named(form) else { return Ok(desk.no_customer(form)) };
        let words = Customers::of(desk.language());
        let up = Some((PATH, words.title));
        let before = LicenseId::parse(form.text("before")).ok();
        if form.text("confirm") != "yes" {
            let body = blocks::facts(vec![(words.customer, blocks::text(customer))])
                .then(blocks::warning(words.erase_follows))
                .then(desk.erase_form(customer, None));
            return Ok(desk.page(StatusCode::OK, words.erase_title, up, body));
        }
        let (digest, actor) = (customer_digest(desk.id(), customer), desk.caller.actor());
        let customers = [digest];
        let erase = EraseCustomers { merchant: desk.id(), customers: &customers, actor: &actor };
        let (erased, next) = desk.state.app.erase_customers(&erase, before).await?;
        let facts = blocks::facts(vec![
            (words.licenses_erased, blocks::text(desk.reader.number(erased.licenses))),
            (words.machines_erased, blocks::text(desk.reader.number(erased.machines))),
            (words.told_erased, blocks::text(desk.reader.number(erased.kit_records))),
        ]);
        let body = match next {
            None => facts,
            Some(next) => {
                facts.then(blocks::warning(words.go_on)).then(desk.erase_form(customer, Some(&next)))
            }
        };
        Ok(desk.page(StatusCode::OK, words.erased, up, body))
    })
    .await
}

/// The customer that a form names.
fn named(form: &Form) -> Option<&str> {
    Some(form.text("customer")).filter(|it| !it.is_empty() && it.len() <= FOREIGN_ID_BYTES_MAX)
}

impl Desk {
    fn no_customer(&self, form: &Form) -> Response {
        let mistakes = vec![("customer", Customers::of(self.language()).wrong.to_owned())];
        let errors = summary(self.words().errors, &mistakes);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        self.customer_page(status, form.text("customer"), errors, &mistakes)
    }

    fn customer_page(&self, status: StatusCode, typed: &str, found: Html, mistakes: &Mistakes) -> Response {
        let words = Customers::of(self.language());
        let (csrf, value) = self.csrf();
        let field = Field::new("customer", words.customer, Kind::Line(FOREIGN_ID_BYTES_MAX));
        let form = Asking::new(PATH, words.show)
            .hidden(csrf, value)
            .field(field.value(typed).hint(words.customer_hint).required())
            .html(mistakes);
        let body = if mistakes.is_empty() { form.then(found) } else { found.then(form) };
        self.page(status, words.title, None, blocks::paragraph(words.hint).then(body))
    }

    fn kept(&self, customer: &str, held: &[HeldOfCustomer], has_more: bool) -> Html {
        let words = Customers::of(self.language());
        let row = |held: &HeldOfCustomer| {
            let label = match &held.entry {
                LicenseOrPurchase::License(license) => license.value.label.as_str(),
                LicenseOrPurchase::Purchase(_) => "",
            };
            let names = held.activations.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty());
            let or_none = |text: &str| blocks::anywhere(if text.is_empty() { "–" } else { text });
            vec![
                blocks::link_code(address_of(held.entry.id()), held.entry.id()),
                or_none(label),
                or_none(&names.collect::<Vec<_>>().join(", ")),
                blocks::number(held.kit.len()),
            ]
        };
        let columns = [words.license, words.label, words.machines, words.told];
        let table = blocks::table(words.kept, &columns, held.iter().map(row).collect(), words.none);
        if held.is_empty() {
            return table;
        }
        let more = if has_more { blocks::empty(words.more) } else { Html::default() };
        let (csrf, value) = self.csrf();
        let export = Asking::new("/console/customers/export", words.export);
        let erase = Asking::new("/console/customers/erase", words.erase).grave();
        let forms = [export, erase]
            .map(|form| form.hidden(csrf, &value).hidden("customer", customer).html(&Vec::new()));
        Html::all([table, more, blocks::row(forms)])
    }

    fn erase_form(&self, customer: &str, before: Option<&LicenseId>) -> Html {
        let words = Customers::of(self.language());
        let (csrf, value) = self.csrf();
        let form = Asking::new("/console/customers/erase", words.erase)
            .hidden(csrf, value)
            .hidden("customer", customer)
            .hidden("confirm", "yes")
            .hidden("before", before.map(LicenseId::as_str).unwrap_or_default());
        form.grave().cancel(PATH, self.words().cancel).html(&Vec::new())
    }
}
