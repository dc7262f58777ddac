//! This license on this machine.

use super::{
    ActivationId, Instant, LicenseId, Machine, MerchantId, Refusal, Restore, StatusSlot, TokenId, Validity,
};

/// Generation of an activation's first certificate.
pub const GENERATION_FIRST: u64 = 1;

/// The span for which a certificate holds without asking again, and that certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// From the signing of the certificate to its end.
    pub validity: Validity,
    /// When the client asks for the next one.
    pub renew_after: Instant,
    /// One more at each renewal, far more at the first one after a restore: finds clones.
    pub generation: u64,
    /// The generation that was shown for it, where that is not the one below: the first renewal after a restore.
    pub follows: Option<u64>,
    /// The caller's nonce of the request that made it: the same request again gets the same certificate.
    pub nonce: String,
    /// `jti` of the certificate.
    pub token_id: TokenId,
    /// The signed certificate.
    pub certificate: String,
}

/// Why an activation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndCause {
    /// Its holder gave the place back.
    Holder,
    /// The merchant freed the place.
    Merchant,
    /// Another machine needed the place, and its lease had ended or it was idle.
    Displaced,
    /// The license was re-issued without it.
    Reissued,
}

impl EndCause {
    /// The word in records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holder => "holder",
            Self::Merchant => "merchant",
            Self::Displaced => "displaced",
            Self::Reissued => "reissued",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Holder, Self::Merchant, Self::Displaced, Self::Reissued]
            .into_iter()
            .find(|cause| cause.as_str() == text)
    }
}

/// Whether an activation holds a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivationState {
    /// It does, for this lease.
    Held(Lease),
    /// It does not any more.
    Ended {
        /// Since when.
        at: Instant,
        /// Why.
        cause: EndCause,
    },
}

/// This license on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Never reused.
    pub id: ActivationId,
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// As enrolled; rolled forward at each renewal.
    pub machine: Machine,
    /// What the holder calls the machine.
    pub name: String,
    /// Its entry in a status list; a renewal keeps it.
    pub slot: StatusSlot,
    /// When it took its place.
    pub created_at: Instant,
    /// Whether it holds one.
    pub state: ActivationState,
}

/// What a renewal request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalDecision<'a> {
    /// A request that was answered already: the stored certificate again.
    Repeat(&'a Lease),
    /// A new one: sign the next generation.
    Next {
        /// Its generation.
        generation: u64,
        /// The generation that was shown for it, where that is not the one below.
        follows: Option<u64>,
    },
}

impl Lease {
    /// The generation that the machine had before this one, if it has shown one.
    fn previous(&self) -> u64 {
        self.follows.unwrap_or(self.generation.saturating_sub(1))
    }

    /// The next generation when no certificate is shown. What was signed after a backup is not known to it.
    pub fn next_generation(&self, untouched_since: Option<&Restore>) -> u64 {
        untouched_since.map_or(self.generation + 1, |restore| restore.generation_above(self.generation, 0))
    }
}

impl Activation {
    /// The lease, while the activation holds a place.
    pub fn lease(&self) -> Result<&Lease, Refusal> {
        match &self.state {
            ActivationState::Held(lease) => Ok(lease),
            ActivationState::Ended { .. } => Err(Refusal::ActivationEnded),
        }
    }

    /// Whether its place can be taken by another machine at `now`.
    pub fn has_lapsed(&self, now: Instant) -> bool {
        match &self.state {
            ActivationState::Held(lease) => lease.validity.has_ended(now),
            ActivationState::Ended { .. } => true,
        }
    }

    /// Whether it has let two renewals pass: software that runs with a network asks at the first.
    pub fn is_idle(&self, now: Instant) -> bool {
        match &self.state {
            ActivationState::Held(lease) => {
                let (start, renew_after) = (lease.validity.starts_at, lease.renew_after);
                let second = renew_after.checked_add_signed(renew_after - start);
                Validity::between(start, second).has_ended(now)
            }
            ActivationState::Ended { .. } => true,
        }
    }

