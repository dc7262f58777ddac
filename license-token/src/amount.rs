//! Amounts of quota, exact to four decimals.

use core::fmt;

use crate::json::Value;

/// A quantity of some unit in ten-thousandths, never through a float. From 0 up to, not at, 9 × 10^11 units, so
/// that the ten-thousandths stay below 2^53 and every JSON implementation can carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(i64);

const PER_UNIT: i64 = 10_000;
const FRACTION_DIGITS: usize = 4;
/// First amount that is too large, in ten-thousandths.
pub const AMOUNT_END_TEN_THOUSANDTHS: i64 = 900_000_000_000 * PER_UNIT;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// `None` when negative or 9 × 10^11 units and more.
    #[must_use]
    pub fn from_ten_thousandths(ten_thousandths: i64) -> Option<Self> {
        (0..AMOUNT_END_TEN_THOUSANDTHS).contains(&ten_thousandths).then_some(Self(ten_thousandths))
    }

    /// Whole units; `None` when out of bounds.
    #[must_use]
    pub fn from_units(units: i64) -> Option<Self> {
        Self::from_ten_thousandths(units.checked_mul(PER_UNIT)?)
    }

    /// The quantity in ten-thousandths of a unit.
    #[must_use]
    pub const fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// The sum; `None` when out of bounds.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_ten_thousandths(self.0.checked_add(other.0)?)
    }

    /// Reads decimal text: digits, optionally a point and one to four digits. No sign, exponent or leading zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || leading_zero || !digits(whole) || !digits(fraction) {
            return None;
        }
        let missing = FRACTION_DIGITS.checked_sub(fraction.len())?;
        let mut fraction_value = fraction.bytes().fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
        for _ in 0..missing {
            fraction_value *= 10;
        }
        let units: i64 = whole.parse().ok()?;
        Self::from_ten_thousandths(units.checked_mul(PER_UNIT)?.checked_add(fraction_value)?)
    }

    /// Reads a JSON number or string from its text.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Number(text) | Value::String(text) => Self::parse(text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// JSON: a number when whole, else a string, so that no reader rounds it.
    #[must_use]
    pub fn to_json(self) -> Value {
        let text = alloc::format!("{self}");
        if self.0 % PER_UNIT == 0 { Value::Number(text) } else { Value::String(text) }
    }
}

impl fmt::Display for Amount {
    /// Decimal text without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / PER_UNIT)?;
        let fraction = self.0 % PER_UNIT;
        if fraction == 0 {
            return Ok(());
        }
        let digits = alloc::format!("{fraction:04}");
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}
