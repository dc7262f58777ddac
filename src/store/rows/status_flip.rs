//! Entries that change at the next publication of their list.

use super::form::Text;
use super::mirror::row;
use crate::domain::{MerchantId, Status, StatusFlip, StatusSlot};

row!(
    /// An entry that is to change.
    StatusFlipRow for StatusFlip {
        merchant: Text<MerchantId> = merchant,
        slot: StatusSlotRow = slot,
        status: Text<Status> = status,
    }
);

row!(
    /// One entry of one list.
    StatusSlotRow for StatusSlot {
        list: u32 = list,
        idx: u32 = idx,
    }
);
