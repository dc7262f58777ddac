//! Language and appearance, kept by the browser: they are nobody's secret and need no session.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::desk::{go_to, with_form};
use crate::domain::Scope;
use crate::http::language::Language;
use crate::http::sessions::LANGUAGE_COOKIE;
use crate::http::sign_in::Wanted;
use crate::http::state::HttpState;

const THEME: &str = "lictor-theme";
/// How long a browser remembers, in seconds: 400 days, the most that browsers do.
const REMEMBERED_SECS: u32 = 400 * 86_400;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// As the reader's system is.
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Auto, Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == text)
    }

    /// What the switch gives.
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::Auto,
        }
    }
}

impl Theme {
    /// As the browser remembers.
    pub fn of(headers: &HeaderMap) -> Self {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let chosen = pairs.find(|(name, _)| *name == THEME).and_then(|(_, value)| Self::parse(value));
        chosen.unwrap_or(Self::Auto)
    }
}

/// `POST /console/preferences`
pub async fn choose(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Read, async |_desk, form| {
        // The page that the switch stood on; never an address of somebody else.
        let mut response = go_to(Wanted::or_start(form.text("back")).as_str());
        let language = Language::chosen(form.text("language"), &HeaderMap::new()).tag();
        let chosen = [
            (LANGUAGE_COOKIE, Some(language).filter(|_| !form.text("language").is_empty())),
            (THEME, Theme::parse(form.text("theme")).map(Theme::as_str)),
        ];
        for (name, value) in chosen {
            let Some(value) = value else { continue };
            let cookie = format!("{name}={value}; Path=/; Max-Age={REMEMBERED_SECS}; SameSite=Lax; HttpOnly");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
        Ok(response)
    })
    .await
}
