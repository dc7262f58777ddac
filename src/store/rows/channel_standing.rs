//! How channels have fared.

use std::collections::BTreeMap;

use super::call_cause::CallCauseRow;
use super::form::{Millis, Text};
use super::mirror::row;
use crate::domain::{ActivityStanding, ChannelId, ChannelStanding, MerchantId};

row!(
    /// A channel's standing.
    ChannelStandingRow for ChannelStanding {
        merchant: Text<MerchantId> = merchant,
        channel: Text<ChannelId> = channel,
        activities: BTreeMap<String, ActivityStandingRow> = activities,
        keys: BTreeMap<String, Millis> = keys,
        #[serde(skip_serializing_if = "Option::is_none")]
        tested_since_ms: Option<Millis> = tested_since,
        #[serde(skip_serializing_if = "Option::is_none")]
        silence_told_ms: Option<Millis> = silence_told,
    }
);

row!(
    /// An activity's standing.
    ActivityStandingRow for ActivityStanding {
        #[serde(skip_serializing_if = "Option::is_none")]
        tested_at_ms: Option<Millis> = tested_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        test_failed_at_ms: Option<Millis> = test_failed_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        test_failure: Option<CallCauseRow> = test_failure,
        #[serde(skip_serializing_if = "Option::is_none")]
        called_at_ms: Option<Millis> = called_at,
    }
);
