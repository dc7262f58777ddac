//! New tokens and sign-in links: what was typed stays, the secret is shown once.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::TimeDelta;
use secrecy::ExposeSecret as _;

use super::access::PATH;
use super::blocks::Html;
use super::desk::{Desk, with_desk, with_form};
use super::forms::{Field, Form as Asking, Kind, Mistakes, Tick, summary};
use super::words::Access;
use crate::application::NewSignInLink;
use crate::domain::{Narrowed, Scope, TokenOwner};
use crate::http::access::{token_digest, token_text};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::session_cookie::{link_digest, secret_text};
use crate::http::state::HttpState;

const NAME_BYTES_MAX: usize = 128;
/// Scopes that a merchant's people and programs can be given.
const SCOPES: [Scope; 8] = [
    Scope::Read,
    Scope::Keys,
    Scope::Support,
    Scope::Issue,
    Scope::Revoke,
    Scope::Usage,
    Scope::Catalog,
    Scope::Admin,
];

/// What is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Token,
    Link,
}

/// What was typed, as far as it is right.
struct Typed {
    name: String,
    scopes: Vec<Scope>,
    /// How long it holds; a token may hold for ever.
    lasts: Option<TimeDelta>,
}

/// `GET /console/access/tokens/new`
pub async fn ask_token(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| Ok(desk.ask_access(Made::Token))).await
}

/// `GET /console/access/links/new`
pub async fn ask_link(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| Ok(desk.ask_access(Made::Link))).await
}

/// `POST /console/access/tokens/new`
pub async fn make_token(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let typed = match desk.typed_access(Made::Token, form) {
            Ok(typed) => typed,
            Err(mistakes) => return Ok(desk.access_page(Made::Token, form, &mistakes)),
        };
        let (app, words) = (&desk.state.app, Access::of(desk.language()));
        // The form sent twice makes one token, and shows the same.
        let text = token_text(&app.signer().token_bytes(&desk.identity(form)?.key_digest));
        let (digest, actor) = (token_digest(text.expose_secret()), desk.caller.actor());
        let ends_at = typed.lasts.map(|lasts| app.now() + lasts);
        let made =
            app.create_api_token(digest, &typed.name, desk.owner(), typed.scopes, ends_at, &actor).await;
        made.map_err(ApiError::from)?;
        Ok(desk.shown_once(words.token_made, words.token, words.shown_once, text.expose_secret()))
    })
    .await
}

/// `POST /console/access/links/new`
pub async fn make_link(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, form| {
        let typed = match desk.typed_access(Made::Link, form) {
            Ok(typed) => typed,
            Err(mistakes) => return Ok(desk.access_page(Made::Link, form, &mistakes)),
        };
        let (app, words) = (&desk.state.app, Access::of(desk.language()));
        let maker = &desk.caller.token;
        let secret = app.signer().token_bytes(&desk.identity(form)?.key_digest);
        let text = secret_text(maker.owner.merchant(), &secret);
        let new = NewSignInLink {
            digest: link_digest(&text),
            gives: Narrowed { name: typed.name, scopes: typed.scopes },
            acting_for: (maker.owner == TokenOwner::Server).then(|| desk.id().clone()),
            lifetime: typed.lasts.unwrap_or(TimeDelta::minutes(10)),
        };
        app.create_sign_in_link(maker, new).await.map_err(ApiError::from)?;
        let url = format!("{}?link={text}", app.signer().sign_in_url());
        Ok(desk.shown_once(words.link_made, words.link, words.link_shown_once, &url))
    })
    .await
}

impl Made {
    fn action(self) -> &'static str {
        match self {
            Self::Token => "/console/access/tokens/new",
            Self::Link => "/console/access/links/new",
        }
    }

    /// Choices of how long it holds, in minutes; 0 is for ever.
    fn spans(self, words: &Access) -> Vec<(i64, &'static str)> {
        const DAY: i64 = 24 * 60;
        match self {
            Self::Token => vec![
                (90 * DAY, words.in_90_days),
                (30 * DAY, words.in_30_days),
                (365 * DAY, words.in_a_year),
                (0, words.never),
            ],
            Self::Link => vec![(10, words.ten_minutes), (60, words.an_hour), (DAY, words.a_day)],
        }
    }
}

fn scope_words(scope: Scope, words: &Access) -> &'static str {
    match scope {
        Scope::Read => words.scope_read,
        Scope::Keys => words.scope_keys,
        Scope::Support => words.scope_support,
        Scope::Issue => words.scope_issue,
        Scope::Revoke => words.scope_revoke,
        Scope::Usage => words.scope_usage,
        Scope::Catalog => words.scope_catalog,
        Scope::Admin | Scope::Operator => words.scope_admin,
    }
}

impl Desk {
    fn ask_access(&self, made: Made) -> Response {
        self.access_page(made, &Form::default(), &Vec::new())
    }

    fn access_page(&self, made: Made, form: &Form, mistakes: &Mistakes) -> Response {
        let words = Access::of(self.language());
        let (title, lasts) = match made {
            Made::Token => (words.new_token, words.expires),
            Made::Link => (words.new_link, words.lasts),
        };
        let chosen: Vec<&str> = form.all("scopes").collect();
        let tick = |scope: &Scope| Tick {
            value: scope.as_str().to_owned(),
            text: format!("{}: {}", scope.as_str(), scope_words(*scope, words)),
            is_chosen: chosen.contains(&scope.as_str()),
        };
        let ticks = SCOPES.iter().filter(|scope| self.may(**scope)).map(tick).collect();
        let spans =
            made.spans(words).into_iter().map(|(minutes, text)| (minutes.to_string(), text.to_owned()));
        let (csrf, value) = self.csrf();
        let (once, once_value) = self.once();
        let name = Field::new("name", words.name, Kind::Line(NAME_BYTES_MAX));
        let asking = Asking::new(made.action(), title)
            .hidden(csrf, value)
            .hidden(once, once_value)
            .field(name.value(form.typed("name")).hint(words.name_hint).required())
            .field(Field::new("scopes", words.scopes, Kind::Boxes(ticks)))
            .field(Field::new("lasts", lasts, Kind::Choice(spans.collect())).value(form.text("lasts")))
            .cancel(PATH, self.words().cancel);
        let body = Html::all([summary(self.words().errors, mistakes), asking.html(mistakes)]);
        let status = if mistakes.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        self.page(status, title, Some((PATH, words.title)), body)
    }

    /// Nobody gives what they do not have; the boxes show no more, and a form is not believed.
    fn typed_access(&self, made: Made, form: &Form) -> Result<Typed, Mistakes> {
        let (words, mut mistakes) = (Access::of(self.language()), Mistakes::new());
        let name = form.typed("name");
        if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            mistakes.push(("name", words.name_wrong.to_owned()));
        }
        let named: Option<Vec<Scope>> = form.all("scopes").map(Scope::parse).collect();
        let scopes = named.unwrap_or_default();
        let may_all = scopes.iter().all(|scope| SCOPES.contains(scope) && self.may(*scope));
        if scopes.is_empty() || !may_all {
            mistakes.push(("scopes", words.scopes_wrong.to_owned()));
        }
        let minutes = form.text("lasts").parse().ok();
        let span = made.spans(words).into_iter().map(|(span, _)| span).find(|span| Some(*span) == minutes);
        if span.is_none() {
            mistakes.push(("lasts", words.expires_wrong.to_owned()));
        }
        let lasts = span.filter(|span| *span > 0).map(TimeDelta::minutes);
        if mistakes.is_empty() { Ok(Typed { name, scopes, lasts }) } else { Err(mistakes) }
    }
}
