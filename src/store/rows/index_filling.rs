//! How far the search index was filled.

use super::form::{Millis, Text};
use super::mirror::row;
use crate::application::record::{FillingPass, IndexFilling};
use crate::domain::{LicenseId, MerchantId};

row!(
    /// The pass that goes on, and the last one that ended.
    IndexFillingRow for IndexFilling {
        under_way: Option<FillingPassRow> = under_way,
        complete_ms: Option<(Millis, Millis)> = complete,
    }
);

row!(
    /// A pass.
    FillingPassRow for FillingPass {
        began_at_ms: Millis = began_at,
        merchant: Text<MerchantId> = merchant,
        before: Option<Text<LicenseId>> = before,
    }
);
