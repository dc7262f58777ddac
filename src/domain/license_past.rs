//! What a license was at an earlier instant, told from its events.

use std::collections::BTreeMap;

use super::license::{Hold, HoldBy, Holds, License, LicenseEnd, LicenseState};
use super::{Actor, AuditEvent, EventKind, Instant, LicenseStanding, Refusal, TokenId, Validity};

/// Member of an event's detail that has the standing of the license after it.
pub const STANDING_DETAIL: &str = "standing";

/// What can be told of a license at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recalled {
    /// It was not issued yet: of a purchase at most something is known.
    NotIssued,
    /// It was there, but the events that would tell are gone, or were written by a version that did not say.
    NotKnown,
    /// This is what it was.
    Known(Box<LicenseStanding>),
}

impl Recalled {
    /// The state, where one is known.
    pub fn state(&self, at: Instant) -> Option<LicenseState> {
        match self {
            Self::NotIssued | Self::NotKnown => None,
            Self::Known(standing) => Some(standing.state(at)),
        }
    }

    /// Whether it could be used; none where that is not known.
    pub fn check(&self, at: Instant) -> Option<Result<(), Refusal>> {
        match self {
            Self::NotIssued | Self::NotKnown => None,
            Self::Known(standing) => Some(standing.check(at)),
        }
    }
}

/// What became of one key text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPast {
    /// When it was signed.
    pub issued_at: Instant,
    /// When it was superseded, as far as that was before the instant.
    pub superseded_at: Option<Instant>,
}

/// Goes through the events of a license, oldest first, up to an instant and beyond.
#[derive(Debug)]
pub struct LicensePast {
    at: Instant,
    is_issued: bool,
    validity: Option<Validity>,
    /// The end where only that is known: the start never moves without a standing.
    ends_at: Option<Option<Instant>>,
    holds: Holds,
    end: LicenseEnd,
    /// Whether the holds cannot be told: what was said leaves two possibilities.
    is_hold_unsure: bool,
    last: Option<LicenseStanding>,
    keys: BTreeMap<TokenId, KeyPast>,
    /// When the newest standing that was heard of began.
    since: Option<Instant>,
    /// Whether an event behind the instant moved the end, so that the present end says nothing about it.
    has_moved_since: bool,
}

impl LicensePast {
    /// Nothing was heard yet.
    pub fn at(at: Instant) -> Self {
        Self {
            at,
            is_issued: false,
            validity: None,
            ends_at: None,
            holds: Holds::default(),
            end: LicenseEnd::Running,
            is_hold_unsure: false,
            last: None,
            keys: BTreeMap::new(),
            since: None,
            has_moved_since: false,
        }
    }

    /// Takes note of the next event; whether it led to what the license was at the instant.
    pub fn hear(&mut self, event: &AuditEvent) -> bool {
        if !Validity::between(event.at, None).holds_at(self.at) {
            self.has_moved_since |= moves_the_end(event.kind);
            return false;
        }
        self.is_issued |= matches!(event.kind, EventKind::LicenseIssued | EventKind::LicenseImported);
        match event.detail.get(STANDING_DETAIL).and_then(|text| LicenseStanding::parse(text)) {
            Some(standing) => self.stand(standing, event.at),
            None => self.infer(event),
        }
        true
    }

    /// Events of one instant come in the order of the changes they tell of.
    fn stand(&mut self, standing: LicenseStanding, at: Instant) {
        let is_overtaken = self.since == Some(at)
            && self.last.as_ref().is_some_and(|last| last.replaced > standing.replaced);
        if is_overtaken {
            return;
        }
        if let Some(key) = &standing.current_key {
            let fresh = KeyPast { issued_at: at, superseded_at: None };
            self.keys.entry(key.clone()).or_insert(fresh);
        }
        for key in &standing.superseded {
            self.keys.entry(key.clone()).or_insert(KeyPast { issued_at: at, superseded_at: None });
        }
        for (key, past) in &mut self.keys {
            if standing.is_superseded(key) && past.superseded_at.is_none() {
                past.superseded_at = Some(at);
            }
        }
        (self.validity, self.ends_at) = (Some(standing.validity), None);
        (self.holds, self.end) = (standing.holds.clone(), standing.end.clone());
        self.is_hold_unsure = false;
        (self.last, self.since) = (Some(standing), Some(at));
    }

