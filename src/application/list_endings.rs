//! What ends in a span, in the order of the ends.

use super::app::{App, UseCaseError};
use super::ports::{Listing, Versioned, find_all, list};
use super::record::RecordKey;
use crate::domain::{
    Instant, License, LicenseId, MerchantId, SearchTerm, TermField, instant_of_value, instant_value,
};

/// Licenses by their ends.
#[derive(Debug, Clone)]
pub struct Endings {
    /// By end, at the same instant by id; in whatever state.
    pub licenses: Vec<Versioned<License>>,
    /// Give this as `after` for the next ones; none when there are no more. There may be more also when few came.
    pub next: Option<(Instant, LicenseId)>,
}

impl App {
    /// The licenses of a merchant that end from `from` on, up to and not at `to`, behind the given place: at most
    /// `limit` (≤ 1,000). Whoever goes on from `next` sees each that keeps its end exactly once; one whose end is moved
    /// meanwhile is where it ends then. What is permanent, or does not know its end yet, is not among them; nor, while
    /// [`App::index_is_complete`] says no, is what the index does not have yet.
    pub async fn ending_between(
        &self,
        merchant: &MerchantId,
        from: Instant,
        to: Instant,
        after: Option<&(Instant, LicenseId)>,
        limit: usize,
    ) -> Result<Endings, UseCaseError> {
        let after = after.map(|(end, license)| SearchTerm {
            merchant: merchant.clone(),
            field: TermField::Ends,
            value: instant_value(*end),
            license: license.clone(),
            activation: None,
        });
        let (from, to) = (instant_value(from), instant_value(to));
        let listing =
            Listing::TermsBetween { merchant: merchant.clone(), field: TermField::Ends, from, to, after };
        let terms: Vec<Versioned<SearchTerm>> = list(self.store.as_ref(), &listing, limit).await?;
        let places: Vec<_> = terms
            .into_iter()
            .filter_map(|term| Some((instant_of_value(&term.value.value)?, term.value.license)))
            .collect();
        let next = places.last().filter(|_| places.len() >= limit).cloned();
        let key = |(_, id): &(Instant, LicenseId)| RecordKey::License(merchant.clone(), id.clone());
        let keys: Vec<_> = places.iter().map(key).collect();
        let found = find_all::<License>(self.store.as_ref(), &keys).await?;
        // A server of an earlier version may have moved an end and left the term.
        let holds = |((end, _), license): (&(Instant, LicenseId), Option<Versioned<License>>)| {
            license.filter(|license| license.value.known_end() == Some(*end))
        };
        Ok(Endings { licenses: places.iter().zip(found).filter_map(holds).collect(), next })
    }
}
