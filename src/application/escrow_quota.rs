//! Shares of quota that machines may use up offline: granted, counted, given back.
//!
//! A share is counted like a reservation: as taken and as reserved, of its window and of its package. What the ledger says
//! was used of it is no longer reserved; what is given back is neither. So at every moment bought = used + reserved +
//! left + expired + refunded, and no two machines are ever given the same.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::quota_books::QuotaBooks;
use super::record::{CounterKey, Record, RecordKey};
use super::use_quota::used_hour;
use crate::domain::{
    Actor, Amount, Device, EventKind, HeldPackage, Instant, License, LicenseId, MerchantId, Meter, MeterKey,
    PackageGrant, QuotaWindow, Refusal, SHARE_RETURN_HOURS, Share, ShareUse,
};

/// Device keys of one license that are looked at when something is lacking: as many as it can have places.
const LOOKED_AT_MAX: usize = 1_000;
/// Most metrics that one machine asks a share of.
pub const QUOTA_ASKS_MAX: usize = 16;

/// How much of a metric a machine wants to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaAsk {
    /// Which metric.
    pub metric: String,
    /// How much, what it holds already included.
    pub amount: Amount,
}

/// What becomes of the rest of a share that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// It can be used by anybody again.
    Returned,
    /// It counts as used: the machine's ledger was wrong, so nobody knows what it used.
    Used,
}

/// Whose shares are counted, and when.
pub(super) struct Escrow<'a> {
    pub(super) license: &'a Versioned<License>,
    pub(super) now: Instant,
    /// Whether what is used is pushed to the marketplace by the hour.
    pub(super) counts_hours: bool,
}

impl Escrow<'_> {
    fn add(&self, key: MeterKey, delta: i64) -> Change {
        Change::Add(CounterKey::Quota(self.license.value.merchant.clone(), key), delta)
    }

    fn count(&self, share: &Share, meter: Meter, delta: i64) -> Vec<Change> {
        if delta == 0 {
            return Vec::new();
        }
        share.counters(meter).into_iter().map(|key| self.add(key, delta)).collect()
    }

    /// What a machine used of what was kept for it.
    pub(super) fn used(&self, share: &Share, amount: Amount, over: Amount) -> Vec<Change> {
        let grant = PackageGrant {
            package: share.package.clone(),
            metric: 0,
            window_starts_at: share.window.starts_at,
            window_ends_at: share.window.ends_at,
            amount,
            over,
            left: Amount::ZERO,
        };
        let is_something = amount > Amount::ZERO || over > Amount::ZERO;
        let counted =
            (self.counts_hours && is_something).then(|| used_hour(&self.license.value, &grant, self.now));
        counted.into_iter().collect()
    }

    /// The rest of a share that ends.
    pub(super) fn end(&self, share: &Share, rest: Amount, fate: Rest) -> Vec<Change> {
        let kept = rest.ten_thousandths();
        let mut changes = self.count(share, Meter::Reserved, -kept);
        match fate {
            Rest::Returned => changes.extend(self.count(share, Meter::Taken, -kept)),
            Rest::Used => changes.extend(self.used(share, rest, Amount::ZERO)),
        }
        changes
    }

    fn within(&self, key: MeterKey, delta: i64, min: i64, max: i64) -> Change {
        let counter = CounterKey::Quota(self.license.value.merchant.clone(), key);
        Change::AddWithin { counter, delta, min, max }
    }
}

impl App {
    /// What merged entries count: what was kept for the machine is used now. What is told late, when it was given back
    /// already, is taken anew as far as there is any left, and is beyond the package else.
    pub(super) async fn count_share_uses(
        &self,
        escrow: &Escrow<'_>,
        device: &Device,
        uses: &[ShareUse],
    ) -> Result<Vec<Change>, UseCaseError> {
        let (mut changes, mut told_late) = (Vec::new(), Vec::new());
        for share in &device.shares {
            let sum = |late: bool| {
                let own = uses.iter().filter(|used| used.share == share.number && used.is_late == late);
                own.fold(Amount::ZERO, |sum, used| sum.plus(used.amount).unwrap_or(sum))
            };
            let (in_time, late) = (sum(false), sum(true));
            changes.extend(escrow.count(share, Meter::Reserved, -in_time.ten_thousandths()));
            changes.extend(escrow.used(share, in_time, Amount::ZERO));
            if late > Amount::ZERO {
                told_late.push((share, late));
            }
        }
        if !told_late.is_empty() {
            changes.extend(self.count_late(escrow, &told_late).await?);
        }
        Ok(changes)
    }

