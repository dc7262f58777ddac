//! Products.

use super::form::Text;
use super::mirror::row;
use super::text::LocalizedTextRow;
use crate::application::record::Owned;
use crate::domain::{MerchantId, Product, ProductId};

row!(
    /// A product with the merchant it belongs to.
    OwnedProductRow for Owned<Product> {
        merchant: Text<MerchantId> = merchant,
        product: ProductRow = value,
    }
);

row!(
    /// A product.
    ProductRow for Product {
        id: Text<ProductId> = id,
        name: LocalizedTextRow = name,
        front_end_url: String = front_end_url,
        memo: LocalizedTextRow = memo,
    }
);
