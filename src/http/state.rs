//! What every handler is given.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::call_metrics::CallMetrics;
use super::control::ControlSecret;
use super::explain_budget::ExplainBudget;
use super::rates::{RateRules, Rates};
use super::sign_in::SignInBrake;
use super::verifying_keys::VerifyingKeys;
use crate::application::ports::{Backups, IdSource, Moves, SecretSource, Store, find};
use crate::application::record::{Owned, RecordKey, Versioned};
use crate::application::{App, ApplyFiles, ChannelChecks, UseCaseError};
use crate::config::TrustedProxies;
use crate::domain::{Channel, ChannelId, Merchant, MerchantId};

/// Bounds on what callers may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Longest body of a `/v1` request.
    pub body_bytes: usize,
    /// Longest body of `POST /v1/merchant/apply`.
    pub apply_body_bytes: usize,
    /// How long one request may take, once its head was read.
    pub request_time: Duration,
    /// How long a connection may take for the head of its next request; so long it may also idle.
    pub header_time: Duration,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// How long open requests may go on once the service is told to stop.
    pub drain_time: Duration,
    /// How often the merchant API may be asked.
    pub rates: RateRules,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            apply_body_bytes: 1024 * 1024,
            request_time: Duration::from_secs(10),
            header_time: Duration::from_secs(75),
            handshake_time: Duration::from_secs(10),
            drain_time: Duration::from_secs(15),
            rates: RateRules::default(),
        }
    }
}

/// What the routes need from outside.
pub struct HttpParts {
    /// The use cases.
    pub app: Arc<App>,
    /// The same store as theirs.
    pub store: Arc<dyn Store>,
    /// Ids of requests, texts of new API tokens.
    pub ids: Arc<dyn IdSource>,
    /// The access keys that channels refer to.
    pub secrets: Arc<dyn SecretSource>,
    /// Applies apply files.
    pub apply: Arc<dyn ApplyFiles>,
    /// Backups of that store.
    pub backups: Arc<dyn Backups>,
    /// Moves of that store to another engine.
    pub moves: Arc<dyn Moves>,
    /// Checks production addresses from outside.
    pub checks: Arc<dyn ChannelChecks>,
    /// Bounds.
    pub limits: HttpLimits,
    /// Who may say for whom they call.
    pub trusted_proxies: TrustedProxies,
}

/// What every handler is given; a clone is the same state.
#[derive(Clone)]
pub struct HttpState(Arc<Inner>);

/// The parts, and what is kept in memory.
pub struct Inner {
    parts: HttpParts,
    pub(super) keys: VerifyingKeys,
    pub(super) calls: CallMetrics,
    pub(super) explaining: ExplainBudget,
    pub(super) brake: SignInBrake,
    pub(super) control: ControlSecret,
    pub(super) rates: Rates,
}

impl Deref for Inner {
    type Target = HttpParts;

    fn deref(&self) -> &HttpParts {
        &self.parts
    }
}

impl Deref for HttpState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl HttpState {
    /// Takes the parts and loads the verifying keys of every merchant.
    pub async fn load(parts: HttpParts) -> Result<Self, UseCaseError> {
        let (calls, explaining) = (CallMetrics::default(), ExplainBudget::default());
        let (keys, brake) = (VerifyingKeys::default(), SignInBrake::default());
        let control = ControlSecret::of(&parts.ids.random_bytes());
        let rates = Rates::new(parts.limits.rates);
        let state = Self(Arc::new(Inner { parts, keys, calls, explaining, brake, control, rates }));
        state.reload_keys().await?;
        Ok(state)
    }

    /// Loads the verifying keys of every merchant again: after an apply, after a rotation of keys, and now and
    /// then, because another replica may have made a merchant.
    pub async fn reload_keys(&self) -> Result<(), UseCaseError> {
        let merchants = self.app.merchants().await?;
        self.keys.load(self.app.signer(), &merchants, self.app.now());
        Ok(())
    }

    /// A merchant, if there is one of this id.
    pub(super) async fn merchant(&self, id: &MerchantId) -> Result<Option<Merchant>, UseCaseError> {
        let found: Option<Versioned<Merchant>> =
            find(self.store.as_ref(), RecordKey::Merchant(id.clone())).await?;
        Ok(found.map(|found| found.value))
    }

    /// A channel of a merchant, as it is now.
    pub(super) async fn channel(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
    ) -> Result<Option<Channel>, UseCaseError> {
        let key = RecordKey::Channel(merchant.clone(), id.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        Ok(found.map(|found| found.value.value))
    }
}
