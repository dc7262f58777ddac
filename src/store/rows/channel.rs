//! Channels. Of a secret only the reference is stored.

use super::form::{Text, form};
use super::mirror::{row, row_enum};
use crate::application::record::Owned;
use crate::domain::{
    AccessKeyRef, AccessKeyUse, Channel, ChannelId, Marketplace, MerchantId, OpenApi, PackageKind, ProductId,
    ProtocolName, ReadyRule, SecretRef, UsageBilling, UsagePush, UsageRules,
};

row!(
    /// A channel with the merchant it belongs to.
    OwnedChannelRow for Owned<Channel> {
        merchant: Text<MerchantId> = merchant,
        channel: ChannelRow = value,
    }
);

row!(
    /// A channel.
    ChannelRow for Channel {
        id: Text<ChannelId> = id,
        marketplace: Text<Marketplace> = marketplace,
        protocol: ProtocolNameRow = protocol,
        products: Vec<Text<ProductId>> = products,
        access_keys: Vec<AccessKeyRefRow> = access_keys,
        #[serde(skip_serializing_if = "Option::is_none")]
        open_api: Option<OpenApiRow> = open_api,
        ready: Text<ReadyRule> = ready,
        #[serde(default, skip_serializing_if = "UsageRulesRow::is_usual")]
        usage: UsageRulesRow = usage,
    }
);

row!(
    /// How usage is pushed.
    UsageRulesRow for UsageRules {
        push: Text<UsagePush> = push,
        billing: Text<UsageBilling> = billing,
        packages: Text<PackageKind> = packages,
    }
);

/// Rows of schema 1 have none.
impl Default for UsageRulesRow {
    fn default() -> Self {
        UsageRules::default().into()
    }
}

impl UsageRulesRow {
    fn is_usual(&self) -> bool {
        let Self { push, billing, packages } = Self::default();
        self.push == push && self.billing == billing && self.packages == packages
    }
}

/// The name of a protocol.
#[derive(serde::Serialize, serde::Deserialize)]
pub(super) struct ProtocolNameRow(String);

impl From<ProtocolName> for ProtocolNameRow {
    fn from(ProtocolName(name): ProtocolName) -> Self {
        Self(name)
    }
}

impl From<ProtocolNameRow> for ProtocolName {
    fn from(ProtocolNameRow(name): ProtocolNameRow) -> Self {
        Self(name)
    }
}

form!(ProtocolNameRow => ProtocolName);

row!(
    /// One access key of a channel.
    AccessKeyRefRow for AccessKeyRef {
        id: String = id,
        used_for: Text<AccessKeyUse> = used_for,
        value: SecretRefRow = value,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        retired: bool = retired,
    }
);

row!(
    /// How the marketplace's own interfaces are called.
    OpenApiRow for OpenApi {
        base_url: String = base_url,
        access_key: SecretRefRow = access_key,
        secret_key: SecretRefRow = secret_key,
    }
);

row_enum!(
    /// Where a secret is found.
    SecretRefRow for SecretRef {
        Env(name: String),
        File(path: String),
    }
);
