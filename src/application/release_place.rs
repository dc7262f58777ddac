//! Whoever holds the license frees a place by hand, without the machine that has it.

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::merchant_commands::freed;
use super::ports::{ABSENT, Change, Commit, Listing, Urgency, Versioned, list};
use super::record::RecordKey;
use crate::domain::{
    ActivationId, Actor, AuditEvent, EndCause, EventId, EventKind, Instant, License, LicenseId, MerchantId,
    Refusal,
};

/// Events that are read at a time; all of the 30 days are looked at.
const PAGE: usize = 1_000;
/// The fact of an event that tells a place freed by hand from one that its machine gave back.
const BY: &str = "by";
const HAND: &str = "hand";

/// Who frees a place.
#[derive(Debug, Clone)]
pub enum PlaceFreedBy {
    /// Whoever holds the license: as often in 30 days as the spec allows.
    Holder,
    /// The merchant, who may whenever there is a reason to.
    Merchant {
        /// Who asks.
        actor: Actor,
        /// Why, in words, for the audit log.
        reason: Option<String>,
    },
}

impl PlaceFreedBy {
    fn cause(&self) -> EndCause {
        match self {
            Self::Holder => EndCause::Holder,
            Self::Merchant { .. } => EndCause::Merchant,
        }
    }

    /// Moves that the merchant makes are not counted among those that the spec allows.
    fn told(&self, id: &ActivationId) -> (Actor, Vec<(&'static str, String)>) {
        let activation = ("activation", id.to_string());
        match self {
            Self::Holder => (Actor::Customer, vec![activation, (BY, HAND.to_owned())]),
            Self::Merchant { actor, reason } => {
                let reason = ("reason", reason.clone().unwrap_or_default());
                (actor.clone(), vec![activation, (BY, "merchant".to_owned()), reason])
            }
        }
    }
}

impl App {
    /// Frees a place. Its machine may go on until it hears of it, or until its lease ends: so this is done at once as often
    /// in 30 days as the spec allows, and by the merchant always. A place that is free already is freed again without a
    /// word.
    pub async fn release_place(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        id: &ActivationId,
        by: &PlaceFreedBy,
    ) -> Result<(), UseCaseError> {
        let _turn = self.turn(license).await;
        decided!(self, self.try_release_place(merchant, license, id, by))
    }

    async fn try_release_place(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        id: &ActivationId,
        by: &PlaceFreedBy,
    ) -> Result<(), UseCaseError> {
        let loaded = self.load_with_places(merchant, license).await?;
        let found = self.find_activation(merchant, license, id).await?;
        let Versioned { value: mut activation, revision } =
            found.ok_or(Refusal::NotFound { what: "activation" })?;
        let now = self.now();
        let lapses_at = activation.lease().ok().and_then(|lease| lease.validity.ends_at);
        let is_counted = matches!(by, PlaceFreedBy::Holder) && !activation.has_lapsed(now);
        if let Some(free_at) = lapses_at.filter(|_end| is_counted) {
            self.check_moves(&loaded.license.value, free_at, now).await?;
        }
        if !activation.end(by.cause(), now) {
            return Ok(());
        }
        let Versioned { value: mut places, revision: places_revision } = loaded.places;
        places.places.free(id);
        let (actor, detail) = by.told(id);
        let event = self.event(merchant, license, &actor, EventKind::ActivationReleased, &detail);
        let license_key = RecordKey::License(merchant.clone(), license.clone());
        let commit = Commit::new()
            .with_urgency(Urgency::Essential)
            .with(Change::Check(license_key, loaded.license.revision))
            .set(freed(&activation))
            .put(places, places_revision)
            .put(activation, revision)
            .put(event, ABSENT);
        self.store.commit(commit).await?;
        self.signals.flips.notify_one();
        Ok(())
    }

    /// Two that race for the last move both write the places' record: one of them counts again.
    async fn check_moves(
        &self,
        license: &License,
        free_at: Instant,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let moves = license.sold.machine.moves_per_30_days;
        let most = usize::try_from(moves).unwrap_or(usize::MAX);
        let mut after = first_id_since(now - TimeDelta::days(30));
        let mut made = 0;
        loop {
            let (merchant, license) = (license.merchant.clone(), license.id.clone());
            let listing = Listing::LaterEvents { merchant, license, after };
            let events: Vec<Versioned<AuditEvent>> = list(self.store.as_ref(), &listing, PAGE).await?;
            made += events.iter().filter(|event| is_by_hand(&event.value)).count();
            if made >= most {
                return Err(Refusal::MovesExhausted { moves, free_at }.into());
            }
            match events.last() {
                Some(last) if events.len() == PAGE => after = last.value.id.clone(),
                Some(_) | None => return Ok(()),
            }
        }
    }
}

fn is_by_hand(event: &AuditEvent) -> bool {
    event.kind == EventKind::ActivationReleased && event.detail.get(BY).is_some_and(|by| by == HAND)
}

/// Ids begin with the 48 bits of their milliseconds (RFC 9562 §5.7); new ones never lie in the past.
fn first_id_since(instant: Instant) -> EventId {
    let millis = u128::try_from(instant.timestamp_millis()).unwrap_or(0);
    EventId::from_uuid(millis << 80)
}
