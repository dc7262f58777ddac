//! Licenses by what people know of them, the newest first: by index, and never more than some thousand records for one
//! page.

use std::collections::BTreeSet;

use super::app::{App, UseCaseError};
use super::find_terms::terms_of;
use super::ports::{ABSENT, Change, Commit, Listing, Versioned, find, find_all};
use super::record::{IndexFilling, Record, RecordKey, Stored as _};
use super::search_postings::{Posting, Step, TermReader, next_in_all};
use super::search_query::Query;
use super::view_licenses::{LicenseFilter, LicenseOrPurchase};
use crate::domain::{
    Env, Instant, License, LicenseId, LicenseState, MerchantId, NEVER_VALUE, Refusal, SearchTerm, TermField,
    TermState, folded, instant_value, month_value, term_value,
};

/// Records that are read for one page; then the page ends where it is, and the next one goes on there.
pub(super) const LOOKED_AT_MAX: usize = 5_000;
/// Licenses that are put in order in memory because they end in a span.
const SPAN_TERMS_MAX: usize = 1_000;
/// Months of a span that are walked side by side.
const MONTHS_MAX: usize = 600;
/// Licenses of one order.
const ORDER_MAX: usize = 1_000;

/// How a filter is answered.
enum Plan {
    /// By these lists, which all have whatever fits.
    Index(Vec<Posting>),
    /// By looking at licenses: nothing narrows them down, or the index is not filled.
    Walk,
}

/// A page, and where the next one starts.
type PageOfLicenses = (Vec<LicenseOrPurchase>, Option<LicenseId>);

impl App {
    /// Whether every license is in the search index. While it is not, a search also looks at licenses one by one, within
    /// bounds for each page.
    pub async fn index_is_complete(&self) -> Result<bool, UseCaseError> {
        let filling: Option<Versioned<IndexFilling>> =
            find(self.store.as_ref(), RecordKey::IndexFilling).await?;
        Ok(filling.is_some_and(|filling| filling.value.is_complete(self.now())))
    }

    /// A page, newest first; the second value is where the next page starts. A page may be short, also where there are
    /// more.
    pub async fn view_licenses(
        &self,
        merchant: &MerchantId,
        filter: &LicenseFilter,
        before: Option<LicenseId>,
        limit: usize,
    ) -> Result<PageOfLicenses, UseCaseError> {
        let mut from = TermReader { store: self.store.as_ref(), merchant, read: 0 };
        let query = match &filter.q {
            Some(text) => Some(self.query(text, filter.q_names.as_ref(), &mut from).await?),
            None => None,
        };
        let sought = Sought { merchant, filter, query, limit };
        match self.plan_search(&sought, before.as_ref(), &mut from).await? {
            Plan::Index(postings) => self.by_index(&sought, postings, before, from).await,
            Plan::Walk => self.by_walk(&sought, before).await,
        }
    }

    async fn plan_search(
        &self,
        sought: &Sought<'_>,
        before: Option<&LicenseId>,
        from: &mut TermReader<'_>,
    ) -> Result<Plan, UseCaseError> {
        let mut postings = self.by_records(sought, from).await?;
        if postings.is_empty() {
            if sought.filter.is_empty() || !self.index_is_complete().await? {
                return Ok(Plan::Walk);
            }
            postings = self.by_terms(sought, from).await?;
        }
        let mut begun = Vec::with_capacity(postings.len());
        for mut posting in postings {
            if let Some(before) = before {
                posting.start_below(before);
            }
            begun.push(posting.begin(from).await?);
        }
        if begun.iter().any(|posting| posting.known_len().is_some()) {
            begun.retain(|posting| posting.known_len().is_some());
        }
        Ok(if begun.is_empty() { Plan::Walk } else { Plan::Index(begun) })
    }

    /// By order and instance, which were found without search terms before there were any.
    async fn by_records(
        &self,
        sought: &Sought<'_>,
        from: &mut TermReader<'_>,
    ) -> Result<Vec<Posting>, UseCaseError> {
        let filter = sought.filter;
        let mut postings = Vec::new();
        for (field, text) in
            [(TermField::Order, &filter.order_id), (TermField::Instance, &filter.instance_id)]
        {
            let Some(text) = text else { continue };
            let mut ids: BTreeSet<_> = self.licenses_meant(sought.merchant, field, text).await?;
            let (merchant, value) = (sought.merchant.clone(), term_value(&folded(text)));
            let listing = Listing::TermsEqual { merchant, field, value, at_most: None };
            ids.extend(from.page(&listing, ORDER_MAX).await?.into_iter().map(|term| term.license));
            postings.push(Posting::Known(ids));
        }
        Ok(postings)
    }

