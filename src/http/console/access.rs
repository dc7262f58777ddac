//! Who may come in: tokens, sign-in links and sessions of the merchant.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Form, summary};
use super::query::Asked;
use super::words::Access;
use crate::application::SignedInSession;
use crate::domain::{ApiToken, ApiTokenId, Instant, Scope, SessionId, SignInLink, SignInLinkId, TokenOwner};
use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// Where they are listed.
pub const PATH: &str = "/console/access";

/// `GET /console/access`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let words = Access::of(desk.language());
        let app = &desk.state.app;
        let tokens = app.api_tokens(&desk.owner()).await?;
        let used = app.last_uses(&tokens).await?;
        let links = app.sign_in_links(&desk.owner()).await?;
        let sessions = app.sessions(&desk.owner()).await?;
        let done = match asked.text("done") {
            "revoke" => blocks::done(words.done_revoke),
            "withdraw" => blocks::done(words.done_withdraw),
            "end" => blocks::done(words.done_end),
            _ => Html::default(),
        };
        let body = Html::all([
            done,
            desk.tokens_part(&tokens, &used, words),
            desk.links_part(&links, words),
            desk.sessions_part(&sessions, words),
        ]);
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

/// `GET /console/access/tokens/{api_token}/revoke`
pub async fn ask_revoke(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let words = Access::of(desk.language());
        let tokens = desk.state.app.api_tokens(&desk.owner()).await?;
        let token = tokens.iter().find(|token| token.id.as_str() == id);
        let token = token.ok_or_else(|| ApiError::not_found("API token"))?;
        let facts = vec![
            (words.name, blocks::text(&token.name)),
            (words.scopes, blocks::text(scope_names(&token.scopes))),
            (words.created, desk.reader.time(token.created_at)),
        ];
        let action = format!("{PATH}/tokens/{id}/revoke");
        let body = blocks::facts(facts).then(blocks::warning(words.revoke_follows)).then(
            desk.small_form(&action, words.revoke)
                .grave()
                .cancel(PATH, desk.words().cancel)
                .html(&Vec::new()),
        );
        Ok(desk.page(StatusCode::OK, words.revoke_title, Some((PATH, words.title)), body))
    })
    .await
}

/// `POST /console/access/tokens/{api_token}/revoke`
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, _form| {
        let id = ApiTokenId::parse(&id).map_err(|_| ApiError::not_found("API token"))?;
        desk.state.app.revoke_api_token(&desk.owner(), &id, &desk.caller.actor()).await?;
        Ok(go_to(&format!("{PATH}?done=revoke")))
    })
    .await
}

/// `POST /console/access/links/{link}/revoke`
pub async fn withdraw(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, _form| {
        let id = SignInLinkId::parse(&id).map_err(|_| ApiError::not_found("sign-in link"))?;
        desk.state.app.revoke_sign_in_link(&desk.caller.actor(), &desk.owner(), &id).await?;
        Ok(go_to(&format!("{PATH}?done=withdraw")))
    })
    .await
}

/// `POST /console/access/sessions/{session}/end`
pub async fn end(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, _form| {
        let id = SessionId::parse(&id).map_err(|_| ApiError::not_found("session"))?;
        desk.state.app.end_session_of(&desk.caller.actor(), &desk.owner(), &id).await?;
        Ok(go_to(&format!("{PATH}?done=end")))
    })
    .await
}

/// `GET /console/access/sessions/end`
pub async fn ask_end_all(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Admin, async |desk| {
        let words = Access::of(desk.language());
        let form = desk.small_form("/console/access/sessions/end", words.end_all).grave();
        let form = form.cancel(PATH, desk.words().cancel).html(&Vec::new());
        let body = blocks::warning(words.end_all_follows).then(form);
        Ok(desk.page(StatusCode::OK, words.end_all_title, Some((PATH, words.title)), body))
    })
    .await
}

/// `POST /console/access/sessions/end`
pub async fn end_all(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Admin, async |desk, _form| {
        desk.state.app.end_all_sessions(&desk.caller.actor(), &desk.owner()).await?;
        Ok(go_to(&format!("{PATH}?done=end")))
    })
    .await
}

/// Scopes as they are written everywhere.
pub fn scope_names(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}

