//! `[[spec]]`

use std::collections::BTreeMap;
use std::time::Duration;

use toml::de::DeValue;

use super::values::{days, distinct, id, name, one_or_many, or, shown, term, token_word, word};
use super::{quota, values};
use crate::config::{Member, Place, Section};
use crate::domain::{
    Binding, Enforcement, LocalizedText, MachineLimit, MachinePolicy, Multiply, OfflinePolicy, ProductId,
    Sku, Spec, SpecId, SpecKind, SpecTerm, Starts, StatusPolicy, WhenFull,
};

/// Longest span in days that a setting may ask for: ten years.
const DAYS_MAX: u32 = 3_660;
const MINUTES_MAX: u32 = 60 * 24 * 31;
/// How long a trial lasts, in days: what KooGallery sells (试用, seller guide).
const TRIAL_DAYS: std::ops::RangeInclusive<u32> = 3..=180;

/// A spec with the places that rules need.
#[derive(Debug)]
pub struct ReadSpec {
    /// The spec, when its id and product could be read.
    pub value: Option<Spec>,
    /// Where its id stands.
    pub id_place: Place,
    /// Its product as written, and where.
    pub product: Option<(String, Place)>,
    /// Its SKUs and where they stand.
    pub skus: Vec<(Sku, Place)>,
    /// Whether it has a quota, readable or not.
    pub has_quota: bool,
    /// Its marketplace product ids and where they stand.
    pub product_ids: Vec<(String, Place)>,
    /// The specs that its instances may become, and where they stand.
    pub changes_to: Vec<(SpecId, Place)>,
}

/// Reads every spec.
pub fn read_all(root: &Section<'_>) -> Vec<ReadSpec> {
    root.sections("spec").iter().map(read).collect()
}

fn read(section: &Section<'_>) -> ReadSpec {
    let skus = codes(section, "sku", |member| id(member, Sku::parse));
    let id_member = section.member("id");
    let id_place = id_member.as_ref().map_or(section.place(), Member::place).clone();
    let spec_id = match (&id_member, skus.first()) {
        (Some(member), _) => id(member, SpecId::parse),
        (None, Some((sku, place))) => id_from_sku(section, sku, place),
        (None, None) => {
            section.mistake("`id` is missing; write for example `id = \"cad-pro\"`");
            None
        }
    };
    let product_member = section.required("product", "\"acme-cad\"");
    let product_id = product_member.as_ref().and_then(|member| id(member, ProductId::parse));
    let product = product_member.as_ref().and_then(|member| match (member.value(), &product_id) {
        (DeValue::String(text), Some(_)) => Some((text.to_string(), member.place().clone())),
        _ => None,
    });
    let product_ids = codes(section, "product_ids", |member| id(member, Sku::parse).map(|it| it.to_string()));
    let default_name = LocalizedText::plain(spec_id.as_ref().map_or("", SpecId::as_str));
    let changes_to = section.member("changes_to").map(|member| spec_ids(&member));
    let rest = Rest::read(section, default_name, changes_to.as_deref());
    section.finish();
    let value = spec_id.zip(product_id).map(|(id, product)| {
        rest.into_spec(
            id,
            product,
            skus.iter().map(|(sku, _)| sku.clone()).collect(),
            product_ids.iter().map(|(id, _)| id.clone()).collect(),
        )
    });
    let has_quota = section.member("quota").is_some();
    let changes_to = changes_to.unwrap_or_default();
    ReadSpec { value, id_place, product, skus, has_quota, product_ids, changes_to }
}

fn spec_ids(member: &Member<'_>) -> Vec<(SpecId, Place)> {
    let mut ids: Vec<(SpecId, Place)> = Vec::new();
    for item in member.items() {
        let Some(spec) = id(&item, SpecId::parse) else { continue };
        if ids.iter().any(|(known, _)| *known == spec) {
            item.mistake("stands twice in this list");
        } else {
            ids.push((spec, item.place().clone()));
        }
    }
    ids
}

fn id_from_sku(section: &Section<'_>, sku: &Sku, place: &Place) -> Option<SpecId> {
    let id = SpecId::parse(sku.as_str()).ok();
    if id.is_none() {
        section.mistake_at(
            place,
            "this sku cannot serve as the spec's `id`; write one, such as `id = \"cad-pro\"`",
        );
    }
    id
}

