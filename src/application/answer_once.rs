//! A request that is sent again under its idempotency key is answered alike, and done once.
//!
//! What changes a license remembers its key in the commit of the change ([`super::merchant_commands`]); this is what stands
//! before every request, keeps the whole answer, and holds back the second of two that come at once.

use std::time::Duration;

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::merchant_commands::{IDEMPOTENCY_DAYS, IdempotencyIdentity};
use super::ports::{Change, Commit, StoreError, Urgency, Versioned, find};
use super::record::{Record, RecordKey};
use crate::domain::{AnswerState, Instant, KeptAnswer, MerchantId, Refusal};

/// How long beyond its time limit a request that is being answered holds back another one under its key, in seconds.
const WORK_MARGIN_SECS: i64 = 5;

/// What is known of a request before it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is the first, and everybody else waits for its answer.
    First,
    /// It is being answered at this moment.
    Elsewhere,
    /// It was answered so.
    Answered(Vec<u8>),
}

impl App {
    /// Begins to answer a request under a key; refuses another request under it. With a `time_limit` others wait for its
    /// answer so long, and a little longer; without one nobody waits, and what is decided must know the key by itself.
    pub async fn begin_answer(
        &self,
        owner: Option<&MerchantId>,
        identity: IdempotencyIdentity,
        time_limit: Option<Duration>,
    ) -> Result<Begun, UseCaseError> {
        let now = self.now();
        let key = RecordKey::KeptAnswer(owner.cloned(), identity.key_digest);
        let found: Option<Versioned<KeptAnswer>> = find(self.store.as_ref(), key).await?;
        match found.map(|found| found.value).filter(|known| now < known.until) {
            Some(known) if known.request_digest != identity.request_digest => {
                return Err(Refusal::IdempotencyConflict.into());
            }
            Some(KeptAnswer { state: AnswerState::Answered { sealed }, .. }) => {
                return Ok(Begun::Answered(sealed));
            }
            // Whoever was at it is no more: nobody else has this store.
            Some(KeptAnswer { state: AnswerState::Working { by }, .. })
                if self.alone && by != self.process() =>
            {
                let limit = time_limit.unwrap_or_default();
                let begun = Self::kept(owner, identity, self.answered_by(limit), self.at_it());
                self.store.commit(Commit::new().with_urgency(Urgency::Essential).set(begun)).await?;
                return Ok(Begun::First);
            }
            Some(KeptAnswer { state: AnswerState::Working { .. }, .. }) => return Ok(Begun::Elsewhere),
            None => {}
        }
        let Some(time_limit) = time_limit else { return Ok(Begun::First) };
        let begun = Self::kept(owner, identity, self.answered_by(time_limit), self.at_it());
        let commit = Commit::new().with_urgency(Urgency::Essential);
        let commit = commit.with(Change::Claim(Record::KeptAnswer(begun), now));
        match self.store.commit(commit).await {
            Ok(_) => Ok(Begun::First),
            Err(StoreError::Conflict) => Ok(Begun::Elsewhere),
            Err(error) => Err(error.into()),
        }
    }

    fn at_it(&self) -> AnswerState {
        AnswerState::Working { by: self.process() }
    }

    fn answered_by(&self, time_limit: Duration) -> Instant {
        let time_limit = TimeDelta::from_std(time_limit).unwrap_or(TimeDelta::hours(1));
        self.now() + time_limit + TimeDelta::seconds(WORK_MARGIN_SECS)
    }

    /// Keeps the answer of a request that was begun here.
    pub async fn keep_answer(
        &self,
        owner: Option<&MerchantId>,
        identity: IdempotencyIdentity,
        sealed: Vec<u8>,
    ) -> Result<(), UseCaseError> {
        let until = self.now() + TimeDelta::days(IDEMPOTENCY_DAYS);
        let answer = Self::kept(owner, identity, until, AnswerState::Answered { sealed });
        self.store.commit(Commit::new().with_urgency(Urgency::Essential).set(answer)).await?;
        Ok(())
    }

    /// For the commit of what is done under a key, where nobody asks for the answer again: [`Begun::Answered`] from then on,
    /// and a conflict for whoever does it at the same time.
    pub(super) fn done_under(&self, owner: Option<&MerchantId>, identity: IdempotencyIdentity) -> Change {
        let now = self.now();
        let answered = AnswerState::Answered { sealed: Vec::new() };
        let done = Self::kept(owner, identity, now + TimeDelta::days(IDEMPOTENCY_DAYS), answered);
        Change::Claim(Record::KeptAnswer(done), now)
    }

    /// Lets a request that was begun here be done again: it was refused, or nobody keeps its answer.
    pub async fn drop_answer(
        &self,
        owner: Option<&MerchantId>,
        identity: IdempotencyIdentity,
    ) -> Result<(), UseCaseError> {
        let key = RecordKey::KeptAnswer(owner.cloned(), identity.key_digest);
        let commit = Commit::new().with_urgency(Urgency::Essential).with(Change::Remove(key));
        self.store.commit(commit).await?;
        Ok(())
    }

    fn kept(
        owner: Option<&MerchantId>,
        identity: IdempotencyIdentity,
        until: Instant,
        state: AnswerState,
    ) -> KeptAnswer {
        let IdempotencyIdentity { key_digest, request_digest } = identity;
        KeptAnswer { owner: owner.cloned(), key_digest, request_digest, until, state }
    }
}
