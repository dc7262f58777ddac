//! Signing keys are rotated, retired and revoked: what follows is told first, and done to the keys as they were seen.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::explain::TIME_CHARS_MAX;
use super::forms::{Field, Form as Asking, Kind, Mistakes, Tick, summary};
use super::keys::{PATH, seen};
use super::words::Keys;
use crate::application::{RetireKey, Retirement, RevokeKey, RotateKey};
use crate::domain::{KeyId, KeyRing, KeyRole, KeysSeen, Refusal, RevocationMode, Scope};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// Roles that another key can sign for.
const ROLES: [KeyRole; 3] = [KeyRole::License, KeyRole::Activation, KeyRole::Status];

/// What is asked, with what was typed.
struct Asked<'a> {
    act: KeyAct<'a>,
    form: &'a Form,
}

/// What is done.
#[derive(Clone, Copy)]
enum KeyAct<'a> {
    Rotate,
    Retire(&'a KeyId),
    Revoke(&'a KeyId),
}

/// `GET /console/keys/rotate`
pub async fn ask_rotate(State(state): State<HttpState>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Operator, async |desk| desk.ask_keys(KeyAct::Rotate).await).await
}

/// `GET /console/keys/{kid}/retire`
pub async fn ask_retire(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Operator, async |desk| {
        desk.ask_keys(KeyAct::Retire(&key_id(&kid)?)).await
    })
    .await
}

/// `GET /console/keys/{kid}/revoke`
pub async fn ask_revoke(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    parts: Parts,
) -> Response {
    with_desk(&state, &parts, Scope::Operator, async |desk| {
        desk.ask_keys(KeyAct::Revoke(&key_id(&kid)?)).await
    })
    .await
}

/// `POST /console/keys/rotate`
pub async fn rotate(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Response {
    with_form(&state, &parts, body, Scope::Operator, async |desk, form| {
        desk.act_on_keys(&Asked { act: KeyAct::Rotate, form }).await
    })
    .await
}

/// `POST /console/keys/{kid}/retire`
pub async fn retire(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Operator, async |desk, form| {
        desk.act_on_keys(&Asked { act: KeyAct::Retire(&key_id(&kid)?), form }).await
    })
    .await
}

/// `POST /console/keys/{kid}/revoke`
pub async fn revoke(
    State(state): State<HttpState>,
    PathOf(kid): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Operator, async |desk, form| {
        desk.act_on_keys(&Asked { act: KeyAct::Revoke(&key_id(&kid)?), form }).await
    })
    .await
}

fn key_id(text: &str) -> Result<KeyId, ApiError> {
    KeyId::parse(text).map_err(|_| ApiError::not_found("signing key"))
}

impl Desk {
    async fn ask_keys(&self, act: KeyAct<'_>) -> Result<Response, ApiError> {
        let ring = self.state.app.key_ring(self.id()).await?;
        if let KeyAct::Retire(kid) | KeyAct::Revoke(kid) = act {
            ring.key(kid).ok_or_else(|| ApiError::not_found("signing key"))?;
        }
        let asked = Asked { act, form: &Form::default() };
        self.keys_page(StatusCode::OK, &asked, &ring, &Vec::new()).await
    }

    async fn act_on_keys(&self, asked: &Asked<'_>) -> Result<Response, ApiError> {
        let words = Keys::of(self.language());
        let ring = self.state.app.key_ring(self.id()).await?;
        if asked.form.text("seen") != seen(&ring) {
            return self.keys_changed(asked).await;
        }
        let if_seen = Some(ring.seen());
        let done = match asked.act {
            KeyAct::Rotate => self.rotate(asked.form, if_seen).await.map(|()| "rotate"),
            KeyAct::Retire(kid) => {
                let command = RetireKey { merchant: self.id().clone(), kid: kid.clone(), if_seen };
                match self.state.app.retire_key(&command, &self.caller.actor()).await {
                    Ok(Retirement::Done(_)) => Ok("retire"),
                    Ok(Retirement::Looking { looked_at }) => {
                        let told = format!("{} {}", words.looking, self.reader.number(looked_at));
                        return self.keys_page(StatusCode::ACCEPTED, asked, &ring, &vec![("", told)]).await;
                    }
                    Err(error) => Err(error.into()),
                }
            }
            KeyAct::Revoke(kid) => {
                let Ok((mode, at)) = self.withdrawn(asked.form) else {
                    let mistakes = vec![("at", words.time_wrong.to_owned())];
                    return self.keys_page(StatusCode::UNPROCESSABLE_ENTITY, asked, &ring, &mistakes).await;
                };
                let (merchant, kid) = (self.id().clone(), kid.clone());
                let command = RevokeKey { merchant, kid, mode, at, next: None, if_seen };
                self.state
                    .app
                    .revoke_key(&command, &self.caller.actor())
                    .await
                    .map(|_ring| "revoke")
                    .map_err(ApiError::from)
            }
        };
        match done {
            Ok(done) => Ok(go_to(&format!("{PATH}?done={done}"))),
            Err(ApiError::Refused(Refusal::RevisionConflict { .. })) => self.keys_changed(asked).await,
            Err(error @ ApiError::Refused(_)) => {
                self.keys_page(error.status(), asked, &ring, &vec![("", self.reason(&error))]).await
            }
            Err(error) => Err(error),
        }
    }

