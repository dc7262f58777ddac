//! Every event of a change says what the license was after it: that is what explains the license later.

use super::ports::Change;
use super::record::Record;
use crate::domain::{AuditEvent, License, LicenseStanding, STANDING_DETAIL};

/// Tells the standing of a license that is written in the events of the same license that are written with it. Looks at
/// the rest only when the last change is one of these.
pub(super) fn tell_standing(changes: &mut [Change]) {
    let Some((last, earlier)) = changes.split_last_mut() else { return };
    if let Some((license, replaced)) = license_in(last) {
        for event in earlier.iter_mut().filter_map(event_in) {
            tell(event, license, replaced);
        }
    } else if let Some(event) = event_in(last) {
        for (license, replaced) in earlier.iter().filter_map(license_in) {
            tell(event, license, replaced);
        }
    }
}

fn license_in(change: &Change) -> Option<(&License, u64)> {
    if let Change::Put(Record::License(license), replaced) = change {
        Some((license, *replaced))
    } else {
        None
    }
}

fn event_in(change: &mut Change) -> Option<&mut AuditEvent> {
    if let Change::Put(Record::Event(event), _) = change { Some(event) } else { None }
}

fn tell(event: &mut AuditEvent, license: &License, replaced: u64) {
    if event.license() == Some(&license.id) {
        let standing = LicenseStanding::of(license, replaced).to_string();
        event.detail.insert(STANDING_DETAIL.to_owned(), standing);
    }
}
