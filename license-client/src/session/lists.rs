//! Status lists that are fetched and kept.

use super::{LIST_REST_MAX_SECS, LIST_TTL_SECS, Session};
use crate::server::{Failure, Server};
use crate::state::StoredList;
use crate::{held, keyset};

impl Session<'_> {
    /// Fetches the lists that are due, or all of them.
    pub fn fetch_lists(&mut self, even_if_fresh: bool) {
        for address in self.held.list_addresses() {
            let Some(server) = self.server_of_list(&address) else { continue };
            let mut stored = self.state.lists.get(&address).cloned().unwrap_or_default();
            if keyset::is_withdrawn(self.config, &stored.text) {
                // What a stolen key may have said of numbers and times binds nobody.
                stored = StoredList::default();
            }
            let age = self.now.saturating_sub(stored.asked_at);
            let rest = self.list_ttl(&address).min(LIST_REST_MAX_SECS);
            if !even_if_fresh && (0..rest).contains(&age) {
                continue;
            }
            match server.status_list(&address, stored.etag.as_deref()) {
                Ok(Some(published)) => self.take_list(&address, stored, &published.text, published.etag),
                Ok(None) => self.keep_list(address, stored),
                // What is kept goes on to count.
                Err(Failure::Refused(_)) => {
                    self.answered();
                    self.is_list_gone = true;
                }
                Err(Failure::Unreachable) => {
                    self.failed();
                    break;
                }
            }
        }
        self.refresh();
    }

    /// Lists may lie elsewhere: a license server that does not answer says nothing about them.
    pub(super) fn server_of_list(&self, address: &str) -> Option<Server> {
        let own = self.config.server.as_deref().unwrap_or_default();
        let is_elsewhere = !address.starts_with(own);
        self.server().or_else(|| Server::of(self.config).filter(|_server| is_elsewhere))
    }

    /// The server knows nothing of a list that a signed text names: it has lost what it gave out since its last
    /// backup. A renewal brings texts that stand on lists that are there.
    pub fn is_list_gone(&self) -> bool {
        self.is_list_gone
    }

    pub(super) fn list_ttl(&self, address: &str) -> i64 {
        let lists = self.held.known_lists();
        let claims = lists.iter().map(|known| known.list.claims()).find(|claims| claims.sub == address);
        claims.and_then(|claims| claims.ttl).unwrap_or(LIST_TTL_SECS)
    }

    /// Forwards only: an older list is a rollback, the same number with other bytes an equivocation; both leave
    /// what is kept as it is.
    pub(super) fn take_list(&mut self, address: &str, stored: StoredList, text: &str, etag: Option<String>) {
        let Ok(list) = held::genuine_list(self.config, text) else { return self.failed() };
        let claims = list.claims();
        let goes_back = claims.seq < stored.seq || claims.iat < stored.iat;
        let equivocates = claims.seq == stored.seq && !stored.text.is_empty() && stored.text != text;
        if claims.sub != address || goes_back || equivocates {
            return self.failed();
        }
        self.answered();
        let fresh =
            StoredList { text: text.to_owned(), seq: claims.seq, iat: claims.iat, etag, asked_at: self.now };
        self.state.lists.insert(address.to_owned(), fresh);
    }

    pub(super) fn keep_list(&mut self, address: String, stored: StoredList) {
        self.answered();
        self.state.lists.insert(address, StoredList { asked_at: self.now, ..stored });
    }
}
