//! How a package stands: bought = used + reserved + left + expired + refunded.

use super::{HeldPackage, Meter, QuotaCounts, QuotaWindow};
use crate::domain::{Amount, Instant};

/// How a package stands at an instant.
///
/// `bought = used + reserved + left + expired + refunded`, and none of them is ever below zero. A package that gives its
/// amount for ever has no `bought`, `left` and `expired`: each window is its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaBalance {
    /// Everything that was ever bought of it, also what was paid back.
    pub bought: Option<Amount>,
    /// What was used of it.
    pub used: Amount,
    /// What is kept back for work that may fail.
    pub reserved: Amount,
    /// What can still be used: in this window, and in those that will come.
    pub left: Option<Amount>,
    /// What was not used in its time.
    pub expired: Option<Amount>,
    /// What was paid back, or exchanged for another package.
    pub refunded: Amount,
    /// What was used beyond it, where that is counted; no part of what was bought.
    pub over: Amount,
    /// The window that the instant lies in.
    pub window: Option<QuotaWindow>,
    /// What was used in it.
    pub window_used: Amount,
    /// What is kept back in it.
    pub window_reserved: Amount,
    /// What can still be used in it.
    pub window_left: Amount,
    /// What was used in it beyond the package.
    pub window_over: Amount,
}

impl HeldPackage {
    /// How it stands. `ended_at` is when its license was ended, if it was ([`crate::domain::License::quota_ended_at`]): what
    /// was left then counts as paid back, however often anybody says so. Needs the counters that
    /// [`HeldPackage::meters_at`] names for the earlier of the two instants.
    pub fn balance(&self, counts: &QuotaCounts, ended_at: Option<Instant>, now: Instant) -> QuotaBalance {
        let at = self.stands_at(ended_at, now);
        let of = |meter| counts.amount(&self.meter(meter));
        let taken = of(Meter::Taken);
        let window = self.package.window_at(at);
        let in_window =
            |meter| window.map_or(Amount::ZERO, |window| counts.amount(&self.window_meter(meter, &window)));
        let window_taken = in_window(Meter::Taken);
        let untaken = self.cap().map(|cap| cap.less(taken));
        let is_open = self.ended_at.is_none() && ended_at.is_none_or(|end| now < end);
        let could_be_left = match (self.ended_at, untaken, self.room_at(at, window_taken)) {
            (Some(_), _, _) => self.cap().map(|_| Amount::ZERO),
            (None, Some(untaken), Some(room)) => Some(untaken.min(room)),
            (None, untaken, room) => untaken.and(room.or(untaken)),
        };
        let expired = untaken.zip(could_be_left).map(|(untaken, left)| untaken.less(left));
        let (left, refunded) = match could_be_left {
            Some(left) if !is_open => (Some(Amount::ZERO), self.refunded.plus(left).unwrap_or(self.refunded)),
            left => (left, self.refunded),
        };
        let room = self.package.template.amount.less(window_taken);
        let window_left = untaken.map_or(room, |untaken| untaken.min(room));
        QuotaBalance {
            bought: self.bought,
            used: taken.less(of(Meter::Reserved)),
            reserved: of(Meter::Reserved),
            left,
            expired,
            refunded,
            over: of(Meter::Over),
            window,
            window_used: window_taken.less(in_window(Meter::Reserved)),
            window_reserved: in_window(Meter::Reserved),
            window_left: if window.is_some() && is_open { window_left } else { Amount::ZERO },
            window_over: in_window(Meter::Over),
        }
    }

    /// When its books were closed, or now.
    pub fn stands_at(&self, ended_at: Option<Instant>, now: Instant) -> Instant {
        let end = [self.ended_at, ended_at].into_iter().flatten().min();
        end.map_or(now, |end| end.min(now))
    }

    /// What the present window and all that will come have room for; none without a bound.
    fn room_at(&self, at: Instant, window_taken: Amount) -> Option<Amount> {
        let (template, validity) = (&self.package.template, &self.package.validity);
        if validity.has_ended(at) {
            return Some(Amount::ZERO);
        }
        let count = QuotaWindow::count(template.reset, template.window, validity)?;
        let all = |windows: u32| template.amount.times(windows).ok();
        match self.package.window_at(at) {
            Some(window) => {
                let later = all(count.saturating_sub(window.ordinal).saturating_sub(1))?;
                later.plus(template.amount.less(window_taken)).ok()
            }
            None if at < validity.starts_at => all(count),
            None => Some(Amount::ZERO),
        }
    }
}
