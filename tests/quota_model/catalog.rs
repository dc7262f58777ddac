//! What the merchant of these tests sells.

use std::collections::BTreeMap;
use std::time::Duration;

use lictor::application::Catalog;
use lictor::domain::{
    Amount, Binding, Channel, ChannelId, LocalizedText, MachineLimit, MachinePolicy, Marketplace, Merchant,
    MerchantId, Multiply, OfflinePolicy, Overage, Product, ProductId, ProtocolName, QuotaTemplate, ReadyRule,
    ResetWindow, Spec, SpecId, SpecKind, SpecTerm, Starts, UsageRules, WindowAlignment,
};

use super::calendar::{Offer, Reset};
use super::model::{GRACE, LEASE};

pub const RENDER: &str = "render";
pub const EXPORT: &str = "export";

/// A spec in the model's words.
pub struct Wares {
    pub sku: &'static str,
    pub is_package: bool,
    /// The quantity multiplies the amounts.
    pub multiplies: bool,
    pub offers: &'static [Offer],
}

const fn offer(metric: &'static str, amount: i64, reset: Reset) -> Offer {
    Offer { metric, amount, reset, calendar: false, counts_over: false }
}

const fn by_calendar(metric: &'static str, amount: i64, reset: Reset) -> Offer {
    Offer { calendar: true, ..offer(metric, amount, reset) }
}

const fn counting(offer: Offer) -> Offer {
    Offer { counts_over: true, ..offer }
}

const fn wares(sku: &'static str, is_package: bool, offers: &'static [Offer]) -> Wares {
    Wares { sku, is_package, multiplies: is_package, offers }
}

/// Amounts in ten-thousandths.
pub const ALL: &[Wares] = &[
    wares("MONTHLY", false, &[offer(RENDER, 1_000_000, Reset::Month)]),
    wares(
        "MONTHLY-MORE",
        false,
        &[offer(RENDER, 2_505_000, Reset::Month), counting(offer(EXPORT, 400_000, Reset::Never))],
    ),
    wares(
        "CALENDAR",
        false,
        &[by_calendar(RENDER, 302_500, Reset::Week), by_calendar(EXPORT, 75_000, Reset::Day)],
    ),
    wares("YEARLY", false, &[counting(offer(RENDER, 10_000_000, Reset::Year))]),
    wares("HOURLY", false, &[offer(EXPORT, 50_000, Reset::Hour), offer(RENDER, 600_000, Reset::Never)]),
    wares(
        "PAIR",
        false,
        &[offer(RENDER, 200_000, Reset::Day), counting(offer(RENDER, 3_000_000, Reset::Never))],
    ),
    Wares {
        multiplies: true,
        ..wares(
            "SEATS",
            false,
            &[by_calendar(RENDER, 1_000_000, Reset::Month), counting(offer(EXPORT, 120_001, Reset::Day))],
        )
    },
    wares("PACK-ONCE", true, &[offer(RENDER, 500_000, Reset::Never)]),
    wares("PACK-DAILY", true, &[by_calendar(RENDER, 100_000, Reset::Day)]),
    wares("PACK-EXPORT", true, &[offer(EXPORT, 200_000, Reset::Month)]),
    wares("PACK-BOTH", true, &[offer(RENDER, 250_000, Reset::Week), offer(EXPORT, 50_000, Reset::Never)]),
];

/// What so much of a spec gives.
pub fn offers(spec: usize, quantity: u32) -> Vec<Offer> {
    let times = if ALL[spec].multiplies { i64::from(quantity) } else { 1 };
    ALL[spec].offers.iter().map(|it| Offer { amount: it.amount * times, ..*it }).collect()
}

pub fn acme() -> MerchantId {
    MerchantId::parse("acme").expect("a slug")
}

fn cad() -> ProductId {
    ProductId::parse("cad").expect("a slug")
}

pub fn amount(ten_thousandths: i64) -> Amount {
    Amount::from_ten_thousandths(ten_thousandths).expect("amounts of these tests are small")
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

/// An address whose calls carry the order; nothing is asked there.
pub fn channel() -> Channel {
    Channel {
        id: ChannelId::parse("koo").expect("a slug"),
        marketplace: Marketplace::KooGallery,
        protocol: ProtocolName("saas-v2".into()),
        products: vec![cad()],
        access_keys: Vec::new(),
        open_api: None,
        ready: ReadyRule::Minted,
        usage: UsageRules::default(),
    }
}

fn template(offer: &Offer) -> QuotaTemplate {
    QuotaTemplate {
        metric: offer.metric.into(),
        unit: "minute".into(),
        amount: amount(offer.amount),
        reset: match offer.reset {
            Reset::Never => ResetWindow::None,
            Reset::Hour => ResetWindow::Hour,
            Reset::Day => ResetWindow::Day,
            Reset::Week => ResetWindow::Week,
            Reset::Month => ResetWindow::Month,
            Reset::Year => ResetWindow::Year,
        },
        window: if offer.calendar { WindowAlignment::Calendar } else { WindowAlignment::Anniversary },
        overage: if offer.counts_over { Overage::Count } else { Overage::Stop },
        alert_percent: vec![50, 80],
    }
}

fn spec(wares: &Wares) -> Spec {
    let seconds = |count: i64| Duration::from_secs(count.unsigned_abs());
    Spec {
        id: SpecId::parse(&wares.sku.to_lowercase()).expect("a spec id"),
        product: cad(),
        skus: vec![lictor::domain::Sku::parse(wares.sku).expect("visible")],
        product_ids: Vec::new(),
        name: LocalizedText::plain(wares.sku),
        term: SpecTerm::AsOrdered,
        machines: MachineLimit::Unlimited,
        multiply: if wares.multiplies { Multiply::Quota } else { Multiply::Nothing },
        entitlements: Vec::new(),
        attributes: BTreeMap::new(),
        updates: None,
        starts: Starts::Purchase,
        kind: if wares.is_package { SpecKind::Package } else { SpecKind::License },
        offline: OfflinePolicy {
            lease: seconds(LEASE),
            renew_after: seconds(LEASE / 3),
            grace: seconds(GRACE),
            ..OfflinePolicy::default()
        },
        machine: MachinePolicy { binding: Binding::Hardware, ..MachinePolicy::default() },
        quota: wares.offers.iter().map(template).collect(),
        changes_to: None,
    }
}

pub fn catalog() -> Catalog {
    let product = Product {
        id: cad(),
        name: LocalizedText::plain("CAD"),
        front_end_url: String::new(),
        memo: LocalizedText::plain("{claim_code}"),
    };
    Catalog {
        merchant: Some(merchant()),
        products: vec![product],
        specs: ALL.iter().map(spec).collect(),
        channels: vec![channel()],
        api_tokens: Vec::new(),
    }
}
