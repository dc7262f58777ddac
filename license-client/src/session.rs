//! One call's working copy: the state, what verifies of it, the machine and the time.

mod key_sets;
mod lists;
mod place;
mod renewing;
mod taking;
mod telling;

use std::path::PathBuf;

use license_token::{
    ActivationClaims, Binding, Enforcement, LicenseClaims, Machine, VerifiedToken, base64url,
};
use sha2::{Digest as _, Sha256};

use crate::floor::{Reading, Seen};
use crate::held::{self, Held};
use crate::seal::Seal;
use crate::server::Server;
use crate::state::{self, Kept, State};
use crate::{Config, NextAction, Verdict, device, given_back, machine, offline};

const MINUTE_SECS: i64 = 60;
/// Pause after the first failure; doubled with each further one.
const BACK_OFF_SECS: i64 = MINUTE_SECS;
/// Longest pause. Also bounds what a clock that was ahead can do to it.
const BACK_OFF_MAX_SECS: i64 = 6 * 60 * MINUTE_SECS;
/// Pause of [`crate::check`] after a refusal. [`crate::maintain`] asks again at its next call: it may be cured.
const REFUSED_PAUSE_SECS: i64 = MINUTE_SECS;
/// What a code is refused with whose license has not begun.
const NOT_STARTED: &str = "license_not_started";
/// Age from which a list is asked for again when it names no `ttl`.
const LIST_TTL_SECS: i64 = 12 * 60 * MINUTE_SECS;
/// A list may be kept for its `ttl`; who calls `maintain` wants news, and an unchanged list costs an answer without a body.
const LIST_REST_MAX_SECS: i64 = MINUTE_SECS;

/// How many entries wait before they are told without another reason.
const LEDGER_WAITING_MAX: usize = 128;
/// Most further renewals of one call for a long ledger: more than the longest needs.
const LEDGER_ROUNDS_MAX: usize = 32;
/// Age of a certificate from which what was used is told although there is enough left, and a share that is low is asked
/// for again although nothing was used.
const SHARE_RETRY_SECS: i64 = 60 * MINUTE_SECS;

pub(crate) struct Session<'a> {
    pub config: &'a Config,
    pub held: Held,
    /// The wall clock, right or wrong: for pauses, never for validity.
    pub now: i64,
    seen: Seen,
    pub state: State,
    before: State,
    /// Both copies of the state are there.
    is_whole: bool,
    /// The kept state is another machine's.
    is_stranger: bool,
    path: PathBuf,
    seal: Seal,
    pub machine: Machine,
    contact: Contact,
    /// Certificates that were answered within this call.
    answered_certificates: u32,
    is_list_gone: bool,
    has_more_to_send: bool,
}

/// What was signed for a call.
struct Signed {
    request: String,
    ledger: Option<String>,
    sent: Option<Sent>,
}

/// How the ledger stood that was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    more: bool,
    is_sound: bool,
}

/// What this call has heard of the server so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contact {
    None,
    Answered,
    /// Not asked again within this call: one time limit is enough to wait.
    Failed,
}

impl<'a> Session<'a> {
    pub fn open(config: &'a Config) -> Self {
        let path = state::path(config);
        let mut machine = machine::identify(config);
        let seal = Seal::new(&config.issuer, &config.product, &machine);
        machine.device_key = device::load(config).map(|key| key.thumbprint().to_owned());
        let Kept { state, is_whole, unsealed, stranger } = State::load(&path, &seal);
        let reading = Reading { wall: (config.clock)(), uptime: (config.boot_clock)() };
        let held = Held::load(config, &state);
        let seen = state.clock.observed(&reading, held.floor());
        let is_stranger = stranger.is_some_and(|text| held::is_of_another_machine(config, &text, &machine));
        let mut session = Self {
            config,
            held,
            now: reading.wall,
            seen,
            before: state.clone(),
            state,
            is_whole,
            is_stranger,
            path,
            seal,
            machine,
            contact: Contact::None,
            answered_certificates: 0,
            is_list_gone: false,
            has_more_to_send: false,
        };
        if let Some(unsealed) = unsealed {
            session.merge(unsealed);
            session.refresh();
        }
        if session.state.activation_id.as_ref().is_some_and(|act| given_back::is_given_back(config, act)) {
            session.state.forget_license();
            session.refresh();
        }
        session
    }

    /// Keeps what changed. A folder that cannot be written costs persistence, not the verdict.
    pub fn close(mut self) {
        match self.contact {
            Contact::None => {}
            Contact::Answered => self.state.failures = 0,
            Contact::Failed => self.pause(BACK_OFF_SECS << self.state.failures.min(16)),
        }
        if self.state.is_empty() && self.before.is_empty() {
            // What could not be read stays as it is, for people.
            return;
        }
        let is_later = self.seen.proved > 0 && self.seen.is_news_to(&self.state.clock);
        let is_to_heal = !self.is_whole && !self.state.is_empty();
        if self.state != self.before || is_later || is_to_heal {
            self.state.clock = self.seen.clone();
            self.merge_with_file();
            self.save();
        }
    }

