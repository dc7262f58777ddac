//! Licenses.

use std::collections::BTreeMap;

use super::form::{Millis, Text};
use super::machine::{MachineLimitRow, MachinePolicyRow};
use super::mirror::{row, row_enum};
use super::offline::OfflinePolicyRow;
use super::order::OrderLineKeyRow;
use super::quota::QuotaPackageRow;
use super::status_flip::StatusSlotRow;
use super::validity::{TermRow, ValidityRow};
use crate::domain::{
    AppliedChange, AppliedOrder, Attachment, ChannelId, CustomerId, DelayedStart, Env, Extension, Hold,
    Holds, InstanceId, IssuedKey, License, LicenseEnd, LicenseId, MerchantId, Origin, ProductId,
    RefreshScene, Sku, SoldSpec, SpecId, StartEvent, TokenId,
};

row!(
    /// A license.
    LicenseRow for License {
        id: Text<LicenseId> = id,
        merchant: Text<MerchantId> = merchant,
        product: Text<ProductId> = product,
        origin: OriginRow = origin,
        #[serde(skip_serializing_if = "Option::is_none")]
        customer: Option<Text<CustomerId>> = customer,
        label: String = label,
        env: Text<Env> = env,
        sold: SoldSpecRow = sold,
        validity: ValidityRow = validity,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extension: Option<ExtensionRow> = extension,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<DelayedStartRow> = start,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attachment: Option<AttachmentRow> = attachment,
        holds: HoldsRow = holds,
        #[serde(skip_serializing_if = "Option::is_none")]
        status_told_at_ms: Option<Millis> = status_told_at,
        end: LicenseEndRow = end,
        generation: u32 = generation,
        issued: Vec<IssuedKeyRow> = issued,
        license_key: String = license_key,
        orders: Vec<AppliedOrderRow> = orders,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<AppliedChangeRow> = changes,
        created_at_ms: Millis = created_at,
        updated_at_ms: Millis = updated_at,
    }
);

row!(
    /// An end that the merchant moved. It stands beside the record: see [`super::supplement`].
    ExtensionRow for Extension {
        from_ms: Millis = from,
        until_ms: Millis = until,
    }
);

row_enum!(
    /// Where a license came from.
    OriginRow for Origin {
        Order {
            channel: Text<ChannelId> = channel,
            key: OrderLineKeyRow = key,
            instance: Text<InstanceId> = instance,
        },
        Issued { by: String = by },
    }
);

row_enum!(
    /// Who uses up its packages, if it is the purchase of a package.
    AttachmentRow for Attachment {
        Own,
        To(license: Text<LicenseId>),
    }
);

row_enum!(
    /// What begins a license, if that is not the purchase.
    DelayedStartRow for DelayedStart {
        Awaited {
            event: Text<StartEvent> = event,
            #[serde(skip_serializing_if = "Option::is_none")]
            updates: Option<TermRow> = updates,
            end_is_fixed: bool = end_is_fixed,
        },
        Came { event: Text<StartEvent> = event, at_ms: Millis = at },
    }
);

row!(
    /// The spec as sold.
    SoldSpecRow for SoldSpec {
        spec: Text<SpecId> = spec,
        #[serde(skip_serializing_if = "Option::is_none")]
        sku: Option<Text<Sku>> = sku,
        term: TermRow = term,
        machines: MachineLimitRow = machines,
        entitlements: Vec<String> = entitlements,
        attributes: BTreeMap<String, String> = attributes,
        #[serde(skip_serializing_if = "Option::is_none")]
        updates_until_ms: Option<Millis> = updates_until,
        offline: OfflinePolicyRow = offline,
        machine: MachinePolicyRow = machine,
        quota: Vec<QuotaPackageRow> = quota,
    }
);

row!(
    /// The causes for which a license is stopped.
    HoldsRow for Holds {
        #[serde(skip_serializing_if = "Option::is_none")]
        marketplace: Option<HoldRow> = marketplace,
        #[serde(skip_serializing_if = "Option::is_none")]
        merchant: Option<HoldRow> = merchant,
    }
);

row!(
    /// One cause.
    HoldRow for Hold {
        since_ms: Millis = since,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String> = reason,
    }
);

row_enum!(
    /// Whether a license goes on.
    LicenseEndRow for LicenseEnd {
        Running,
        Released { at_ms: Millis = at },
        Revoked {
            at_ms: Millis = at,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<String> = reason,
        },
    }
);

row!(
    /// One signed license key text.
    IssuedKeyRow for IssuedKey {
        token_id: Text<TokenId> = token_id,
        slot: StatusSlotRow = slot,
        issued_at_ms: Millis = issued_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
        superseded: bool = superseded,
        leaked: bool = leaked,
    }
);

row!(
    /// A later order that changed what was bought.
    AppliedChangeRow for AppliedChange {
        order_id: String = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        ordered_at_ms: Option<Millis> = ordered_at,
    }
);

row!(
    /// The purchase or a later order.
    AppliedOrderRow for AppliedOrder {
        order_id: String = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        scene: Option<Text<RefreshScene>> = scene,
        #[serde(skip_serializing_if = "Option::is_none")]
        ordered_at_ms: Option<Millis> = ordered_at,
        received_at_ms: Millis = received_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        ends_at_ms: Option<Millis> = ends_at,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        term: Option<TermRow> = term,
        in_force: bool = in_force,
    }
);
