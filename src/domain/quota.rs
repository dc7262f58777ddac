//! Quota packages as bought.

mod account;
mod alert;
mod attached;
mod balance;
mod draw;
mod grant;
mod meter;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod total_tests;
mod window;

pub use account::{HeldPackage, PACKAGES_MAX, PackageSource, QuotaAccount};
pub use alert::AlertStep;
pub use attached::Attachment;
pub use balance::QuotaBalance;
pub use draw::{Draw, MetricLeft, QuotaPool};
pub use grant::{MetricGrant, PackageGrant, UsageGrant};
pub use meter::{Meter, MeterKey, QuotaCounts, WindowKey};
pub use window::{QuotaWindow, ROUNDED_END_HOURS};

use super::{Amount, AmountError, Instant, Term, Validity};

/// After how long a package's amount is available anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResetWindow {
    /// Never: the amount is for the whole validity.
    None,
    /// Every hour.
    Hour,
    /// Every day.
    Day,
    /// Every week.
    Week,
    /// Every month.
    Month,
    /// Every year.
    Year,
}

impl ResetWindow {
    /// The name in apply files, JSON and tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year]
            .into_iter()
            .find(|window| window.as_str() == text)
    }

    /// How many windows a term has, when that is a whole number whatever the calendar.
    ///
    /// A month has no fixed number of days, so a term in months divides into months and years only.
    fn count_in(self, term: Term) -> Result<u32, NoTotal> {
        let whole = |count: u32, each: u32| {
            if count.is_multiple_of(each) { Ok(count / each) } else { Err(NoTotal::NotWholeWindows) }
        };
        match (self, term, term.months()) {
            (Self::None, _, _) => Ok(1),
            (_, Term::Permanent, _) => Err(NoTotal::Permanent),
            (Self::Month, _, Some(months)) => Ok(months),
            (Self::Year, _, Some(months)) => whole(months, 12),
            (Self::Hour, Term::Days(days), _) => Ok(days * 24),
            (Self::Day, Term::Days(days), _) => Ok(days),
            (Self::Week, Term::Days(days), _) => whole(days, 7),
            (Self::Hour | Self::Day | Self::Week | Self::Month | Self::Year, _, _) => {
                Err(NoTotal::NotWholeWindows)
            }
        }
    }
}

/// Where windows begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WindowAlignment {
    /// Counted from the start of the validity.
    Anniversary,
    /// At the calendar's own boundaries, UTC.
    Calendar,
}

impl WindowAlignment {
    /// The name in apply files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anniversary => "anniversary",
            Self::Calendar => "calendar",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Anniversary, Self::Calendar].into_iter().find(|known| known.as_str() == text)
    }
}

/// What happens when the amount is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overage {
    /// Use is refused.
    Stop,
    /// Use goes on and is counted.
    Count,
}

impl Overage {
    /// The name in apply files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Count => "count",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Stop, Self::Count].into_iter().find(|known| known.as_str() == text)
    }
}

/// A package as a spec offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaTemplate {
    /// What is counted.
    pub metric: String,
    /// In which unit, as people read it.
    pub unit: String,
    /// Per window; in all for `reset = none`.
    pub amount: Amount,
    /// After how long the amount is available anew.
    pub reset: ResetWindow,
    /// Where windows begin.
    pub window: WindowAlignment,
    /// What happens when it is used up.
    pub overage: Overage,
    /// At which percentages of the amount the merchant is told.
    pub alert_percent: Vec<u8>,
}

impl QuotaTemplate {
    fn total_in(&self, term: Term) -> PackageTotal {
        let windows = self.reset.count_in(term)?;
        self.amount.times(windows).map_err(|_| NoTotal::TooLarge)
    }
}

/// Why a package has no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTotal {
    /// A resettable package without an end gives its amount for ever.
    #[error("a permanent package that resets has no total")]
    Permanent,
    /// The term is no whole number of windows.
    #[error("the term is no whole number of reset windows")]
    NotWholeWindows,
    /// The total is beyond the bound of amounts.
    #[error("the total is 900000000000 or more")]
    TooLarge,
}

/// The sum over the term that was bought last, or why there is none.
pub type PackageTotal = Result<Amount, NoTotal>;

/// Bought units of one metric, with their own validity and reset window (套餐包).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaPackage {
    /// As the spec offered it, the amount already multiplied by the quantity if the spec says so.
    pub template: QuotaTemplate,
    /// When it can be used.
    pub validity: Validity,
    /// In one term as bought last.
    pub total: PackageTotal,
}

impl QuotaPackage {
    /// The package that a purchase of `term` gives, `times` the template's amount.
    pub fn bought(
        template: &QuotaTemplate,
        times: u32,
        term: Term,
        validity: Validity,
    ) -> Result<Self, AmountError> {
        let template = QuotaTemplate { amount: template.amount.times(times)?, ..template.clone() };
        let total = template.total_in(term);
        Ok(Self { template, validity, total })
    }

    /// What it gives over its whole validity, all periods that were bought together: the amount times the windows paid for.
    pub fn bought_in_all(&self) -> PackageTotal {
        let windows = QuotaWindow::paid(self.template.reset, &self.validity).ok_or(NoTotal::Permanent)?;
        self.template.amount.times(windows).map_err(|_| NoTotal::TooLarge)
    }

    /// Its window that covers an instant; none outside its validity.
    pub fn window_at(&self, at: Instant) -> Option<QuotaWindow> {
        QuotaWindow::covering(self.template.reset, self.template.window, &self.validity, at)
    }

    /// See [`QuotaWindow::reopens`].
    pub fn reopens(&self, at: Instant) -> Option<Instant> {
        QuotaWindow::reopens(self.template.reset, self.template.window, &self.validity, at)
    }

    /// What becomes of it when a later order moves the end, or is for another term.
    pub fn follow(&mut self, term: Term, validity: Validity) {
        self.total = self.template.total_in(term);
        self.validity = validity;
    }

    /// Whether it gives in each window what `other` gives.
    pub fn covers(&self, other: &Self) -> bool {
        let (own, others) = (&self.template, &other.template);
        own.metric == others.metric && own.reset == others.reset && own.amount >= others.amount
    }
}
