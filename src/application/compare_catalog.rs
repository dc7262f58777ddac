//! What of a catalog entry changes, member by member, as an apply file writes it. Secrets are known by reference only.

use std::collections::BTreeMap;

use super::record::Owned;
use crate::domain::{
    AccessKeyRef, ApiToken, Channel, LocalizedText, MachineLimit, MachinePolicy, Merchant, OfflinePolicy,
    Product, QuotaTemplate, ReadyRule, Spec, SpecTerm,
};

const DAY_SECS: u64 = 86_400;
const MINUTE_SECS: u64 = 60;

/// One member that is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberChange {
    /// Its path, such as `offline.lease_days`.
    pub member: String,
    /// As it was; none when it was not there.
    pub before: Option<String>,
    /// As it is now; none when it is gone.
    pub after: Option<String>,
}

/// A catalog entry as an apply file would write it: every member and its value, also where that is the default.
pub(super) trait Written {
    fn written(&self) -> Members;
}

/// Member and value, in the order of the apply file.
pub(super) type Members = Vec<(String, String)>;

/// What is different between two states of an entry.
pub(super) fn changes_between(before: &impl Written, after: &impl Written) -> Vec<MemberChange> {
    let (before, after) = (before.written(), after.written());
    let old: BTreeMap<_, _> = before.iter().map(|(member, value)| (member, value)).collect();
    let is_kept = |member: &String| after.iter().any(|(known, _)| known == member);
    let changed = after.iter().filter(|(member, value)| old.get(member) != Some(&value));
    let changed = changed.map(|(member, value)| MemberChange {
        member: member.clone(),
        before: old.get(member).map(|value| (*value).clone()),
        after: Some(value.clone()),
    });
    let gone = before.iter().filter(|(member, _)| !is_kept(member));
    let gone = gone.map(|(member, value)| MemberChange {
        member: member.clone(),
        before: Some(value.clone()),
        after: None,
    });
    changed.chain(gone).collect()
}

