//! When tokens were last used: noted in memory while requests are answered, written down later, at most once an hour for
//! each. What is lost when a process dies, or when the store takes nothing, is the hour and never the token.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{Commit, Urgency, Versioned, find_all};
use super::record::RecordKey;
use crate::domain::{ApiToken, Instant, TokenDigest, TokenUse};

/// How coarsely the last use is known.
const STEP: TimeDelta = TimeDelta::hours(1);
/// Most tokens that are noted at a time; of more, some are known less exactly.
const TOKENS_MAX: usize = 10_000;

/// Tokens that were used in this process.
#[derive(Debug, Default)]
pub(super) struct TokenUses(Mutex<HashMap<TokenDigest, Noted>>);

#[derive(Debug, Clone, Copy)]
struct Noted {
    last: Instant,
    /// What is stored, as far as this process knows.
    written: Option<Instant>,
}

impl Noted {
    fn is_due(&self) -> bool {
        self.written.is_none_or(|written| self.last - written >= STEP)
    }
}

impl TokenUses {
    /// A token was used. No more than a look into memory.
    pub(super) fn note(&self, token: &TokenDigest, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= TOKENS_MAX && !all.contains_key(token) {
            all.retain(|_, noted| noted.is_due());
        }
        if all.len() < TOKENS_MAX || all.contains_key(token) {
            all.entry(*token).or_insert(Noted { last: now, written: None }).last = now;
        }
    }

    fn due(&self) -> Vec<(TokenDigest, Instant)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|(_, noted)| noted.is_due()).map(|(token, noted)| (*token, noted.last)).collect()
    }

    fn written(&self, token: &TokenDigest, at: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(noted) = all.get_mut(token) {
            noted.written = noted.written.max(Some(at));
        }
    }

    fn last(&self, token: &TokenDigest) -> Option<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).map(|noted| noted.last)
    }
}

impl App {
    /// Writes down which tokens were used, unless that was done within the hour, here or by another process.
    pub async fn flush_token_uses(&self) -> Result<(), UseCaseError> {
        let due = self.token_uses.due();
        let keys: Vec<_> = due.iter().map(|(token, _)| RecordKey::TokenUse(*token)).collect();
        let stored: Vec<Option<Versioned<TokenUse>>> = find_all(self.store.as_ref(), &keys).await?;
        let mut uses = Vec::new();
        for ((token, last), stored) in due.into_iter().zip(stored) {
            let before = stored.map(|stored| stored.value.last_used_at);
            match before {
                Some(before) if last - before < STEP => self.token_uses.written(&token, before),
                Some(_) | None => uses.push(TokenUse { token, last_used_at: last }),
            }
        }
        for some in uses.chunks(500) {
            let commit = Commit::new().with_urgency(Urgency::Grow).set_all(some.to_vec());
            self.store.commit(commit).await?;
            some.iter().for_each(|done| self.token_uses.written(&done.token, done.last_used_at));
        }
        Ok(())
    }

    /// When each of these tokens was last used, as far as that is known here.
    pub async fn last_uses(&self, tokens: &[ApiToken]) -> Result<Vec<Option<Instant>>, UseCaseError> {
        let keys: Vec<_> = tokens.iter().map(|token| RecordKey::TokenUse(token.digest)).collect();
        let stored: Vec<Option<Versioned<TokenUse>>> = find_all(self.store.as_ref(), &keys).await?;
        let newer = |(token, stored): (&ApiToken, Option<Versioned<TokenUse>>)| {
            stored.map(|stored| stored.value.last_used_at).max(self.token_uses.last(&token.digest))
        };
        Ok(tokens.iter().zip(stored).map(newer).collect())
    }
}
