//! How the packages of licenses stand, license by license.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks;
use super::desk::with_desk;
use super::license::address_of;
use super::query::{Asked, address};
use super::words::{Licenses, Quota, Usage};
use crate::application::{LicenseFilter, LicenseOrPurchase};
use crate::domain::{LicenseId, Scope};
use crate::http::state::HttpState;

/// Where it is.
pub const PATH: &str = "/console/quota";
/// Licenses of one page.
const SHOWN: usize = 100;

/// `GET /console/quota`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let (words, licenses) = (Quota::of(desk.language()), Licenses::of(desk.language()));
        let before = asked.some("before").and_then(|id| LicenseId::parse(id).ok());
        let app = &desk.state.app;
        let (entries, next) = app.view_licenses(desk.id(), &LicenseFilter::default(), before, SHOWN).await?;
        let minted = entries.iter().filter_map(|entry| match entry {
            LicenseOrPurchase::License(license) => Some(&license.value),
            LicenseOrPurchase::Purchase(_) => None,
        });
        let quota = app.view_quota(desk.id(), &minted.collect::<Vec<_>>()).await?;
        let mut rows = Vec::new();
        for (id, views) in quota.iter().rev() {
            for view in views {
                let mut row = vec![blocks::link(address_of(id), id)];
                row.extend(desk.quota_row(view, licenses));
                rows.push(row);
            }
        }
        let columns = [
            words.license,
            licenses.metric,
            licenses.unit,
            licenses.used,
            licenses.left,
            licenses.share,
            licenses.window_ends,
        ];
        let usage = blocks::button_link(super::usage::PATH, Usage::of(desk.language()).title, "");
        let table = blocks::table(words.table, &columns, rows, words.none);
        let mut body = blocks::row([usage]).then(table);
        if let Some(next) = next {
            let more = address(PATH, &[("before", next.as_str())]);
            body = body.then(blocks::row([blocks::button_link(more, desk.words().more, "")]));
        }
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}
