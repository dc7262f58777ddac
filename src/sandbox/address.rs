//! One production address as the marketplace knows it: where it is and which keys are bound to it.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Clock;
use super::caller::{CallAnswer, CallError};
use super::family::Family;
use super::judge::wire::{HangUp, Wire, WireRequest};
use super::judge::{CallFailure, Exchange, Expected};
use super::manner::Manner;
use super::sensitive::{self, KeySize};
use super::transport::Transport;
use super::words::Call;
use super::written::{WrittenCall, written};

/// The keys of an address; the Kit is an interface type of its own and may have its own.
#[derive(Debug, Clone)]
pub struct AddressKeys {
    pub callbacks: SecretString,
    pub kit: Option<SecretString>,
}

impl AddressKeys {
    /// One key for everything.
    pub fn one(key: SecretString) -> Self {
        Self { callbacks: key, kit: None }
    }

    /// The one that signs a family's calls.
    pub fn of(&self, family: Family) -> &SecretString {
        let own = self.kit.as_ref().filter(|_| family.is_kit());
        own.unwrap_or(&self.callbacks)
    }
}

/// Writes, signs and sends calls to one production address.
#[derive(Clone)]
pub struct Address {
    keys: AddressKeys,
    clock: Clock,
    transport: Transport,
}

impl Address {
    pub fn new(production_address: &str, keys: AddressKeys, clock: Clock) -> Self {
        let transport = Transport::new(production_address);
        Self { keys, clock, transport }
    }

    /// The same address after its keys were changed in the console.
    #[must_use]
    pub fn with_keys(&self, keys: AddressKeys) -> Self {
        Self { keys, ..self.clone() }
    }

    /// The same address by another client.
    #[must_use]
    pub fn with_wire(&self, wire: Wire) -> Self {
        Self { transport: self.transport.clone().with_wire(wire), ..self.clone() }
    }

    /// The client that calls it.
    pub fn wire(&self) -> &Wire {
        self.transport.wire()
    }

    /// A call of now. New business id, nonce and time on every writing.
    pub fn write(&self, call: &Call, manner: &Manner) -> Result<WrittenCall, CallError> {
        written(call, manner, self.keys.of(call.family).expose_secret(), (self.clock)())
    }

    /// A written call as a request.
    pub fn request(&self, call: &WrittenCall) -> Result<WireRequest, CallError> {
        let path_and_query = self.transport.path_and_query(&call.path_tail, &call.query)?;
        let (headers, body) = (call.headers.clone(), call.body.clone());
        Ok(WireRequest { method: call.method, path_and_query, headers, body })
    }

    /// Sends a written call as it is. Blocks.
    pub fn send(&self, call: &WrittenCall) -> Result<CallAnswer, CallError> {
        let answer = self.transport.send(&self.request(call)?)?;
        Ok(CallAnswer::of(answer, self.keys.of(call.family).expose_secret()))
    }

    /// Sends a written call and keeps everything that a judge looks at.
    pub fn exchange(&self, call: &WrittenCall, expected: Expected) -> Result<Exchange, CallError> {
        let request = self.request(call)?;
        let began = self.wire().elapsed();
        let outcome = self.transport.try_send(&request)?;
        Ok(Exchange { expected, outcome, ..self.lost(call, began) })
    }

    /// A written call of which nothing is known but that it was sent.
    pub fn lost(&self, call: &WrittenCall, began: Duration) -> Exchange {
        Exchange {
            family: call.family,
            activity: call.activity.to_owned(),
            is_test: call.is_test(),
            sent: call.members.clone(),
            expected: Expected::Documented,
            outcome: Err(CallFailure::Closed),
            began,
            ended: self.wire().elapsed(),
        }
    }

    /// Sends a written call and does not read what comes of it.
    pub fn abandon(&self, call: &WrittenCall, hang_up: HangUp) -> Result<(), CallError> {
        self.transport.abandon(&self.request(call)?, hang_up)
    }

    /// Sends a written call whose answer is late on its way, and goes when the caller's time-out has passed.
    pub fn time_out(&self, call: &WrittenCall, time_passes: &dyn Fn()) -> Result<(), CallError> {
        self.transport.time_out(&self.request(call)?, time_passes)
    }

    /// Writes a call the usual way and sends it.
    pub fn tell(&self, call: &Call) -> Result<CallAnswer, CallError> {
        self.send(&self.write(call, &Manner::default())?)
    }

    /// A field that only the merchant can read: the phone or e-mail of a buyer.
    pub fn encrypted(&self, size: KeySize, iv: [u8; 16], plain: &str) -> String {
        sensitive::encrypt(self.keys.callbacks.expose_secret(), size, iv, plain)
    }

    /// User name and password of an `appInfo`, decrypted as `encrypt_type` says.
    pub fn sign_in(&self, encrypt_type: Option<&str>, app_info: &Value) -> Option<(String, String)> {
        let size = KeySize::said(encrypt_type)?;
        let key = self.keys.callbacks.expose_secret();
        let field = |name: &str| sensitive::decrypt(key, size, app_info.get(name)?.as_str()?);
        Some((field("userName")?, field("password")?))
    }
}
