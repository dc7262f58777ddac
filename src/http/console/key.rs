//! License key and claim code: shown only to those who may see them, and only when they ask.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_form};
use super::forms::Form;
use super::license::{address_of, license_id};
use super::words::Licenses;
use crate::application::LicenseOrPurchase;
use crate::domain::{License, Scope};
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::qr::Qr;
use crate::http::state::HttpState;

const KEY_ROWS: usize = 8;

/// `POST /console/licenses/{id}/key`: by POST, so that it stands in no history.
pub async fn show(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Keys, async |desk, _form| {
        let id = license_id(&id)?;
        match desk.state.app.view_license(desk.id(), &id).await? {
            LicenseOrPurchase::License(license) => Ok(desk.key_page(&license.value)),
            LicenseOrPurchase::Purchase(_) => Err(ApiError::not_found("license")),
        }
    })
    .await
}

impl Desk {
    /// Asks before a key is shown; nothing for those who may not see it.
    pub fn key_section(&self, license: &License, words: &Licenses) -> Html {
        if !self.may(Scope::Keys) {
            return Html::default();
        }
        let action = format!("{}/key", address_of(&license.id));
        let (name, csrf) = self.csrf();
        let form = Form::new(&action, words.key_show).hidden(name, csrf).html(&Vec::new());
        blocks::section("key", words.key_title, blocks::paragraph(words.key_hint).then(form))
    }

    fn key_page(&self, license: &License) -> Response {
        let words = Licenses::of(self.language());
        let code = self.state.app.signer().claim_code(&license.id, license.generation).reveal();
        let code = blocks::facts(vec![(words.claim_code, blocks::code(code))]);
        let key = if license.license_key.is_empty() {
            blocks::empty(words.no_key)
        } else {
            let picture = Qr::of(&license.license_key).map(|qr| qr.svg(words.key_qr)).unwrap_or_default();
            let text = blocks::long_text("license-key", words.key, KEY_ROWS, &license.license_key);
            text.then(blocks::codes([Html::picture(picture)]))
        };
        let body = Html::all([blocks::warning(words.key_hint), code, key]);
        let up = address_of(&license.id);
        let above = format!("{} {}", words.license, license.id);
        self.page(StatusCode::OK, words.key_title, Some((&up, &above)), body)
    }
}
