//! What identifies an order.

use super::form::Text;
use super::mirror::row;
use crate::domain::{Marketplace, MerchantId, OrderId, OrderLineId, OrderLineKey, OrderRef};

row!(
    /// The identity of a purchase.
    OrderLineKeyRow for OrderLineKey {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        order_id: Text<OrderId> = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        line_id: Option<Text<OrderLineId>> = line_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<String> = product_id,
    }
);

row!(
    /// An order as an event names it.
    OrderRefRow for OrderRef {
        order_id: String = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_line_id: Option<String> = order_line_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<String> = product_id,
    }
);
