//! A merchant records what pay-per-use instances have used. It is pushed to the marketplace in its next window.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::merchant_commands::IdempotencyIdentity;
use super::metered_instances::{METERING_MARKETPLACE, MeteredInstance, MeteredInstances};
use super::ports::{ABSENT, Commit, StoreError, Urgency, Versioned, find_all};
use super::record::{Job, NamedUsage, RecordKey, Task, UsageOutbox, WaitingUsage};
use crate::domain::{
    ChannelId, InstanceId, Instant, LicenseId, MerchantId, MeteringSn, PackageKind, PushWindow, Reading,
    Refusal, UsageId, UsageKey, UsageMistake, UsagePush, UsageRecord, UsageState, UsageSum, Validity,
};

/// Most records of one request, and of one push.
pub const USAGE_ITEMS_MAX: usize = 1_000;
/// Within a window, what comes shortly after each other is pushed together.
const GATHER_SECS: i64 = 15;
/// What one commit may hold, less what does not depend on the items.
const CHANGES_MAX: usize = 4_000;

/// What a record is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageOf {
    /// The instance that the marketplace knows.
    Instance(InstanceId),
    /// The instance of this license.
    License(LicenseId),
}

/// One record as it is asked for.
#[derive(Debug, Clone)]
pub struct UsageItem {
    /// Of what.
    pub of: UsageOf,
    /// How much, from when to when.
    pub reading: Reading,
    /// The package that it is taken from.
    pub package: Option<InstanceId>,
    /// The merchant's own name for the record.
    pub metering_sn: Option<MeteringSn>,
}

/// What is to be recorded: all of it or nothing.
#[derive(Debug, Clone)]
pub struct RecordUsage {
    /// Whose.
    pub merchant: MerchantId,
    /// What, at most [`USAGE_ITEMS_MAX`].
    pub items: Vec<UsageItem>,
    /// If the caller may ask twice.
    pub idempotency: Option<IdempotencyIdentity>,
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedUsage {
    /// The records as they stand, in the order of the items.
    pub records: Vec<UsageRecord>,
    /// How many of them were not there before.
    pub new: usize,
}

/// What is wrong with one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageItemMistake {
    /// Which item, from 0.
    pub index: usize,
    /// Which member of it.
    pub member: &'static str,
    /// What is wrong, in words.
    pub why: String,
}

/// Why nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordUsageFault {
    /// Some items are wrong: each of them is named.
    #[error("{} of the records will not do", .0.len())]
    Mistakes(Vec<UsageItemMistake>),
    /// Something else.
    #[error(transparent)]
    UseCase(#[from] UseCaseError),
}

impl App {
    /// Records all of it or nothing. The same interval again with the same content changes nothing; with another one it is
    /// a mistake, because the marketplace counts the first only and gives nothing back.
    pub async fn record_usage(&self, order: &RecordUsage) -> Result<RecordedUsage, RecordUsageFault> {
        // Whoever adds to a queue commits against its outbox, so that requests of one merchant would only get in each
        // other's way.
        let _turn = self.turn(&("usage", order.merchant.as_str())).await;
        decided!(self, self.try_record_usage(order))?.map_err(RecordUsageFault::Mistakes)
    }

    async fn try_record_usage(
        &self,
        order: &RecordUsage,
    ) -> Result<Result<RecordedUsage, Vec<UsageItemMistake>>, UseCaseError> {
        let is_repeat = self.repeated(&order.merchant, order.idempotency).await?.is_some();
        let known = self.known_usage(order).await?;
        let mut recording =
            Recording { order, now: self.now(), known, fresh: Vec::new(), sums: Sums::default() };
        let mut decided = Vec::with_capacity(order.items.len());
        let mut mistakes = Vec::new();
        for (index, item) in order.items.iter().enumerate() {
            match recording.decide(self, item) {
                Ok(record) => decided.push(record),
                Err(Mistaken { member, why }) => mistakes.push(UsageItemMistake { index, member, why }),
            }
        }
        if !mistakes.is_empty() {
            return Ok(Err(mistakes));
        }
        let Recording { known, fresh, sums, now, .. } = recording;
        let new = fresh.len();
        let idempotency = order.idempotency.filter(|_| !is_repeat);
        if new > 0 || idempotency.is_some() {
            let commit = self.usage_commit(&order.merchant, fresh, sums, &known, now).await?;
            let about = decided.first().map(|record| &record.license);
            let commit = match about {
                Some(license) => self.with_idempotency(commit, &order.merchant, idempotency, license, now),
                None => commit,
            };
            self.store.commit(commit).await?;
            self.signals.jobs.notify_one();
        }
        Ok(Ok(RecordedUsage { records: decided, new }))
    }

