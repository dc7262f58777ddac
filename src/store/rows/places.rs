//! Which activations hold a place.

use super::form::Text;
use super::machine::MachineRow;
use super::mirror::row;
use crate::application::record::LicensePlaces;
use crate::domain::{ActivationId, LicenseId, MerchantId, Place, Places};

row!(
    /// The places of a license.
    LicensePlacesRow for LicensePlaces {
        merchant: Text<MerchantId> = merchant,
        license: Text<LicenseId> = license,
        places: PlacesRow = places,
    }
);

row!(
    /// The places, in the order in which they were taken.
    PlacesRow for Places {
        held: Vec<PlaceRow> = held,
    }
);

row!(
    /// One place.
    PlaceRow for Place {
        activation: Text<ActivationId> = activation,
        machine: MachineRow = machine,
    }
);
