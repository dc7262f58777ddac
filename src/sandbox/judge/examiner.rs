//! Puts calls to a production address before a judge.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::exchange::{CallFailure, Exchange, Expected};
use super::rule::Rule;
use super::wire::{CertificateFault, Target, TlsFacts, Wire, WireRequest};
use super::{AnswerKeys, Judge};
use crate::sandbox::Clock;
use crate::sandbox::address::AddressKeys;
use crate::sandbox::caller::CallError;
use crate::sandbox::manner::Manner;
use crate::sandbox::words::Call;
use crate::sandbox::written::{WrittenCall, written};

/// One production address, the keys bound to it, and the judge who sees every answer.
pub struct Examiner {
    target: Target,
    keys: AddressKeys,
    clock: Clock,
    wire: Wire,
    judge: Judge,
}

/// Nobody answers at the address at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address}: {failure}")]
pub struct Unreachable {
    pub address: String,
    pub failure: CallFailure,
}

impl Examiner {
    /// Signs with these keys and expects answers that are signed with them.
    pub fn new(target: Target, keys: AddressKeys, clock: Clock, wire: Wire) -> Self {
        let kit = keys.kit.iter().cloned().collect();
        let judge = Judge::new(AnswerKeys { callbacks: vec![keys.callbacks.clone()], kit });
        Self { target, keys, clock, wire, judge }
    }

    /// Who sees every answer.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Where the calls go.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The present instant.
    pub fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Looks at the address itself. Where its certificate is not to be believed no call could follow: that is false.
    pub fn look_at_address(&self) -> Result<bool, Unreachable> {
        let unreachable = |failure| Unreachable { address: self.target.url(), failure };
        // A trial on this machine needs neither.
        if !self.target.is_loopback() {
            let is_right = self.target.is_tls && self.target.ip().is_none();
            self.judge.told(Rule::AddressIsHttpsName, (!is_right).then(|| self.target.url()));
        }
        if !self.target.is_tls {
            return self.wire.reach(&self.target).map(|()| true).map_err(unreachable);
        }
        match self.wire.inspect(&self.target, self.now()) {
            Ok(facts) => Ok(self.look_at_certificate(&facts)),
            Err(CallFailure::Tls(why)) => {
                self.judge.told(Rule::TlsVersion, Some(why));
                Ok(false)
            }
            Err(failure) => Err(unreachable(failure)),
        }
    }

    fn look_at_certificate(&self, facts: &TlsFacts) -> bool {
        self.judge.told(Rule::TlsVersion, None);
        self.judge.told(Rule::CertificateTrusted, facts.fault.as_ref().map(CertificateFault::to_string));
        facts.fault.is_none()
    }

    /// Writes a call in some manner, sends it and shows what came of it to the judge.
    pub fn ask(&self, call: &Call, manner: &Manner, expected: Expected) -> Result<Exchange, CallError> {
        let call_written = self.write(call, manner)?;
        Ok(self.send(&call_written, expected))
    }

    /// Writes and signs a call of now.
    pub fn write(&self, call: &Call, manner: &Manner) -> Result<WrittenCall, CallError> {
        let key: &SecretString = self.keys.of(call.family);
        written(call, manner, key.expose_secret(), self.now())
    }

    /// Sends a written call as it is, and shows what came of it to the judge.
    pub fn send(&self, call: &WrittenCall, expected: Expected) -> Exchange {
        let request = WireRequest {
            method: call.method,
            path_and_query: self.target.path_and_query(&call.path_tail, &call.query),
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        let began = self.wire.elapsed();
        let outcome = self.wire.send(&self.target, &request);
        let exchange = Exchange {
            family: call.family,
            activity: call.activity.to_owned(),
            is_test: call.is_test(),
            sent: call.members.clone(),
            expected,
            outcome,
            began,
            ended: self.wire.elapsed(),
        };
        self.judge.look(&exchange);
        exchange
    }
}
