//! One production address as the marketplace knows it: where it is and which keys are bound to it.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Clock;
use super::caller::{CallAnswer, CallError};
use super::family::Family;
use super::manner::Manner;
use super::sensitive::{self, KeySize};
use super::transport::{Sent, Transport};
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
    url: String,
    keys: AddressKeys,
    clock: Clock,
    transport: Transport,
}

impl Address {
    pub fn new(production_address: &str, keys: AddressKeys, clock: Clock) -> Self {
        let transport = Transport::new(production_address);
        Self { url: production_address.to_owned(), keys, clock, transport }
    }

    /// The same address after its keys were changed in the console.
    #[must_use]
    pub fn with_keys(&self, keys: AddressKeys) -> Self {
        Self { keys, ..self.clone() }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// A call of now. New business id, nonce and time on every writing.
    pub fn write(&self, call: &Call, manner: &Manner) -> Result<WrittenCall, CallError> {
        written(call, manner, self.keys.of(call.family).expose_secret(), (self.clock)())
    }

    /// Where a written call goes.
    pub fn url_of(&self, call: &WrittenCall) -> String {
        let (place, query) = match self.url.split_once('?') {
            Some((place, query)) => (place, [query, "&", &call.query].concat()),
            None => (self.url.as_str(), call.query.clone()),
        };
        let tail = if call.path_tail.is_empty() { String::new() } else { format!("/{}", call.path_tail) };
        let place = format!("{}{tail}", place.trim_end_matches('/'));
        if query.is_empty() { place } else { format!("{place}?{query}") }
    }

    /// Sends a written call as it is. Blocks.
    pub fn send(&self, call: &WrittenCall) -> Result<CallAnswer, CallError> {
        let url = self.url_of(call);
        let sent = Sent { method: call.method, url: &url, headers: &call.headers, body: &call.body };
        let received = self.transport.send(&sent)?;
        Ok(CallAnswer::of(received, self.keys.of(call.family).expose_secret()))
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
