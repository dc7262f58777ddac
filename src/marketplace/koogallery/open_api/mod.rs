//! Calls to the marketplace's open API. Blocking: run them where blocking is allowed.
//!
//! Source: zh-cn_topic_0070649466, zh-cn_topic_0070649350 (order query).

mod license_code;
mod order;
mod transport;
mod upload;
mod usage;

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use thiserror::Error;

pub use license_code::CodeFacts;
pub use usage::UsageAnswer;

use crate::domain::{OrderDetails, UsageRecord};

const ORDER_QUERY_PATH: &str = "/api/mkp-openapi-public/global/v1/order/query";
const ACTIVATE_PATH: &str = "/api/mkp-openapi-public/global/v1/license/activate";
const HEARTBEAT_PATH: &str = "/api/mkp-openapi-public/global/v1/license/heartbeat";
const USAGE_INFO_PATH: &str = "/api/mkp-openapi-public/global/v2/license/software-usage-info";

/// `id` of a usage entry.
const CLIENT_LIMIT_CHARS: usize = 256;

/// Why the marketplace did not tell. The words are for the merchant's engineer and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenApiError {
    /// Passes by itself: network, time limit, overload, an error inside the marketplace.
    #[error("the marketplace could not be asked: {0}")]
    Retry(String),
    /// Too many calls: not again before the pause that it asked for, if it said one.
    #[error("the marketplace could not be asked: {why}")]
    Limited {
        /// Status and what it means.
        why: String,
        /// `Retry-After`.
        pause: Option<Duration>,
    },
    /// The marketplace knows no such order or line; its status and code.
    #[error("the marketplace does not know the order ({0})")]
    NotFound(String),
    /// The marketplace knows no such authorization code.
    #[error("the marketplace knows no such code")]
    CodeUnknown,
    /// The buyer has not taken the code yet.
    #[error("the buyer has not received the code yet")]
    CodeNotReceived,
    /// Activated when it was activated before, or asked for when it was not.
    #[error("the code is not in a state for this")]
    CodeState,
    /// The marketplace does not take a License for this application.
    #[error("the marketplace does not take the license: {0}")]
    RequestClosed(String),
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

    /// Activates an authorization code: once, a second time the marketplace says [`OpenApiError::CodeState`].
    pub fn activate_code(&self, code: &str, now: DateTime<Utc>) -> Result<CodeFacts, OpenApiError> {
        let answer = self.post(ACTIVATE_PATH, &json!({ "license": code }), now)?;
        license_code::read_activated(&answer)
    }

    /// Asks how an activated code stands: the sign of life of a day.
    pub fn query_code(&self, code: &str, now: DateTime<Utc>) -> Result<CodeFacts, OpenApiError> {
        let answer = self.post(HEARTBEAT_PATH, &json!({ "license": code }), now)?;
        license_code::read_standing(&answer)
    }

    /// Tells that a client has used the software today. `software_usage_Info` is the page's own spelling.
    pub fn report_use(&self, code: &str, client: &str, now: DateTime<Utc>) -> Result<(), OpenApiError> {
        let client: String = client.chars().take(CLIENT_LIMIT_CHARS).collect();
        let info = json!({ "license": code, "software_usage_Info": [{ "id": client }] });
        let answer = self.post(USAGE_INFO_PATH, &json!({ "usage_info": [info] }), now)?;
        license_code::read_reported(&answer)
    }

    /// Hands over the License of an application: as characters while they fit, else as a file.
    pub fn upload_license(&self, event_id: &str, text: &str, now: DateTime<Utc>) -> Result<(), OpenApiError> {
        let form = upload::Form::of(text);
        let path = upload::path(event_id);
        let endpoint = transport::Endpoint::parse(self.base_url, self.call_time)?;
        let (access, secret) = (self.access_key, self.secret_key);
        let answer = endpoint.post(&path, &form.content_type, &form.body, access, secret, now)?;
        upload::read(&answer)
    }

    /// Hands over records of usage, signed with the key of the basic interface; the AK/SK signature goes with it, because
    /// the page does not say whether it is looked at.
    pub fn push_usage(
        &self,
        records: &[UsageRecord],
        (key, nonce): (&SecretString, &str),
        now: DateTime<Utc>,
    ) -> Result<UsageAnswer, OpenApiError> {
        let (body, ts) = (usage::new_body(records), now.timestamp_millis().to_string());
        let signature = usage::signature(key, &ts, nonce, &body);
        let headers = [("signature", signature.as_str()), ("ts", &ts), ("nonce", nonce)];
        self.post_usage(&headers, usage::NEW_PATH, &body, now)
    }

    /// The same in the old way: AK/SK only, by product id.
    pub fn push_usage_by_product(
        &self,
        records: &[UsageRecord],
        now: DateTime<Utc>,
    ) -> Result<UsageAnswer, OpenApiError> {
        match usage::old_body(records) {
            Some(body) => self.post_usage(&[], usage::OLD_PATH, &body, now),
            None => Ok(UsageAnswer::Unwanted("the product id of a record is not known".into())),
        }
    }

    fn post_usage(
        &self,
        headers: &[(&str, &str)],
        path: &str,
        body: &str,
        now: DateTime<Utc>,
    ) -> Result<UsageAnswer, OpenApiError> {
        let endpoint = transport::Endpoint::parse(self.base_url, self.call_time)?;
        let keys = (self.access_key, self.secret_key);
        usage::read(&endpoint.post_with(headers, path, "application/json", body.as_bytes(), keys, now)?)
    }

    fn post(&self, path: &str, body: &Value, now: DateTime<Utc>) -> Result<transport::Answer, OpenApiError> {
        let endpoint = transport::Endpoint::parse(self.base_url, self.call_time)?;
        let body = body.to_string();
        endpoint.post(path, "application/json", body.as_bytes(), self.access_key, self.secret_key, now)
    }
}