    /// Everything that the items name, and what was recorded of it before.
    async fn known_usage(&self, order: &RecordUsage) -> Result<KnownUsage, UseCaseError> {
        let (mut ids, mut licenses) = (BTreeSet::new(), BTreeSet::new());
        for item in &order.items {
            match &item.of {
                UsageOf::Instance(id) => ids.insert(id.clone()),
                UsageOf::License(id) => licenses.insert(id.clone()),
            };
            ids.extend(item.package.clone());
        }
        let instances = self.metered_instances(&order.merchant, ids, licenses).await?;
        let key = |item| instances.key_of(&order.merchant, item).ok();
        let keys: BTreeSet<UsageKey> = order.items.iter().filter_map(key).collect();
        let names = order.items.iter().filter_map(|item| item.metering_sn.clone());
        let names: BTreeSet<MeteringSn> = names.collect();
        let records: Vec<UsageRecord> = self.loaded(keys.iter().cloned().map(RecordKey::UsageRecord)).await?;
        let name_key = |name| RecordKey::MeteringSn(order.merchant.clone(), name);
        let named: Vec<NamedUsage> = self.loaded(names.into_iter().map(name_key)).await?;
        let mut summed: BTreeSet<InstanceId> = keys.into_iter().map(|key| key.instance).collect();
        summed.extend(order.items.iter().filter_map(|item| item.package.clone()));
        let sum_keys: Vec<RecordKey> = summed.iter().map(|id| sum_key(&order.merchant, id)).collect();
        let sums: Vec<Option<Versioned<UsageSum>>> = find_all(self.store.as_ref(), &sum_keys).await?;
        Ok(KnownUsage {
            instances,
            records: records.into_iter().map(|record| (record.key.clone(), record)).collect(),
            names: named.into_iter().map(|named| (named.metering_sn, named.record)).collect(),
            sums: sums.into_iter().flatten().map(|sum| (sum.value.instance.clone(), sum)).collect(),
        })
    }

    /// Records, their places in the queues, the sums, and the jobs: one commit.
    ///
    /// [`Urgency::Ordinary`]: usage is money that is owed already and is lost after 21 days, so it goes on being taken when
    /// nothing new is sold any more; but it stops nothing, and whoever measured still has it and sends it again, so the
    /// last room is not for it.
    async fn usage_commit(
        &self,
        merchant: &MerchantId,
        fresh: Vec<(UsageRecord, PushWindow, bool)>,
        sums: Sums,
        known: &KnownUsage,
        now: Instant,
    ) -> Result<Commit, UseCaseError> {
        let mut commit = Commit::new().with_urgency(Urgency::Ordinary);
        for (instance, sum) in sums.0 {
            commit = commit.put(sum, known.sums.get(&instance).map_or(ABSENT, |sum| sum.revision));
        }
        let mut by_channel: BTreeMap<ChannelId, Vec<(UsageRecord, PushWindow, bool)>> = BTreeMap::new();
        for fresh in fresh {
            by_channel.entry(fresh.0.channel.clone()).or_default().push(fresh);
        }
        for (channel, records) in by_channel {
            let Versioned { value: mut outbox, revision } = self.usage_outbox(merchant, &channel).await?;
            let earliest = records.iter().map(|(_, window, _)| *window).min_by_key(|window| window.opens);
            for (mut record, window, is_named) in records {
                // Nothing is put before the end of a batch that is on its way.
                let batch_end = outbox.batch_end.as_ref().map_or(window.opens, |(due_at, _)| *due_at);
                record.due_at = window.opens.max(batch_end);
                if is_named {
                    let (metering_sn, record) = (record.metering_sn.clone(), record.key.clone());
                    commit = commit.put(NamedUsage { metering_sn, record }, ABSENT);
                }
                commit = commit.put(place_of(&record), ABSENT).put(record, ABSENT);
            }
            if let Some(earliest) = earliest.filter(|earliest| !is_covered(&outbox, earliest)) {
                let start = self.start_within(&earliest, now);
                commit = self.with_push_job(commit, &mut outbox, Some(start));
            }
            commit = commit.put(outbox, revision);
        }
        if commit.changes.len() > CHANGES_MAX {
            let why = "so many different instances do not fit into one request: send half of the records";
            return Err(Refusal::Invalid { pointer: "/items".into(), why: why.into() }.into());
        }
        Ok(commit)
    }

