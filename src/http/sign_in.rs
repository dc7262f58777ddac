//! Signing in to the console, with a token or with a link that works once, and out again.

mod brake;
mod pages;
mod wanted;
mod words;

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

pub use self::brake::SignInBrake;
use self::pages::{Head, LinkPage, MerchantsPage, NoticePage, SignedInPage, TokenPage};
pub use self::wanted::Wanted;
use self::words::Words;
use super::access::{TOKEN_BYTES_MAX, actor, token_digest};
use super::client_address::ClientAddress;
use super::error::ApiError;
use super::form::Form;
use super::language::Language;
use super::session_cookie::{SessionCookie, Way, came_from_here, link_named};
use super::sessions::{ForeignForm, LANGUAGE_COOKIE, MERCHANTS, Present, SIGN_IN, language, see_other};
use super::state::HttpState;
use crate::application::UseCaseError;
use crate::application::record::RecordKey;
use crate::domain::{MerchantId, Refusal};

/// Nothing but the page's own style; nobody frames it.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);
/// How long a browser remembers a language, in seconds: a year.
const LANGUAGE_SECS: u32 = 31_536_000;

/// What the address of these pages may say; whatever else stands there is nothing.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    next: Option<String>,
    link: Option<String>,
    lang: Option<String>,
}

impl Asked {
    fn of(uri: &Uri) -> Self {
        Query::try_from_uri(uri).map(|Query(asked)| asked).unwrap_or_default()
    }

    fn wanted(&self) -> Wanted {
        Wanted::or_start(self.next.as_deref().unwrap_or_default())
    }

    fn language(&self, headers: &HeaderMap) -> Language {
        let chosen = self.lang.as_deref().filter(|chosen| !chosen.is_empty());
        chosen.map_or_else(|| language(headers), |chosen| Language::chosen(chosen, headers))
    }

