//! A marketplace's call, after its signature was checked.

use super::app::{App, UseCaseError};
use super::ports::Versioned;
use super::ports::{Change, Commit, find};
use super::record::{Instance, Record, RecordKey, Replay};
use super::refresh_instance::Refresh;
use crate::domain::{
    Actor, Channel, InstanceId, Instant, MerchantId, Purchase, PurchaseEvent, PurchaseOutcome, Repeat,
};

/// The identity of a request, so that the same request again has no second effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayIdentity {
    /// Digest of the request's nonce.
    pub digest: [u8; 32],
    /// Digest of the whole request.
    pub request: [u8; 32],
    /// How long it is kept.
    pub keep_until: Instant,
    /// What the same request is answered within that time.
    pub repeat: Repeat,
}

/// What a call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseAnswer {
    /// What was made of it.
    Outcome(PurchaseOutcome),
    /// Its nonce belongs to another request.
    NonceReused,
}

/// One call through one channel.
#[derive(Debug, Clone, Copy)]
pub struct PurchaseCall<'a> {
    /// Whose address was called.
    pub merchant: &'a MerchantId,
    /// Which address.
    pub channel: &'a Channel,
    /// Kept by calls that change something.
    pub replay: Option<ReplayIdentity>,
    /// When that happened which it tells of, where it says so. What happened earlier than what is known changes nothing.
    pub occurred_at: Option<Instant>,
    /// When it came.
    pub now: Instant,
}

impl PurchaseCall<'_> {
    /// Who did it, for the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor::Marketplace(self.channel.id.to_string())
    }

    /// When that happened which it tells of; when it came, where it does not say so.
    pub(super) fn happened_at(&self) -> Instant {
        self.occurred_at.unwrap_or(self.now)
    }

    /// Whether a repeat gets the same answer, which is kept for that.
    pub(super) fn stores_its_answer(&self) -> bool {
        self.replay.is_some_and(|identity| identity.repeat == Repeat::StoredAnswer)
    }

    /// The commit, with the replay identity and its answer in it.
    pub(super) fn remembered(&self, commit: Commit, outcome: &PurchaseOutcome) -> Commit {
        let Some(identity) = self.replay else { return commit };
        let outcome = match identity.repeat {
            Repeat::StoredAnswer => outcome,
            Repeat::AsItStands => &PurchaseOutcome::Done,
        };
        let replay = Replay {
            merchant: self.merchant.clone(),
            channel: self.channel.id.clone(),
            digest: identity.digest,
            request: identity.request,
            until: identity.keep_until,
            outcome: outcome.clone(),
        };
        commit.with(Change::Claim(Record::Replay(replay), self.now))
    }
}

impl App {
    /// Does what the event says, exactly once, and answers. A repeat gets the first answer's instance id.
    pub async fn handle_purchase_event(
        &self,
        call: &PurchaseCall<'_>,
        event: PurchaseEvent,
    ) -> Result<PurchaseAnswer, UseCaseError> {
        if let Some(answer) = self.replayed(call).await? {
            return Ok(answer);
        }
        let outcome = match event {
            PurchaseEvent::Bought { order, business_id, details } => {
                self.receive_purchase(call, &order, &business_id, details.as_ref()).await
            }
            PurchaseEvent::Queried { instance_ids } => self.query_instances(call, &instance_ids).await,
            PurchaseEvent::LicenseAsked { instance_id } => self.license_asked(call, &instance_id).await,
            PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id: _, term, resumes } => {
                let refresh = Refresh { order: &order, scene, ends_at, term, resumes };
                self.refresh_instance(call, &instance_id, &refresh).await
            }
            PurchaseEvent::Changed { instance_id, order, details: Some(details) } => {
                self.upgrade_instance(call, &instance_id, &order, &details).await
            }
            PurchaseEvent::Changed { instance_id, order, details: None } => {
                self.change_instance(call, &instance_id, &order).await
            }
            PurchaseEvent::KitSynced(sync) => self.sync_kit(call, &sync).await,
            PurchaseEvent::StatusChanged { instance_id, status } => {
                self.change_instance_status(call, &instance_id, status).await
            }
            PurchaseEvent::Released { instance_id, order: _ } => {
                self.release_instance(call, &instance_id).await
            }
            PurchaseEvent::Applied { instance_id, application } => {
                self.apply_for_license(call, &instance_id, &application).await
            }
            PurchaseEvent::ChangeAsked { instance_id, target } => {
                self.check_change(call, &instance_id, &target).await
            }
            PurchaseEvent::Noticed { order } => self.notice_order(call, &order).await,
            // The order's own id serves: it differs between orders and is the same for ever.
            PurchaseEvent::Announced { order } => {
                let instance_id = order.order_line_id.unwrap_or(order.order_id);
                Ok(PurchaseOutcome::Accepted { instance_id, ready: true })
            }
        };
        // The same request, at the same time: it was done while this one tried.
        if outcome.as_ref().is_err_and(UseCaseError::is_conflict)
            && let Some(answer) = self.replayed(call).await?
        {
            return Ok(answer);
        }
        outcome.map(PurchaseAnswer::Outcome)
    }

    pub(super) async fn replayed(
        &self,
        call: &PurchaseCall<'_>,
    ) -> Result<Option<PurchaseAnswer>, UseCaseError> {
        let Some(identity) = call.replay else { return Ok(None) };
        let key = RecordKey::Replay(call.merchant.clone(), call.channel.id.clone(), identity.digest);
        let found: Option<Versioned<Replay>> = find(self.store.as_ref(), key).await?;
        let live = found.map(|replay| replay.value).filter(|replay| call.now < replay.until);
        let Some(replay) = live else { return Ok(None) };
        if replay.request != identity.request {
            return Ok(Some(PurchaseAnswer::NonceReused));
        }
        Ok(match identity.repeat {
            Repeat::StoredAnswer => Some(PurchaseAnswer::Outcome(replay.outcome)),
            Repeat::AsItStands => None,
        })
    }

    /// The purchase that an instance id means.
    pub(super) async fn purchase_of_instance(
        &self,
        call: &PurchaseCall<'_>,
        instance_id: &str,
    ) -> Result<Option<Versioned<Purchase>>, UseCaseError> {
        let Ok(id) = InstanceId::parse(instance_id) else { return Ok(None) };
        let key = RecordKey::Instance(call.merchant.clone(), call.channel.marketplace, id);
        let Some(instance): Option<Versioned<Instance>> = find(self.store.as_ref(), key).await? else {
            return Ok(None);
        };
        Ok(find(self.store.as_ref(), RecordKey::Purchase(instance.value.purchase)).await?)
    }
}
