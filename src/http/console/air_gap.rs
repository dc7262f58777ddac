//! Files of machines without network are answered for the customer who sent them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use license_token::armour::{self, REQUEST_FILE_MAX_BYTES};

use super::blocks::{self, Html};
use super::desk::{Desk, headers, with_desk, with_form};
use super::forms::{Field, Form as Asking, Kind, Mistakes, summary};
use super::words::AirGap;
use crate::application::AirGapAnswer;
use crate::domain::Scope;
use crate::http::air_gap::{Carried, CarriedFault, response_file};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::portal::damage_words;
use crate::http::qr::Qr;
use crate::http::state::HttpState;

const PATH: &str = "/console/air-gap";
const REQUEST_ROWS: usize = 8;
const RESPONSE_ROWS: usize = 12;

/// `GET /console/air-gap`
pub async fn ask(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Support, async |desk| {
        Ok(desk.air_gap_page(StatusCode::OK, "", Html::default(), &Vec::new()))
    })
    .await
}

/// `POST /console/air-gap`: the same file again is answered in the same way.
pub async fn answer(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Support, async |desk, form| desk.carried(form).await).await
}

impl Desk {
    async fn carried(&self, form: &Form) -> Result<Response, ApiError> {
        let words = AirGap::of(self.language());
        let uploaded = form.text("file");
        let text = if uploaded.is_empty() { form.text("request") } else { uploaded };
        let refused = |status, field, told| {
            let mistakes: Mistakes = vec![(field, told)];
            Ok(self.air_gap_page(status, text, summary(self.words().errors, &mistakes), &mistakes))
        };
        if text.is_empty() {
            return refused(StatusCode::UNPROCESSABLE_ENTITY, "request", words.nothing.to_owned());
        }
        match self.state.take_carried(text, Some(self.id())).await {
            Ok(Carried::Deactivated(_)) => {
                Ok(self.air_gap_page(StatusCode::OK, "", blocks::done(words.deactivated), &Vec::new()))
            }
            Ok(Carried::Answered { is_new, product, answer }) => {
                let response = response_file(&product, &answer);
                if form.text("as") == "file" {
                    return Ok(file("license-response.txt", response));
                }
                let outcome = if is_new { words.outcome_new } else { words.outcome_renewed };
                let body = self.response(text, outcome, response, &answer);
                Ok(self.page(StatusCode::OK, words.response, Some((PATH, words.title)), body))
            }
            Err(CarriedFault::Damaged(damage)) => {
                let told = damage_words(damage, self.language());
                refused(StatusCode::UNPROCESSABLE_ENTITY, "request", told)
            }
            Err(CarriedFault::Api(error @ ApiError::Refused(_))) => {
                refused(error.status(), "request", self.reason(&error))
            }
            Err(CarriedFault::Api(error)) => Err(error),
        }
    }

    fn air_gap_page(&self, status: StatusCode, typed: &str, found: Html, mistakes: &Mistakes) -> Response {
        let words = AirGap::of(self.language());
        let (csrf, value) = self.csrf();
        let text = Kind::Text(REQUEST_ROWS, REQUEST_FILE_MAX_BYTES);
        let form = Asking { is_upload: true, ..Asking::new(PATH, words.send) }
            .hidden(csrf, value)
            .field(Field::new("file", words.file, Kind::File))
            .field(Field::new("request", words.request, text).value(typed));
        let body = Html::all([found, blocks::paragraph(words.hint), form.html(mistakes)]);
        self.page(status, words.title, None, body)
    }

    fn response(&self, request: &str, outcome: &str, response: String, answer: &AirGapAnswer) -> Html {
        let words = AirGap::of(self.language());
        let (csrf, value) = self.csrf();
        let download = Asking::new(PATH, words.download)
            .hidden(csrf, value)
            .hidden("request", request)
            .hidden("as", "file")
            .html(&Vec::new());
        let facts = blocks::facts(vec![
            (words.machine, blocks::code(&answer.activated.activation)),
            (words.renews, self.reader.time(answer.activated.renew_after)),
        ]);
        let text = blocks::long_text("response", words.text, RESPONSE_ROWS, &response);
        let codes = codes(answer, words.codes);
        let codes = if codes.is_empty() {
            Html::default()
        } else {
            blocks::section("codes", words.codes, blocks::codes(codes))
        };
        let told = blocks::done(format!("{outcome} {}", words.response_hint));
        Html::all([told, facts, download, text, codes])
    }
}

/// What the machine needs, as QR codes; a long list is better carried as a file, and is left out here.
fn codes(answer: &AirGapAnswer, label: &str) -> Vec<Html> {
    let pair = [answer.activated.certificate.as_str(), answer.activated.license_key.as_str()];
    let needed: Vec<&str> = pair.into_iter().chain(answer.key_set.as_deref()).collect();
    let lists = answer.status_lists.iter().map(String::as_str);
    let all: Vec<&str> = needed.iter().copied().chain(lists).collect();
    let parts = armour::parts(&all).or_else(|| armour::parts(&needed)).unwrap_or_default();
    let of = parts.len();
    let drawn = parts.iter().enumerate().map(|(at, part)| {
        Qr::of(part).ok().map(|qr| Html::picture(qr.svg(&format!("{label} {}/{of}", at + 1))))
    });
    drawn.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// A file to keep.
pub fn file(name: &'static str, content: String) -> Response {
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let named = named.unwrap_or(HeaderValue::from_static("attachment"));
    (headers("text/plain; charset=utf-8"), [(header::CONTENT_DISPOSITION, named)], content).into_response()
}
