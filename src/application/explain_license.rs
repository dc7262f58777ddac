//! Why a license is, or was, valid or not at an instant.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::app::{App, UseCaseError};
use super::hide_code::stand_in;
use super::ports::{Listing, list};
use super::view_licenses::{LicenseOrPurchase, in_order, marketplace_ids};
use crate::domain::{
    Amount, AuditEvent, HeldPackage, InstanceId, Instant, IssuedKey, KeyPast, License, LicenseId,
    LicensePast, MerchantId, Meter, MeterKey, QuotaWindow, Recalled, STANDING_DETAIL, TokenId, Validity,
    authorization_code,
};

/// Most events that are shown: the last ones before the instant.
const EVENTS_SHOWN_MAX: usize = 1_000;
/// Most events that are read at a time.
const EVENTS_PAGE: usize = 1_000;

/// A package that paid at an instant, or would have, and what it paid in the window that covers the instant: as far as is
/// known now, so with what was reported late.
#[derive(Debug, Clone)]
pub struct PackageThen {
    /// The package as it stands now.
    pub held: HeldPackage,
    /// Its window.
    pub window: QuotaWindow,
    /// What was taken of it in the window.
    pub used: Amount,
    /// What was counted beyond it in the window.
    pub over: Amount,
}

/// What led to what a license was.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Which license.
    pub license: LicenseId,
    /// When.
    pub at: Instant,
    /// What it was.
    pub recalled: Recalled,
    /// Its key texts that were made up to then, oldest first, as far as they are known.
    pub keys: BTreeMap<TokenId, KeyPast>,
    /// The packages that paid then, those that paid first before the others.
    pub packages: Vec<PackageThen>,
    /// What happened up to then, oldest first, without what only this explanation needs of it.
    pub events: Vec<AuditEvent>,
    /// How many earlier events are not among them.
    pub events_left_off: usize,
}

impl App {
    /// Tells what a license was at an instant, from its events, with every event that led there. An instant that lies
    /// ahead is answered as things stand now.
    pub async fn explain_license(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
        at: Instant,
    ) -> Result<Explanation, UseCaseError> {
        let entry = self.view_license(merchant, id).await?;
        let license = match &entry {
            LicenseOrPurchase::License(license) => Some(&license.value),
            LicenseOrPurchase::Purchase(_) => None,
        };
        let code = match &entry {
            LicenseOrPurchase::License(license) => {
                marketplace_ids(&license.value).map(|(_, instance)| instance.clone())
            }
            LicenseOrPurchase::Purchase(purchase) => Some(purchase.value.instance.clone()),
        };
        let code = code.filter(|instance| authorization_code(instance.as_str()).is_some());
        let (mut past, mut led, mut left_off) = (LicensePast::at(at), VecDeque::new(), 0);
        let mut others = self.other_events_about(merchant, id).await?;
        let mut page = Listing::Events(merchant.clone(), id.clone());
        loop {
            let events = list::<AuditEvent>(self.store.as_ref(), &page, EVENTS_PAGE).await?;
            let last =
                events.last().filter(|_| events.len() == EVENTS_PAGE).map(|last| last.value.id.clone());
            let events = events.into_iter().map(|event| event.value).collect();
            let events = in_order(events, &mut others, last.as_ref());
            hear(&mut past, &mut led, &mut left_off, events.into_iter());
            let Some(after) = last else { break };
            page = Listing::LaterEvents { merchant: merchant.clone(), license: id.clone(), after };
        }
        Ok(Explanation {
            license: id.clone(),
            at,
            recalled: past.recall(license),
            keys: keys(&past, license, at),
            packages: self.packages_then(merchant, id, at).await?,
            events: led.into_iter().map(|event| shown(event, code.as_ref())).collect(),
            events_left_off: left_off,
        })
    }
}

impl App {
    /// The packages of a license that cover an instant, in the order in which they pay.
    async fn packages_then(
        &self,
        merchant: &MerchantId,
        id: &LicenseId,
        at: Instant,
    ) -> Result<Vec<PackageThen>, UseCaseError> {
        let (Some(license), account) = self.license_with_account(merchant, id).await? else {
            return Ok(Vec::new());
        };
        let account = self.quota_books(license, account, self.now()).await?.account;
        let gave = |held: &&HeldPackage| {
            held.ended_at.is_none_or(|ended_at| !Validity::between(ended_at, None).holds_at(at))
        };
        let covering = account.packages.iter().filter(gave);
        let mut covering: Vec<(&HeldPackage, QuotaWindow)> =
            covering.filter_map(|held| Some((held, held.package.window_at(at)?))).collect();
        let rank = |end: Option<Instant>| (end.is_none(), end);
        covering.sort_by_key(|(held, window)| {
            (rank(window.ends_at), rank(held.package.validity.ends_at), held.id.clone())
        });
        let meters = |(held, window): &(&HeldPackage, QuotaWindow)| {
            [Meter::Taken, Meter::Over].map(|meter| held.window_meter(meter, window))
        };
        let keys: BTreeSet<MeterKey> = covering.iter().flat_map(meters).collect();
        let counts = self.quota_counts(merchant, keys).await?;
        let then = |(held, window): (&HeldPackage, QuotaWindow)| PackageThen {
            used: counts.amount(&held.window_meter(Meter::Taken, &window)),
            over: counts.amount(&held.window_meter(Meter::Over, &window)),
            held: held.clone(),
            window,
        };
        Ok(covering.into_iter().map(then).collect())
    }
}

fn hear(
    past: &mut LicensePast,
    led: &mut VecDeque<AuditEvent>,
    left_off: &mut usize,
    events: impl Iterator<Item = AuditEvent>,
) {
    for event in events {
        if past.hear(&event) {
            led.push_back(event);
        }
        if led.len() > EVENTS_SHOWN_MAX {
            led.pop_front();
            *left_off += 1;
        }
    }
}

/// The key texts that events tell of, and those of the license's record that they do not.
fn keys(past: &LicensePast, license: Option<&License>, at: Instant) -> BTreeMap<TokenId, KeyPast> {
    let mut keys = past.keys().clone();
    let issued = license.into_iter().flat_map(|license| &license.issued);
    let is_made = |key: &&IssuedKey| Validity::between(key.issued_at, None).holds_at(at);
    for key in issued.filter(is_made) {
        let known = KeyPast { issued_at: key.issued_at, superseded_at: None };
        keys.entry(key.token_id.clone()).or_insert(known);
    }
    keys
}

/// An event as everybody who may read may see it: an authorization code opens the license, so it is not shown.
fn shown(event: AuditEvent, code: Option<&InstanceId>) -> AuditEvent {
    let AuditEvent { mut detail, .. } = event;
    detail.remove(STANDING_DETAIL);
    for value in detail.values_mut() {
        if let Some(code) = code.filter(|code| code.as_str() == value.as_str()) {
            *value = stand_in(code);
        }
    }
    AuditEvent { detail, ..event }
}