    /// What an event of a version that told less says all the same.
    fn infer(&mut self, event: &AuditEvent) {
        let hold = Some(Hold { since: event.at, reason: None });
        match said_by(event.kind) {
            Said::End => {
                self.validity = None;
                self.ends_at = event.detail.get("ends_at").and_then(|text| end(text));
            }
            Said::Stopped => *self.hold_of(&event.actor) = hold,
            Said::GoesOn => self.resume(&event.actor),
            // It may have come as a suspended one.
            Said::Imported => self.is_hold_unsure = true,
            Said::Released => self.end = LicenseEnd::Released { at: event.at },
            Said::Revoked => self.end = LicenseEnd::Revoked { at: event.at, reason: None },
            Said::Nothing => {}
        }
    }

    /// A merchant may have lifted the marketplace's hold together with its own, or alone.
    fn resume(&mut self, actor: &Actor) {
        let is_merchants = hold_by(actor) == HoldBy::Merchant;
        match (is_merchants, self.holds.marketplace.is_some(), self.holds.merchant.is_some()) {
            (true, true, true) => self.is_hold_unsure = true,
            (true, true, false) => self.holds.marketplace = None,
            (_, _, _) => *self.hold_of(actor) = None,
        }
    }

    fn hold_of(&mut self, actor: &Actor) -> &mut Option<Hold> {
        match hold_by(actor) {
            HoldBy::Marketplace => &mut self.holds.marketplace,
            HoldBy::Merchant => &mut self.holds.merchant,
        }
    }

    /// What the license was, given what it is now, if it is there at all.
    pub fn recall(&self, present: Option<&License>) -> Recalled {
        let Some(present) = present.filter(|license| self.is_issued || self.is_after(license.created_at))
        else {
            return Recalled::NotIssued;
        };
        // It was there, and nothing tells of its beginning any more.
        let has_no_beginning = !self.is_issued && self.last.is_none();
        // An end hides every hold.
        if has_no_beginning || (self.is_hold_unsure && self.end == LicenseEnd::Running) {
            return Recalled::NotKnown;
        }
        let starts_at = present.validity.starts_at;
        let told = self.ends_at.map(|ends_at| Validity::between(starts_at, ends_at));
        let unmoved = Validity::between(starts_at, present.validity.ends_at);
        let unmoved = (!self.has_moved_since && self.last.is_none()).then_some(unmoved);
        let Some(validity) = self.validity.or(told).or(unmoved) else { return Recalled::NotKnown };
        let last = self.last.as_ref();
        Recalled::Known(Box::new(LicenseStanding {
            validity,
            awaits: last.and_then(|last| last.awaits),
            holds: self.holds.clone(),
            end: self.end.clone(),
            current_key: last.and_then(|last| last.current_key.clone()),
            superseded: last.map(|last| last.superseded.clone()).unwrap_or_default(),
            and_older: last.is_some_and(|last| last.and_older),
            opens_from: last.and_then(|last| last.opens_from.clone()),
            replaced: last.map_or(0, |last| last.replaced),
        }))
    }

    fn is_after(&self, instant: Instant) -> bool {
        Validity::between(instant, None).holds_at(self.at)
    }

    /// The key texts that were heard of, oldest first.
    pub fn keys(&self) -> &BTreeMap<TokenId, KeyPast> {
        &self.keys
    }
}

/// What the kind of an event says of its license, whatever else the event tells.
enum Said {
    /// It has an end from now on, perhaps another one.
    End,
    /// It came from elsewhere, with an end.
    Imported,
    Stopped,
    GoesOn,
    Released,
    Revoked,
    Nothing,
}

/// Whether an event may move the end.
fn moves_the_end(kind: EventKind) -> bool {
    matches!(said_by(kind), Said::End | Said::Imported)
}

