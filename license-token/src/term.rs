//! How long a license was bought for.

use core::fmt;

/// Length of validity as bought. Its calendar arithmetic is the server's; a verifier goes by `exp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Term {
    /// `PnD`
    Days(u16),
    /// `PnM`
    Months(u16),
    /// `PnY`
    Years(u16),
    /// `permanent`
    Permanent,
}

/// Largest count in a term.
pub const MAX_TERM_COUNT: u16 = 9_999;

impl Term {
    /// Reads `permanent` or one ISO 8601 designator with a count from 1 to 9,999 without leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "permanent" {
            return Some(Self::Permanent);
        }
        let counted = text.strip_prefix('P')?;
        let unit = counted.chars().last().filter(char::is_ascii)?;
        let digits = &counted[..counted.len() - 1];
        if digits.starts_with('0') || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count = digits.parse().ok().filter(|count| *count <= MAX_TERM_COUNT)?;
        match unit {
            'D' => Some(Self::Days(count)),
            'M' => Some(Self::Months(count)),
            'Y' => Some(Self::Years(count)),
            _ => None,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(count) => write!(f, "P{count}D"),
            Self::Months(count) => write!(f, "P{count}M"),
            Self::Years(count) => write!(f, "P{count}Y"),
            Self::Permanent => f.write_str("permanent"),
        }
    }
}
