//! Which purchase an instance id means.

use super::form::Text;
use super::mirror::row;
use super::order::OrderLineKeyRow;
use crate::application::record::Instance;
use crate::domain::InstanceId;

row!(
    /// An instance id and its purchase.
    InstanceRow for Instance {
        id: Text<InstanceId> = id,
        purchase: OrderLineKeyRow = purchase,
    }
);
