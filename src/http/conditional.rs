//! Preconditions (RFC 9110 §13) and `Idempotency-Key`.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use sha2::{Digest, Sha256};

use super::error::ApiError;
use crate::application::IdempotencyIdentity;
use crate::application::ports::ABSENT;
use crate::domain::{ApiToken, TokenOwner};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A number as a strong ETag.
pub fn etag(number: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{number}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The revision that `If-Match` insists on. A tag that was never given out matches nothing.
pub fn if_match(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text.contains(',') {
        return Err(ApiError::invalid("", "If-Match names one ETag"));
    }
    match text {
        "*" => Ok(None),
        tag => Ok(Some(tag.trim_matches('"').parse().unwrap_or(ABSENT))),
    }
}

/// Whether the caller has this already (`If-None-Match`, weak comparison).
pub fn none_match(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let listed = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = listed.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes())
}

/// The identity of a request whose caller may ask twice.
pub fn idempotency(
    headers: &HeaderMap,
    token: &ApiToken,
    (method, uri): (&Method, &Uri),
    body: &[u8],
) -> Result<Option<IdempotencyIdentity>, ApiError> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = key.as_bytes();
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        return Err(ApiError::invalid("", "Idempotency-Key has 1 to 255 characters"));
    }
    Ok(Some(identity(token, key, (method, uri.path()), body)))
}

/// The identity of a request with this key of its caller.
pub fn identity(
    token: &ApiToken,
    key: &[u8],
    (method, path): (&Method, &str),
    body: &[u8],
) -> IdempotencyIdentity {
    let owner = match &token.owner {
        TokenOwner::Merchant(merchant) => merchant.as_str(),
        TokenOwner::Server => "",
    };
    IdempotencyIdentity {
        key_digest: digest(&[owner.as_bytes(), key]),
        request_digest: digest(&[method.as_str().as_bytes(), path.as_bytes(), body]),
    }
}

/// The same for the whole answer, which is the caller's own and differs with the query.
pub fn kept_identity(
    headers: &HeaderMap,
    token: &ApiToken,
    (method, uri): (&Method, &Uri),
    body: &[u8],
) -> Result<Option<IdempotencyIdentity>, ApiError> {
    let Some(identity) = idempotency(headers, token, (method, uri), body)? else { return Ok(None) };
    let query = uri.query().unwrap_or_default();
    let key_digest = digest(&[&token.digest, &identity.key_digest, query.as_bytes()]);
    Ok(Some(IdempotencyIdentity { key_digest, ..identity }))
}

/// The identity of one line of a request of many.
pub fn part_of(whole: IdempotencyIdentity, at: usize, part: &[u8]) -> IdempotencyIdentity {
    let place = (at as u64).to_be_bytes();
    IdempotencyIdentity {
        key_digest: digest(&[b"line", &whole.key_digest, &place]),
        request_digest: digest(&[part]),
    }
}

/// Each part with its length before it, so that no two lists of parts are the same bytes.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a test writes valid headers"))])
    }

    #[test]
    fn if_match_names_one_revision_and_an_unknown_tag_matches_none() {
        for (value, revision) in
            [("\"7\"", Some(7)), ("7", Some(7)), ("*", None), ("W/\"7\"", Some(0)), ("\"x\"", Some(0))]
        {
            assert_eq!(if_match(&headers(header::IF_MATCH, value)), Ok(revision), "{value}");
        }
        assert!(if_match(&headers(header::IF_MATCH, "\"1\", \"2\"")).is_err());
    }

    #[test]
    fn if_none_match_compares_weakly_and_reads_lists() {
        for (value, matches) in
            [("\"7\"", true), ("W/\"7\"", true), ("\"6\", \"7\"", true), ("*", true), ("\"77\"", false)]
        {
            assert_eq!(none_match(&headers(header::IF_NONE_MATCH, value), &etag(7)), matches, "{value}");
        }
    }
}
