//! The machines of a license, on its page.

use super::blocks::{self, Html};
use super::desk::Desk;
use super::license::address_of;
use super::words::{Licenses, places};
use crate::domain::{Activation, ActivationState, License, MachineLimit, PLACES_MAX, Scope};
use crate::http::error::ApiError;

/// Machines that have no place any more and are shown; the newest.
const ENDED_SHOWN: usize = 50;

impl Desk {
    /// Those that hold a place, then those that did.
    pub async fn machine_section(
        &self,
        license: &License,
        words: &'static Licenses,
    ) -> Result<Html, ApiError> {
        let all = self.state.app.activations(self.id(), &license.id).await?;
        let (held, mut ended): (Vec<_>, Vec<_>) =
            all.iter().partition(|one| matches!(one.state, ActivationState::Held(_)));
        let limit = match license.sold.machines {
            MachineLimit::AtMost(limit) => Some(limit.min(PLACES_MAX)),
            MachineLimit::Unlimited => None,
        };
        ended.reverse();
        ended.truncate(ENDED_SHOWN);
        let taken = blocks::paragraph(places(held.len(), limit, self.language()));
        let columns =
            [words.machine, words.activated_and_heard, words.asks_at, words.lease_ends, words.release];
        let columns = if self.may(Scope::Support) { &columns[..] } else { &columns[..4] };
        let rows = held.iter().map(|one| self.held_row(one, words)).collect();
        let mut body = taken.then(blocks::table(words.machines, columns, rows, words.machines_none));
        if !ended.is_empty() {
            let columns = [words.machine, words.activated, words.ended, words.reason];
            let rows = ended.iter().map(|one| self.ended_row(one, words)).collect();
            body = body.then(blocks::table(words.ended, &columns, rows, ""));
        }
        Ok(blocks::section("machines", words.machines, body))
    }

    fn held_row(&self, activation: &Activation, words: &'static Licenses) -> Vec<Html> {
        let lease = activation.lease().ok();
        let shown =
            |at: Option<crate::domain::Instant>| at.map_or_else(Html::default, |at| self.reader.time(at));
        let lease_end = lease.map(|lease| match lease.validity.ends_at {
            Some(end) => self.reader.time(end),
            None => blocks::text(words.permanent),
        });
        let mut row = vec![
            machine_name(activation, words),
            blocks::lines([
                self.reader.time(activation.created_at),
                shown(lease.map(|lease| lease.validity.starts_at)),
            ]),
            shown(lease.map(|lease| lease.renew_after)),
            lease_end.unwrap_or_default(),
        ];
        if self.may(Scope::Support) {
            let href = format!("{}/machines/{}/release", address_of(&activation.license), activation.id);
            row.push(blocks::link(href, format!("{} {}", words.release, short_name(activation, words))));
        }
        row
    }

    fn ended_row(&self, activation: &Activation, words: &'static Licenses) -> Vec<Html> {
        let (at, cause) = match &activation.state {
            ActivationState::Held(_) => (Html::default(), ""),
            ActivationState::Ended { at, cause } => (self.reader.time(*at), words.end_cause(*cause)),
        };
        vec![
            machine_name(activation, words),
            self.reader.time(activation.created_at),
            at,
            blocks::text(cause),
        ]
    }
}

/// What its holder calls it, and its id.
pub fn machine_name(activation: &Activation, words: &'static Licenses) -> Html {
    blocks::text(short_name(activation, words)).then(blocks::code(&activation.id))
}

pub fn short_name<'a>(activation: &'a Activation, words: &'static Licenses) -> &'a str {
    if activation.name.is_empty() { words.unnamed } else { &activation.name }
}
