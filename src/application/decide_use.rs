//! Whether a report can be granted, and who pays: decided over what was read.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::quota_books::QuotaBooks;
use super::record_usage::UsageItemMistake;
use super::use_quota::{USED_AGO_DAYS_MAX, UseQuota, UsedItem};
use crate::domain::{
    Amount, HeldPackage, Instant, MetricGrant, PackageGrant, QuotaAccount, QuotaCounts, QuotaPool,
    QuotaWindow, Refusal, UsageGrant,
};

/// How far a reporter's clock may be ahead, in seconds.
const AHEAD_SECS_MAX: i64 = 300;

/// What one window of one package pays for a whole report.
pub(super) struct Payment<'a> {
    pub(super) held: &'a HeldPackage,
    pub(super) window: QuotaWindow,
    pub(super) grant: PackageGrant,
}

/// Everything that is wrong with the items themselves.
pub(super) fn mistakes(order: &UseQuota, account: &QuotaAccount, now: Instant) -> Vec<UsageItemMistake> {
    let mut mistakes = Vec::new();
    for (index, item) in order.items.iter().enumerate() {
        let mut wrong = |member, why: String| mistakes.push(UsageItemMistake { index, member, why });
        if !account.knows(&item.metric) {
            let known: BTreeSet<&str> =
                account.packages.iter().map(|held| held.package.template.metric.as_str()).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            wrong(
                "metric",
                match known.as_str() {
                    "" => "the license has no quota".to_owned(),
                    known => format!("the license has no package of this metric; it has {known}"),
                },
            );
        }
        if item.amount == Amount::ZERO {
            wrong("amount", "an amount that is used is more than zero".to_owned());
        }
        if item.occurred_at.is_some_and(|at| at > now + TimeDelta::seconds(AHEAD_SECS_MAX)) {
            wrong("occurred_at", "it lies ahead: set the clock".to_owned());
        }
    }
    mistakes
}

/// When each item counts: never later than now.
pub(super) fn instants(order: &UseQuota, now: Instant) -> Result<Vec<Instant>, Refusal> {
    let oldest = now - TimeDelta::days(USED_AGO_DAYS_MAX);
    let instant = |(index, item): (usize, &UsedItem)| match item.occurred_at {
        Some(at) if at < oldest => {
            let pointer = order.pointer(index, "occurred_at");
            Err(Refusal::UsageTooOld { pointer, days: USED_AGO_DAYS_MAX })
        }
        at => Ok(at.unwrap_or(now).min(now)),
    };
    order.items.iter().enumerate().map(instant).collect()
}

/// What each window pays in all; or the first item for which there is not enough.
pub(super) fn draw<'a>(
    order: &UseQuota,
    instants: &[Instant],
    pool: &mut QuotaPool<'a>,
) -> Result<Vec<Payment<'a>>, usize> {
    let mut payments: Vec<Payment<'a>> = Vec::new();
    let mut metrics: Vec<&str> = Vec::new();
    for (index, (item, at)) in order.items.iter().zip(instants).enumerate() {
        let place = metrics.iter().position(|known| *known == item.metric).unwrap_or_else(|| {
            metrics.push(&item.metric);
            metrics.len() - 1
        });
        let held: Vec<_> = pool.covering(&item.metric, *at);
        for draw in pool.draw(&item.metric, item.amount, *at).map_err(|_left| index)? {
            let known = payments.iter_mut().find(|payment| payment.grant.is_of(&draw.package, &draw.window));
            if let Some(Payment { grant, .. }) = known {
                grant.amount = grant.amount.plus(draw.amount).unwrap_or(grant.amount);
                grant.over = grant.over.plus(draw.over).unwrap_or(grant.over);
                continue;
            }
            let Some((held, window)) = held.iter().find(|(held, _)| held.id == draw.package) else {
                continue;
            };
            let grant = PackageGrant {
                package: draw.package,
                metric: u16::try_from(place).unwrap_or(u16::MAX),
                window_starts_at: window.starts_at,
                window_ends_at: window.ends_at,
                amount: draw.amount,
                over: draw.over,
                left: Amount::ZERO,
            };
            payments.push(Payment { held, window: *window, grant });
        }
    }
    for payment in &mut payments {
        payment.grant.left = pool.room(payment.held, &payment.window);
    }
    Ok(payments)
}

/// What is answered, and kept with the report.
pub(super) fn granted(
    order: &UseQuota,
    payments: &[Payment<'_>],
    pool: &QuotaPool<'_>,
    now: Instant,
) -> UsageGrant {
    let mut metrics: Vec<MetricGrant> = Vec::new();
    for item in &order.items {
        if let Some(known) = metrics.iter_mut().find(|known| known.metric == item.metric) {
            known.granted = known.granted.plus(item.amount).unwrap_or(known.granted);
            continue;
        }
        let left = pool.left(&item.metric, now);
        metrics.push(MetricGrant {
            metric: item.metric.clone(),
            granted: item.amount,
            left: left.left,
            window_ends_at: left.window_ends_at,
        });
    }
    UsageGrant { metrics, packages: payments.iter().map(|payment| payment.grant.clone()).collect() }
}

/// Why an item cannot be granted.
pub(super) fn exhausted(
    order: &UseQuota,
    index: usize,
    books: &QuotaBooks,
    counts: &QuotaCounts,
    now: Instant,
) -> Refusal {
    let metric = order.items.get(index).map(|item| item.metric.clone()).unwrap_or_default();
    let left = books.pool(counts.clone()).left(&metric, now);
    Refusal::QuotaExhausted {
        pointer: order.pointer(index, "amount"),
        metric,
        left: left.left,
        window_ends_at: left.window_ends_at,
        resets_at: left.resets_at,
    }
}
