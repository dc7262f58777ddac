//! Licenses of machines that are never online: a request is carried to the license server by hand, its response back.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use license_token::armour::{self, ArmourError, ArmourFault, RESPONSE_FILE_MAX_BYTES};
use license_token::json::Value;
use license_token::{
    ActivationClaims, Ask, Binding, DeviceKey, LicenseClaims, RequestClaims, TokenType, UnverifiedToken,
    VerifiedToken,
};

use crate::given_back::{self, Proof, Proofs};
use crate::pasted::Pasted;
use crate::session::{Session, renewal_nonce};
use crate::state::StoredList;
use crate::{Config, NextAction, Verdict, device, held, keyset, machine, offline, reasons};

/// What a text has that is more than a license key.
const CARRIED: [&str; 4] = ["LICENSE CERTIFICATE", "LICENSE STATUS LIST", "LICENSE KEYS", "LICENSE-PART:"];

/// Why a file was not made or not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AirGapError {
    /// There is no license here, and none was given.
    NoLicense,
    /// The license is bound to no machine: its key alone is enough.
    NotBound,
    /// The text given, or the response, is no license of this product.
    Refused(Verdict),
    /// The file was damaged on its way.
    Damaged(ArmourError),
    /// The response answers another machine's request, or none that this machine waits for.
    NotForHere,
    /// This machine has given that activation back.
    GivenBack,
    /// What must be kept could not be written, so nothing was done.
    NotWritten(io::ErrorKind),
}

impl AirGapError {
    /// A stable word for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLicense => "needs_key",
            Self::NotBound => "not_bound",
            Self::Refused(verdict) => verdict.code(),
            Self::Damaged(_) => "damaged",
            Self::NotForHere => "not_for_here",
            Self::GivenBack => "given_back",
            Self::NotWritten(_) => "not_written",
        }
    }

    /// What happened and what to do, in the language of the tag `locale`.
    #[must_use]
    pub fn reason(&self, locale: &str) -> String {
        reasons::of_air_gap(self, locale)
    }

    /// The same for whoever asked for a verdict.
    fn verdict(self) -> Verdict {
        match self {
            Self::Refused(verdict) => verdict,
            Self::NotForHere => Verdict::WrongMachine,
            Self::NoLicense | Self::NotBound | Self::GivenBack => {
                Verdict::NeedsKey(NextAction::PasteCurrentKey)
            }
            Self::NotWritten(_) => Verdict::NeedsKey(NextAction::Retry),
            Self::Damaged(_) => Verdict::Malformed,
        }
    }
}

impl std::fmt::Display for AirGapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason("en"))
    }
}

impl std::error::Error for AirGapError {}

/// Makes a request for a machine without network: a text file that is carried to the seller's license page.
///
/// `text` is a license key or a code: it activates. Without one, what is held here is renewed; then what the operator
/// configured, or the held license key, activates. Asked again before the response came, the same is asked for: both
/// files get the same answer.
///
/// # Errors
/// No license, a text that is none of this product, or a state folder that cannot be written.
pub fn request(config: &Config, text: Option<&str>) -> Result<String, AirGapError> {
    within(config, |session| session.air_gap_request(text))
}

/// Takes the response to a request, or a newer status list: the text, numbered parts as QR codes carry them, or the path
/// of a file. Offline; [`crate::check`] takes it as well.
///
/// # Errors
/// A damaged file, a response for another machine or request, or a state folder that cannot be written.
pub fn take_response(config: &Config, text: &str) -> Result<Verdict, AirGapError> {
    within(config, |session| {
        let content = content(text).map_err(AirGapError::Damaged)?;
        session.take_response(&tokens(&content)?)?;
        Ok(session.decide())
    })
}

/// Gives this machine's place back without network: the license is forgotten here for good, then the proof of it is shown,
/// a text file that frees the place at the seller's license page. Asked again, the same proof is shown again.
///
/// # Errors
/// No license, one of another machine, or a state folder that cannot be written: then nothing was forgotten.
pub fn deactivate(config: &Config) -> Result<String, AirGapError> {
    within(config, |session| session.deactivate())
}

/// A file as texts for QR codes, in this order or any other; `None` where a file is better carried as such.
#[must_use]
pub fn qr_parts(file: &str) -> Option<Vec<String>> {
    let tokens = armour::read(file, RESPONSE_FILE_MAX_BYTES).ok()?;
    armour::parts(&tokens.iter().map(String::as_str).collect::<Vec<_>>())
}