    /// Decides a renewal asked for with the certificate of `generation`.
    ///
    /// The current generation, or the one before, with the nonce of the last renewal repeats that renewal's
    /// answer (it was lost on the way). The current generation with a new nonce is the next renewal.
    /// Anything else means that two machines hold the same activation.
    ///
    /// An activation that is as the backup had it (`untouched_since` the restore) may have been renewed in the lost time:
    /// any later generation is as good as the stored one, and none that is older.
    pub fn decide_renewal(
        &self,
        generation: u64,
        nonce: &str,
        untouched_since: Option<&Restore>,
    ) -> Result<RenewalDecision<'_>, Refusal> {
        let lease = self.lease()?;
        let is_current = generation == lease.generation;
        let is_previous = generation == lease.previous();
        let is_repeated = lease.nonce == nonce && (is_current || is_previous);
        match untouched_since {
            Some(restore) if is_repeated || generation >= lease.generation => {
                let next = restore.generation_above(lease.generation, generation);
                Ok(RenewalDecision::Next { generation: next, follows: Some(generation) })
            }
            None if is_repeated => Ok(RenewalDecision::Repeat(lease)),
            None if is_current => {
                Ok(RenewalDecision::Next { generation: lease.generation + 1, follows: None })
            }
            Some(_) | None => Err(Refusal::CloneSuspected),
        }
    }

    /// Whether the holder of the certificate of `generation` may give the place back: whoever has the current one,
    /// or the one before it (the answer that brought the current one was lost). An older copy is another machine's.
    pub fn check_release(&self, generation: u64) -> Result<(), Refusal> {
        match &self.state {
            ActivationState::Held(lease) if generation < lease.previous() => Err(Refusal::CloneSuspected),
            ActivationState::Held(_) | ActivationState::Ended { .. } => Ok(()),
        }
    }

    /// Ends it; ending what has ended changes nothing.
    pub fn end(&mut self, cause: EndCause, now: Instant) -> bool {
        let held = matches!(self.state, ActivationState::Held(_));
        if held {
            self.state = ActivationState::Ended { at: now, cause };
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activation(generation: u64, nonce: &str) -> Activation {
        let at = Instant::UNIX_EPOCH;
        let lease = Lease {
            validity: Validity::between(at, Some(at)),
            renew_after: at,
            generation,
            follows: None,
            nonce: nonce.into(),
            token_id: TokenId::from_uuid(1),
            certificate: "certificate".into(),
        };
        Activation {
            id: ActivationId::from_uuid(1),
            merchant: MerchantId::parse("acme").expect("valid"),
            license: LicenseId::from_uuid(1),
            machine: Machine::default(),
            name: String::new(),
            slot: StatusSlot { list: 0, idx: 0 },
            created_at: at,
            state: ActivationState::Held(lease),
        }
    }

    #[test]
    fn a_lost_answer_is_repeated_and_a_clone_is_noticed() {
        let held = activation(5, "n5");
        assert!(matches!(held.decide_renewal(4, "n5", None), Ok(RenewalDecision::Repeat(_))));
        assert!(matches!(held.decide_renewal(5, "n5", None), Ok(RenewalDecision::Repeat(_))));
        let next = RenewalDecision::Next { generation: 6, follows: None };
        assert_eq!(held.decide_renewal(5, "n6", None), Ok(next));
        assert_eq!(held.decide_renewal(4, "n6", None), Err(Refusal::CloneSuspected));
        assert_eq!(held.decide_renewal(3, "n5", None), Err(Refusal::CloneSuspected));
        assert_eq!(held.decide_renewal(6, "n6", None), Err(Refusal::CloneSuspected));
    }

    #[test]
    fn after_a_restore_every_later_generation_is_renewed_once_and_far_above() {
        let at: Instant = "2026-11-22T09:00:00Z".parse().expect("valid");
        let restore = Restore { taken_at: at, restored_at: at + chrono::TimeDelta::hours(1) };
        let backup = activation(5, "n5");
        for (shown, nonce) in [(5, "n6"), (5, "n5"), (4, "n5"), (6, "n7"), (900, "n901")] {
            let decision = backup.decide_renewal(shown, nonce, Some(&restore)).expect("it is renewed");
            let RenewalDecision::Next { generation, follows } = decision else {
                panic!("{shown}: a stored answer is older than what the machine holds");
            };
            assert!(generation > 1 << 20 && generation > shown, "{shown}");
            assert_eq!(follows, Some(shown));
        }
        assert_eq!(backup.decide_renewal(4, "n6", Some(&restore)), Err(Refusal::CloneSuspected));
        assert_eq!(backup.decide_renewal(3, "n5", Some(&restore)), Err(Refusal::CloneSuspected));
    }

    #[test]
    fn the_first_renewal_after_a_restore_is_repeated_for_who_asked_and_for_nobody_else() {
        let mut held = activation(1_800_000_000, "n");
        if let ActivationState::Held(lease) = &mut held.state {
            lease.follows = Some(9);
        }
        assert!(matches!(held.decide_renewal(9, "n", None), Ok(RenewalDecision::Repeat(_))));
        assert_eq!(held.decide_renewal(9, "another", None), Err(Refusal::CloneSuspected));
        assert_eq!(held.decide_renewal(8, "n", None), Err(Refusal::CloneSuspected));
        assert_eq!(held.decide_renewal(1_799_999_999, "n", None), Err(Refusal::CloneSuspected));
        assert!(held.check_release(9).is_ok() && held.check_release(8).is_err());
    }

    #[test]
    fn an_old_copy_of_a_certificate_gives_no_place_back() {
        let held = activation(5, "n5");
        for (generation, given_back) in [(5, true), (4, true), (3, false), (1, false)] {
            assert_eq!(held.check_release(generation).is_ok(), given_back, "{generation}");
        }
    }

    #[test]
    fn an_ended_activation_is_not_renewed() {
        let mut ended = activation(5, "n5");
        assert!(ended.end(EndCause::Displaced, Instant::UNIX_EPOCH));
        assert!(!ended.end(EndCause::Holder, Instant::UNIX_EPOCH));
        assert_eq!(ended.decide_renewal(5, "n6", None), Err(Refusal::ActivationEnded));
    }
}
