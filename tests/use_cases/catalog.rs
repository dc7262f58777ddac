//! What the merchant of these tests sells, and where.

use std::collections::BTreeMap;

use lictor::application::Catalog;
use lictor::domain::{
    Binding, Channel, ChannelId, Charging, LocalizedText, MachineLimit, MachinePolicy, Marketplace, Merchant,
    MerchantId, Multiply, OfflinePolicy, OpenApi, OrderDetails, OrderKind, OrderLineDetails, PeriodUnit,
    Product, ProductId, ProtocolName, ReadyRule, SecretRef, Sku, Spec, SpecId, SpecKind, SpecTerm, Starts,
    UsageRules,
};

use super::world::at;

/// Places of a license of the spec `pro`, for a quantity of 1.
pub const PLACES: u32 = 3;
/// Known to the spec `pro`.
pub const SKU: &str = "SKU-PRO";
/// Known to the spec `site`, which has no limit of machines.
pub const SKU_SITE: &str = "SKU-SITE";
/// Known to no spec at first.
pub const SKU_NEW: &str = "SKU-NEW";

pub fn acme() -> MerchantId {
    MerchantId::parse("acme").expect("a slug")
}

fn product_id() -> ProductId {
    ProductId::parse("cad").expect("a slug")
}

pub fn sku(text: &str) -> Sku {
    Sku::parse(text).expect("visible")
}

pub fn spec_id(text: &str) -> SpecId {
    SpecId::parse(text).expect("a spec id")
}

pub fn product() -> Product {
    Product {
        id: product_id(),
        name: LocalizedText::plain("CAD"),
        front_end_url: String::new(),
        memo: LocalizedText::plain("{claim_code} at {portal_url}"),
    }
}

pub fn merchant() -> Merchant {
    Merchant {
        id: acme(),
        name: LocalizedText::plain("Acme"),
        issuer: "https://license.acme.example".into(),
        time_zone: "Asia/Shanghai".into(),
        locale: "en".into(),
    }
}

/// A spec whose term is the order's and whose quantity multiplies its machines.
pub fn spec(name: &str, skus: &[&str], machines: MachineLimit) -> Spec {
    Spec {
        id: spec_id(name),
        product: product_id(),
        skus: skus.iter().map(|text| sku(text)).collect(),
        product_ids: Vec::new(),
        name: LocalizedText::plain(name),
        term: SpecTerm::AsOrdered,
        machines,
        multiply: Multiply::Machines,
        entitlements: vec!["export".into()],
        attributes: BTreeMap::new(),
        updates: None,
        starts: Starts::Purchase,
        kind: SpecKind::License,
        offline: OfflinePolicy::default(),
        machine: MachinePolicy { binding: Binding::Hardware, ..MachinePolicy::default() },
        quota: Vec::new(),
        changes_to: None,
    }
}

/// The address at the marketplace whose calls carry ids only; its orders can be asked for.
pub fn channel() -> Channel {
    let secret = || SecretRef::parse("env:UNUSED").expect("a reference");
    Channel {
        id: ChannelId::parse("koo").expect("a slug"),
        marketplace: Marketplace::KooGallery,
        protocol: ProtocolName("saas-v2".into()),
        products: vec![product_id()],
        access_keys: Vec::new(),
        open_api: Some(OpenApi {
            base_url: "http://127.0.0.1:1".into(),
            access_key: secret(),
            secret_key: secret(),
        }),
        ready: ReadyRule::Minted,
        usage: UsageRules::default(),
    }
}

/// An address whose calls carry the order; nothing can be asked there.
pub fn outspoken_channel() -> Channel {
    Channel {
        id: ChannelId::parse("shop").expect("a slug"),
        marketplace: Marketplace::Generic,
        protocol: ProtocolName("generic".into()),
        open_api: None,
        ..channel()
    }
}

pub fn catalog() -> Catalog {
    Catalog {
        merchant: Some(merchant()),
        products: vec![product()],
        specs: vec![
            spec("pro", &[SKU], MachineLimit::AtMost(PLACES)),
            spec("site", &[SKU_SITE], MachineLimit::Unlimited),
        ],
        channels: vec![channel(), outspoken_channel()],
        api_tokens: Vec::new(),
    }
}

/// The catalog after the merchant has learned of the SKU under which it sells.
pub fn catalog_with_new_sku() -> Catalog {
    let pro = spec("pro", &[SKU, SKU_NEW], MachineLimit::AtMost(PLACES));
    Catalog { specs: vec![pro], ..Catalog::default() }
}

/// An order as the marketplace tells it: one line of one month of `SKU`, unless changed.
pub fn order(order_id: &str, created_at: &str) -> OrderDetails {
    OrderDetails {
        extend_params: Vec::new(),
        order_id: order_id.into(),
        kind: OrderKind::New,
        created_at: at(created_at),
        customer: Some("customer-1".into()),
        lines: vec![OrderLineDetails {
            order_line_id: format!("{order_id}-1"),
            charging: Charging::Period,
            expires_at: None,
            ends_at: None,
            period: Some((PeriodUnit::Month, 1)),
            product_id: None,
            sku: Some(SKU.into()),
            quantity: Some(1),
        }],
    }
}

/// The same order with a change to its line.
pub fn with_line(mut order: OrderDetails, change: impl FnOnce(&mut OrderLineDetails)) -> OrderDetails {
    change(order.lines.first_mut().expect("an order of these tests has one line"));
    order
}

/// An order of a SKU that no spec knows at first.
pub fn of_new_sku(order_id: &str) -> OrderDetails {
    with_line(order(order_id, "2026-01-15T08:59:00Z"), |line| line.sku = Some(SKU_NEW.into()))
}
