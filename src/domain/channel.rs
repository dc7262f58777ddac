//! Production addresses.

use super::{ChannelId, Instant, ProductId, UsageRules};

/// Where it was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Marketplace {
    /// Huawei Cloud KooGallery (云商店).
    KooGallery,
    /// Any shop that speaks Standard Webhooks.
    Generic,
}

impl Marketplace {
    /// The name in apply files, JSON and keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KooGallery => "koogallery",
            Self::Generic => "generic",
        }
    }

    /// How far ahead of UTC the marketplace's days are, in seconds: KooGallery's begin at midnight in Beijing.
    pub fn zone_secs(self) -> i64 {
        match self {
            Self::KooGallery => 8 * 3_600,
            Self::Generic => 0,
        }
    }

    /// The number of the day, as the marketplace counts days: KooGallery's begin at midnight in Beijing.
    pub fn day_of(self, now: Instant) -> u32 {
        u32::try_from((now.timestamp() + self.zone_secs()).div_euclid(86_400)).unwrap_or(0)
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::KooGallery, Self::Generic].into_iter().find(|marketplace| marketplace.as_str() == text)
    }
}

/// Which family of interfaces a channel speaks, as `contract` names it, such as `saas-v2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolName(pub String);

impl ProtocolName {
    /// Whether buyers get an authorization code from the marketplace and redeem it here.
    pub fn has_authorization_codes(&self) -> bool {
        self.0 == "license-code"
    }

    /// Whether each call of a purchase names its order line; families without line ids have one line per order.
    pub fn has_order_lines(&self) -> bool {
        matches!(self.0.as_str(), "saas-v2" | "license-online")
    }
}

/// Where a secret is found; the reference is stored, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of the server.
    Env(String),
    /// A file that the server can read.
    File(String),
}

impl SecretRef {
    /// Reads `env:NAME` or `file:PATH`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix("env:") {
            (!name.is_empty()).then(|| Self::Env(name.to_owned()))
        } else {
            let path = text.strip_prefix("file:")?;
            (!path.is_empty()).then(|| Self::File(path.to_owned()))
        }
    }
}

impl std::fmt::Display for SecretRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// What an access key is for: the marketplace gives one per interface type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKeyUse {
    /// Callbacks to the production address.
    Callbacks,
    /// The Kit interfaces.
    Kit,
    /// Usage push.
    UsagePush,
}

impl AccessKeyUse {
    /// The name in apply files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callbacks => "callbacks",
            Self::Kit => "kit",
            Self::UsagePush => "usage-push",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Callbacks, Self::Kit, Self::UsagePush].into_iter().find(|known| known.as_str() == text)
    }
}

/// One access key of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKeyRef {
    /// The marketplace's key id, or a position such as `1`.
    pub id: String,
    /// What it signs.
    pub used_for: AccessKeyUse,
    /// Where the key is found.
    pub value: SecretRef,
    /// Lets no call in any more; it only explains why a call that it signed was turned away.
    pub retired: bool,
}

/// How the marketplace's own interfaces are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenApi {
    /// Scheme and host, without a trailing slash.
    pub base_url: String,
    /// AK of AK/SK.
    pub access_key: SecretRef,
    /// SK of AK/SK.
    pub secret_key: SecretRef,
}

/// When a bought instance counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyRule {
    /// As soon as the license is minted.
    Minted,
    /// Only once the merchant has set the instance's app info.
    AppInfo,
}

impl Channel {
    /// The keys whose signature lets in a call for this use, newest first; where the channel has none for it, those that
    /// sign callbacks do.
    pub fn live_keys(&self, wanted: AccessKeyUse) -> impl Iterator<Item = &AccessKeyRef> {
        let live =
            |used_for| self.access_keys.iter().filter(move |key| !key.retired && key.used_for == used_for);
        let used_for = if live(wanted).next().is_some() { wanted } else { AccessKeyUse::Callbacks };
        live(used_for)
    }
}

/// One production address of one merchant at one marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Stable id, part of the address.
    pub id: ChannelId,
    /// Which marketplace calls.
    pub marketplace: Marketplace,
    /// Which interfaces it speaks.
    pub protocol: ProtocolName,
    /// What is sold there.
    pub products: Vec<ProductId>,
    /// Newest first; retired ones may stand among them.
    pub access_keys: Vec<AccessKeyRef>,
    /// For order queries and the like; without it a purchase that carries only ids cannot be minted.
    pub open_api: Option<OpenApi>,
    /// When `queryInstance` answers success.
    pub ready: ReadyRule,
    /// How usage of its pay-per-use instances is pushed.
    pub usage: UsageRules,
}
