//! Sums up what pay-per-use licenses have used, hour by hour or day by day as the marketplace bills, into the records that are
//! pushed.
//!
//! What is counted lies in a counter for each hour of the clock and package, by when it was reported: what is reported late
//! counts in the interval in which it is. Once an interval is over and settled, its record is written in the commit that
//! takes all of its counters away: whoever is second finds nothing, and whatever comes after all goes into a later interval.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::decide_usage::decide_usage;
use super::metered_instances::{METERING_MARKETPLACE, MeteredInstance, MeteredInstances};
use super::ports::{ABSENT, Change, Commit, Listing, Urgency, find, list};
use super::record::{CounterKey, RecordKey, USED_HOUR_SETTLES_SECS, UsedHour};
use super::record_usage::{RecordUsage, UsageItem, UsageOf};
use crate::domain::{
    Actor, Amount, Channel, EventKind, InstanceId, Instant, License, LicenseId, Merchant, MerchantId, Origin,
    PackageId, PackageKind, PackageSource, QuotaAccount, Reading, USAGE_VALUE_MAX_TEN_THOUSANDTHS,
    UsageInterval, UsageMistake, UsageRecord,
};

/// Counters that are read at a time.
const PAGE: usize = 1_000;
/// Counters of one merchant that are summed up in one run; the rest follows in the next.
const COUNTERS_MAX: usize = 100_000;
/// Counters of one license that one commit takes away; a day has 24 of each package.
const PER_COMMIT_MAX: usize = 960;

/// The counters of one interval of one license.
type Summed = BTreeMap<(UsageInterval, LicenseId), Vec<UsedHour>>;

/// What becomes of an interval.
enum Plan {
    /// It is recorded: these items.
    Record(Vec<UsageItem>),
    /// The marketplace will never take it.
    Drop(String),
    /// It cannot be recorded yet.
    Wait(String),
}

/// One interval of one license, with what is needed to decide it.
struct Interval<'a> {
    merchant: &'a MerchantId,
    license: &'a LicenseId,
    whole: UsageInterval,
    instance: &'a MeteredInstance,
    /// Of its packages that were bought by themselves: what the marketplace calls them.
    packages: &'a BTreeMap<PackageId, InstanceId>,
}

