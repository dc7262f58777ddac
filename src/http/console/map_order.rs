//! A held order is given a spec: what would be minted is shown first.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, go_to, with_desk, with_form};
use super::forms::{Field, Form as Asking, Kind, Mistakes, summary};
use super::orders::order_address;
use super::query::address;
use super::words::Orders;
use crate::application::ports::ABSENT;
use crate::application::{MapOrder, MappingPreview, OrderState, OrderView};
use crate::domain::{MachineLimit, Refusal, Scope, SpecId};
use crate::http::error::ApiError;
use crate::http::form::Form;
use crate::http::path::PathOf;
use crate::http::state::HttpState;

/// `GET /console/orders/{order}/map`
pub async fn ask(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Response {
    with_desk(&state, &parts, Scope::Catalog, async |desk| {
        let view = desk.state.app.view_order(desk.id(), &id).await?;
        desk.map_page(StatusCode::OK, &view, ("", None), &Vec::new()).await
    })
    .await
}

/// `POST /console/orders/{order}/map`: what was shown is done, anything else is shown.
pub async fn map(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Response {
    with_form(&state, &parts, body, Scope::Catalog, async |desk, form| {
        let view = desk.state.app.view_order(desk.id(), &id).await?;
        match desk.mapped(&view, &id, form).await? {
            Ok(response) => Ok(response),
            Err((status, told)) => {
                desk.map_page(status, &view, (form.text("spec"), None), &vec![("spec", told)]).await
            }
        }
    })
    .await
}

impl Desk {
    async fn mapped(
        &self,
        view: &OrderView,
        order: &str,
        form: &Form,
    ) -> Result<Result<Response, (StatusCode, String)>, ApiError> {
        let words = Orders::of(self.language());
        let Ok(spec) = SpecId::parse(form.text("spec")) else {
            return Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, words.map_wrong.to_owned())));
        };
        let is_held = OrderState::of(&view.purchase.value) == OrderState::Held;
        let actor = self.caller.actor();
        let if_revision = Some(form.text("revision").parse().unwrap_or(ABSENT));
        let meant = MapOrder { merchant: self.id(), order, spec: &spec, actor: &actor, if_revision };
        let outcome = if form.text("seen") == spec.as_str() {
            self.state.app.map_order(&meant).await.map(|_mapped| None)
        } else {
            self.state.app.preview_mapping(&meant).await.map(Some)
        };
        match outcome.map_err(ApiError::from) {
            Ok(None) => Ok(Ok(go_to(&address(&order_address(view), &[("done", "map")])))),
            Ok(Some(preview)) => {
                let shown = (spec.as_str(), Some(&preview));
                self.map_page(StatusCode::OK, view, shown, &Vec::new()).await.map(Ok)
            }
            Err(ApiError::Refused(Refusal::RevisionConflict { .. })) => {
                // Sent twice, it is what was meant.
                if !is_held && self.state.app.preview_mapping(&meant).await.is_ok() {
                    return Ok(Ok(go_to(&address(&order_address(view), &[("done", "map")]))));
                }
                self.order_changed(order).await.map(Ok)
            }
            Err(error @ ApiError::Refused(_)) => Ok(Err((error.status(), self.reason(&error)))),
            Err(error) => Err(error),
        }
    }

    /// The order as it stands now, and that nothing was done.
    async fn order_changed(&self, order: &str) -> Result<Response, ApiError> {
        let words = Orders::of(self.language());
        let view = self.state.app.view_order(self.id(), order).await?;
        let told = summary(self.words().refused_title, &vec![("", words.changed.to_owned())]);
        let body = Html::all([told, self.order_facts(&view, words), self.order_acts(&view, words)]);
        Ok(self.order_page(StatusCode::PRECONDITION_FAILED, &view, body))
    }

    async fn map_page(
        &self,
        status: StatusCode,
        view: &OrderView,
        (chosen, preview): (&str, Option<&MappingPreview>),
        mistakes: &Mistakes,
    ) -> Result<Response, ApiError> {
        let words = Orders::of(self.language());
        let tag = self.language().tag();
        let up = order_address(view);
        let specs = self.specs().await?;
        let sold = view.channel.as_ref().map(|channel| channel.products.as_slice()).unwrap_or_default();
        let is_suggested = |id: &SpecId| view.suggestions.iter().any(|suggested| suggested.spec == *id);
        let mut specs: Vec<_> = specs.iter().filter(|spec| sold.contains(&spec.product)).collect();
        specs.sort_by_key(|spec| !is_suggested(&spec.id));
        let options = specs.iter().map(|spec| {
            let note = if is_suggested(&spec.id) { format!(" ({})", words.suggested) } else { String::new() };
            (spec.id.to_string(), format!("{} · {}{note}", spec.name.for_locale(tag), spec.id))
        });
        let action = format!("{up}/map");
        let (csrf, value) = self.csrf();
        let submit = if preview.is_some() { words.map } else { words.show_first };
        let form = Asking::new(&action, submit)
            .hidden(csrf, value)
            .hidden("revision", view.purchase.revision.to_string())
            .hidden("seen", preview.map(|_| chosen).unwrap_or_default())
            .field(Field::new("spec", words.spec, Kind::Choice(options.collect())).value(chosen))
            .cancel(&up, self.words().cancel)
            .html(mistakes);
        let body = Html::all([
            summary(self.words().refused_title, mistakes),
            self.order_facts(view, words),
            preview.map(|preview| self.minted(preview, words)).unwrap_or_default(),
            form,
        ]);
        let title = words.map_title;
        Ok(self.page(status, title, Some((&up, words.order)), body))
    }

    fn minted(&self, preview: &MappingPreview, words: &'static Orders) -> Html {
        let sold = &preview.sold;
        let count = self.reader.number(preview.orders);
        let count = if preview.has_more { format!("{count} {}", words.or_more) } else { count };
        let mut rows = vec![
            (words.spec, blocks::code(&sold.spec)),
            (words.term, blocks::text(sold.term)),
            (
                words.machines,
                match sold.machines {
                    MachineLimit::AtMost(limit) => blocks::text(self.reader.number(limit)),
                    MachineLimit::Unlimited => blocks::text(words.unlimited),
                },
            ),
        ];
        if !sold.entitlements.is_empty() {
            rows.push((words.entitlements, blocks::text(sold.entitlements.join(", "))));
        }
        rows.extend(sold.quota.iter().map(|package| {
            let template = &package.template;
            let amount = self.reader.number(template.amount);
            (words.quota, blocks::text(format!("{amount} {} ({})", template.unit, template.metric)))
        }));
        rows.push((words.orders_meant, blocks::text(count)));
        let body = blocks::facts(rows).then(blocks::paragraph(words.remembered));
        blocks::section("minted", words.minted_then, body)
    }
}
