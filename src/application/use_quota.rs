//! Usage is reported, or quota is reserved: packages pay, once for each report.
//!
//! One report is one commit: its identity, the counters of the packages that pay, alerts, all or none. Counters are added
//! to, so reports do not stand in each other's way, nor in that of activations; a report is decided again only where a
//! counter passes a bound, or the license changes, meanwhile.

use std::collections::BTreeSet;

use chrono::{DurationRound, TimeDelta};
use sha2::{Digest, Sha256};

use super::app::{App, UseCaseError, decided};
use super::decide_use::{Payment, draw, exhausted, granted, instants, mistakes};
use super::ports::{ABSENT, Change, Commit, StoreError, Urgency, Versioned, find};
use super::quota_books::{QuotaBooks, misplaced};
use super::record::{CounterKey, Record, RecordKey, UsageReport, UsedHour};
use super::record_usage::UsageItemMistake;
use crate::domain::{
    Activation, ActivationId, ActivationState, Actor, Amount, EventKind, Instant, License, LicenseId,
    MerchantId, Meter, MeterKey, PackageGrant, QuotaAccount, QuotaCounts, QuotaPool, Refusal, Reservation,
    ReservationId, ReservationState, ReservedPart, TokenId, UsageGrant,
};

/// Most items of one report.
pub const USED_ITEMS_MAX: usize = 1_000;
/// How long after it happened use is counted, in days.
pub const USED_AGO_DAYS_MAX: i64 = 30;
/// How long an answered report is remembered, in days: longer than any use in it could be reported for the first time.
const REPORT_DAYS: i64 = 31;
/// Most windows of packages that one report may touch: what one commit and one record hold easily.
const WINDOWS_MAX: usize = 500;

/// Who reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaHolder {
    /// Whoever holds a license key; none is its claim code.
    LicenseKey(Option<TokenId>),
    /// The machine of an activation.
    Activation(ActivationId),
    /// The merchant's own backend.
    Merchant,
}

/// Something that was used, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedItem {
    /// What is counted.
    pub metric: String,
    /// How much.
    pub amount: Amount,
    /// When; now if nothing is said.
    pub occurred_at: Option<Instant>,
}

/// What is reported: all of it is granted, or nothing.
#[derive(Debug, Clone)]
pub struct UseQuota {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Who reports.
    pub holder: QuotaHolder,
    /// As the audit log names them.
    pub actor: Actor,
    /// The same for the same report.
    pub idempotency_key: Vec<u8>,
    /// 1 to [`USED_ITEMS_MAX`].
    pub items: Vec<UsedItem>,
    /// Whether the items stood in a list: for pointers.
    pub is_list: bool,
    /// Keeps it back for so long instead of counting it as used; for one item.
    pub reserve: Option<TimeDelta>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedQuota {
    /// What was granted, and what is left.
    pub grant: UsageGrant,
    /// The reservation, if one was asked for.
    pub reservation: Option<Reservation>,
}

/// Why nothing was counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UseQuotaFault {
    /// Some items are wrong: each of them is named.
    #[error("{} of the items will not do", .0.len())]
    Mistakes(Vec<UsageItemMistake>),
    /// Something else.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
}

/// What is read at first.
struct Opened {
    report: Option<UsageReport>,
    license: Option<Versioned<License>>,
    account: Option<Versioned<QuotaAccount>>,
}

impl UseQuota {
    pub(super) fn pointer(&self, index: usize, member: &str) -> String {
        if self.is_list { format!("/items/{index}/{member}") } else { format!("/{member}") }
    }

    fn key_digest(&self) -> [u8; 32] {
        digest(&[self.license.as_str().as_bytes(), &self.idempotency_key])
    }

    /// Of what is reported, not of the bytes that said it.
    fn request_digest(&self) -> [u8; 32] {
        let reserve = self.reserve.map_or(-1, |lifetime| lifetime.num_seconds()).to_be_bytes();
        let mut parts: Vec<Vec<u8>> = vec![reserve.to_vec()];
        for item in &self.items {
            let at = item.occurred_at.map_or(i64::MIN, |at| at.timestamp_millis());
            parts.push(item.metric.as_bytes().to_vec());
            parts.push(item.amount.ten_thousandths().to_be_bytes().to_vec());
            parts.push(at.to_be_bytes().to_vec());
        }
        digest(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }
}

/// Each part with its length before it, so that no two lists of parts are the same bytes.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

impl App {
    /// Counts it once, however often it is reported under its key; a repeat is answered as the first time.
    pub async fn use_quota(&self, order: &UseQuota) -> Result<UsedQuota, UseQuotaFault> {
        decided!(self, self.try_use_quota(order))?.map_err(UseQuotaFault::Mistakes)
    }

