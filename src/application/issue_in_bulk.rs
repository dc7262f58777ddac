//! A merchant issues many licenses at once: each once, however often the request is sent.

use super::app::{App, UseCaseError, decided};
use super::issue_license::{IssueLicense, PreparedIssue};
use super::merchant_commands::IdempotencyIdentity;
use super::ports::{ABSENT, Commit, Urgency, Versioned, find_all};
use super::record::{Idempotency, RecordKey};
use crate::domain::{License, Refusal};

/// Most licenses of one request.
pub const BULK_MAX: usize = 1_000;
/// Licenses that are minted in one commit: with their events, codes and search terms they stay far within its bounds.
const CHUNK: usize = 25;

/// One license of many, and the identity by which it is issued once.
#[derive(Debug, Clone)]
pub struct BulkLine {
    /// What is to be issued; its own `idempotency` is not looked at.
    pub order: IssueLicense,
    /// The identity of this line of this request.
    pub identity: IdempotencyIdentity,
}

impl App {
    /// Issues all of them, in their order. Whoever is interrupted sends the same lines again: those that were issued are
    /// found by their identity. Each should have been checked ([`Self::check_issue`]): one that is refused stops those
    /// behind it.
    pub async fn issue_in_bulk(&self, lines: &[BulkLine]) -> Result<Vec<License>, UseCaseError> {
        let mut issued = Vec::with_capacity(lines.len());
        for chunk in lines.chunks(CHUNK) {
            issued.extend(decided!(self, self.try_issue_chunk(chunk))?);
        }
        Ok(issued)
    }

    async fn try_issue_chunk(&self, lines: &[BulkLine]) -> Result<Vec<License>, UseCaseError> {
        let now = self.now();
        let key =
            |line: &BulkLine| RecordKey::Idempotency(line.order.merchant.clone(), line.identity.key_digest);
        let keys: Vec<_> = lines.iter().map(key).collect();
        let known: Vec<Option<Versioned<Idempotency>>> = find_all(self.store.as_ref(), &keys).await?;
        let mut commit = Commit::new().with_urgency(Urgency::Grow);
        let mut issued = Vec::with_capacity(lines.len());
        for (line, known) in lines.iter().zip(known) {
            let BulkLine { order, identity } = line;
            match known.map(|known| known.value).filter(|known| now < known.until) {
                Some(known) if known.request_digest != identity.request_digest => {
                    return Err(Refusal::IdempotencyConflict.into());
                }
                Some(known) => {
                    issued.push(self.load_license(&order.merchant, &known.license).await?.value);
                    continue;
                }
                None => {}
            }
            let PreparedIssue { merchant, new, start, attachment } = self.prepare_issue(order, now).await?;
            let license = self.make_license(&merchant, new, (start, attachment), now).await?;
            for change in self.minted(&license, &order.actor, now).changes {
                commit = commit.with(change);
            }
            commit = commit.put(license.clone(), ABSENT);
            commit = self.with_idempotency(commit, &order.merchant, Some(*identity), &license.id, now);
            issued.push(license);
        }
        if !commit.changes.is_empty() {
            self.store.commit(commit).await?;
        }
        Ok(issued)
    }
}
