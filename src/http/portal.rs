//! The customer's pages, Chinese and English: what was bought, its key, its machines; and files of machines without network.
//!
//! There is no account: whoever has a license key, claim code or authorization code holds the license. It comes in the body
//! of a POST and goes on in hidden fields, never in an address, a header or a cookie. So nothing needs a guard against
//! forged requests of other sites: a browser adds nothing by itself, and another site does not know the code. All of it
//! works without JavaScript, and none is allowed.

mod pages;
mod words;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use license_token::TokenType;
use license_token::armour::{self, REQUEST_FILE_MAX_BYTES};

use self::pages::{Entry, Head, LicensePage, ReleasePage, ResponsePage};
use self::words::Words;
pub use self::words::damage as damage_words;
use super::air_gap::{Carried, CarriedFault, response_file};
use super::console::Reader;
use super::error::ApiError;
use super::form::{Form, NoForm};
use super::language::Language;
use super::state::HttpState;
use super::wording;
use crate::application::{AirGapAnswer, CodeUse, LicenseOrPurchase, PlaceFreedBy, Redeemed};
use crate::domain::{Activation, ActivationState, License, Refusal, StatusListNumber};

/// Nothing but the page's own style; nobody frames it.
const CONTENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// What was sent, and by whom it is read.
struct Sent {
    form: Form,
    language: Language,
}

/// What a code opens.
enum Opened {
    License(Box<License>),
    /// The marketplace is being asked.
    Asking,
}

impl Sent {
    async fn read(headers: &HeaderMap, body: Bytes) -> Result<Self, Response> {
        match Form::read(headers, body).await {
            Ok(form) => {
                let language = Language::chosen(form.text("lang"), headers);
                Ok(Self { form, language })
            }
            Err(NoForm) => {
                let language = Language::of(headers);
                let head = Head::of(language).refused(Words::of(language).form_refused.to_owned());
                Err(page(StatusCode::OK, &Entry { head, code: "", request: "" }))
            }
        }
    }

    fn words(&self) -> &'static Words {
        Words::of(self.language)
    }

    /// The first page again, with what was typed and what to change.
    fn refuse(&self, error: &ApiError) -> Response {
        let (status, reason) = told(error, self.language);
        self.entry(status, Head::of(self.language).refused(reason))
    }

    fn entry(&self, status: StatusCode, head: Head) -> Response {
        page(status, &Entry { head, code: self.form.text("code"), request: self.form.text("request") })
    }
}

/// `GET /portal`; `lang` chooses the language, and nothing else is taken from the address.
pub async fn show(headers: HeaderMap, uri: Uri) -> Response {
    let chosen = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("lang=")));
    let head = Head::of(Language::chosen(chosen.unwrap_or_default(), &headers));
    page(StatusCode::OK, &Entry { head, code: "", request: "" })
}

/// `POST /portal`: everything about a license.
pub async fn open(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    with_license(&state, &headers, body, async |sent, license| {
        state.license_page(&sent, &license, Head::of(sent.language)).await
    })
    .await
}

/// `POST /portal/key-file`
pub async fn key_file(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    with_license(&state, &headers, body, async |_sent, license| {
        license.check_begun()?;
        let notes = [("Product", license.product.as_str()), ("License", license.id.as_str())];
        Ok(file("license-key.txt", armour::write(&notes, &[(TokenType::License, &license.license_key)])))
    })
    .await
}

/// `POST /portal/status-list-file`: for machines without network, what is revoked as of now.
pub async fn status_list_file(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    with_license(&state, &headers, body, async |_sent, license| {
        license.check_begun()?;
        let mut numbers: Vec<StatusListNumber> =
            license.current_key().map(|key| key.slot.list).into_iter().collect();
        numbers.extend(state.held_places(&license).await?.iter().map(|activation| activation.slot.list));
        numbers.sort_unstable();
        numbers.dedup();
        let mut lists = Vec::new();
        for number in numbers.into_iter().take(armour::ARMOUR_TOKENS_MAX) {
            lists.push(state.app.published_status_list(&license.merchant, number).await?.token);
        }
        let tokens: Vec<_> = lists.iter().map(|list| (TokenType::StatusList, list.as_str())).collect();
        Ok(file("license-status-list.txt", armour::write(&[("Product", license.product.as_str())], &tokens)))
    })
    .await
}

