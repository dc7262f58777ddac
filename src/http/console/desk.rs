//! Who sits at the desk: a person with a session, a language and a merchant; and what stands around every page.

use askama::Template;
use axum::body::Bytes;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::blocks::{self, Html};
use super::pages::{NAV, SIGN_OUT, nearest_shown};
use super::preferences::Theme;
use super::reader::Reader;
use super::style;
use super::words;
use crate::domain::{Merchant, MerchantId, Scope, SessionId};
use crate::http::access::{Caller, no_merchant};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::language::Language;
use crate::http::sessions::SignedIn;
use crate::http::state::HttpState;
use crate::http::wording;

/// Our own style and forms to ourselves; nothing else, and nobody frames it.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Somebody signed in, reading one merchant's pages.
pub struct Desk {
    pub state: HttpState,
    pub caller: Caller,
    pub merchant: Merchant,
    pub reader: Reader,
    /// Path and query of this page; of a form that was sent, the path that it was sent to.
    pub here: String,
    /// The session that this page is shown in.
    pub session: SessionId,
    csrf: String,
    theme: Theme,
}

/// A way into a part of the console.
struct NavItem {
    href: &'static str,
    word: &'static str,
    is_current: bool,
}

struct Layout<'a> {
    words: &'static words::Layout,
    tag: &'static str,
    other_tag: &'static str,
    theme: &'static str,
    other_theme: &'static str,
    other_theme_word: &'static str,
    stylesheet: String,
    merchant: &'a str,
    zone: &'a str,
    actor: &'a str,
    csrf: &'a str,
    here: &'a str,
    sign_out: &'static str,
    may_search: bool,
    nav: Vec<NavItem>,
}

#[derive(Template)]
#[template(path = "console/page.html")]
struct PageTemplate<'a> {
    layout: Layout<'a>,
    title: &'a str,
    /// The page above this one.
    up: Option<(&'a str, &'a str)>,
    body: Html,
}

/// Opens the desk for whoever is signed in and has the scope, and goes on with it.
pub async fn with_desk(
    state: &HttpState,
    parts: &Parts,
    scope: Scope,
    show: impl AsyncFnOnce(&Desk) -> Result<Response, ApiError>,
) -> Response {
    let here = parts.uri.path_and_query().map_or("/console", |it| it.as_str()).to_owned();
    match Desk::open(state, parts, here).await {
        Ok(desk) => match desk.caller.must_have(scope) {
            Ok(()) => show(&desk).await.unwrap_or_else(|error| desk.refused(&error)),
            Err(error) => desk.refused(&error),
        },
        Err(response) => response,
    }
}

/// The same for a form: whoever sent it has seen one of our pages in this session.
pub async fn with_form(
    state: &HttpState,
    parts: &Parts,
    body: Bytes,
    scope: Scope,
    act: impl AsyncFnOnce(&Desk, &Form) -> Result<Response, ApiError>,
) -> Response {
    let here = parts.uri.path().to_owned();
    let (desk, form) = match Desk::open_form(state, parts, here, body).await {
        Ok(both) => both,
        Err(response) => return response,
    };
    match desk.caller.must_have(scope) {
        Ok(()) => act(&desk, &form).await.unwrap_or_else(|error| desk.refused(&error)),
        Err(error) => desk.refused(&error),
    }
}

impl Desk {
    async fn open(state: &HttpState, parts: &Parts, here: String) -> Result<Self, Response> {
        let signed_in = state.session(&parts.headers).await?;
        Self::of(state, parts, here, signed_in).await
    }

    async fn of(
        state: &HttpState,
        parts: &Parts,
        here: String,
        SignedIn { caller, csrf, language, session, .. }: SignedIn,
    ) -> Result<Self, Response> {
        let merchant = match state.merchant(&caller.merchant).await {
            Ok(Some(merchant)) => merchant,
            Ok(None) => return Err(no_merchant().into_response()),
            Err(error) => return Err(ApiError::from(error).into_response()),
        };
        let reader = Reader::new(language, &merchant.time_zone);
        let theme = Theme::of(&parts.headers);
        Ok(Self { state: state.clone(), caller, merchant, reader, here, session: session.id, csrf, theme })
    }

