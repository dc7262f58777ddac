//! Asks the marketplace of a channel what an order says.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::koogallery::open_api::{OpenApi, OpenApiError};
use crate::application::ports::{Clock, OrderSource, OrderSourceError, SecretSource};
use crate::domain::{Channel, Marketplace, MerchantId, OrderDetails};

/// The open APIs of all marketplaces, each called as its channel says.
pub struct MarketplaceOrders {
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    call_time: Duration,
}

impl MarketplaceOrders {
    /// Secrets are resolved at each call, so that a changed one needs no restart. A call ends after `call_time`.
    pub fn new(secrets: Arc<dyn SecretSource>, clock: Arc<dyn Clock>, call_time: Duration) -> Self {
        Self { secrets, clock, call_time }
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
        let open_api = channel.open_api.as_ref().ok_or(OrderSourceError::NotConfigured)?;
        match channel.marketplace {
            Marketplace::KooGallery => {}
            Marketplace::Generic => return Err(OrderSourceError::NotConfigured),
        }
        let resolve = |reference| {
            self.secrets.resolve(reference).map_err(|fault| OrderSourceError::Refused(fault.to_string()))
        };
        let (access_key, secret_key) = (resolve(&open_api.access_key)?, resolve(&open_api.secret_key)?);
        let (base_url, order_id) = (open_api.base_url.clone(), order_id.to_owned());
        let (order_line_id, now) = (order_line_id.map(str::to_owned), self.clock.now());
        let call_time = self.call_time;
        let asking = tokio::task::spawn_blocking(move || {
            let access_key = secrecy::ExposeSecret::expose_secret(&access_key);
            let open_api = OpenApi { base_url: &base_url, access_key, secret_key: &secret_key, call_time };
            open_api.query_order(&order_id, order_line_id.as_deref(), now)
        });
        let asked =
            asking.await.map_err(|_| OrderSourceError::Unavailable("the query was cut off".into()))?;
        asked.map_err(|error| match error {
            OpenApiError::Retry(why) => OrderSourceError::Unavailable(why),
            OpenApiError::NotFound => OrderSourceError::UnknownOrder,
            OpenApiError::Refused(why) => OrderSourceError::Refused(why),
        })
    }
}