    async fn try_use_quota(
        &self,
        order: &UseQuota,
    ) -> Result<Result<UsedQuota, Vec<UsageItemMistake>>, UseCaseError> {
        let now = self.now();
        let Opened { report, license, account } = self.open_report(order).await?;
        if let Some(report) = report.filter(|report| now < report.until) {
            return self.answered_before(order, report).await.map(Ok);
        }
        let license = license.ok_or(match order.holder {
            QuotaHolder::LicenseKey(_) | QuotaHolder::Activation(_) => Refusal::LicenseKeyRefused,
            QuotaHolder::Merchant => Refusal::NotFound { what: "license" },
        })?;
        self.may_use(&license.value, &order.holder, now).await?;
        let books = self.quota_books(license, account, now).await?;
        let mistakes = mistakes(order, &books.account, now);
        if !mistakes.is_empty() {
            return Ok(Err(mistakes));
        }
        let instants = instants(order, now)?;
        let counts = self.counts_for(order, &books, &instants, now).await?;
        let mut pool = books.pool(counts.clone());
        let drawn = draw(order, &instants, &mut pool);
        if self.finds_lapsed(order, &books, &instants, (&pool, drawn.is_err()), now).await? {
            return Err(StoreError::Conflict.into());
        }
        // What took the last of it may be this very report, sent twice at once: then it is answered as the first time.
        if drawn.is_err() && self.was_counted(order, now).await? {
            return Err(StoreError::Conflict.into());
        }
        let payments = drawn.map_err(|index| exhausted(order, index, &books, &counts, now))?;
        let used = self.commit_use(order, &books, &counts, &pool, payments, now).await?;
        Ok(Ok(used))
    }

    async fn open_report(&self, order: &UseQuota) -> Result<Opened, UseCaseError> {
        let (merchant, id) = (order.merchant.clone(), order.license.clone());
        let keys = [
            RecordKey::UsageReport(merchant.clone(), id.clone(), order.key_digest()),
            RecordKey::License(merchant.clone(), id.clone()),
            RecordKey::QuotaAccount(merchant, id),
        ];
        let mut opened = Opened { report: None, license: None, account: None };
        for Versioned { value, revision } in self.store.load(&keys).await?.into_iter().flatten() {
            match value {
                Record::UsageReport(report) => opened.report = Some(report),
                Record::License(value) => opened.license = Some(Versioned { value, revision }),
                Record::QuotaAccount(value) => opened.account = Some(Versioned { value, revision }),
                other => return Err(misplaced(&other).into()),
            }
        }
        Ok(opened)
    }

    /// Whether the report is there, as it was not when it was looked for first.
    async fn was_counted(&self, order: &UseQuota, now: Instant) -> Result<bool, StoreError> {
        let (merchant, license) = (order.merchant.clone(), order.license.clone());
        let key = RecordKey::UsageReport(merchant, license, order.key_digest());
        let report: Option<Versioned<UsageReport>> = find(self.store.as_ref(), key).await?;
        Ok(report.is_some_and(|report| now < report.value.until))
    }

    async fn answered_before(
        &self,
        order: &UseQuota,
        report: UsageReport,
    ) -> Result<UsedQuota, UseCaseError> {
        if report.request_digest != order.request_digest() {
            return Err(Refusal::IdempotencyConflict.into());
        }
        let reservation = match report.reservation {
            None => None,
            Some(id) => {
                let key = RecordKey::Reservation(order.merchant.clone(), order.license.clone(), id);
                find::<Reservation>(self.store.as_ref(), key).await?.map(|found| found.value)
            }
        };
        Ok(UsedQuota { grant: report.grant, reservation })
    }