impl App {
    /// Records every interval that is over; says how many. May be cut off and repeated at any time, and run by many.
    pub async fn roll_up_usage(&self) -> Result<usize, UseCaseError> {
        let mut recorded = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            recorded += self.roll_up_of(&merchant.value.id).await?;
        }
        Ok(recorded)
    }

    async fn roll_up_of(&self, merchant: &MerchantId) -> Result<usize, UseCaseError> {
        let now = self.now();
        let hours = self.used_hours_before(merchant, now - settles()).await?;
        let licenses: BTreeSet<LicenseId> = hours.iter().map(|hour| hour.license.clone()).collect();
        let instances = self.metered_instances(merchant, BTreeSet::new(), licenses).await?;
        let mut recorded = 0;
        for ((whole, license), hours) in by_interval(hours, &instances, now) {
            let Some((instance, channel)) = metered(&instances, &license) else { continue };
            let packages = match channel.usage.packages {
                PackageKind::PayPerUse => BTreeMap::new(),
                PackageKind::StopBeforeExcess => self.package_instances(merchant, &license).await?,
            };
            let packages = &packages;
            let interval = Interval { merchant, license: &license, whole, instance, packages };
            for hours in hours.chunks(PER_COMMIT_MAX) {
                recorded += self.roll_up_interval(&interval, hours).await?;
            }
        }
        Ok(recorded)
    }

    async fn used_hours_before(
        &self,
        merchant: &MerchantId,
        settled: Instant,
    ) -> Result<Vec<UsedHour>, UseCaseError> {
        let mut hours: Vec<UsedHour> = Vec::new();
        loop {
            let page = self.store.used_hours(merchant, settled, hours.last(), PAGE).await?;
            let is_last = page.len() < PAGE;
            hours.extend(page.into_iter().map(|(hour, _)| hour));
            if is_last || hours.len() >= COUNTERS_MAX {
                return Ok(hours);
            }
        }
    }

    /// Records one interval, or the part of it that these counters hold.
    async fn roll_up_interval(
        &self,
        interval: &Interval<'_>,
        hours: &[UsedHour],
    ) -> Result<usize, UseCaseError> {
        let _turn = self.turn(&("usage", interval.merchant.as_str())).await;
        let recorded = decided!(self, self.try_roll_up(interval, hours))?;
        if recorded > 0 {
            self.signals.jobs.notify_one();
        }
        Ok(recorded)
    }

    async fn try_roll_up(&self, interval: &Interval<'_>, hours: &[UsedHour]) -> Result<usize, UseCaseError> {
        let now = self.now();
        let counters: Vec<CounterKey> = hours.iter().cloned().map(CounterKey::UsedHour).collect();
        let counts = self.store.counts(&counters).await?;
        let mut used: BTreeMap<PackageId, i64> = BTreeMap::new();
        for (hour, count) in hours.iter().zip(&counts) {
            *used.entry(hour.package.clone()).or_default() += count;
        }
        let taken = counters.into_iter().zip(counts).fold(Commit::new(), |commit, (counter, count)| {
            let taken = Change::AddWithin { counter: counter.clone(), delta: -count, min: 0, max: 0 };
            commit.with(taken).with(Change::Forget(counter))
        });
        used.retain(|_, count| *count > 0);
        let commit = match self.planned(interval, &used, now) {
            _ if used.is_empty() => Ok((0, taken)),
            Plan::Wait(why) => Err(why),
            Plan::Drop(why) => Ok((0, taken.put(self.roll_up_dropped(interval, &used, &why), ABSENT))),
            Plan::Record(items) if self.is_recorded(interval, &items).await? => {
                Ok((0, carried(taken, interval, &used)))
            }
            Plan::Record(items) => self.recorded(interval, items, taken, &used).await?,
        };
        match commit {
            Ok((count, commit)) => {
                self.store.commit(commit.with_urgency(Urgency::Ordinary)).await?;
                Ok(count)
            }
            Err(why) => {
                let (merchant, license, begin) = (interval.merchant, interval.license, interval.whole.begin);
                tracing::warn!(%merchant, %license, %begin, why, "usage cannot be recorded for the marketplace yet");
                Ok(0)
            }
        }
    }

    fn planned(&self, interval: &Interval<'_>, used: &BTreeMap<PackageId, i64>, now: Instant) -> Plan {
        let metered = interval.instance.metered();
        let Some(own) = interval.whole.within(&metered) else {
            return Plan::Drop("the instance was not there in this interval".to_owned());
        };
        let mut values: BTreeMap<Option<InstanceId>, i64> = BTreeMap::new();
        for (package, count) in used {
            *values.entry(interval.packages.get(package).cloned()).or_default() += count;
        }
        let parts = own.parts(values.len());
        if parts.is_empty() {
            return Plan::Drop("more packages were used than the interval has seconds".to_owned());
        }
        let mut items = Vec::with_capacity(values.len());
        for ((package, count), part) in values.into_iter().zip(parts) {
            let value = Amount::from_ten_thousandths(count.min(USAGE_VALUE_MAX_TEN_THOUSANDTHS));
            let Ok(value) = value else { return Plan::Wait("its value is no amount".to_owned()) };
            let reading = Reading { begin: part.begin, end: part.end, value };
            match reading.check(&metered, now) {
                Ok(()) => {}
                Err(mistake @ UsageMistake::TooOld) => return Plan::Drop(mistake.to_string()),
                Err(mistake) => return Plan::Wait(mistake.to_string()),
            }
            let of = UsageOf::License(interval.license.clone());
            items.push(UsageItem { of, reading, package, metering_sn: None });
        }
        Plan::Record(items)
    }

    /// Whether there is a record of one of these intervals: its merchant's own, or what was written before something
    /// came after all.
    async fn is_recorded(&self, interval: &Interval<'_>, items: &[UsageItem]) -> Result<bool, UseCaseError> {
        for item in items {
            let key = usage_key(interval, item);
            if find::<UsageRecord>(self.store.as_ref(), RecordKey::UsageRecord(key)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The records with everything that is written with them; or in words why not yet.
    async fn recorded(
        &self,
        interval: &Interval<'_>,
        items: Vec<UsageItem>,
        taken: Commit,
        used: &BTreeMap<PackageId, i64>,
    ) -> Result<Result<(usize, Commit), String>, UseCaseError> {
        let now = self.now();
        let recorded: i64 = items.iter().map(|item| item.reading.value.ten_thousandths()).sum();
        let order = RecordUsage { merchant: interval.merchant.clone(), items, idempotency: None };
        let known = self.known_usage(&order).await?;
        let decided = match decide_usage(self, &order, known, now) {
            Ok(decided) => decided,
            Err(mistakes) => {
                let why = mistakes.into_iter().next().map(|mistake| mistake.why).unwrap_or_default();
                return Ok(Err(why));
            }
        };
        let count = decided.fresh.len();
        let mut commit = self.usage_commit(interval.merchant, decided, now).await?;
        commit.changes.extend(taken.changes);
        // What does not fit into one record goes into the next interval's.
        let beyond = used.values().sum::<i64>() - recorded;
        if let (true, Some(package)) = (beyond > 0, used.keys().next()) {
            commit = commit.with(Change::Add(later(interval, package), beyond));
        }
        Ok(Ok((count, commit)))
    }

    /// What the marketplace calls the packages of a license that were bought by themselves.
    async fn package_instances(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
    ) -> Result<BTreeMap<PackageId, InstanceId>, UseCaseError> {
        let key = RecordKey::QuotaAccount(merchant.clone(), license.clone());
        let account = find::<QuotaAccount>(self.store.as_ref(), key).await?;
        let mut instances = BTreeMap::new();
        for held in account.into_iter().flat_map(|account| account.value.packages) {
            let PackageSource::Purchase(bought) = &held.source else { continue };
            let key = RecordKey::License(merchant.clone(), bought.clone());
            let bought = find::<License>(self.store.as_ref(), key).await?;
            if let Some(Origin::Order { instance, .. }) = bought.map(|bought| bought.value.origin) {
                instances.insert(held.id, instance);
            }
        }
        Ok(instances)
    }

    fn roll_up_dropped(
        &self,
        interval: &Interval<'_>,
        used: &BTreeMap<PackageId, i64>,
        why: &str,
    ) -> crate::domain::AuditEvent {
        let (merchant, license) = (interval.merchant, interval.license);
        tracing::error!(%merchant, %license, begin = %interval.whole.begin, why, "usage was given up");
        let text = |instant: Instant| instant.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let value = Amount::from_ten_thousandths(used.values().sum()).unwrap_or_default();
        let detail = [
            ("instance_id", interval.instance.purchase.instance.to_string()),
            ("begin", text(interval.whole.begin)),
            ("end", text(interval.whole.end)),
            ("value", value.to_string()),
            ("reason", why.to_owned()),
        ];
        self.event(merchant, license, &Actor::Server, EventKind::UsageDropped, &detail)
    }
}

fn settles() -> TimeDelta {
    TimeDelta::seconds(USED_HOUR_SETTLES_SECS)
}

/// The license's instance and channel, if the marketplace meters it.
fn metered<'a>(
    instances: &'a MeteredInstances,
    license: &LicenseId,
) -> Option<(&'a MeteredInstance, &'a Channel)> {
    let instance = instances.instance(instances.instance_of(license)?).ok()?;
    Some((instance, instances.channel(&instance.purchase.channel)?))
}

/// The counters by interval, oldest first; those of intervals that are not over are left out.
fn by_interval(hours: Vec<UsedHour>, instances: &MeteredInstances, now: Instant) -> Summed {
    let mut summed = Summed::new();
    for hour in hours {
        let Some((_, channel)) = metered(instances, &hour.license) else { continue };
        let interval = UsageInterval::covering(METERING_MARKETPLACE, channel.usage.billing, hour.hour);
        if interval.is_settled(settles(), now) {
            summed.entry((interval, hour.license.clone())).or_default().push(hour);
        }
    }
    summed
}

fn usage_key(interval: &Interval<'_>, item: &UsageItem) -> crate::domain::UsageKey {
    let Reading { begin, end, value: _ } = item.reading;
    crate::domain::UsageKey {
        merchant: interval.merchant.clone(),
        marketplace: METERING_MARKETPLACE,
        instance: interval.instance.purchase.instance.clone(),
        begin,
        end,
    }
}

/// The counter of the first hour of the next interval.
fn later(interval: &Interval<'_>, package: &PackageId) -> CounterKey {
    CounterKey::UsedHour(UsedHour {
        merchant: interval.merchant.clone(),
        hour: interval.whole.end,
        license: interval.license.clone(),
        package: package.clone(),
    })
}

fn carried(taken: Commit, interval: &Interval<'_>, used: &BTreeMap<PackageId, i64>) -> Commit {
    used.iter()
        .fold(taken, |commit, (package, count)| commit.with(Change::Add(later(interval, package), *count)))
}
