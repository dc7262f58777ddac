//! The marketplace's open API: the order query and what authorization codes need, for callers whose AK/SK signature fits. On request it misbehaves.
//!
//! Source: zh-cn_topic_0070649466, zh-cn_topic_0070649463; error codes: zh-cn_topic_0070649352 and en-us_topic_000033.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chrono::{NaiveDateTime, TimeDelta};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::codes::{CodeAnswer, Codes};
use super::orders::Orders;
use super::signer::{OpenApiCall, open_api_signature};
use super::uploads::Uploads;
use super::usage::UsageLedger;
use super::{Clock, OpenApiKeys};

const ORDER_QUERY_PATH: &str = "/api/mkp-openapi-public/global/v1/order/query";
const MARKET_EVENT_PATH: &str = "/api/mkp-openapi-public/global/v1/market-event/";
const ACTIVATE_PATH: &str = "/api/mkp-openapi-public/global/v1/license/activate";
const HEARTBEAT_PATH: &str = "/api/mkp-openapi-public/global/v1/license/heartbeat";
const USAGE_PATH: &str = "/api/mkp-openapi-public/global/v1/isv/usage-data";
const OLD_USAGE_PATH: &str = "/rest/marketplace/v1/isv/usage-data";
const USAGE_INFO_PATH: &str = "/api/mkp-openapi-public/global/v2/license/software-usage-info";
/// The usual tolerance of this signing scheme; no page states it.
const DATE_TOLERANCE: TimeDelta = TimeDelta::minutes(15);

/// What may go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Answers rightly, but late.
    Delay(Duration),
    /// Never answers.
    Hang,
    /// Does what was asked and loses the answer: the caller reads a gateway's 504.
    AnswerLost,
    /// Answers 406 with `MKT.0250`: too many calls. With a pause in seconds, it is said in `Retry-After`.
    Limited(Option<u32>),
    /// Answers with this status, usually 5xx or 429, and `MKT.0999`.
    Status(u16),
}

/// Trouble for `left` calls, after `skip` that go well.
#[derive(Debug, Clone, Copy)]
struct PlannedTrouble {
    skip: u32,
    trouble: Trouble,
    left: u32,
}

/// The open API's state.
pub struct OpenApi {
    keys: OpenApiKeys,
    orders: Arc<Orders>,
    codes: Arc<Codes>,
    uploads: Arc<Uploads>,
    usage: Arc<UsageLedger>,
    clock: Clock,
    trouble: Mutex<Option<PlannedTrouble>>,
    calls: AtomicU64,
}

impl OpenApi {
    pub fn new(
        keys: OpenApiKeys,
        orders: Arc<Orders>,
        codes: Arc<Codes>,
        uploads: Arc<Uploads>,
        clock: Clock,
    ) -> Self {
        let (usage, trouble, calls) = (Arc::default(), Mutex::default(), AtomicU64::new(0));
        Self { keys, orders, codes, uploads, usage, clock, trouble, calls }
    }

    /// The same with this ledger for pushed usage.
    #[must_use]
    pub fn with_usage(mut self, usage: Arc<UsageLedger>) -> Self {
        self.usage = usage;
        self
    }

    /// `calls` calls go wrong, after `skip` that do not; 0 ends what was asked for before.
    pub fn trouble(&self, skip: u32, trouble: Trouble, calls: u32) {
        let planned = PlannedTrouble { skip, trouble, left: calls };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(planned);
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    fn next_trouble(&self) -> Option<Trouble> {
        let mut planned = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let PlannedTrouble { skip, trouble, left } = (*planned)?;
        if skip > 0 {
            *planned = Some(PlannedTrouble { skip: skip - 1, trouble, left });
            return None;
        }
        *planned = left.checked_sub(1).map(|left| PlannedTrouble { skip, trouble, left });
        (left > 0).then_some(trouble)
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        if let Err(why) = self.authenticate(method, uri, headers, body) {
            return gateway_refusal(why);
        }
        match (method, uri.path()) {
            (&Method::GET, ORDER_QUERY_PATH) => self.order(uri.query().unwrap_or_default()),
            (_, USAGE_PATH) => usage_response(self.usage.take_new(headers, body, (self.clock)())),
            (_, OLD_USAGE_PATH) => usage_response(self.usage.take_old(body, (self.clock)())),
            (_, path) => {
                match path.strip_prefix(MARKET_EVENT_PATH).and_then(|rest| rest.strip_suffix("/file")) {
                    Some(event_id) => self.upload(event_id, headers, body),
                    None => self.code(path, headers, body),
                }
            }
        }
    }

    fn upload(&self, event_id: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        let event_id = percent_decode_str(event_id).decode_utf8_lossy();
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let (status, code) = self.uploads.take(&event_id, content_type.unwrap_or_default(), body);
        json_response(status, &json!({ "error_code": code, "error_msg": "see the code" }))
    }

    fn code(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Response {
        let is_json = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/json"));
        if !is_json {
            return code_response((415, "95000003", None));
        }
        let Ok(request) = serde_json::from_slice::<Value>(body) else {
            return code_response((400, "95000004", None));
        };
        code_response(match path {
            ACTIVATE_PATH => self.codes.activate(&request, (self.clock)()),
            HEARTBEAT_PATH => self.codes.query(&request, (self.clock)()),
            _ => self.codes.report(&request),
        })
    }

    fn order(&self, query: &str) -> Response {
        let Some(order_id) = parameter(query, "orderId").filter(|id| id.chars().count() <= 64) else {
            return coded(400, "MKT.0101", "Invalid parameter");
        };
        let line = parameter(query, "orderLineId");
        match self.orders.find(&order_id, (self.clock)()) {
            Some(order) if line.is_none_or(|line| line == order.order_line_id) => {
                let body =
                    json!({ "resultCode": "MKT.0000", "resultMsg": "Success", "orderInfo": order.wire() });
                json_response(200, &body)
            }
            _ => coded(400, "MKT.0101", "Invalid parameter"),
        }
    }

    /// Says why a call is not let in.
    fn authenticate(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), &'static str> {
        let headers = readable(headers);
        let said = headers.get("authorization").ok_or("Authorization is missing")?;
        let said = Authorization::parse(said).ok_or("Authorization cannot be read")?;
        if said.access != self.keys.access_key {
            return Err("the access key is unknown");
        }
        if !["host", "x-sdk-date"]
            .iter()
            .all(|name| said.signed_headers.split(';').any(|signed| signed == *name))
        {
            return Err("host and x-sdk-date have to be signed");
        }
        let date = headers.get("x-sdk-date").ok_or("X-Sdk-Date is missing")?;
        let date =
            NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| "X-Sdk-Date cannot be read")?;
        if (date.and_utc() - (self.clock)()).abs() > DATE_TOLERANCE {
            return Err("X-Sdk-Date is too far from now");
        }
        let query = uri.query().unwrap_or_default();
        let call = OpenApiCall { method: method.as_str(), path: uri.path(), query, headers: &headers, body };
        let secret = self.keys.secret_key.expose_secret();
        if open_api_signature(&call, said.signed_headers, secret).as_deref() != Some(said.signature) {
            return Err("the signature does not fit");
        }
        Ok(())
    }
}

