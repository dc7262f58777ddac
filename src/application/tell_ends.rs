//! Tells merchants of ends that come by themselves: of licenses, some days ahead and at the end, and of the certificate of
//! the service's own address. Each is told once, although servers restart and several of them look.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, TimeDelta};

use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Commit, Listing, StoreError, Versioned, find, list};
use super::record::RecordKey;
use crate::domain::{
    Actor, CertificateTold, EndsTold, EventKind, Instant, License, LicenseId, LicenseState, Merchant,
    MerchantId, Subject, Webhook, WebhookEvent,
};

/// Licenses that are told of in one commit.
const PER_COMMIT: usize = 100;
/// Merchants looked at.
const MERCHANTS_MAX: usize = 1_000;
/// Days before its end that the served certificate is told of.
const CERTIFICATE_DAYS: [u16; 4] = [30, 14, 7, 1];

impl App {
    /// Tells of every license that ends in as many days as some endpoint wants to know, and of those that have ended; says
    /// of how many. Only merchants are told that have an endpoint which asks for it, from then on.
    pub async fn tell_ends(&self) -> Result<usize, UseCaseError> {
        let mut told = 0;
        // What the search index does not have yet would never be told of: the marks would go past it.
        if self.outbound.is_none() || !self.index_is_complete().await? {
            return Ok(told);
        }
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, MERCHANTS_MAX).await? {
            told += self.tell_ends_of(&merchant.value.id).await?;
        }
        Ok(told)
    }

    async fn tell_ends_of(&self, merchant: &MerchantId) -> Result<usize, UseCaseError> {
        let wanted = days_wanted(&self.webhooks_of(merchant).await?);
        let listing = Listing::EndsTold(merchant.clone());
        let known: Vec<Versioned<EndsTold>> = list(self.store.as_ref(), &listing, MERCHANTS_MAX).await?;
        for mark in known.iter().filter(|mark| !wanted.contains(&mark.value.days)) {
            // Nobody asks any more: whoever asks later is told what comes then.
            let key = RecordKey::EndsTold(merchant.clone(), mark.value.days);
            self.tolerating_others(Commit::new().with(Change::Delete(key, mark.revision))).await?;
        }
        let mut told = 0;
        for days in wanted {
            let mark = known.iter().find(|mark| mark.value.days == days).cloned();
            told += self.tell_ends_ahead(merchant, days, mark).await?;
        }
        Ok(told)
    }

    /// What ends in so many days, from where it was told of before.
    async fn tell_ends_ahead(
        &self,
        merchant: &MerchantId,
        days: u16,
        mark: Option<Versioned<EndsTold>>,
    ) -> Result<usize, UseCaseError> {
        let now = self.now();
        let to = now + TimeDelta::days(days.into());
        let Some(Versioned { value: mut mark, mut revision }) = mark else {
            let mark = EndsTold { merchant: merchant.clone(), days, until: to, through: None };
            self.tolerating_others(Commit::new().put(mark, ABSENT)).await?;
            return Ok(0);
        };
        let mut told = 0;
        while mark.until < to {
            let after = mark.through.clone().map(|license| (mark.until, license));
            let page = self.ending_between(merchant, mark.until, to, after.as_ref(), PER_COMMIT).await?;
            (mark.until, mark.through) = match page.next {
                Some((until, license)) => (until, Some(license)),
                None => (to, None),
            };
            let mut commit = Commit::new().put(mark.clone(), revision);
            let ending = page.licenses.into_iter().map(|license| license.value);
            for event in ending.filter_map(|license| self.end_event(&license, days, now)) {
                told += 1;
                commit = commit.put(event, ABSENT);
            }
            let Some(revisions) = self.tolerating_others(commit).await? else { return Ok(told) };
            revision = revisions.first().copied().unwrap_or(ABSENT);
        }
        Ok(told)
    }

    /// What is told of a license whose end was reached, or comes in so many days. One that was ended before is not told
    /// of, and one whose end is reached by now is not told of ahead.
    fn end_event(&self, license: &License, days: u16, now: Instant) -> Option<crate::domain::AuditEvent> {
        let ends_at = license.known_end()?;
        // A license that lasts no longer than that is not told of as soon as it is issued.
        let lasts_longer = ends_at - license.validity.starts_at > TimeDelta::days(days.into());
        let is_ahead = now < ends_at && lasts_longer;
        let kind = match license.state(now) {
            LicenseState::Expired if days == 0 => EventKind::LicenseExpired,
            LicenseState::Active | LicenseState::Suspended if days > 0 && is_ahead => {
                EventKind::LicenseExpiring
            }
            LicenseState::Suspended if days == 0 => EventKind::LicenseExpired,
            LicenseState::Expired
            | LicenseState::Active
            | LicenseState::Suspended
            | LicenseState::Pending
            | LicenseState::Released
            | LicenseState::Revoked => return None,
        };
        let detail = [("ends_at", text(ends_at)), ("days", days.to_string())];
        let (merchant, id): (&MerchantId, &LicenseId) = (&license.merchant, &license.id);
        Some(self.event(merchant, id, &Actor::Server, kind, &detail))
    }

    /// Tells every merchant that asks for it that the certificate of the service's own address ends soon.
    pub async fn tell_certificate_end(&self, ends_at: Instant) -> Result<usize, UseCaseError> {
        let now = self.now();
        let days =
            CERTIFICATE_DAYS.into_iter().filter(|days| ends_at <= now + TimeDelta::days((*days).into()));
        let Some(days) = days.min() else { return Ok(0) };
        let mut told = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, MERCHANTS_MAX).await? {
            let webhooks = self.webhooks_of(&merchant.value.id).await?;
            if asks(&webhooks, WebhookEvent::CertificateExpiring) {
                told += usize::from(self.tell_certificate(&merchant.value.id, ends_at, days).await?);
            }
        }
        Ok(told)
    }

    async fn tell_certificate(
        &self,
        merchant: &MerchantId,
        ends_at: Instant,
        days: u16,
    ) -> Result<bool, UseCaseError> {
        let key = RecordKey::CertificateTold(merchant.clone());
        let found: Option<Versioned<CertificateTold>> = find(self.store.as_ref(), key).await?;
        let is_told = |told: &CertificateTold| told.ends_at == ends_at && told.days <= days;
        if found.as_ref().is_some_and(|found| is_told(&found.value)) {
            return Ok(false);
        }
        let told = CertificateTold { merchant: merchant.clone(), ends_at, days };
        let left = (ends_at - self.now()).num_days().max(0);
        let detail = [("ends_at", text(ends_at)), ("days", left.to_string())];
        let (subject, kind) = (Subject::certificate(), EventKind::CertificateExpiring);
        let event = self.event_about(merchant, subject, &Actor::Server, kind, &detail);
        let revision = found.map_or(ABSENT, |found| found.revision);
        Ok(self.tolerating_others(Commit::new().put(told, revision).put(event, ABSENT)).await?.is_some())
    }

    /// Commits; nothing when another server has done the same meanwhile.
    async fn tolerating_others(&self, commit: Commit) -> Result<Option<Vec<u64>>, UseCaseError> {
        match self.store.commit(commit).await {
            Ok(committed) => Ok(Some(committed.revisions)),
            Err(StoreError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// How many days ahead the merchant's endpoints want to know of ends; 0 is the end itself.
fn days_wanted(webhooks: &[Versioned<Webhook>]) -> BTreeSet<u16> {
    let mut days = BTreeSet::new();
    for webhook in webhooks.iter().map(|webhook| &webhook.value).filter(|it| it.disabled.is_none()) {
        if webhook.wants(WebhookEvent::LicenseExpired) {
            days.insert(0);
        }
        if webhook.wants(WebhookEvent::LicenseExpiring) {
            days.extend(webhook.expiring_days.iter().copied());
        }
    }
    days
}

fn asks(webhooks: &[Versioned<Webhook>], event: WebhookEvent) -> bool {
    webhooks.iter().any(|it| it.value.disabled.is_none() && it.value.wants(event))
}

fn text(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
