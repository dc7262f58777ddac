//! Authorization codes of marketplaces.

use super::form::{Millis, Text};
use super::mirror::{row, row_enum};
use super::purchase::EarlyEventRow;
use crate::domain::{
    AuthorizationCode, AuthorizationCodeState, ChannelId, CodeGrant, InstanceId, LicenseId, Marketplace,
    MerchantId, OrderId,
};

row!(
    /// A code that the marketplace gave a buyer.
    AuthorizationCodeRow for AuthorizationCode {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        code: Text<InstanceId> = code,
        state: AuthorizationCodeStateRow = state,
        early: Vec<EarlyEventRow> = early,
    }
);

row_enum!(
    /// Where it stands.
    AuthorizationCodeStateRow for AuthorizationCodeState {
        Unredeemed,
        Asked { since_ms: Millis = since },
        Activated { grant: CodeGrantRow = grant },
        Refused { again_at_ms: Millis = again_at },
        Redeemed {
            license: Text<LicenseId> = license,
            #[serde(skip_serializing_if = "Option::is_none")]
            used_on: Option<u32> = used_on,
        },
        Released { at_ms: Millis = at },
    }
);

row!(
    /// What the marketplace said when it was activated.
    CodeGrantRow for CodeGrant {
        channel: Text<ChannelId> = channel,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<Text<OrderId>> = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<String> = product_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<u32> = quantity,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
    }
);
