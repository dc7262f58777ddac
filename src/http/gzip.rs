//! `Content-Encoding: gzip` (RFC 1952) for whoever accepts it.

use std::io::Write as _;

use axum::http::{HeaderMap, header};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A signed text is base64url: there is little to find but its six bits per character.
const LEVEL: Compression = Compression::new(4);

/// Whether the caller takes gzip (RFC 9110 §12.5.3): named or `*`, and not with a weight of 0.
pub fn is_accepted(headers: &HeaderMap) -> bool {
    let listed = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let codings: Vec<(&str, bool)> = listed.flat_map(|list| list.split(',')).map(coding).collect();
    let of = |wanted: &[&str]| {
        let found =
            codings.iter().find(|(name, _)| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
        found.map(|(_, is_taken)| *is_taken)
    };
    of(&["gzip", "x-gzip"]).or_else(|| of(&["*"])).unwrap_or(false)
}

/// The name of a coding, and whether it is taken.
fn coding(text: &str) -> (&str, bool) {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let weight = parameters.trim().strip_prefix("q=").or_else(|| parameters.trim().strip_prefix("Q="));
    let is_zero = |weight: &str| weight.chars().all(|digit| matches!(digit, '0' | '.'));
    (name.trim(), !weight.is_some_and(|weight| is_zero(weight.trim())))
}

/// The text, packed.
pub fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).expect("a Vec takes all bytes")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn gzip_is_sent_only_to_whoever_takes_it() {
        for (value, accepted) in [
            ("gzip", true),
            ("GZIP", true),
            ("deflate, gzip;q=0.5, br", true),
            ("x-gzip", true),
            ("*", true),
            ("*;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, *", false),
            ("*;q=0", false),
            ("identity", false),
            ("br, deflate", false),
            ("gzipped", false),
            ("", false),
        ] {
            let value_of = HeaderValue::from_str(value).expect("a test writes valid headers");
            assert_eq!(
                is_accepted(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value_of)])),
                accepted,
                "{value}"
            );
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }
}
