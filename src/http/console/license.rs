//! The page of one license: what was sold, what can be done, key, machines, quota, history.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::acts::Act;
use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::query::{Asked, address};
use super::words::{Acts, Catalog, Licenses};
use crate::application::ports::Versioned;
use crate::application::{LicenseOrPurchase, PackageView, instance_shown, marketplace_ids, order_id_shown};
use crate::domain::{
    Attachment, Env, License, LicenseEnd, LicenseId, MachineLimit, Origin, PLACES_MAX, Purchase, PurchaseId,
    Scope,
};
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// `GET /console/licenses/{id}`
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Acts::of(desk.language());
        let done = match asked.text("done") {
            "issue" => Some(Catalog::of(desk.language()).issued),
            done => Act::done_word(done, words),
        };
        let notice = done.map(blocks::done).unwrap_or_default();
        match desk.state.app.view_license(desk.id(), &license_id(&id)?).await? {
            LicenseOrPurchase::License(license) => {
                let body = notice.then(desk.license_body(&license).await?);
                Ok(desk.license_page(StatusCode::OK, &license.value.id, body))
            }
            LicenseOrPurchase::Purchase(purchase) => desk.purchase_page(&purchase.value).await,
        }
    })
    .await
}

/// What cannot be an id is nobody's.
pub fn license_id(text: &str) -> Result<LicenseId, ApiError> {
    LicenseId::parse(text).map_err(|_| ApiError::not_found("license"))
}

/// Where the page of a license is.
pub fn address_of(id: &LicenseId) -> String {
    format!("/console/licenses/{id}")
}

impl Desk {
    /// A page about a license.
    pub fn license_page(&self, status: StatusCode, id: &LicenseId, body: Html) -> Response {
        let words = Licenses::of(self.language());
        let title = format!("{} {id}", words.license);
        self.page(status, &title, Some(("/console/licenses", words.title)), body)
    }

    /// Everything about a license but its key.
    pub async fn license_body(&self, license: &Versioned<License>) -> Result<Html, ApiError> {
        let words = Licenses::of(self.language());
        let value = &license.value;
        let acts = self.act_links(value, words);
        Ok(Html::all([
            self.license_facts(value).await?,
            blocks::section("acts", words.acts, acts),
            self.key_section(value, words),
            self.machine_section(value, words).await?,
            self.quota_section(value, words).await?,
            self.usage_section(value).await?,
            self.explain_section(&value.id, words),
            self.history_section(&value.id, words).await?,
        ]))
    }

    fn act_links(&self, license: &License, words: &'static Licenses) -> Html {
        let acts = Act::offered(license);
        let links: Vec<_> = acts
            .into_iter()
            .filter(|act| self.may(act.scope()))
            .map(|act| {
                let kind = if act == Act::Revoke { "grave" } else { "" };
                let href = format!("{}/{}", address_of(&license.id), act.as_str());
                blocks::button_link(href, act.word(Acts::of(self.language())), kind)
            })
            .collect();
        if links.is_empty() { blocks::empty(words.no_acts) } else { blocks::row(links) }
    }

    /// What was sold, to whom, and how it stands.
    pub async fn license_facts(&self, license: &License) -> Result<Html, ApiError> {
        let words = Licenses::of(self.language());
        let (now, tag) = (self.state.app.now(), self.language().tag());
        let names = self.state.app.sold_names(license).await?;
        let (word, kind) = words.state(license.state(now));
        let mut rows = vec![
            (words.state, blocks::state(word, kind)),
            (words.product, blocks::text(names.product.for_locale(tag))),
            (words.spec, blocks::text(names.spec.for_locale(tag))),
            (words.ends, self.end(license, words)),
        ];
        rows.extend(self.holds(license, words));
        match &license.end {
            LicenseEnd::Running => {}
            LicenseEnd::Released { at } => rows.push((words.ended_released, self.reader.time(*at))),
            LicenseEnd::Revoked { at, reason } => {
                rows.push((words.ended_revoked, self.reader.time(*at)));
                rows.extend(
                    reason.as_ref().filter(|it| !it.is_empty()).map(|it| (words.reason, blocks::text(it))),
                );
            }
        }
        if license.awaits().is_none() {
            rows.push((words.starts, self.reader.time(license.validity.starts_at)));
        }
        rows.extend(license.customer.as_ref().map(|customer| {
            let others = address("/console/licenses", &[("q", customer.as_str())]);
            (words.customer, blocks::link_code(others, customer))
        }));
        if !license.label.is_empty() {
            rows.push((words.label, blocks::text(&license.label)));
        }
        rows.extend(self.origin(license, words));
        rows.push((words.term, blocks::text(license.sold.term)));
        rows.push((
            words.quantity_machines,
            match license.sold.machines {
                MachineLimit::AtMost(limit) => blocks::text(self.reader.number(limit.min(PLACES_MAX))),
                MachineLimit::Unlimited => blocks::text(words.unlimited),
            },
        ));
        if !license.sold.entitlements.is_empty() {
            rows.push((words.entitlements, blocks::text(license.sold.entitlements.join(", "))));
        }
        rows.extend(license.sold.updates_until.map(|until| (words.updates, self.reader.time(until))));
        rows.push((words.created, self.reader.time(license.created_at)));
        let mut all = blocks::facts(rows);
        if license.env == Env::Test {
            all = blocks::warning(words.test_note).then(all);
        }
        Ok(match &license.attachment {
            None => all,
            Some(Attachment::Own) => {
                all.then(blocks::paragraph(format!("{} {}", words.package_of, words.itself)))
            }
            Some(Attachment::To(other)) => {
                let row = (words.package_of, blocks::link(address_of(other), other));
                all.then(blocks::facts(vec![row]))
            }
        })
    }