    /// Whether this holder may use anything of the license now.
    pub(super) async fn may_use(
        &self,
        license: &License,
        holder: &QuotaHolder,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        match holder {
            QuotaHolder::LicenseKey(None) | QuotaHolder::Merchant => Ok(license.check(now)?),
            QuotaHolder::LicenseKey(Some(token_id)) => match license.check_key(token_id, false, now) {
                Err(Refusal::LicenseSuperseded) => {
                    let restored = self.last_restore().await?.is_some();
                    Ok(license.check_key(token_id, restored, now)?)
                }
                checked => Ok(checked?),
            },
            QuotaHolder::Activation(id) => {
                license.check(now)?;
                let (merchant, license) = (license.merchant.clone(), license.id.clone());
                let key = RecordKey::Activation(merchant, license, id.clone());
                let found: Option<Versioned<Activation>> = find(self.store.as_ref(), key).await?;
                let held = found.is_some_and(|found| matches!(found.value.state, ActivationState::Held(_)));
                if held { Ok(()) } else { Err(Refusal::ActivationEnded.into()) }
            }
        }
    }

    /// The counters of every window that the report may touch, and of those that say what is left.
    async fn counts_for(
        &self,
        order: &UseQuota,
        books: &QuotaBooks,
        instants: &[Instant],
        now: Instant,
    ) -> Result<QuotaCounts, UseCaseError> {
        let pool = books.pool(QuotaCounts::default());
        let (mut asked, mut keys, mut windows) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (item, at) in order.items.iter().zip(instants) {
            for at in [*at, now] {
                if !asked.insert((item.metric.as_str(), at)) {
                    continue;
                }
                for (held, window) in pool.covering(&item.metric, at) {
                    windows.insert((held.id.clone(), window.starts_at));
                    keys.extend([Meter::Taken, Meter::Reserved].map(|meter| held.meter(meter)));
                    keys.extend(
                        [Meter::Taken, Meter::Alerted].map(|meter| held.window_meter(meter, &window)),
                    );
                }
            }
        }
        if windows.len() > WINDOWS_MAX {
            let why = format!(
                "the items fall into more than {WINDOWS_MAX} windows: report them in several requests"
            );
            return Err(Refusal::Invalid { pointer: "/items".into(), why }.into());
        }
        self.quota_counts(&order.merchant, keys).await
    }

