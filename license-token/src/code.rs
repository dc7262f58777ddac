//! The stable codes of a verdict.

use core::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal,)+) => {
        /// Why a token was refused: one code per step of verification. The texts are part of the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in the order of the steps.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The text that documents, logs and answers use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The code of a text.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    /// No token of this format, or claims that are missing, of a wrong type or out of bounds.
    Malformed => "malformed",
    /// The header has another member, lacks one, or names another algorithm.
    BadHeader => "bad_header",
    /// No pinned key of this id, or one of another role or issuer.
    UnknownKey => "unknown_key",
    /// The signature does not verify strictly.
    BadSignature => "bad_signature",
    /// A genuine token, but not of the type expected here.
    WrongType => "wrong_type",
    /// Of another merchant.
    WrongIssuer => "wrong_issuer",
    /// For another product.
    WrongAudience => "wrong_audience",
    /// A test token where live ones count, or the other way round.
    WrongEnvironment => "wrong_environment",
    /// `nbf` is still to come.
    NotYetValid => "not_yet_valid",
    /// `exp` is reached.
    Expired => "expired",
    /// The wall clock is more than a day behind what signed tokens prove.
    ClockSuspect => "clock_suspect",
    /// Issued for another machine.
    WrongMachine => "wrong_machine",
    /// A bare license key whose spec binds machines: it must be activated first.
    ActivationRequired => "activation_required",
    /// No status list that speaks about this token, although one is required.
    StatusMissing => "status_missing",
    /// The status list is too old.
    StatusStale => "status_stale",
    /// The status list is older than, or contradicts, one that was seen before.
    StatusRolledBack => "status_rolled_back",
    /// Ended for good.
    Revoked => "revoked",
    /// Stopped, can be resumed.
    Suspended => "suspended",
    /// Replaced: ask for the current license key.
    Superseded => "superseded",
    /// Valid, but without an entitlement that is needed.
    NotEntitled => "not_entitled",
    /// Valid, but without enough quota.
    QuotaExhausted => "quota_exhausted",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
