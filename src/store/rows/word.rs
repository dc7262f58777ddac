//! The words and ids that stand as text in rows.

use super::form::Word;
use crate::domain::{
    AccessKeyUse, ActivationId, ApiTokenId, Binding, CallId, ChannelId, Charging, Component, CustomerId,
    DeliveryId, DisableCause, EndCause, Enforcement, Env, EventId, EventKind, InstanceId, JobId, KeyId,
    KeyRole, KitInterface, LicenseId, Marketplace, MerchantId, MeteringSn, Multiply, NoTotal, NoticeId,
    NoticeKind, OnTheWay, OrderId, OrderLineId, OurFault, Overage, PackageId, PackageKind, ParameterPlace,
    ProductId, ReadyRule, RefreshScene, RequestId, ReservationId, ResetWindow, RevocationMode, Scope,
    SessionId, SignInLinkId, Sku, SpecId, SpecKind, StartEvent, Starts, Status, StatusPolicy, TokenId,
    UsageBilling, UsageId, UsagePush, WebhookEvent, WebhookId, WebhookSecretId, WhenFull, WindowAlignment,
    WorkFault,
};

/// What the domain reads and writes itself.
macro_rules! words_of_the_domain {
    ($($name:ident),+ $(,)?) => {
        $(impl Word for $name {
            const WHAT: &'static str = concat!("a known ", stringify!($name));

            fn word(&self) -> &str {
                self.as_str()
            }

            fn read(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        })+
    };
}

/// Ids; their parser says why it refuses.
macro_rules! ids {
    ($($name:ident),+ $(,)?) => {
        $(impl Word for $name {
            const WHAT: &'static str = concat!("a well-formed ", stringify!($name));

            fn word(&self) -> &str {
                self.as_str()
            }

            fn read(text: &str) -> Option<Self> {
                Self::parse(text).ok()
            }
        })+
    };
}

/// What only rows write as a word.
macro_rules! words_of_rows {
    ($($name:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {
        $(impl Word for $name {
            const WHAT: &'static str = concat!("a known ", stringify!($name));

            fn word(&self) -> &str {
                match self { $(Self::$variant => $word),+ }
            }

            fn read(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)+ _ => None }
            }
        })+
    };
}

ids!(
    ActivationId,
    ApiTokenId,
    CallId,
    ChannelId,
    CustomerId,
    DeliveryId,
    EventId,
    InstanceId,
    JobId,
    KeyId,
    LicenseId,
    MerchantId,
    NoticeId,
    MeteringSn,
    OrderId,
    OrderLineId,
    PackageId,
    ProductId,
    RequestId,
    ReservationId,
    SessionId,
    SignInLinkId,
    Sku,
    SpecId,
    TokenId,
    UsageId,
    WebhookId,
    WebhookSecretId,
);

words_of_the_domain!(
    AccessKeyUse,
    Binding,
    Component,
    EndCause,
    Enforcement,
    Env,
    EventKind,
    KeyRole,
    KitInterface,
    Marketplace,
    Multiply,
    NoticeKind,
    OnTheWay,
    OurFault,
    WorkFault,
    Overage,
    ParameterPlace,
    PackageKind,
    ResetWindow,
    RevocationMode,
    Scope,
    SpecKind,
    StartEvent,
    Starts,
    StatusPolicy,
    UsageBilling,
    UsagePush,
    DisableCause,
    WebhookEvent,
    WhenFull,
    WindowAlignment,
);

words_of_rows!(
    Charging {
        OnDemand = "on_demand",
        OneTime = "one_time",
        Period = "period",
        OnDemandPackage = "on_demand_package",
    }
    NoTotal {
        Permanent = "permanent",
        NotWholeWindows = "not_whole_windows",
        TooLarge = "too_large",
    }
    ReadyRule {
        Minted = "minted",
        AppInfo = "app_info",
    }
    RefreshScene {
        TrialToFormal = "trial_to_formal",
        Renewal = "renewal",
        CancelRenewal = "cancel_renewal",
        RenewalChange = "renewal_change",
    }
    Status {
        Valid = "valid",
        Invalid = "invalid",
        Suspended = "suspended",
        Superseded = "superseded",
    }
);
