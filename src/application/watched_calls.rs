//! The marketplaces' open APIs, each call seen by its breaker. While one is broken, nobody else calls it either.

use std::sync::Arc;

use async_trait::async_trait;

use super::breakers::{Breakers, CallSeen, Destination};
use super::ports::{
    Clock, CodeStanding, IdSource, MarketplaceCallError, MarketplaceCalls, OrderSource, OrderSourceError,
    UsagePushError,
};
use crate::domain::{
    Channel, CodeGrant, InstanceId, Instant, MerchantId, OrderDetails, RequestId, UsageRecord,
};

/// What is said instead of a call.
const NOT_CALLED: &str = "the marketplace has not answered lately and is asked again in a while";

/// Sees what becomes of calls.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) breakers: Arc<Breakers>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdSource>,
}

impl Watch {
    /// Whether a call has to wait: also one of a job that waits for another marketplace.
    fn is_broken(&self, destination: &Destination) -> bool {
        let now = self.clock.now();
        // A probe that is under way may be this very call.
        self.breakers.broken_until(destination, now).is_some()
    }

    fn saw(&self, destination: &Destination, is_failure: bool, asked_to_wait: Option<Instant>) {
        let seen = match (is_failure, asked_to_wait) {
            (true, Some(until)) => CallSeen::AskedToWait(until),
            (true, None) => CallSeen::Failed,
            (false, _) => CallSeen::Answered,
        };
        self.breakers.saw(destination, &seen, self.clock.now(), self.ids.random_bytes()[0]);
    }
}

/// An order source that is watched.
pub(super) struct WatchedOrders {
    pub(super) inner: Arc<dyn OrderSource>,
    pub(super) watch: Watch,
}

#[async_trait]
impl OrderSource for WatchedOrders {
    async fn order(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        order_id: &str,
        order_line_id: Option<&str>,
    ) -> Result<OrderDetails, OrderSourceError> {
        let Some(destination) = Destination::of(channel) else {
            return self.inner.order(merchant, channel, order_id, order_line_id).await;
        };
        if self.watch.is_broken(&destination) {
            return Err(OrderSourceError::Unavailable(NOT_CALLED.into()));
        }
        let asked = self.inner.order(merchant, channel, order_id, order_line_id).await;
        let is_failure = matches!(asked, Err(OrderSourceError::Unavailable(_)));
        self.watch.saw(&destination, is_failure, self.inner.asked_to_wait(channel));
        asked
    }

    fn asked_to_wait(&self, channel: &Channel) -> Option<Instant> {
        self.inner.asked_to_wait(channel)
    }
}

/// Calls to marketplaces that are watched.
pub(super) struct WatchedCalls {
    pub(super) inner: Arc<dyn MarketplaceCalls>,
    pub(super) watch: Watch,
}

impl WatchedCalls {
    /// Whether a call would be in vain.
    fn may_call(&self, channel: &Channel) -> Result<(), MarketplaceCallError> {
        match Destination::of(channel).filter(|destination| self.watch.is_broken(destination)) {
            Some(_) => Err(MarketplaceCallError::Unavailable(NOT_CALLED.into())),
            None => Ok(()),
        }
    }

    fn saw<T>(&self, channel: &Channel, called: Result<&T, &MarketplaceCallError>) {
        if let Some(destination) = Destination::of(channel) {
            let is_failure = matches!(called, Err(MarketplaceCallError::Unavailable(_)));
            self.watch.saw(&destination, is_failure, self.inner.asked_to_wait(channel));
        }
    }
}

/// Each call of the port, seen.
macro_rules! watched {
    ($($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl MarketplaceCalls for WatchedCalls {
            $(async fn $method(
                &self,
                channel: &Channel,
                $($argument: $type),*
            ) -> Result<$answer, MarketplaceCallError> {
                self.may_call(channel)?;
                let called = self.inner.$method(channel, $($argument),*).await;
                self.saw(channel, called.as_ref());
                called
            })+

            async fn push_usage(
                &self,
                channel: &Channel,
                records: Vec<UsageRecord>,
                nonce: &str,
            ) -> Result<(), UsagePushError> {
                self.may_call(channel)?;
                let called = self.inner.push_usage(channel, records, nonce).await;
                // Whatever else it says of the records, it has answered.
                let seen = match &called {
                    Err(UsagePushError::Call(error)) => Err(error),
                    Ok(())
                    | Err(UsagePushError::TooMany | UsagePushError::TooOld | UsagePushError::Unwanted(_)) => Ok(&()),
                };
                self.saw(channel, seen);
                called
            }

            fn asked_to_wait(&self, channel: &Channel) -> Option<Instant> {
                self.inner.asked_to_wait(channel)
            }
        }
    };
}

watched! {
    activate_code(code: &InstanceId) -> CodeGrant;
    query_code(code: &InstanceId) -> CodeStanding;
    report_use(code: &InstanceId, client: &str) -> ();
    upload_license(request: &RequestId, text: &str) -> ();
}