    /// The page; a language that was chosen for it is remembered.
    fn page(&self, language: Language, template: &impl askama::Template) -> Response {
        let mut response = page(StatusCode::OK, template);
        if self.lang.is_some() {
            let cookie = format!(
                "{LANGUAGE_COOKIE}={}; Path=/; SameSite=Lax; Max-Age={LANGUAGE_SECS}",
                language.tag()
            );
            let cookie = HeaderValue::from_str(&cookie).expect("language tags are visible ASCII");
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// `GET /console/sign-in`: asks for a token, or whether to use the link, or says who is signed in.
pub async fn show(State(state): State<HttpState>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = Asked::of(&uri);
    let language = asked.language(&headers);
    match state.sign_in_page(&headers, &asked, language).await {
        Ok(response) => response,
        Err(error) => failed(&error, language),
    }
}

impl HttpState {
    async fn sign_in_page(
        &self,
        headers: &HeaderMap,
        asked: &Asked,
        language: Language,
    ) -> Result<Response, UseCaseError> {
        let wanted = asked.wanted();
        let next = wanted.as_str();
        let again = |mut hidden: Vec<(&'static str, String)>| {
            hidden.push(("next", next.to_owned()));
            Head::of(language, |words| words.title).again(SIGN_IN, hidden)
        };
        if let Some(link) = &asked.link {
            let found = match link_named(link) {
                Some((owner, digest)) => self.app.sign_in_link(&RecordKey::SignInLink(owner, digest)).await?,
                None => None,
            };
            let head = again(vec![("link", link.clone())]);
            return Ok(match found {
                Some((link_found, held)) => {
                    let merchant = link_found.owner.merchant().or(link_found.acting_for.as_ref());
                    asked.page(language, &LinkPage::of(head, (link, next), held, merchant))
                }
                None => {
                    let head = head.notice(Some(Words::of(language).link_gone));
                    asked.page(language, &TokenPage { head, next })
                }
            });
        }
        Ok(match self.present(headers).await? {
            Some(Present { session, held, cookie, .. }) => {
                let head = Head::of(language, |words| words.signed_in);
                let head = head.again(SIGN_IN, vec![("next", next.to_owned())]);
                let page = SignedInPage::of(head, next, cookie.csrf(), held, session.merchant());
                asked.page(language, &page)
            }
            None => asked.page(language, &TokenPage { head: again(vec![]), next }),
        })
    }
}

/// Why nobody was signed in.
enum NotSignedIn {
    /// Whoever sent it has to change something.
    Told(StatusCode, &'static str),
    Slowed {
        secs: u32,
    },
    Failed(UseCaseError),
}

/// `POST /console/sign-in`: begins a session, with a secret that no request has carried before.
pub async fn sign_in(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    let headers = &parts.headers;
    let language = language(headers);
    let words = Words::of(language);
    let Ok(form) = Form::read(headers, body).await else {
        return refused(language, "", StatusCode::OK, words.form_refused);
    };
    let wanted = Wanted::or_start(form.text("next"));
    let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
    match state.begin(headers, &form, words, address).await {
        Ok(cookie) => {
            let mut response = see_other(wanted.as_str());
            response.headers_mut().append(header::SET_COOKIE, cookie.set());
            response
        }
        Err(NotSignedIn::Told(status, why)) => refused(language, wanted.as_str(), status, why),
        Err(NotSignedIn::Slowed { secs }) => {
            let mut response =
                refused(language, wanted.as_str(), StatusCode::TOO_MANY_REQUESTS, words.slowed);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
            response
        }
        Err(NotSignedIn::Failed(error)) => failed(&error, language),
    }
}

fn refused(language: Language, next: &str, status: StatusCode, why: &'static str) -> Response {
    let head = Head::of(language, |words| words.title).notice(Some(why));
    let head = head.again(SIGN_IN, vec![("next", next.to_owned())]);
    page(status, &TokenPage { head, next })
}

impl HttpState {
    async fn begin(
        &self,
        headers: &HeaderMap,
        form: &Form,
        words: &Words,
        address: Option<IpAddr>,
    ) -> Result<SessionCookie, NotSignedIn> {
        if !came_from_here(headers) {
            return Err(NotSignedIn::Told(StatusCode::FORBIDDEN, words.other_site));
        }
        let way = Way::of(headers);
        if way == Way::Plain {
            return Err(NotSignedIn::Told(StatusCode::FORBIDDEN, words.not_https));
        }
        let now = self.app.now();
        let secs = address.map_or(0, |address| self.brake.wait_secs(address, now));
        if secs > 0 {
            return Err(NotSignedIn::Slowed { secs });
        }
        let begun = self.begin_with(headers, form, words, way).await;
        match (&begun, address) {
            (Ok(_), Some(address)) => self.brake.succeeded(address),
            (Err(NotSignedIn::Told(StatusCode::FORBIDDEN, _)), Some(address)) => {
                tracing::warn!("a sign-in failed");
                self.brake.failed(address, now);
            }
            (Ok(_) | Err(_), _) => {}
        }
        begun
    }

    async fn begin_with(
        &self,
        headers: &HeaderMap,
        form: &Form,
        words: &Words,
        way: Way,
    ) -> Result<SessionCookie, NotSignedIn> {
        let replaced = SessionCookie::sent(headers).and_then(|cookie| cookie.key());
        let secret = self.ids.random_bytes();
        let (link, token) = (form.text("link"), form.text("token"));
        let refusal = if link.is_empty() { words.token_refused } else { words.link_gone };
        let told = |error: UseCaseError| match error {
            UseCaseError::Refused(_) => NotSignedIn::Told(StatusCode::FORBIDDEN, refusal),
            failed @ (UseCaseError::Store(_) | UseCaseError::Signing(_)) => NotSignedIn::Failed(failed),
        };
        if link.is_empty() && token.is_empty() {
            return Err(NotSignedIn::Told(StatusCode::OK, words.token_missing));
        }
        if link.is_empty() {
            if token.len() > TOKEN_BYTES_MAX {
                return Err(told(Refusal::TokenRefused.into()));
            }
            let token = self.app.authenticate(&token_digest(token)).await.map_err(told)?;
            let cookie = SessionCookie::fresh(way, token.owner.merchant(), &secret);
            self.app.begin_session(cookie.digest(), &token, replaced).await.map_err(told)?;
            return Ok(cookie);
        }
        let (owner, digest) =
            link_named(link).ok_or(UseCaseError::Refused(Refusal::TokenRefused)).map_err(told)?;
        let cookie = SessionCookie::fresh(way, owner.as_ref(), &secret);
        let key = RecordKey::SignInLink(owner, digest);
        self.app.begin_session_by_link(cookie.digest(), key, replaced).await.map_err(told)?;
        Ok(cookie)
    }
}

/// `POST /console/sign-out`: here, or in every browser that is signed in under this name.
pub async fn sign_out(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    let language = language(&headers);
    let form = Form::read(&headers, body).await.unwrap_or_default();
    let ended = async {
        let Some(present) = state.present(&headers).await? else { return Ok(Ok(())) };
        if let Err(foreign) = present.check_form(&headers, &form) {
            return Ok(Err(foreign));
        }
        let actor = actor(&present.held);
        if form.text("everywhere") == "yes" {
            state.app.end_sessions_like(&actor, &present.session).await?;
        }
        state.app.end_session(&actor, &present.key).await.map(Ok)
    };
    match ended.await {
        Ok(Ok(())) => {
            let mut response = see_other(SIGN_IN);
            if let Some(cookie) = SessionCookie::sent(&headers) {
                response.headers_mut().append(header::SET_COOKIE, cookie.cleared());
            }
            response
        }
        Ok(Err(ForeignForm)) => foreign_form(language),
        Err(error) => failed(&error, language),
    }
}

/// `GET /console/merchants`: for which merchant does an operator work?
pub async fn merchants(State(state): State<HttpState>, headers: HeaderMap, uri: Uri) -> Response {
    let asked = Asked::of(&uri);
    let language = asked.language(&headers);
    match state.operator_present(&headers, language).await {
        Ok(present) => state.merchants_page(&present, &asked, language, None).await,
        Err(response) => response,
    }
}

/// `POST /console/merchants`: for this one.
pub async fn choose_merchant(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    let language = language(&headers);
    let present = match state.operator_present(&headers, language).await {
        Ok(present) => present,
        Err(response) => return response,
    };
    let form = Form::read(&headers, body).await.unwrap_or_default();
    if let Err(ForeignForm) = present.check_form(&headers, &form) {
        return foreign_form(language);
    }
    let wanted = Wanted::or_start(form.text("next"));
    let chosen = match MerchantId::parse(form.text("merchant")) {
        Ok(merchant) => state.app.act_for(&present.key, &merchant).await,
        Err(_no_id) => Err(Refusal::NotFound { what: "merchant" }.into()),
    };
    match chosen {
        Ok(()) => see_other(wanted.as_str()),
        Err(UseCaseError::Refused(_)) => {
            let asked = Asked { next: Some(wanted.as_str().to_owned()), ..Asked::default() };
            state.merchants_page(&present, &asked, language, Some(Words::of(language).merchant_gone)).await
        }
        Err(error) => failed(&error, language),
    }
}

impl HttpState {
    /// The session of an operator; everybody else has their merchant already, or none.
    async fn operator_present(&self, headers: &HeaderMap, language: Language) -> Result<Present, Response> {
        match self.present(headers).await {
            Ok(Some(present)) if present.session.may_choose() => Ok(present),
            Ok(Some(_)) => Err(see_other(Wanted::or_start("").as_str())),
            Ok(None) => Err(see_other(SIGN_IN)),
            Err(error) => Err(failed(&error, language)),
        }
    }

    async fn merchants_page(
        &self,
        present: &Present,
        asked: &Asked,
        language: Language,
        notice: Option<&'static str>,
    ) -> Response {
        let merchants = match self.app.merchants().await {
            Ok(merchants) => merchants,
            Err(error) => return failed(&error, language),
        };
        let wanted = asked.wanted();
        let head = Head::of(language, |words| words.which_merchant).notice(notice);
        let head = head.again(MERCHANTS, vec![("next", wanted.as_str().to_owned())]);
        let named = merchants
            .iter()
            .map(|merchant| (merchant.id.to_string(), merchant.name.for_locale(language.tag()).to_owned()));
        let (next, csrf) = (wanted.as_str(), present.cookie.csrf());
        asked.page(language, &MerchantsPage { head, next, csrf, merchants: named.collect() })
    }
}

/// The form was made for another session, or by another site.
pub(super) fn foreign_form(language: Language) -> Response {
    let head = Head::of(language, |words| words.not_done).notice(Some(Words::of(language).foreign_form));
    page(StatusCode::FORBIDDEN, &NoticePage { head })
}

/// Something broke.
pub(super) fn failed(error: &UseCaseError, language: Language) -> Response {
    tracing::error!(%error, "the console could not do it");
    let head = Head::of(language, |words| words.not_done).notice(Some(Words::of(language).later));
    page(StatusCode::SERVICE_UNAVAILABLE, &NoticePage { head })
}

fn page(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => {
            // The address of a link is told to nobody; that a form comes from here still is.
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
                (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
            ];
            (status, headers, html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            ApiError::Panicked.into_response()
        }
    }
}