/// `POST /portal/release`: asks first, then frees the place.
pub async fn release(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    with_license(&state, &headers, body, async |sent, license| {
        let named = sent.form.text("activation");
        let held = state.held_places(&license).await?;
        let Some(activation) = held.iter().find(|activation| activation.id.as_str() == named) else {
            let (_, reason) = told(&ApiError::not_found("activation"), sent.language);
            return state.license_page(&sent, &license, Head::of(sent.language).refused(reason)).await;
        };
        if sent.form.text("confirm") != "yes" {
            let hidden = vec![("code", sent.form.text("code").to_owned()), ("activation", named.to_owned())];
            let head = Head::of(sent.language).again("/portal/release", hidden);
            let reader = state.reader_of(&license, sent.language).await?;
            let asking = ReleasePage::of(head, activation, sent.form.text("code"), &reader);
            return Ok(page(StatusCode::OK, &asking));
        }
        let head = Head::of(sent.language);
        let head = match state
            .app
            .release_place(&license.merchant, &license.id, &activation.id, &PlaceFreedBy::Holder)
            .await
        {
            Ok(()) => head.done(sent.words().released),
            Err(error) => head.refused(told(&error.into(), sent.language).1),
        };
        state.license_page(&sent, &license, head).await
    })
    .await
}

