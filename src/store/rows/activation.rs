//! Activations.

use super::form::{Millis, Text};
use super::machine::MachineRow;
use super::mirror::{row, row_enum};
use super::status_flip::StatusSlotRow;
use super::validity::ValidityRow;
use crate::domain::{
    Activation, ActivationId, ActivationState, EndCause, Lease, LicenseId, MerchantId, TokenId,
};

row!(
    /// A license on a machine.
    ActivationRow for Activation {
        id: Text<ActivationId> = id,
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        machine: MachineRow = machine,
        name: String = name,
        slot: StatusSlotRow = slot,
        created_at_ms: Millis = created_at,
        state: ActivationStateRow = state,
    }
);

row_enum!(
    /// Whether it holds a place.
    ActivationStateRow for ActivationState {
        Held(lease: LeaseRow),
        Ended { at_ms: Millis = at, cause: Text<EndCause> = cause },
    }
);

row!(
    /// The current lease and its certificate.
    LeaseRow for Lease {
        validity: ValidityRow = validity,
        renew_after_ms: Millis = renew_after,
        generation: u64 = generation,
        // Since schema 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follows: Option<u64> = follows,
        nonce: String = nonce,
        token_id: Text<TokenId> = token_id,
        certificate: String = certificate,
    }
);
