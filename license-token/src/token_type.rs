//! The types of tokens and the role of the key that signs each.

use crate::Role;

/// What a token is: the header's `typ` (RFC 8725 §3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenType {
    /// `license+jwt`: the license key that the customer pastes.
    License,
    /// `license-activation+jwt`: the activation certificate, this license on this machine for a lease.
    Activation,
    /// `statuslist+jwt`: the revocation list.
    StatusList,
    /// `license-activation-request+jwt`: an air-gapped request; reserved, signed by a device key.
    ActivationRequest,
    /// `license-keyset+jwt`: the next verifying keys, signed by the root key.
    KeySet,
}

impl TokenType {
    /// Every type.
    pub const ALL: [Self; 5] =
        [Self::License, Self::Activation, Self::StatusList, Self::ActivationRequest, Self::KeySet];

    /// The `typ` that is emitted.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::License => "license+jwt",
            Self::Activation => "license-activation+jwt",
            Self::StatusList => "statuslist+jwt",
            Self::ActivationRequest => "license-activation-request+jwt",
            Self::KeySet => "license-keyset+jwt",
        }
    }

    /// Reads a `typ`: case does not matter, `application/` may stand before it (RFC 7515 §4.1.9).
    #[must_use]
    pub fn from_typ(typ: &str) -> Option<Self> {
        const PREFIX: &str = "application/";
        let prefixed = typ.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        let bare = if prefixed { &typ[PREFIX.len()..] } else { typ };
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(bare))
    }

    /// The role of the keys that sign this type; `None` where the key stands in the token itself.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::License => Some(Role::License),
            Self::Activation => Some(Role::Activation),
            Self::StatusList => Some(Role::Status),
            Self::ActivationRequest => None,
            Self::KeySet => Some(Role::Root),
        }
    }
}
