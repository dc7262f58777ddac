//! The only comparison of instants.

use chrono::{DateTime, SubsecRound, Utc};

use super::{Term, TermError};

/// A point in time, UTC.
pub type Instant = DateTime<Utc>;

/// The instant without its fraction of a second: tokens and answers carry whole seconds.
pub fn whole_seconds(instant: Instant) -> Instant {
    instant.trunc_subsecs(0)
}

/// Where an instant lies in relation to a validity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the start.
    Before,
    /// From the start, up to and not at the end.
    Within,
    /// At the end or later.
    After,
}

/// A half-open span: from `starts_at`, up to and not at `ends_at`; permanent has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First instant that belongs to it.
    pub starts_at: Instant,
    /// First instant that does not; `None` is permanent.
    pub ends_at: Option<Instant>,
    /// From where `anchored_months` calendar months lead to `ends_at`; renewals count on from here.
    pub anchor: Instant,
    /// Calendar months from the anchor to the end, if the end was counted in months.
    pub anchored_months: Option<u32>,
}

impl Validity {
    /// One term from `starts_at`.
    pub fn lasting(term: Term, starts_at: Instant) -> Result<Self, TermError> {
        let ends_at = term.end_after(starts_at, 1)?;
        Ok(Self { starts_at, ends_at, anchor: starts_at, anchored_months: term.months() })
    }

    /// From one instant to another, or without an end.
    pub fn between(starts_at: Instant, ends_at: Option<Instant>) -> Self {
        Self { starts_at, ends_at, anchor: starts_at, anchored_months: None }
    }

    /// Where `now` lies.
    pub fn phase(&self, now: Instant) -> Phase {
        if now < self.starts_at {
            Phase::Before
        } else if self.ends_at.is_some_and(|end| now >= end) {
            Phase::After
        } else {
            Phase::Within
        }
    }

    /// Whether `now` lies within.
    pub fn holds_at(&self, now: Instant) -> bool {
        self.phase(now) == Phase::Within
    }

    /// Whether the end has come.
    pub fn has_ended(&self, now: Instant) -> bool {
        self.phase(now) == Phase::After
    }

    /// This span, cut where `other` ends.
    pub fn ending_within(self, other: &Validity) -> Self {
        let cut = match (self.ends_at, other.ends_at) {
            (Some(own), Some(outer)) => Some(own.min(outer)),
            (None, outer) => outer,
            (own, None) => own,
        };
        if cut == self.ends_at { self } else { Self { ends_at: cut, anchored_months: None, ..self } }
    }

    /// The same start with another end, as a marketplace dictates it.
    pub fn with_end(self, ends_at: Option<Instant>) -> Self {
        if ends_at == self.ends_at {
            return self;
        }
        Self { ends_at, anchor: ends_at.unwrap_or(self.anchor), anchored_months: Some(0), ..self }
    }

    /// One more term after the present end; permanent stays permanent.
    ///
    /// Months are counted on from the anchor, so that twelve renewals of a month are a year.
    pub fn extended_by(self, term: Term) -> Result<Self, TermError> {
        let Some(end) = self.ends_at else { return Ok(self) };
        match (term, term.months(), self.anchored_months) {
            (Term::Permanent, _, _) => Ok(Self { ends_at: None, anchored_months: None, ..self }),
            (_, Some(more), Some(so_far)) => {
                let months = so_far.checked_add(more).ok_or(TermError::BeyondCalendar)?;
                let ends_at = Term::Months(1).end_after(self.anchor, months)?;
                Ok(Self { ends_at, anchored_months: Some(months), ..self })
            }
            (_, months, _) => {
                let ends_at = term.end_after(end, 1)?;
                Ok(Self { ends_at, anchor: end, anchored_months: months, ..self })
            }
        }
    }

    /// Whether `self` ends earlier than `other`.
    pub fn ends_before(&self, other: &Validity) -> bool {
        match (self.ends_at, other.ends_at) {
            (Some(own), Some(others)) => own < others,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().expect("a test writes valid instants")
    }

    #[test]
    fn a_span_holds_at_its_start_and_no_longer_at_its_end() {
        let span = Validity::between(at("2026-01-01T00:00:00Z"), Some(at("2026-02-01T00:00:00Z")));
        let tick = TimeDelta::seconds(1);
        let end = span.ends_at.expect("it has one");
        let phases = [
            (span.starts_at - tick, Phase::Before),
            (span.starts_at, Phase::Within),
            (span.starts_at + tick, Phase::Within),
            (end - tick, Phase::Within),
            (end, Phase::After),
            (end + tick, Phase::After),
        ];
        for (instant, phase) in phases {
            assert_eq!(span.phase(instant), phase, "{instant}");
        }
    }

    #[test]
    fn twelve_renewals_of_a_month_from_the_31st_end_on_the_31st() {
        let mut span =
            Validity::lasting(Term::Months(1), at("2026-01-31T08:00:00Z")).expect("in the calendar");
        assert_eq!(span.ends_at, Some(at("2026-02-28T08:00:00Z")));
        for _ in 0..11 {
            span = span.extended_by(Term::Months(1)).expect("in the calendar");
        }
        assert_eq!(span.ends_at, Some(at("2027-01-31T08:00:00Z")));
    }

    #[test]
    fn a_dictated_end_becomes_the_new_anchor() {
        let span = Validity::lasting(Term::Years(1), at("2026-01-31T08:00:00Z")).expect("in the calendar");
        let span = span.with_end(Some(at("2027-03-31T15:59:59Z")));
        let once = span.extended_by(Term::Months(1)).expect("in the calendar");
        assert_eq!(once.ends_at, Some(at("2027-04-30T15:59:59Z")));
        let twice = once.extended_by(Term::Months(1)).expect("in the calendar");
        assert_eq!(twice.ends_at, Some(at("2027-05-31T15:59:59Z")));
    }
}
