//! Texts that are brought here: license keys, certificates, key sets and codes.

use license_token::{ActivationClaims, LicenseClaims, TokenType};

use super::{NOT_STARTED, Session};
use crate::pasted::Pasted;
use crate::server::{Failure, Server};
use crate::{NextAction, Verdict, given_back, held, keyset, machine, offline};

impl Session<'_> {
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
    pub(super) fn take_certificate(&mut self, text: &str) -> Result<(), Verdict> {
        keyset::welcome(self.config, text, self.state.certificate.as_ref())?;
        let offered = held::genuine::<ActivationClaims>(self.config, text)
            .map_err(|refusal| offline::refused(&refusal, NextAction::Renew))?;
        let claims = offered.claims();
        if given_back::is_given_back(self.config, &claims.act) {
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
    pub(super) fn take_code(&mut self, code: &str, is_pasted: bool) -> Result<(), Verdict> {
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
    pub(super) fn begin_with_code(&mut self, server: &Server, code: &str) -> Result<(), Verdict> {
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
}