    async fn by_terms(
        &self,
        sought: &Sought<'_>,
        from: &mut TermReader<'_>,
    ) -> Result<Vec<Posting>, UseCaseError> {
        let filter = sought.filter;
        let mut postings = Vec::new();
        if let Some(ids) = sought.query.as_ref().and_then(|query| query.all.clone()) {
            postings.push(Posting::Known(ids));
        }
        let texts = [
            (TermField::Product, &filter.product),
            (TermField::Spec, &filter.spec),
            (TermField::Sku, &filter.sku),
            (TermField::Customer, &filter.customer),
        ];
        for (field, text) in texts {
            let value = text.as_ref().map(|text| term_value(&folded(text)));
            postings.extend(value.map(|value| Posting::lists(field, [value])));
        }
        match filter.env {
            Some(Env::Test) => postings.push(Posting::lists(TermField::Env, [Env::Test.as_str().to_owned()])),
            // Nearly all are live: it is seen in the license.
            Some(Env::Live) | None => {}
        }
        if let Some(state) = filter.state {
            postings.extend(self.by_state(state, from).await?);
        }
        if filter.ends_after.is_some() || filter.ends_before.is_some() {
            postings.extend(by_end(filter.ends_after, filter.ends_before, from).await?);
        }
        Ok(postings)
    }

    async fn by_state(
        &self,
        state: LicenseState,
        from: &mut TermReader<'_>,
    ) -> Result<Option<Posting>, UseCaseError> {
        let this_month = month_value(self.now());
        let word = match state {
            LicenseState::Revoked => TermState::Revoked,
            LicenseState::Released => TermState::Released,
            LicenseState::Suspended => TermState::Suspended,
            LicenseState::Pending => TermState::Waiting,
            LicenseState::Expired => return by_months("", &behind(&this_month), from).await,
            LicenseState::Active => return by_months(&this_month, &behind(NEVER_VALUE), from).await,
        };
        Ok(Some(Posting::lists(TermField::State, [word.as_str().to_owned()])))
    }

    async fn by_index(
        &self,
        sought: &Sought<'_>,
        mut postings: Vec<Posting>,
        mut before: Option<LicenseId>,
        mut from: TermReader<'_>,
    ) -> Result<PageOfLicenses, UseCaseError> {
        // What the plan cost is not the page's.
        from.read = 0;
        let mut page = Vec::new();
        loop {
            let (mut ids, mut is_last) = (Vec::new(), false);
            while ids.len() < sought.limit - page.len() {
                match next_in_all(&mut postings, &mut from, LOOKED_AT_MAX).await? {
                    Step::Found(id) => {
                        before = Some(id.clone());
                        ids.push(id);
                    }
                    Step::Paused(at) => {
                        // The candidate itself was not looked at.
                        before = at.map(|at| just_above(&at)).or(before);
                        break;
                    }
                    Step::End => {
                        is_last = true;
                        break;
                    }
                }
            }
            from.read += ids.len();
            for entry in self.entries(sought.merchant, &ids).await? {
                if self.fits(sought, &entry).await? {
                    page.push(entry);
                } else {
                    self.forget_stale_terms(sought, &entry).await;
                }
            }
            if is_last {
                return Ok((page, None));
            }
            if page.len() >= sought.limit || from.read > LOOKED_AT_MAX {
                return Ok((page, before));
            }
        }
    }

    async fn by_walk(
        &self,
        sought: &Sought<'_>,
        mut before: Option<LicenseId>,
    ) -> Result<PageOfLicenses, UseCaseError> {
        let (mut page, mut looked_at) = (Vec::new(), 0);
        loop {
            let batch = self.newest_before(sought.merchant, before.as_ref()).await?;
            if batch.is_empty() {
                return Ok((page, None));
            }
            looked_at += batch.len();
            for entry in batch {
                before = Some(entry.id().clone());
                if self.fits(sought, &entry).await? {
                    page.push(entry);
                }
                if page.len() >= sought.limit {
                    return Ok((page, before));
                }
            }
            if looked_at >= LOOKED_AT_MAX {
                return Ok((page, before));
            }
        }
    }

