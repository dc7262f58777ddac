//! Specs.

use std::collections::BTreeMap;

use super::form::Text;
use super::machine::{MachineLimitRow, MachinePolicyRow};
use super::mirror::{row, row_enum};
use super::offline::OfflinePolicyRow;
use super::quota::QuotaTemplateRow;
use super::text::LocalizedTextRow;
use super::validity::TermRow;
use crate::application::record::Owned;
use crate::domain::{MerchantId, Multiply, ProductId, Sku, Spec, SpecId, SpecKind, SpecTerm, Starts};

row!(
    /// A spec with the merchant it belongs to.
    OwnedSpecRow for Owned<Spec> {
        merchant: Text<MerchantId> = merchant,
        spec: SpecRow = value,
    }
);

row!(
    /// A spec.
    SpecRow for Spec {
        id: Text<SpecId> = id,
        product: Text<ProductId> = product,
        skus: Vec<Text<Sku>> = skus,
        product_ids: Vec<String> = product_ids,
        name: LocalizedTextRow = name,
        term: SpecTermRow = term,
        machines: MachineLimitRow = machines,
        multiply: Text<Multiply> = multiply,
        entitlements: Vec<String> = entitlements,
        attributes: BTreeMap<String, String> = attributes,
        #[serde(skip_serializing_if = "Option::is_none")]
        updates: Option<TermRow> = updates,
        starts: Text<Starts> = starts,
        kind: Text<SpecKind> = kind,
        offline: OfflinePolicyRow = offline,
        machine: MachinePolicyRow = machine,
        quota: Vec<QuotaTemplateRow> = quota,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changes_to: Option<Vec<Text<SpecId>>> = changes_to,
    }
);

row_enum!(
    /// The term of a spec.
    SpecTermRow for SpecTerm {
        AsOrdered,
        Fixed(term: TermRow),
    }
);
