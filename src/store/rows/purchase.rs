//! Purchases.

use super::form::{Millis, Text};
use super::handed_over::ApplicationRow;
use super::mirror::{row, row_enum};
use super::order::{OrderLineKeyRow, OrderRefRow};
use super::validity::TermRow;
use crate::domain::{
    ChannelId, Charging, CustomerId, EarlyEvent, Env, InstanceId, LicenseId, Purchase, PurchaseFacts,
    PurchaseState, RefreshScene, Sku,
};

row!(
    /// One order line as received.
    PurchaseRow for Purchase {
        key: OrderLineKeyRow = key,
        license: Text<LicenseId> = license,
        instance: Text<InstanceId> = instance,
        channel: Text<ChannelId> = channel,
        received_at_ms: Millis = received_at,
        env: Text<Env> = env,
        state: PurchaseStateRow = state,
        early: Vec<EarlyEventRow> = early,
        #[serde(skip_serializing_if = "Option::is_none")]
        facts: Option<PurchaseFactsRow> = facts,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        upgrades: Vec<String> = upgrades,
    }
);

row_enum!(
    /// Where a purchase stands.
    PurchaseStateRow for PurchaseState {
        Received,
        Held { since_ms: Millis = since },
        Minted,
        Ended { at_ms: Millis = at },
    }
);

row_enum!(
    /// What arrives before the license exists.
    EarlyEventRow for EarlyEvent {
        Frozen { at_ms: Millis = at },
        Unfrozen { at_ms: Millis = at },
        Refreshed {
            at_ms: Millis = at,
            order: OrderRefRow = order,
            scene: Text<RefreshScene> = scene,
            #[serde(skip_serializing_if = "Option::is_none")]
            ends_at_ms: Option<Millis> = ends_at,
            #[serde(default, skip_serializing_if = "Option::is_none")]
            term: Option<TermRow> = term,
        },
        Changed { at_ms: Millis = at, order: OrderRefRow = order },
        Applied { at_ms: Millis = at, application: ApplicationRow = application },
    }
);

row!(
    /// What the order says.
    PurchaseFactsRow for PurchaseFacts {
        #[serde(skip_serializing_if = "Option::is_none")]
        customer: Option<Text<CustomerId>> = customer,
        #[serde(skip_serializing_if = "Option::is_none")]
        sku: Option<Text<Sku>> = sku,
        #[serde(skip_serializing_if = "Option::is_none")]
        product_id: Option<String> = product_id,
        quantity: u32 = quantity,
        charging: Text<Charging> = charging,
        term: TermRow = term,
        ordered_at_ms: Millis = ordered_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at_ms: Option<Millis> = expires_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        extend_params: Vec<(String, String)> = extend_params,
        #[serde(skip_serializing_if = "Option::is_none")]
        changed_at_ms: Option<Millis> = changed_at,
    }
);
