//! Asks the marketplace of a channel what an order says, and does there what codes need.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use super::koogallery::open_api::{CodeFacts, OpenApi, OpenApiError, UsageAnswer};
use crate::application::ports::{
    Clock, CodeStanding, MarketplaceCallError, MarketplaceCalls, OrderSource, OrderSourceError, SecretSource,
    UsagePushError,
};
use crate::domain::{
    AccessKeyUse, Channel, CodeGrant, InstanceId, Instant, Marketplace, MerchantId, OrderDetails, OrderId,
    RequestId, UsagePush, UsageRecord,
};

/// The open APIs of all marketplaces, each called as its channel says.
pub struct MarketplaceOrders {
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    call_time: Duration,
    pauses: Pauses,
}

/// Longest pause that a marketplace is granted: who asks for more is asked again by then.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Pause after a limit that says none. No page states one.
const PAUSE_DEFAULT: Duration = Duration::from_secs(60);
/// Accesses whose pauses are remembered; over the one that ends first is forgotten.
const PAUSES_MAX: usize = 1_024;

/// Until when marketplaces have asked not to be called, by address and access key.
#[derive(Default)]
struct Pauses(Mutex<BTreeMap<(String, String), Instant>>);

impl Pauses {
    fn keep(&self, channel: &Channel, pause: Option<Duration>, now: Instant) {
        let Some(key) = access(channel) else { return };
        let pause = pause.unwrap_or(PAUSE_DEFAULT).min(PAUSE_MAX);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| now < *until);
        if known.len() >= PAUSES_MAX
            && let Some(first) = known.iter().min_by_key(|(_, until)| **until).map(|(key, _)| key.clone())
        {
            known.remove(&first);
        }
        known.insert(key, now + pause);
    }

    fn until(&self, channel: &Channel, now: Instant) -> Option<Instant> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&access(channel)?).copied().filter(|until| now < *until)
    }
}

fn access(channel: &Channel) -> Option<(String, String)> {
    channel.open_api.as_ref().map(|api| (api.base_url.clone(), api.access_key.to_string()))
}

impl MarketplaceOrders {
    /// Secrets are resolved at each call, so that a changed one needs no restart. A call ends after `call_time`.
    pub fn new(secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>, call_time: Duration) -> Self {
        Self { secrets, clock, call_time, pauses: Pauses::default() }
    }
}

#[async_trait]
impl OrderSource for MarketplaceOrders {
    async fn order(
        &self,
        _merchant: &MerchantId,
        channel: &Channel,
        order_id: &str,
        order_line_id: Option<&str>,
    ) -> Result<OrderDetails, OrderSourceError> {
        let (order_id, order_line_id) = (order_id.to_owned(), order_line_id.map(str::to_owned));
        let asking =
            move |open_api: &OpenApi<'_>, now| open_api.query_order(&order_id, order_line_id.as_deref(), now);
        self.call(channel, asking).await.map_err(|fault| match fault {
            Fault::NotConfigured => OrderSourceError::NotConfigured,
            Fault::Error(OpenApiError::Retry(why) | OpenApiError::Limited { why, .. }) => {
                OrderSourceError::Unavailable(why)
            }
            Fault::Error(error @ OpenApiError::NotFound(_)) => {
                OrderSourceError::UnknownOrder(error.to_string())
            }
            Fault::Error(
                error @ (OpenApiError::Refused(_)
                | OpenApiError::RequestClosed(_)
                | OpenApiError::CodeUnknown
                | OpenApiError::CodeNotReceived
                | OpenApiError::CodeState),
            ) => OrderSourceError::Refused(error.to_string()),
        })
    }

    fn asked_to_wait(&self, channel: &Channel) -> Option<Instant> {
        self.pauses.until(channel, self.clock.now())
    }
}

#[async_trait]
impl MarketplaceCalls for MarketplaceOrders {
    async fn activate_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeGrant, MarketplaceCallError> {
        let asked = code.to_string();
        let facts = self.call(channel, move |open_api, now| open_api.activate_code(&asked, now)).await?;
        let CodeFacts { released: _, ends_at, order_id, product_id, quantity } = facts;
        let order_id = order_id.and_then(|id| OrderId::parse(&id).ok());
        Ok(CodeGrant { channel: channel.id.clone(), order_id, product_id, quantity, ends_at })
    }

    async fn query_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeStanding, MarketplaceCallError> {
        let asked = code.to_string();
        let facts = self.call(channel, move |open_api, now| open_api.query_code(&asked, now)).await?;
        let CodeFacts { released, ends_at, order_id, product_id, quantity } = facts;
        let order_id = order_id.and_then(|id| OrderId::parse(&id).ok());
        Ok(CodeStanding { released, ends_at, order_id, product_id, quantity })
    }

