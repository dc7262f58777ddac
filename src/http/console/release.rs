//! A machine's place is freed by hand: asked first.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::act_forms::{reason_field, reason_mistake, reason_of};
use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Form, Mistakes, summary};
use super::license::address_of;
use super::machines::machine_name;
use super::words::{Acts, Licenses};
use crate::application::PlaceFreedBy;
use crate::domain::{Activation, License, Scope};
use crate::http::error::ApiError;
use crate::http::form::Form as Typed;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

type Ids = PathOf<(String, String)>;

/// `GET /console/licenses/{id}/machines/{activation}/release`
pub async fn ask(State(state): State<HttpState>, PathOf((id, machine)): Ids, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Support, async |desk| {
        let license = desk.license(&id).await?.value;
        let machine = desk.machine(&license, &machine).await?;
        Ok(desk.release_page(StatusCode::OK, &license, &machine, (&Typed::default(), &Vec::new())))
    })
    .await
}

/// `POST /console/licenses/{id}/machines/{activation}/release`
pub async fn release(
    State(state): State<HttpState>,
    PathOf((id, machine)): Ids,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Support, async |desk, form| {
        let license = desk.license(&id).await?.value;
        let machine = desk.machine(&license, &machine).await?;
        let reason = reason_of(form);
        if let Some(mistake) = reason_mistake(&reason, Acts::of(desk.language())) {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(desk.release_page(status, &license, &machine, (form, &vec![mistake])));
        }
        let reason = Some(reason).filter(|reason| !reason.is_empty());
        let by = PlaceFreedBy::Merchant { actor: desk.caller.actor(), reason };
        match desk.state.app.release_place(desk.id(), &license.id, &machine.id, &by).await {
            Ok(()) => Ok(go_to(&format!("{}?done=release", address_of(&license.id)))),
            Err(error) => {
                let error = ApiError::from(error);
                let mistakes: Mistakes = vec![("", desk.reason(&error))];
                Ok(desk.release_page(error.status(), &license, &machine, (form, &mistakes)))
            }
        }
    })
    .await
}

impl Desk {
    async fn machine(&self, license: &License, id: &str) -> Result<Activation, ApiError> {
        let all = self.state.app.activations(self.id(), &license.id).await?;
        let found = all.into_iter().find(|one| one.id.as_str() == id);
        found.ok_or_else(|| ApiError::not_found("activation"))
    }

    fn release_page(
        &self,
        status: StatusCode,
        license: &License,
        machine: &Activation,
        (typed, mistakes): (&Typed, &Mistakes),
    ) -> Response {
        let (words, licenses) = (Acts::of(self.language()), Licenses::of(self.language()));
        let up = address_of(&license.id);
        let above = format!("{} {}", licenses.license, license.id);
        let action = format!("{up}/machines/{}/release", machine.id);
        let mut rows = vec![
            (licenses.machine, machine_name(machine, licenses)),
            (licenses.activated, self.reader.time(machine.created_at)),
        ];
        let lease = machine.lease().ok();
        rows.extend(lease.map(|lease| (licenses.asks_at, self.reader.time(lease.renew_after))));
        let end = lease.and_then(|lease| lease.validity.ends_at);
        rows.extend(end.map(|end| (licenses.lease_ends, self.reader.time(end))));
        let (csrf, value) = self.csrf();
        let form = Form::new(&action, words.release)
            .hidden(csrf, value)
            .field(reason_field(typed, words))
            .cancel(&up, self.words().cancel);
        let body = Html::all([
            summary(self.words().refused_title, mistakes),
            blocks::facts(rows),
            blocks::warning(words.release_follows),
            form.grave().html(mistakes),
        ]);
        self.page(status, words.release_title, Some((&up, &above)), body)
    }
}
