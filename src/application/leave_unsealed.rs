//! Every event waits for its place in the chain from the commit on that it is written in.

use super::ports::Change;
use super::record::{Record, Stored};
use crate::domain::{AuditEvent, Unsealed};

/// Puts a mark beside an event that was written last.
pub(super) fn leave_unsealed(changes: &mut Vec<Change>) {
    let mark = changes.last().and_then(event_in).map(|event| {
        let (merchant, place) = (event.merchant.clone(), event.place());
        Unsealed { merchant, place, adopted: false }.into_record()
    });
    changes.extend(mark.map(Change::Set));
}

fn event_in(change: &Change) -> Option<&AuditEvent> {
    match change {
        Change::Put(Record::Event(event), _)
        | Change::Set(Record::Event(event))
        | Change::Claim(Record::Event(event), _) => Some(event),
        Change::Put(..)
        | Change::Set(_)
        | Change::Claim(..)
        | Change::Check(..)
        | Change::Delete(..)
        | Change::Remove(_)
        | Change::Add(..)
        | Change::AddWithin { .. }
        | Change::Forget(_) => None,
    }
}
