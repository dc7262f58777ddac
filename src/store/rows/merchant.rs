//! Merchants.

use super::form::Text;
use super::mirror::row;
use super::text::LocalizedTextRow;
use crate::domain::{Merchant, MerchantId};

row!(
    /// A merchant.
    MerchantRow for Merchant {
        id: Text<MerchantId> = id,
        name: LocalizedTextRow = name,
        issuer: String = issuer,
        time_zone: String = time_zone,
        locale: String = locale,
    }
);
