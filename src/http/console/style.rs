//! The stylesheet, at an address that changes with it: a browser keeps it for ever.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use crate::http::error::ApiError;
use crate::http::path::PathOf;
use crate::http::reply::{Reply, hex};

const STYLE: &str = include_str!("../../../templates/console/style.css");
/// Bytes of its digest that its address has.
const DIGEST_BYTES: usize = 8;

static NAME: LazyLock<String> =
    LazyLock::new(|| format!("{}.css", hex(&Sha256::digest(STYLE.as_bytes())[..DIGEST_BYTES])));

/// Where it is.
pub fn address() -> String {
    format!("/console/style/{}", *NAME)
}

/// `GET /console/style/{name}`
pub async fn show(PathOf(name): PathOf<String>) -> Reply {
    if name != *NAME {
        return Err(ApiError::not_found("address"));
    }
    Ok(stylesheet())
}

fn stylesheet() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, STYLE).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// What is read on what, in each theme; WCAG 2.2, 1.4.3: at least 4.5 to 1.
    const PAIRS: [(&str, &str); 12] = [
        ("ink", "paper"),
        ("ink", "wash"),
        ("soft", "paper"),
        ("soft", "wash"),
        ("link", "paper"),
        ("link", "wash"),
        ("good", "paper"),
        ("warn", "paper"),
        ("bad", "paper"),
        ("bad", "wash"),
        ("on-act", "act"),
        ("on-grave", "grave"),
    ];

    fn colours(block: &str) -> BTreeMap<String, [u8; 3]> {
        let declarations = block.split(';').filter_map(|it| it.trim().strip_prefix("--")?.split_once(':'));
        let read = |(name, value): (&str, &str)| {
            let digits = value.strip_prefix('#')?;
            let digits = if digits.len() == 3 {
                digits.chars().flat_map(|digit| [digit, digit]).collect::<String>()
            } else {
                digits.to_owned()
            };
            let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
            Some((name.to_owned(), [part(0)?, part(2)?, part(4)?]))
        };
        declarations.filter_map(read).collect()
    }

    /// WCAG 2.2, relative luminance.
    fn luminance(colour: [u8; 3]) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2])
    }

    #[test]
    fn everything_can_be_read_in_both_themes() {
        let blocks: Vec<_> = STYLE.split(":root").skip(1).filter_map(|rest| rest.split_once('{')).collect();
        let themes: Vec<_> = blocks
            .iter()
            .map(|(name, rest)| (*name, colours(rest.split('}').next().unwrap_or_default())))
            .filter(|(_, colours)| !colours.is_empty())
            .collect();
        assert_eq!(themes.len(), 3, "light, dark as chosen, dark as the system says: {themes:?}");
        assert_eq!(themes[1].1, themes[2].1, "both dark themes are the same");
        for (name, colours) in &themes {
            for (text, ground) in PAIRS {
                let [one, other] = [text, ground].map(|it| luminance(colours[it]) + 0.05);
                let contrast = one.max(other) / one.min(other);
                assert!(contrast >= 4.5, "{name}: {text} on {ground} is {contrast:.2} to 1");
            }
        }
    }
}
