//! Licenses by their search terms, the newest first: lists that are walked together without looking at a license that is
//! not in all of them.

use std::collections::{BTreeSet, VecDeque};

use super::ports::{Listing, Store, StoreError, list};
use crate::domain::{LicenseId, MerchantId, SearchTerm, TermField};

/// Terms that are read first of a list, and most that are read at once.
const FIRST_READ: usize = 16;
const READ_MAX: usize = 256;

/// The licenses that have a term, or one of several.
pub(super) enum Posting {
    /// All of them.
    Known(BTreeSet<LicenseId>),
    /// As many as were read so far, of each value.
    Lists(Vec<TermList>),
}

/// The licenses with one value of one field.
pub(super) struct TermList {
    field: TermField,
    value: String,
    /// Read and not walked yet, the newest first.
    ahead: VecDeque<LicenseId>,
    /// All from here on are walked, or were never asked for.
    below: Option<LicenseId>,
    /// Whether nothing is behind what was read.
    is_read: bool,
    reads: usize,
}

/// Where terms are read, and how many were.
pub(super) struct TermReader<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) merchant: &'a MerchantId,
    /// Records read so far.
    pub(super) read: usize,
}

impl TermReader<'_> {
    pub(super) async fn page(
        &mut self,
        listing: &Listing,
        limit: usize,
    ) -> Result<Vec<SearchTerm>, StoreError> {
        let page = list::<SearchTerm>(self.store, listing, limit).await?;
        self.read += page.len().max(1);
        Ok(page.into_iter().map(|term| term.value).collect())
    }

    /// The terms whose value begins so, or lies between; `None` when they are more than `at_most`.
    pub(super) async fn all(
        &mut self,
        listing: impl Fn(Option<SearchTerm>) -> Listing,
        at_most: usize,
    ) -> Result<Option<Vec<SearchTerm>>, StoreError> {
        let mut found: Vec<SearchTerm> = Vec::new();
        loop {
            let limit = (at_most + 1 - found.len()).min(1_000);
            let page = self.page(&listing(found.last().cloned()), limit).await?;
            let is_last = page.len() < limit;
            found.extend(page);
            if found.len() > at_most {
                return Ok(None);
            }
            if is_last {
                return Ok(Some(found));
            }
        }
    }
}

impl TermList {
    pub(super) fn new(field: TermField, value: String) -> Self {
        Self { field, value, ahead: VecDeque::new(), below: None, is_read: false, reads: 0 }
    }

    /// Drops what is not below `below`.
    fn drop_from(&mut self, below: &LicenseId) {
        while self.ahead.front().is_some_and(|id| id >= below) {
            self.ahead.pop_front();
        }
        if self.below.as_ref().is_none_or(|old| below < old) {
            self.below = Some(below.clone());
        }
    }

    /// Reads on, at `at_most` and below: more at a time the longer it goes on.
    async fn read_on(
        &mut self,
        at_most: Option<&LicenseId>,
        from: &mut TermReader<'_>,
    ) -> Result<(), StoreError> {
        let at_most = [at_most, self.below.as_ref()].into_iter().flatten().min().cloned();
        let limit = FIRST_READ.saturating_mul(1 << self.reads.min(8)).min(READ_MAX);
        self.reads += 1;
        let (merchant, field, value) = (from.merchant.clone(), self.field, self.value.clone());
        let page = from.page(&Listing::TermsEqual { merchant, field, value, at_most }, limit).await?;
        self.is_read = page.len() < limit;
        let below = self.below.clone();
        let ids = page.into_iter().map(|term| term.license);
        let mut ids: Vec<_> = ids.filter(|id| below.as_ref().is_none_or(|below| id < below)).collect();
        ids.dedup();
        self.ahead.extend(ids);
        Ok(())
    }

    /// The newest that is not newer than `at_most`, and not walked.
    async fn next(
        &mut self,
        at_most: Option<&LicenseId>,
        from: &mut TermReader<'_>,
    ) -> Result<Option<LicenseId>, StoreError> {
        loop {
            while self.ahead.front().zip(at_most).is_some_and(|(id, at_most)| id > at_most) {
                self.below = self.ahead.pop_front();
            }
            if let Some(id) = self.ahead.front() {
                return Ok(Some(id.clone()));
            }
            if self.is_read {
                return Ok(None);
            }
            self.read_on(at_most, from).await?;
        }
    }
}

impl Posting {
    /// One list, or several values of one field.
    pub(super) fn lists(field: TermField, values: impl IntoIterator<Item = String>) -> Self {
        Self::Lists(values.into_iter().map(|value| TermList::new(field, value)).collect())
    }

    /// Starts below a license: those that are not older were on pages before.
    pub(super) fn start_below(&mut self, below: &LicenseId) {
        match self {
            Self::Known(ids) => drop(ids.split_off(below)),
            Self::Lists(lists) => lists.iter_mut().for_each(|list| list.drop_from(below)),
        }
    }

    /// Reads the beginning; what has an end there is known.
    pub(super) async fn begin(self, from: &mut TermReader<'_>) -> Result<Self, StoreError> {
        let Self::Lists(mut lists) = self else { return Ok(self) };
        for list in &mut lists {
            list.read_on(None, from).await?;
        }
        if !lists.iter().all(|list| list.is_read) {
            return Ok(Self::Lists(lists));
        }
        Ok(Self::Known(lists.into_iter().flat_map(|list| list.ahead).collect()))
    }

    /// How many it has, if that is known.
    pub(super) fn known_len(&self) -> Option<usize> {
        match self {
            Self::Known(ids) => Some(ids.len()),
            Self::Lists(_) => None,
        }
    }

    async fn next(
        &mut self,
        at_most: Option<&LicenseId>,
        from: &mut TermReader<'_>,
    ) -> Result<Option<LicenseId>, StoreError> {
        match self {
            Self::Known(ids) => Ok(match at_most {
                Some(at_most) => ids.range(..=at_most).next_back().cloned(),
                None => ids.last().cloned(),
            }),
            Self::Lists(lists) => {
                let mut newest = None;
                for list in lists {
                    newest = newest.max(list.next(at_most, from).await?);
                }
                Ok(newest)
            }
        }
    }
}

/// What a step of [`next_in_all`] found.
pub(super) enum Step {
    /// The newest license that is in every list.
    Found(LicenseId),
    /// Nothing up to here, and enough was read.
    Paused(Option<LicenseId>),
    /// There is none.
    End,
}

/// The newest license that is in all of them: whoever is behind names the next candidate. Walks past it.
pub(super) async fn next_in_all(
    postings: &mut [Posting],
    from: &mut TermReader<'_>,
    read_max: usize,
) -> Result<Step, StoreError> {
    let mut candidate: Option<LicenseId> = None;
    loop {
        let before = candidate.clone();
        for posting in postings.iter_mut() {
            match posting.next(candidate.as_ref(), from).await? {
                Some(id) => candidate = Some(id),
                None => return Ok(Step::End),
            }
        }
        if let Some(found) = candidate.clone().filter(|_| candidate == before) {
            postings.iter_mut().for_each(|posting| posting.start_below(&found));
            return Ok(Step::Found(found));
        }
        if from.read > read_max {
            return Ok(Step::Paused(candidate));
        }
    }
}