fn said_by(kind: EventKind) -> Said {
    match kind {
        EventKind::LicenseIssued
        | EventKind::LicenseStarted
        | EventKind::LicenseRenewed
        | EventKind::LicenseExtended => Said::End,
        EventKind::LicenseImported => Said::Imported,
        EventKind::LicenseSuspended => Said::Stopped,
        EventKind::LicenseResumed => Said::GoesOn,
        EventKind::LicenseReleased => Said::Released,
        EventKind::LicenseRevoked => Said::Revoked,
        EventKind::OrderReceived
        | EventKind::OrderHeld
        | EventKind::OrderMapped
        | EventKind::OrderContradicted
        | EventKind::OrderPaidAfterRevocation
        | EventKind::LicenseReissued
        | EventKind::LicenseChanged
        | EventKind::LicenseRequested
        | EventKind::LicenseUploadRefused
        | EventKind::UsageDropped
        | EventKind::QuotaLow
        | EventKind::QuotaExhausted
        | EventKind::QuotaMoved
        | EventKind::AppInfoSet
        | EventKind::LicensePersonalDataErased
        | EventKind::ActivationCreated
        | EventKind::ActivationReleased
        | EventKind::LedgerRefused
        | EventKind::ActivationConflict
        | EventKind::OrderRetried
        | EventKind::CatalogCreated
        | EventKind::CatalogChanged
        | EventKind::CatalogRemoved
        | EventKind::CatalogApplied
        | EventKind::ApiTokenCreated
        | EventKind::ApiTokenRevoked
        | EventKind::SessionBegun
        | EventKind::SessionEnded
        | EventKind::SignInLinkCreated
        | EventKind::SignInLinkRevoked
        | EventKind::KeyStaged
        | EventKind::KeyRotated
        | EventKind::KeyRetired
        | EventKind::KeyRevoked
        | EventKind::KeySetPublished
        | EventKind::CustomerErased
        | EventKind::StoreRestored
        | EventKind::AuditAdopted
        | EventKind::LicenseExpiring
        | EventKind::LicenseExpired
        | EventKind::ActivationRenewed
        | EventKind::CallbackRejected
        | EventKind::ChannelDialTestFailed
        | EventKind::ChannelSilent
        | EventKind::CertificateExpiring
        | EventKind::WebhookCreated
        | EventKind::WebhookChanged
        | EventKind::WebhookDeleted
        | EventKind::WebhookEnabled
        | EventKind::WebhookDisabled
        | EventKind::WebhookSecretRotated
        | EventKind::WebhookReplayed
        | EventKind::WebhookTested => Said::Nothing,
    }
}

/// Who stops or resumes when this one does.
fn hold_by(actor: &Actor) -> HoldBy {
    match actor {
        Actor::Marketplace(_) | Actor::Server => HoldBy::Marketplace,
        Actor::Token(_) | Actor::Customer => HoldBy::Merchant,
    }
}

