//! What an apply file has changed, told entry by entry.

use std::collections::BTreeMap;

use super::app::App;
use super::catalog::{AppliedEntry, EntryChange};
use crate::domain::{Actor, AuditEvent, EventKind, MerchantId, Subject};

/// Most entries of one file that are told one by one: a commit has its bounds.
const TOLD_ENTRIES_MAX: usize = 200;
/// Most members of one entry that are told.
const TOLD_MEMBERS_MAX: usize = 64;
/// Longest value that is told, in characters.
const TOLD_VALUE_CHARS_MAX: usize = 300;

impl App {
    /// The events of what changed: nothing for what is as it was.
    pub(super) fn told_of_entries(
        &self,
        merchant: &MerchantId,
        actor: &Actor,
        entries: &[AppliedEntry],
    ) -> Vec<AuditEvent> {
        let changed: Vec<_> =
            entries.iter().filter_map(|entry| Some((entry, kind_of(entry.change)?))).collect();
        let mut told: Vec<AuditEvent> = changed
            .iter()
            .take(TOLD_ENTRIES_MAX)
            .map(|(entry, kind)| {
                let detail = detail_of(entry);
                let detail: Vec<_> =
                    detail.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                self.event_about(merchant, subject_of(merchant, entry), actor, *kind, &detail)
            })
            .collect();
        if changed.len() > TOLD_ENTRIES_MAX {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for (entry, kind) in &changed[TOLD_ENTRIES_MAX..] {
                let verb = kind.as_str().trim_start_matches("catalog.");
                *counts.entry(format!("{}.{verb}", entry.kind)).or_default() += 1;
            }
            let detail: Vec<_> =
                counts.iter().map(|(name, count)| (name.as_str(), count.to_string())).collect();
            told.push(self.event_about(merchant, merchant, actor, EventKind::CatalogApplied, &detail));
        }
        told
    }
}

fn kind_of(change: EntryChange) -> Option<EventKind> {
    match change {
        EntryChange::Created => Some(EventKind::CatalogCreated),
        EntryChange::Changed => Some(EventKind::CatalogChanged),
        EntryChange::Removed => Some(EventKind::CatalogRemoved),
        EntryChange::Unchanged => None,
    }
}

/// By its sort and id; what has an id that is none of ours, such as the code of a mapping, is told under the merchant.
fn subject_of(merchant: &MerchantId, entry: &AppliedEntry) -> Subject {
    let by_id = Subject::parse(&format!("{}/{}", entry.kind, entry.id));
    by_id.unwrap_or_else(|| merchant.into())
}

/// Secrets are known by reference only; where access keys changed the entry says so in words.
fn detail_of(entry: &AppliedEntry) -> Vec<(String, String)> {
    let mut detail = vec![("entry".to_owned(), format!("{} {}", entry.kind, bounded(&entry.id)))];
    for member in entry.members.iter().take(TOLD_MEMBERS_MAX) {
        let value = |value: &Option<String>| value.as_deref().map(bounded);
        detail.extend(value(&member.before).map(|value| (format!("before.{}", member.member), value)));
        detail.extend(value(&member.after).map(|value| (format!("after.{}", member.member), value)));
    }
    if entry.members.len() > TOLD_MEMBERS_MAX {
        detail.push(("more_members".to_owned(), (entry.members.len() - TOLD_MEMBERS_MAX).to_string()));
    }
    if !entry.details.is_empty() {
        detail.push(("access_keys".to_owned(), bounded(&entry.details.join("; "))));
    }
    detail
}

fn bounded(value: &str) -> String {
    if value.chars().nth(TOLD_VALUE_CHARS_MAX).is_none() {
        return value.to_owned();
    }
    value.chars().take(TOLD_VALUE_CHARS_MAX).chain(['…']).collect()
}
