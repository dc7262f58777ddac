//! Quota packages, offered and bought.

use serde::{Deserialize, Serialize};

use super::form::{Form, TenThousandths, Text, form};
use super::mirror::row;
use super::validity::ValidityRow;
use crate::domain::{
    NoTotal, Overage, PackageTotal, QuotaPackage, QuotaTemplate, ResetWindow, WindowAlignment,
};

row!(
    /// A package as a spec offers it.
    QuotaTemplateRow for QuotaTemplate {
        metric: String = metric,
        unit: String = unit,
        amount_ten_thousandths: TenThousandths = amount,
        reset: Text<ResetWindow> = reset,
        window: Text<WindowAlignment> = window,
        overage: Text<Overage> = overage,
        alert_percent: Vec<u8> = alert_percent,
    }
);

row!(
    /// A package as bought.
    QuotaPackageRow for QuotaPackage {
        template: QuotaTemplateRow = template,
        validity: ValidityRow = validity,
        total: PackageTotalRow = total,
    }
);

/// The sum over a package's validity, or why there is none.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PackageTotalRow {
    TenThousandths(TenThousandths),
    NoTotal(Text<NoTotal>),
}

impl From<PackageTotal> for PackageTotalRow {
    fn from(total: PackageTotal) -> Self {
        match total {
            Ok(amount) => Self::TenThousandths(Form::of(amount)),
            Err(why) => Self::NoTotal(Form::of(why)),
        }
    }
}

impl From<PackageTotalRow> for PackageTotal {
    fn from(row: PackageTotalRow) -> Self {
        match row {
            PackageTotalRow::TenThousandths(amount) => Ok(amount.value()),
            PackageTotalRow::NoTotal(why) => Err(why.value()),
        }
    }
}

form!(PackageTotalRow => PackageTotal);