impl Desk {
    /// Whose tokens are shown: an operator looks after those of the merchant that they have chosen.
    pub fn owner(&self) -> TokenOwner {
        TokenOwner::Merchant(self.id().clone())
    }

    /// A button that changes something.
    pub fn small_form<'a>(&self, action: &'a str, words: &'a str) -> Form<'a> {
        let (name, csrf) = self.csrf();
        Form::new(action, words).hidden(name, csrf)
    }

    fn tokens_part(&self, tokens: &[ApiToken], used: &[Option<Instant>], words: &Access) -> Html {
        let columns =
            [words.name, words.scopes, words.state, words.created, words.last_used, words.expires, words.act];
        let now = self.state.app.now();
        let row = |(token, used): (&ApiToken, &Option<Instant>)| {
            let (state, kind) = match (token.revoked_at, token.is_live(now)) {
                (Some(_), _) => (words.revoked, "bad"),
                (None, true) => (words.live, "good"),
                (None, false) => (words.ended, "warn"),
            };
            let revoke = format!("{PATH}/tokens/{}/revoke", token.id);
            let act = match token.revoked_at {
                None => blocks::button_link(revoke, words.revoke, "grave"),
                Some(_) => blocks::text("–"),
            };
            vec![
                blocks::text(&token.name),
                blocks::text(scope_names(&token.scopes)),
                blocks::state(state, kind),
                self.reader.time(token.created_at),
                used.map_or_else(|| blocks::text(words.not_used), |at| self.reader.time(at)),
                token.expires_at.map_or_else(|| blocks::text(words.never), |at| self.reader.time(at)),
                act,
            ]
        };
        let rows = tokens.iter().zip(used).map(row).collect();
        let body = blocks::paragraph(words.tokens_hint)
            .then(blocks::row([blocks::button_link("/console/access/tokens/new", words.new_token, "")]))
            .then(blocks::table(words.tokens, &columns, rows, words.tokens_none));
        blocks::section("tokens", words.tokens, body)
    }

    fn links_part(&self, links: &[SignInLink], words: &Access) -> Html {
        let columns = [words.name, words.scopes, words.created, words.expires, words.act];
        let row = |link: &SignInLink| {
            let withdraw = format!("{PATH}/links/{}/revoke", link.id);
            vec![
                blocks::text(&link.gives.name),
                blocks::text(scope_names(&link.gives.scopes)),
                self.reader.time(link.created_at),
                self.reader.time(link.expires_at),
                self.small_form(&withdraw, words.withdraw).html(&Vec::new()),
            ]
        };
        let rows = links.iter().map(row).collect();
        let body = blocks::paragraph(words.links_hint)
            .then(blocks::row([blocks::button_link("/console/access/links/new", words.new_link, "")]))
            .then(blocks::table(words.links, &columns, rows, words.links_none));
        blocks::section("links", words.links, body)
    }

    fn sessions_part(&self, sessions: &[SignedInSession], words: &Access) -> Html {
        let columns = [words.name, words.scopes, words.by, words.since, words.last_seen, words.act];
        let row = |SignedInSession { session, held }: &SignedInSession| {
            let end = format!("{PATH}/sessions/{}/end", session.id);
            let by = if session.narrowed.is_some() { words.by_link } else { words.by_token };
            let here = session.id == self.session;
            vec![
                blocks::text(if here {
                    format!("{} ({})", held.name, words.this_one)
                } else {
                    held.name.clone()
                }),
                blocks::text(scope_names(&held.scopes)),
                blocks::text(by),
                self.reader.time(session.created_at),
                self.reader.time(session.last_seen_at),
                self.small_form(&end, words.end).html(&Vec::new()),
            ]
        };
        let rows = sessions.iter().map(row).collect();
        let body = blocks::table(words.sessions, &columns, rows, words.sessions_none);
        let all = blocks::button_link("/console/access/sessions/end", words.end_all, "grave");
        blocks::section("sessions", words.sessions, body.then(blocks::row([all])))
    }

    /// A secret that is shown this once.
    pub fn shown_once(&self, title: &str, label: &str, warning: &str, secret: &str) -> Response {
        let body = blocks::warning(warning).then(blocks::long_text("secret", label, 3, secret));
        let words = Access::of(self.language());
        self.page(StatusCode::OK, title, Some((PATH, words.title)), summary("", &Vec::new()).then(body))
    }
}
