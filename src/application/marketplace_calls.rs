//! What a marketplace is asked for and told.

use async_trait::async_trait;

use crate::domain::{
    Channel, CodeGrant, InstanceId, Instant, MerchantId, OrderDetails, OrderId, RequestId, UsageRecord,
};

/// Why the marketplace did not say what an order is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderSourceError {
    /// No answer, or a passing fault: ask again later.
    #[error("{0}")]
    Unavailable(String),
    /// The marketplace does not know the order; in its own words.
    #[error("{0}")]
    UnknownOrder(String),
    /// The question itself was refused: the merchant must mend its settings.
    #[error("{0}")]
    Refused(String),
    /// The channel has no access to the marketplace's order query.
    #[error("the channel has no open_api, so its orders cannot be asked for")]
    NotConfigured,
}

/// Asks a marketplace what an order says.
#[async_trait]
pub trait OrderSource: Send + Sync {
    /// Asks; takes at most some seconds.
    async fn order(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        order_id: &str,
        order_line_id: Option<&str>,
    ) -> Result<OrderDetails, OrderSourceError>;

    /// Until when the marketplace behind a channel has asked not to be called, if it has and that time has not come.
    fn asked_to_wait(&self, _channel: &Channel) -> Option<Instant> {
        None
    }
}

/// How a redeemed code stands at the marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeStanding {
    /// Whether the marketplace has released it.
    pub released: bool,
    /// Its end.
    pub ends_at: Option<Instant>,
    /// Whose order it is, where the marketplace tells.
    pub order_id: Option<OrderId>,
    /// The marketplace's product id, likewise.
    pub product_id: Option<String>,
    /// How much was bought, likewise.
    pub quantity: Option<u32>,
}

/// Why the marketplace did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketplaceCallError {
    /// No answer, or a passing fault: whether it was done is not known; again later.
    #[error("{0}")]
    Unavailable(String),
    /// The call itself was refused: the merchant must mend its settings, or the marketplace wants none of it.
    #[error("{0}")]
    Refused(String),
    /// The channel has no access to the marketplace.
    #[error("the channel has no open_api, so the marketplace cannot be asked")]
    NotConfigured,
    /// There is no such code, or it is another merchant's.
    #[error("the marketplace does not know the code")]
    CodeUnknown,
    /// The buyer has not taken the code yet.
    #[error("the buyer has not received the code yet")]
    CodeNotReceived,
    /// The marketplace does not take a license for this application, and will not later.
    #[error("the marketplace refused the license: {0}")]
    RequestClosed(String),
    /// Activated when it was activated before; queried when it was not.
    #[error("the code is not in a state for this")]
    CodeState,
}

/// Why a marketplace did not take records of usage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsagePushError {
    /// Nothing about the records: the call did not come through, or was refused as a call.
    #[error(transparent)]
    Call(#[from] MarketplaceCallError),
    /// More than the marketplace takes at once.
    #[error("too many records at once")]
    TooMany,
    /// Among them is one that began too long ago.
    #[error("usage that began too long ago")]
    TooOld,
    /// Among them is one that the marketplace does not want, for a reason that it gives by code only.
    #[error("the marketplace refused: {0}")]
    Unwanted(String),
}

/// What a marketplace is asked for and told beyond its orders. Each call takes at most some seconds.
#[async_trait]
pub trait MarketplaceCalls: Send + Sync {
    /// Activates a code. Not idempotent on the other side: after a lost answer it says [`MarketplaceCallError::CodeState`].
    async fn activate_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeGrant, MarketplaceCallError>;

    /// Asks how an activated code stands. Counts as the sign of life of a day.
    async fn query_code(
        &self,
        channel: &Channel,
        code: &InstanceId,
    ) -> Result<CodeStanding, MarketplaceCallError>;

    /// Tells that `client` has used the software today.
    async fn report_use(
        &self,
        channel: &Channel,
        code: &InstanceId,
        client: &str,
    ) -> Result<(), MarketplaceCallError>;

    /// Hands over the license that was asked for. Repeating it replaces what was handed over.
    async fn upload_license(
        &self,
        channel: &Channel,
        request: &RequestId,
        text: &str,
    ) -> Result<(), MarketplaceCallError>;

    /// See [`OrderSource::asked_to_wait`].
    fn asked_to_wait(&self, _channel: &Channel) -> Option<Instant> {
        None
    }

    /// Hands over records of usage of one channel, at most 1,000. All are taken or none; the marketplace knows each again
    /// by its name and its interval, so repeating it has no second effect. `nonce` is used for one call only.
    async fn push_usage(
        &self,
        channel: &Channel,
        records: Vec<UsageRecord>,
        nonce: &str,
    ) -> Result<(), UsagePushError>;
}