    fn holds(&self, license: &License, words: &'static Licenses) -> Vec<(&'static str, Html)> {
        let both = [
            (words.hold_marketplace, &license.holds.marketplace),
            (words.hold_merchant, &license.holds.merchant),
        ];
        let held = both.into_iter().filter_map(|(who, hold)| Some((who, hold.as_ref()?)));
        held.flat_map(|(who, hold)| {
            let since = blocks::text(format!("{who}, {} ", words.since)).then(self.reader.time(hold.since));
            let reason = hold.reason.as_ref().filter(|reason| !reason.is_empty());
            [Some((words.holds, since)), reason.map(|reason| (words.reason, blocks::text(reason)))]
        })
        .flatten()
        .collect()
    }

    fn origin(&self, license: &License, words: &'static Licenses) -> Vec<(&'static str, Html)> {
        let mut rows = Vec::new();
        match &license.origin {
            Origin::Issued { by } => rows.push((words.issued_by, blocks::text(by))),
            Origin::Order { channel, .. } => {
                if let Some((key, instance)) = marketplace_ids(license) {
                    let order = format!("/console/orders/{}", PurchaseId::of(&license.id));
                    rows.push((words.order, blocks::link_code(order, order_id_shown(key, instance))));
                    let reveal = self.may(Scope::Keys);
                    let instance = instance_shown(key.marketplace, instance, reveal);
                    rows.extend(instance.map(|instance| (words.instance, blocks::code(instance))));
                }
                rows.push((words.channel, blocks::text(channel)));
            }
        }
        rows.extend(license.sold.sku.as_ref().map(|sku| (words.sku, blocks::code(sku))));
        rows
    }

    async fn quota_section(&self, license: &License, words: &'static Licenses) -> Result<Html, ApiError> {
        let mut quota = self.state.app.view_quota(self.id(), &[license]).await?;
        let views = quota.remove(&license.id).unwrap_or_default();
        let columns = [words.metric, words.unit, words.used, words.left, words.share, words.window_ends];
        let rows = views.iter().map(|view| self.quota_row(view, words)).collect();
        let table = blocks::table(words.quota, &columns, rows, words.quota_none);
        Ok(blocks::section("quota", words.quota, table))
    }

    /// One package: what is counted, used, left.
    pub fn quota_row(
        &self,
        PackageView { held, balance }: &PackageView,
        words: &'static Licenses,
    ) -> Vec<Html> {
        let template = &held.package.template;
        let ends = balance.window.and_then(|window| window.ends_at).or(held.package.validity.ends_at);
        vec![
            blocks::text(&template.metric),
            blocks::text(&template.unit),
            blocks::number(self.reader.number(balance.window_used)),
            blocks::number(self.reader.number(balance.window_left)),
            blocks::share(percent(balance.window_used, balance.window_left)),
            ends.map_or_else(|| blocks::text(words.permanent), |end| self.reader.time(end)),
        ]
    }

    async fn purchase_page(&self, purchase: &Purchase) -> Result<Response, ApiError> {
        let words = Licenses::of(self.language());
        let order = order_id_shown(&purchase.key, &purchase.instance);
        let entry = LicenseOrPurchase::Purchase(Box::new(Versioned { value: purchase.clone(), revision: 0 }));
        let (word, kind) = words.state(entry.state(self.state.app.now()));
        let mut rows = vec![
            (words.state, blocks::state(word, kind)),
            (words.order, blocks::link(format!("/console/orders/{}", purchase.license), &order)),
            (words.channel, blocks::text(&purchase.channel)),
            (words.created, self.reader.time(purchase.received_at)),
        ];
        let facts = purchase.facts.as_ref();
        rows.extend(facts.and_then(|it| it.sku.as_ref()).map(|sku| (words.sku, blocks::code(sku))));
        rows.extend(facts.and_then(|it| it.customer.as_ref()).map(|it| (words.customer, blocks::text(it))));
        let body = Html::all([
            blocks::paragraph(words.held),
            blocks::facts(rows),
            self.history_section(&purchase.license, words).await?,
        ]);
        Ok(self.license_page(StatusCode::OK, &purchase.license, body))
    }
}

/// Of everything that there is in a window; 0 to 100.
pub fn percent(used: crate::domain::Amount, left: crate::domain::Amount) -> u8 {
    let (used, left) = (used.ten_thousandths(), left.ten_thousandths());
    let all = used.saturating_add(left).max(1);
    u8::try_from(used.saturating_mul(100) / all).unwrap_or(100).min(100)
}
