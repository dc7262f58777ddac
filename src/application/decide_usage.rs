//! Whether an item is a record of usage that the marketplace takes: as it stands already, or new.

use std::collections::BTreeMap;

use super::app::App;
use super::metered_instances::{METERING_MARKETPLACE, MeteredInstance, MeteredInstances};
use super::ports::{ABSENT, Versioned};
use super::record_usage::{RecordUsage, UsageItem, UsageItemMistake, UsageOf};
use crate::domain::{
    Channel, InstanceId, Instant, MerchantId, MeteringSn, PackageKind, PushWindow, Reading, UsageId,
    UsageKey, UsageMistake, UsagePush, UsageRecord, UsageState, UsageSum, Validity,
};

/// What is known of everything that a request names.
pub(super) struct KnownUsage {
    pub(super) instances: MeteredInstances,
    pub(super) records: BTreeMap<UsageKey, UsageRecord>,
    pub(super) names: BTreeMap<MeteringSn, UsageKey>,
    pub(super) sums: BTreeMap<InstanceId, Versioned<UsageSum>>,
}

/// A record that was not there before.
pub(super) struct FreshUsage {
    pub(super) record: UsageRecord,
    /// When it is pushed.
    pub(super) window: PushWindow,
    /// Whether its merchant named it.
    pub(super) is_named: bool,
}

/// What becomes of a request.
pub(super) struct DecidedUsage {
    /// Every record, in the order of the items.
    pub(super) records: Vec<UsageRecord>,
    /// Those that are new.
    pub(super) fresh: Vec<FreshUsage>,
    /// The sums that they change, at the revisions at which they were read.
    pub(super) sums: Vec<Versioned<UsageSum>>,
}

/// Decides every item, or names every mistake.
pub(super) fn decide_usage(
    app: &App,
    order: &RecordUsage,
    known: KnownUsage,
    now: Instant,
) -> Result<DecidedUsage, Vec<UsageItemMistake>> {
    let mut recording = Recording { app, order, now, known, fresh: Vec::new(), changed: BTreeMap::new() };
    let (mut records, mut mistakes) = (Vec::with_capacity(order.items.len()), Vec::new());
    for (index, item) in order.items.iter().enumerate() {
        match recording.decide(item) {
            Ok(record) => records.push(record),
            Err(Mistaken { member, why }) => mistakes.push(UsageItemMistake { index, member, why }),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let Recording { fresh, changed, .. } = recording;
    Ok(DecidedUsage { records, fresh, sums: changed.into_values().collect() })
}

struct Recording<'a> {
    app: &'a App,
    order: &'a RecordUsage,
    now: Instant,
    known: KnownUsage,
    fresh: Vec<FreshUsage>,
    /// The sums with what is new.
    changed: BTreeMap<InstanceId, Versioned<UsageSum>>,
}

pub(super) struct Mistaken {
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
    pub(super) fn key_of(&self, merchant: &MerchantId, item: &UsageItem) -> Result<UsageKey, Mistaken> {
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
    fn decide(&mut self, item: &UsageItem) -> Result<UsageRecord, Mistaken> {
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
        let (record, window) = self.new_record(item, key)?;
        self.add_up(&record)?;
        let is_named = item.metering_sn.is_some();
        if is_named {
            self.known.names.insert(record.metering_sn.clone(), record.key.clone());
        }
        self.known.records.insert(record.key.clone(), record.clone());
        self.fresh.push(FreshUsage { record: record.clone(), window, is_named });
        Ok(record)
    }

    fn new_record(&self, item: &UsageItem, key: UsageKey) -> Result<(UsageRecord, PushWindow), Mistaken> {
        let of = item.of.member();
        let instance = self.known.instances.instance(&key.instance).or_else(|why| mistaken(of, why))?;
        if !instance.is_pay_per_use() {
            let why = "the instance is not pay-per-use: usage is recorded of pay-per-use instances only";
            return mistaken(of, why);
        }
        item.reading.check(&instance.metered(), self.now)?;
        let Some(channel) = self.known.instances.channel(&instance.purchase.channel) else {
            return mistaken(of, "the channel that the instance was bought through is gone");
        };
        check_channel(channel, instance, item)?;
        if let Some(package) = &item.package {
            self.check_package(instance, package, item.reading.end)?;
        }
        let id = UsageId::from_uuid(self.app.ids.uuid_v7(self.now));
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
        let UsageKey { merchant, marketplace, begin, .. } = &record.key;
        let of_package = record.package.as_ref().map(|package| (package, Some(&record.key.instance)));
        for (instance, related) in std::iter::once((&record.key.instance, None)).chain(of_package) {
            let known = self.known.sums.get(instance);
            let empty = || Versioned {
                value: UsageSum::new(merchant.clone(), *marketplace, instance.clone(), *begin),
                revision: ABSENT,
            };
            let sum = self.changed.entry(instance.clone());
            let sum = sum.or_insert_with(|| known.cloned().unwrap_or_else(empty));
            let added = sum.value.add(related, record.value, record.key.end);
            added.or_else(|_| {
                mistaken("value", "with this value the sum of the instance would be too large")
            })?;
        }
        Ok(())
    }
}

/// Whether the channel can push such a record.
fn check_channel(channel: &Channel, instance: &MeteredInstance, item: &UsageItem) -> Result<(), Mistaken> {
    let of = item.of.member();
    if channel.open_api.is_none() {
        let why = format!("the channel {} has no open_api, so usage cannot be pushed: add it", channel.id);
        return mistaken(of, why);
    }
    match (channel.usage.push, channel.usage.packages, &item.package) {
        (UsagePush::Old, _, Some(_)) => {
            mistaken("package_instance_id", "the channel pushes usage in the old way, which names no package")
        }
        (_, PackageKind::StopBeforeExcess, None) => {
            let why = "the channel sells stop-before-excess packages: name the one that this was used from";
            mistaken("package_instance_id", why)
        }
        (UsagePush::Old, _, None) if instance.product_id().is_none() => {
            mistaken(of, "the order named no product id, and usage cannot be pushed in the old way without")
        }
        (UsagePush::Old | UsagePush::New, _, _) => Ok(()),
    }
}
