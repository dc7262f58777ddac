//! The machine's place: taken, and given back.

use license_token::Ask;

use super::{Session, Signed};
use crate::server::{Activated, DeviceBody, Failure, MachineBody, Server};
use crate::{given_back, keyset, machine};

impl Session<'_> {
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
    pub(super) fn ask_for_place(&mut self, key: &str) -> Option<(Result<Activated, Failure>, String)> {
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

    pub(super) fn is_given_back(&self, answer: &Result<Activated, Failure>) -> bool {
        answer
            .as_ref()
            .is_ok_and(|activated| given_back::is_given_back(self.config, &activated.activation_id))
    }

    /// The server answers with an activation that this machine gave back without network: it has not seen the proof. It is
    /// ended there, as the proof would have done, so that the proof frees nothing when it comes; then the license key at
    /// hand asks for a place anew. `None`: it is another activation.
    pub(super) fn end_given_back(
        &mut self,
        answer: &Result<Activated, Failure>,
    ) -> Option<Result<(), Failure>> {
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
}
