//! What happened, as a timeline in words.

use chrono::DateTime;

use super::blocks::{self, Entry, Html};
use super::desk::Desk;
use super::words::{Events, Licenses, what_happened};
use crate::domain::{AuditEvent, LicenseId};
use crate::http::error::ApiError;

impl Desk {
    /// Everything that happened to a license, newest first.
    pub async fn history_section(&self, id: &LicenseId, words: &Licenses) -> Result<Html, ApiError> {
        let told = self.state.app.explain_license(self.id(), id, self.state.app.now()).await?;
        let mut body = self.events(&told.events, words.history_none);
        if told.events_left_off > 0 {
            body = body.then(blocks::empty(words.history_older));
        }
        Ok(blocks::section("history", words.history, body))
    }

    /// Events, oldest first as given and newest first as shown.
    pub fn events(&self, events: &[AuditEvent], empty: &str) -> Html {
        blocks::timeline(events.iter().rev().map(|event| self.entry(event)).collect(), empty)
    }

    fn entry(&self, event: &AuditEvent) -> Entry {
        let words = Events::of(self.language());
        let said = event.detail.iter().filter(|(_, value)| !value.is_empty());
        let detail = |(name, value): (&String, &String)| {
            Some((words.fact(name)?.to_owned(), self.fact_value(name, value, words)))
        };
        Entry {
            title: what_happened(event.kind, self.language()).to_owned(),
            when: self.reader.time(event.at),
            who: words.actor(&event.actor, self.language()),
            details: said.filter_map(detail).collect(),
        }
    }

    /// Instants as this reader writes them; anything else as it is.
    pub fn fact_value(&self, name: &str, value: &str, words: &Events) -> Html {
        let is_time = name.contains("_at") || matches!(name, "from" | "to" | "bought_end");
        let at = DateTime::parse_from_rfc3339(value).ok().filter(|_| is_time);
        match at {
            Some(at) => self.reader.time(at.to_utc()),
            None if value == "never" && is_time => blocks::text(words.never),
            None => blocks::text(value),
        }
    }
}
