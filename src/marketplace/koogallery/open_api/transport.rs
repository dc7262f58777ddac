//! One signed call: bounded in time and size, certificates verified, no redirects followed.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use ureq::http::Uri;
use ureq::http::header::RETRY_AFTER;

use super::OpenApiError;
use crate::marketplace::koogallery::sdk_hmac::{Signable, authorization, canonical_query, sdk_date};

const ANSWER_LIMIT_BYTES: u64 = 1024 * 1024;

/// Where the open API is.
#[derive(Debug)]
pub struct Endpoint {
    origin: String,
    authority: String,
    loopback: bool,
    call_time: Duration,
}

/// A status and the bytes that came with it.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Endpoint {
    /// Takes an origin, with or without a final slash. What is signed would be readable on the way without TLS.
    pub fn parse(base_url: &str, call_time: Duration) -> Result<Self, OpenApiError> {
        let wrong = |why: &str| OpenApiError::Refused(format!("the base_url of open_api {why}"));
        let uri: Uri = base_url.parse().map_err(|_| wrong("is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("needs https:// and a host"));
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(wrong("must end after the host"));
        }
        let loopback = is_loopback(authority.host());
        if scheme != "https" && !(scheme == "http" && loopback) {
            return Err(wrong("must begin with https://"));
        }
        Ok(Self {
            origin: format!("{scheme}://{authority}"),
            authority: authority.to_string(),
            loopback,
            call_time,
        })
    }

    pub fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        access_key: &str,
        secret_key: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Answer, OpenApiError> {
        let date = sdk_date(now);
        let headers =
            [("Content-Type", "application/json"), ("Host", &self.authority), ("X-Sdk-Date", &date)];
        let call = Signable { method: "GET", path, query, headers: &headers, body: b"" };
        let mut request = self.agent().get(format!("{}{path}?{}", self.origin, canonical_query(query)));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.header("Authorization", authorization(&call, access_key, secret_key)).call();
        read(response.map_err(|error| OpenApiError::Retry(error.to_string()))?)
    }

    pub fn post(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
        access_key: &str,
        secret_key: &SecretString,
        now: DateTime<Utc>,
    ) -> Result<Answer, OpenApiError> {
        self.post_with(&[], path, content_type, body, (access_key, secret_key), now)
    }

    /// The same with headers that this signature does not cover.
    pub fn post_with(
        &self,
        more: &[(&str, &str)],
        path: &str,
        content_type: &str,
        body: &[u8],
        (access_key, secret_key): (&str, &SecretString),
        now: DateTime<Utc>,
    ) -> Result<Answer, OpenApiError> {
        let date = sdk_date(now);
        let headers = [("Content-Type", content_type), ("Host", &self.authority), ("X-Sdk-Date", &date)];
        let call = Signable { method: "POST", path, query: &[], headers: &headers, body };
        let mut request = self.agent().post(format!("{}{path}", self.origin));
        for (name, value) in headers.iter().chain(more) {
            request = request.header(*name, *value);
        }
        let authorization = authorization(&call, access_key, secret_key);
        let response = request.header("Authorization", authorization).send(body);
        read(response.map_err(|error| OpenApiError::Retry(error.to_string()))?)
    }

    /// A proxy that the environment names is used, except for loopback.
    fn agent(&self) -> ureq::Agent {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.call_time))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .https_only(!self.loopback);
        let config = if self.loopback { config.proxy(None) } else { config };
        config.build().new_agent()
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, OpenApiError> {
    let status = response.status().as_u16();
    let pause = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(pause);
    // Source: zh-cn_topic_0070649463 (406 with MKT.0250 is the rate limit); the gateway in front answers 429.
    if matches!(status, 406 | 429) || (status == 503 && pause.is_some()) {
        return Err(OpenApiError::Limited { why: format!("too many calls (HTTP {status})"), pause });
    }
    let body = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_vec();
    Ok(Answer { status, body: body.map_err(|error| OpenApiError::Retry(error.to_string()))? })
}

/// `Retry-After` in seconds; a date there is not understood, as it would be by the marketplace's clock.
fn pause(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(|secs: u32| Duration::from_secs(secs.into()))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL_TIME: Duration = Duration::from_secs(10);

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in [
            "https://mkt.myhuaweicloud.com",
            "https://mkt.myhuaweicloud.com/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(Endpoint::parse(url, CALL_TIME).is_ok(), "{url}");
        }
        for url in [
            "http://mkt.myhuaweicloud.com",
            "mkt.myhuaweicloud.com",
            "",
            "https://",
            "ftp://127.0.0.1",
            "https://user@mkt.myhuaweicloud.com",
            "https://mkt.myhuaweicloud.com/api",
            "https://a.example/?x=1",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "http://0.0.0.0",
        ] {
            assert!(matches!(Endpoint::parse(url, CALL_TIME), Err(OpenApiError::Refused(_))), "{url}");
        }
    }
}
