//! What a person pasted, or an operator put into a variable or file.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use license_token::json::Value;
use license_token::token::TOKEN_MAX_BYTES;
use license_token::{TokenType, UnverifiedToken};

/// Room for a token, its armour and line ends.
const PASTED_MAX_BYTES: usize = 4 * TOKEN_MAX_BYTES;

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
    /// Reads a text, or the file that it names.
    pub fn read(text: &str) -> Self {
        let trimmed = text.trim().trim_matches(['"', '\'', '“', '”']).trim();
        if trimmed.is_empty() || trimmed.len() > PASTED_MAX_BYTES {
            return Self::Unreadable;
        }
        if let Some(token) = token(trimmed) {
            return token;
        }
        match file(Path::new(trimmed)) {
            Some(content) => {
                token(content.trim()).or_else(|| code(content.trim())).unwrap_or(Self::Unreadable)
            }
            None => code(trimmed).unwrap_or(Self::Unreadable),
        }
    }
}

/// White space is dropped here and only here: the token format has none.
fn token(text: &str) -> Option<Pasted> {
    let bare: String = unarmoured(text)?.chars().filter(|c| !c.is_whitespace()).collect();
    let parsed = UnverifiedToken::parse_key_set(&bare).ok()?;
    let typ = parsed.inspect().header.get("typ").and_then(Value::as_str).and_then(TokenType::from_typ);
    match typ {
        Some(TokenType::License) => Some(Pasted::LicenseKey(bare)),
        Some(TokenType::Activation) => Some(Pasted::Certificate(bare)),
        Some(TokenType::KeySet) => Some(Pasted::KeySet(bare)),
        Some(TokenType::StatusList | TokenType::ActivationRequest) | None => None,
    }
}

/// The lines between `-----BEGIN …-----` and `-----END …-----`, header lines (`Name: value`) and blank ones left
/// out; the text itself when there is no armour.
fn unarmoured(text: &str) -> Option<String> {
    let Some((_, after)) = text.split_once("-----BEGIN ") else { return Some(text.to_owned()) };
    let (_label, body) = after.split_once("-----")?;
    let (body, _end) = body.split_once("-----END ")?;
    Some(body.lines().filter(|line| !line.contains(':')).collect())
}

fn file(path: &Path) -> Option<String> {
    // Not a pipe or a device, which might never end.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut content = String::new();
    let limit = u64::try_from(PASTED_MAX_BYTES).unwrap_or(u64::MAX);
    fs::File::open(path).ok()?.take(limit).read_to_string(&mut content).ok()?;
    Some(content)
}

/// 25 characters of Crockford's base32 (I and L read as 1, O as 0, hyphens and blanks dropped) are a claim code;
/// other short texts of letters, digits, `-` and `_` may be a marketplace's authorization code.
fn code(text: &str) -> Option<Pasted> {
    const CODE_CHARS: usize = 25;
    const AUTHORIZATION_CODE_CHARS: std::ops::RangeInclusive<usize> = 6..=128;
    let is_dash = |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    let bare = text.chars().filter(|c| !is_dash(*c) && !c.is_whitespace());
    let symbols: Option<Vec<char>> = bare.map(crockford).collect();
    if let Some(symbols) = symbols.filter(|symbols| symbols.len() == CODE_CHARS) {
        let groups: Vec<String> = symbols.chunks(5).map(|group| group.iter().collect()).collect();
        return Some(Pasted::Code(groups.join("-")));
    }
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    (is_plain && AUTHORIZATION_CODE_CHARS.contains(&text.len())).then(|| Pasted::Code(text.to_owned()))
}

fn crockford(symbol: char) -> Option<char> {
    match symbol.to_ascii_uppercase() {
        'I' | 'L' => Some('1'),
        'O' => Some('0'),
        'U' => None,
        other => other.is_ascii_alphanumeric().then_some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_code_is_read_however_it_is_written() {
        let expected = Pasted::Code("ABCDE-F0123-45678-9GHJK-MNPQR".into());
        for text in [
            "ABCDE-F0123-45678-9GHJK-MNPQR",
            " abcde fo1l3 45678 9ghjk mnpqr\n".replace("1l", "12").as_str(),
            "\"ABCDE–F0123–45678–9GHJK–MNPQR\"",
        ] {
            assert_eq!(Pasted::read(text), expected, "{text}");
        }
        assert_eq!(Pasted::read("MKT-77_authorization"), Pasted::Code("MKT-77_authorization".into()));
    }

    #[test]
    fn other_texts_are_unreadable() {
        for text in
            ["", " ", "a b c", "abc", "eyJ.a.b", "-----BEGIN X-----", &"x".repeat(40_000), "http://x/y"]
        {
            assert_eq!(Pasted::read(text), Pasted::Unreadable, "{text:.40}");
        }
    }
}
