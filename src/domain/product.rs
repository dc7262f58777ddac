//! The software that is licensed.

use super::{LocalizedText, ProductId};

/// The software that is licensed; its id is `aud` of every token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Stable id.
    pub id: ProductId,
    /// Name that customers read.
    pub name: LocalizedText,
    /// Address shown to the buyer; empty means the portal.
    pub front_end_url: String,
    /// What the marketplace shows the buyer; `{claim_code}` and `{portal_url}` are filled in.
    pub memo: LocalizedText,
}