fn text(text: &str) -> String {
    format!("{text:?}")
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| text(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

fn put(members: &mut Members, member: &str, value: impl Into<String>) {
    members.push((member.to_owned(), value.into()));
}

fn put_text(members: &mut Members, member: &str, value: &LocalizedText) {
    if value.zh == value.en {
        return put(members, member, text(value.for_locale("en")));
    }
    for (language, value) in [("zh", &value.zh), ("en", &value.en)] {
        if let Some(value) = value {
            put(members, &format!("{member}.{language}"), text(value));
        }
    }
}

impl Written for Merchant {
    fn written(&self) -> Members {
        let mut members = Members::new();
        put_text(&mut members, "name", &self.name);
        put(&mut members, "issuer", text(&self.issuer));
        put(&mut members, "time_zone", text(&self.time_zone));
        put(&mut members, "locale", text(&self.locale));
        members
    }
}

impl Written for Owned<Product> {
    fn written(&self) -> Members {
        let mut members = Members::new();
        put_text(&mut members, "name", &self.value.name);
        put(&mut members, "front_end_url", text(&self.value.front_end_url));
        put_text(&mut members, "memo", &self.value.memo);
        members
    }
}

impl Written for Owned<Spec> {
    fn written(&self) -> Members {
        let spec = &self.value;
        let mut members = Members::new();
        put(&mut members, "product", text(spec.product.as_str()));
        put(&mut members, "sku", list(spec.skus.iter().map(|sku| sku.as_str())));
        put(&mut members, "product_ids", list(&spec.product_ids));
        put_text(&mut members, "name", &spec.name);
        let term = match spec.term {
            SpecTerm::AsOrdered => "order".to_owned(),
            SpecTerm::Fixed(term) => term.to_string(),
        };
        put(&mut members, "term", text(&term));
        let machines = match spec.machines {
            MachineLimit::AtMost(limit) => limit.to_string(),
            MachineLimit::Unlimited => text("unlimited"),
        };
        put(&mut members, "machines", machines);
        put(&mut members, "multiply", text(spec.multiply.as_str()));
        put(&mut members, "entitlements", list(&spec.entitlements));
        for (name, value) in &spec.attributes {
            put(&mut members, &format!("attributes.{name}"), text(value));
        }
        if let Some(updates) = spec.updates {
            put(&mut members, "updates", text(&updates.to_string()));
        }
        put(&mut members, "starts", text(spec.starts.as_str()));
        put(&mut members, "kind", text(spec.kind.as_str()));
        put_offline(&mut members, &spec.offline);
        put_machine(&mut members, &spec.machine);
        for package in &spec.quota {
            put_quota(&mut members, package);
        }
        if let Some(ids) = &spec.changes_to {
            put(&mut members, "changes_to", list(ids.iter().map(|id| id.as_str())));
        }
        members
    }
}

fn put_offline(members: &mut Members, offline: &OfflinePolicy) {
    let days = [
        ("lease_days", offline.lease),
        ("renew_after_days", offline.renew_after),
        ("air_gap_lease_days", offline.air_gap_lease),
        ("max_status_age_days", offline.max_status_age),
        ("grace_days", offline.grace),
    ];
    for (member, span) in days {
        put(members, &format!("offline.{member}"), (span.as_secs() / DAY_SECS).to_string());
    }
    put(members, "offline.status", text(offline.status.as_str()));
    put(members, "offline.enforcement", text(offline.enforcement.as_str()));
}

fn put_machine(members: &mut Members, machine: &MachinePolicy) {
    put(members, "machine.binding", text(machine.binding.as_str()));
    let minutes = machine.floating_lease.as_secs() / MINUTE_SECS;
    put(members, "machine.floating_lease_minutes", minutes.to_string());
    put(members, "machine.when_full", text(machine.when_full.as_str()));
    put(members, "machine.moves_per_30_days", machine.moves_per_30_days.to_string());
}

fn put_quota(members: &mut Members, package: &QuotaTemplate) {
    let alerts: Vec<_> = package.alert_percent.iter().map(ToString::to_string).collect();
    for (member, value) in [
        ("unit", text(&package.unit)),
        ("amount", package.amount.to_string()),
        ("reset", text(package.reset.as_str())),
        ("window", text(package.window.as_str())),
        ("overage", text(package.overage.as_str())),
        ("alert_percent", format!("[{}]", alerts.join(", "))),
    ] {
        put(members, &format!("quota.{}.{member}", package.metric), value);
    }
}

/// Without the access keys, whose changes are told in words of their own.
impl Written for Owned<Channel> {
    fn written(&self) -> Members {
        let channel = &self.value;
        let mut members = Members::new();
        put(&mut members, "marketplace", text(channel.marketplace.as_str()));
        put(&mut members, "protocol", text(&channel.protocol.0));
        put(&mut members, "products", list(channel.products.iter().map(|product| product.as_str())));
        if let Some(open_api) = &channel.open_api {
            put(&mut members, "open_api.base_url", text(&open_api.base_url));
            put(&mut members, "open_api.access_key", text(&open_api.access_key.to_string()));
            put(&mut members, "open_api.secret_key", text(&open_api.secret_key.to_string()));
        }
        let ready = match channel.ready {
            ReadyRule::Minted => "minted",
            ReadyRule::AppInfo => "app-info",
        };
        put(&mut members, "ready", text(ready));
        put(&mut members, "usage.push", text(channel.usage.push.as_str()));
        put(&mut members, "usage.billing", text(channel.usage.billing.as_str()));
        put(&mut members, "usage.packages", text(channel.usage.packages.as_str()));
        members
    }
}

impl Written for ApiToken {
    fn written(&self) -> Members {
        let scopes = list(self.scopes.iter().map(|scope| scope.as_str()));
        vec![("name".to_owned(), text(&self.name)), ("scopes".to_owned(), scopes)]
    }
}

/// Whether the ids of a channel's access keys are only their places in the list.
fn is_by_place(channel: &Channel) -> bool {
    channel.access_keys.iter().enumerate().all(|(index, key)| key.id == (index + 1).to_string())
}

/// What people know an access key by: its id, or its reference where the id is only its place.
fn key_name(channel: &Channel, key: &AccessKeyRef) -> String {
    if is_by_place(channel) {
        key.value.to_string()
    } else {
        format!("{} ({})", key.id, key.used_for.as_str())
    }
}

/// What happens to the access keys of a channel. A place says nothing of which key stands there: the reference does.
pub(super) fn key_changes(known: &Channel, given: &Channel) -> Vec<String> {
    let by_reference = is_by_place(known) || is_by_place(given);
    let name = |key: &AccessKeyRef| key_name(given, key);
    let same = |a: &AccessKeyRef, b: &AccessKeyRef| {
        a.used_for == b.used_for && if by_reference { a.value == b.value } else { a.id == b.id }
    };
    let mut changes = Vec::new();
    for key in &given.access_keys {
        let Some(old) = known.access_keys.iter().find(|old| same(old, key)) else {
            changes.push(format!("access key {} added", name(key)));
            continue;
        };
        if by_reference && key_name(known, old) != name(key) {
            changes.push(format!("access key {} is called {} now", key_name(known, old), name(key)));
        }
        if old.value != key.value {
            changes.push(format!(
                "access key {} is read from {}, not from {}",
                name(key),
                key.value,
                old.value
            ));
        }
        match (old.retired, key.retired) {
            (false, true) => changes.push(format!("access key {} retired", name(key))),
            (true, false) => changes.push(format!("access key {} is live again", name(key))),
            (false, false) | (true, true) => {}
        }
    }
    let is_gone = |old: &&AccessKeyRef| !given.access_keys.iter().any(|key| same(old, key));
    changes.extend(
        known
            .access_keys
            .iter()
            .filter(is_gone)
            .map(|old| format!("access key {} removed", key_name(known, old))),
    );
    changes
}
