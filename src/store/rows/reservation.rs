//! Quota that is kept back.

use super::form::{Millis, TenThousandths, Text};
use super::mirror::{row, row_enum};
use super::usage_report::UsageGrantRow;
use crate::domain::{
    LicenseId, MerchantId, PackageId, Reservation, ReservationId, ReservationState, ReservedPart,
    ResetWindow, WindowAlignment, WindowKey,
};

row!(
    /// A reservation.
    ReservationRow for Reservation {
        id: Text<ReservationId> = id,
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        metric: String = metric,
        amount: TenThousandths = amount,
        parts: Vec<ReservedPartRow> = parts,
        made_at_ms: Millis = made_at,
        until_ms: Millis = until,
        state: ReservationStateRow = state,
    }
);

row!(
    /// What one window of one package keeps back.
    ReservedPartRow for ReservedPart {
        package: Text<PackageId> = package,
        #[serde(skip_serializing_if = "Option::is_none")]
        window: Option<WindowKeyRow> = window,
        window_starts_at_ms: Millis = window_starts_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        window_ends_at_ms: Option<Millis> = window_ends_at,
        amount: TenThousandths = amount,
        over: TenThousandths = over,
    }
);

row!(
    /// A window.
    WindowKeyRow for WindowKey {
        reset: Text<ResetWindow> = reset,
        alignment: Text<WindowAlignment> = alignment,
        starts_at_ms: Millis = starts_at,
    }
);

row_enum!(
    /// Where it stands.
    ReservationStateRow for ReservationState {
        Open,
        Confirmed { at_ms: Millis = at, amount: TenThousandths = amount, grant: UsageGrantRow = grant },
        Released { at_ms: Millis = at },
        Lapsed { at_ms: Millis = at },
    }
);
