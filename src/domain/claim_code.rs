//! The short code that people type.

use std::fmt;

/// Random bits in a claim code.
pub const CLAIM_CODE_BITS: usize = 120;
const BODY_CHARS: usize = CLAIM_CODE_BITS / 5;
const CHARS: usize = BODY_CHARS + 1;
const GROUP_CHARS: usize = 5;
/// Longest text that is read as a claim code, blanks and hyphens included, in bytes.
const TEXT_BYTES_MAX: usize = 128;
/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Keyed digest under which a claim code is found; the code itself is not stored.
pub type ClaimDigest = [u8; 32];

/// Why a text is no claim code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimCodeError {
    /// Other than 25 letters and digits.
    #[error("a claim code has 25 letters and digits in groups of five")]
    Length,
    /// A letter that no claim code has.
    #[error("a claim code has no character {0:?}")]
    Character(char),
    /// A typing mistake.
    #[error("the claim code was mistyped: its last character does not fit the others")]
    Check,
}

/// 25 characters to type, redeemed online for the license key. Does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct ClaimCode([u8; CHARS]);

impl ClaimCode {
    /// The code that carries the given bits.
    pub fn from_bits(bits: &[u8; CLAIM_CODE_BITS / 8]) -> Self {
        let mut digits = [0; CHARS];
        for (place, digit) in digits.iter_mut().take(BODY_CHARS).enumerate() {
            let (byte, offset) = (place * 5 / 8, place * 5 % 8);
            let pair = u16::from(bits[byte]) << 8 | u16::from(bits.get(byte + 1).copied().unwrap_or(0));
            *digit = u8::try_from((pair >> (11 - offset)) & 31).expect("five bits fit");
        }
        digits[BODY_CHARS] = check_digit(&digits[..BODY_CHARS]);
        Self(digits)
    }

    /// Reads what people type: either case, any hyphens and blanks, O for 0, I and L for 1.
    pub fn parse(text: &str) -> Result<Self, ClaimCodeError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(ClaimCodeError::Length);
        }
        let typed =
            text.chars().filter(|char| !char.is_whitespace() && !matches!(char, '-' | '‐' | '‑' | '–' | '—'));
        let digits = typed.map(digit).collect::<Result<Vec<u8>, _>>()?;
        let digits: [u8; CHARS] = digits.try_into().map_err(|_| ClaimCodeError::Length)?;
        if digits[BODY_CHARS] == check_digit(&digits[..BODY_CHARS]) {
            Ok(Self(digits))
        } else {
            Err(ClaimCodeError::Check)
        }
    }

    /// The code as people read it: five groups of five. Named so that nobody reveals it by accident.
    pub fn reveal(&self) -> String {
        let groups = self.0.chunks(GROUP_CHARS).map(|group| {
            group.iter().map(|&digit| char::from(ALPHABET[usize::from(digit)])).collect::<String>()
        });
        groups.collect::<Vec<_>>().join("-")
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimCode(…)")
    }
}

fn digit(char: char) -> Result<u8, ClaimCodeError> {
    let upper = match char.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|&known| char::from(known) == upper);
    place.map(|place| u8::try_from(place).expect("32 digits fit")).ok_or(ClaimCodeError::Character(char))
}

/// A weighted sum over the field of 32 elements (x^5 + x^2 + 1), weight α^place: it finds every single
/// wrong character and every exchange of two.
fn check_digit(body: &[u8]) -> u8 {
    let times_alpha = |value: u8| if value & 16 == 0 { value << 1 } else { ((value << 1) & 31) ^ 0b00101 };
    body.iter().rev().fold(0, |sum, &digit| times_alpha(sum ^ digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> ClaimCode {
        ClaimCode::from_bits(&[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7])
    }

    #[test]
    fn a_code_is_read_as_it_is_shown_in_either_case_with_any_blanks() {
        let shown = code().reveal();
        assert_eq!(shown.len(), 29);
        for text in [shown.clone(), shown.to_lowercase(), shown.replace('-', ""), shown.replace('-', " – ")]
        {
            assert_eq!(ClaimCode::parse(&text).as_ref(), Ok(&code()), "{text}");
        }
    }

    #[test]
    fn every_single_wrong_character_and_every_exchange_of_two_is_found() {
        let shown = code().reveal().replace('-', "");
        for place in 0..shown.len() {
            for other in ALPHABET.iter().map(|&byte| char::from(byte)) {
                let mut typed: Vec<char> = shown.chars().collect();
                if typed[place] != other {
                    typed[place] = other;
                    assert!(ClaimCode::parse(&typed.iter().collect::<String>()).is_err());
                }
            }
            for second in place + 1..shown.len() {
                let mut typed: Vec<char> = shown.chars().collect();
                if typed[place] != typed[second] {
                    typed.swap(place, second);
                    assert!(ClaimCode::parse(&typed.iter().collect::<String>()).is_err());
                }
            }
        }
    }

    #[test]
    fn a_code_does_not_print() {
        assert_eq!(format!("{:?}", code()), "ClaimCode(…)");
    }
}
