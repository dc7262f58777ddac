//! What a person pasted, or an operator put into a variable or file.

mod code;
mod file;
mod find;
mod fold;

use std::borrow::Cow;
use std::path::Path;

use license_token::json::Value;
use license_token::token::TOKEN_MAX_BYTES;
use license_token::{TokenType, UnverifiedToken};

pub(crate) use code::fits_itself;
pub(crate) use find::{Found, SIGNATURE_CHARS};

/// Room for a token, its armour and line ends, and for the mail that it came with.
pub(crate) const PASTED_MAX_BYTES: usize = 4 * TOKEN_MAX_BYTES;

/// What the text seems to be. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pasted {
    LicenseKey(String),
    Certificate(String),
    KeySet(String),
    /// A claim code, in capitals and groups of five, or a marketplace's authorization code as it came.
    Code(String),
    Unreadable,
}

impl Pasted {
    /// Reads a text, or the file that it names. What copying, mailing, printing or typing does to a text without losing
    /// any of it is undone here and only here: the token format allows none of it.
    pub fn read(text: &str) -> Self {
        if text.len() > PASTED_MAX_BYTES {
            return Self::Unreadable;
        }
        token(text).unwrap_or_else(|| match content(text) {
            Cow::Owned(file) if file.len() > PASTED_MAX_BYTES => Self::Unreadable,
            Cow::Owned(file) => token(&file).unwrap_or_else(|| Self::code(&file)),
            Cow::Borrowed(text) => Self::code(text),
        })
    }

    fn code(text: &str) -> Self {
        code::read(text).map_or(Self::Unreadable, Self::Code)
    }
}

/// The file that the text names, or the text itself.
pub(crate) fn content(text: &str) -> Cow<'_, str> {
    let is_edge = |edge: char| edge.is_whitespace() || matches!(edge, '"' | '\'' | '“' | '”');
    let path = text.trim_matches(is_edge);
    file::read(Path::new(path)).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn token(text: &str) -> Option<Pasted> {
    find::candidates(text).find_map(|found| of_type(found.text))
}

/// What may be left of a token whose characters were lost, added or changed.
pub(crate) fn remains(text: &str) -> Option<Found> {
    find::candidates(text).next()
}

fn of_type(text: String) -> Option<Pasted> {
    let parsed = UnverifiedToken::parse_key_set(&text).ok()?;
    let typ = parsed.inspect().header.get("typ").and_then(Value::as_str).and_then(TokenType::from_typ);
    match typ {
        Some(TokenType::License) => Some(Pasted::LicenseKey(text)),
        Some(TokenType::Activation) => Some(Pasted::Certificate(text)),
        Some(TokenType::KeySet) => Some(Pasted::KeySet(text)),
        Some(TokenType::StatusList | TokenType::ActivationRequest) | None => None,
    }
}

#[cfg(test)]
mod tests;
