//! Spans and lengths of validity.

use super::form::Millis;
use super::mirror::{row, row_enum};
use crate::domain::{Term, Validity};

row!(
    /// A half-open span.
    ValidityRow for Validity {
        starts_at_ms: Millis = starts_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
        anchor_ms: Millis = anchor,
        #[serde(skip_serializing_if = "Option::is_none")]
        anchored_months: Option<u32> = anchored_months,
    }
);

row_enum!(
    /// A length of validity. Not as text: a marketplace may sell terms that an apply file may not name.
    TermRow for Term {
        Days(count: u32),
        Months(count: u32),
        Years(count: u32),
        Permanent,
    }
);
