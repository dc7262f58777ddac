//! A marketplace's authorization code is redeemed, online; and what the marketplace says of one that is not redeemed yet.

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::begin_license::CodeUse;
use super::breakers::Destination;
use super::handle_purchase_event::PurchaseCall;
use super::ports::{ABSENT, Commit, Listing, StoreError, Urgency, Versioned, find, list};
use super::record::{Job, Lane, Owned, Rank, RecordKey, Task};
use super::refresh_instance::urgency_of_early;
use crate::domain::{
    AuthorizationCode, AuthorizationCodeState, Channel, ChannelId, EarlyEvent, EarlyKept, InstanceId,
    License, Marketplace, Merchant, MerchantId, ProductId, PurchaseOutcome, Refusal, authorization_code,
    keep_early,
};

/// Most codes of a merchant that may wait for the marketplace at a time: whoever makes codes up gets no further.
const CODES_ASKED_MAX: usize = 200;
/// Most of them that may wait without an end in sight: no more are taken while the marketplace does not answer, and
/// those that it turns away unread end at once beyond it. The other places are free as soon as it answers.
pub(super) const CODES_STUCK_MAX: usize = 50;
/// Jobs looked at to count them.
const JOBS_COUNTED_MAX: usize = 1_000;
/// How long a redeemer waits before asking again: a call of the marketplace takes about this long,
const RETRY_AFTER_SECS: u32 = 2;
/// and a merchant who has to name a spec first rather longer.
const RETRY_HELD_AFTER_SECS: u32 = 60;

/// What a code opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// This license.
    License(Box<License>),
    /// The marketplace is being asked, or the merchant has to name the spec: ask again.
    Asking {
        /// After so many seconds.
        retry_after_secs: u32,
    },
}

impl App {
    /// What an authorization code opens; asks the marketplace if that is not known yet. One that no marketplace of
    /// this server knows is refused like a malformed key.
    pub async fn redeem_code(
        &self,
        code: &InstanceId,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<Redeemed, UseCaseError> {
        let mut best: Result<Redeemed, UseCaseError> = Err(Refusal::LicenseKeyRefused.into());
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            let merchant = merchant.value.id;
            let channels = self.code_channels(&merchant).await?;
            let sells = |channel: &Channel| product.is_none_or(|id| channel.products.contains(id));
            let Some(channel) = channels.into_iter().find(sells) else { continue };
            let redeemed = self.redeem_of(&merchant, channel.marketplace, code, product, code_use).await;
            match (&best, redeemed) {
                (_, Ok(license @ Redeemed::License(_))) => return Ok(license),
                (_, Err(error @ (UseCaseError::Store(_) | UseCaseError::Signing(_)))) => return Err(error),
                (_, Ok(asking @ Redeemed::Asking { .. })) => best = Ok(asking),
                (Err(_), Err(UseCaseError::Refused(refusal))) if refusal != Refusal::LicenseKeyRefused => {
                    best = Err(refusal.into());
                }
                (Ok(_) | Err(_), Err(UseCaseError::Refused(_))) => {}
            }
        }
        best
    }

    /// The channels of a merchant whose buyers get authorization codes, and that can ask about them.
    pub(super) async fn code_channels(&self, merchant: &MerchantId) -> Result<Vec<Channel>, UseCaseError> {
        let listing = Listing::Channels(merchant.clone());
        let channels: Vec<Versioned<Owned<Channel>>> = list(self.store.as_ref(), &listing, 1_000).await?;
        let with_codes =
            |channel: &Channel| channel.protocol.has_authorization_codes() && channel.open_api.is_some();
        Ok(channels.into_iter().map(|channel| channel.value.value).filter(with_codes).collect())
    }

    async fn redeem_of(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        code: &InstanceId,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<Redeemed, UseCaseError> {
        let _turn = self.turn(code).await;
        decided!(self, self.try_redeem_code(merchant, marketplace, code, product, code_use))
    }

    async fn try_redeem_code(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        code: &InstanceId,
        product: Option<&ProductId>,
        code_use: CodeUse,
    ) -> Result<Redeemed, UseCaseError> {
        let key = RecordKey::AuthorizationCode(merchant.clone(), marketplace, code.clone());
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key).await?;
        let asking = Redeemed::Asking { retry_after_secs: RETRY_AFTER_SECS };
        let now = self.now();
        match known.as_ref().map(|known| &known.value.state) {
            Some(AuthorizationCodeState::Asked { .. } | AuthorizationCodeState::Activated { .. }) => {
                return Ok(asking);
            }
            Some(AuthorizationCodeState::Released { .. }) => return Err(Refusal::LicenseReleased.into()),
            Some(AuthorizationCodeState::Refused { again_at }) if now < *again_at => {
                return Err(Refusal::LicenseKeyRefused.into());
            }
            Some(AuthorizationCodeState::Redeemed { license, .. }) => {
                return match self.find_license(merchant, license).await? {
                    Some(license) if product.is_some_and(|product| *product != license.value.product) => {
                        Err(Refusal::LicenseKeyRefused.into())
                    }
                    Some(license) => {
                        let license = self.opened(license.value, code_use).await?;
                        Ok(Redeemed::License(Box::new(license)))
                    }
                    None => Ok(Redeemed::Asking { retry_after_secs: RETRY_HELD_AFTER_SECS }),
                };
            }
            None | Some(AuthorizationCodeState::Unredeemed | AuthorizationCodeState::Refused { .. }) => {}
        }
        let (mut record, revision) = match known {
            Some(known) => (known.value, known.revision),
            None => (new_code(merchant, marketplace, code), ABSENT),
        };
        let Some(channel) = self.code_channels(merchant).await?.into_iter().next() else {
            return Err(Refusal::LicenseKeyRefused.into());
        };
        record.state = AuthorizationCodeState::Asked { since: now };
        let task = Task::RedeemCode { merchant: merchant.clone(), marketplace, code: code.clone() };
        let job = self.job_through(&channel.id, task, now);
        self.check_room_for_codes(merchant, &channel).await?;
        let commit = Commit::new().with_urgency(Urgency::Grow);
        let commit = commit.put(record, revision).put(job, ABSENT);
        self.store.commit(commit).await?;
        self.signals.jobs.notify_one();
        Ok(asking)
    }

