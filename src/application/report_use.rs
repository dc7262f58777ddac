//! Software was used: the marketplace is told once a day, and asked how the code stands.

use super::app::{App, UseCaseError, decided};
use super::license_change::flips_between;
use super::ports::{ABSENT, CodeStanding, Commit, MarketplaceCallError, Urgency, Versioned, find};
use super::record::{Owned, RecordKey, Task};
use super::refresh_instance::end_text;
use super::settle_purchase::Settled;
use crate::domain::{
    Actor, AuthorizationCode, AuthorizationCodeState, Channel, EventKind, InstanceId, Instant, License,
    LicenseEnd, LicenseId, Marketplace, Merchant, MerchantId, Origin, authorization_code,
};

/// A license that was opened by a code.
struct Coded {
    license: License,
    channel: Channel,
    code: InstanceId,
}

impl App {
    /// Notes a use by `client`; the first one of a day has the marketplace told. Whoever uses the software is never
    /// held up by this: what fails is told in the log, and the next use tries again.
    pub(super) async fn note_use(&self, merchant: &MerchantId, license: &LicenseId, client: &str) {
        let found = self.find_license(merchant, license).await;
        let noted = match found {
            Ok(Some(license)) => self.note_use_of(&license.value, client).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = noted {
            tracing::debug!(%merchant, %license, %error, "a use was not noted; the next one will be");
        }
    }

    /// The same for a license that is loaded already.
    pub(super) async fn note_use_of(&self, license: &License, client: &str) -> Result<(), UseCaseError> {
        let (Some((marketplace, code)), Origin::Order { channel, .. }) = (code_of(license), &license.origin)
        else {
            return Ok(());
        };
        let key = RecordKey::AuthorizationCode(license.merchant.clone(), marketplace, code);
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key).await?;
        let Some(Versioned { value: mut record, revision }) = known else { return Ok(()) };
        let now = self.now();
        let today = marketplace.day_of(now);
        let AuthorizationCodeState::Redeemed { used_on, .. } = &mut record.state else { return Ok(()) };
        if *used_on == Some(today) {
            return Ok(());
        }
        *used_on = Some(today);
        let (merchant, id) = (license.merchant.clone(), license.id.clone());
        let query = Task::QueryCode { merchant: merchant.clone(), license: id.clone(), day: today };
        let report = Task::ReportUse { merchant, license: id, client: client.to_owned() };
        let commit = Commit::new()
            .put(record, revision)
            .put(self.job_through(channel, query, now), ABSENT)
            .put(self.job_through(channel, report, now), ABSENT);
        self.store.commit(commit).await?;
        self.signals.jobs.notify_one();
        Ok(())
    }

