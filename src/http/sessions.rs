//! Who is signed in to the console, and which forms are theirs.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq as _;

use super::access::Caller;
use super::form::Form;
use super::language::Language;
use super::session_cookie::{SessionCookie, came_from_here, cookie};
use super::sign_in::{self, Wanted};
use super::state::HttpState;
use crate::application::record::RecordKey;
use crate::application::{SignedInSession, UseCaseError};
use crate::domain::{ApiToken, Session};

/// Where people sign in.
pub const SIGN_IN: &str = "/console/sign-in";
/// Where an operator says for which merchant.
pub const MERCHANTS: &str = "/console/merchants";
/// The cookie that remembers the language: `en` or `zh-CN`.
pub const LANGUAGE_COOKIE: &str = "lictor-language";
/// The field of every form that changes something: [`SignedIn::csrf`].
pub const CSRF_FIELD: &str = "csrf";

/// Somebody in the console whose session and token are live, working for one merchant.
pub struct SignedIn {
    /// As by a bearer token; a sign-in link may have left fewer scopes and another name.
    pub caller: Caller,
    /// What each form of theirs carries in the field [`CSRF_FIELD`].
    pub csrf: String,
    /// What they read.
    pub language: Language,
    /// The session itself.
    pub session: Session,
    came_from_here: bool,
}

impl SignedIn {
    /// Refuses a form that no page of this session has made. For every request that changes something.
    #[expect(clippy::result_large_err, reason = "the refusal is the answer that a handler gives as it is")]
    pub fn check_form(&self, form: &Form) -> Result<(), Response> {
        is_own(&self.csrf, self.came_from_here, form)
            .map_err(|ForeignForm| sign_in::foreign_form(self.language))
    }
}

/// A live session that may not have said yet for whom it works.
pub(super) struct Present {
    pub(super) session: Session,
    pub(super) held: ApiToken,
    pub(super) key: RecordKey,
    pub(super) cookie: SessionCookie,
}

/// A form of another site, another session or an older sign-in.
pub(super) struct ForeignForm;

impl Present {
    pub(super) fn check_form(&self, headers: &HeaderMap, form: &Form) -> Result<(), ForeignForm> {
        is_own(&self.cookie.csrf(), came_from_here(headers), form)
    }
}

fn is_own(csrf: &str, came_from_here: bool, form: &Form) -> Result<(), ForeignForm> {
    let same = bool::from(csrf.as_bytes().ct_eq(form.text(CSRF_FIELD).as_bytes()));
    if same && came_from_here { Ok(()) } else { Err(ForeignForm) }
}

impl HttpState {
    /// Who is signed in, or where to go instead: to sign in, or to say for whom an operator works. What is answered then
    /// says nothing of what was asked for, whether it exists or not.
    pub(super) async fn session(&self, headers: &HeaderMap) -> Result<SignedIn, Response> {
        let language = language(headers);
        let present = self.present(headers).await.map_err(|error| sign_in::failed(&error, language))?;
        let Some(present) = present else { return Err(elsewhere(SIGN_IN)) };
        let Some(merchant) = present.session.merchant().cloned() else { return Err(elsewhere(MERCHANTS)) };
        let csrf = present.cookie.csrf();
        Ok(SignedIn {
            caller: Caller { token: present.held, merchant },
            csrf,
            language,
            session: present.session,
            came_from_here: came_from_here(headers),
        })
    }

    /// The live session of a request, if it has one.
    pub(super) async fn present(&self, headers: &HeaderMap) -> Result<Option<Present>, UseCaseError> {
        let Some(cookie) = SessionCookie::sent(headers) else { return Ok(None) };
        let Some(key) = cookie.key() else { return Ok(None) };
        let found = self.app.session(&key).await?;
        Ok(found.map(|SignedInSession { session, held }| Present { session, held, key, cookie }))
    }
}

/// The language that was chosen, or that the browser asks for.
pub fn language(headers: &HeaderMap) -> Language {
    Language::chosen(cookie(headers, LANGUAGE_COOKIE).unwrap_or_default(), headers)
}

/// Marks an answer that sends the reader away from what was wanted.
#[derive(Clone, Copy)]
struct Elsewhere(&'static str);

fn elsewhere(path: &'static str) -> Response {
    let mut response = see_other(path);
    response.extensions_mut().insert(Elsewhere(path));
    response
}

/// 303 to a path of the console.
pub(super) fn see_other(path: &str) -> Response {
    let location = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/console"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
}

/// Around every page of the console: whoever is sent to sign in comes back to the page that was wanted. A form is not
/// sent again by itself.
pub async fn remember_wanted(request: Request, next: Next) -> Response {
    let wanted = (request.method() == Method::GET)
        .then(|| request.uri().path_and_query().and_then(|wanted| Wanted::parse(wanted.as_str())))
        .flatten();
    let mut response = next.run(request).await;
    if let (Some(Elsewhere(path)), Some(wanted)) = (response.extensions_mut().remove::<Elsewhere>(), wanted)
        && let Ok(location) = HeaderValue::from_str(&wanted.behind(path))
    {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
