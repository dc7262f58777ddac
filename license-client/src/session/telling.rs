//! What goes out with a request: the device key that signs it, and what was used.

use license_token::{Amount, Ask, Binding, DeviceKey, RequestClaims};

use super::{LEDGER_WAITING_MAX, SHARE_RETRY_SECS, Sent, Session, Signed};
use crate::ledger::Ledger;
use crate::server::{AskBody, Failure};
use crate::{device, meter};

impl Session<'_> {
    /// The key that this machine shows, where the license or the software wants one; made when needed.
    pub(super) fn wanted_device(&self) -> Option<DeviceKey> {
        let binds = |binding| binding == Binding::DeviceKey;
        let certificate = self.held.renewable().map(|certificate| certificate.claims());
        let is_wanted = !self.config.shares.is_empty()
            || self.held.key.as_ref().is_some_and(|key| binds(key.claims().policy.binding))
            || certificate.is_some_and(|claims| claims.ledger.is_some() || claims.device_key.is_some());
        if is_wanted { device::load_or_make(self.config) } else { None }
    }

    /// The key under which the server knows this machine, if it is still here.
    pub(super) fn known_device(&self) -> Option<DeviceKey> {
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
    pub(super) fn signed(&self, key: &DeviceKey, ask: Ask, nonce: &str) -> Signed {
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

    pub(super) fn asks(&self) -> Vec<AskBody> {
        let ask = |(metric, amount): &(String, Amount)| AskBody {
            metric: metric.clone(),
            amount: amount.to_string(),
        };
        self.config.shares.iter().map(ask).collect()
    }

    /// Calls with the ledger. Where the server refuses it, what was good was counted there: it is set aside, and the call
    /// is made again without. One that the server took although it did not fit here is of no more use either.
    pub(super) fn with_ledger<T>(
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
    pub(super) fn has_long_ledger(&self) -> bool {
        let Some(certificate) = self.held.renewable() else { return false };
        let claims = certificate.claims();
        let receipt = claims.ledger.as_ref();
        let opened = receipt.and_then(|receipt| Ledger::open(self.config, &claims.act, receipt).ok());
        opened.is_some_and(|ledger| ledger.sending().mark.more)
    }

    pub(super) fn set_ledger_aside(&self) -> bool {
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
}
