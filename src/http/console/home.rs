//! The first page: how things stand. Every figure comes from a read that is bounded; where that leaves something out, it
//! is said.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{Days, TimeDelta};

use super::blocks::{self, Html};
use super::chart::{Chart, SERIES_MAX};
use super::desk::{Desk, with_desk};
use super::license::{address_of, percent};
use super::licenses::Names;
use super::query::address;
use super::words::{Channels, Home, Licenses, failing, held, of_the_last_events, of_the_newest};
use crate::application::{
    CallFilter, LicenseFilter, LicenseOrPurchase, OrderFilter, OrderState, OutboxFilter,
};
use crate::domain::{EventKind, Instant, License, Scope};
use crate::http::error::ApiError;
use crate::http::state::HttpState;

const DAYS_BACK: u64 = 14;
const DAYS_AHEAD: u64 = 30;
/// Licenses that are looked at for what was sold and how quota is used: the newest.
const LICENSES_MAX: usize = 1_000;
const PAGE: usize = 200;
/// Licenses that are counted among those that end soon, by end.
const ENDINGS_MAX: usize = 1_000;
const ENDINGS_SHOWN: usize = 10;
/// Events that are looked at for machines that were activated: the last of the chain.
const EVENTS_MAX: usize = 1_000;
/// Held orders and failing jobs that are counted.
const COUNTED_MAX: usize = 50;
/// Calls of each channel that are looked at: the newest.
const CALLS_MAX: usize = 200;
/// From how many percent on a package is nearly used up.
const NEARLY_PERCENT: u8 = 50;
const QUOTA_SHOWN: usize = 10;

/// `GET /console`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Home::of(desk.language());
        let (licenses, has_more) = desk.newest_licenses().await?;
        let note = if has_more {
            let count = desk.reader.number(licenses.len());
            blocks::empty(of_the_newest(&count, desk.language()))
        } else {
            Html::default()
        };
        let (endings, next_endings) = desk.endings(words).await?;
        let tiles = blocks::tiles([
            desk.sales(&licenses, words).await?.then(note.clone()),
            desk.activations_per_day(words).await?,
            endings,
        ]);
        let body = Html::all([
            blocks::section("todo", words.todo, desk.todo(words).await?),
            tiles,
            next_endings,
            blocks::section("channels", words.channels, desk.channel_health(words).await?),
            blocks::section("quota", words.quota, desk.quota_use(&licenses, words).await?.then(note)),
        ]);
        Ok(desk.page(StatusCode::OK, desk.words().home, None, body))
    })
    .await
}

impl Desk {
    async fn todo(&self, words: &Home) -> Result<Html, ApiError> {
        let app = &self.state.app;
        let filter = OrderFilter { state: Some(OrderState::Held), ..OrderFilter::default() };
        let (orders, more_orders) = app.view_orders(self.id(), &filter, None, COUNTED_MAX).await?;
        let filter = OutboxFilter { channel: None, failed: true };
        let (jobs, more_jobs) = app.view_outbox(self.id(), &filter, None, COUNTED_MAX).await?;
        let count = |found: usize, has_more: bool| {
            let more = if has_more { "+" } else { "" };
            format!("{}{more}", self.reader.number(found))
        };
        let mut items = Vec::new();
        if !orders.is_empty() {
            let told = held(&count(orders.len(), more_orders.is_some()), self.language());
            items.push(blocks::link("/console/orders", told));
        }
        if !jobs.is_empty() {
            let told = failing(&count(jobs.len(), more_jobs.is_some()), self.language());
            items.push(blocks::link(address("/console/outbox", &[("failed", "yes")]), told));
        }
        Ok(if items.is_empty() { blocks::empty(words.nothing_waits) } else { blocks::list(items) })
    }