fn codes<T: PartialEq>(
    section: &Section<'_>,
    name: &'static str,
    read: impl Fn(&Member<'_>) -> Option<T>,
) -> Vec<(T, Place)> {
    let mut codes: Vec<(T, Place)> = Vec::new();
    for member in section.member(name).map(|member| one_or_many(&member)).unwrap_or_default() {
        let Some(code) = read(&member) else { continue };
        if codes.iter().any(|(known, _)| *known == code) {
            member.mistake("stands twice in this list");
        } else {
            codes.push((code, member.place().clone()));
        }
    }
    codes
}

/// The members that refer to nothing else.
struct Rest {
    name: LocalizedText,
    term: SpecTerm,
    machines: MachineLimit,
    multiply: Multiply,
    entitlements: Vec<String>,
    attributes: BTreeMap<String, String>,
    updates: Option<crate::domain::Term>,
    starts: Starts,
    kind: SpecKind,
    offline: OfflinePolicy,
    machine: MachinePolicy,
    quota: Vec<crate::domain::QuotaTemplate>,
    changes_to: Option<Vec<SpecId>>,
}

impl Rest {
    fn read(
        section: &Section<'_>,
        default_name: LocalizedText,
        changes_to: Option<&[(SpecId, Place)]>,
    ) -> Self {
        Self {
            changes_to: changes_to.map(|ids| ids.iter().map(|(id, _)| id.clone()).collect()),
            name: or(section, "name", default_name, name),
            term: or(section, "term", SpecTerm::AsOrdered, spec_term),
            machines: or(section, "machines", MachineLimit::AtMost(1), machine_limit),
            multiply: or(section, "multiply", Multiply::Machines, |m| {
                word(m, Multiply::NAMES, Multiply::parse)
            }),
            entitlements: or(section, "entitlements", Vec::new(), |m| Some(distinct(m, token_word))),
            attributes: or(section, "attributes", BTreeMap::new(), attributes),
            updates: section.member("updates").and_then(|member| term(&member)),
            starts: or(section, "starts", Starts::Purchase, |m| word(m, Starts::NAMES, Starts::parse)),
            kind: or(section, "kind", SpecKind::License, |m| word(m, SpecKind::NAMES, SpecKind::parse)),
            offline: section.section("offline").map(|it| offline(&it)).unwrap_or_default(),
            machine: section.section("machine").map(|it| machine(&it)).unwrap_or_default(),
            quota: quota::read_all(section),
        }
    }

    fn into_spec(self, id: SpecId, product: ProductId, skus: Vec<Sku>, product_ids: Vec<String>) -> Spec {
        Spec {
            id,
            product,
            skus,
            product_ids,
            name: self.name,
            term: self.term,
            machines: self.machines,
            multiply: self.multiply,
            entitlements: self.entitlements,
            attributes: self.attributes,
            updates: self.updates,
            starts: self.starts,
            kind: self.kind,
            offline: self.offline,
            machine: self.machine,
            quota: self.quota,
            changes_to: self.changes_to,
        }
    }
}

fn spec_term(member: &Member<'_>) -> Option<SpecTerm> {
    match member.text()? {
        "order" => Some(SpecTerm::AsOrdered),
        text => match crate::domain::Term::parse(text) {
            Ok(crate::domain::Term::Days(days)) if !TRIAL_DAYS.contains(&days) => {
                member.mistake(format!(
                    "a trial has {} to {} days: write for example \"P14D\"",
                    TRIAL_DAYS.start(),
                    TRIAL_DAYS.end()
                ));
                None
            }
            Ok(term) => Some(SpecTerm::Fixed(term)),
            Err(error) => {
                member.mistake(format!(
                    "`{}` will not do: {error}; or write \"order\" to take it from the order",
                    shown(text)
                ));
                None
            }
        },
    }
}

fn machine_limit(member: &Member<'_>) -> Option<MachineLimit> {
    match member.value() {
        DeValue::String(text) if text == "unlimited" => Some(MachineLimit::Unlimited),
        DeValue::Integer(_) => member.integer(1, 1_000_000).map(MachineLimit::AtMost),
        _ => member.wrong_type("a whole number without quotes, or \"unlimited\""),
    }
}

fn attributes(member: &Member<'_>) -> Option<BTreeMap<String, String>> {
    let section = member.section()?;
    let entries = section.entries();
    if entries.len() > values::ITEMS_MAX {
        member.mistake(format!("must have at most {} members", values::ITEMS_MAX));
    }
    let read = |(key, value): (&str, Member<'_>)| {
        if key.is_empty() || key.len() > values::WORD_BYTES_MAX || key.chars().any(char::is_control) {
            value.mistake(format!(
                "its name must be 1 to {} bytes without control characters",
                values::WORD_BYTES_MAX
            ));
        }
        Some((key.to_owned(), token_word(&value)?))
    };
    Some(entries.into_iter().filter_map(read).collect())
}

fn offline(section: &Section<'_>) -> OfflinePolicy {
    let plain = OfflinePolicy::default();
    let lease = or(section, "lease_days", plain.lease, |member| days(member, 1, DAYS_MAX));
    let renew_member = section.member("renew_after_days");
    // Someone who shortens the lease alone still renews before its end.
    let renew_default = plain.renew_after.min(lease / 2);
    let renew_after =
        renew_member.as_ref().and_then(|member| days(member, 0, DAYS_MAX)).unwrap_or(renew_default);
    if let Some(member) = renew_member.filter(|_| renew_after >= lease) {
        member.mistake(format!("must be less than lease_days, which is {}", lease.as_secs() / 86_400));
    }
    let status = or(section, "status", plain.status, |m| word(m, StatusPolicy::NAMES, StatusPolicy::parse));
    let enforcement =
        or(section, "enforcement", plain.enforcement, |m| word(m, Enforcement::NAMES, Enforcement::parse));
    let policy = OfflinePolicy {
        lease,
        renew_after,
        air_gap_lease: or(section, "air_gap_lease_days", plain.air_gap_lease, |m| days(m, 1, DAYS_MAX)),
        status,
        max_status_age: or(section, "max_status_age_days", plain.max_status_age, |m| days(m, 1, DAYS_MAX)),
        grace: or(section, "grace_days", plain.grace, |m| days(m, 0, DAYS_MAX)),
        enforcement,
    };
    section.finish();
    policy
}

fn machine(section: &Section<'_>) -> MachinePolicy {
    let plain = MachinePolicy::default();
    let minutes = |member: &Member<'_>| {
        member.integer(1, MINUTES_MAX).map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    };
    let policy = MachinePolicy {
        binding: or(section, "binding", plain.binding, |m| word(m, Binding::NAMES, Binding::parse)),
        floating_lease: or(section, "floating_lease_minutes", plain.floating_lease, minutes),
        when_full: or(section, "when_full", plain.when_full, |m| word(m, WhenFull::NAMES, WhenFull::parse)),
        moves_per_30_days: or(section, "moves_per_30_days", plain.moves_per_30_days, |m| m.integer(0, 1_000)),
    };
    section.finish();
    policy
}
