//! What the use cases need to send events: an envelope, a caller who is careful where it calls, and a vault.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::view_licenses::LicenseOrPurchase;
use super::view_quota::PackageView;
use crate::domain::{Instant, WebhookEvent, WebhookId};

/// Why a secret cannot be sealed or opened; never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SealedFault(pub String);

/// Keeps secrets that must be read back.
pub trait SecretVault: Send + Sync {
    /// Seals a secret for its owner: for nobody else it opens.
    fn seal(&self, owner: &[&str], secret: &SecretString) -> Result<Vec<u8>, SealedFault>;

    /// Opens what was sealed for this owner.
    fn open(&self, owner: &[&str], sealed: &[u8]) -> Result<SecretString, SealedFault>;
}

/// What an event tells, before it is written down for the wire.
#[derive(Debug)]
pub struct OutboundEvent<'a> {
    /// What it tells.
    pub kind: WebhookEvent,
    /// When it happened.
    pub at: Instant,
    /// The license that it is about, or the purchase that will become one, as it stands now.
    pub license: Option<&'a LicenseOrPurchase>,
    /// How the packages of that license stand.
    pub quota: &'a [PackageView],
    /// Facts by the names in which events are kept; what is not known to receivers is left out.
    pub facts: &'a [(&'a str, &'a str)],
    /// When it is written.
    pub now: Instant,
}

/// One attempt.
#[derive(Debug)]
pub struct EventCall {
    /// Where to.
    pub url: String,
    /// What receivers know the event by.
    pub id: String,
    /// When it is sent.
    pub sent_at: Instant,
    /// The exact text.
    pub body: String,
    /// What signs it, newest first; at least one.
    pub secrets: Vec<SecretString>,
    /// How long it may take in all.
    pub within: Duration,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// There was an answer.
    Answered {
        /// Its HTTP status.
        status: u16,
        /// How it begins; bounded.
        words: String,
        /// How long the endpoint asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// There was none, or no call was made; why, in words.
    Failed(String),
}

/// Sends events by Standard Webhooks, and never to where it may not.
#[async_trait]
pub trait EventSender: Send + Sync {
    /// Whether an address may be one of an endpoint, as far as that can be said without a call; else what is wrong with it.
    fn accepts(&self, url: &str) -> Result<(), String>;

    /// Whether a text is a secret; else what it must be.
    fn accepts_secret(&self, text: &SecretString) -> Result<(), String>;

    /// The secret that these unpredictable bytes make.
    fn secret_of(&self, bytes: &[u8; 32]) -> SecretString;

    /// The event as it is sent. Never a license key, a code, or personal data beyond the customer's opaque id.
    fn body(&self, event: &OutboundEvent<'_>) -> String;

    /// Makes one attempt: resolves the name, refuses what is blocked, connects to the address that was judged, follows
    /// nobody elsewhere.
    async fn send(&self, call: EventCall) -> SendOutcome;
}

/// To whom a sealed secret of an endpoint belongs.
pub(super) fn secret_owner<'a>(merchant: &'a str, webhook: &'a WebhookId, secret: &'a str) -> [&'a str; 4] {
    ["webhook", merchant, webhook.as_str(), secret]
}
