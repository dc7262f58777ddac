//! How often the merchant API may be asked: per token, and per client address for credentials that are refused.
//!
//! Marketplaces and client software are not slowed: their answers must not depend on how busy somebody else is. In memory of
//! one process, within bounds. Headers as in draft-ietf-httpapi-ratelimit-headers-09.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;

use super::access::{authorization, token_digest};
use super::client_address::ClientAddress;
use super::error::ApiError;
use super::reply::Reply;
use super::state::HttpState;
use crate::domain::{RateLeft, RateLimit, RateLimiter, TokenDigest};

/// Most tokens, and most addresses, that are remembered.
const CALLERS_MAX: usize = 10_000;
/// Addresses whose requests are counted.
const LIMITED: [&str; 2] = ["/v1/merchant/", "/v1/server/"];
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// The rules; none where nothing is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateRules {
    /// Requests of one token.
    pub per_token: Option<RateLimit>,
    /// Refused credentials from one client address.
    pub refused_per_address: Option<RateLimit>,
}

/// Who has asked how often.
pub struct Rates {
    tokens: Option<Mutex<RateLimiter<TokenDigest>>>,
    addresses: Option<Mutex<RateLimiter<IpAddr>>>,
}

impl Rates {
    /// Nobody has asked yet.
    pub fn new(rules: RateRules) -> Self {
        fn limiter<K: Hash + Eq + Clone>(limit: RateLimit) -> Mutex<RateLimiter<K>> {
            Mutex::new(RateLimiter::new(limit, CALLERS_MAX))
        }
        Self { tokens: rules.per_token.map(limiter), addresses: rules.refused_per_address.map(limiter) }
    }

    fn check_address(&self, address: Option<IpAddr>, now: Duration) -> Result<(), ApiError> {
        let (Some(addresses), Some(address)) = (&self.addresses, address) else { return Ok(()) };
        lock(addresses).left(&address, now).map(drop).map_err(limited)
    }

    fn refused(&self, address: Option<IpAddr>, now: Duration) {
        if let (Some(addresses), Some(address)) = (&self.addresses, address) {
            // Who has none left was let in by chance, together with others.
            let _ = lock(addresses).take(&address, now);
        }
    }

    /// What the token has left, counted only when its request is.
    fn check_token(&self, token: Option<&TokenDigest>, now: Duration) -> Result<(), ApiError> {
        let (Some(tokens), Some(token)) = (&self.tokens, token) else { return Ok(()) };
        lock(tokens).left(token, now).map(drop).map_err(limited)
    }

    fn asked(&self, token: Option<&TokenDigest>, now: Duration) -> Option<(RateLimit, RateLeft)> {
        let (tokens, token) = (self.tokens.as_ref()?, token?);
        let mut tokens = lock(tokens);
        let none = RateLeft { remaining: 0, full_in: tokens.limit().window };
        Some((tokens.limit(), tokens.take(token, now).unwrap_or(none)))
    }
}

/// Lets a request in while its address and its token may ask, and says what is left.
pub async fn rates(State(state): State<HttpState>, request: Request, next: Next) -> Reply {
    if !LIMITED.iter().any(|path| request.uri().path().starts_with(path)) {
        return Ok(next.run(request).await);
    }
    let address = request.extensions().get::<ClientAddress>().map(|ClientAddress(address)| site(*address));
    let token = authorization(request.headers(), "Bearer").map(token_digest);
    let now = state.app.elapsed();
    state.rates.check_address(address, now)?;
    state.rates.check_token(token.as_ref(), now)?;
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED {
        // Of tokens that open nothing none is remembered.
        state.rates.refused(address, now);
    } else if let Some((limit, left)) = state.rates.asked(token.as_ref(), now) {
        told(response.headers_mut(), limit, left);
    }
    Ok(response)
}

fn told(headers: &mut HeaderMap, limit: RateLimit, left: RateLeft) {
    let policy = format!("\"token\";q={};w={}", limit.requests, limit.window.as_secs());
    let left = format!("\"token\";r={};t={}", left.remaining, seconds_up(left.full_in));
    for (name, value) in [(POLICY, policy), (LEFT, left)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
}

fn limited(wait: Duration) -> ApiError {
    ApiError::RateLimited { retry_after_secs: u32::try_from(seconds_up(wait)).unwrap_or(u32::MAX).max(1) }
}

fn seconds_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Of IPv6 the network of a site, which may change the rest at will.
fn site(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
