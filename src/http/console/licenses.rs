//! Licenses: searched for and listed, newest first.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use license_token::armour::{self, REQUEST_FILE_MAX_BYTES};

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Field, Form, Kind, Mistakes, summary};
use super::query::{Asked, address};
use super::words::Licenses;
use crate::application::{LicenseFilter, LicenseOrPurchase, SoldNames};
use crate::domain::{
    ClaimCode, License, LicenseId, LicenseState, Origin, ProductId, Scope, SpecId, authorization_code,
};
use crate::http::error::ApiError;
use crate::http::state::HttpState;

const PATH: &str = "/console/licenses";
const SHOWN: usize = 25;
/// Longest text that is looked for, in characters: a pasted license key.
const LOOKED_FOR_CHARS_MAX: usize = 4_096;
/// No license key is shorter, in bytes; no order id, customer or label that has a dot is longer.
const KEY_BYTES_MIN: usize = 300;

/// `GET /console/licenses`
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let (q, before) = (asked.text("q"), asked.some("before").and_then(|id| LicenseId::parse(id).ok()));
        let filter = LicenseFilter {
            state: LicenseState::parse(asked.text("state")),
            product: asked.some("product").map(str::to_owned),
            ..LicenseFilter::default()
        };
        match desk.find(q, &filter, before).await {
            Ok(found) => desk.list_page(StatusCode::OK, &asked, found, &Vec::new()).await,
            Err(error @ ApiError::Refused(_)) => {
                let mistakes = vec![("q", desk.reason(&error))];
                desk.list_page(error.status(), &asked, (Vec::new(), None), &mistakes).await
            }
            Err(error) => Err(error),
        }
    })
    .await
}

/// `POST /console/find`: a key or code that is looked for never stands in an address.
pub async fn find(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Read, async |desk, form| {
        let q = form.text("q");
        if is_secret(q) {
            let found = desk.find(q, &LicenseFilter::default(), None).await?;
            if let Some(entry) = found.0.first() {
                return Ok(go_to(&format!("{PATH}/{}", entry.id())));
            }
            return desk.list_page(StatusCode::OK, &Asked::default(), found, &Vec::new()).await;
        }
        // The search above every page shows what it finds alone; the one of the list goes on with the list.
        let is_of_list = form.fields().iter().any(|(name, _)| name == "state");
        if !is_of_list && let Some(only) = desk.only(q).await? {
            return Ok(go_to(&format!("{PATH}/{only}")));
        }
        let parameters = [("q", q), ("state", form.text("state")), ("product", form.text("product"))];
        Ok(go_to(&address(PATH, &parameters)))
    })
    .await
}

/// Whether it opens a license.
fn is_secret(text: &str) -> bool {
    let is_key = text.contains('.') && text.len() > KEY_BYTES_MIN;
    is_key || ClaimCode::parse(text).is_ok() || authorization_code(text).is_some()
}

type Found = (Vec<LicenseOrPurchase>, Option<LicenseId>);

impl Desk {
    async fn find(
        &self,
        q: &str,
        filter: &LicenseFilter,
        before: Option<LicenseId>,
    ) -> Result<Found, ApiError> {
        let filter = LicenseFilter {
            q: Some(q.to_owned()).filter(|q| !q.is_empty()),
            q_names: self.named_by_key(q).await?,
            ..filter.clone()
        };
        Ok(self.state.app.view_licenses(self.id(), &filter, before, SHOWN).await?)
    }

