//! The signing keys by role: seen by whoever may read, changed by the server's operator.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use sha2::{Digest as _, Sha256};

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::query::Asked;
use super::words::Keys;
use crate::domain::{KeyRing, KeyRole, KeyState, RingKey, Scope};
use crate::http::error::ApiError;
use crate::http::reply::hex;
use crate::http::state::HttpState;

/// Where the page of the keys is.
pub const PATH: &str = "/console/keys";
/// Bytes of the digest that stands for how the keys stood.
const SEEN_BYTES: usize = 12;

/// `GET /console/keys`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Keys::of(desk.language());
        let done = match asked.text("done") {
            "rotate" => blocks::done(words.rotated),
            "retire" => blocks::done(words.retired_done),
            "revoke" => blocks::done(words.revoked_done),
            _ => Html::default(),
        };
        let ring = desk.state.app.key_ring(desk.id()).await?;
        let rotate = if desk.may(Scope::Operator) {
            blocks::row([blocks::button_link(format!("{PATH}/rotate"), words.rotate, "")])
        } else {
            Html::default()
        };
        let table = desk.key_table(&ring, words).await?;
        let body = Html::all([done, blocks::paragraph(words.hint), rotate, table]);
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

/// Says how the keys stood when something was decided.
pub fn seen(ring: &KeyRing) -> String {
    hex(&Sha256::digest(format!("{:?}", ring.seen()).as_bytes())[..SEEN_BYTES])
}

impl Desk {
    /// Every key that ever was.
    pub async fn key_table(&self, ring: &KeyRing, words: &Keys) -> Result<Html, ApiError> {
        let held = self.state.app.held_keys(self.id()).await?;
        let mut columns =
            vec![words.key, words.role, words.state, words.here, words.signs_from, words.signs_until];
        let may_change = self.may(Scope::Operator);
        if may_change {
            columns.push(words.acts);
        }
        let rows = ring.keys.iter().map(|key| {
            let (word, kind) = words.of_state(&key.state);
            let is_here = held.iter().any(|held| held.kid == key.kid);
            let here = if is_here { self.words().yes } else { self.words().no };
            let time = |at: Option<crate::domain::Instant>| {
                at.map_or_else(|| blocks::text("–"), |at| self.reader.time(at))
            };
            let mut row = vec![
                blocks::code(&key.kid),
                blocks::text(words.of_role(key.role)),
                blocks::state(word, kind),
                blocks::text(here),
                time(key.signs_from),
                time(key.signs_until),
            ];
            if may_change {
                row.push(self.ways(key, words));
            }
            row
        });
        Ok(blocks::table(words.title, &columns, rows.collect(), words.none))
    }

    fn ways(&self, key: &RingKey, words: &Keys) -> Html {
        let is_root = key.role == KeyRole::Root;
        let (may_retire, may_revoke) = match key.state {
            KeyState::Staged | KeyState::Verifying => (!is_root, !is_root),
            KeyState::Active => (false, !is_root),
            KeyState::Retired { .. } => (false, !is_root),
            KeyState::Revoked { .. } => (false, false),
        };
        let way = |may: bool, act: &str, word: &str| {
            may.then(|| blocks::link(format!("{PATH}/{}/{act}", key.kid), format!("{word} {}", key.kid)))
        };
        let ways = [way(may_retire, "retire", words.retire), way(may_revoke, "revoke", words.revoke)];
        let ways: Vec<_> = ways.into_iter().flatten().collect();
        if ways.is_empty() { blocks::text("–") } else { blocks::list(ways) }
    }
}