    fn save(&mut self) {
        self.state.forget_old_lists(&self.held.list_addresses());
        let _best_effort = self.state.save(&self.path, &self.seal);
    }

    fn merge_with_file(&mut self) {
        let kept = State::load(&self.path, &self.seal).state;
        if kept != self.before && !kept.is_empty() {
            self.merge(kept);
        }
    }

    /// Another process may have renewed meanwhile: the higher generation of one activation counts.
    fn merge(&mut self, kept: State) {
        let theirs = Held::load(self.config, &kept).certificate;
        let is_newer = match (&theirs, &self.held.certificate) {
            (Some(theirs), Some(ours)) => {
                let (theirs, ours) = (theirs.claims(), ours.claims());
                theirs.act == ours.act && theirs.generation > ours.generation
            }
            _ => false,
        };
        self.state.merge(kept, is_newer);
    }

    pub fn decide(&self) -> Verdict {
        let verdict = offline::decide(self.config, &self.state, &self.held, &self.machine, &self.seen);
        // What is kept is not believed, but it says why nothing is held.
        let needs_key = verdict == Verdict::NeedsKey(NextAction::PasteCurrentKey);
        if needs_key && self.is_stranger { Verdict::WrongMachine } else { verdict }
    }

    /// The time that counts.
    pub fn effective_now(&self) -> i64 {
        self.seen.effective_now()
    }

    /// Keeps the state now, where it must not be lost.
    pub fn keep(&mut self) -> std::io::Result<()> {
        self.state.clock = self.seen.clone();
        self.state.forget_old_lists(&self.held.list_addresses());
        self.state.save(&self.path, &self.seal)
    }

    pub fn refresh(&mut self) {
        self.held = Held::load(self.config, &self.state);
        self.seen = std::mem::take(&mut self.seen).raised(self.held.floor());
    }

    pub fn has_refusal(&self) -> bool {
        self.state.refusal.is_some()
    }

    /// The server has ended this machine's activation, and the key at hand was brought here after it was made.
    pub fn may_activate_anew(&self) -> bool {
        let issued = |key: &VerifiedToken<LicenseClaims>| key.claims().iat;
        let made = |certificate: &VerifiedToken<ActivationClaims>| certificate.claims().iat;
        let key_is_newer = self.held.key.as_ref().map(issued) > self.held.fitting_certificate().map(made);
        self.is_place_gone() && key_is_newer
    }

    pub fn is_place_gone(&self) -> bool {
        self.state.refusal.as_ref().is_some_and(|refusal| offline::is_place_gone(&refusal.code))
    }

    /// Whether the pause after a failure is over. A pause that is longer than any pause came from a wrong clock.
    pub fn may_try(&self) -> bool {
        let pause = self.state.retry_at.saturating_sub(self.now);
        pause <= 0 || pause > BACK_OFF_MAX_SECS
    }

    /// As [`Self::may_try`], but a refusal is no reason to wait.
    pub fn may_maintain(&self) -> bool {
        self.may_try() || self.state.failures == 0
    }

    fn pause(&mut self, secs: i64) {
        self.state.failures = self.state.failures.saturating_add(1);
        self.state.retry_at = self.now.saturating_add(secs.min(BACK_OFF_MAX_SECS));
    }

    fn server(&self) -> Option<Server> {
        if self.contact == Contact::Failed { None } else { Server::of(self.config) }
    }

    fn answered(&mut self) {
        if self.contact == Contact::None {
            self.contact = Contact::Answered;
        }
    }

    fn failed(&mut self) {
        self.contact = Contact::Failed;
    }

    /// What the license at hand asks of software that is refused; the certificate is newer than the key or as old.
    pub fn enforcement(&self) -> Enforcement {
        let certificate = self.held.fitting_certificate().map(|token| token.claims().policy);
        let key = self.held.key.as_ref().map(|token| token.claims().policy);
        certificate.or(key).unwrap_or_default().enforcement
    }

    pub fn has_certificate(&self) -> bool {
        self.held.renewable().is_some()
    }

    /// Whether the license at hand must be activated.
    pub fn binds(&self) -> bool {
        self.held.key.as_ref().is_none_or(|key| key.claims().policy.binding != Binding::None)
    }

    pub fn lacks_certificate(&self) -> bool {
        self.held.key.is_some() && self.binds() && !self.has_certificate()
    }
}

/// One certificate, one nonce: whoever asks again after a lost answer, and two processes that ask at the same time,
/// get the same next certificate and are not taken for clones.
pub(crate) fn renewal_nonce(certificate: &str) -> String {
    let digest = Sha256::new().chain_update(b"license-renewal\0").chain_update(certificate).finalize();
    base64url::encode(&digest[..16])
}
