//! How long software runs without the server.

use super::form::{Secs, Text};
use super::mirror::row;
use crate::domain::{Enforcement, OfflinePolicy, StatusPolicy};

row!(
    /// How long software runs without the server.
    OfflinePolicyRow for OfflinePolicy {
        lease_secs: Secs = lease,
        renew_after_secs: Secs = renew_after,
        air_gap_lease_secs: Secs = air_gap_lease,
        status: Text<StatusPolicy> = status,
        max_status_age_secs: Secs = max_status_age,
        grace_secs: Secs = grace,
        enforcement: Text<Enforcement> = enforcement,
    }
);
