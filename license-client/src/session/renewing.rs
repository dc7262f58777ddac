//! Renewals, and which answers count.

use license_token::{ActivationClaims, Ask, LicenseClaims, base64url};

use super::{Contact, LEDGER_ROUNDS_MAX, REFUSED_PAUSE_SECS, Session, Signed, renewal_nonce};
use crate::server::{Activated, DeviceBody, Failure};
use crate::state::StoredRefusal;
use crate::{Verdict, held, offline};

impl Session<'_> {
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
    pub(super) fn catch_up(&mut self) {
        if self.contact == Contact::Answered
            && !self.has_refusal()
            && matches!(self.decide(), Verdict::Expired(_) | Verdict::ClockSuspect)
        {
            self.renew_once();
        }
    }

    pub(super) fn renew_once(&mut self) -> bool {
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

    pub(super) fn heard(&mut self, answer: Result<Activated, Failure>, nonce: &str) {
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
    pub(super) fn accept(&mut self, activated: &Activated, nonce: &str) -> bool {
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
}