    /// The question again, above the keys as they stand now.
    async fn keys_changed(&self, asked: &Asked<'_>) -> Result<Response, ApiError> {
        let ring = self.state.app.key_ring(self.id()).await?;
        let mistakes = vec![("", Keys::of(self.language()).changed.to_owned())];
        self.keys_page(StatusCode::PRECONDITION_FAILED, asked, &ring, &mistakes).await
    }

    async fn rotate(&self, form: &Form, if_seen: Option<KeysSeen>) -> Result<(), ApiError> {
        let roles = || ApiError::invalid("/role", "a role is one of license, activation, status");
        let role = KeyRole::parse(form.text("role")).ok_or_else(roles)?;
        let stage_only = form.text("stage") == "yes";
        let command = RotateKey { merchant: self.id().clone(), role, kid: None, stage_only, if_seen };
        self.state.app.rotate_key(&command, &self.caller.actor()).await?;
        Ok(())
    }

    fn withdrawn(&self, form: &Form) -> Result<(RevocationMode, Option<crate::domain::Instant>), ()> {
        let mode = RevocationMode::parse(form.text("mode")).unwrap_or(RevocationMode::All);
        let typed = form.text("at");
        let at = if typed.is_empty() { None } else { Some(self.reader.read_field(typed).ok_or(())?) };
        if mode == RevocationMode::All && at.is_some() { Err(()) } else { Ok((mode, at)) }
    }

    async fn keys_page(
        &self,
        status: StatusCode,
        asked: &Asked<'_>,
        ring: &KeyRing,
        mistakes: &Mistakes,
    ) -> Result<Response, ApiError> {
        let words = Keys::of(self.language());
        let (title, follows) = match asked.act {
            KeyAct::Rotate => (words.rotate_title, words.rotate_follows),
            KeyAct::Retire(_) => (words.retire_title, words.retire_follows),
            KeyAct::Revoke(_) => (words.revoke_title, words.revoke_follows),
        };
        let named = match asked.act {
            KeyAct::Rotate => Html::default(),
            KeyAct::Retire(kid) | KeyAct::Revoke(kid) => blocks::facts(vec![(words.key, blocks::code(kid))]),
        };
        let body = Html::all([
            summary(self.words().refused_title, mistakes),
            named,
            blocks::warning(follows),
            self.keys_form(asked, ring, mistakes),
            self.key_table(ring, words).await?,
        ]);
        Ok(self.page(status, title, Some((PATH, words.title)), body))
    }

    fn keys_form(&self, asked: &Asked<'_>, ring: &KeyRing, mistakes: &Mistakes) -> Html {
        let (words, form) = (Keys::of(self.language()), asked.form);
        let (action, submit) = match asked.act {
            KeyAct::Rotate => (format!("{PATH}/rotate"), words.rotate),
            KeyAct::Retire(kid) => (format!("{PATH}/{kid}/retire"), words.retire),
            KeyAct::Revoke(kid) => (format!("{PATH}/{kid}/revoke"), words.revoke),
        };
        let (csrf, value) = self.csrf();
        let asking = Asking::new(&action, submit)
            .hidden(csrf, value)
            .hidden("seen", seen(ring))
            .cancel(PATH, self.words().cancel);
        match asked.act {
            KeyAct::Rotate => {
                let role = |role: &KeyRole| (role.as_str().to_owned(), words.of_role(*role).to_owned());
                let roles = ROLES.iter().map(role).collect();
                let is_chosen = form.text("stage") == "yes";
                let tick = Tick { value: "yes".to_owned(), text: words.stage_yes.to_owned(), is_chosen };
                asking
                    .field(Field::new("role", words.which, Kind::Choice(roles)).value(form.text("role")))
                    .field(Field::new("stage", words.stage, Kind::Boxes(vec![tick])))
                    .html(mistakes)
            }
            KeyAct::Retire(_) => asking.grave().html(mistakes),
            KeyAct::Revoke(_) => {
                let modes = vec![
                    (RevocationMode::All.as_str().to_owned(), words.mode_all.to_owned()),
                    (RevocationMode::After.as_str().to_owned(), words.mode_after.to_owned()),
                ];
                let at = Field::new("at", words.at, Kind::Line(TIME_CHARS_MAX));
                asking
                    .grave()
                    .field(Field::new("mode", words.mode, Kind::Choice(modes)).value(form.text("mode")))
                    .field(at.value(form.text("at")).hint(words.at_hint))
                    .html(mistakes)
            }
        }
    }
}
