//! By which words a record is found. Whoever writes a license, a purchase or an activation cannot forget them: the
//! repository asks here about everything that is put, and writes or removes the difference in the same commit.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::hide_code::{instance_shown, order_id_shown};
use super::ports::{Listing, Store, StoreError, Versioned, list};
use super::record::Record;
use crate::domain::{
    Activation, Env, KEY_TAIL_CHARS, License, LicenseEnd, LicenseId, MerchantId, NEVER_VALUE, Origin,
    Purchase, PurchaseState, SearchTerm, TermField, TermState, folded, instant_value, month_value,
    term_value,
};

/// Bytes of the digest of a license key in its term: too many for two keys ever to share them.
const KEY_DIGEST_BYTES: usize = 16;

/// Fields that hold texts which people type: what `q` looks at.
pub(super) const TEXT_FIELDS: [TermField; 5] =
    [TermField::Order, TermField::Instance, TermField::Customer, TermField::Label, TermField::Machine];

/// The terms of a record; none for kinds that are not found by words.
pub fn terms_of(record: &Record) -> BTreeSet<SearchTerm> {
    match record {
        Record::License(license) => terms_of_license(license),
        Record::Purchase(purchase) => terms_of_purchase(purchase),
        Record::Activation(activation) => terms_of_activation(activation),
        _ => BTreeSet::new(),
    }
}

/// Whether a term that a record has no more is kept all the same: a key that was once issued finds its license for ever.
pub fn is_kept(term: &SearchTerm) -> bool {
    term.field == TermField::Key
}

/// The value under which a license key is found; its beginning is that of [`tail_value`].
pub(super) fn key_value(license_key: &str) -> Option<String> {
    let at = license_key.len().checked_sub(KEY_TAIL_CHARS)?;
    let digest = Sha256::digest(license_key.as_bytes());
    Some(digest.iter().take(KEY_DIGEST_BYTES).fold(folded(license_key.get(at..)?), |mut value, byte| {
        // Writing to a string cannot fail.
        let _ = write!(value, "{byte:02x}");
        value
    }))
}

/// The folded texts of a license that people search by, each with its field.
pub(super) fn texts_of_license(license: &License) -> Vec<(TermField, String)> {
    let mut texts = Vec::new();
    if let Origin::Order { key, instance, .. } = &license.origin {
        texts.push((TermField::Order, order_id_shown(key, instance)));
        texts.extend(instance_shown(key.marketplace, instance, false).map(|id| (TermField::Instance, id)));
        let later = license.orders.iter().filter(|order| order.scene.is_some()).map(|order| &order.order_id);
        let later = later.chain(license.changes.iter().map(|change| &change.order_id));
        texts.extend(later.map(|order_id| (TermField::Order, order_id.clone())));
    }
    texts.extend(license.customer.iter().map(|customer| (TermField::Customer, customer.to_string())));
    texts.push((TermField::Label, license.label.clone()));
    all_folded(texts)
}

/// The same of a purchase that is not minted.
pub(super) fn texts_of_purchase(purchase: &Purchase) -> Vec<(TermField, String)> {
    let (key, instance) = (&purchase.key, &purchase.instance);
    let mut texts = vec![(TermField::Order, order_id_shown(key, instance))];
    texts.extend(instance_shown(key.marketplace, instance, false).map(|id| (TermField::Instance, id)));
    let customer = purchase.facts.as_ref().and_then(|facts| facts.customer.as_ref());
    texts.extend(customer.map(|customer| (TermField::Customer, customer.to_string())));
    all_folded(texts)
}

fn all_folded(texts: Vec<(TermField, String)>) -> Vec<(TermField, String)> {
    let folded = texts.into_iter().map(|(field, text)| (field, folded(&text)));
    folded.filter(|(_, text)| !text.is_empty()).collect()
}

fn terms_of_license(license: &License) -> BTreeSet<SearchTerm> {
    let mut values = texts_of_license(license);
    values.extend(key_value(&license.license_key).map(|value| (TermField::Key, value)));
    values.push((TermField::Product, license.product.to_string()));
    values.push((TermField::Spec, folded(license.sold.spec.as_str())));
    values.extend(license.sold.sku.iter().map(|sku| (TermField::Sku, folded(sku.as_str()))));
    values.extend(state_of(license).map(|state| (TermField::State, state.as_str().to_owned())));
    let end = license.known_end();
    values.extend(end.map(|end| (TermField::Ends, instant_value(end))));
    values.push((TermField::EndsIn, end.map_or(NEVER_VALUE.to_owned(), month_value)));
    values.extend(env_value(license.env));
    terms(&license.merchant, &license.id, values)
}

