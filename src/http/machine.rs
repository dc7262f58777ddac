//! Machines as requests describe them.

use std::collections::BTreeMap;

use license_token::{Commitment, MachineClaim, machine};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::openapi::forms::CommitmentForm;
use super::presented::Holder;
use crate::domain::{Component, Machine};

/// Longest fingerprint of a marketplace's own form, in bytes.
const FINGERPRINT_BYTES_MAX: usize = 5 * 1024;

/// `components`, `fingerprint` or `request`: exactly one.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = Machine)]
#[serde(deny_unknown_fields)]
pub struct MachineRequest {
    components: Option<ComponentsRequest>,
    #[schema(max_length = 5120)]
    fingerprint: Option<String>,
    request: Option<String>,
}

/// Commitments, base64url of 16 bytes each.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MachineComponents)]
#[serde(deny_unknown_fields)]
struct ComponentsRequest {
    #[schema(value_type = Option<CommitmentForm>)]
    os: Option<String>,
    #[schema(value_type = Option<CommitmentForm>)]
    fw: Option<String>,
    #[schema(value_type = Option<CommitmentForm>)]
    brd: Option<String>,
    #[schema(value_type = Option<CommitmentForm>)]
    dsk: Option<String>,
    #[schema(value_type = Option<CommitmentForm>)]
    net: Option<String>,
}

impl MachineRequest {
    /// The machine, for this holder's issuer and product.
    pub fn read(&self, holder: &Holder) -> Result<Machine, ApiError> {
        match (&self.components, &self.fingerprint, &self.request) {
            (Some(components), None, None) => components.read(),
            (None, Some(fingerprint), None) => of_fingerprint(fingerprint, holder),
            (None, None, Some(_)) => Err(ApiError::invalid(
                "/machine/request",
                "a signed request is taken by /v1/activations alone",
            )),
            _not_exactly_one => {
                Err(ApiError::invalid("/machine", "a machine is either components, fingerprint or request"))
            }
        }
    }
}

impl MachineRequest {
    /// A request that is signed by the machine's own key, where the machine is described by one.
    pub fn signed(&self) -> Option<&str> {
        let alone = self.components.is_none() && self.fingerprint.is_none();
        self.request.as_deref().filter(|_| alone)
    }
}

impl ComponentsRequest {
    fn read(&self) -> Result<Machine, ApiError> {
        let offered = [
            (Component::Os, "os", &self.os),
            (Component::Firmware, "fw", &self.fw),
            (Component::Board, "brd", &self.brd),
            (Component::Disk, "dsk", &self.dsk),
            (Component::Network, "net", &self.net),
        ];
        let mut components = BTreeMap::new();
        for (component, name, text) in offered {
            let Some(text) = text else { continue };
            let commitment = Commitment::parse(text).ok_or_else(|| {
                let pointer = format!("/machine/components/{name}");
                ApiError::invalid(&pointer, "a commitment is base64url of 16 bytes, 22 characters")
            })?;
            components.insert(component, commitment.0);
        }
        let machine = Machine { components };
        if machine.is_distinct() {
            return Ok(machine);
        }
        Err(ApiError::invalid("/machine/components", "at least os or fw tells machines apart"))
    }
}

/// The machine that a certificate names.
pub fn enrolled(claim: &MachineClaim) -> Machine {
    of_components(claim.components())
}

/// A machine of these components.
pub fn of_components(components: &BTreeMap<license_token::Component, Commitment>) -> Machine {
    let component = |component| match component {
        license_token::Component::Os => Component::Os,
        license_token::Component::Fw => Component::Firmware,
        license_token::Component::Brd => Component::Board,
        license_token::Component::Dsk => Component::Disk,
        license_token::Component::Net => Component::Network,
        license_token::Component::Fp => Component::Opaque,
    };
    let components = components.iter();
    Machine { components: components.map(|(name, commitment)| (component(*name), commitment.0)).collect() }
}

/// Bound as is, as one opaque component.
fn of_fingerprint(fingerprint: &str, holder: &Holder) -> Result<Machine, ApiError> {
    let invalid = |why| ApiError::invalid("/machine/fingerprint", why);
    if fingerprint.len() > FINGERPRINT_BYTES_MAX {
        return Err(invalid("a fingerprint has at most 5120 bytes"));
    }
    let component = license_token::Component::Fp;
    let commitment = machine::commit(&holder.issuer, &holder.product, component, fingerprint);
    let commitment = commitment.ok_or_else(|| invalid("the fingerprint says nothing about the machine"))?;
    Ok(Machine { components: BTreeMap::from([(Component::Opaque, commitment.0)]) })
}