fn within<T>(
    config: &Config,
    act: impl FnOnce(&mut Session<'_>) -> Result<T, AirGapError>,
) -> Result<T, AirGapError> {
    let mut session = Session::open(config);
    let done = act(&mut session);
    session.close();
    done
}

fn not_written(error: &io::Error) -> AirGapError {
    AirGapError::NotWritten(error.kind())
}

/// The text, or what stands in the file that it names.
fn content(text: &str) -> Result<String, ArmourError> {
    const PATH_MAX_BYTES: usize = 4 * 1024;
    let path = Path::new(text.trim());
    let names_file = text.len() <= PATH_MAX_BYTES && fs::metadata(path).is_ok_and(|found| found.is_file());
    if !names_file {
        return Ok(text.to_owned());
    }
    let mut content = String::new();
    let limit = u64::try_from(RESPONSE_FILE_MAX_BYTES + 1).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_string(&mut content));
    read.map(|_length| content).map_err(|_no_text| ArmourError { line: 0, fault: ArmourFault::Empty })
}

/// A mail that quotes a file twice begins anew in the middle: what is whole before that is the file.
fn read_once(content: &str) -> Result<Vec<String>, ArmourError> {
    armour::read(content, RESPONSE_FILE_MAX_BYTES).or_else(|error| {
        if error.fault != ArmourFault::PartMissing || error.line == 0 {
            return Err(error);
        }
        let before: String = content.split_inclusive('\n').take(error.line - 1).collect();
        let is_empty = !before.contains("BEGIN LICENSE");
        let whole = if is_empty { None } else { armour::read(&before, RESPONSE_FILE_MAX_BYTES).ok() };
        whole.ok_or(error)
    })
}

fn tokens(content: &str) -> Result<Vec<(TokenType, String)>, AirGapError> {
    let tokens = read_once(content).map_err(AirGapError::Damaged)?;
    tokens.into_iter().map(|token| Ok((typ(&token).ok_or_else(malformed)?, token))).collect()
}

fn malformed() -> AirGapError {
    AirGapError::Refused(Verdict::Malformed)
}

fn typ(token: &str) -> Option<TokenType> {
    let parsed = UnverifiedToken::parse_status_list(token).ok()?;
    parsed.inspect().header.get("typ").and_then(Value::as_str).and_then(TokenType::from_typ)
}

/// Whether a certificate was made for this machine; with a lost device key it is none that can be renewed.
fn is_of(claims: &ActivationClaims, session: &Session<'_>, key: Option<&DeviceKey>) -> bool {
    let shown = key.map(DeviceKey::thumbprint);
    let key_matches = claims.device_key.is_some() && claims.device_key.as_deref() == shown;
    let key_fits = key_matches || claims.device_key.is_none();
    let enrolled = claims.machine.as_ref();
    enrolled.map_or(key_matches, |enrolled| key_fits && enrolled.matches(&session.machine, key_matches))
}

