//! `SDK-HMAC-SHA256`: how a merchant signs its calls to the marketplace's open API with its AK/SK pair.
//!
//! Source: zh-cn_topic_0070649242, zh-cn_topic_0070649463 (headers).

use chrono::{DateTime, Utc};
use hmac::Mac;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::signature::{encode_hex, keyed};

/// RFC 3986, section 2.3: everything but unreserved characters is encoded.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A call to be signed. All of `headers` are signed; `host` and `x-sdk-date` have to be among them.
pub struct Signable<'a> {
    pub method: &'a str,
    /// As sent, percent-encoded, without a query.
    pub path: &'a str,
    /// Not encoded.
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// The value of the `Authorization` header. The access key is named by it and takes no part in the signature.
pub fn authorization(call: &Signable<'_>, access_key: &str, secret_key: &SecretString) -> String {
    let (names, signature) = (call.signed_headers(), signature(call, secret_key));
    format!("SDK-HMAC-SHA256 Access={access_key}, SignedHeaders={names}, Signature={signature}")
}

/// `yyyyMMdd'T'HHmmss'Z'`: the form of `X-Sdk-Date`.
pub fn sdk_date(now: DateTime<Utc>) -> String {
    now.format("%Y%m%dT%H%M%SZ").to_string()
}

/// The query as signed and as sent: encoded, sorted.
pub fn canonical_query(query: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut pairs: Vec<_> = query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn signature(call: &Signable<'_>, secret_key: &SecretString) -> String {
    let mut mac = keyed(secret_key);
    mac.update(call.string_to_sign().as_bytes());
    encode_hex(&mac.finalize().into_bytes())
}

impl Signable<'_> {
    /// Hex SHA-256 of the canonical request.
    pub fn canonical_hash(&self) -> String {
        encode_hex(&Sha256::digest(self.canonical_request()))
    }

    fn string_to_sign(&self) -> String {
        let headers = self.sorted_headers();
        let date = headers.iter().find(|(name, _)| name == "x-sdk-date").map_or("", |(_, value)| value);
        format!("SDK-HMAC-SHA256\n{date}\n{}", self.canonical_hash())
    }

    fn canonical_request(&self) -> String {
        let slash = if self.path.ends_with('/') { "" } else { "/" };
        let headers: String =
            self.sorted_headers().iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        format!(
            "{}\n{}{slash}\n{}\n{headers}\n{}\n{}",
            self.method,
            self.path,
            canonical_query(self.query),
            self.signed_headers(),
            encode_hex(&Sha256::digest(self.body))
        )
    }

    fn signed_headers(&self) -> String {
        self.sorted_headers().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
    }

    fn sorted_headers(&self) -> Vec<(String, &str)> {
        let lower = |(name, value): &(&str, _)| (name.to_ascii_lowercase(), *value);
        let mut headers: Vec<(String, &str)> = self.headers.iter().map(lower).collect();
        headers.iter_mut().for_each(|(_, value)| *value = value.trim());
        headers.sort();
        headers
    }
}