    async fn count_late(
        &self,
        escrow: &Escrow<'_>,
        told: &[(&Share, Amount)],
    ) -> Result<Vec<Change>, UseCaseError> {
        let books = self.books_of(escrow).await?;
        let meters = told.iter().flat_map(|(share, _)| {
            let reserved = share.counters(Meter::Reserved);
            reserved.into_iter().chain(share.counters(Meter::Taken))
        });
        let mut counts = self.quota_counts(&escrow.license.value.merchant, meters.collect()).await?;
        let mut changes = Vec::new();
        for (share, late) in told {
            let held = books.account.open_packages().find(|held| held.id == share.package);
            let room = held.map_or(Amount::ZERO, |held| held.room_of(share, &counts)).min(*late);
            if room < *late {
                self.nothing_has_lapsed(&books.account, &counts, escrow.now).await?;
            }
            let over = late.less(room);
            changes.extend(escrow.count(share, Meter::Over, over.ten_thousandths()));
            if let Some(held) = held.filter(|_| room > Amount::ZERO) {
                let (window, cap) =
                    (held.package.template.amount, held.cap().map_or(i64::MAX, Amount::ten_thousandths));
                for key in share.counters(Meter::Taken) {
                    let most = if key.window.is_some() { window.ten_thousandths() } else { cap };
                    counts.add(key.clone(), room.ten_thousandths());
                    changes.push(escrow.within(key, room.ten_thousandths(), 0, most));
                }
            }
            changes.extend(escrow.used(share, room, over));
        }
        Ok(changes)
    }

    async fn books_of(&self, escrow: &Escrow<'_>) -> Result<QuotaBooks, UseCaseError> {
        let license = &escrow.license.value;
        let key = RecordKey::QuotaAccount(license.merchant.clone(), license.id.clone());
        let account = find(self.store.as_ref(), key).await?;
        self.quota_books(escrow.license.clone(), account, escrow.now).await
    }

    /// Gives a machine what it asks for, as far as there is any left: of the package whose window ends first before the
    /// others.
    pub(super) async fn grant_shares(
        &self,
        escrow: &Escrow<'_>,
        device: &mut Device,
        asks: &[QuotaAsk],
        usable_until: Instant,
    ) -> Result<Vec<Change>, UseCaseError> {
        let now = escrow.now;
        let wanted = |device: &Device, ask: &QuotaAsk| ask.amount.less(device.usable(&ask.metric, now));
        let books = self.books_of(escrow).await?;
        for (index, ask) in asks.iter().enumerate() {
            if !books.account.knows(&ask.metric) {
                let why = format!("the license has no quota of {}", ask.metric);
                return Err(Refusal::Invalid { pointer: format!("/quota/{index}/metric"), why }.into());
            }
        }
        let mut keys = BTreeSet::new();
        let empty = books.pool(crate::domain::QuotaCounts::default());
        for (held, window) in asks.iter().flat_map(|ask| empty.covering(&ask.metric, now)) {
            keys.extend([Meter::Taken, Meter::Reserved].map(|meter| held.meter(meter)));
            keys.extend([Meter::Taken, Meter::Alerted].map(|meter| held.window_meter(meter, &window)));
        }
        let counts = self.quota_counts(&escrow.license.value.merchant, keys).await?;
        let mut pool = books.pool(counts.clone());
        // The license is held at its revision by the commit that this becomes a part of; it may begin there.
        let own = RecordKey::License(escrow.license.value.merchant.clone(), escrow.license.value.id.clone());
        let is_license = |change: &Change| matches!(change, Change::Check(key, _) if *key == own);
        let mut changes = books.guard(Commit::new()).changes;
        changes.retain(|change| !is_license(change));
        for ask in asks {
            for (held, window) in pool.covering(&ask.metric, now) {
                let wanted = wanted(device, ask);
                let given = pool.room(held, &window).min(wanted);
                if given < wanted && counts.get(&held.meter(Meter::Reserved)) > 0 {
                    let license = &escrow.license.value;
                    if self.return_lapsed(&license.merchant, &license.id, now).await? > 0 {
                        return Err(StoreError::Conflict.into());
                    }
                }
                let share = share_of(held, window, given, usable_until);
                if given == Amount::ZERO || !device.grant(&share, now) {
                    continue;
                }
                let before = pool.counts().clone();
                pool.take(held, &window, given);
                changes.extend(self.take_for_share(escrow, held, &share, &before));
            }
        }
        Ok(changes)
    }

