//! What a merchant has said that a marketplace's codes mean.

use super::form::{Millis, Text};
use super::mirror::{row, row_enum};
use crate::application::record::{Mapping, MarketplaceCode};
use crate::domain::{MerchantId, Sku, SpecId};

row!(
    /// A code and its spec.
    MappingRow for Mapping {
        merchant: Text<MerchantId> = merchant,
        code: MarketplaceCodeRow = code,
        spec: Text<SpecId> = spec,
        since_ms: Millis = since,
    }
);

row_enum!(
    /// A code by which a marketplace names what was bought.
    MarketplaceCodeRow for MarketplaceCode {
        Sku(sku: Text<Sku>),
        ProductId(id: String),
    }
);
