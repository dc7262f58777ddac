//! The last restore of a store.

use super::form::Millis;
use super::mirror::row;
use crate::domain::Restore;

row!(
    /// That the store was restored from a backup.
    RestoreRow for Restore {
        taken_at_ms: Millis = taken_at,
        restored_at_ms: Millis = restored_at,
    }
);