    async fn report_use(
        &self,
        channel: &Channel,
        code: &InstanceId,
        client: &str,
    ) -> Result<(), MarketplaceCallError> {
        let (code, client) = (code.to_string(), client.to_owned());
        Ok(self.call(channel, move |open_api, now| open_api.report_use(&code, &client, now)).await?)
    }

    async fn upload_license(
        &self,
        channel: &Channel,
        request: &RequestId,
        text: &str,
    ) -> Result<(), MarketplaceCallError> {
        let (event_id, text) = (request.to_string(), text.to_owned());
        Ok(self.call(channel, move |open_api, now| open_api.upload_license(&event_id, &text, now)).await?)
    }

    fn asked_to_wait(&self, channel: &Channel) -> Option<Instant> {
        self.pauses.until(channel, self.clock.now())
    }

    async fn push_usage(
        &self,
        channel: &Channel,
        records: Vec<UsageRecord>,
        nonce: &str,
    ) -> Result<(), UsagePushError> {
        let answer = match channel.usage.push {
            UsagePush::New => {
                let (key, nonce) = (self.usage_key(channel)?, nonce.to_owned());
                let push = move |api: &OpenApi<'_>, now| api.push_usage(&records, (&key, &nonce), now);
                self.call(channel, push).await
            }
            UsagePush::Old => {
                let push = move |api: &OpenApi<'_>, now| api.push_usage_by_product(&records, now);
                self.call(channel, push).await
            }
        };
        match answer.map_err(MarketplaceCallError::from)? {
            UsageAnswer::Taken => Ok(()),
            UsageAnswer::TooMany => Err(UsagePushError::TooMany),
            UsageAnswer::TooOld => Err(UsagePushError::TooOld),
            UsageAnswer::Unwanted(why) => Err(UsagePushError::Unwanted(why)),
        }
    }
}

impl MarketplaceOrders {
    /// The newest key for usage push, or else for callbacks.
    fn usage_key(&self, channel: &Channel) -> Result<SecretString, MarketplaceCallError> {
        let newest = |used_for| channel.access_keys.iter().find(|key| key.used_for == used_for);
        let key = newest(AccessKeyUse::UsagePush).or_else(|| newest(AccessKeyUse::Callbacks));
        let none = || MarketplaceCallError::Refused("the channel has no access key that signs usage".into());
        let resolved = self.secrets.resolve(&key.ok_or_else(none)?.value);
        resolved.map_err(|fault| MarketplaceCallError::Refused(fault.to_string()))
    }

    /// One call as the channel's settings say, where blocking is allowed.
    async fn call<T: Send + 'static>(
        &self,
        channel: &Channel,
        calling: impl FnOnce(&OpenApi<'_>, Instant) -> Result<T, OpenApiError> + Send + 'static,
    ) -> Result<T, Fault> {
        let open_api = channel.open_api.as_ref().ok_or(Fault::NotConfigured)?;
        match channel.marketplace {
            Marketplace::KooGallery => {}
            Marketplace::Generic => return Err(Fault::NotConfigured),
        }
        let resolve = |reference| {
            self.secrets
                .resolve(reference)
                .map_err(|fault| Fault::from(OpenApiError::Refused(fault.to_string())))
        };
        let (access_key, secret_key) = (resolve(&open_api.access_key)?, resolve(&open_api.secret_key)?);
        let (base_url, now, call_time) = (open_api.base_url.clone(), self.clock.now(), self.call_time);
        let called = tokio::task::spawn_blocking(move || {
            let access_key = secrecy::ExposeSecret::expose_secret(&access_key);
            let open_api = OpenApi { base_url: &base_url, access_key, secret_key: &secret_key, call_time };
            calling(&open_api, now)
        });
        let cut_off = |_| Fault::from(OpenApiError::Retry("the call was cut off".into()));
        let called = called.await.map_err(cut_off)?;
        if let Err(OpenApiError::Limited { pause, .. }) = &called {
            self.pauses.keep(channel, *pause, self.clock.now());
        }
        Ok(called?)
    }
}

/// Why a call was not done.
enum Fault {
    NotConfigured,
    Error(OpenApiError),
}

impl From<OpenApiError> for Fault {
    fn from(error: OpenApiError) -> Self {
        Self::Error(error)
    }
}

impl From<Fault> for MarketplaceCallError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotConfigured => Self::NotConfigured,
            Fault::Error(OpenApiError::Retry(why) | OpenApiError::Limited { why, .. }) => {
                Self::Unavailable(why)
            }
            Fault::Error(OpenApiError::RequestClosed(why)) => Self::RequestClosed(why),
            Fault::Error(OpenApiError::CodeUnknown) => Self::CodeUnknown,
            Fault::Error(OpenApiError::CodeNotReceived) => Self::CodeNotReceived,
            Fault::Error(OpenApiError::CodeState) => Self::CodeState,
            Fault::Error(error @ (OpenApiError::NotFound(_) | OpenApiError::Refused(_))) => {
                Self::Refused(error.to_string())
            }
        }
    }
}