    /// Taken and reserved, within what the package gives, and the merchant is told of what it passes.
    fn take_for_share(
        &self,
        escrow: &Escrow<'_>,
        held: &HeldPackage,
        share: &Share,
        counts: &crate::domain::QuotaCounts,
    ) -> Vec<Change> {
        let more = share.granted.ten_thousandths();
        let cap = held.cap().map_or(i64::MAX, Amount::ten_thousandths);
        let (taken, total) = (held.window_meter(Meter::Taken, &share.window), held.meter(Meter::Taken));
        let alerted = held.window_meter(Meter::Alerted, &share.window);
        let so_far = counts.get(&alerted);
        let step = held.alert_step(counts.get(&taken), more, so_far);
        let mut changes = escrow.count(share, Meter::Reserved, more);
        if taken == total {
            changes.push(escrow.within(taken, more, step.min, step.max.min(cap)));
        } else {
            changes.push(escrow.within(total, more, 0, cap));
            changes.push(escrow.within(taken, more, step.min, step.max));
        }
        if let Some(last) = step.passed.last() {
            let level = i64::from(*last);
            changes.push(escrow.within(alerted, level - so_far, level, level));
        }
        for percent in step.passed {
            let kind = if percent == 100 { EventKind::QuotaExhausted } else { EventKind::QuotaLow };
            let ends = share.window.ends_at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
            let detail = [
                ("package", held.id.to_string()),
                ("metric", share.metric.clone()),
                ("percent", percent.to_string()),
                ("window_ends_at", ends),
            ];
            let license = &escrow.license.value;
            let event = self.event(&license.merchant, &license.id, &Actor::Customer, kind, &detail);
            changes.push(Change::Put(Record::Event(event), ABSENT));
        }
        changes
    }

    /// Gives back what silent machines of a license hold beyond their time; says how many of them.
    pub(super) async fn return_lapsed_shares(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        now: Instant,
    ) -> Result<usize, UseCaseError> {
        let listing = Listing::Devices(merchant.clone(), license.clone());
        let devices: Vec<Versioned<Device>> = list(self.store.as_ref(), &listing, LOOKED_AT_MAX).await?;
        let mut returned = 0;
        for Versioned { value: mut device, revision } in devices {
            let closed = device.close(|share| share.has_lapsed(now));
            if closed.is_empty() {
                continue;
            }
            let Some(license) = self.find_license(merchant, license).await? else { continue };
            let escrow = Escrow { license: &license, now, counts_hours: false };
            let changes = closed.iter().flat_map(|(share, rest)| escrow.end(share, *rest, Rest::Returned));
            let commit = Commit { changes: changes.collect(), ..Commit::new() };
            match self.store.commit(commit.put(device, revision)).await {
                Ok(_) => returned += 1,
                // The machine came back, or somebody else was faster: that is as good.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(returned)
    }
}

fn share_of(held: &HeldPackage, window: QuotaWindow, granted: Amount, usable_until: Instant) -> Share {
    let template = &held.package.template;
    Share {
        number: 0,
        package: held.id.clone(),
        window,
        metric: template.metric.clone(),
        unit: template.unit.clone(),
        reset: template.reset,
        alignment: template.window,
        granted,
        used: Amount::ZERO,
        until: window.ends_at.map_or(usable_until, |end| end.min(usable_until)),
        returns_at: usable_until + TimeDelta::hours(SHARE_RETURN_HOURS),
        is_closed: false,
    }
}
