//! Which packages pay for a use.

use super::{HeldPackage, Meter, Overage, PackageSource, QuotaAccount, QuotaCounts, QuotaWindow};
use crate::domain::{Amount, Instant, LicenseId, PackageId, Share};

/// What a package pays of a use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// Which package.
    pub package: PackageId,
    /// In which of its windows.
    pub window: QuotaWindow,
    /// What it gives.
    pub amount: Amount,
    /// What is counted beyond it.
    pub over: Amount,
}

/// What is left of a metric at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricLeft {
    /// In the present windows of all its packages together.
    pub left: Amount,
    /// When the first of these windows ends; none when nothing covers the instant, or it has no end.
    pub window_ends_at: Option<Instant>,
    /// When one of the packages gives something anew, if one does.
    pub resets_at: Option<Instant>,
}

/// The packages of a license with their counters: as they were read, and what was decided since.
#[derive(Debug, Clone)]
pub struct QuotaPool<'a> {
    account: &'a QuotaAccount,
    counts: QuotaCounts,
    passed_over: Vec<LicenseId>,
}

impl<'a> QuotaPool<'a> {
    /// Of an account, with the counters of every window that will be asked for.
    pub fn new(account: &'a QuotaAccount, counts: QuotaCounts) -> Self {
        Self { account, counts, passed_over: Vec::new() }
    }

    /// The same, but for packages of these purchases: they give nothing.
    #[must_use]
    pub fn passing_over(self, purchases: impl IntoIterator<Item = LicenseId>) -> Self {
        Self { passed_over: purchases.into_iter().collect(), ..self }
    }

    /// The counters as they stand.
    pub fn counts(&self) -> &QuotaCounts {
        &self.counts
    }

    /// Packages of a metric that cover an instant: the one whose window ends first gives first, then the one that ends
    /// first as a whole.
    pub fn covering(&self, metric: &str, at: Instant) -> Vec<(&'a HeldPackage, QuotaWindow)> {
        let gives = |held: &&HeldPackage| {
            held.package.template.metric == metric
                && !self.passed_over.iter().any(|it| held.was_bought_as(it))
        };
        let open = self.account.open_packages().filter(gives);
        let mut covering: Vec<_> =
            open.filter_map(|held| Some((held, held.package.window_at(at)?))).collect();
        let rank = |end: Option<Instant>| (end.is_none(), end);
        covering.sort_by_key(|(held, window)| {
            (rank(window.ends_at), rank(held.package.validity.ends_at), held.id.clone())
        });
        covering
    }

    /// Lets packages pay for a use: split where one has not enough, all or nothing. What is beyond all of them is counted
    /// at the first whose rule is to count it, else refused with what there is.
    pub fn draw(&mut self, metric: &str, amount: Amount, at: Instant) -> Result<Vec<Draw>, Amount> {
        let (mut draws, mut missing) = (Vec::new(), amount);
        let covering = self.covering(metric, at);
        for (held, window) in &covering {
            let given = self.room(held, window).min(missing);
            missing = missing.less(given);
            draws.push(Draw { package: held.id.clone(), window: *window, amount: given, over: Amount::ZERO });
        }
        if missing > Amount::ZERO {
            let counts_on = |(held, _): &(&HeldPackage, _)| held.package.template.overage == Overage::Count;
            let Some(place) = covering.iter().position(counts_on) else { return Err(amount.less(missing)) };
            draws[place].over = missing;
        }
        draws.retain(|draw| draw.amount > Amount::ZERO || draw.over > Amount::ZERO);
        for (held, window) in &covering {
            for draw in draws.iter().filter(|draw| draw.package == held.id) {
                self.count(held, window, draw);
            }
        }
        Ok(draws)
    }

    /// What is left of a metric now.
    pub fn left(&self, metric: &str, now: Instant) -> MetricLeft {
        let covering = self.covering(metric, now);
        let rooms = covering.iter().map(|(held, window)| self.room(held, window));
        let left = rooms.fold(Amount::ZERO, |sum, room| sum.plus(room).unwrap_or(sum));
        let window_ends_at = covering.first().and_then(|(_, window)| window.ends_at);
        let resets_at = covering.iter().filter_map(|(held, window)| self.resets_at(held, window)).min();
        MetricLeft { left, window_ends_at, resets_at }
    }

    /// What a package can give in a window.
    pub fn room(&self, held: &HeldPackage, window: &QuotaWindow) -> Amount {
        let taken = self.counts.amount(&held.window_meter(Meter::Taken, window));
        let room = held.package.template.amount.less(taken);
        let all_taken = self.counts.amount(&held.meter(Meter::Taken));
        held.cap().map_or(room, |cap| room.min(cap.less(all_taken)))
    }

    /// The start of the next window, if there is one and not everything that was bought is taken.
    fn resets_at(&self, held: &HeldPackage, window: &QuotaWindow) -> Option<Instant> {
        let taken = self.counts.amount(&held.meter(Meter::Taken));
        if held.cap().is_some_and(|cap| cap.less(taken) == Amount::ZERO) {
            return None;
        }
        let (template, validity) = (&held.package.template, &held.package.validity);
        let next = QuotaWindow::numbered(template.reset, template.window, validity, window.ordinal + 1);
        next.map(|next| next.starts_at)
    }

    /// Lets a package give what was decided elsewhere.
    pub fn take(&mut self, held: &HeldPackage, window: &QuotaWindow, amount: Amount) {
        let draw = Draw { package: held.id.clone(), window: *window, amount, over: Amount::ZERO };
        self.count(held, window, &draw);
    }

    fn count(&mut self, held: &HeldPackage, window: &QuotaWindow, draw: &Draw) {
        for (meter, amount) in [(Meter::Taken, draw.amount), (Meter::Over, draw.over)] {
            for key in held.counters(meter, window) {
                self.counts.add(key, amount.ten_thousandths());
            }
        }
    }
}

impl HeldPackage {
    /// Whether it was bought by itself, in this purchase.
    fn was_bought_as(&self, purchase: &LicenseId) -> bool {
        match &self.source {
            PackageSource::License => false,
            PackageSource::Purchase(own) => own == purchase,
        }
    }

    /// What it can give of the window of a share that was given back.
    pub fn room_of(&self, share: &Share, counts: &QuotaCounts) -> Amount {
        let taken = |key| counts.amount(&key);
        let window = share.counters(Meter::Taken).into_iter().next().map(taken).unwrap_or_default();
        let room = self.package.template.amount.less(window);
        self.cap().map_or(room, |cap| room.min(cap.less(taken(self.meter(Meter::Taken)))))
    }

    /// The counters that count something: one for a package that never resets, else the window's and the total.
    pub fn counters(&self, meter: Meter, window: &QuotaWindow) -> Vec<super::MeterKey> {
        let mut keys = vec![self.window_meter(meter, window), self.meter(meter)];
        keys.dedup();
        keys
    }
}
