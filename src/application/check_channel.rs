//! Checks a production address from outside, as the marketplace will meet it: what is looked at, and what can be found.

use std::time::Duration;

use async_trait::async_trait;

use super::app::{App, UseCaseError};
use super::ports::{OrderSourceError, find};
use super::record::{Owned, RecordKey, Versioned};
use crate::domain::{Channel, ChannelId, Instant, MerchantId, Refusal};

/// A mock order that every merchant may ask for.
const MOCK_ORDER: &str = "MOCKPERIODYEARNEW";

/// What is looked at, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckItem {
    AccessKey,
    Address,
    Reachable,
    Tls,
    Certificate,
    HeaderCase,
    TimeLimit,
    Debugging,
    OrderQuery,
    Clock,
}

impl CheckItem {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::Address => "address",
            Self::Reachable => "reachable",
            Self::Tls => "tls",
            Self::Certificate => "certificate",
            Self::HeaderCase => "header_case",
            Self::TimeLimit => "time_limit",
            Self::Debugging => "debugging",
            Self::OrderQuery => "order_query",
            Self::Clock => "clock",
        }
    }
}

/// How an item fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    Ok,
    Warn,
    Fail,
    /// Not looked at: not needed, or something before it failed.
    Skipped,
}

impl CheckState {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skipped => "skipped",
        }
    }
}

/// One item and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedItem {
    pub item: CheckItem,
    pub finding: CheckFinding,
}

/// What can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckFinding {
    KeyUsable,
    KeyMissing,
    /// In words of whoever keeps secrets.
    KeyUnusable(String),
    AddressRight,
    AddressWithoutTls,
    AddressIsNumber,
    AddressIsLocal,
    Reached,
    NameUnknown(String),
    NoConnection(String),
    TlsRight {
        version: String,
    },
    TlsFailed(String),
    CertificateRight {
        ends_at: Option<Instant>,
    },
    CertificateEndsSoon {
        ends_at: Instant,
    },
    /// `alone`: no certificate between came along.
    CertificateUnknownIssuer {
        alone: bool,
    },
    CertificateExpired {
        at: Instant,
    },
    CertificateNotYetValid {
        from: Instant,
    },
    CertificateWrongName {
        names: Vec<String>,
    },
    CertificateUnverified(String),
    HeaderCaseRight,
    /// What negotiates HTTP/2 reads every name in lower case.
    Http2Taken,
    HeaderCaseWrong(String),
    InTime {
        slowest: Duration,
    },
    Slow {
        slowest: Duration,
    },
    TooSlow {
        slowest: Duration,
    },
    RulesHold {
        calls: u64,
    },
    /// A rule of the marketplace, with its words and its page.
    RuleBroken {
        rule: &'static str,
        source: &'static str,
        is_advice: bool,
        english: &'static str,
        chinese: &'static str,
        example: String,
    },
    OrderQueryRight,
    /// The calls of this family carry the order.
    OrderQueryNotNeeded,
    OrderQueryNotConfigured,
    OrderQueryRefused(String),
    OrderQueryUnavailable(String),
    MockOrderUnknown,
    /// Positive: our clock is ahead.
    ClockRight {
        ahead_secs: i64,
    },
    ClockOff {
        ahead_secs: i64,
    },
    ClockFarOff {
        ahead_secs: i64,
    },
    ClockUnknown,
    /// Nothing of the marketplace is ever called, so nothing is there to compare with.
    ClockNotNeeded,
    NotLookedAt,
    /// The channel's protocol is none whose answers somebody judges.
    NoRules,
    /// The time for the whole check was over.
    Unfinished,
}

impl CheckFinding {
    /// How it fares with this finding.
    pub fn state(&self) -> CheckState {
        match self {
            Self::KeyUsable
            | Self::AddressRight
            | Self::Reached
            | Self::TlsRight { .. }
            | Self::CertificateRight { .. }
            | Self::HeaderCaseRight
            | Self::InTime { .. }
            | Self::RulesHold { .. }
            | Self::OrderQueryRight
            | Self::ClockRight { .. } => CheckState::Ok,
            Self::CertificateEndsSoon { .. }
            | Self::Http2Taken
            | Self::Slow { .. }
            | Self::RuleBroken { is_advice: true, .. }
            | Self::MockOrderUnknown
            | Self::ClockOff { .. }
            | Self::ClockUnknown => CheckState::Warn,
            Self::OrderQueryNotNeeded | Self::ClockNotNeeded | Self::NotLookedAt | Self::NoRules => {
                CheckState::Skipped
            }
            Self::KeyMissing
            | Self::KeyUnusable(_)
            | Self::AddressWithoutTls
            | Self::AddressIsNumber
            | Self::AddressIsLocal
            | Self::NameUnknown(_)
            | Self::NoConnection(_)
            | Self::TlsFailed(_)
            | Self::CertificateUnknownIssuer { .. }
            | Self::CertificateExpired { .. }
            | Self::CertificateNotYetValid { .. }
            | Self::CertificateWrongName { .. }
            | Self::CertificateUnverified(_)
            | Self::HeaderCaseWrong(_)
            | Self::TooSlow { .. }
            | Self::RuleBroken { is_advice: false, .. }
            | Self::OrderQueryNotConfigured
            | Self::OrderQueryRefused(_)
            | Self::OrderQueryUnavailable(_)
            | Self::ClockFarOff { .. }
            | Self::Unfinished => CheckState::Fail,
        }
    }
}

/// A channel's address and what was found of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedChannel {
    pub url: String,
    pub items: Vec<CheckedItem>,
}

impl CheckedChannel {
    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.items.iter().all(|checked| checked.finding.state() != CheckState::Fail)
    }
}

/// Checks production addresses from outside. Calls go to the server's own public address and to the channel's
/// `open_api` only, and leave nothing behind.
#[async_trait]
pub trait ChannelChecks: Send + Sync {
    /// Looks at every item. What is not done `within` that time is reported as unfinished.
    async fn check(&self, merchant: &MerchantId, channel: &Channel, within: Duration) -> CheckedChannel;
}

impl App {
    /// A channel of a merchant, for checking.
    pub async fn channel_to_check(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
    ) -> Result<Channel, UseCaseError> {
        let key = RecordKey::Channel(merchant.clone(), id.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        Ok(found.ok_or(Refusal::NotFound { what: "channel" })?.value.value)
    }

    /// Asks the marketplace of a channel for the mock order that everybody may ask for.
    pub async fn query_mock_order(&self, merchant: &MerchantId, channel: &Channel) -> CheckFinding {
        match self.orders.order(merchant, channel, MOCK_ORDER, None).await {
            Ok(_) => CheckFinding::OrderQueryRight,
            Err(OrderSourceError::NotConfigured) => CheckFinding::OrderQueryNotConfigured,
            Err(OrderSourceError::UnknownOrder(_)) => CheckFinding::MockOrderUnknown,
            Err(OrderSourceError::Refused(why)) => CheckFinding::OrderQueryRefused(why),
            Err(OrderSourceError::Unavailable(why)) => CheckFinding::OrderQueryUnavailable(why),
        }
    }
}
