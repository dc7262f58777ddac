//! Typed claims of each token type. The fields carry the names of the claims; what stands inside `lic` in the
//! token stands beside the others here. Times are Unix seconds in [0, 2^53), spans half-open.

mod activation;
mod key_set;
mod license;
pub(crate) mod reader;
mod shared;
mod status_list;

pub use activation::ActivationClaims;
pub use key_set::{KeySetClaims, Withdrawal, WithdrawalMode};
pub use license::LicenseClaims;
pub use shared::{Env, LedgerClaim, SpecClaim, StatusRef};
pub use status_list::StatusListClaims;

#[cfg(feature = "signing")]
use crate::json::ObjectWriter;
use crate::json::Value;
use crate::{MachineClaim, Policy, QuotaClaim, Refusal, TokenType};

/// Version of the claims inside `lic`.
pub const CLAIMS_VERSION: i64 = 1;
/// Longest `iss` and `status.status_list.uri`, in bytes.
pub const URI_MAX_BYTES: usize = 255;
/// Longest id, name, SKU, entitlement, metric or attribute, in bytes.
pub const NAME_MAX_BYTES: usize = 128;
/// Most entitlements, attributes or quota packages in one token.
pub const ITEMS_MAX: usize = 64;

/// Claims of one token type. Implemented by the types in here only.
pub trait Claims: Sized + Clone + PartialEq + sealed::Sealed {
    /// The `typ` that carries them.
    const TYPE: TokenType;

    /// Reads a payload.
    ///
    /// # Errors
    /// `malformed`, naming the claim: missing, of a wrong type or out of bounds.
    fn read(payload: &Value) -> Result<Self, Refusal>;

    /// What the ordered list of checks looks at.
    fn facts(&self) -> Facts<'_>;

    /// Writes the payload's members in their fixed order; absent and empty ones are left out.
    #[cfg(feature = "signing")]
    fn write(&self, payload: &mut ObjectWriter);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::LicenseClaims {}
    impl Sealed for super::ActivationClaims {}
    impl Sealed for super::StatusListClaims {}
    impl Sealed for super::KeySetClaims {}
}

/// What every verdict looks at, whichever token it stands in.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`; a status list has none.
    pub audience: Option<&'a str>,
    /// `sub`.
    pub subject: &'a str,
    /// `lic.env`.
    pub env: Env,
    /// `iat`.
    pub issued_at: i64,
    /// `nbf`; a status list counts from `iat`.
    pub not_before: i64,
    /// `exp`; `None` only for a permanent license key.
    pub expires_at: Option<i64>,
    /// `status`.
    pub status: Option<&'a StatusRef>,
    /// `lic.policy`; a status list has none.
    pub policy: Option<&'a Policy>,
    /// How the token is bound to a machine.
    pub binding: MachineBinding<'a>,
    /// `entitlements`.
    pub entitlements: &'a [alloc::string::String],
    /// `lic.quota`.
    pub quota: &'a [QuotaClaim],
}

/// How a token is bound to a machine.
#[derive(Debug, Clone, Copy)]
pub enum MachineBinding<'a> {
    /// To none: a status list, or a spec with `binding` = `none`.
    Unbound,
    /// A license key whose spec binds machines: it must be activated first.
    NeedsActivation,
    /// A certificate.
    Bound {
        /// Enrolled components.
        machine: Option<&'a MachineClaim>,
        /// `cnf.jkt`.
        device_key: Option<&'a str>,
    },
}

/// Claims of any type that can be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyClaims {
    /// Of a license key.
    License(LicenseClaims),
    /// Of an activation certificate.
    Activation(ActivationClaims),
    /// Of a status list.
    StatusList(StatusListClaims),
    /// Of a key set.
    KeySet(KeySetClaims),
}

impl AnyClaims {
    /// Reads a payload as claims of `typ`.
    ///
    /// # Errors
    /// `malformed`; `wrong_type` for a type that stands on no pinned key.
    pub fn read(typ: TokenType, payload: &Value) -> Result<Self, Refusal> {
        match typ {
            TokenType::License => LicenseClaims::read(payload).map(Self::License),
            TokenType::Activation => ActivationClaims::read(payload).map(Self::Activation),
            TokenType::StatusList => StatusListClaims::read(payload).map(Self::StatusList),
            TokenType::KeySet => KeySetClaims::read(payload).map(Self::KeySet),
            TokenType::ActivationRequest => {
                Err(Refusal::new(crate::Code::WrongType, "a request is signed by the key in its header"))
            }
        }
    }

    /// What the ordered list of checks looks at.
    #[must_use]
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Self::License(claims) => claims.facts(),
            Self::Activation(claims) => claims.facts(),
            Self::StatusList(claims) => claims.facts(),
            Self::KeySet(claims) => claims.facts(),
        }
    }
}
