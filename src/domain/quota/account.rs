//! The packages that a license holds, and what was ever bought of each: the books of its quota.

use super::{Meter, QuotaCounts, QuotaPackage, QuotaWindow};
use crate::domain::{Amount, Instant, License, LicenseEnd, LicenseId, MerchantId, PackageId};

/// Most packages of one license.
pub const PACKAGES_MAX: usize = 200;

/// Where a package came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageSource {
    /// It was sold with the license, and follows its orders.
    License,
    /// It was bought by itself, in the purchase of this id, and lasts as long as that says.
    Purchase(LicenseId),
}

/// A package that a license holds, or held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPackage {
    /// Stable over everything that becomes of it.
    pub id: PackageId,
    /// Where it came from.
    pub source: PackageSource,
    /// What it gives now.
    pub package: QuotaPackage,
    /// Everything that was ever bought of it, also what was paid back; none when it gives its amount for ever.
    pub bought: Option<Amount>,
    /// What was paid back of it, or exchanged for something else.
    pub refunded: Amount,
    /// Since when it gives nothing any more.
    pub ended_at: Option<Instant>,
}

/// The packages of one license. Whoever counts usage commits against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaAccount {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// In the order in which they came; those that ended stay, so that the books are complete.
    pub packages: Vec<HeldPackage>,
}

impl QuotaAccount {
    /// The account of a license of which nothing was used yet.
    pub fn open(license: &License) -> Self {
        let account =
            Self { merchant: license.merchant.clone(), license: license.id.clone(), packages: Vec::new() };
        license.own_quota().iter().fold(account, |mut account, package| {
            let bought = package.bought_in_all().ok();
            account.hold(package.clone(), bought);
            account
        })
    }

    /// Whether it says what the license says.
    pub fn is_settled(&self, license: &License) -> bool {
        self.says(&PackageSource::License, license.own_quota())
    }

    /// Whether its packages of one source are those.
    pub(super) fn says(&self, source: &PackageSource, sold: &[QuotaPackage]) -> bool {
        self.open_of(source).len() == sold.len()
            && self.paired(source, sold).iter().all(|(index, package)| {
                index.is_some_and(|index| self.packages[index].package.gives_what(package))
            })
    }

    /// Follows what has become of the license since: renewals, cancelled renewals, other specs.
    ///
    /// Needs the counters that [`HeldPackage::meters_at`] names, for an exchange also those of what it becomes. `at` is when the change takes effect; nothing does
    /// after the license has ended.
    pub fn follow(&mut self, license: &License, counts: &QuotaCounts, at: Instant) {
        let at = license.quota_ended_at().map_or(at, |end| end.min(at));
        self.follow_source(&PackageSource::License, license.own_quota(), counts, at);
    }

    /// The same for the packages of one source.
    pub(super) fn follow_source(
        &mut self,
        source: &PackageSource,
        sold: &[QuotaPackage],
        counts: &QuotaCounts,
        at: Instant,
    ) {
        let pairs = self.paired(source, sold);
        let gone: Vec<usize> = self
            .open_of(source)
            .into_iter()
            .filter(|index| !pairs.iter().any(|(kept, _)| *kept == Some(*index)))
            .collect();
        for index in gone {
            self.packages[index].end(counts, at);
        }
        for (index, package) in pairs {
            match index {
                Some(index) => self.packages[index].become_package(package, counts, at),
                None => {
                    let bought = package.room_from(at, Amount::ZERO);
                    match source {
                        PackageSource::License => self.hold(package.clone(), bought),
                        PackageSource::Purchase(purchase) => self.attach(purchase, package.clone(), bought),
                    }
                }
            }
        }
    }

    /// What an order has made of a package that was bought by itself. The id is the purchase's own, so that it stays when
    /// the package moves.
    pub fn attach(&mut self, purchase: &LicenseId, package: QuotaPackage, bought: Option<Amount>) {
        let source = PackageSource::Purchase(purchase.clone());
        let number = self.packages.iter().filter(|held| held.source == source).count();
        self.packages.push(HeldPackage {
            id: PackageId::of(purchase, u16::try_from(number).unwrap_or(u16::MAX)),
            source,
            package,
            bought,
            refunded: Amount::ZERO,
            ended_at: None,
        });
    }

    /// Those that may give something.
    pub fn open_packages(&self) -> impl Iterator<Item = &HeldPackage> {
        self.packages.iter().filter(|held| held.ended_at.is_none())
    }

    /// Whether a metric is one of those that were ever bought.
    pub fn knows(&self, metric: &str) -> bool {
        self.packages.iter().any(|held| held.package.template.metric == metric)
    }

    fn hold(&mut self, package: QuotaPackage, bought: Option<Amount>) {
        // Those of other purchases come and go: no number is given twice.
        let own = |number: usize| PackageId::of(&self.license, u16::try_from(number).unwrap_or(u16::MAX));
        let is_free = |id: &PackageId| self.packages.iter().all(|held| held.id != *id);
        let id = (self.packages.len()..usize::from(u16::MAX)).map(own).find(is_free);
        self.packages.push(HeldPackage {
            id: id.unwrap_or_else(|| own(usize::from(u16::MAX))),
            source: PackageSource::License,
            package,
            bought,
            refunded: Amount::ZERO,
            ended_at: None,
        });
    }

    fn open_of(&self, source: &PackageSource) -> Vec<usize> {
        let is_own = |held: &HeldPackage| held.source == *source && held.ended_at.is_none();
        (0..self.packages.len()).filter(|index| is_own(&self.packages[*index])).collect()
    }

