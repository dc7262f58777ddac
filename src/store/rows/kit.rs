//! What the Kit told of.

use super::form::{Millis, Text};
use super::mirror::row;
use crate::application::record::KitRecord;
use crate::domain::{ChannelId, KitInterface, Marketplace, MerchantId};

row!(
    /// One thing as it stands.
    KitRow for KitRecord {
        merchant: Text<MerchantId> = merchant,
        marketplace: Text<Marketplace> = marketplace,
        interface: Text<KitInterface> = interface,
        id: Vec<String> = id,
        channel: Text<ChannelId> = channel,
        body: String = body,
        received_at_ms: Millis = received_at,
    }
);
