//! What is done to a license: asked first on a page of its own, done once, and only to what was seen.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use sha2::{Digest as _, Sha256};

use super::act_forms::{read, reason_of, usual};
use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Mistakes, summary};
use super::license::{address_of, license_id};
use super::words::{Acts, Licenses};
use crate::application::ports::{ABSENT, Versioned};
use crate::application::{LicenseAction, LicenseOrPurchase, MerchantCommand};
use crate::domain::{License, LicenseEnd, Refusal, Scope, StartEvent};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::reply::hex;
use crate::http::state::HttpState;

/// The field that says which consequences were shown.
pub const SEEN: &str = "seen";
/// Bytes of the digest that stands for them.
const SEEN_BYTES: usize = 12;

/// What can be done, in the order in which it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Suspend,
    Revoke,
    Resume,
    Reissue,
    Extend,
    Change,
    Accept,
}

impl Act {
    const ALL: [Self; 7] =
        [Self::Suspend, Self::Revoke, Self::Resume, Self::Reissue, Self::Extend, Self::Change, Self::Accept];

    /// The last part of its address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Revoke => "revoke",
            Self::Resume => "resume",
            Self::Reissue => "reissue",
            Self::Extend => "extend",
            Self::Change => "change",
            Self::Accept => "accept",
        }
    }

    /// As the merchant API asks for it.
    pub fn scope(self) -> Scope {
        match self {
            Self::Suspend | Self::Resume | Self::Reissue | Self::Extend => Scope::Support,
            Self::Revoke => Scope::Revoke,
            Self::Change | Self::Accept => Scope::Issue,
        }
    }

    /// What is offered for a license as it stands; whether it can be done, the rules say when it is asked.
    pub fn offered(license: &License) -> Vec<Self> {
        let runs = license.end == LicenseEnd::Running;
        let is_held = license.holds.merchant.is_some();
        let is_possible = |act: &Self| match act {
            Self::Suspend => runs && !is_held,
            Self::Revoke => !matches!(license.end, LicenseEnd::Revoked { .. }),
            Self::Resume => runs && !license.holds.is_empty(),
            Self::Reissue => runs && license.awaits().is_none(),
            Self::Extend => license.check_extendable().is_ok(),
            Self::Change => runs && license.attachment.is_none(),
            Self::Accept => runs && license.awaits() == Some(StartEvent::Acceptance),
        };
        Self::ALL.into_iter().filter(is_possible).collect()
    }

    /// On its button.
    pub fn word(self, words: &'static Acts) -> &'static str {
        match self {
            Self::Suspend => words.suspend,
            Self::Revoke => words.revoke,
            Self::Resume => words.resume,
            Self::Reissue => words.reissue,
            Self::Extend => words.extend,
            Self::Change => words.change,
            Self::Accept => words.accept,
        }
    }

    /// The question.
    fn title(self, words: &'static Acts) -> &'static str {
        match self {
            Self::Suspend => words.suspend_title,
            Self::Revoke => words.revoke_title,
            Self::Resume => words.resume_title,
            Self::Reissue => words.reissue_title,
            Self::Extend => words.extend_title,
            Self::Change => words.change_title,
            Self::Accept => words.accept_title,
        }
    }

    /// What follows, for any license.
    pub fn follows(self, words: &'static Acts) -> &'static str {
        match self {
            Self::Suspend => words.suspend_follows,
            Self::Revoke => words.revoke_follows,
            Self::Resume => words.resume_follows,
            Self::Reissue => words.reissue_follows,
            Self::Extend => words.extend_follows,
            Self::Change => words.change_follows,
            Self::Accept => words.accept_follows,
        }
    }

    /// What the page of the license says once it was done.
    pub fn done_word(name: &str, words: &'static Acts) -> Option<&'static str> {
        Some(match name {
            "suspend" => words.suspend_done,
            "revoke" => words.revoke_done,
            "resume" => words.resume_done,
            "resume-left" => words.resume_left,
            "reissue" => words.reissue_done,
            "extend" => words.extend_done,
            "change" => words.change_done,
            "accept" => words.accept_done,
            "release" => words.release_done,
            _ => return None,
        })
    }
}

/// Both of an act's address.
pub fn route(act: Act) -> MethodRouter<HttpState> {
    get(move |state: State<HttpState>, id: PathOf<String>, parts: Parts| ask(act, state, id, parts)).post(
        move |state: State<HttpState>, id: PathOf<String>, parts: Parts, body: Bytes| {
            take(act, state, id, parts, body)
        },
    )
}

/// `GET /console/licenses/{id}/{act}`: asks.
async fn ask(act: Act, State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    with_desk(&state, &parts, act.scope(), async |desk| {
        let license = desk.license(&id).await?;
        let form = Form::default();
        let asked = Asked { act, license: &license, form: &form, action: usual(act) };
        desk.asking_page(StatusCode::OK, &asked, Html::default(), &Vec::new()).await
    })
    .await
}

async fn take(
    act: Act,
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, act.scope(), async |desk, form| {
        let license = desk.license(&id).await?;
        let action = match read(desk, act, &license.value, form) {
            Ok(action) => action,
            Err(mistakes) => {
                let asked = Asked { act, license: &license, form, action: None };
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return desk.asking_page(status, &asked, Html::default(), &mistakes).await;
            }
        };
        if form.text(SEEN) != seen(&action) {
            let told = blocks::warning(Acts::of(desk.language()).shown_first);
            let asked = Asked { act, license: &license, form, action: Some(action) };
            return desk.asking_page(StatusCode::OK, &asked, told, &Vec::new()).await;
        }
        let command = MerchantCommand {
            merchant: desk.id().clone(),
            license: license.value.id.clone(),
            actor: desk.caller.actor(),
            reason: Some(reason_of(form)).filter(|reason| !reason.is_empty()),
            if_revision: Some(form.text("revision").parse().unwrap_or(ABSENT)),
            idempotency: Some(desk.identity(form)?),
        };
        match desk.state.app.command_license(&command, &action).await {
            Ok(done) => {
                let is_left = act == Act::Resume && !done.value.holds.is_empty();
                let done_word = if is_left { "resume-left" } else { act.as_str() };
                Ok(go_to(&format!("{}?done={done_word}", address_of(&done.value.id))))
            }
            Err(error) => desk.not_done(act, &id, (form, action), error.into()).await,
        }
    })
    .await
}

/// What is asked, of which license, with what was typed.
struct Asked<'a> {
    act: Act,
    license: &'a Versioned<License>,
    form: &'a Form,
    /// What exactly is meant, once that is said.
    action: Option<LicenseAction>,
}

/// Says which consequences were shown: nothing else is done.
fn seen(action: &LicenseAction) -> String {
    hex(&Sha256::digest(format!("{action:?}").as_bytes())[..SEEN_BYTES])
}

impl Desk {
    /// A license that is minted.
    pub async fn license(&self, id: &str) -> Result<Versioned<License>, ApiError> {
        match self.state.app.view_license(self.id(), &license_id(id)?).await? {
            LicenseOrPurchase::License(license) => Ok(*license),
            LicenseOrPurchase::Purchase(_) => Err(ApiError::not_found("license")),
        }
    }

    /// The question again, with what was typed, how the license stands now, and why it was not done.
    async fn not_done(
        &self,
        act: Act,
        id: &str,
        (form, action): (&Form, LicenseAction),
        error: ApiError,
    ) -> Result<Response, ApiError> {
        let words = Acts::of(self.language());
        let license = self.license(id).await?;
        let told = match &error {
            ApiError::Refused(Refusal::RevisionConflict { .. }) => words.changed.to_owned(),
            ApiError::Refused(Refusal::IdempotencyConflict) => words.used_before.to_owned(),
            ApiError::Refused(_) => self.reason(&error),
            _ => return Err(error),
        };
        let history = self.history_section(&license.value.id, Licenses::of(self.language())).await?;
        let asked = Asked { act, license: &license, form, action: Some(action) };
        self.asking_page(error.status(), &asked, history, &vec![("", told)]).await
    }

    /// What is, what would be, and the form that does it; `beside` stands below the facts.
    async fn asking_page(
        &self,
        status: StatusCode,
        asked: &Asked<'_>,
        beside: Html,
        mistakes: &Mistakes,
    ) -> Result<Response, ApiError> {
        let Asked { act, license, form, action } = asked;
        let words = Acts::of(self.language());
        let up = address_of(&license.value.id);
        let mut mistakes = mistakes.clone();
        let told = match action {
            Some(action) => match self.state.app.consequences(self.id(), &license.value.id, action).await {
                Ok(told) => Some(told),
                Err(error) => {
                    let error = ApiError::from(error);
                    if !matches!(error, ApiError::Refused(_)) {
                        return Err(error);
                    }
                    let told = self.reason(&error);
                    if !mistakes.iter().any(|(_, known)| *known == told) {
                        mistakes.push(("", told));
                    }
                    None
                }
            },
            None => None,
        };
        let (seen, revision) = match (&told, action) {
            (Some(told), Some(action)) => (seen(action), told.revision),
            _ => (String::new(), license.revision),
        };
        let follows = blocks::warning(act.follows(words));
        let follows = told.as_ref().map_or(follows.clone(), |told| follows.then(self.consequences(told)));
        let is_refused = action.is_some() && told.is_none() && usual(*act).is_some();
        let asking = if is_refused {
            blocks::row([blocks::button_link(&up, self.words().back, "")])
        } else {
            self.act_form(*act, (&license.value, revision, &seen), form, &mistakes).await?
        };
        let body = Html::all([
            summary(self.words().refused_title, &mistakes),
            self.license_facts(&license.value).await?,
            blocks::section("follows", words.follows, follows),
            asking,
            beside,
        ]);
        let above = format!("{} {}", Licenses::of(self.language()).license, license.value.id);
        Ok(self.page(status, act.title(words), Some((&up, &above)), body))
    }
}
