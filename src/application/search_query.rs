//! What a support agent types or pastes, and which licenses that means.

use std::collections::{BTreeMap, BTreeSet};

use super::app::{App, UseCaseError};
use super::find_terms::{TEXT_FIELDS, key_value, texts_of_license, texts_of_purchase};
use super::ports::{Listing, Versioned, find, find_all, list};
use super::record::{ClaimTarget, Instance, RecordKey};
use super::search_postings::TermReader;
use super::view_licenses::LicenseOrPurchase;
use crate::domain::{
    Activation, ActivationId, AuthorizationCode, AuthorizationCodeState, ClaimCode, KEY_TAIL_CHARS,
    LicenseId, Marketplace, MerchantId, Purchase, TermField, authorization_code, folded, term_value,
};

/// Terms that are read for one query. A text that more of them begin with means nearly anything: then the licenses are
/// looked at, from the newest on.
const QUERY_TERMS_MAX: usize = 10_000;
/// Licenses with the same key tail, activations looked at for one name.
const SAME_MAX: usize = 200;

/// What was asked for, as far as the index knows it.
pub(super) struct Query {
    text: String,
    /// Named by a key, a code or an id: nothing else has to fit.
    named: BTreeSet<LicenseId>,
    /// By the names of machines.
    machines: BTreeMap<LicenseId, BTreeSet<ActivationId>>,
    /// All that may fit; none when they are too many.
    pub(super) all: Option<BTreeSet<LicenseId>>,
    /// Whether there are more machines than were read.
    has_more_machines: bool,
}

impl App {
    /// Reads the index for what was typed. `names` is the license of a license key that was verified.
    pub(super) async fn query(
        &self,
        text: &str,
        names: Option<&LicenseId>,
        from: &mut TermReader<'_>,
    ) -> Result<Query, UseCaseError> {
        let mut named = self.named(text, from).await?;
        named.extend(names.cloned());
        let mut query = Query {
            text: folded(text),
            all: Some(named.clone()),
            named,
            machines: BTreeMap::new(),
            has_more_machines: false,
        };
        if query.text.is_empty() {
            return Ok(query);
        }
        // Machines first: whether they fit is not seen in a license.
        for field in TEXT_FIELDS.into_iter().rev() {
            let (merchant, value) = (from.merchant.clone(), term_value(&query.text));
            let listing = |after| Listing::TermsLeading {
                merchant: merchant.clone(),
                field,
                value: value.clone(),
                after,
            };
            let room = QUERY_TERMS_MAX.saturating_sub(query.all.as_ref().map_or(0, BTreeSet::len));
            let Some(found) = from.all(listing, room).await? else {
                query.all = None;
                query.has_more_machines = field == TermField::Machine;
                return Ok(query);
            };
            for term in found {
                query.all.get_or_insert_default().insert(term.license.clone());
                if let Some(activation) = term.activation {
                    query.machines.entry(term.license).or_default().insert(activation);
                }
            }
        }
        Ok(query)
    }

    /// What a whole key, the end of one, a code or an id names.
    async fn named(
        &self,
        text: &str,
        from: &mut TermReader<'_>,
    ) -> Result<BTreeSet<LicenseId>, UseCaseError> {
        let mut named = BTreeSet::new();
        let (merchant, store) = (from.merchant.clone(), from.store);
        let compact: String = text.split_whitespace().collect();
        named.extend(LicenseId::parse(&compact));
        let key = if compact.matches('.').count() == 2 { key_value(&compact) } else { None };
        let tail = (compact.chars().count() == KEY_TAIL_CHARS).then(|| folded(&compact));
        for value in key.into_iter().chain(tail) {
            let field = TermField::Key;
            let listing = Listing::TermsLeading { merchant: merchant.clone(), field, value, after: None };
            named.extend(from.page(&listing, SAME_MAX).await?.into_iter().map(|term| term.license));
        }
        if let Ok(code) = ClaimCode::parse(text) {
            let key = RecordKey::ClaimCode(merchant.clone(), self.signer.claim_digest(&code));
            let target: Option<Versioned<ClaimTarget>> = find(store, key).await?;
            named.extend(target.map(|target| target.value.license));
        }
        if let Some(code) = authorization_code(text) {
            let key = RecordKey::AuthorizationCode(merchant.clone(), Marketplace::KooGallery, code.clone());
            let known: Option<Versioned<AuthorizationCode>> = find(store, key).await?;
            if let Some(AuthorizationCodeState::Redeemed { license, .. }) =
                known.map(|known| known.value.state)
            {
                named.insert(license);
            }
            let key = RecordKey::Instance(merchant, Marketplace::KooGallery, code);
            let instance: Option<Versioned<Instance>> = find(store, key).await?;
            if let Some(instance) = instance {
                let purchase: Option<Versioned<Purchase>> =
                    find(store, RecordKey::Purchase(instance.value.purchase)).await?;
                named.extend(purchase.map(|purchase| purchase.value.license));
            }
        }
        Ok(named)
    }

    /// Whether a license is one that was asked for, as it is now.
    pub(super) async fn answers(
        &self,
        merchant: &MerchantId,
        entry: &LicenseOrPurchase,
        query: &Query,
    ) -> Result<bool, UseCaseError> {
        let id = entry.id();
        if query.named.contains(id) {
            return Ok(true);
        }
        if query.text.is_empty() {
            return Ok(false);
        }
        let texts = match entry {
            LicenseOrPurchase::License(license) => texts_of_license(&license.value),
            LicenseOrPurchase::Purchase(purchase) => texts_of_purchase(&purchase.value),
        };
        if texts.iter().any(|(_, text)| text.starts_with(&query.text)) {
            return Ok(true);
        }
        let activations = match query.machines.get(id) {
            Some(activations) => {
                let key = |activation: &ActivationId| {
                    RecordKey::Activation(merchant.clone(), id.clone(), activation.clone())
                };
                let keys: Vec<_> = activations.iter().take(SAME_MAX).map(key).collect();
                find_all::<Activation>(self.store.as_ref(), &keys).await?.into_iter().flatten().collect()
            }
            None if query.has_more_machines => {
                let listing = Listing::Activations(merchant.clone(), id.clone());
                list::<Activation>(self.store.as_ref(), &listing, SAME_MAX).await?
            }
            None => Vec::new(),
        };
        Ok(activations.iter().any(|it| folded(&it.value.name).starts_with(&query.text)))
    }
}