/// `POST /portal/air-gap`: a request becomes a response, a deactivation frees a place. `as` = `file` is the response alone.
pub async fn air_gap(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Response {
    let sent = match Sent::read(&headers, body).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    let uploaded = sent.form.text("file");
    let text = if uploaded.is_empty() { sent.form.text("request") } else { uploaded };
    if text.is_empty() {
        let head = Head::of(sent.language).refused(sent.words().nothing_sent.to_owned());
        return sent.entry(StatusCode::OK, head);
    }
    match state.take_carried(text, None).await {
        Ok(Carried::Deactivated(_)) => {
            let head = Head::of(sent.language).done(sent.words().deactivated);
            page(StatusCode::OK, &Entry { head, code: "", request: "" })
        }
        Ok(Carried::Answered { product, answer, .. }) => response(&sent, text, &product, &answer),
        Err(CarriedFault::Damaged(damage)) => {
            let reason = words::damage(damage, sent.language);
            sent.entry(StatusCode::OK, Head::of(sent.language).refused(reason))
        }
        Err(CarriedFault::Api(error)) => sent.refuse(&error),
    }
}

fn response(sent: &Sent, request: &str, product: &str, answer: &AirGapAnswer) -> Response {
    let response = response_file(product, answer);
    if sent.form.text("as") == "file" {
        return file("license-response.txt", response);
    }
    let pair = [answer.activated.certificate.as_str(), answer.activated.license_key.as_str()];
    let needed: Vec<&str> = pair.into_iter().chain(answer.key_set.as_deref()).collect();
    let lists = answer.status_lists.iter().map(String::as_str);
    let all: Vec<&str> = needed.iter().copied().chain(lists).collect();
    // A long list is better carried as a file; without it the license works all the same.
    let parts = armour::parts(&all).or_else(|| armour::parts(&needed)).unwrap_or_default();
    let hidden = vec![("request", request.to_owned())];
    let head = Head::of(sent.language).again("/portal/air-gap", hidden);
    page(StatusCode::OK, &ResponsePage::of(head, request, response, &parts))
}

/// Opens the license of the form, and goes on with it.
async fn with_license(
    state: &HttpState,
    headers: &HeaderMap,
    body: Bytes,
    act: impl AsyncFnOnce(Sent, License) -> Result<Response, ApiError>,
) -> Response {
    let sent = match Sent::read(headers, body).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    match state.opened(sent.form.text("code")).await {
        Ok(Opened::License(license)) => {
            let language = sent.language;
            let acted = act(sent, *license).await;
            acted.unwrap_or_else(|error| {
                let (status, reason) = told(&error, language);
                page(status, &Entry { head: Head::of(language).refused(reason), code: "", request: "" })
            })
        }
        Ok(Opened::Asking) => {
            let head = Head::of(sent.language).done(sent.words().asking);
            sent.entry(StatusCode::ACCEPTED, head)
        }
        Err(error) => sent.refuse(&error),
    }
}

impl HttpState {
    /// Malformed, foreign and unknown codes are refused in one and the same way.
    async fn opened(&self, code: &str) -> Result<Opened, ApiError> {
        if !code.contains('.') {
            return Ok(match self.redeem(code, None, CodeUse::Reading).await? {
                Redeemed::License(license) => Opened::License(license),
                Redeemed::Asking { .. } => Opened::Asking,
            });
        }
        let tokens =
            armour::read(code, REQUEST_FILE_MAX_BYTES).map_err(|_damaged| Refusal::LicenseKeyRefused)?;
        let text = tokens.first().ok_or(Refusal::LicenseKeyRefused)?;
        let holder = self.key_holder(text).await?;
        let license = match self.app.view_license(&holder.merchant, &holder.license).await {
            Ok(LicenseOrPurchase::License(license)) => license.value,
            Ok(LicenseOrPurchase::Purchase(_)) => return Err(Refusal::LicenseKeyRefused.into()),
            Err(error) => return Err(unknown_as_refused(error.into())),
        };
        // Whoever holds a key that was replaced is perhaps not the holder any more; one that was only renewed stays good.
        if holder.token_id.is_some_and(|token_id| license.is_superseded(&token_id)) {
            return Err(Refusal::LicenseSuperseded.into());
        }
        Ok(Opened::License(Box::new(license)))
    }

    async fn held_places(&self, license: &License) -> Result<Vec<Activation>, ApiError> {
        let all = self.app.activations(&license.merchant, &license.id).await?;
        let holds = |activation: &Activation| matches!(activation.state, ActivationState::Held(_));
        Ok(all.into_iter().filter(holds).collect())
    }

    /// Times are those of the merchant's clock, each with its offset: the seller's support reads the same ones.
    async fn reader_of(&self, license: &License, language: Language) -> Result<Reader, ApiError> {
        let merchant = self.merchant(&license.merchant).await?;
        Ok(Reader::new(language, merchant.as_ref().map_or("UTC", |merchant| &merchant.time_zone)))
    }

    async fn license_page(&self, sent: &Sent, license: &License, head: Head) -> Result<Response, ApiError> {
        let code = sent.form.text("code");
        let head = head.again("/portal", vec![("code", code.to_owned())]);
        let held = self.held_places(license).await?;
        let mut quota = self.app.view_quota(&license.merchant, &[license]).await?;
        let quota = quota.remove(&license.id).unwrap_or_default();
        let names = self.app.sold_names(license).await?;
        let reader = self.reader_of(license, sent.language).await?;
        let stands = (self.app.now(), &reader);
        let page_of = LicensePage::of(head, code, license, (&names, &held, &quota), stands);
        Ok(page(StatusCode::OK, &page_of))
    }
}

fn unknown_as_refused(error: ApiError) -> ApiError {
    match error {
        ApiError::Refused(Refusal::NotFound { .. }) => Refusal::LicenseKeyRefused.into(),
        other => other,
    }
}

/// In the reader's language, without words for programs.
fn told(error: &ApiError, language: Language) -> (StatusCode, String) {
    let words = Words::of(language);
    match error {
        ApiError::Refused(Refusal::Invalid { .. }) => (StatusCode::OK, words.no_text.to_owned()),
        ApiError::Refused(Refusal::IllegalState { .. }) => (StatusCode::OK, words.not_possible.to_owned()),
        ApiError::Refused(refusal) => (StatusCode::OK, wording::refusal_reason(refusal, language)),
        failed => {
            tracing::error!(code = failed.code(), "the portal could not do it");
            (StatusCode::SERVICE_UNAVAILABLE, words.later.to_owned())
        }
    }
}

fn page(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            (status, guarded(kind), html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            ApiError::Panicked.into_response()
        }
    }
}

fn file(name: &'static str, content: String) -> Response {
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let named = named.unwrap_or(HeaderValue::from_static("attachment"));
    let headers = guarded(HeaderValue::from_static("text/plain; charset=utf-8"));
    (headers, [(header::CONTENT_DISPOSITION, named)], content).into_response()
}

/// Nothing of it is kept, framed, or told to the next page.
fn guarded(kind: HeaderValue) -> [(header::HeaderName, HeaderValue); 5] {
    [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::VARY, HeaderValue::from_static("Accept-Language")),
    ]
}