    /// Each package as sold now, with the one that it was: the n-th of a metric stays the n-th of that metric.
    fn paired<'a>(
        &self,
        source: &PackageSource,
        sold: &'a [QuotaPackage],
    ) -> Vec<(Option<usize>, &'a QuotaPackage)> {
        let mut free = self.open_of(source);
        let pair = |package: &'a QuotaPackage| {
            let same =
                |index: &usize| self.packages[*index].package.template.metric == package.template.metric;
            let found = free.iter().position(same).map(|position| free.remove(position));
            (found, package)
        };
        sold.iter().map(pair).collect()
    }
}

impl License {
    /// Whether its packages are what they were before a change, for as long or longer.
    pub fn keeps_quota_of(&self, before: &Self) -> bool {
        let (own, others) = (&self.sold.quota, &before.sold.quota);
        own.len() == others.len() && own.iter().zip(others).all(|(own, other)| own.goes_on_from(other))
    }

    /// When its marketplace or its merchant ended it, if they did: what was left of its packages then is paid back.
    pub fn quota_ended_at(&self) -> Option<Instant> {
        match &self.end {
            LicenseEnd::Running => None,
            LicenseEnd::Released { at } | LicenseEnd::Revoked { at, .. } => Some(*at),
        }
    }
}

impl QuotaPackage {
    /// Whether both give the same, at the same times.
    pub fn gives_what(&self, other: &Self) -> bool {
        let span = |package: &Self| (package.validity.starts_at, package.validity.ends_at);
        self.template == other.template && span(self) == span(other)
    }

    /// Whether it is the same for as long as another one, or longer.
    fn goes_on_from(&self, other: &Self) -> bool {
        self.template == other.template && !self.validity.ends_before(&other.validity)
    }

    /// Whether both count in the same windows, and as much in each.
    fn counts_like(&self, other: &Self) -> bool {
        let (own, others) = (&self.template, &other.template);
        own.amount == others.amount && own.reset == others.reset && own.window == others.window
    }

    /// What it gives from an instant on when so much of its window was taken: nothing of what was not paid for, and that
    /// window in any case. `None` is without a bound.
    pub fn room_from(&self, at: Instant, window_taken: Amount) -> Option<Amount> {
        let paid = QuotaWindow::paid(self.template.reset, &self.validity)?;
        let at = at.max(self.validity.starts_at);
        let ordinal = self.window_at(at).map_or(paid, |window| window.ordinal);
        let windows = paid.saturating_sub(ordinal).max(u32::from(self.window_at(at).is_some()));
        Some(self.template.amount.times(windows).ok()?.less(window_taken))
    }
}

impl HeldPackage {
    /// The most that may ever be taken of it; none without a bound.
    pub fn cap(&self) -> Option<Amount> {
        self.bought.map(|bought| bought.less(self.refunded))
    }

    /// Gives nothing from now on: what is left is paid back.
    pub fn end(&mut self, counts: &QuotaCounts, at: Instant) {
        if self.ended_at.is_none() {
            let left = self.balance(counts, None, at).left.unwrap_or_default();
            self.refund(left);
            self.ended_at = Some(at);
        }
    }

    /// A later order made something else of it. Used stays used: what was taken of the present window counts there on.
    fn become_package(&mut self, new: &QuotaPackage, counts: &QuotaCounts, at: Instant) {
        if !self.package.gives_what(new) {
            if self.package.counts_like(new) {
                self.extend(new, counts);
            } else {
                self.exchange(new, counts, at);
            }
            self.package = new.clone();
        }
    }

    /// More or fewer windows of the same. Of what was paid back, only what was not taken can be.
    fn extend(&mut self, new: &QuotaPackage, counts: &QuotaCounts) {
        let taken = counts.amount(&self.meter(Meter::Taken));
        match (self.bought, self.package.bought_in_all().ok(), new.bought_in_all().ok()) {
            (Some(bought), Some(before), Some(after)) => {
                self.bought = bought.plus(after.less(before)).ok();
                self.refund(before.less(after).min(bought.less(self.refunded).less(taken)));
            }
            (None, _, Some(after)) => self.bought = self.refunded.plus(after.max(taken)).ok(),
            (_, _, None) | (Some(_), None, Some(_)) => self.bought = None,
        }
    }

    /// What was left is given back for what the new one gives from now on. A validity that is over may still be renewed by
    /// an order that is on its way: what was left in the window that it cut counts as left.
    fn exchange(&mut self, new: &QuotaPackage, counts: &QuotaCounts, at: Instant) {
        let at = self.package.reopens(at).unwrap_or(at);
        let taken = counts.amount(&self.meter(Meter::Taken));
        let balance = self.balance(counts, None, at);
        let renewed = Self { package: new.clone(), ..self.clone() };
        let window_taken = new.window_at(at).map(|window| renewed.window_meter(Meter::Taken, &window));
        let window_taken = window_taken.map_or(Amount::ZERO, |meter| counts.amount(&meter));
        self.refund(balance.left.unwrap_or_default());
        let so_far = self.bought.or_else(|| self.refunded.plus(taken).ok());
        let more = new.room_from(at, window_taken);
        self.bought = so_far.zip(more).and_then(|(so_far, more)| so_far.plus(more).ok());
    }

    fn refund(&mut self, amount: Amount) {
        self.refunded = self.refunded.plus(amount).unwrap_or(self.refunded);
    }
}
