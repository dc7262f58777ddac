//! Calls of a marketplace that were answered.

use super::form::{Base64, Millis, TenThousandths, Text, form};
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

/// What the buyer is shown about an instance. The license stays where it is: its own record says how it stands.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceInfoRow {
    instance_id: String,
    front_end_url: String,
    memo: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in: Option<SignInRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    usage: Vec<InstanceUsageRow>,
}

impl From<InstanceInfo> for InstanceInfoRow {
    fn from(info: InstanceInfo) -> Self {
        let InstanceInfo { instance_id, front_end_url, memo, sign_in, license: _, usage } = info;
        let usage = usage.into_iter().map(Into::into).collect();
        Self { instance_id, front_end_url, memo, sign_in: sign_in.map(Into::into), usage }
    }
}

impl From<InstanceInfoRow> for InstanceInfo {
    fn from(row: InstanceInfoRow) -> Self {
        let InstanceInfoRow { instance_id, front_end_url, memo, sign_in, usage } = row;
        let (sign_in, usage) = (sign_in.map(Into::into), usage.into_iter().map(Into::into).collect());
        Self { instance_id, front_end_url, memo, sign_in, license: None, usage }
    }
}

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

form!(InstanceInfoRow => InstanceInfo);

row!(
    /// A first user.
    SignInRow for SignIn {
        user_name: String = user_name,
        password: String = password,
    }
);
