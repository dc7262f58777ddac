//! Reports of usage that were answered.

use super::form::{Base64, Millis, TenThousandths, Text};
use super::mirror::row;
use crate::application::record::UsageReport;
use crate::domain::{LicenseId, MerchantId, MetricGrant, PackageGrant, PackageId, ReservationId, UsageGrant};

row!(
    /// An answered report.
    UsageReportRow for UsageReport {
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        key_digest: Base64<[u8; 32]> = key_digest,
        request_digest: Base64<[u8; 32]> = request_digest,
        until_ms: Millis = until,
        #[serde(skip_serializing_if = "Option::is_none")]
        reservation: Option<Text<ReservationId>> = reservation,
        grant: UsageGrantRow = grant,
    }
);

row!(
    /// What was answered.
    UsageGrantRow for UsageGrant {
        metrics: Vec<MetricGrantRow> = metrics,
        packages: Vec<PackageGrantRow> = packages,
    }
);

row!(
    /// Of one metric.
    MetricGrantRow for MetricGrant {
        metric: String = metric,
        granted: TenThousandths = granted,
        left: TenThousandths = left,
        #[serde(skip_serializing_if = "Option::is_none")]
        window_ends_at_ms: Option<Millis> = window_ends_at,
    }
);

row!(
    /// Of one window of one package.
    PackageGrantRow for PackageGrant {
        package: Text<PackageId> = package,
        metric: u16 = metric,
        window_starts_at_ms: Millis = window_starts_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        window_ends_at_ms: Option<Millis> = window_ends_at,
        amount: TenThousandths = amount,
        over: TenThousandths = over,
        left: TenThousandths = left,
    }
);
