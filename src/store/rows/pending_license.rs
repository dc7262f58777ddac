//! Which purchase will become a license.

use super::form::Text;
use super::mirror::row;
use super::order::OrderLineKeyRow;
use crate::application::record::PendingLicense;
use crate::domain::LicenseId;

row!(
    /// A license id and its purchase.
    PendingLicenseRow for PendingLicense {
        id: Text<LicenseId> = id,
        purchase: OrderLineKeyRow = purchase,
    }
);