/// `never`, or an instant; none for anything else.
fn end(text: &str) -> Option<Option<Instant>> {
    if text == "never" { Some(None) } else { text.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::domain::{EventId, LicenseId, MerchantId};

    fn at(day: i64) -> Instant {
        "2026-01-01T00:00:00Z".parse::<Instant>().expect("valid") + TimeDelta::days(day)
    }

    /// An event as a version wrote it that knew no standings.
    fn old(day: i64, kind: EventKind, actor: Actor, detail: &[(&str, &str)]) -> AuditEvent {
        AuditEvent {
            id: EventId::from_uuid(u128::try_from(day).expect("from 0")),
            merchant: MerchantId::parse("acme").expect("valid"),
            subject: LicenseId::from_uuid(1).into(),
            at: at(day),
            actor,
            kind,
            detail: detail.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    fn marketplace() -> Actor {
        Actor::Marketplace("cad-koogallery".into())
    }

    fn merchant() -> Actor {
        Actor::Token("support".into())
    }

    fn heard(events: &[AuditEvent], day: i64) -> LicensePast {
        let mut past = LicensePast::at(at(day));
        for event in events {
            past.hear(event);
        }
        past
    }

    fn verdict(events: &[AuditEvent], day: i64) -> &'static str {
        let past = heard(events, day);
        let license = crate::domain::license::test_license();
        match past.recall(Some(&license)) {
            Recalled::NotIssued => "not issued",
            Recalled::NotKnown => "not known",
            Recalled::Known(standing) => standing.state(at(day)).as_str(),
        }
    }

    #[test]
    fn a_life_that_was_told_without_standings_is_told_as_far_as_it_says() {
        let life = [
            old(0, EventKind::LicenseIssued, Actor::Server, &[("ends_at", "2026-01-31T00:00:00+00:00")]),
            old(5, EventKind::LicenseSuspended, marketplace(), &[]),
            old(8, EventKind::LicenseResumed, marketplace(), &[]),
            old(10, EventKind::LicenseSuspended, marketplace(), &[]),
            old(12, EventKind::LicenseResumed, merchant(), &[("reason", "paid")]),
            old(40, EventKind::LicenseRenewed, marketplace(), &[("ends_at", "never")]),
            old(50, EventKind::LicenseRevoked, merchant(), &[]),
        ];
        let days = [0, 5, 7, 8, 10, 12, 29, 30, 39, 40, 49, 50, 99];
        let expected = [
            "active",
            "suspended",
            "suspended",
            "active",
            "suspended",
            "active",
            "active",
            "expired",
            "expired",
            "active",
            "active",
            "revoked",
            "revoked",
        ];
        assert_eq!(days.map(|day| verdict(&life, day)), expected);
    }

    #[test]
    fn what_leaves_two_possibilities_is_not_known_until_an_end_decides_it() {
        let both = [
            old(0, EventKind::LicenseIssued, Actor::Server, &[("ends_at", "never")]),
            old(5, EventKind::LicenseSuspended, marketplace(), &[]),
            old(6, EventKind::LicenseSuspended, merchant(), &[]),
            old(7, EventKind::LicenseResumed, merchant(), &[]),
            old(9, EventKind::LicenseRevoked, merchant(), &[]),
        ];
        assert_eq!([6, 7, 9].map(|day| verdict(&both, day)), ["suspended", "not known", "revoked"]);
        let untold = [
            old(0, EventKind::LicenseIssued, Actor::Server, &[("ends_at", "never")]),
            old(5, EventKind::LicenseRenewed, marketplace(), &[("order_id", "CS1")]),
            old(9, EventKind::LicenseRenewed, marketplace(), &[("order_id", "CS2")]),
        ];
        assert_eq!([4, 5, 8].map(|day| verdict(&untold, day)), ["active", "not known", "not known"]);
        assert_eq!(verdict(&[], 3), "not known", "its events are gone");
    }

    #[test]
    fn a_later_standing_settles_what_was_not_known() {
        let standing = LicenseStanding {
            validity: Validity::between(at(0), Some(at(20))),
            awaits: None,
            holds: Holds::default(),
            end: LicenseEnd::Running,
            current_key: None,
            superseded: Vec::new(),
            and_older: false,
            opens_from: None,
            replaced: 3,
        };
        let told = |replaced: u64, end: i64| {
            let validity = Validity::between(at(0), Some(at(end)));
            let text = LicenseStanding { replaced, validity, ..standing.clone() }.to_string();
            old(5, EventKind::LicenseRenewed, marketplace(), &[(STANDING_DETAIL, &text)])
        };
        let events = [
            old(0, EventKind::LicenseImported, merchant(), &[]),
            told(4, 9),
            // Written later in the same instant, by another server, although its id sorts before.
            told(3, 20),
        ];
        assert_eq!(
            [4, 5, 8, 9].map(|day| verdict(&events, day)),
            ["not known", "active", "active", "expired"]
        );
    }

    #[test]
    fn before_it_was_issued_there_was_none() {
        let events = [old(3, EventKind::LicenseIssued, Actor::Server, &[("ends_at", "never")])];
        let mut license = crate::domain::license::test_license();
        license.created_at = at(3);
        assert_eq!(heard(&events, 2).recall(Some(&license)), Recalled::NotIssued);
        assert_eq!(heard(&[], 2).recall(None), Recalled::NotIssued);
        assert!(matches!(heard(&events, 3).recall(Some(&license)), Recalled::Known(_)));
    }
}
