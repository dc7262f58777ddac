//! Usage: records, their queue, their sums.

use super::form::{Millis, TenThousandths, Text};
use super::mirror::{row, row_enum};
use crate::application::record::{NamedUsage, UsageOutbox, WaitingUsage};
use crate::domain::{
    ChannelId, InstanceId, LicenseId, Marketplace, MerchantId, MeteringSn, UsageId, UsageKey, UsageRecord,
    UsageState, UsageSum, UsedFor,
};

row!(
    /// What makes a record of usage unique.
    UsageKeyRow for UsageKey {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        instance: Text<InstanceId> = instance,
        begin_ms: Millis = begin,
        end_ms: Millis = end,
    }
);

row!(
    /// One record of usage.
    UsageRecordRow for UsageRecord {
        key: UsageKeyRow = key,
        id: Text<UsageId> = id,
        license: Text<LicenseId> = license,
        channel: Text<ChannelId> = channel,
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<String> = product_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        package: Option<Text<InstanceId>> = package,
        value: TenThousandths = value,
        metering_sn: Text<MeteringSn> = metering_sn,
        recorded_at_ms: Millis = recorded_at,
        due_at_ms: Millis = due_at,
        state: UsageStateRow = state,
    }
);

row_enum!(
    /// Where it stands.
    UsageStateRow for UsageState {
        Waiting,
        Pushed { at_ms: Millis = at },
        Dropped { at_ms: Millis = at, why: String = why },
    }
);

row!(
    /// Which record has a given name.
    NamedUsageRow for NamedUsage {
        metering_sn: Text<MeteringSn> = metering_sn,
        record: UsageKeyRow = record,
    }
);

row!(
    /// A place in a queue.
    WaitingUsageRow for WaitingUsage {
        channel: Text<ChannelId> = channel,
        due_at_ms: Millis = due_at,
        id: Text<UsageId> = id,
        record: UsageKeyRow = record,
    }
);

row!(
    /// How far a channel has come.
    UsageOutboxRow for UsageOutbox {
        merchant: Text<MerchantId> = merchant,
        channel: Text<ChannelId> = channel,
        #[serde(skip_serializing_if = "Option::is_none")]
        next_at_ms: Option<Millis> = next_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        batch_end: Option<(Millis, Text<UsageId>)> = batch_end,
        batch_max: u32 = batch_max,
        set_aside: u32 = set_aside,
    }
);

row!(
    /// What was used of an instance in all.
    UsageSumRow for UsageSum {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        instance: Text<InstanceId> = instance,
        used: Vec<UsedForRow> = used,
        as_of_ms: Millis = as_of,
    }
);

row!(
    /// A part of it.
    UsedForRow for UsedFor {
        #[serde(skip_serializing_if = "Option::is_none")]
        related: Option<Text<InstanceId>> = related,
        amount: TenThousandths = amount,
    }
);
