//! One call's working copy: the state, what verifies of it, the machine and the time.

use std::path::PathBuf;

use license_token::{
    ActivationClaims, Amount, Ask, Binding, DeviceKey, Enforcement, LicenseClaims, Machine, RequestClaims,
    TokenType, VerifiedToken, base64url,
};

use sha2::{Digest as _, Sha256};

use crate::floor::{Reading, Seen};
use crate::held::{self, Held};
use crate::ledger::Ledger;
use crate::pasted::Pasted;
use crate::seal::Seal;
use crate::server::{Activated, AskBody, DeviceBody, Failure, MachineBody, Server};
use crate::state::{self, Kept, State, StoredList, StoredRefusal};
use crate::{Config, NextAction, Verdict, airgap, device, keyset, machine, meter, offline};

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
        if session.state.activation_id.as_ref().is_some_and(|act| airgap::is_given_back(config, act)) {
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

    /// Takes in a text; `is_pasted` when a person waits for the answer. `Err` is the verdict about a text that is no license of this product, or that could not
    /// be redeemed.
    pub fn take(&mut self, text: &str, is_pasted: bool) -> Result<(), Verdict> {
        if let Some(taken) = self.take_carried(text) {
            return taken;
        }
        match Pasted::read(text) {
            Pasted::LicenseKey(key) if self.goes_on_without(&key, TokenType::License, is_pasted) => Ok(()),
            Pasted::Certificate(text) if self.goes_on_without(&text, TokenType::Activation, is_pasted) => {
                Ok(())
            }
            Pasted::LicenseKey(key) => {
                self.hear_of_key(&key, is_pasted);
                self.take_key(&key)
            }
            Pasted::Certificate(certificate) => {
                self.hear_of_key(&certificate, is_pasted);
                self.take_certificate(&certificate)
            }
            Pasted::KeySet(set) => self.take_keyset(&set),
            Pasted::Code(code) => self.take_code(&code, is_pasted),
            Pasted::Unreadable => Err(Verdict::Malformed),
        }
    }

    /// A newer key of the same license replaces the older; an older one changes nothing, because the newer came
    /// from the server after the older was pasted. A key of another license starts anew.
    pub fn take_key(&mut self, text: &str) -> Result<(), Verdict> {
        keyset::welcome(self.config, text, self.state.license_key.as_ref())?;
        let offered = held::genuine::<LicenseClaims>(self.config, text)
            .map_err(|refusal| offline::refused(&refusal, NextAction::Renew))?;
        match &self.held.key {
            Some(current) if current.claims().sub != offered.claims().sub => self.state.forget_license(),
            Some(current) if offered.claims().iat <= current.claims().iat => return Ok(()),
            Some(_) | None => {}
        }
        self.state.license_key = Some(text.to_owned());
        self.refresh();
        Ok(())
    }

    /// A certificate brought by hand, for a machine without network.
    fn take_certificate(&mut self, text: &str) -> Result<(), Verdict> {
        keyset::welcome(self.config, text, self.state.certificate.as_ref())?;
        let offered = held::genuine::<ActivationClaims>(self.config, text)
            .map_err(|refusal| offline::refused(&refusal, NextAction::Renew))?;
        let claims = offered.claims();
        if airgap::is_given_back(self.config, &claims.act) {
            return Err(Verdict::NeedsKey(NextAction::PasteCurrentKey));
        }
        let is_older = self.held.certificate.as_ref().is_some_and(|current| {
            current.claims().act == claims.act && current.claims().generation >= claims.generation
        });
        if is_older {
            return Ok(());
        }
        if self.held.key.as_ref().is_some_and(|key| key.claims().sub != claims.sub) {
            self.state.forget_license();
        }
        if self.state.refusal.as_ref().is_some_and(|refusal| refusal.at < claims.iat) {
            self.state.refusal = None;
        }
        self.state.activation_id = Some(claims.act.clone());
        self.state.certificate = Some(text.to_owned());
        self.refresh();
        Ok(())
    }

    /// Redeems a code once; offered again it changes nothing.
    fn take_code(&mut self, code: &str, is_pasted: bool) -> Result<(), Verdict> {
        if self.state.claim_code.as_deref() == Some(code) && self.held.key.is_some() {
            return Ok(());
        }
        let server = self.server().filter(|_server| is_pasted || self.may_try());
        let Some(server) = server else { return Err(Verdict::NeedsKey(NextAction::GoOnline)) };
        let claimed = match server.claim(code, &self.config.product) {
            Ok(claimed) => claimed,
            Err(Failure::Unreachable) => {
                self.failed();
                return Err(Verdict::NeedsKey(NextAction::GoOnline));
            }
            Err(Failure::Refused(refusal)) if refusal == NOT_STARTED => {
                return self.begin_with_code(&server, code);
            }
            Err(Failure::Refused(code)) => {
                return Err(offline::of_server_code(&code).unwrap_or(Verdict::Malformed));
            }
        };
        match claimed.license_key {
            Some(key) => {
                self.take_key(&key)?;
                self.state.claim_code = Some(code.to_owned());
                Ok(())
            }
            None if claimed.retry_after_secs.is_some() => Err(Verdict::NeedsKey(NextAction::Retry)),
            None => Err(Verdict::NeedsKey(NextAction::GoOnline)),
        }
    }

    /// The license has no key before it begins, and may begin with its first activation: so the code activates.
    fn begin_with_code(&mut self, server: &Server, code: &str) -> Result<(), Verdict> {
        let Some(nonce) = self.nonce() else { return Err(Verdict::NeedsKey(NextAction::Retry)) };
        let answer = server.activate_by_code(code, &self.machine, &machine::name(self.config), &nonce);
        if let Err(Failure::Refused(refusal)) = &answer {
            self.state.nonce = None;
            return Err(offline::of_server_code(refusal).unwrap_or(Verdict::Malformed));
        }
        if answer.is_ok() && self.held.key.is_some() {
            // What begins now is another license than the one that was held.
            self.state.forget_license();
            self.refresh();
        }
        match self.end_given_back(&answer) {
            None => self.heard(answer, &nonce),
            Some(Ok(())) => self.activate(),
            Some(Err(failure)) => self.heard(Err(failure), &nonce),
        }
        if self.held.key.is_none() {
            return Err(Verdict::NeedsKey(NextAction::GoOnline));
        }
        self.state.claim_code = Some(code.to_owned());
        Ok(())
    }

    /// Takes a place for this machine.
    pub fn activate(&mut self) {
        let held = self.held.key.as_ref().map(|key| key.text().to_owned());
        let withdrawn =
            || self.state.license_key.clone().filter(|text| keyset::is_withdrawn(self.config, text));
        let Some(key) = held.or_else(withdrawn) else { return };
        let Some((mut answer, mut nonce)) = self.ask_for_place(&key) else { return };
        if let Some(ended) = self.end_given_back(&answer) {
            let anew = ended.map(|()| self.ask_for_place(&key));
            (answer, nonce) = match anew {
                Ok(Some((answer, nonce))) if !self.is_given_back(&answer) => (answer, nonce),
                Ok(_) => (Err(Failure::Unreachable), nonce),
                Err(failure) => (Err(failure), nonce),
            };
        }
        self.heard(answer, &nonce);
        self.catch_up();
    }

    /// The answer, and the nonce that it is to repeat. `None`: nobody was asked.
    fn ask_for_place(&mut self, key: &str) -> Option<(Result<Activated, Failure>, String)> {
        let server = self.server()?;
        let nonce = self.nonce()?;
        let device = self.wanted_device();
        let name = machine::name(self.config);
        let answer = self.with_ledger(|session| {
            let signed = device.as_ref().map(|key| session.signed(key, Ask::Activate, &nonce));
            let (machine, device, sent) = match signed {
                Some(Signed { request, ledger, sent }) => {
                    let quota = session.asks();
                    (MachineBody::Request(request), DeviceBody { proof: None, ledger, quota }, sent)
                }
                None => (MachineBody::from(&session.machine), DeviceBody::default(), None),
            };
            (server.activate(key, machine, &name, &nonce, device), sent)
        });
        if let (Ok(_), Some(device)) = (&answer, device) {
            self.machine.device_key = Some(device.thumbprint().to_owned());
        }
        Some((answer, nonce))
    }

    fn is_given_back(&self, answer: &Result<Activated, Failure>) -> bool {
        answer.as_ref().is_ok_and(|activated| airgap::is_given_back(self.config, &activated.activation_id))
    }

    /// The server answers with an activation that this machine gave back without network: it has not seen the proof. It is
    /// ended there, as the proof would have done, so that the proof frees nothing when it comes; then the license key at
    /// hand asks for a place anew. `None`: it is another activation.
    fn end_given_back(&mut self, answer: &Result<Activated, Failure>) -> Option<Result<(), Failure>> {
        let given_back = answer.as_ref().ok().filter(|_activated| self.is_given_back(answer))?;
        let key = self.state.license_key.clone().unwrap_or_else(|| given_back.license_key.clone());
        self.state.certificate = Some(given_back.certificate.clone());
        self.state.activation_id = Some(given_back.activation_id.clone());
        self.refresh();
        let ended = self.release();
        // Whether or not it has ended: no certificate of it counts here.
        self.state.forget_license();
        self.state.license_key = Some(key);
        self.refresh();
        Some(ended)
    }

    /// The key that this machine shows, where the license or the software wants one; made when needed.
    fn wanted_device(&self) -> Option<DeviceKey> {
        let binds = |binding| binding == Binding::DeviceKey;
        let certificate = self.held.renewable().map(|certificate| certificate.claims());
        let is_wanted = !self.config.shares.is_empty()
            || self.held.key.as_ref().is_some_and(|key| binds(key.claims().policy.binding))
            || certificate.is_some_and(|claims| claims.ledger.is_some() || claims.device_key.is_some());
        if is_wanted { device::load_or_make(self.config) } else { None }
    }

    /// The key under which the server knows this machine, if it is still here.
    fn known_device(&self) -> Option<DeviceKey> {
        let key = self.wanted_device()?;
        let certificate = self.held.renewable()?;
        let known = certificate.claims().ledger.as_ref().map(|receipt| receipt.key.as_str());
        known.is_none_or(|known| known == key.thumbprint()).then_some(key)
    }

    /// Whether the server knows this machine by a key that is no longer here: only an activation tells it of another.
    pub fn has_lost_device_key(&self) -> bool {
        self.wanted_device().is_some() && self.known_device().is_none() && self.has_certificate()
    }

    /// What the key signs, and the ledger that goes with it.
    fn signed(&self, key: &DeviceKey, ask: Ask, nonce: &str) -> Signed {
        let certificate = self.held.renewable().map(|certificate| certificate.claims());
        let license = self.held.key.as_ref().map(|key| key.claims().sub.clone());
        let receipt = certificate.and_then(|claims| claims.ledger.as_ref());
        let receipt = receipt.filter(|receipt| receipt.key == key.thumbprint());
        let act = certificate.map(|claims| claims.act.clone());
        let opened = act.as_ref().zip(receipt).and_then(|(act, receipt)| {
            Ledger::open(self.config, act, receipt).ok().map(|ledger| (ledger.sending(), ledger.is_sound()))
        });
        let claims = RequestClaims {
            aud: self.config.product.clone(),
            sub: license.or_else(|| certificate.map(|claims| claims.sub.clone())).unwrap_or_default(),
            jti: nonce.to_owned(),
            iat: self.now.max(0),
            env: self.config.env,
            ask,
            act,
            machine: self.machine.components.clone(),
            ledger: opened.as_ref().map(|(sending, _)| sending.mark.clone()),
            token: None,
            name: None,
        };
        let sent =
            opened.as_ref().map(|(sending, is_sound)| Sent { more: sending.mark.more, is_sound: *is_sound });
        let ledger = opened.map(|(sending, _)| sending.text);
        Signed { request: key.sign_request(&claims), ledger, sent }
    }

    fn asks(&self) -> Vec<AskBody> {
        let ask = |(metric, amount): &(String, Amount)| AskBody {
            metric: metric.clone(),
            amount: amount.to_string(),
        };
        self.config.shares.iter().map(ask).collect()
    }

    /// Calls with the ledger. Where the server refuses it, what was good was counted there: it is set aside, and the call
    /// is made again without. One that the server took although it did not fit here is of no more use either.
    fn with_ledger<T>(
        &mut self,
        call: impl Fn(&Self) -> (Result<T, Failure>, Option<Sent>),
    ) -> Result<T, Failure> {
        let (mut answer, mut sent) = call(self);
        if matches!(&answer, Err(Failure::Refused(code)) if code == "ledger_refused")
            && self.set_ledger_aside()
        {
            (answer, sent) = call(self);
        }
        let is_of_no_use = answer.is_ok() && sent.is_some_and(|sent| !sent.is_sound);
        if is_of_no_use {
            self.set_ledger_aside();
        }
        self.has_more_to_send = answer.is_ok() && sent.is_some_and(|sent| sent.more);
        answer
    }

    /// Whether one request has not enough room for what waits.
    fn has_long_ledger(&self) -> bool {
        let Some(certificate) = self.held.renewable() else { return false };
        let claims = certificate.claims();
        let receipt = claims.ledger.as_ref();
        let opened = receipt.and_then(|receipt| Ledger::open(self.config, &claims.act, receipt).ok());
        opened.is_some_and(|ledger| ledger.sending().mark.more)
    }

    fn set_ledger_aside(&self) -> bool {
        let certificate = self.held.renewable().map(|certificate| certificate.claims());
        let opened = certificate
            .and_then(|claims| Ledger::open(self.config, &claims.act, claims.ledger.as_ref()?).ok());
        opened.is_some_and(|ledger| ledger.set_aside().is_ok())
    }

    /// Whether the share that the software wants is not there, or is to be filled up.
    pub fn lacks_share(&self) -> bool {
        let Some(certificate) = self.held.fitting_certificate() else { return false };
        let age = self.effective_now().saturating_sub(certificate.claims().iat);
        self.config.shares.iter().any(|(metric, wanted)| match meter::standing(self, metric) {
            None => true,
            Some((left, waiting)) => {
                let is_low = left.ten_thousandths() < wanted.ten_thousandths() / 2;
                let is_news = waiting > 0 || is_low;
                waiting >= LEDGER_WAITING_MAX || is_low && waiting > 0 || is_news && age >= SHARE_RETRY_SECS
            }
        })
    }

    /// Asks for a new certificate and, with it, for the current license key. `false`: there is nothing to renew.
    pub fn renew(&mut self) -> bool {
        let is_asked = self.renew_once();
        // A long ledger needs several answers: each says how far it was merged.
        for _round in 0..LEDGER_ROUNDS_MAX {
            if !self.has_more_to_send || !self.renew_once() {
                break;
            }
        }
        self.catch_up();
        is_asked
    }

    /// The answer may be the one that was lost long ago: its certificate is over, and renews in turn. Or it is only over for
    /// a clock that is ahead: then the next answer tells it.
    fn catch_up(&mut self) {
        if self.contact == Contact::Answered
            && !self.has_refusal()
            && matches!(self.decide(), Verdict::Expired(_) | Verdict::ClockSuspect)
        {
            self.renew_once();
        }
    }

    fn renew_once(&mut self) -> bool {
        let Some(server) = self.server() else { return false };
        let Some(certificate) = self.held.renewable() else { return false };
        let (id, text) = (certificate.claims().act.clone(), certificate.text().to_owned());
        let nonce = renewal_nonce(&text);
        let device = self.known_device();
        let answer = self.with_ledger(|session| {
            let signed = device.as_ref().map(|key| session.signed(key, Ask::Renew, &nonce));
            let (body, sent) = match signed {
                Some(Signed { request, ledger, sent }) => {
                    (DeviceBody { proof: Some(request), ledger, quota: session.asks() }, sent)
                }
                None => (DeviceBody::default(), None),
            };
            (server.renew(&id, &text, &session.machine, &nonce, body), sent)
        });
        self.heard(answer, &nonce);
        true
    }

    /// The nonce of the activation that is still unanswered, or a new one, kept before it is sent: whoever asks
    /// again after a lost answer gets the same certificate, not one more generation.
    pub fn nonce(&mut self) -> Option<String> {
        if self.state.nonce.is_none() {
            let mut random = [0; 16];
            getrandom::fill(&mut random).ok()?;
            self.state.nonce = Some(base64url::encode(&random));
            self.save();
        }
        self.state.nonce.clone()
    }

    fn heard(&mut self, answer: Result<Activated, Failure>, nonce: &str) {
        match answer {
            Ok(activated) if self.accept(&activated, nonce) => {
                (self.state.refusal, self.state.nonce) = (None, None);
                self.state.retry_at = 0;
                self.answered();
            }
            Err(Failure::Refused(code)) if offline::of_server_code(&code).is_some() => {
                self.state.nonce = None;
                self.state.refusal = Some(StoredRefusal { code, at: self.now });
                self.state.retry_at = self.now.saturating_add(REFUSED_PAUSE_SECS);
                self.answered();
            }
            // A refusal that says nothing about the license is a failure, and no reason to forget one that did.
            Ok(_) | Err(Failure::Refused(_) | Failure::Unreachable) => self.failed(),
        }
        self.refresh();
    }

    /// An answer counts when both its texts are genuine, of one license, and the certificate answers this
    /// request. An older answer never replaces a newer certificate.
    fn accept(&mut self, activated: &Activated, nonce: &str) -> bool {
        self.hear_of_key(&activated.certificate, true);
        self.hear_of_key(&activated.license_key, true);
        let certificate = held::genuine::<ActivationClaims>(self.config, &activated.certificate);
        let key = held::genuine::<LicenseClaims>(self.config, &activated.license_key);
        let (Ok(certificate), Ok(key)) = (certificate, key) else { return false };
        let current = self.held.key.as_ref().map(|key| &key.claims().sub);
        let is_of_one_license = certificate.claims().sub == key.claims().sub
            && current.is_none_or(|license_id| *license_id == key.claims().sub);
        let answers = certificate.claims().nonce.as_deref() == Some(nonce);
        if !is_of_one_license || !answers || certificate.claims().act != activated.activation_id {
            return false;
        }
        // A first answer may be one that was lost long ago. What follows it was asked for a moment ago.
        if self.answered_certificates > 0 {
            self.seen = std::mem::take(&mut self.seen).told(certificate.claims().iat);
        }
        self.answered_certificates += 1;
        self.state.certificate = Some(activated.certificate.clone());
        self.state.license_key = Some(activated.license_key.clone());
        self.state.activation_id = Some(activated.activation_id.clone());
        true
    }

    /// A key set brought by hand, for a machine without network.
    pub fn take_keyset(&mut self, text: &str) -> Result<(), Verdict> {
        if self.follow(text) { Ok(()) } else { Err(Verdict::Malformed) }
    }

    /// Whether the key set counts from now on. What a key that it withdraws may have said of the time binds nobody.
    fn follow(&mut self, text: &str) -> bool {
        let Some(taken) = keyset::take(self.config, &mut self.state, text) else { return false };
        self.held = Held::load(self.config, &self.state);
        if !taken.withdrawn.is_empty() {
            let seen = std::mem::take(&mut self.seen);
            self.seen = seen.without(&taken.withdrawn, taken.issued_at, self.held.floor());
        }
        self.refresh();
        true
    }

    /// Asks for the newest key set when a text names a key that nothing is known of.
    fn hear_of_key(&mut self, text: &str, even_in_pause: bool) {
        if keyset::is_unheard_of(self.config, text) && (even_in_pause || self.may_try()) {
            self.fetch_keyset(true);
        }
    }

    /// Fetches the key set if it is due. A server that has none, or goes back behind what is kept, changes nothing.
    pub fn fetch_keyset(&mut self, even_if_fresh: bool) {
        let stored = self.state.keyset.clone().unwrap_or_default();
        if !even_if_fresh && !stored.is_due(self.now) {
            return;
        }
        let Some(server) = self.server() else { return };
        match server.key_set(&self.config.issuer, stored.etag.as_deref()) {
            Ok(fetched) => {
                self.answered();
                let etag = match fetched {
                    Some(set) if self.follow(&set.text) => set.etag,
                    Some(_) => None,
                    None => stored.etag,
                };
                let now = self.now;
                let kept = self.state.keyset.get_or_insert_default();
                (kept.etag, kept.asked_at) = (etag, now);
                self.refresh();
            }
            Err(Failure::Refused(_)) => {
                self.answered();
                self.state.keyset.get_or_insert_default().asked_at = self.now;
            }
            Err(Failure::Unreachable) => self.failed(),
        }
    }

    /// What was held is not believed any more, and the server can give other texts.
    pub fn holds_withdrawn(&self) -> bool {
        let texts = [&self.state.license_key, &self.state.certificate];
        texts.into_iter().flatten().any(|text| keyset::is_withdrawn(self.config, text))
    }

    /// Fetches the lists that are due, or all of them.
    pub fn fetch_lists(&mut self, even_if_fresh: bool) {
        for address in self.held.list_addresses() {
            let Some(server) = self.server_of_list(&address) else { continue };
            let mut stored = self.state.lists.get(&address).cloned().unwrap_or_default();
            if keyset::is_withdrawn(self.config, &stored.text) {
                // What a stolen key may have said of numbers and times binds nobody.
                stored = StoredList::default();
            }
            let age = self.now.saturating_sub(stored.asked_at);
            let rest = self.list_ttl(&address).min(LIST_REST_MAX_SECS);
            if !even_if_fresh && (0..rest).contains(&age) {
                continue;
            }
            match server.status_list(&address, stored.etag.as_deref()) {
                Ok(Some(published)) => self.take_list(&address, stored, &published.text, published.etag),
                Ok(None) => self.keep_list(address, stored),
                // What is kept goes on to count.
                Err(Failure::Refused(_)) => {
                    self.answered();
                    self.is_list_gone = true;
                }
                Err(Failure::Unreachable) => {
                    self.failed();
                    break;
                }
            }
        }
        self.refresh();
    }

    /// Lists may lie elsewhere: a license server that does not answer says nothing about them.
    fn server_of_list(&self, address: &str) -> Option<Server> {
        let own = self.config.server.as_deref().unwrap_or_default();
        let is_elsewhere = !address.starts_with(own);
        self.server().or_else(|| Server::of(self.config).filter(|_server| is_elsewhere))
    }

    /// The server knows nothing of a list that a signed text names: it has lost what it gave out since its last
    /// backup. A renewal brings texts that stand on lists that are there.
    pub fn is_list_gone(&self) -> bool {
        self.is_list_gone
    }

    fn list_ttl(&self, address: &str) -> i64 {
        let lists = self.held.known_lists();
        let claims = lists.iter().map(|known| known.list.claims()).find(|claims| claims.sub == address);
        claims.and_then(|claims| claims.ttl).unwrap_or(LIST_TTL_SECS)
    }

    /// Forwards only: an older list is a rollback, the same number with other bytes an equivocation; both leave
    /// what is kept as it is.
    fn take_list(&mut self, address: &str, stored: StoredList, text: &str, etag: Option<String>) {
        let Ok(list) = held::genuine_list(self.config, text) else { return self.failed() };
        let claims = list.claims();
        let goes_back = claims.seq < stored.seq || claims.iat < stored.iat;
        let equivocates = claims.seq == stored.seq && !stored.text.is_empty() && stored.text != text;
        if claims.sub != address || goes_back || equivocates {
            return self.failed();
        }
        self.answered();
        let fresh =
            StoredList { text: text.to_owned(), seq: claims.seq, iat: claims.iat, etag, asked_at: self.now };
        self.state.lists.insert(address.to_owned(), fresh);
    }

    fn keep_list(&mut self, address: String, stored: StoredList) {
        self.answered();
        self.state.lists.insert(address, StoredList { asked_at: self.now, ..stored });
    }

    /// Gives the place back and forgets the license.
    ///
    /// # Errors
    /// The server cannot be reached or says no; nothing is forgotten.
    pub fn release(&mut self) -> Result<(), Failure> {
        let server = Server::of(self.config).ok_or(Failure::Unreachable)?;
        if self.has_long_ledger() {
            self.renew();
        }
        let Some(certificate) = self.held.renewable() else { return Ok(()) };
        let (id, text) = (certificate.claims().act.clone(), certificate.text().to_owned());
        let device = self.known_device();
        self.with_ledger(|session| {
            let signed = device.as_ref().map(|key| session.signed(key, Ask::Release, "release"));
            let (body, sent) = signed.map_or_else(
                || (DeviceBody::default(), None),
                |signed| {
                    let proof = Some(signed.request);
                    (DeviceBody { proof, ledger: signed.ledger, quota: Vec::new() }, signed.sent)
                },
            );
            (server.release(&id, &text, body), sent)
        })?;
        self.state.forget_license();
        self.refresh();
        Ok(())
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