fn terms_of_purchase(purchase: &Purchase) -> BTreeSet<SearchTerm> {
    let state = match purchase.state {
        PurchaseState::Received | PurchaseState::Held { .. } => TermState::Waiting,
        PurchaseState::Ended { .. } => TermState::Released,
        // Its license has its own.
        PurchaseState::Minted => return BTreeSet::new(),
    };
    let mut values = texts_of_purchase(purchase);
    let sku = purchase.facts.as_ref().and_then(|facts| facts.sku.as_ref());
    values.extend(sku.map(|sku| (TermField::Sku, folded(sku.as_str()))));
    values.push((TermField::State, state.as_str().to_owned()));
    values.extend(env_value(purchase.env));
    terms(&purchase.key.merchant, &purchase.license, values)
}

fn terms_of_activation(activation: &Activation) -> BTreeSet<SearchTerm> {
    let name = term_value(&folded(&activation.name));
    let named = (!name.is_empty()).then_some((TermField::Machine, name));
    // Not folded: an id is asked for as it was given out, and differs by the case of its letters.
    let known = (TermField::Activation, activation.id.to_string());
    let term = |(field, value)| SearchTerm {
        merchant: activation.merchant.clone(),
        field,
        value,
        license: activation.license.clone(),
        activation: Some(activation.id.clone()),
    };
    named.into_iter().chain([known]).map(term).collect()
}

fn terms(
    merchant: &MerchantId,
    license: &LicenseId,
    values: Vec<(TermField, String)>,
) -> BTreeSet<SearchTerm> {
    let term = |(field, value): (TermField, String)| SearchTerm {
        merchant: merchant.clone(),
        field,
        value: term_value(&value),
        license: license.clone(),
        activation: None,
    };
    values.into_iter().map(term).collect()
}

/// Live is what nearly all are: no index tells them apart.
fn env_value(env: Env) -> Option<(TermField, String)> {
    match env {
        Env::Live => None,
        Env::Test => Some((TermField::Env, env.as_str().to_owned())),
    }
}

/// What does not follow from the time alone.
fn state_of(license: &License) -> Option<TermState> {
    match (&license.end, license.holds.is_empty()) {
        (LicenseEnd::Revoked { .. }, _) => Some(TermState::Revoked),
        (LicenseEnd::Released { .. }, _) => Some(TermState::Released),
        (LicenseEnd::Running, false) => Some(TermState::Suspended),
        (LicenseEnd::Running, true) => {
            let waits = license.awaits().is_some() || license.updated_at < license.validity.starts_at;
            waits.then_some(TermState::Waiting)
        }
    }
}

/// A text that is looked for among the terms of one field.
pub(super) struct TextMeant {
    pub(super) field: TermField,
    pub(super) value: String,
    /// Whether whatever begins so is meant too.
    pub(super) is_beginning: bool,
}

/// The terms that are meant, at most so many.
pub(super) async fn read_terms(
    store: &dyn Store,
    merchant: &MerchantId,
    meant: TextMeant,
    at_most: usize,
) -> Result<Vec<SearchTerm>, StoreError> {
    let (field, is_beginning) = (meant.field, meant.is_beginning);
    let mut found: Vec<SearchTerm> = Vec::new();
    loop {
        let limit = (at_most - found.len()).min(1_000);
        let (merchant, value) = (merchant.clone(), meant.value.clone());
        let listing = if is_beginning {
            Listing::TermsLeading { merchant, field, value, after: found.last().cloned() }
        } else {
            Listing::TermsEqual { merchant, field, value, at_most: None }
        };
        let page: Vec<Versioned<SearchTerm>> = list(store, &listing, limit).await?;
        let is_last = page.len() < limit || !is_beginning;
        found.extend(page.into_iter().map(|term| term.value));
        if is_last || found.len() >= at_most {
            return Ok(found);
        }
    }
}