    /// Whether something that a package lacks was reserved and has lapsed; it is given back then. Of what was refused any
    /// package may lack something, else one that has given all it had.
    async fn finds_lapsed(
        &self,
        order: &UseQuota,
        books: &QuotaBooks,
        instants: &[Instant],
        (pool, is_refused): (&QuotaPool<'_>, bool),
        now: Instant,
    ) -> Result<bool, UseCaseError> {
        let mut covering =
            order.items.iter().zip(instants).flat_map(|(item, at)| pool.covering(&item.metric, *at));
        let lacks = covering.any(|(held, window)| {
            let may_lack = is_refused || pool.room(held, &window) == Amount::ZERO;
            may_lack && pool.counts().get(&held.meter(Meter::Reserved)) > 0
        });
        if !lacks {
            return Ok(false);
        }
        let license = &books.license.value;
        Ok(self.return_lapsed(&license.merchant, &license.id, now).await? > 0)
    }

    async fn commit_use(
        &self,
        order: &UseQuota,
        books: &QuotaBooks,
        counts: &QuotaCounts,
        pool: &QuotaPool<'_>,
        payments: Vec<Payment<'_>>,
        now: Instant,
    ) -> Result<UsedQuota, UseCaseError> {
        let license = &books.license.value;
        let grant = granted(order, &payments, pool, now);
        let reservation = order.reserve.map(|lifetime| self.reservation(order, &payments, lifetime, now));
        let report = UsageReport {
            merchant: order.merchant.clone(),
            license: order.license.clone(),
            key_digest: order.key_digest(),
            request_digest: order.request_digest(),
            until: now + TimeDelta::days(REPORT_DAYS),
            reservation: reservation.as_ref().map(|reservation| reservation.id.clone()),
            grant: grant.clone(),
        };
        let commit = books.guard(Commit::new().with_urgency(Urgency::Ordinary));
        let mut commit = commit.with(Change::Claim(Record::UsageReport(report), now));
        let counts_hours = reservation.is_none() && self.is_pay_per_use(license).await?;
        for payment in &payments {
            commit = self.pay(order, commit, payment, counts);
            if counts_hours {
                commit = commit.with(used_hour(license, &payment.grant, now));
            }
        }
        if let Some(reservation) = reservation.clone() {
            commit = commit.put(reservation, ABSENT);
        }
        self.store.commit(commit).await?;
        Ok(UsedQuota { grant, reservation })
    }

    /// Adds what one window pays, within what its package gives, and tells of what it passes.
    fn pay(
        &self,
        order: &UseQuota,
        mut commit: Commit,
        payment: &Payment<'_>,
        counts: &QuotaCounts,
    ) -> Commit {
        let Payment { held, window, grant } = payment;
        let (more, over) = (grant.amount.ten_thousandths(), grant.over.ten_thousandths());
        let cap = held.cap().map_or(i64::MAX, Amount::ten_thousandths);
        let add = |key: MeterKey, delta, min, max| {
            let counter = CounterKey::Quota(order.merchant.clone(), key);
            Change::AddWithin { counter, delta, min, max }
        };
        if more > 0 {
            let (taken, alerted) =
                (held.window_meter(Meter::Taken, window), held.window_meter(Meter::Alerted, window));
            let so_far = counts.get(&alerted);
            let step = held.alert_step(counts.get(&taken), more, so_far);
            let total = held.meter(Meter::Taken);
            let max = if taken == total { step.max.min(cap) } else { step.max };
            if taken != total {
                commit = commit.with(add(total, more, 0, cap));
            }
            commit = commit.with(add(taken, more, step.min, max));
            if let Some(last) = step.passed.last() {
                let level = i64::from(*last);
                commit = commit.with(add(alerted, level - so_far, level, level));
            }
            for percent in step.passed {
                commit = commit.put(self.alert(order, payment, percent), ABSENT);
            }
        }
        let mut counted = vec![(Meter::Over, over)];
        if order.reserve.is_some() {
            counted = vec![(Meter::Reserved, more)];
        }
        for (meter, delta) in counted.into_iter().filter(|(_, delta)| *delta > 0) {
            for key in held.counters(meter, window) {
                commit = commit.with(add(key, delta, 0, i64::MAX));
            }
        }
        commit
    }

    fn alert(&self, order: &UseQuota, payment: &Payment<'_>, percent: u8) -> crate::domain::AuditEvent {
        let kind = if percent == 100 { EventKind::QuotaExhausted } else { EventKind::QuotaLow };
        let shown = |at: Option<Instant>| at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
        let detail = [
            ("package", payment.held.id.to_string()),
            ("metric", payment.held.package.template.metric.clone()),
            ("percent", percent.to_string()),
            ("window_ends_at", shown(payment.window.ends_at)),
        ];
        self.event(&order.merchant, &order.license, &order.actor, kind, &detail)
    }

    fn reservation(
        &self,
        order: &UseQuota,
        payments: &[Payment<'_>],
        lifetime: TimeDelta,
        now: Instant,
    ) -> Reservation {
        let part = |payment: &Payment<'_>| ReservedPart {
            package: payment.held.id.clone(),
            window: payment.held.window_meter(Meter::Taken, &payment.window).window,
            window_starts_at: payment.window.starts_at,
            window_ends_at: payment.window.ends_at,
            amount: payment.grant.amount,
            over: payment.grant.over,
        };
        let all = order.items.iter().fold(Amount::ZERO, |sum, item| sum.plus(item.amount).unwrap_or(sum));
        Reservation {
            id: ReservationId::from_uuid(self.ids.uuid_v7(now)),
            merchant: order.merchant.clone(),
            license: order.license.clone(),
            metric: order.items.first().map(|item| item.metric.clone()).unwrap_or_default(),
            amount: all,
            parts: payments.iter().map(part).collect(),
            made_at: now,
            until: now + lifetime,
            state: ReservationState::Open,
        }
    }
}

/// What was used of a pay-per-use license in this hour of the clock, for the push to the marketplace.
pub(super) fn used_hour(license: &License, grant: &PackageGrant, now: Instant) -> Change {
    let hour = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
    let counter = CounterKey::UsedHour(UsedHour {
        merchant: license.merchant.clone(),
        hour,
        license: license.id.clone(),
        package: grant.package.clone(),
    });
    let used = grant.amount.plus(grant.over).unwrap_or(grant.amount);
    Change::Add(counter, used.ten_thousandths())
}
