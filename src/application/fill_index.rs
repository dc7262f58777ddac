//! Fills the search index with what this version did not write: licenses from before there was an index, and those that a
//! server of an earlier version has written since.

use chrono::TimeDelta;

use super::app::{App, UseCaseError};
use super::find_terms::terms_of;
use super::ports::{ABSENT, Change, Commit, Listing, Urgency, Versioned, find, list};
use super::record::{FillingPass, IndexFilling, Record, RecordKey, Stored as _};
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{Activation, LicenseId, Merchant, MerchantId, SearchTerm};

/// From the beginning of one pass to that of the next, of whatever server.
const BETWEEN_PASSES: TimeDelta = TimeDelta::hours(1);
/// Activations that are looked at together.
const ACTIVATIONS_AT_A_TIME: usize = 500;
/// Terms that are looked for, and written, together.
const TERMS_AT_A_TIME: usize = 500;

/// What a step of the filling did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Looked at some licenses; there are more.
    Some,
    /// The pass is over, or none is due.
    All,
}

/// A record, its revision, and those of its terms that are not there.
type Missing = (RecordKey, u64, Vec<SearchTerm>);

impl App {
    /// Looks at the next few licenses, from the newest on, and writes those of their terms that are missing. Servers that
    /// do so at the same time go on where the other was. Cut off anywhere, the next call goes on. A pass begins when none
    /// has begun since this process has, and once an hour.
    pub async fn fill_index(&self) -> Result<Filled, UseCaseError> {
        let known: Option<Versioned<IndexFilling>> =
            find(self.store.as_ref(), RecordKey::IndexFilling).await?;
        let (filling, revision) =
            known.map_or_else(|| (IndexFilling::default(), ABSENT), |known| (known.value, known.revision));
        let merchants = self.merchants_in_order().await?;
        let next = match &filling.under_way {
            Some(pass) => self.look_on(pass, &merchants).await?,
            None if self.pass_is_due(&filling) => merchants.first().map(|merchant| FillingPass {
                began_at: self.now(),
                merchant: merchant.clone(),
                before: None,
            }),
            None => return Ok(Filled::All),
        };
        let is_over = next.is_none();
        let began_at = filling.under_way.map_or(self.now(), |pass| pass.began_at);
        let complete = if is_over { Some((began_at, self.now())) } else { filling.complete };
        let filling = IndexFilling { under_way: next, complete };
        self.store.commit(Commit::new().put(filling, revision)).await?;
        Ok(if is_over { Filled::All } else { Filled::Some })
    }

    fn pass_is_due(&self, filling: &IndexFilling) -> bool {
        filling
            .complete
            .is_none_or(|(began_at, _)| began_at < self.began_at || BETWEEN_PASSES <= self.now() - began_at)
    }

    async fn merchants_in_order(&self) -> Result<Vec<MerchantId>, UseCaseError> {
        let merchants = list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await?;
        let mut merchants: Vec<_> = merchants.into_iter().map(|merchant| merchant.value.id).collect();
        merchants.sort();
        Ok(merchants)
    }

    /// Where the pass goes on; nothing when it is over.
    async fn look_on(
        &self,
        pass: &FillingPass,
        merchants: &[MerchantId],
    ) -> Result<Option<FillingPass>, UseCaseError> {
        let batch = self.newest_before(&pass.merchant, pass.before.as_ref()).await?;
        let Some(oldest) = batch.last().map(|entry| entry.id().clone()) else {
            let next = merchants.iter().find(|merchant| **merchant > pass.merchant);
            return Ok(next.map(|merchant| FillingPass {
                began_at: pass.began_at,
                merchant: merchant.clone(),
                before: None,
            }));
        };
        let newest = batch.first().map(|entry| entry.id().clone());
        let records: Vec<_> = batch.into_iter().map(record_of).collect();
        self.index_missing(&records).await?;
        self.index_activations(&pass.merchant, &oldest, newest.as_ref()).await?;
        Ok(Some(FillingPass { before: Some(oldest), ..pass.clone() }))
    }

    /// The machines of the licenses from `oldest` to `newest`.
    async fn index_activations(
        &self,
        merchant: &MerchantId,
        oldest: &LicenseId,
        newest: Option<&LicenseId>,
    ) -> Result<(), UseCaseError> {
        let mut after = None;
        loop {
            let listing =
                Listing::ActivationsSince { merchant: merchant.clone(), from: oldest.clone(), after };
            let page: Vec<Versioned<Activation>> =
                list(self.store.as_ref(), &listing, ACTIVATIONS_AT_A_TIME).await?;
            let is_last = page.len() < ACTIVATIONS_AT_A_TIME
                || page.last().is_some_and(|last| newest.is_some_and(|newest| last.value.license > *newest));
            let records: Vec<_> = page.into_iter().map(|it| (it.value.into_record(), it.revision)).collect();
            after = records.last().map(|(record, _)| record.key());
            self.index_missing(&records).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn index_missing(&self, records: &[(Record, u64)]) -> Result<(), UseCaseError> {
        let mut commit = Commit::new().with_urgency(Urgency::Grow);
        for (key, revision, terms) in self.missing(records).await? {
            // The record as it was looked at: what was erased meanwhile does not come back.
            commit.changes.push(Change::Check(key, revision));
            commit.changes.extend(terms.into_iter().map(|term| Change::Set(Record::SearchTerm(term))));
            if commit.changes.len() >= TERMS_AT_A_TIME {
                let full = std::mem::replace(&mut commit, Commit::new().with_urgency(Urgency::Grow));
                self.store.commit(full).await?;
            }
        }
        if !commit.changes.is_empty() {
            self.store.commit(commit).await?;
        }
        Ok(())
    }

    async fn missing(&self, records: &[(Record, u64)]) -> Result<Vec<Missing>, UseCaseError> {
        let wanted: Vec<_> = records
            .iter()
            .flat_map(|(record, revision)| {
                terms_of(record).into_iter().map(move |term| (record, *revision, term))
            })
            .collect();
        let mut missing: Vec<Missing> = Vec::new();
        for some in wanted.chunks(TERMS_AT_A_TIME) {
            let keys: Vec<_> = some.iter().map(|(_, _, term)| RecordKey::SearchTerm(term.clone())).collect();
            let found = self.store.load(&keys).await?;
            for ((record, revision, term), found) in some.iter().zip(found) {
                if found.is_some() {
                    continue;
                }
                let key = record.key();
                match missing.last_mut().filter(|(last, ..)| *last == key) {
                    Some((.., terms)) => terms.push(term.clone()),
                    None => missing.push((key, *revision, vec![term.clone()])),
                }
            }
        }
        Ok(missing)
    }
}

fn record_of(entry: LicenseOrPurchase) -> (Record, u64) {
    match entry {
        LicenseOrPurchase::License(license) => (license.value.into_record(), license.revision),
        LicenseOrPurchase::Purchase(purchase) => (purchase.value.into_record(), purchase.revision),
    }
}
