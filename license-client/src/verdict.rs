use std::collections::BTreeMap;

use license_token::{Enforcement, QuotaClaim, StatusRule};

use crate::reasons;

/// What the software may do now. Closed: a `match` over it is complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Valid(Box<Granted>),
    /// Go on, and say that the end is near: of the license, or of the time without the server.
    Expiring(Box<Granted>),
    /// Go on for now: the license has ended, its grace has not.
    Grace(Box<Granted>),
    /// No license yet, or one that must first be activated.
    NeedsKey(NextAction),
    /// The license or the lease is over.
    Expired(NextAction),
    /// The license holds, but not for a build that is this new.
    UpdatesEnded,
    /// Stopped; can be resumed by the seller.
    Suspended,
    /// Replaced by another license key.
    Superseded(NextAction),
    /// Ended for good.
    Revoked(NextAction),
    /// Activated on another machine.
    WrongMachine,
    /// Every place is taken.
    MachineLimit,
    /// The clock cannot be right.
    ClockSuspect,
    /// The license must be confirmed by a fresh status list.
    StatusStale,
    /// No license of this product.
    Malformed,
}

impl Verdict {
    /// The license, where the software may go on.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        match self {
            Self::Valid(license) | Self::Expiring(license) | Self::Grace(license) => Some(license),
            Self::NeedsKey(_)
            | Self::Expired(_)
            | Self::UpdatesEnded
            | Self::Suspended
            | Self::Superseded(_)
            | Self::Revoked(_)
            | Self::WrongMachine
            | Self::MachineLimit
            | Self::ClockSuspect
            | Self::StatusStale
            | Self::Malformed => None,
        }
    }

    /// Whether the software may go on.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.granted().is_some()
    }

    /// A stable word for logs and programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Valid(_) => "valid",
            Self::Expiring(_) => "expiring",
            Self::Grace(_) => "grace",
            Self::NeedsKey(_) => "needs_key",
            Self::Expired(_) => "expired",
            Self::UpdatesEnded => "updates_ended",
            Self::Suspended => "suspended",
            Self::Superseded(_) => "superseded",
            Self::Revoked(_) => "revoked",
            Self::WrongMachine => "wrong_machine",
            Self::MachineLimit => "machine_limit",
            Self::ClockSuspect => "clock_suspect",
            Self::StatusStale => "status_stale",
            Self::Malformed => "malformed",
        }
    }

    /// One sentence for people, without a full technical story. `locale` is a language tag: `zh…` is Chinese,
    /// everything else English.
    #[must_use]
    pub fn reason(&self, locale: &str) -> &'static str {
        reasons::of_verdict(self, locale)
    }

    /// What to do about it; `None` when there is nothing to do.
    #[must_use]
    pub fn next_action(&self) -> Option<NextAction> {
        match self {
            Self::Valid(_) => None,
            Self::Expiring(license) => Some(license.next_action),
            Self::NeedsKey(next) | Self::Expired(next) | Self::Superseded(next) | Self::Revoked(next) => {
                Some(*next)
            }
            Self::Grace(_) | Self::UpdatesEnded => Some(NextAction::Renew),
            Self::Suspended => Some(NextAction::ContactSeller),
            Self::WrongMachine | Self::MachineLimit => Some(NextAction::ReleaseAMachine),
            Self::ClockSuspect => Some(NextAction::SetClock),
            Self::StatusStale => Some(NextAction::GoOnline),
            Self::Malformed => Some(NextAction::PasteCurrentKey),
        }
    }

    /// The next action as a sentence for people; empty when there is nothing to do.
    #[must_use]
    pub fn next_action_reason(&self, locale: &str) -> &'static str {
        self.next_action().map_or("", |next| next.reason(locale))
    }

    /// One JSON object: `verdict`, `granted`, `reason`, `next_action`, and of a license `license_id`, `sku`,
    /// `entitlements`, `ends_at`, `grace_until` and `offline_until` (Unix seconds, null = for ever) and `enforcement`.
    #[must_use]
    pub fn to_json(&self, locale: &str) -> String {
        let mut json = serde_json::json!({
            "verdict": self.code(),
            "granted": self.is_granted(),
            "reason": self.reason(locale),
            "next_action": self.next_action().map(NextAction::as_str),
        });
        if let Some(license) = self.granted() {
            json["license_id"] = license.license_id.as_str().into();
            json["sku"] = license.sku.as_str().into();
            json["entitlements"] = license.entitlements.as_slice().into();
            json["ends_at"] = license.ends_at.into();
            json["grace_until"] = license.grace_until.into();
            json["enforcement"] = license.enforcement.as_str().into();
            json["offline_until"] = license.offline_until.into();
        }
        json.to_string()
    }
}

/// A license that holds on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// License id, stable over renewals.
    pub license_id: String,
    /// SKU code.
    pub sku: String,
    /// Attributes of the spec.
    pub attributes: BTreeMap<String, String>,
    /// Named features.
    pub entitlements: Vec<String>,
    /// Quota packages; of an activated license this machine's share.
    pub quota: Vec<QuotaClaim>,
    /// End of the license without grace, in Unix seconds; `None` = permanent.
    pub ends_at: Option<i64>,
    /// End of the license with its grace, in Unix seconds; `None` = permanent.
    pub grace_until: Option<i64>,
    /// How long the verdict holds without the server, grace included, in Unix seconds; `None` = for ever.
    pub offline_until: Option<i64>,
    /// What the merchant asks the software to do about a refusal; [`crate::enforcement()`] answers it then.
    pub enforcement: Enforcement,
    /// How the merchant wants status lists treated.
    pub status_rule: StatusRule,
    pub(crate) next_action: NextAction,
}

impl Granted {
    /// Whether a named feature is granted.
    #[must_use]
    pub fn is_entitled(&self, entitlement: &str) -> bool {
        self.entitlements.iter().any(|granted| granted == entitlement)
    }
}

/// What the person in front of the software can do. The same words as in the server's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NextAction {
    /// Paste the current license key or claim code.
    PasteCurrentKey,
    /// Renew the license.
    Renew,
    /// Release a machine.
    ReleaseAMachine,
    /// Set the clock right.
    SetClock,
    /// Connect to the network.
    GoOnline,
    /// Ask the seller.
    ContactSeller,
    /// Try again later.
    Retry,
}

impl NextAction {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PasteCurrentKey => "paste_current_key",
            Self::Renew => "renew",
            Self::ReleaseAMachine => "release_a_machine",
            Self::SetClock => "set_clock",
            Self::GoOnline => "go_online",
            Self::ContactSeller => "contact_seller",
            Self::Retry => "retry",
        }
    }

    /// A sentence for people, in the language of the tag `locale`.
    #[must_use]
    pub fn reason(self, locale: &str) -> &'static str {
        reasons::of_next_action(self, locale)
    }
}