    /// The only license that fits, if there is but one.
    async fn only(&self, q: &str) -> Result<Option<LicenseId>, ApiError> {
        if q.is_empty() {
            return Ok(None);
        }
        match self.find(q, &LicenseFilter::default(), None).await {
            Ok((found, None)) if found.len() == 1 => Ok(found.first().map(|entry| entry.id().clone())),
            // What is wrong with it, the list says.
            Ok(_) | Err(ApiError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The license of a key, where that is what was pasted.
    async fn named_by_key(&self, q: &str) -> Result<Option<LicenseId>, ApiError> {
        let Ok(tokens) = armour::read(q, REQUEST_FILE_MAX_BYTES) else { return Ok(None) };
        let Some(text) = tokens.first().filter(|_| q.contains('.')) else { return Ok(None) };
        match self.state.key_holder(text).await {
            Ok(holder) => Ok(Some(holder.license).filter(|_| holder.merchant == *self.id())),
            Err(ApiError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_page(
        &self,
        status: StatusCode,
        asked: &Asked,
        (entries, next): Found,
        mistakes: &Mistakes,
    ) -> Result<Response, ApiError> {
        let words = Licenses::of(self.language());
        let (q, state, product) = (asked.text("q"), asked.text("state"), asked.text("product"));
        let is_filtered = !(q.is_empty() && state.is_empty() && product.is_empty());
        let mut names = Names::default();
        let mut rows = Vec::new();
        for entry in &entries {
            rows.push(self.row(entry, &mut names, words).await?);
        }
        let columns = [words.license_and_label, words.spec, words.customer, words.order, words.state_and_end];
        let caption = if is_filtered { words.found } else { words.newest };
        let empty = if is_filtered { words.none_found } else { words.none_yet };
        let mut body = self
            .search_form((q, state, product), words, mistakes)
            .then(blocks::table(caption, &columns, rows, empty));
        if let Some(next) = next {
            let parameters = [("q", q), ("state", state), ("product", product), ("before", next.as_str())];
            body = body.then(blocks::row([blocks::button_link(
                address(PATH, &parameters),
                self.words().more,
                "",
            )]));
        }
        Ok(self.page(status, words.title, None, body))
    }

    fn search_form(
        &self,
        (q, state, product): (&str, &str, &str),
        words: &Licenses,
        mistakes: &Mistakes,
    ) -> Html {
        let any = (String::new(), words.any.to_owned());
        let states = ["active", "suspended", "pending", "expired", "released", "revoked"];
        let states = states.iter().filter_map(|name| {
            Some(((*name).to_owned(), words.state(LicenseState::parse(name)?).0.to_owned()))
        });
        let states = std::iter::once(any).chain(states).collect();
        let (name, csrf) = self.csrf();
        let form = Form::new("/console/find", words.look)
            .hidden(name, csrf)
            .hidden("product", product)
            .field(Field::new("q", words.q, Kind::Line(LOOKED_FOR_CHARS_MAX)).value(q).hint(words.q_hint))
            .field(Field::new("state", words.state, Kind::Choice(states)).value(state));
        summary(self.words().errors, mistakes).then(form.html(mistakes))
    }

    async fn row(
        &self,
        entry: &LicenseOrPurchase,
        names: &mut Names,
        words: &Licenses,
    ) -> Result<Vec<Html>, ApiError> {
        let none = || blocks::text("–");
        let shown = |text: Option<String>| text.map_or_else(none, blocks::code);
        let (word, kind) = words.state(entry.state(self.state.app.now()));
        let link = blocks::link_code(format!("{PATH}/{}", entry.id()), entry.id());
        let (spec, customer, order, ends, label) = match entry {
            LicenseOrPurchase::License(license) => {
                let license = &license.value;
                let order = match &license.origin {
                    Origin::Order { key, instance, .. } => {
                        Some(crate::application::order_id_shown(key, instance))
                    }
                    Origin::Issued { .. } => None,
                };
                let names = names.of(self, license).await?;
                let tag = self.language().tag();
                let spec = format!("{} · {}", names.product.for_locale(tag), names.spec.for_locale(tag));
                let customer = license.customer.as_ref().map(ToString::to_string);
                (blocks::text(spec), customer, order, Some(self.end(license, words)), &*license.label)
            }
            LicenseOrPurchase::Purchase(purchase) => {
                let purchase = &purchase.value;
                let facts = purchase.facts.as_ref();
                let sku = facts.and_then(|facts| facts.sku.as_ref()).map(ToString::to_string);
                let customer = facts.and_then(|facts| facts.customer.as_ref()).map(ToString::to_string);
                let order = crate::application::order_id_shown(&purchase.key, &purchase.instance);
                (shown(sku), customer, Some(order), None, "")
            }
        };
        let label = Some(label).filter(|label| !label.is_empty()).map(blocks::soft);
        let state = blocks::lines(std::iter::once(blocks::state(word, kind)).chain(ends));
        let license = blocks::lines(std::iter::once(link).chain(label));
        Ok(vec![license, spec, shown(customer), shown(order), state])
    }

    /// When a license ends, or why that is not known.
    pub fn end(&self, license: &License, words: &Licenses) -> Html {
        use crate::domain::StartEvent;
        match (license.awaits(), license.known_end()) {
            (None, None) => blocks::text(words.permanent),
            (_, Some(end)) => self.reader.time(end),
            (Some(StartEvent::FirstActivation), None) => blocks::text(words.awaits_activation),
            (Some(StartEvent::Acceptance), None) => blocks::text(words.awaits_acceptance),
        }
    }
}

/// What the catalog calls what was sold, looked up once for each.
#[derive(Default)]
pub struct Names(BTreeMap<(ProductId, SpecId), SoldNames>);

impl Names {
    pub async fn of(&mut self, desk: &Desk, license: &License) -> Result<SoldNames, ApiError> {
        let key = (license.product.clone(), license.sold.spec.clone());
        if let Some(known) = self.0.get(&key) {
            return Ok(known.clone());
        }
        let names = desk.state.app.sold_names(license).await?;
        self.0.insert(key, names.clone());
        Ok(names)
    }
}
