//! The quota packages that a license holds.

use super::form::{Millis, TenThousandths, Text};
use super::mirror::{row, row_enum};
use super::quota::QuotaPackageRow;
use crate::domain::{HeldPackage, LicenseId, MerchantId, PackageId, PackageSource, QuotaAccount};

row!(
    /// The packages of one license.
    QuotaAccountRow for QuotaAccount {
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        packages: Vec<HeldPackageRow> = packages,
    }
);

row!(
    /// One of them.
    HeldPackageRow for HeldPackage {
        id: Text<PackageId> = id,
        source: PackageSourceRow = source,
        package: QuotaPackageRow = package,
        #[serde(skip_serializing_if = "Option::is_none")]
        bought: Option<TenThousandths> = bought,
        refunded: TenThousandths = refunded,
        #[serde(skip_serializing_if = "Option::is_none")]
        ended_at_ms: Option<Millis> = ended_at,
    }
);

row_enum!(
    /// Where it came from.
    PackageSourceRow for PackageSource {
        License,
        Purchase(license: Text<LicenseId>),
    }
);
