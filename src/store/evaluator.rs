//! Decides commits: the same pure code for every engine.

use std::collections::HashMap;
use std::sync::Arc;

use super::engine::{Batch, Effect, Position, Prior};
use super::error::CommitError;
use super::key::RecordKey;
use super::primitive::{CommitAnswer, CommitRequest, Primitive};
use super::record::{Record, Revision};

/// Evaluates the commits of one batch one after another, each over what the ones before it did.
///
/// Pure: reads the prior records it was given and nothing else. A refused commit leaves no trace,
/// not even a revision.
pub struct Evaluator {
    prior: Prior,
    /// What the commits made so far have left: the batch's overlay.
    overlay: HashMap<RecordKey, Option<Arc<Record>>>,
    revision: Revision,
    commits: Vec<Vec<Effect>>,
}

impl Evaluator {
    /// Starts a batch. `prior` must cover every key that its commits name.
    pub fn new(prior: Prior) -> Self {
        let revision = prior.position.revision;
        Self { prior, overlay: HashMap::new(), revision, commits: Vec::new() }
    }

    /// Makes one commit, or refuses it whole, naming the key.
    pub fn evaluate(&mut self, request: CommitRequest) -> Result<CommitAnswer, CommitError> {
        let mut attempt = Attempt::over(self);
        for primitive in request.primitives {
            attempt.apply(primitive)?;
        }
        let Attempt { effects, answer, revision, .. } = attempt;
        self.revision = revision;
        for effect in &effects {
            self.overlay.insert(effect.key.clone(), effect.after.clone());
        }
        if !effects.is_empty() {
            self.commits.push(effects);
        }
        Ok(answer)
    }

    /// The batch to write; `None` when no commit had an effect.
    pub fn into_batch(self) -> Option<Batch> {
        if self.commits.is_empty() {
            return None;
        }
        let position = Position { batch: self.prior.position.batch + 1, revision: self.revision };
        Some(Batch { position, commits: self.commits })
    }

    fn current(&self, key: &RecordKey) -> Option<&Arc<Record>> {
        match self.overlay.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.prior.records.get(key),
        }
    }
}

/// One commit on its way: dropped when a primitive is refused.
struct Attempt<'a> {
    before: &'a Evaluator,
    effects: Vec<Effect>,
    answer: CommitAnswer,
    revision: Revision,
}

impl<'a> Attempt<'a> {
    fn over(before: &'a Evaluator) -> Self {
        Self { before, effects: Vec::new(), answer: CommitAnswer::default(), revision: before.revision }
    }

    fn apply(&mut self, primitive: Primitive) -> Result<(), CommitError> {
        match primitive {
            Primitive::Check { key, revision } => self.require(&key, revision)?,
            Primitive::Put { key, revision, schema, body, until_ms } => {
                self.require(&key, revision)?;
                self.refuse_counter(&key)?;
                self.write_answered(key, until_ms, schema, body);
            }
            Primitive::Delete { key, revision } => {
                self.require(&key, revision)?;
                self.remove(key);
            }
            Primitive::Claim { key, now_ms, until_ms, schema, body } => {
                self.require_claimable(&key, now_ms)?;
                self.write_answered(key, Some(until_ms), schema, body);
            }
            Primitive::Add { key, delta, min, max } => self.add(key, delta, min, max)?,
            Primitive::Index { key, schema, body, until_ms } => {
                self.refuse_counter(&key)?;
                let revision = self.next_revision();
                self.write(key, Record { revision, until_ms, schema, body });
            }
            Primitive::Unindex { key } => {
                // A counter at 0 is no different from one that was never added to.
                if self.current(&key).is_some_and(|record| record.counter() != Some(0)) {
                    self.refuse_counter(&key)?;
                }
                self.remove(key);
            }
        }
        Ok(())
    }

    fn require(&self, key: &RecordKey, revision: Revision) -> Result<(), CommitError> {
        let found = self.current(key).map_or(Revision::ABSENT, |record| record.revision);
        if found == revision { Ok(()) } else { Err(CommitError::Conflict { key: key.clone() }) }
    }

    fn require_claimable(&self, key: &RecordKey, now_ms: u64) -> Result<(), CommitError> {
        let Some(held) = self.current(key) else { return Ok(()) };
        match held.until_ms {
            Some(until_ms) if until_ms <= now_ms => Ok(()),
            Some(_) | None => Err(CommitError::Conflict { key: key.clone() }),
        }
    }

    fn refuse_counter(&self, key: &RecordKey) -> Result<(), CommitError> {
        match self.current(key).and_then(|record| record.counter()) {
            Some(_) => Err(CommitError::Invalid { what: format!("{key} is a counter") }),
            None => Ok(()),
        }
    }

    fn add(&mut self, key: RecordKey, delta: i64, min: i64, max: i64) -> Result<(), CommitError> {
        let value = match self.current(&key) {
            None => 0,
            Some(record) => record
                .counter()
                .ok_or_else(|| CommitError::Invalid { what: format!("{key} is no counter") })?,
        };
        let Some(sum) = value.checked_add(delta).filter(|sum| (min..=max).contains(sum)) else {
            return Err(CommitError::CounterBounds { key, value });
        };
        self.answer.counters.push(sum);
        let revision = self.next_revision();
        self.write(key, Record::of_counter(revision, sum));
        Ok(())
    }

    fn write_answered(&mut self, key: RecordKey, until_ms: Option<u64>, schema: u16, body: Vec<u8>) {
        let revision = self.next_revision();
        self.answer.revisions.push(revision);
        self.write(key, Record { revision, until_ms, schema, body });
    }

    fn write(&mut self, key: RecordKey, record: Record) {
        self.effects.push(Effect { key, after: Some(Arc::new(record)) });
    }

    fn remove(&mut self, key: RecordKey) {
        if self.current(&key).is_some() {
            self.effects.push(Effect { key, after: None });
        }
    }

    fn next_revision(&mut self) -> Revision {
        self.revision = Revision::from_number(self.revision.number() + 1);
        self.revision
    }

    fn current(&self, key: &RecordKey) -> Option<&Arc<Record>> {
        match self.effects.iter().rev().find(|effect| effect.key == *key) {
            Some(effect) => effect.after.as_ref(),
            None => self.before.current(key),
        }
    }
}

#[cfg(test)]
mod tests;