    pub(super) async fn usage_outbox(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
    ) -> Result<Versioned<UsageOutbox>, StoreError> {
        let key = RecordKey::UsageOutbox(merchant.clone(), channel.clone());
        let empty = || UsageOutbox {
            merchant: merchant.clone(),
            channel: channel.clone(),
            next_at: None,
            batch_end: None,
            batch_max: BATCH_MAX,
            set_aside: 0,
        };
        let found = super::ports::find(self.store.as_ref(), key).await?;
        Ok(found.unwrap_or_else(|| Versioned { value: empty(), revision: ABSENT }))
    }

    /// When a push begins in a window: spread over its start, or almost at once when it is open already.
    fn start_within(&self, window: &PushWindow, now: Instant) -> Instant {
        if !window.is_open(now) {
            return window.start(self.ids.random_bytes()[0]);
        }
        let gathered = now + TimeDelta::seconds(GATHER_SECS);
        if window.is_open(gathered) { gathered } else { now }
    }

    /// Has a job at `next_at` do the pushing, and no other.
    pub(super) fn with_push_job(
        &self,
        commit: Commit,
        outbox: &mut UsageOutbox,
        next_at: Option<Instant>,
    ) -> Commit {
        outbox.next_at = next_at;
        let Some(due_at) = next_at else { return commit };
        let task = Task::PushUsage { merchant: outbox.merchant.clone(), channel: outbox.channel.clone() };
        commit.put(Job { due_at, ..self.job(task, self.now()) }, ABSENT)
    }
}

/// As many records as a push takes.
pub(super) const BATCH_MAX: u32 = 1_000;

/// Whether a job that is planned, running or being repeated comes before the window closes.
fn is_covered(outbox: &UsageOutbox, window: &PushWindow) -> bool {
    outbox.next_at.is_some_and(|next_at| !Validity::between(window.closes, None).holds_at(next_at))
}

/// A record's place in the queue of its channel.
pub(super) fn place_of(record: &UsageRecord) -> WaitingUsage {
    WaitingUsage {
        channel: record.channel.clone(),
        due_at: record.due_at,
        id: record.id.clone(),
        record: record.key.clone(),
    }
}

pub(super) fn sum_key(merchant: &MerchantId, instance: &InstanceId) -> RecordKey {
    RecordKey::UsageSum(merchant.clone(), METERING_MARKETPLACE, instance.clone())
}

/// What is known of everything that a request names.
struct KnownUsage {
    instances: MeteredInstances,
    records: BTreeMap<UsageKey, UsageRecord>,
    names: BTreeMap<MeteringSn, UsageKey>,
    sums: BTreeMap<InstanceId, Versioned<UsageSum>>,
}

/// The sums that a request changes.
#[derive(Default)]
struct Sums(BTreeMap<InstanceId, UsageSum>);

struct Recording<'a> {
    order: &'a RecordUsage,
    now: Instant,
    known: KnownUsage,
    /// What is new, when it is pushed, and whether its name was given.
    fresh: Vec<(UsageRecord, PushWindow, bool)>,
    sums: Sums,
}

struct Mistaken {
    member: &'static str,
    why: String,
}

fn mistaken<T>(member: &'static str, why: impl Into<String>) -> Result<T, Mistaken> {
    Err(Mistaken { member, why: why.into() })
}

impl From<UsageMistake> for Mistaken {
    fn from(mistake: UsageMistake) -> Self {
        Self { member: mistake.member(), why: mistake.to_string() }
    }
}

impl UsageOf {
    fn member(&self) -> &'static str {
        match self {
            Self::Instance(_) => "instance_id",
            Self::License(_) => "license_id",
        }
    }
}

impl MeteredInstances {
    fn key_of(&self, merchant: &MerchantId, item: &UsageItem) -> Result<UsageKey, Mistaken> {
        let instance = match &item.of {
            UsageOf::Instance(id) => Some(id),
            UsageOf::License(id) => self.instance_of(id),
        };
        let Some(instance) = instance.cloned() else {
            return mistaken(
                "license_id",
                "there is no such license, or it was not bought at a marketplace that meters",
            );
        };
        let Reading { begin, end, value: _ } = item.reading;
        Ok(UsageKey { merchant: merchant.clone(), marketplace: METERING_MARKETPLACE, instance, begin, end })
    }
}

