//! Which language a reader reads (RFC 9110 §12.5.4).

use axum::http::{HeaderMap, header};

/// What we write in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    /// The better one of the two for this reader; English when nothing is said.
    pub fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        accepted.map_or(Self::English, Self::best_of)
    }

    /// What the reader has chosen; without a choice as [`Self::of`].
    pub fn chosen(text: &str, headers: &HeaderMap) -> Self {
        Self::named(text).filter(|_chosen| text != "*").unwrap_or_else(|| Self::of(headers))
    }

    /// BCP 47, for `Content-Language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Of equals the first one named wins.
    fn best_of(accepted: &str) -> Self {
        let mut best = (Self::English, 0);
        for range in accepted.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let Some(language) = Self::named(tag.trim()) else { continue };
            let weight = weight_in_thousandths(parameters);
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    fn named(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Chinese)
        } else if primary.eq_ignore_ascii_case("en") || tag == "*" {
            Some(Self::English)
        } else {
            None
        }
    }
}

/// `q=0.8` is 800; without a readable `q` it is 1,000 (RFC 9110 §12.4.2).
fn weight_in_thousandths(parameters: &str) -> u32 {
    let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let Some((whole, decimals)) = weight.map(|weight| weight.split_once('.').unwrap_or((weight, ""))) else {
        return 1_000;
    };
    match whole {
        "0" => format!("{decimals:0<3}").get(..3).and_then(|decimals| decimals.parse().ok()).unwrap_or(0),
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reader_gets_the_language_that_weighs_most() {
        let cases = [
            ("", Language::English),
            ("zh", Language::Chinese),
            ("zh-Hans-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::English),
            ("zh;q=0.1, EN;q=0.2", Language::English),
            ("de, zh;q=0.5", Language::Chinese),
            ("zh;q=0", Language::English),
            ("*", Language::English),
            (";;,q=,fr;q=x", Language::English),
        ];
        for (accepted, language) in cases {
            assert_eq!(Language::best_of(accepted), language, "{accepted:?}");
        }
    }
}