    /// Licenses, or the purchases that will become one, of these ids; those that are not there are left out.
    async fn entries(
        &self,
        merchant: &MerchantId,
        ids: &[LicenseId],
    ) -> Result<Vec<LicenseOrPurchase>, UseCaseError> {
        let keys: Vec<_> = ids.iter().map(|id| RecordKey::License(merchant.clone(), id.clone())).collect();
        let found = find_all::<License>(self.store.as_ref(), &keys).await?;
        let mut entries = Vec::with_capacity(ids.len());
        for (id, license) in ids.iter().zip(found) {
            match license {
                Some(license) => entries.push(LicenseOrPurchase::License(Box::new(license))),
                None => match self.view_license(merchant, id).await {
                    Ok(entry) => entries.push(entry),
                    Err(UseCaseError::Refused(Refusal::NotFound { .. })) => {}
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(entries)
    }

    async fn fits(&self, sought: &Sought<'_>, entry: &LicenseOrPurchase) -> Result<bool, UseCaseError> {
        if !sought.filter.fits(entry, self.now()) {
            return Ok(false);
        }
        match &sought.query {
            Some(query) => self.answers(sought.merchant, entry, query).await,
            None => Ok(true),
        }
    }

    /// A server of an earlier version changes a license and leaves its terms as they were. Whoever comes across them
    /// removes them, unless the license has changed again; if that does not work now, somebody else will.
    async fn forget_stale_terms(&self, sought: &Sought<'_>, entry: &LicenseOrPurchase) {
        let (record, revision): (Record, u64) = match entry {
            LicenseOrPurchase::License(license) => (license.value.clone().into_record(), license.revision),
            LicenseOrPurchase::Purchase(purchase) => {
                (purchase.value.clone().into_record(), purchase.revision)
            }
        };
        let holds = terms_of(&record);
        let stale: Vec<_> = sought
            .exact_terms(entry.id())
            .into_iter()
            .filter(|term| !holds.contains(term))
            .map(|term| Change::Remove(RecordKey::SearchTerm(term)))
            .collect();
        if stale.is_empty() {
            return;
        }
        let mut commit = Commit::new().with(Change::Check(record.key(), revision));
        if matches!(entry, LicenseOrPurchase::Purchase(_)) {
            let license = RecordKey::License(sought.merchant.clone(), entry.id().clone());
            commit = commit.with(Change::Check(license, ABSENT));
        }
        commit.changes.extend(stale);
        if let Err(error) = self.store.commit(commit).await {
            tracing::debug!(error = %error, "search terms that no longer hold could not be removed");
        }
    }
}

/// What a page is made for.
struct Sought<'a> {
    merchant: &'a MerchantId,
    filter: &'a LicenseFilter,
    query: Option<Query>,
    limit: usize,
}

impl Sought<'_> {
    /// The terms by which a filter may have found a license that does not fit it.
    fn exact_terms(&self, license: &LicenseId) -> Vec<SearchTerm> {
        let state = self.filter.state.and_then(|state| match state {
            LicenseState::Revoked => Some(TermState::Revoked),
            LicenseState::Released => Some(TermState::Released),
            LicenseState::Suspended => Some(TermState::Suspended),
            LicenseState::Pending => Some(TermState::Waiting),
            LicenseState::Expired | LicenseState::Active => None,
        });
        let texts = [
            (TermField::Product, self.filter.product.as_deref()),
            (TermField::Spec, self.filter.spec.as_deref()),
            (TermField::Sku, self.filter.sku.as_deref()),
            (TermField::Customer, self.filter.customer.as_deref()),
            (TermField::State, state.map(TermState::as_str)),
        ];
        let term = |(field, text): (TermField, Option<&str>)| {
            Some(SearchTerm {
                merchant: self.merchant.clone(),
                field,
                value: term_value(&folded(text?)),
                license: license.clone(),
                activation: None,
            })
        };
        texts.into_iter().filter_map(term).collect()
    }
}

/// What ends in a span: few are put in order, of many each month is a list.
async fn by_end(
    from_instant: Option<Instant>,
    to_instant: Option<Instant>,
    from: &mut TermReader<'_>,
) -> Result<Option<Posting>, UseCaseError> {
    let merchant = from.merchant.clone();
    let listing = |after| Listing::TermsBetween {
        merchant: merchant.clone(),
        field: TermField::Ends,
        from: from_instant.map(instant_value).unwrap_or_default(),
        to: to_instant.map_or("g".to_owned(), instant_value),
        after,
    };
    if let Some(few) = from.all(listing, SPAN_TERMS_MAX).await? {
        return Ok(Some(Posting::Known(few.into_iter().map(|term| term.license).collect())));
    }
    let first = from_instant.map(month_value).unwrap_or_default();
    let last = to_instant.map_or(NEVER_VALUE.to_owned(), |to| behind(&month_value(to)));
    by_months(&first, &last, from).await
}

/// What ends in some months, by the months that occur; none when they are too many.
async fn by_months(
    first: &str,
    end: &str,
    from: &mut TermReader<'_>,
) -> Result<Option<Posting>, UseCaseError> {
    let (mut months, mut at) = (Vec::new(), first.to_owned());
    loop {
        let (merchant, field) = (from.merchant.clone(), TermField::EndsIn);
        let listing = Listing::TermsBetween { merchant, field, from: at, to: end.to_owned(), after: None };
        let Some(term) = from.page(&listing, 1).await?.into_iter().next() else { break };
        at = behind(&term.value);
        months.push(term.value);
        if months.len() > MONTHS_MAX {
            return Ok(None);
        }
    }
    Ok(Some(Posting::lists(TermField::EndsIn, months)))
}

/// Above every term of this value, and below those of every greater one.
fn behind(value: &str) -> String {
    format!("{value}\u{1}")
}

/// Ids have a fixed width: nothing lies between this and the license.
fn just_above(license: &LicenseId) -> LicenseId {
    license.following()
}