impl Session<'_> {
    fn air_gap_request(&mut self, text: Option<&str>) -> Result<String, AirGapError> {
        let key = device::load_or_make(self.config).ok_or(AirGapError::NotWritten(io::ErrorKind::Other))?;
        if text.is_none()
            && let Some(certificate) = self.renewable(&key)
        {
            let (claims, text) = (certificate.claims(), certificate.text());
            let asked =
                self.claims(Ask::Renew, renewal_nonce(text), claims.sub.clone(), Some(claims.act.clone()));
            return Ok(self.file("renew", &key.sign_request(&asked), Some(text)));
        }
        let (license, token) = self.license_to_activate(text)?;
        let nonce = self.nonce().ok_or(AirGapError::NotWritten(io::ErrorKind::Other))?;
        // A response to a nonce that is forgotten would not be taken.
        self.keep().map_err(|error| not_written(&error))?;
        let name = Some(machine::name(self.config));
        let asked =
            RequestClaims { token: Some(token), name, ..self.claims(Ask::Activate, nonce, license, None) };
        Ok(self.file("activate", &key.sign_request(&asked), None))
    }

    fn renewable(&self, key: &DeviceKey) -> Option<&VerifiedToken<ActivationClaims>> {
        self.held.fitting_certificate().filter(|certificate| {
            let claims = certificate.claims();
            let receipt = claims.ledger.as_ref();
            is_of(claims, self, Some(key)) && receipt.is_none_or(|receipt| receipt.key == key.thumbprint())
        })
    }

    /// The license id, empty where only the server knows it, and what stands for the license.
    fn license_to_activate(&mut self, text: Option<&str>) -> Result<(String, String), AirGapError> {
        let configured = || self.config.variable("KEY").or_else(|| self.config.variable("FILE"));
        let text = text.map(str::to_owned).or_else(configured);
        match text.as_deref().map(Pasted::read) {
            Some(Pasted::LicenseKey(pasted)) => {
                let offered = held::genuine::<LicenseClaims>(self.config, &pasted)
                    .map_err(|refusal| AirGapError::Refused(offline::refused(&refusal, NextAction::Renew)))?;
                let current = self.held.key.as_ref().map(|key| &key.claims().sub);
                if current.is_none_or(|current| *current == offered.claims().sub) {
                    self.take_key(&pasted).map_err(AirGapError::Refused)?;
                    return self.held_license();
                }
                // The license that is held here goes on until the response comes.
                bound(&offered)
            }
            Some(Pasted::Code(code)) => Ok((String::new(), code)),
            Some(Pasted::Certificate(_) | Pasted::KeySet(_) | Pasted::Unreadable) => Err(malformed()),
            None => self.held_license(),
        }
    }

    fn held_license(&self) -> Result<(String, String), AirGapError> {
        bound(self.held.key.as_ref().ok_or(AirGapError::NoLicense)?)
    }

    fn claims(&self, ask: Ask, jti: String, sub: String, act: Option<String>) -> RequestClaims {
        RequestClaims {
            aud: self.config.product.clone(),
            sub,
            jti,
            iat: self.now.max(0),
            env: self.config.env,
            ask,
            act,
            machine: self.machine.components.clone(),
            ledger: None,
            token: None,
            name: None,
        }
    }

    fn file(&self, purpose: &str, request: &str, certificate: Option<&str>) -> String {
        let name = machine::name(self.config);
        let notes = [("Product", self.config.product.as_str()), ("Machine", &name), ("Purpose", purpose)];
        let certificate = certificate.map(|text| (TokenType::Activation, text));
        let tokens: Vec<_> =
            [(TokenType::ActivationRequest, request)].into_iter().chain(certificate).collect();
        armour::write(&notes, &tokens)
    }

    /// Takes a text that is a response with all its parts; `None` where it is something else.
    pub fn take_carried(&mut self, text: &str) -> Option<Result<(), Verdict>> {
        if text.len() > RESPONSE_FILE_MAX_BYTES {
            return None;
        }
        let content = content(text).ok()?;
        let is_bundle = content.matches("BEGIN LICENSE").count() > 1 || content.contains("LICENSE-PART:");
        let is_list = || typ(content.trim()) == Some(TokenType::StatusList);
        if !(is_bundle || content.contains("LICENSE STATUS LIST") || is_list()) {
            return None;
        }
        let tokens = tokens(&content);
        let is_key =
            |tokens: &[(TokenType, String)]| tokens.iter().all(|(typ, _)| *typ == TokenType::License);
        let says_more = CARRIED.iter().any(|mark| content.contains(mark));
        if tokens.as_deref().map_or(!says_more, is_key) {
            // A license key, however often it stands there.
            return None;
        }
        let taken = tokens.and_then(|tokens| self.take_response(&tokens));
        Some(taken.map_err(AirGapError::verdict))
    }

    fn take_response(&mut self, tokens: &[(TokenType, String)]) -> Result<(), AirGapError> {
        // First the keys by which the rest is judged: they may be newer than the software.
        for (_, set) in tokens.iter().filter(|(typ, _)| *typ == TokenType::KeySet) {
            // One that is no news, or not believed, changes nothing: the rest is judged by what is believed.
            let _taken = self.take_keyset(set);
        }
        let of = |typ| tokens.iter().find(|(known, _)| *known == typ).map(|(_, text)| text.as_str());
        match (of(TokenType::Activation), of(TokenType::License)) {
            (Some(certificate), Some(key)) => self.take_pair(certificate, key)?,
            (None, None) if of(TokenType::StatusList).is_some() => {}
            _not_a_response => return Err(malformed()),
        }
        for (_, list) in tokens.iter().filter(|(typ, _)| *typ == TokenType::StatusList) {
            self.take_carried_list(list)?;
        }
        self.refresh();
        self.keep().map_err(|error| not_written(&error))
    }

    /// Both genuine, of one license, for this machine, and what it waits for. One that it has already changes nothing.
    fn take_pair(&mut self, certificate: &str, key: &str) -> Result<(), AirGapError> {
        let is_doubtful = self.is_doubtful(certificate) || self.is_doubtful(key);
        if is_doubtful && !self.says_more(certificate, TokenType::Activation) {
            return Ok(());
        }
        let refused = |refusal| AirGapError::Refused(offline::refused(&refusal, NextAction::Renew));
        let offered = held::genuine::<ActivationClaims>(self.config, certificate).map_err(refused)?;
        let license = held::genuine::<LicenseClaims>(self.config, key).map_err(refused)?;
        let claims = offered.claims();
        if claims.sub != license.claims().sub {
            return Err(malformed());
        }
        let withdrawn = AirGapError::Refused;
        keyset::welcome(self.config, certificate, self.state.certificate.as_ref()).map_err(withdrawn)?;
        keyset::welcome(self.config, key, self.state.license_key.as_ref()).map_err(withdrawn)?;
        if !is_of(claims, self, device::load(self.config).as_ref()) {
            return Err(AirGapError::NotForHere);
        }
        if given_back::is_given_back(self.config, &claims.act) {
            return Err(AirGapError::GivenBack);
        }
        let current = self.held.fitting_certificate();
        if current.is_some_and(|held| {
            held.claims().act == claims.act && held.claims().generation >= claims.generation
        }) {
            return Ok(());
        }
        let renewal = current.map(|held| renewal_nonce(held.text()));
        let awaited = [self.state.nonce.as_deref(), renewal.as_deref()];
        if claims.nonce.is_none() || !awaited.contains(&claims.nonce.as_deref()) {
            return Err(AirGapError::NotForHere);
        }
        if self.held.key.as_ref().is_some_and(|held| held.claims().sub != claims.sub) {
            self.state.forget_license();
        }
        (self.state.refusal, self.state.nonce) = (None, None);
        (self.state.failures, self.state.retry_at) = (0, 0);
        self.state.activation_id = Some(claims.act.clone());
        self.state.certificate = Some(certificate.to_owned());
        self.state.license_key = Some(key.to_owned());
        self.refresh();
        Ok(())
    }

    /// Forwards only, and only a list that speaks about what is held; an older one changes nothing.
    fn take_carried_list(&mut self, text: &str) -> Result<(), AirGapError> {
        let list = held::genuine_list(self.config, text)
            .map_err(|refusal| AirGapError::Refused(offline::refused(&refusal, NextAction::Renew)))?;
        let claims = list.claims();
        // What a stolen key may have said of numbers and times binds nobody.
        let is_believed = |known: &&StoredList| !keyset::is_withdrawn(self.config, &known.text);
        let known = self.state.lists.get(&claims.sub).filter(is_believed);
        let is_newer = known.is_none_or(|known| claims.seq > known.seq && claims.iat >= known.iat);
        if is_newer && self.held.list_addresses().contains(&claims.sub) {
            let (seq, iat, etag) = (claims.seq, claims.iat, None);
            let list = StoredList { text: text.to_owned(), seq, iat, etag, asked_at: self.now };
            self.state.lists.insert(claims.sub.clone(), list);
        }
        Ok(())
    }

    fn deactivate(&mut self) -> Result<String, AirGapError> {
        let path = given_back::path(self.config);
        let mut proofs = Proofs::load(&path);
        let key = device::load_or_make(self.config).ok_or(AirGapError::NotWritten(io::ErrorKind::Other))?;
        let Some(certificate) = self.held.fitting_certificate() else {
            return proofs.0.pop().map(|last| last.file).ok_or(AirGapError::NoLicense);
        };
        let claims = certificate.claims();
        if !is_of(claims, self, Some(&key)) {
            return Err(AirGapError::NotForHere);
        }
        let act = claims.act.clone();
        let nonce = renewal_nonce(certificate.text());
        let asked = self.claims(Ask::Release, nonce, claims.sub.clone(), Some(act.clone()));
        let file = self.file("deactivate", &key.sign_request(&asked), Some(certificate.text()));
        proofs.0.push(Proof { act, file: file.clone() });
        // From here on the license is gone, whatever happens: what is noted here is never taken again.
        proofs.save(&path).map_err(|error| not_written(&error))?;
        self.state.forget_license();
        self.refresh();
        Ok(file)
    }
}

fn bound(key: &VerifiedToken<LicenseClaims>) -> Result<(String, String), AirGapError> {
    match key.claims().policy.binding {
        Binding::None => Err(AirGapError::NotBound),
        _bound => Ok((key.claims().sub.clone(), key.text().to_owned())),
    }
}
