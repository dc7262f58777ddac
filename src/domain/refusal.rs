//! The rules say no: shown to the caller with a stable code.

use super::{Amount, Instant, LedgerPlace};

/// What the reader of a refusal does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// Paste the license key that is current.
    PasteCurrentKey,
    /// Renew at the marketplace.
    Renew,
    /// Give a machine's place back.
    ReleaseAMachine,
    /// Set the clock.
    SetClock,
    /// Go online once.
    GoOnline,
    /// Ask the seller.
    ContactSeller,
    /// Try again later.
    Retry,
}

impl NextAction {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
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
}

/// Why the rules say no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A license key or claim code that is malformed, foreign or unknown; the three look the same.
    #[error("the license key is not known here")]
    LicenseKeyRefused,
    /// Ended for good by the merchant.
    #[error("the license was revoked")]
    LicenseRevoked,
    /// Ended by the marketplace.
    #[error("the license was released by the marketplace")]
    LicenseReleased,
    /// Stopped; can be resumed.
    #[error("the license is suspended")]
    LicenseSuspended,
    /// Its time is over.
    #[error("the license has expired")]
    LicenseExpired,
    /// Its time has not come, or the purchase is not settled yet.
    #[error("the license has not started")]
    LicenseNotStarted,
    /// It begins with its first activation, which has not come.
    #[error("the license begins with its first activation")]
    AwaitsActivation,
    /// It begins when the seller records the buyer's acceptance.
    #[error("the license begins when its acceptance is recorded")]
    AwaitsAcceptance,
    /// There is a newer key for the same license.
    #[error("the license key was replaced by a newer one")]
    LicenseSuperseded,
    /// A certificate of another machine.
    #[error("the certificate belongs to another machine")]
    MachineMismatch,
    /// No place is free.
    #[error("the license already runs on {limit} of {limit} machines")]
    MachineLimitReached {
        /// How many there are.
        limit: u32,
    },
    /// A certificate older than the one before the current: two machines renew the same activation.
    #[error("the certificate was already renewed by another copy")]
    CloneSuspected,
    /// A usage ledger is wrong at a place; what stands before it was counted.
    #[error("the usage ledger is refused from entry {} on: {}", .0.seq, .0.fault.as_str())]
    LedgerRefused(LedgerPlace),
    /// A request that was carried by hand was answered before, and its answer is no longer the newest.
    #[error("the request was answered before, and its answer is not the newest any more")]
    AirGapAnswered,
    /// Places were freed by hand as often as the spec allows; this one is free when its lease ends.
    #[error("{moves} places were freed by hand within 30 days; this one is free at {free_at}")]
    MovesExhausted {
        /// How often the spec allows it.
        moves: u32,
        /// End of the lease.
        free_at: Instant,
    },
    /// The activation no longer holds a place.
    #[error("the activation has ended")]
    ActivationEnded,
    /// Nothing of that name, or it belongs to someone else.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The state does not allow it.
    #[error("{why}")]
    IllegalState {
        /// The rule in words.
        why: &'static str,
    },
    /// Something hangs on a signing key.
    #[error("{why}")]
    KeyRefused {
        /// What, in words.
        why: String,
    },
    /// Only a held order can be mapped.
    #[error("the order is {state}, not held")]
    OrderNotHeld {
        /// Where it stands.
        state: &'static str,
    },
    /// The marketplace's code means another spec already.
    #[error("{sku} means the spec {spec} already")]
    SkuTaken {
        /// The SKU, or the product id of an order without one.
        sku: String,
        /// What it means.
        spec: String,
    },
    /// The spec is not what was ordered.
    #[error("{why}")]
    SpecUnfit {
        /// The difference in words.
        why: String,
    },
    /// What the marketplace tells of an order is no purchase.
    #[error("{why}")]
    OrderNotTaken {
        /// What it tells, in words.
        why: String,
    },
    /// Something in the request breaks a rule; `pointer` is a JSON pointer (RFC 6901).
    #[error("{why}")]
    Invalid {
        /// Which member.
        pointer: String,
        /// The rule in words.
        why: String,
    },
    /// The record changed since the caller read it.
    #[error("it was changed since it was read; its revision is now {current}")]
    RevisionConflict {
        /// The revision it has.
        current: u64,
    },
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyConflict,
    /// The packages of a metric have not enough left, and none of them counts what is beyond.
    #[error("{left} of {metric} are left")]
    QuotaExhausted {
        /// Which member asked for more, as a JSON pointer.
        pointer: String,
        /// Of what.
        metric: String,
        /// What is left now.
        left: Amount,
        /// When the first window ends.
        window_ends_at: Option<Instant>,
        /// When there is more again, if it ever is.
        resets_at: Option<Instant>,
    },
    /// The use lies too long ago to be counted.
    #[error("use is counted up to {days} days later")]
    UsageTooOld {
        /// Which member says so, as a JSON pointer.
        pointer: String,
        /// How far back it may lie.
        days: i64,
    },
    /// The token may not do this.
    #[error("the token lacks the scope {scope}")]
    ScopeMissing {
        /// What it lacks.
        scope: &'static str,
    },
    /// No valid token.
    #[error("the API token is missing, unknown, expired or revoked")]
    TokenRefused,
}

