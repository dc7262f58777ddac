//! Tries a test authorization code of the seller console at the marketplace, without selling anything.

use std::time::Duration;

use super::app::{App, UseCaseError};
use super::ports::{CodeStanding, MarketplaceCallError, find};
use super::record::RecordKey;
use crate::domain::{AuthorizationCode, ChannelId, CodeGrant, InstanceId, MerchantId, Refusal};

/// Longest wait for each of the two calls: both fit into the time of one request.
const CALL_TIME: Duration = Duration::from_millis(4_500);

/// What the marketplace said of a test code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeTrial {
    /// To its activation.
    pub activated: Result<CodeGrant, MarketplaceCallError>,
    /// To the question how it stands (once called heartbeat); not asked when the activation went wrong otherwise than by
    /// having happened before.
    pub queried: Option<Result<CodeStanding, MarketplaceCallError>>,
}

impl App {
    /// Activates and queries a code through a channel's open API. Keeps nothing. A code that was sold here is refused: it
    /// is a customer's; so is a channel that sells no codes.
    pub async fn try_code(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
        code: &InstanceId,
    ) -> Result<CodeTrial, UseCaseError> {
        let channel = self.known_channel(merchant, channel).await?;
        if !channel.protocol.has_authorization_codes() {
            let why = "authorization codes are sold through channels whose protocol is license-code only: name one of those";
            return Err(Refusal::IllegalState { why }.into());
        }
        let key = RecordKey::AuthorizationCode(merchant.clone(), channel.marketplace, code.clone());
        if find::<AuthorizationCode>(self.store.as_ref(), key).await?.is_some() {
            let why = "this code is known here already: it was sold, and is no test code";
            return Err(Refusal::IllegalState { why }.into());
        }
        let Some(calls) = &self.marketplaces else {
            let activated = Err(MarketplaceCallError::NotConfigured);
            return Ok(CodeTrial { activated, queried: None });
        };
        let late = || MarketplaceCallError::Unavailable("no answer within 4.5 s".to_owned());
        let activated = tokio::time::timeout(CALL_TIME, calls.activate_code(&channel, code)).await;
        let activated = activated.unwrap_or_else(|_elapsed| Err(late()));
        let goes_on = matches!(activated, Ok(_) | Err(MarketplaceCallError::CodeState));
        let queried = if goes_on {
            let queried = tokio::time::timeout(CALL_TIME, calls.query_code(&channel, code)).await;
            Some(queried.unwrap_or_else(|_elapsed| Err(late())))
        } else {
            None
        };
        Ok(CodeTrial { activated, queried })
    }
}
