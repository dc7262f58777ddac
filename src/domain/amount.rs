//! Amounts of quota: decimal, exact.

use std::fmt;

/// Ten-thousandths in one unit: amounts have at most 4 decimals.
pub const TEN_THOUSANDTHS_PER_UNIT: i64 = 10_000;
/// Amounts stay below this many units (9×10^11), so that sums of many fit 63 bits.
pub const AMOUNT_UNITS_MAX: i64 = 900_000_000_000;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a plain decimal number.
    #[error("an amount is a decimal number such as 1000 or 0.5")]
    Malformed,
    /// More than 4 decimals.
    #[error("an amount has at most 4 decimals")]
    TooPrecise,
    /// At or above the bound, or overflow in a computation.
    #[error("an amount is below 900000000000")]
    TooLarge,
}

/// An amount in ten-thousandths of a unit, never negative, never through a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From ten-thousandths.
    pub fn from_ten_thousandths(count: i64) -> Result<Self, AmountError> {
        if (0..AMOUNT_UNITS_MAX * TEN_THOUSANDTHS_PER_UNIT).contains(&count) {
            Ok(Self(count))
        } else {
            Err(AmountError::TooLarge)
        }
    }

    /// In ten-thousandths.
    pub fn ten_thousandths(self) -> i64 {
        self.0
    }

    /// Reads decimal text such as `1000`, `0.5` or `12.7500`; no sign, no exponent.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(units) || !digits(decimals) {
            return Err(AmountError::Malformed);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 4 {
            return Err(AmountError::TooPrecise);
        }
        let units: i64 = units.parse().map_err(|_| AmountError::TooLarge)?;
        if units >= AMOUNT_UNITS_MAX {
            return Err(AmountError::TooLarge);
        }
        let decimals: i64 = format!("{decimals:0<4}").parse().map_err(|_| AmountError::Malformed)?;
        Self::from_ten_thousandths(units * TEN_THOUSANDTHS_PER_UNIT + decimals)
    }

    /// This amount and another one.
    pub fn plus(self, other: Self) -> Result<Self, AmountError> {
        self.0.checked_add(other.0).ok_or(AmountError::TooLarge).and_then(Self::from_ten_thousandths)
    }

    /// What is left of this amount without another one; nothing when that is more.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self((self.0 - other.0).max(0))
    }

    /// This amount, `times` over.
    pub fn times(self, times: u32) -> Result<Self, AmountError> {
        self.0.checked_mul(i64::from(times)).ok_or(AmountError::TooLarge).and_then(Self::from_ten_thousandths)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, rest) = (self.0 / TEN_THOUSANDTHS_PER_UNIT, self.0 % TEN_THOUSANDTHS_PER_UNIT);
        if rest == 0 {
            write!(f, "{units}")
        } else {
            f.write_str(format!("{units}.{rest:04}").trim_end_matches('0'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_without_loss() {
        for (text, shown) in
            [("1000", "1000"), ("0.5", "0.5"), ("12.7500", "12.75"), ("0.0001", "0.0001"), ("007", "7")]
        {
            assert_eq!(Amount::parse(text).map(|amount| amount.to_string()).as_deref(), Ok(shown), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused_with_the_reason() {
        for (text, error) in [
            ("", AmountError::Malformed),
            ("-1", AmountError::Malformed),
            ("1e3", AmountError::Malformed),
            (".5", AmountError::Malformed),
            ("1.", AmountError::Malformed),
            ("0.00001", AmountError::TooPrecise),
            ("900000000000", AmountError::TooLarge),
            ("99999999999999999999", AmountError::TooLarge),
        ] {
            assert_eq!(Amount::parse(text), Err(error), "{text}");
        }
    }
}
