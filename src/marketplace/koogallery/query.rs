//! Query strings: bounded, decoded once, no name twice.

use percent_encoding::percent_decode_str;

use crate::marketplace::{QueryDefect, RefusalCause};

/// `signature`, `timestamp` and `nonce` need below 250 bytes; the rest is room for a merchant's own parameters.
pub const QUERY_LIMIT_BYTES: usize = 2 * 1024;

/// What a bare `+` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plus {
    /// A plus, as in every URI.
    Itself,
    /// A blank, as in a form.
    Blank,
}

/// The parameters of a query string, in the order received.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// A short query whose values are no form fields.
    pub fn parse(raw: &str) -> Result<Self, RefusalCause> {
        Self::parse_as(raw, QUERY_LIMIT_BYTES, Plus::Itself)
    }

    /// A query of at most `limit_bytes`.
    pub fn parse_as(raw: &str, limit_bytes: usize, plus: Plus) -> Result<Self, RefusalCause> {
        if raw.len() > limit_bytes {
            return Err(RefusalCause::UnreadableQuery(QueryDefect::TooLong));
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name, plus)?, decode(value, plus)?);
            if parameters.iter().any(|(known, _)| *known == name) {
                return Err(RefusalCause::UnreadableQuery(QueryDefect::Duplicate));
            }
            parameters.push((name, value));
        }
        Ok(Self(parameters))
    }

    /// A parameter's value; an empty one counts as missing.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Every parameter, also the empty ones.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str, plus: Plus) -> Result<String, RefusalCause> {
    let defect = RefusalCause::UnreadableQuery(QueryDefect::Encoding);
    if !percent_signs_are_complete(text.as_bytes()) {
        return Err(defect);
    }
    let text = match plus {
        Plus::Itself => text.to_owned(),
        Plus::Blank => text.replace('+', " "),
    };
    percent_decode_str(&text).decode_utf8().map(|text| text.into_owned()).map_err(|_| defect)
}

fn percent_signs_are_complete(text: &[u8]) -> bool {
    text.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defect(raw: &str) -> Option<RefusalCause> {
        Query::parse(raw).err()
    }

    #[test]
    fn values_are_decoded_once_and_a_plus_stays_a_plus() {
        let query = Query::parse("nonce=a%2Bb+c%2525&x&=y&empty=").unwrap();
        assert_eq!(query.get("nonce"), Some("a+b+c%25"));
        assert_eq!(query.get("empty"), None);
        assert_eq!(query.get("x"), None);
        assert_eq!(query.get("absent"), None);
    }

    #[test]
    fn a_plus_is_a_blank_where_the_query_is_read_as_a_form() {
        let query = Query::parse_as("name=a+b%2Bc", 100, Plus::Blank).unwrap();
        assert_eq!(query.pairs().collect::<Vec<_>>(), [("name", "a b+c")]);
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_also_when_encoded_differently() {
        let twice = Some(RefusalCause::UnreadableQuery(QueryDefect::Duplicate));
        assert_eq!(defect("nonce=a&nonce=a"), twice);
        assert_eq!(defect("nonce=a&%6Eonce=b"), twice);
    }

    #[test]
    fn broken_encoding_and_long_queries_are_refused() {
        for raw in ["nonce=%", "nonce=%4", "nonce=%zz", "nonce=%ff", "n%=1"] {
            assert_eq!(defect(raw), Some(RefusalCause::UnreadableQuery(QueryDefect::Encoding)), "{raw}");
        }
        let long = format!("nonce={}", "a".repeat(QUERY_LIMIT_BYTES));
        assert_eq!(defect(&long), Some(RefusalCause::UnreadableQuery(QueryDefect::TooLong)));
    }
}
