//! Codes: what people type, and what a marketplace prints.

use super::fold::{Folded, fold};

const CODE_CHARS: usize = 25;
const GROUP_CHARS: usize = 5;
/// With whatever stands between its characters.
const CLAIM_CODE_MAX_BYTES: usize = 128;
/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const AUTHORIZATION_CODE_CHARS: std::ops::RangeInclusive<usize> = 6..=128;

/// 25 characters of Crockford's base32 (I and L read as 1, O as 0, hyphens and blanks dropped) are a claim code, also with
/// words around it when it is written in its five groups. Another short word of letters, digits, `-` and `_` may be a
/// marketplace's authorization code.
pub fn read(text: &str) -> Option<String> {
    let plain = plain(text);
    let plain =
        plain.trim_matches(|edge: char| edge.is_whitespace() || matches!(edge, '.' | ',' | ':' | ';'));
    claim_code(plain)
        .or_else(|| plain.split_whitespace().find_map(grouped))
        .or_else(|| authorization_code(plain))
}

/// Plain characters, one blank for each gap, what is no symbol left between.
fn plain(text: &str) -> String {
    text.chars()
        .filter_map(|raw| match fold(raw) {
            Folded::Symbol(symbol) | Folded::Other(symbol) => Some(symbol),
            Folded::Gap | Folded::LineEnd => Some(' '),
            Folded::Nothing => None,
        })
        .collect()
}

fn claim_code(text: &str) -> Option<String> {
    if text.len() > CLAIM_CODE_MAX_BYTES {
        return None;
    }
    let bare = text.chars().filter(|symbol| !matches!(symbol, '-' | ' '));
    let symbols: Vec<char> = bare.map(symbol).collect::<Option<_>>()?;
    let groups = symbols.chunks(GROUP_CHARS).map(|group| group.iter().collect::<String>());
    (symbols.len() == CODE_CHARS).then(|| groups.collect::<Vec<_>>().join("-"))
}

/// A word such as `ABCDE-F0123-45678-9GHJK-MNPQR`, with whatever punctuation or letters of another script beside it.
fn grouped(word: &str) -> Option<String> {
    let is_of_code = |symbol: char| symbol.is_ascii_alphanumeric() || symbol == '-';
    let mut runs = word.split(|symbol: char| !is_of_code(symbol));
    let is_grouped = |run: &&str| {
        run.split('-').count() == CODE_CHARS / GROUP_CHARS
            && run.split('-').all(|group| group.len() == GROUP_CHARS)
    };
    runs.find(is_grouped).and_then(claim_code)
}

fn authorization_code(text: &str) -> Option<String> {
    let is_plain = text.chars().all(|symbol| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_'));
    // The beginning of a license key that was cut off is no code.
    let is_cut_key = text.starts_with("eyJ");
    (is_plain && !is_cut_key && AUTHORIZATION_CODE_CHARS.contains(&text.len())).then(|| text.to_owned())
}

fn symbol(typed: char) -> Option<char> {
    let upper = match typed.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    ALPHABET.contains(upper).then_some(upper)
}

/// Whether the last character of a claim code fits the others: a weighted sum over the field of 32 elements
/// (x^5 + x^2 + 1) that finds every single wrong character and every exchange of two. `true` for what is no claim code.
pub fn fits_itself(code: &str) -> bool {
    let digits: Vec<usize> = code.chars().filter_map(|symbol| ALPHABET.find(symbol)).collect();
    let Some((check, body)) = digits.split_last().filter(|_| digits.len() == CODE_CHARS) else { return true };
    let times_alpha = |value: usize| if value & 16 == 0 { value << 1 } else { ((value << 1) & 31) ^ 0b00101 };
    body.iter().rev().fold(0, |sum, digit| times_alpha(sum ^ digit)) == *check
}
