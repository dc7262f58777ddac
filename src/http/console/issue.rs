//! A license is issued by hand.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::explain::TIME_CHARS_MAX;
use super::forms::{Field, Form as Asking, Kind, Mistakes, summary};
use super::license::address_of;
use super::words::{Acts, Catalog};
use crate::application::IssueLicense;
use crate::domain::{CustomerId, Env, FOREIGN_ID_BYTES_MAX, Refusal, Scope, SpecId, Term};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::merchant::licenses::{LABEL_BYTES_MAX, QUANTITY_MAX};
use crate::http::state::HttpState;

const PATH: &str = "/console/issue";
/// Longest number or term that is typed, in characters.
const SHORT_CHARS_MAX: usize = 20;
/// Fields whose mistakes the rules name, by the name of their member in the API.
const FIELDS: [&str; 6] = ["spec", "quantity", "customer", "label", "term", "starts_at"];

/// `GET /console/issue`
pub async fn ask(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Issue, async |desk| {
        desk.issue_page(StatusCode::OK, &Form::default(), &Vec::new()).await
    })
    .await
}

/// `POST /console/issue`
pub async fn issue(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Issue, async |desk, form| {
        let order = match desk.order(form).await? {
            Ok(order) => order,
            Err(mistakes) => {
                return desk.issue_page(StatusCode::UNPROCESSABLE_ENTITY, form, &mistakes).await;
            }
        };
        match desk.state.app.issue_license(&order).await.map_err(ApiError::from) {
            Ok(license) => Ok(go_to(&format!("{}?done=issue", address_of(&license.value.id)))),
            Err(error @ ApiError::Refused(_)) => {
                let mistakes = vec![(field_of(&error), desk.reason(&error))];
                desk.issue_page(error.status(), form, &mistakes).await
            }
            Err(error) => Err(error),
        }
    })
    .await
}

fn field_of(error: &ApiError) -> &'static str {
    let ApiError::Refused(Refusal::Invalid { pointer, .. }) = error else { return "" };
    let named = |field: &&&str| pointer.strip_prefix('/') == Some(field);
    FIELDS.iter().find(named).copied().unwrap_or_default()
}

impl Desk {
    async fn order(&self, form: &Form) -> Result<Result<IssueLicense, Mistakes>, ApiError> {
        let (words, mut mistakes) = (Catalog::of(self.language()), Mistakes::new());
        let mut wrong = |field, told: &str| mistakes.push((field, told.to_owned()));
        let specs = self.specs().await?;
        let chosen = SpecId::parse(form.text("spec")).ok();
        let spec = specs.into_iter().find(|spec| Some(&spec.id) == chosen.as_ref());
        if spec.is_none() {
            wrong("spec", words.choose);
        }
        let quantity = form.text("quantity").parse().ok().filter(|it| (1..=QUANTITY_MAX).contains(it));
        if quantity.is_none() {
            wrong("quantity", words.quantity_wrong);
        }
        let said = |name: &str| Some(form.text(name)).filter(|text| !text.is_empty());
        let customer = said("customer").map(CustomerId::parse).transpose();
        if customer.is_err() {
            wrong("customer", words.customer_wrong);
        }
        let label = form.typed("label");
        if label.len() > LABEL_BYTES_MAX || label.chars().any(char::is_control) {
            wrong("label", words.label_wrong);
        }
        let term = said("term").map(Term::parse).transpose();
        if term.is_err() {
            wrong("term", words.term_hint);
        }
        let starts_at = said("starts_at").map(|text| self.reader.read_field(text).ok_or(())).transpose();
        if starts_at.is_err() {
            wrong("starts_at", Acts::of(self.language()).time_wrong);
        }
        let (Some(spec), Some(quantity), Ok(customer), Ok(term), Ok(starts_at)) =
            (spec, quantity, customer, term, starts_at)
        else {
            return Ok(Err(mistakes));
        };
        if !mistakes.is_empty() {
            return Ok(Err(mistakes));
        }
        Ok(Ok(IssueLicense {
            merchant: self.id().clone(),
            actor: self.caller.actor(),
            product: spec.product,
            spec: spec.id,
            quantity,
            customer,
            label,
            term,
            starts_at,
            env: Env::Live,
            idempotency: Some(self.identity(form)?),
        }))
    }

    async fn issue_page(
        &self,
        status: StatusCode,
        typed: &Form,
        mistakes: &Mistakes,
    ) -> Result<Response, ApiError> {
        let (words, tag) = (Catalog::of(self.language()), self.language().tag());
        let specs = self.specs().await?;
        if specs.is_empty() {
            return Ok(self.page(status, words.issue, None, blocks::empty(words.none)));
        }
        let options = specs.iter().map(|spec| {
            let name = format!("{} · {} · {}", spec.product, spec.name.for_locale(tag), spec.id);
            (spec.id.to_string(), name)
        });
        let ((csrf, value), (once, once_value)) = (self.csrf(), self.once());
        let quantity = if typed.text("quantity").is_empty() { "1" } else { typed.text("quantity") };
        let line = |name, label, max| Field::new(name, label, Kind::Line(max)).value(typed.typed(name));
        let form = Asking::new(PATH, words.issue_now)
            .hidden(csrf, value)
            .hidden(once, once_value)
            .field(Field::new("spec", words.spec, Kind::Choice(options.collect())).value(typed.text("spec")))
            .field(line("quantity", words.quantity, SHORT_CHARS_MAX).value(quantity).required())
            .field(line("customer", words.customer, FOREIGN_ID_BYTES_MAX).hint(words.customer_hint))
            .field(line("label", words.label, LABEL_BYTES_MAX).hint(words.label_hint))
            .field(line("term", words.term, SHORT_CHARS_MAX).hint(words.term_hint))
            .field(line("starts_at", words.starts_at, TIME_CHARS_MAX).hint(words.starts_hint));
        let errors = summary(self.words().errors, mistakes);
        let body = Html::all([errors, blocks::paragraph(words.issue_hint), form.html(mistakes)]);
        Ok(self.page(status, words.issue, None, body))
    }
}