impl Refusal {
    /// The stable code in answers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::LicenseKeyRefused => "license_key_refused",
            Self::LicenseRevoked => "license_revoked",
            Self::LicenseReleased => "license_released",
            Self::LicenseSuspended => "license_suspended",
            Self::LicenseExpired => "license_expired",
            Self::LicenseNotStarted | Self::AwaitsActivation | Self::AwaitsAcceptance => {
                "license_not_started"
            }
            Self::LicenseSuperseded => "license_superseded",
            Self::MachineMismatch => "machine_mismatch",
            Self::MachineLimitReached { .. } => "machine_limit_reached",
            Self::CloneSuspected => "clone_suspected",
            Self::LedgerRefused(_) => "ledger_refused",
            Self::ActivationEnded
            | Self::AirGapAnswered
            | Self::MovesExhausted { .. }
            | Self::IllegalState { .. }
            | Self::KeyRefused { .. } => "illegal_state",
            Self::NotFound { .. } => "not_found",
            Self::OrderNotHeld { .. } => "order_not_held",
            Self::SkuTaken { .. } => "sku_taken",
            Self::SpecUnfit { .. } => "spec_unfit",
            Self::OrderNotTaken { .. } => "order_not_taken",
            Self::Invalid { .. } => "invalid_request",
            Self::RevisionConflict { .. } => "revision_conflict",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::UsageTooOld { .. } => "usage_too_old",
            Self::ScopeMissing { .. } => "scope_missing",
            Self::TokenRefused => "token_refused",
        }
    }

    /// What the reader does next, where there is something to do.
    pub fn next_action(&self) -> Option<NextAction> {
        match self {
            Self::LicenseKeyRefused | Self::LicenseSuperseded => Some(NextAction::PasteCurrentKey),
            Self::LicenseExpired => Some(NextAction::Renew),
            Self::QuotaExhausted { resets_at: None, .. } => Some(NextAction::ContactSeller),
            Self::QuotaExhausted { resets_at: Some(_), .. } => Some(NextAction::Retry),
            Self::MachineLimitReached { .. } => Some(NextAction::ReleaseAMachine),
            Self::AwaitsActivation | Self::MachineMismatch | Self::CloneSuspected | Self::ActivationEnded => {
                Some(NextAction::GoOnline)
            }
            Self::AwaitsAcceptance
            | Self::LicenseRevoked
            | Self::LicenseReleased
            | Self::LicenseSuspended => Some(NextAction::ContactSeller),
            Self::MovesExhausted { .. }
            | Self::LicenseNotStarted
            | Self::LedgerRefused(_)
            | Self::RevisionConflict { .. } => Some(NextAction::Retry),
            Self::AirGapAnswered
            | Self::NotFound { .. }
            | Self::IllegalState { .. }
            | Self::KeyRefused { .. }
            | Self::OrderNotHeld { .. }
            | Self::SkuTaken { .. }
            | Self::SpecUnfit { .. }
            | Self::OrderNotTaken { .. }
            | Self::Invalid { .. }
            | Self::IdempotencyConflict
            | Self::UsageTooOld { .. }
            | Self::ScopeMissing { .. }
            | Self::TokenRefused => None,
        }
    }
}
