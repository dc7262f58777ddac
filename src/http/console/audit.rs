//! The audit log: the merchant's chain of events, newest first, and how far it is sealed.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use super::blocks::{self, Html};
use super::desk::{Desk, with_desk};
use super::license::address_of;
use super::query::{Asked, address};
use super::words::{Audit, Events, what_happened};
use crate::domain::{AuditEvent, STANDING_DETAIL, Scope, Subject};
use crate::http::state::HttpState;

const PATH: &str = "/console/audit";
const SHOWN: usize = 50;

/// `GET /console/audit`
pub async fn show(State(state): State<HttpState>, parts: Parts) -> Response {
    let asked = Asked::of(&parts.uri);
    with_desk(&state, &parts, Scope::Read, async |desk| {
        let words = Audit::of(desk.language());
        let stand = desk.state.app.audit_stand(desk.id()).await?;
        let last = stand.head.as_ref().map_or(0, |head| head.seq);
        let through = asked.text("through").parse().unwrap_or(last).min(last);
        let after = through.saturating_sub(SHOWN as u64);
        let limit = usize::try_from(through - after).unwrap_or(SHOWN);
        let events = desk.state.app.sealed_events(desk.id(), after, limit).await?;
        let rows = events
            .iter()
            .rev()
            .filter(|(seq, _)| *seq <= through)
            .map(|(seq, event)| desk.audit_row(*seq, event));
        let columns = [words.number, words.at, words.what, words.about, words.who, words.facts];
        let table = blocks::table(words.table, &columns, rows.collect(), words.none);
        let mut facts = vec![
            (words.sealed, blocks::text(desk.reader.number(last))),
            (words.unsealed, blocks::text(desk.reader.number(stand.unsealed))),
        ];
        facts.extend(stand.unsealed_since.map(|since| (words.since, desk.reader.time(since))));
        let mut body = Html::all([blocks::paragraph(words.hint), blocks::facts(facts), table]);
        if after > 0 {
            let more = address(PATH, &[("through", &after.to_string())]);
            body = body.then(blocks::row([blocks::button_link(more, desk.words().more, "")]));
        }
        Ok(desk.page(StatusCode::OK, words.title, None, body))
    })
    .await
}

impl Desk {
    fn audit_row(&self, seq: u64, event: &AuditEvent) -> Vec<Html> {
        let words = Events::of(self.language());
        let about = match &event.subject {
            Subject::License(license) => blocks::link_code(address_of(license), license),
            Subject::Other(..) => blocks::code(&event.subject),
        };
        let said =
            event.detail.iter().filter(|(name, value)| !value.is_empty() && name.as_str() != STANDING_DETAIL);
        let facts = said.map(|(name, value)| match words.fact(name) {
            Some(word) => blocks::text(format!("{word}: ")).then(self.fact_value(name, value, words)),
            None => blocks::code(format!("{name}: {value}")),
        });
        let facts: Vec<_> = facts.collect();
        vec![
            blocks::number(self.reader.number(seq)),
            self.reader.time(event.at),
            blocks::text(what_happened(event.kind, self.language())),
            about,
            blocks::text(words.actor(&event.actor, self.language())),
            if facts.is_empty() { blocks::text("–") } else { blocks::list(facts) },
        ]
    }
}
