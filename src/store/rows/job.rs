//! Work to do after an answer.

use super::form::{Millis, Text, Word};
use super::handed_over::{ApplicationRow, HandedOverKeyRow};
use super::mirror::{row, row_enum};
use super::order::{OrderLineKeyRow, OrderRefRow};
use crate::application::record::{Job, Lane, Rank, Task};
use crate::domain::{ChannelId, InstanceId, JobId, LicenseId, Marketplace, MerchantId, RefreshScene};

row!(
    /// A job.
    JobRow for Job {
        id: Text<JobId> = id,
        #[serde(skip_serializing_if = "Option::is_none")]
        lane: Option<LaneRow> = lane,
        #[serde(skip_serializing_if = "Option::is_none")]
        since_ms: Option<Millis> = since,
        due_at_ms: Millis = due_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        leased_until_ms: Option<Millis> = leased_until,
        attempts: u32 = attempts,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_failure: Option<String> = last_failure,
        task: TaskRow = task,
    }
);

row!(
    /// Where it waits.
    LaneRow for Lane {
        merchant: Text<MerchantId> = merchant,
        #[serde(skip_serializing_if = "Option::is_none")]
        channel: Option<Text<ChannelId>> = channel,
        rank: Text<Rank> = rank,
    }
);

impl Word for Rank {
    const WHAT: &'static str = "a known Rank";

    fn word(&self) -> &str {
        match self {
            Self::ByHand => "by_hand",
            Self::Purchase => "purchase",
            Self::Ordinary => "ordinary",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::ByHand, Self::Purchase, Self::Ordinary].into_iter().find(|rank| rank.word() == text)
    }
}

row_enum!(
    /// What it does.
    TaskRow for Task {
        SettlePurchase { purchase: OrderLineKeyRow = purchase },
        RankOrder {
            purchase: OrderLineKeyRow = purchase,
            order_id: String = order_id,
            #[serde(skip_serializing_if = "Option::is_none")]
            order_line_id: Option<String> = order_line_id,
            scene: Text<RefreshScene> = scene,
        },
        RedeemCode {
            merchant: Text<MerchantId> = merchant,
            marketplace: Text<Marketplace> = marketplace,
            code: Text<InstanceId> = code,
        },
        QueryCode {
            merchant: Text<MerchantId> = merchant,
            license: Text<LicenseId> = license,
            day: u32 = day,
        },
        ReportUse {
            merchant: Text<MerchantId> = merchant,
            license: Text<LicenseId> = license,
            client: String = client,
        },
        ApplyForLicense { purchase: OrderLineKeyRow = purchase, application: ApplicationRow = application },
        ApplyChange { purchase: OrderLineKeyRow = purchase, order: OrderRefRow = order },
        LookAtOrder {
            merchant: Text<MerchantId> = merchant,
            channel: Text<ChannelId> = channel,
            order: OrderRefRow = order,
        },
        UploadLicense { key: HandedOverKeyRow = key },
        PushUsage { merchant: Text<MerchantId> = merchant, channel: Text<ChannelId> = channel },
        AttachPackage { merchant: Text<MerchantId> = merchant, package: Text<LicenseId> = package },
    }
);
