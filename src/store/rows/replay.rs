//! Calls of a marketplace that were answered.

use super::form::{Base64, Millis, TenThousandths, Text};
use super::mirror::{row, row_enum};
use crate::application::record::Replay;
use crate::domain::{ChannelId, InstanceInfo, InstanceUsage, MerchantId, PurchaseOutcome, SignIn};

row!(
    /// An answered call.
    ReplayRow for Replay {
        merchant: Text<MerchantId> = merchant,
        channel: Text<ChannelId> = channel,
        digest: Base64<[u8; 32]> = digest,
        request: Base64<[u8; 32]> = request,
        until_ms: Millis = until,
        outcome: PurchaseOutcomeRow = outcome,
    }
);

row_enum!(
    /// What was answered.
    PurchaseOutcomeRow for PurchaseOutcome {
        Accepted { instance_id: String = instance_id, ready: bool = ready },
        Delivered {
            info: InstanceInfoRow = info,
            #[serde(skip_serializing_if = "Option::is_none")]
            license_key: Option<String> = license_key,
        },
        Instances(instances: Vec<InstanceInfoRow>),
        Done,
        InstanceUnknown,
        Processing,
        Unavailable,
        InvalidParameter,
        NoPlaceFree,
        OutsideValidity,
        EndRequired,
        FingerprintRequired,
        ChangeRefused,
    }
);

row!(
    /// What the buyer is shown about an instance.
    InstanceInfoRow for InstanceInfo {
        instance_id: String = instance_id,
        front_end_url: String = front_end_url,
        memo: String = memo,
        #[serde(skip_serializing_if = "Option::is_none")]
        sign_in: Option<SignInRow> = sign_in,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        usage: Vec<InstanceUsageRow> = usage,
    }
);

row!(
    /// What was used of it.
    InstanceUsageRow for InstanceUsage {
        #[serde(skip_serializing_if = "Option::is_none")]
        related_instance_id: Option<String> = related_instance_id,
        value: TenThousandths = value,
        as_of_ms: Millis = as_of,
        dashboard_url: String = dashboard_url,
    }
);

row!(
    /// A first user.
    SignInRow for SignIn {
        user_name: String = user_name,
        password: String = password,
    }
);