    /// Those of the last days, at most so many.
    async fn newest_licenses(&self) -> Result<(Vec<License>, bool), ApiError> {
        let since = self.state.app.now() - TimeDelta::days(DAYS_BACK.try_into().unwrap_or(i64::MAX));
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let filter = LicenseFilter::default();
            let (page, next) = self.state.app.view_licenses(self.id(), &filter, before, PAGE).await?;
            let mut is_older = false;
            for entry in page {
                let LicenseOrPurchase::License(license) = entry else { continue };
                is_older |= license.value.created_at < since;
                all.push(license.value);
            }
            match next {
                Some(_) if all.len() >= LICENSES_MAX => return Ok((all, !is_older)),
                Some(next) if !is_older => before = Some(next),
                Some(_) | None => return Ok((all, false)),
            }
        }
    }

    async fn sales(&self, licenses: &[License], words: &Home) -> Result<Html, ApiError> {
        let today = self.reader.day(self.state.app.now());
        let days = (0..DAYS_BACK).rev().filter_map(|back| today.checked_sub_days(Days::new(back)));
        let days: Vec<_> = days.collect();
        let mut by_spec: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut names = Names::default();
        for license in licenses {
            let Some(at) = days.iter().position(|day| *day == self.reader.day(license.created_at)) else {
                continue;
            };
            let name = names.of(self, license).await?.spec.for_locale(self.language().tag()).to_owned();
            by_spec.entry(name).or_insert_with(|| vec![0; days.len()])[at] += 1;
        }
        let mut series: Vec<_> = by_spec.into_iter().collect();
        series.sort_by_key(|(_, numbers)| std::cmp::Reverse(numbers.iter().sum::<u64>()));
        if series.len() > SERIES_MAX {
            let others = series.split_off(SERIES_MAX - 1);
            let sum = |at: usize| others.iter().map(|(_, numbers)| numbers[at]).sum();
            series.push((words.others.to_owned(), (0..days.len()).map(sum).collect()));
        }
        let columns = days.iter().map(|day| self.reader.date_text(*day)).collect();
        let (as_table, empty) = (words.as_table, words.sales_none);
        let chart =
            Chart { id: "sales", caption: words.sales, column: words.day, columns, series, as_table, empty };
        Ok(chart.html())
    }

    /// From the end of the chain of events: what is not sealed yet follows within seconds.
    async fn activations_per_day(&self, words: &Home) -> Result<Html, ApiError> {
        let now = self.state.app.now();
        let last = self.state.app.audit_stand(self.id()).await?.head.map_or(0, |head| head.seq);
        let after = last.saturating_sub(EVENTS_MAX as u64);
        let events = self.state.app.sealed_events(self.id(), after, EVENTS_MAX).await?;
        let today = self.reader.day(now);
        let days: Vec<_> =
            (0..DAYS_BACK).rev().filter_map(|back| today.checked_sub_days(Days::new(back))).collect();
        let mut numbers = vec![0; days.len()];
        for (_, event) in events.iter().filter(|(_, event)| event.kind == EventKind::ActivationCreated) {
            if let Some(at) = days.iter().position(|day| *day == self.reader.day(event.at)) {
                numbers[at] += 1;
            }
        }
        let columns = days.iter().map(|day| self.reader.date_text(*day)).collect();
        let series = vec![(words.machines.to_owned(), numbers)];
        let (as_table, empty) = (words.as_table, words.activated_none);
        let caption = words.activated;
        let chart = Chart { id: "activated", caption, column: words.day, columns, series, as_table, empty };
        let is_cut =
            after > 0 && events.first().is_some_and(|(_, event)| self.reader.day(event.at) >= days[0]);
        let note = if is_cut {
            let count = self.reader.number(events.len());
            blocks::empty(of_the_last_events(&count, self.language()))
        } else {
            Html::default()
        };
        Ok(chart.html().then(note))
    }

    /// A picture of all that end soon, and the next of them as a table.
    async fn endings(&self, words: &Home) -> Result<(Html, Html), ApiError> {
        let now = self.state.app.now();
        let to = now + TimeDelta::days(DAYS_AHEAD.try_into().unwrap_or(i64::MAX));
        let found = self.state.app.ending_between(self.id(), now, to, None, ENDINGS_MAX).await?;
        let today = self.reader.day(now);
        let days: Vec<_> = (0..=DAYS_AHEAD).filter_map(|on| today.checked_add_days(Days::new(on))).collect();
        let mut numbers = vec![0; days.len()];
        let runs = |license: &&License| {
            use crate::domain::LicenseState::{Active, Expired, Pending, Released, Revoked, Suspended};
            match license.state(now) {
                Active | Suspended | Pending => true,
                Expired | Released | Revoked => false,
            }
        };
        let ending: Vec<_> = found.licenses.iter().map(|license| &license.value).filter(runs).collect();
        for license in &ending {
            let day = license.validity.ends_at.map(|end: Instant| self.reader.day(end));
            if let Some(at) = day.and_then(|day| days.iter().position(|known| *known == day)) {
                numbers[at] += 1;
            }
        }
        let columns = days.iter().map(|day| self.reader.date_text(*day)).collect();
        let series = vec![(words.count.to_owned(), numbers)];
        let (as_table, empty) = (words.as_table, words.ending_none);
        let caption = words.ending;
        let chart = Chart { id: "ending", caption, column: words.day, columns, series, as_table, empty };
        let licenses = Licenses::of(self.language());
        let row = |license: &&License| {
            let customer = license.customer.as_ref().map_or_else(|| blocks::text("–"), blocks::text);
            vec![blocks::link(address_of(&license.id), &license.id), customer, self.end(license, licenses)]
        };
        let rows: Vec<_> = ending.iter().take(ENDINGS_SHOWN).map(row).collect();
        let columns = [words.license, words.customer, words.ends];
        let next = if rows.is_empty() {
            Html::default()
        } else {
            blocks::table(words.next_endings, &columns, rows, words.ending_none)
        };
        Ok((chart.html(), next))
    }

    async fn channel_health(&self, words: &Home) -> Result<Html, ApiError> {
        let app = &self.state.app;
        let views = app.view_channels(self.id()).await?;
        let (mut answered, mut refused, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let filter = CallFilter::default();
        for view in &views {
            let (calls, _) = app.view_calls(self.id(), &view.channel.id, &filter, CALLS_MAX).await?;
            let bad: u64 = calls.iter().filter(|call| call.is_refused()).map(|call| call.count).sum();
            let all: u64 = calls.iter().map(|call| call.count).sum();
            answered.push(all - bad);
            refused.push(bad);
            rows.push(vec![
                blocks::link(super::channels::channel_address(&view.channel.id), &view.channel.id),
                self.tested(&view.standing, Channels::of(self.language())),
                blocks::number(self.reader.number(all - bad)),
                blocks::number(self.reader.number(bad)),
            ]);
        }
        let series = vec![(words.answered.to_owned(), answered), (words.refused.to_owned(), refused)];
        let columns = views.iter().map(|view| view.channel.id.to_string()).collect();
        let (as_table, empty) = (words.as_table, words.calls_none);
        let column = words.channel;
        let chart = Chart { id: "calls", caption: words.calls, column, columns, series, as_table, empty };
        let columns = [words.channel, words.dial_test, words.answered, words.refused];
        let table = blocks::table(words.channels, &columns, rows, words.channels_none);
        Ok(if views.is_empty() { table } else { table.then(chart.html()) })
    }

    async fn quota_use(&self, licenses: &[License], words: &Home) -> Result<Html, ApiError> {
        let counted: Vec<_> = licenses.iter().filter(|it| !it.sold.quota.is_empty()).take(PAGE).collect();
        let quota = self.state.app.view_quota(self.id(), &counted).await?;
        let mut used = Vec::new();
        for (license, views) in &quota {
            for view in views {
                let share = percent(view.balance.window_used, view.balance.window_left);
                if share >= NEARLY_PERCENT {
                    used.push((share, license, view));
                }
            }
        }
        used.sort_by_key(|(share, ..)| std::cmp::Reverse(*share));
        let row =
            |(share, license, view): &(u8, &crate::domain::LicenseId, &crate::application::PackageView)| {
                vec![
                    blocks::link(address_of(license), license),
                    blocks::text(&view.held.package.template.metric),
                    blocks::share(*share),
                ]
            };
        let rows = used.iter().take(QUOTA_SHOWN).map(row).collect();
        let columns = [words.license, words.metric, words.share];
        Ok(blocks::table(words.quota, &columns, rows, words.quota_none))
    }
}