    async fn check_room_for_codes(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
    ) -> Result<(), UseCaseError> {
        let is_silent = Destination::of(channel).is_some_and(|it| self.breakers.is_broken(&it));
        let room = if is_silent { CODES_STUCK_MAX } else { CODES_ASKED_MAX };
        let asked = self.codes_asked(merchant, &channel.id).await?;
        if asked < room { Ok(()) } else { Err(StoreError::Busy.into()) }
    }

    /// How many codes of a merchant wait for the marketplace: their jobs are counted, through this channel.
    pub(super) async fn codes_asked(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
    ) -> Result<usize, UseCaseError> {
        let lane = Lane { merchant: merchant.clone(), channel: Some(channel.clone()), rank: Rank::Purchase };
        let listing = Listing::JobsOfLane { lane, from: None };
        let jobs: Vec<Versioned<Job>> = list(self.store.as_ref(), &listing, JOBS_COUNTED_MAX).await?;
        Ok(jobs.iter().filter(|job| matches!(job.value.task, Task::RedeemCode { .. })).count())
    }

    /// Keeps what the marketplace says of a code that nobody has redeemed here: it is applied when somebody does.
    /// The marketplace signed for it, so the code exists. Of an address without such codes the instance is unknown.
    pub(super) async fn keep_for_code(
        &self,
        call: &PurchaseCall<'_>,
        code: &str,
        early: EarlyEvent,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some((mut record, revision)) = self.code_of_call(call, code).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        if matches!(record.state, AuthorizationCodeState::Released { .. }) {
            return Ok(PurchaseOutcome::Done);
        }
        let urgency = urgency_of_early(&early);
        match keep_early(&mut record.early, early) {
            EarlyKept::Repeat => return Ok(PurchaseOutcome::Done),
            EarlyKept::NoRoom => return Ok(PurchaseOutcome::Unavailable),
            EarlyKept::Kept => {}
        }
        if matches!(record.state, AuthorizationCodeState::Refused { .. }) {
            record.state = AuthorizationCodeState::Unredeemed;
        }
        let commit = Commit::new().with_urgency(urgency).put(record, revision);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }

    /// Released before anybody redeemed it: nobody will.
    pub(super) async fn release_code(
        &self,
        call: &PurchaseCall<'_>,
        code: &str,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some((mut record, revision)) = self.code_of_call(call, code).await? else {
            return Ok(PurchaseOutcome::InstanceUnknown);
        };
        if matches!(record.state, AuthorizationCodeState::Released { .. }) {
            return Ok(PurchaseOutcome::Done);
        }
        record.state = AuthorizationCodeState::Released { at: call.now };
        let commit = Commit::new().with_urgency(Urgency::Essential).put(record, revision);
        self.store.commit(call.remembered(commit, &PurchaseOutcome::Done)).await?;
        Ok(PurchaseOutcome::Done)
    }

    /// The code that a call names, with its revision; one that was redeemed a moment ago has an instance by now.
    async fn code_of_call(
        &self,
        call: &PurchaseCall<'_>,
        code: &str,
    ) -> Result<Option<(AuthorizationCode, u64)>, UseCaseError> {
        let Some(code) = authorization_code(code).filter(|_| call.channel.protocol.has_authorization_codes())
        else {
            return Ok(None);
        };
        let marketplace = call.channel.marketplace;
        let key = RecordKey::AuthorizationCode(call.merchant.clone(), marketplace, code.clone());
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key).await?;
        match known {
            Some(known) if known.value.license().is_some() => Err(StoreError::Conflict.into()),
            Some(known) => Ok(Some((known.value, known.revision))),
            None => Ok(Some((new_code(call.merchant, marketplace, &code), ABSENT))),
        }
    }
}

fn new_code(merchant: &MerchantId, marketplace: Marketplace, code: &InstanceId) -> AuthorizationCode {
    AuthorizationCode {
        merchant: merchant.clone(),
        marketplace,
        code: code.clone(),
        state: AuthorizationCodeState::Unredeemed,
        early: Vec::new(),
    }
}

/// How long after a refusal the marketplace is asked again.
pub(super) fn asked_again_after() -> TimeDelta {
    TimeDelta::minutes(10)
}
