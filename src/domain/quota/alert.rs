//! Of which percentages of a window its merchant is told, once each.

use super::HeldPackage;

/// What more is taken of a window means for its alerts. The bounds make the commit that passes a percentage the one that
/// tells of it, whoever else counts at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertStep {
    /// The percentages that are passed now.
    pub passed: Vec<u8>,
    /// What the counter of the window may stand at afterwards: at least.
    pub min: i64,
    /// And at most.
    pub max: i64,
}

impl HeldPackage {
    /// `before` was taken of the window, `more` is to be, and it was told of `alerted` percent so far.
    pub fn alert_step(&self, before: i64, more: i64, alerted: i64) -> AlertStep {
        let amount = self.package.template.amount.ten_thousandths();
        let threshold = |percent: u8| {
            let rounded_up = (i128::from(amount) * i128::from(percent) + 99) / 100;
            i64::try_from(rounded_up).unwrap_or(i64::MAX)
        };
        let mut percents = self.package.template.alert_percent.clone();
        percents.push(100);
        percents.sort_unstable();
        percents.dedup();
        percents.retain(|percent| i64::from(*percent) > alerted);
        let after = before.saturating_add(more);
        let (passed, ahead): (Vec<u8>, Vec<u8>) =
            percents.into_iter().partition(|percent| threshold(*percent) <= after);
        let min = passed.last().map_or(0, |percent| threshold(*percent));
        let max = ahead.first().map_or(amount, |percent| (threshold(*percent) - 1).min(amount));
        AlertStep { passed, min, max }
    }
}