impl Recording<'_> {
    /// The record that an item asks for: as it stands, or new.
    fn decide(&mut self, app: &App, item: &UsageItem) -> Result<UsageRecord, Mistaken> {
        let key = self.known.instances.key_of(&self.order.merchant, item)?;
        let named = item.metering_sn.as_ref().and_then(|name| self.known.names.get(name));
        if named.is_some_and(|named| *named != key) {
            return mistaken("metering_sn", "another record has this metering_sn");
        }
        if let Some(record) = self.known.records.get(&key) {
            if record.says(item.reading.value, item.package.as_ref(), item.metering_sn.as_ref()) {
                return Ok(record.clone());
            }
            let why = "this interval of the instance was recorded before with another value, package or metering_sn; \
                       the marketplace counts the first one only: record the difference under another interval";
            return mistaken("value", why);
        }
        let (record, window) = self.new_record(app, item, key)?;
        self.add_up(&record)?;
        let is_named = item.metering_sn.is_some();
        if is_named {
            self.known.names.insert(record.metering_sn.clone(), record.key.clone());
        }
        self.known.records.insert(record.key.clone(), record.clone());
        self.fresh.push((record.clone(), window, is_named));
        Ok(record)
    }

    fn new_record(
        &self,
        app: &App,
        item: &UsageItem,
        key: UsageKey,
    ) -> Result<(UsageRecord, PushWindow), Mistaken> {
        let of = item.of.member();
        let instance = self.known.instances.instance(&key.instance).or_else(|why| mistaken(of, why))?;
        if !instance.is_pay_per_use() {
            return mistaken(
                of,
                "the instance is not pay-per-use: usage is recorded of pay-per-use instances only",
            );
        }
        item.reading.check(&instance.metered(), self.now)?;
        let Some(channel) = self.known.instances.channel(&instance.purchase.channel) else {
            return mistaken(of, "the channel that the instance was bought through is gone");
        };
        if channel.open_api.is_none() {
            let why =
                format!("the channel {} has no open_api, so usage cannot be pushed: add it", channel.id);
            return mistaken(of, why);
        }
        if let Some(package) = &item.package {
            self.check_package(instance, package, item.reading.end)?;
        }
        match (channel.usage.push, channel.usage.packages, &item.package) {
            (UsagePush::Old, _, Some(_)) => {
                let why = "the channel pushes usage in the old way, which names no package";
                return mistaken("package_instance_id", why);
            }
            (_, PackageKind::StopBeforeExcess, None) => {
                let why =
                    "the channel sells stop-before-excess packages: name the one that this was used from";
                return mistaken("package_instance_id", why);
            }
            (UsagePush::Old, _, None) if instance.product_id().is_none() => {
                let why = "the order named no product id, and usage cannot be pushed in the old way without";
                return mistaken(of, why);
            }
            (UsagePush::Old | UsagePush::New, _, _) => {}
        }
        let id = UsageId::from_uuid(app.ids.uuid_v7(self.now));
        let metering_sn = match &item.metering_sn {
            Some(given) if given.as_str().starts_with(UsageId::PREFIX) => {
                return mistaken("metering_sn", "names that start with usg_ are given by the server");
            }
            Some(given) => given.clone(),
            None => id.metering_sn(),
        };
        let window = key.window(channel.usage.billing, self.now);
        let record = UsageRecord {
            key,
            id,
            license: instance.license.id.clone(),
            channel: channel.id.clone(),
            product_id: instance.product_id().cloned(),
            package: item.package.clone(),
            value: item.reading.value,
            metering_sn,
            recorded_at: self.now,
            due_at: window.opens,
            state: UsageState::Waiting,
        };
        Ok((record, window))
    }

    fn check_package(
        &self,
        instance: &MeteredInstance,
        package: &InstanceId,
        end: Instant,
    ) -> Result<(), Mistaken> {
        let member = "package_instance_id";
        let package = self.known.instances.instance(package).or_else(|why| mistaken(member, why))?;
        if !package.is_package() {
            return mistaken(member, "the instance is no package");
        }
        let (buyer, own) = (&package.license.customer, &instance.license.customer);
        if buyer.as_ref().zip(own.as_ref()).is_some_and(|(buyer, own)| buyer != own) {
            return mistaken(member, "the package belongs to another customer");
        }
        let released_at = package.released_at();
        if released_at.is_some_and(|at| end != at && Validity::between(at, None).holds_at(end)) {
            return mistaken(member, "the package was released before this was used");
        }
        Ok(())
    }

    fn add_up(&mut self, record: &UsageRecord) -> Result<(), Mistaken> {
        let of_package = record.package.as_ref().map(|package| (package, Some(&record.key.instance)));
        for (instance, related) in std::iter::once((&record.key.instance, None)).chain(of_package) {
            let known = self.known.sums.get(instance).map(|sum| sum.value.clone());
            let UsageKey { merchant, marketplace, begin, .. } = record.key.clone();
            let sum = self.sums.0.entry(instance.clone()).or_insert_with(|| {
                known.unwrap_or_else(|| UsageSum::new(merchant, marketplace, instance.clone(), begin))
            });
            let added = sum.add(related, record.value, record.key.end);
            added.or_else(|_| {
                mistaken("value", "with this value the sum of the instance would be too large")
            })?;
        }
        Ok(())
    }
}
