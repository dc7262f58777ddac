//! The first page: how things stand.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::with_desk;
use super::pages::NAV;
use crate::domain::Scope;
use crate::http::state::HttpState;

/// `GET /console`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let ways = NAV.iter().skip(1).filter(|item| desk.may(item.scope));
        let links = ways.map(|item| blocks::link(item.href, (item.word)(desk.words())));
        Ok(desk.page(StatusCode::OK, desk.words().home, None, Html::all([blocks::list(links)])))
    })
    .await
}
