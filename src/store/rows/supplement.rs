//! What a license knows that programs of schema 2 of its row do not: it stands beside the record, so that such a program,
//! which may run on the same database while the servers are replaced, reads and writes the record as ever.

use super::form::{Form as _, Millis, Text};
use super::key::no_key;
use super::license::ExtensionRow;
use super::mirror::row;
use super::validity::TermRow;
use crate::application::ports::StoreError;
use crate::application::record::Record;
use crate::domain::{AppliedOrder, Extension, Instant, License, LicenseId, RefreshScene, Term};
use crate::store::{Kind, RecordKey as RawKey};

/// What stands beside the record.
pub(super) struct Supplement {
    license: LicenseId,
    status_told_at: Option<Instant>,
    terms: Vec<OrderTerm>,
    extension: Option<Extension>,
}

/// The term of one of its orders.
struct OrderTerm {
    order_id: String,
    scene: Option<RefreshScene>,
    term: Term,
}

row!(
    /// The same, stored.
    SupplementRow for Supplement {
        license: Text<LicenseId> = license,
        #[serde(skip_serializing_if = "Option::is_none")]
        status_told_at_ms: Option<Millis> = status_told_at,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        terms: Vec<OrderTermRow> = terms,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extension: Option<ExtensionRow> = extension,
    }
);

row!(
    /// The term of one order.
    OrderTermRow for OrderTerm {
        order_id: String = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        scene: Option<Text<RefreshScene>> = scene,
        term: TermRow = term,
    }
);

/// Schema of the row.
pub(super) const SUPPLEMENT_SCHEMA: u16 = 1;

/// Where that of a license stands, by the license's own key; none for other records.
pub(in crate::store) fn supplement_key(record: &RawKey) -> Result<Option<RawKey>, StoreError> {
    if record.kind() != Kind::License {
        return Ok(None);
    }
    RawKey::new(record.merchant(), Kind::Supplement, record.own()).map(Some).map_err(|error| no_key(&error))
}

/// The term of the purchase, where it is that of the license and nothing else was ordered: it need not be told twice.
fn is_plain(license: &License) -> bool {
    matches!(&license.orders[..], [order] if order.scene.is_none() && order.term == Some(license.sold.term))
}

/// Takes it out of a license. What was once there never goes, so one that is bare needs no new row.
pub(super) fn take_from(record: &mut Record) -> Option<SupplementRow> {
    let Record::License(license) = record else { return None };
    let is_plain = is_plain(license);
    let taken = license.orders.iter_mut().filter_map(|order| {
        let term = order.term.take()?;
        Some(OrderTerm { order_id: order.order_id.clone(), scene: order.scene, term })
    });
    let mut terms: Vec<OrderTerm> = taken.collect();
    if is_plain {
        terms.clear();
    }
    let status_told_at = license.status_told_at.take();
    let extension = license.extension.take();
    let is_bare = status_told_at.is_none() && terms.is_empty() && extension.is_none();
    (!is_bare).then(|| Supplement { license: license.id.clone(), status_told_at, terms, extension }.into())
}

/// Puts it back. Says what does not fit.
pub(super) fn put_back(record: &mut Record, row: Option<SupplementRow>) -> Result<(), String> {
    let Record::License(license) = record else { return Ok(()) };
    if let Some(row) = row {
        let supplement: Supplement = row.value();
        if supplement.license != license.id {
            return Err("what stands beside it belongs to another license".to_owned());
        }
        license.status_told_at = supplement.status_told_at.or(license.status_told_at);
        // What moved the end since, also in a program that knows of no extensions, has ended it.
        license.extension = supplement.extension;
        license.extension = license.extended();
        for known in supplement.terms {
            let is_it =
                |order: &&mut AppliedOrder| order.order_id == known.order_id && order.scene == known.scene;
            if let Some(order) = license.orders.iter_mut().find(is_it) {
                order.term = Some(known.term);
            }
        }
    }
    if let [order] = &mut license.orders[..]
        && order.scene.is_none()
    {
        order.term = order.term.or(Some(license.sold.term));
    }
    Ok(())
}