    async fn open_form(
        state: &HttpState,
        parts: &Parts,
        here: String,
        body: Bytes,
    ) -> Result<(Self, Form), Response> {
        let signed_in = state.session(&parts.headers).await?;
        let form = Form::read(&parts.headers, body).await;
        if let Ok(form) = &form {
            signed_in.check_form(form)?;
        }
        let desk = Self::of(state, parts, here, signed_in).await?;
        let Ok(form) = form else {
            let told = desk.words().form_refused.to_owned();
            return Err(desk.message(StatusCode::BAD_REQUEST, desk.words().refused_title, told));
        };
        Ok((desk, form))
    }

    pub fn words(&self) -> &'static words::Layout {
        words::Layout::of(self.reader.language)
    }

    pub fn id(&self) -> &MerchantId {
        &self.merchant.id
    }

    pub fn language(&self) -> Language {
        self.reader.language
    }

    pub fn may(&self, scope: Scope) -> bool {
        self.caller.token.allows(scope)
    }

    /// The hidden field that says that the form is ours.
    pub fn csrf(&self) -> (&'static str, String) {
        ("csrf", self.csrf.clone())
    }

    /// A page, with the page above it.
    pub fn page(&self, status: StatusCode, title: &str, up: Option<(&str, &str)>, body: Html) -> Response {
        let html = Html::of(&PageTemplate { layout: self.layout(), title, up, body });
        if html.to_string().is_empty() {
            return ApiError::Panicked.into_response();
        }
        (status, headers("text/html; charset=utf-8"), html.to_string()).into_response()
    }

    /// What was asked for cannot be had, in the reader's language.
    pub fn refused(&self, error: &ApiError) -> Response {
        let words = self.words();
        let status = error.status();
        let (title, told) = match status {
            StatusCode::FORBIDDEN => (words.scope_title, self.reason(error)),
            StatusCode::NOT_FOUND => (words.absent_title, words.absent_hint.to_owned()),
            status if status.is_server_error() => (words.later_title, self.reason(error)),
            _ => (words.refused_title, self.reason(error)),
        };
        self.message(status, title, told)
    }

    fn message(&self, status: StatusCode, title: &str, told: String) -> Response {
        let body = blocks::paragraph(told).then(blocks::link("/console", self.words().home));
        self.page(status, title, None, body)
    }

    /// What went wrong, in words; a failure is logged here.
    pub fn reason(&self, error: &ApiError) -> String {
        if error.status().is_server_error() {
            tracing::error!(code = error.code(), "the console could not do it");
        }
        wording::reason(error, self.reader.language)
    }

    fn layout(&self) -> Layout<'_> {
        let (words, language) = (self.words(), self.reader.language);
        let theme = self.theme.next();
        let path = self.here.split('?').next().unwrap_or_default();
        let part = |path: &str| path.split('/').nth(2).unwrap_or_default().to_owned();
        let nav = NAV.iter().filter(|item| self.may(item.scope)).map(|item| NavItem {
            href: item.href,
            word: (item.word)(words),
            is_current: part(path) == part(item.href),
        });
        Layout {
            words,
            tag: language.tag(),
            other_tag: self.reader.pick(Language::Chinese, Language::English).tag(),
            theme: self.theme.as_str(),
            other_theme: theme.as_str(),
            other_theme_word: match theme {
                Theme::Auto => words.theme_auto,
                Theme::Light => words.theme_light,
                Theme::Dark => words.theme_dark,
            },
            stylesheet: style::address(),
            merchant: self.merchant.name.for_locale(language.tag()),
            zone: &self.reader.zone,
            actor: &self.caller.token.name,
            csrf: &self.csrf,
            here: nearest_shown(&self.here),
            sign_out: SIGN_OUT,
            may_search: self.may(Scope::Read),
            nav: nav.collect(),
        }
    }
}

/// Where to look next, after something was done: reloading that page does nothing again.
pub fn go_to(address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else { return ApiError::Panicked.into_response() };
    (StatusCode::SEE_OTHER, headers("text/plain; charset=utf-8"), [(header::LOCATION, location)])
        .into_response()
}

/// Nothing of it is kept or framed, and no other site is told the address; that a form comes from here is told.
pub fn headers(kind: &'static str) -> [(HeaderName, HeaderValue); 5] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
    ]
}
