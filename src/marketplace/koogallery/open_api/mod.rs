//! Calls to the marketplace's open API. Blocking: run them where blocking is allowed.
//!
//! Source: zh-cn_topic_0070649466, zh-cn_topic_0070649350 (order query).

mod order;
mod transport;

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use thiserror::Error;

use crate::domain::OrderDetails;

const ORDER_QUERY_PATH: &str = "/api/mkp-openapi-public/global/v1/order/query";

/// Why the marketplace did not tell. The words are for the merchant's engineer and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenApiError {
    /// Passes by itself: network, time limit, overload, an error inside the marketplace.
    #[error("the marketplace could not be asked: {0}")]
    Retry(String),
    /// The marketplace knows no such order or line.
    #[error("the marketplace knows no such order")]
    NotFound,
    /// Stays until somebody changes a setting: access key refused, address wrong, an answer that cannot be understood.
    #[error("the marketplace refused: {0}")]
    Refused(String),
}

/// Where and as whom the marketplace is asked.
#[derive(Debug, Clone, Copy)]
pub struct OpenApi<'a> {
    /// `https://…`; `http://…` only on loopback.
    pub base_url: &'a str,
    /// Who asks.
    pub access_key: &'a str,
    /// What signs.
    pub secret_key: &'a SecretString,
    /// How long one call may take in all.
    pub call_time: Duration,
}

impl OpenApi<'_> {
    /// Asks what was bought.
    pub fn query_order(
        &self,
        order_id: &str,
        order_line_id: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<OrderDetails, OpenApiError> {
        let mut query = vec![("orderId", order_id)];
        query.extend(order_line_id.map(|id| ("orderLineId", id)));
        let endpoint = transport::Endpoint::parse(self.base_url, self.call_time)?;
        let answer = endpoint.get(ORDER_QUERY_PATH, &query, self.access_key, self.secret_key, now)?;
        order::read(&answer, order_id, order_line_id)
    }
}
