//! When a license begins that does not begin with its purchase. Until then it has a claim code and no license key.

use super::License;
use crate::domain::spec::named;
use crate::domain::{Instant, Refusal, Starts, Term, TermError, Validity};

named!(
    /// What begins a license after its purchase.
    StartEvent {
        /// The first machine that is activated.
        FirstActivation = "first-activation",
        /// The merchant records that the buyer has accepted.
        Acceptance = "acceptance",
    }
);

impl Starts {
    /// What has to happen; nothing where the purchase itself is the beginning.
    pub fn event(self) -> Option<StartEvent> {
        match self {
            Self::Purchase => None,
            Self::FirstActivation => Some(StartEvent::FirstActivation),
            Self::Acceptance => Some(StartEvent::Acceptance),
        }
    }
}

/// The beginning of a license that does not begin with its purchase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DelayedStart {
    /// It has not come. The license's validity is what it would be if it had begun with the purchase.
    Awaited {
        /// What has to happen.
        event: StartEvent,
        /// How long new versions are included from then on, if not for the whole validity.
        updates: Option<Term>,
        /// Whether the marketplace has said when it ends: then nothing is counted from the beginning.
        end_is_fixed: bool,
    },
    /// It came.
    Came {
        /// What happened.
        event: StartEvent,
        /// When.
        at: Instant,
    },
}

impl DelayedStart {
    /// What a new license of a spec waits for.
    pub fn awaited(starts: Starts, updates: Option<Term>, end_is_fixed: bool) -> Option<Self> {
        starts.event().map(|event| Self::Awaited { event, updates, end_is_fixed })
    }
}

impl License {
    /// What has to happen before it begins; nothing when it has begun, or begins by itself.
    pub fn awaits(&self) -> Option<StartEvent> {
        match self.start {
            Some(DelayedStart::Awaited { event, .. }) => Some(event),
            Some(DelayedStart::Came { .. }) | None => None,
        }
    }

    /// Whether it has a license key.
    pub fn check_begun(&self) -> Result<(), Refusal> {
        match self.awaits() {
            None => Ok(()),
            Some(StartEvent::FirstActivation) => Err(Refusal::AwaitsActivation),
            Some(StartEvent::Acceptance) => Err(Refusal::AwaitsAcceptance),
        }
    }

    /// When its validity begins in the words of its spec.
    pub fn starts(&self) -> Starts {
        match &self.start {
            None => Starts::Purchase,
            Some(DelayedStart::Awaited { event, .. } | DelayedStart::Came { event, .. }) => match event {
                StartEvent::FirstActivation => Starts::FirstActivation,
                StartEvent::Acceptance => Starts::Acceptance,
            },
        }
    }

    /// The end, where one is known: before the beginning only one that the marketplace has fixed is.
    pub fn known_end(&self) -> Option<Instant> {
        match self.start {
            Some(DelayedStart::Awaited { end_is_fixed: false, .. }) => None,
            Some(DelayedStart::Awaited { end_is_fixed: true, .. } | DelayedStart::Came { .. }) | None => {
                self.validity.ends_at
            }
        }
    }

    /// Lets it begin: its term is counted from `at`, unless the marketplace has fixed the end. Nothing happens to one
    /// that has begun.
    pub fn begin(&mut self, at: Instant) -> Result<bool, TermError> {
        let Some(DelayedStart::Awaited { event, updates, end_is_fixed }) = self.start else {
            return Ok(false);
        };
        let validity = if end_is_fixed {
            Validity { starts_at: at, ..self.validity }
        } else {
            Validity::lasting(self.sold.term, at)?
        };
        let updates_until = updates.map(|updates| updates.end_after(at, 1)).transpose()?.flatten();
        self.sold.updates_until = updates_until;
        self.validity = validity;
        if !end_is_fixed {
            for purchase in self.orders.iter_mut().filter(|order| order.scene.is_none()) {
                purchase.ends_at = validity.ends_at;
            }
        }
        for package in &mut self.sold.quota {
            package.follow(self.sold.term, validity);
        }
        self.start = Some(DelayedStart::Came { event, at });
        Ok(true)
    }

    /// What was bought is something else from now on; a license that has not begun remembers how long new versions
    /// are included once it has.
    pub fn sell(&mut self, sold: super::SoldSpec, included_updates: Option<Term>) {
        self.sold = sold;
        if let Some(DelayedStart::Awaited { updates, .. }) = &mut self.start {
            *updates = included_updates;
        }
    }

    /// The marketplace has said when it ends.
    pub(super) fn end_was_fixed(&mut self) {
        if let Some(DelayedStart::Awaited { end_is_fixed, .. }) = &mut self.start {
            *end_is_fixed = true;
        }
    }
}