    /// Asks how a code stands and lets the license follow. A question of an earlier day is answered by today's.
    pub async fn query_code(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        day: u32,
    ) -> Result<Settled, UseCaseError> {
        let Some(coded) = self.coded(merchant, license).await? else { return Ok(Settled::Done) };
        let key =
            RecordKey::AuthorizationCode(merchant.clone(), coded.channel.marketplace, coded.code.clone());
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key).await?;
        let newest = known.and_then(|known| match known.value.state {
            AuthorizationCodeState::Redeemed { used_on, .. } => used_on,
            AuthorizationCodeState::Unredeemed
            | AuthorizationCodeState::Asked { .. }
            | AuthorizationCodeState::Activated { .. }
            | AuthorizationCodeState::Refused { .. }
            | AuthorizationCodeState::Released { .. } => None,
        });
        if newest.is_some_and(|newest| day < newest) {
            return Ok(Settled::Done);
        }
        let Some(calls) = self.marketplaces.as_deref() else { return Ok(Settled::Done) };
        let asked_at = self.now();
        match calls.query_code(&coded.channel, &coded.code).await {
            Ok(standing) => {
                let merchant = self.merchant(merchant).await?;
                let _turn = self.turn(&coded.code.as_str()).await;
                decided!(self, self.try_follow(&merchant, license, &coded, &standing, asked_at))
                    .map(|()| Settled::Done)
            }
            Err(error) => Ok(told(&error, &coded.license, "a code could not be queried")),
        }
    }

    /// What the marketplace says now wins, unless an order of the license has arrived since it was asked.
    async fn try_follow(
        &self,
        merchant: &Merchant,
        license: &LicenseId,
        coded: &Coded,
        standing: &CodeStanding,
        asked_at: Instant,
    ) -> Result<(), UseCaseError> {
        let Versioned { value: before, revision } = self.load_license(&merchant.id, license).await?;
        let has_newer_order = before.orders.iter().any(|order| order.received_at >= asked_at);
        if before.end != LicenseEnd::Running || has_newer_order {
            return Ok(());
        }
        let (now, mut license) = (self.now(), before.clone());
        let kind = if standing.released {
            license.release(now);
            EventKind::LicenseReleased
        } else {
            let end = standing.ends_at.filter(|_| license.validity.ends_at.is_some());
            let Some(end) = end else { return Ok(()) };
            license.dictate_end(Some(end));
            self.sign_what_changed(merchant, &before, &mut license, now).await?;
            EventKind::LicenseRenewed
        };
        if license == before {
            return Ok(());
        }
        license.updated_at = now;
        let actor = Actor::Marketplace(coded.channel.id.to_string());
        let detail = [("ends_at", end_text(&license))];
        let event = self.event(&merchant.id, &license.id, &actor, kind, &detail);
        let flips = flips_between(Some(&before), &license, now);
        let urgency = if standing.released { Urgency::Essential } else { Urgency::Ordinary };
        let commit = Commit::new().with_urgency(urgency);
        let commit = self.book_change(commit, &before, &license, now).await?.put(license, revision);
        self.store.commit(commit.put(event, ABSENT).set_all(flips)).await?;
        self.signals.flips.notify_one();
        Ok(())
    }

    /// Tells the marketplace of a use.
    pub async fn report_use(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        client: &str,
    ) -> Result<Settled, UseCaseError> {
        let Some(coded) = self.coded(merchant, license).await? else { return Ok(Settled::Done) };
        let Some(calls) = self.marketplaces.as_deref() else { return Ok(Settled::Done) };
        Ok(match calls.report_use(&coded.channel, &coded.code, client).await {
            Ok(()) => Settled::Done,
            Err(error) => told(&error, &coded.license, "a use could not be reported"),
        })
    }

    async fn coded(&self, merchant: &MerchantId, license: &LicenseId) -> Result<Option<Coded>, UseCaseError> {
        let Some(license) = self.find_license(merchant, license).await? else { return Ok(None) };
        let license = license.value;
        let (Some((_, code)), Origin::Order { channel, .. }) = (code_of(&license), &license.origin) else {
            return Ok(None);
        };
        let key = RecordKey::Channel(merchant.clone(), channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let channel = channel.map(|channel| channel.value.value);
        let channel = channel.filter(|channel| channel.protocol.has_authorization_codes());
        Ok(channel.map(|channel| Coded { license, channel, code }))
    }
}

/// The code that opened a license, if one did.
fn code_of(license: &License) -> Option<(Marketplace, InstanceId)> {
    match &license.origin {
        Origin::Order { key, instance, .. } => {
            Some((key.marketplace, authorization_code(instance.as_str())?))
        }
        Origin::Issued { .. } => None,
    }
}

/// What passes by itself is tried again; what does not is told once, and the next day's use says it anew.
fn told(error: &MarketplaceCallError, license: &License, what: &str) -> Settled {
    match error {
        MarketplaceCallError::Unavailable(_) => Settled::Later(error.clone().into()),
        MarketplaceCallError::Refused(_)
        | MarketplaceCallError::NotConfigured
        | MarketplaceCallError::RequestClosed(_)
        | MarketplaceCallError::CodeUnknown
        | MarketplaceCallError::CodeNotReceived
        | MarketplaceCallError::CodeState => {
            tracing::warn!(merchant = %license.merchant, license = %license.id, %error, what);
            Settled::Done
        }
    }
}
