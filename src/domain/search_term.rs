//! By which words a license is found.

use super::{ActivationId, Instant, LicenseId, MerchantId};
use chrono::Datelike as _;

/// Longest value of a search term, in bytes: longer texts are found by their beginning, and compared whole when the
/// license is looked at.
pub const TERM_BYTES_MAX: usize = 96;
/// Characters at the end of a license key by which people tell keys apart.
pub const KEY_TAIL_CHARS: usize = 8;

/// What a search term is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermField {
    /// An order: the purchase's, or a later one of the same license.
    Order,
    /// What the marketplace calls the instance; never an authorization code.
    Instance,
    /// Who bought.
    Customer,
    /// The merchant's own note.
    Label,
    /// The name of a machine it is, or was, active on.
    Machine,
    /// An activation, by its id.
    Activation,
    /// A license key that was ever issued: its last characters, then a digest of all of it.
    Key,
    /// The product.
    Product,
    /// The spec.
    Spec,
    /// The marketplace's code under which it was sold.
    Sku,
    /// What stops it, ended it, or has not let it begin: see [`TermState`]. None for what runs its time.
    State,
    /// When it ends; none for what is permanent.
    Ends,
    /// In which month it ends, or that it has no end: ids sort by time there, across many ends.
    EndsIn,
    /// Live or test.
    Env,
}

impl TermField {
    /// Every field.
    pub const ALL: [Self; 14] = [
        Self::Order,
        Self::Instance,
        Self::Customer,
        Self::Label,
        Self::Machine,
        Self::Activation,
        Self::Key,
        Self::Product,
        Self::Spec,
        Self::Sku,
        Self::State,
        Self::Ends,
        Self::EndsIn,
        Self::Env,
    ];
}

/// What [`TermField::State`] tells. Which state is shown also depends on the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermState {
    /// Ended for good by the merchant.
    Revoked,
    /// Ended by the marketplace; also a purchase that ended before its license existed.
    Released,
    /// Stopped; can be resumed.
    Suspended,
    /// Had not begun when it changed last; also a purchase whose license does not exist yet.
    Waiting,
}

impl TermState {
    /// As it stands in a term.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Released => "released",
            Self::Suspended => "suspended",
            Self::Waiting => "waiting",
        }
    }
}

/// One word by which a license, or the purchase that will become one, is found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SearchTerm {
    /// Whose.
    pub merchant: MerchantId,
    /// What the value is about.
    pub field: TermField,
    /// Folded, at most [`TERM_BYTES_MAX`] bytes, without a zero byte.
    pub value: String,
    /// What is found.
    pub license: LicenseId,
    /// Which of its activations has the name or the id; only of [`TermField::Machine`] and [`TermField::Activation`].
    pub activation: Option<ActivationId>,
}

/// A text as it is compared: Unicode lower case, full-width letters as ordinary ones, blanks in a row as one and none
/// around it, no control characters.
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.chars().map(narrowed) {
        if letter.is_whitespace() {
            if !folded.is_empty() && !folded.ends_with(' ') {
                folded.push(' ');
            }
        } else if !letter.is_control() {
            folded.extend(letter.to_lowercase());
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// The beginning of a folded text that stands in a term.
pub fn term_value(folded: &str) -> String {
    let mut end = folded.len().min(TERM_BYTES_MAX);
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    folded[..end].to_owned()
}

/// The forms FF01 to FF5E are those of ASCII, a fixed distance away (Unicode, Halfwidth and Fullwidth Forms).
fn narrowed(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(letter) - 0xfee0).expect("the forms stand for letters of ASCII")
        }
        _ => letter,
    }
}

/// An instant as the value of [`TermField::Ends`]: texts sort as the instants do.
pub fn instant_value(instant: Instant) -> String {
    format!("{:016x}", instant.timestamp_millis().cast_unsigned() ^ (1 << 63))
}

/// The instant of a value of [`TermField::Ends`].
pub fn instant_of_value(value: &str) -> Option<Instant> {
    let sortable = u64::from_str_radix(value, 16).ok()?;
    Instant::from_timestamp_millis((sortable ^ (1 << 63)).cast_signed())
}

/// Behind every month: what has no end.
pub const NEVER_VALUE: &str = "never";

/// The month of an instant, UTC, as the value of [`TermField::EndsIn`]: texts sort as the months do.
pub fn month_value(instant: Instant) -> String {
    let months = i64::from(instant.year()) * 12 + i64::from(instant.month0());
    format!("{:08x}", months + (1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_without_case_width_blanks_around_it_and_control_characters() {
        assert_eq!(folded("  ACME\t\u{3000} GmbH\r\n"), "acme gmbh");
        assert_eq!(folded("ABC-123"), "abc-123");
        assert_eq!(folded("ÄÖÜ ΣΊΣΥΦΟΣ İ"), "äöü σίσυφοσ i\u{307}");
        assert_eq!(folded("深圳 华为"), "深圳 华为");
        assert_eq!(folded("a\u{0}b\u{1b}[31m"), "ab[31m");
        assert_eq!(folded(" \u{3000} "), "");
        for text in ["  ACME\t\u{3000} GmbH\r\n", "ÄÖÜ ΣΊΣΥΦΟΣ İ", "A"] {
            assert_eq!(folded(&folded(text)), folded(text), "folding twice changes nothing");
        }
    }

    #[test]
    fn a_value_ends_between_two_letters_and_within_its_bytes() {
        let long = "华".repeat(40);
        assert_eq!(term_value(&long), "华".repeat(32));
        assert_eq!(term_value("short"), "short");
    }

    #[test]
    fn values_of_instants_and_months_sort_as_the_instants_do() {
        let instants = [-62_135_596_800, -1, 0, 1_700_000_000, 1_700_000_001, 253_402_300_799]
            .map(|secs| Instant::from_timestamp(secs, 0).expect("an instant"));
        for pair in instants.windows(2) {
            assert!(instant_value(pair[0]) < instant_value(pair[1]));
            assert!(month_value(pair[0]) <= month_value(pair[1]));
            assert!(month_value(pair[1]).as_str() < NEVER_VALUE);
        }
        for instant in instants {
            assert_eq!(instant_of_value(&instant_value(instant)), Some(instant));
        }
    }
}