/// Answers until `stopped` is dropped or told.
pub(super) async fn serve(listener: TcpListener, api: Arc<OpenApi>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let serving = axum::serve(listener, router(api));
    tokio::select! {
        _ = serving => {}
        _ = stopped => {}
    }
}

/// For whoever wants to serve the open API beside something else.
pub fn router(api: Arc<OpenApi>) -> Router {
    let codes = || post(handle).fallback(|| async { code_response((405, "95000002", None)) });
    Router::new()
        .route(ORDER_QUERY_PATH, get(handle))
        .route(ACTIVATE_PATH, codes())
        .route(HEARTBEAT_PATH, codes())
        .route(USAGE_INFO_PATH, codes())
        .route(USAGE_PATH, post(handle))
        .route(OLD_USAGE_PATH, post(handle))
        .route(&format!("{MARKET_EVENT_PATH}{{event_id}}/file"), post(handle))
        .with_state(api)
}

async fn handle(State(api): State<Arc<OpenApi>>, parts: Parts, body: Bytes) -> Response {
    api.calls.fetch_add(1, Ordering::SeqCst);
    match api.next_trouble() {
        Some(Trouble::Status(status)) => return coded(status, "MKT.0999", "Internal error"),
        Some(Trouble::Limited(pause_secs)) => return limited(pause_secs),
        Some(Trouble::Hang) => std::future::pending::<()>().await,
        Some(Trouble::Delay(delay)) => tokio::time::sleep(delay).await,
        Some(Trouble::AnswerLost) => {
            drop(api.answer(&parts.method, &parts.uri, &parts.headers, &body));
            return coded(504, "APIGW.0201", "Backend timeout");
        }
        None => {}
    }
    api.answer(&parts.method, &parts.uri, &parts.headers, &body)
}

struct Authorization<'a> {
    access: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut parts = header.strip_prefix("SDK-HMAC-SHA256 ")?.split(", ");
        let access = parts.next()?.strip_prefix("Access=")?;
        let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        parts.next().is_none().then_some(Self { access, signed_headers, signature })
    }
}

fn readable(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let (_, value) =
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(known, _)| *known == name)?;
    percent_decode_str(value)
        .decode_utf8()
        .ok()
        .map(|value| value.into_owned())
        .filter(|value| !value.is_empty())
}

fn gateway_refusal(why: &str) -> Response {
    json_response(
        401,
        &json!({ "error_code": "APIGW.0301", "error_msg": format!("Incorrect IAM authentication information: {why}") }),
    )
}

fn coded(status: u16, code: &str, message: &str) -> Response {
    json_response(status, &json!({ "resultCode": code, "resultMsg": message }))
}

fn usage_response((status, code): (u16, &str)) -> Response {
    let message = if code == "MKT.0000" { "success" } else { "see the code" };
    json_response(status, &json!({ "error_code": code, "error_msg": message }))
}

/// Codes have their own members, and their own codes.
fn code_response((status, code, data): CodeAnswer) -> Response {
    let message = if code == "92020000" { "success" } else { "refused" };
    let mut body = json!({ "error_code": code, "error_msg": message });
    if let Some(data) = data {
        body["data"] = data;
    }
    json_response(status, &body)
}

fn limited(pause_secs: Option<u32>) -> Response {
    let mut response = coded(406, "MKT.0250", "Too many calls");
    if let Some(secs) = pause_secs {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(secs));
    }
    response
}

fn json_response(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
