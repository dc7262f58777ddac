//! Which move it is, and what it leaves at the place that the records have left.

use crate::store::error::StoreError;

/// Stands for one move into one place: the id of the store that is made there, or the number in its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveId(u128);

impl MoveId {
    /// Of a number.
    pub const fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u128 {
        self.0
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_plain { u128::from_str_radix(text, 16).ok().map(Self) } else { None }
    }
}

impl std::fmt::Display for MoveId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Where records went that are no longer served where they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Which move it was.
    pub id: MoveId,
    /// Where to, in words without a secret.
    pub to: String,
    /// When, in Unix milliseconds.
    pub at_ms: u64,
}

impl Moved {
    /// What a start is told.
    pub(in crate::store) fn refused(self, place: String) -> StoreError {
        StoreError::Moved { place, at: self.at(), to: self.to }
    }

    /// When, as people read it.
    pub fn at(&self) -> String {
        let at = i64::try_from(self.at_ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
        at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_anything_else_is_none() {
        for number in [0, 1, u128::MAX] {
            let id = MoveId::from_number(number);
            assert_eq!(MoveId::parse(&id.to_string()), Some(id));
        }
        for text in ["", "1", "+0000000000000000000000000000001", "g0000000000000000000000000000000"] {
            assert_eq!(MoveId::parse(text), None, "{text}");
        }
    }
}
