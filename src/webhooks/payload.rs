//! Events as they are sent: `{"type", "timestamp", "data"}`. The shapes are kept: members are added, never changed.
//!
//! Left out on purpose: license keys, claim codes, authorization codes, and what people typed or are called (labels,
//! reasons, names of machines). `docs/webhooks.md` has an example of each event.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::application::ports::OutboundEvent;
use crate::application::{LicenseOrPurchase, PackageView, instance_shown, marketplace_ids, order_id_shown};
use crate::domain::{
    Amount, Attachment, Instant, License, LicenseId, MachineLimit, Origin, Purchase, PurchaseId, WebhookEvent,
};

#[derive(Serialize)]
struct Envelope<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

/// What there is to tell; members without a value are left out.
#[derive(Default, Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<LicenseBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderBody>,
    #[serde(flatten)]
    facts: BTreeMap<&'static str, Fact<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fact<'a> {
    Text(&'a str),
    Instant(String),
    Number(i64),
    Nothing(()),
}

/// A license as the merchant API shows it, without what is left out on purpose.
#[derive(Serialize)]
struct LicenseBody {
    id: String,
    merchant: String,
    product: String,
    spec: String,
    sku: Option<String>,
    term: String,
    state: &'static str,
    suspensions: Vec<SuspensionBody>,
    channel: Option<String>,
    order_id: Option<String>,
    order_line_id: Option<String>,
    instance_id: Option<String>,
    customer: Option<String>,
    env: &'static str,
    starts_at: Option<String>,
    ends_at: Option<String>,
    machines: MachinesBody,
    entitlements: Vec<String>,
    quota: Vec<QuotaBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attached_to: Option<String>,
    revision: u64,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum MachinesBody {
    AtMost(u32),
    Unlimited(&'static str),
}

#[derive(Serialize)]
struct SuspensionBody {
    by: &'static str,
    since: String,
}

#[derive(Serialize)]
struct QuotaBody {
    id: String,
    metric: String,
    unit: String,
    amount: Box<RawValue>,
    reset: &'static str,
    used: Box<RawValue>,
    left: Option<Box<RawValue>>,
    window_used: Box<RawValue>,
    window_left: Box<RawValue>,
    window_ends_at: Option<String>,
}

/// A purchase that is not minted.
#[derive(Serialize)]
struct OrderBody {
    id: String,
    license_id: String,
    order_id: String,
    order_line_id: Option<String>,
    sku: Option<String>,
    channel: String,
    customer: Option<String>,
    env: &'static str,
    received_at: String,
}

/// Which facts of an event as it is kept its receivers are told: the kept name, their name, its form.
fn told(kind: WebhookEvent) -> &'static [(&'static str, &'static str, Form)] {
    use Form::{Number, Text};
    match kind {
        WebhookEvent::LicenseIssued
        | WebhookEvent::LicenseRenewed
        | WebhookEvent::LicenseSuspended
        | WebhookEvent::LicenseResumed
        | WebhookEvent::LicenseReleased
        | WebhookEvent::LicenseRevoked => &[],
        WebhookEvent::LicenseExpiring => &[("ends_at", "ends_at", Text), ("days", "days", Number)],
        WebhookEvent::LicenseExpired => &[("ends_at", "ends_at", Text)],
        WebhookEvent::ActivationCreated
        | WebhookEvent::ActivationRenewed
        | WebhookEvent::ActivationReleased
        | WebhookEvent::ActivationConflict => &[("activation", "activation_id", Text)],
        WebhookEvent::QuotaLow | WebhookEvent::QuotaExhausted => &[
            ("package", "package_id", Text),
            ("metric", "metric", Text),
            ("percent", "percent", Number),
            ("window_ends_at", "window_ends_at", Form::Instant),
        ],
        WebhookEvent::OrderHeld => &[("refund_at", "refund_at", Text)],
        WebhookEvent::CallbackRejected | WebhookEvent::ChannelDialTestFailed => {
            &[("channel", "channel", Text), ("activity", "activity", Text), ("cause", "cause", Text)]
        }
        WebhookEvent::ChannelSilent => {
            &[("channel", "channel", Text), ("last_success_at", "last_success_at", Text)]
        }
        WebhookEvent::CertificateExpiring => &[("ends_at", "ends_at", Text), ("days", "days", Number)],
        WebhookEvent::KeyRotated => &[("key", "kid", Text), ("role", "role", Text)],
        WebhookEvent::WebhookDisabled => &[("webhook", "webhook_id", Text), ("cause", "cause", Text)],
        WebhookEvent::Test => &[("webhook", "webhook_id", Text)],
    }
}

#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    /// An instant, or `never`.
    Instant,
}

/// The event as JSON.
pub(super) fn written(event: &OutboundEvent<'_>) -> String {
    let mut data = Data::default();
    match event.license {
        Some(LicenseOrPurchase::License(license)) => {
            let mut body = license_body(&license.value, license.revision, event.now);
            body.quota = event.quota.iter().map(quota_body).collect();
            data.license = Some(body);
        }
        Some(LicenseOrPurchase::Purchase(purchase)) => data.order = Some(order_body(&purchase.value)),
        None => {}
    }
    for (kept, name, form) in told(event.kind) {
        let Some((_, value)) = event.facts.iter().find(|(fact, _)| fact == kept) else { continue };
        let fact = match form {
            Form::Number => value.parse().map_or(Fact::Text(value), Fact::Number),
            Form::Instant => DateTime::parse_from_rfc3339(value)
                .map_or(Fact::Nothing(()), |at| Fact::Instant(instant(at.to_utc()))),
            Form::Text => Fact::Text(value),
        };
        data.facts.insert(name, fact);
    }
    let envelope = Envelope { r#type: event.kind.as_str(), timestamp: instant(event.at), data };
    serde_json::to_string(&envelope).expect("texts and numbers can be written as JSON")
}

fn license_body(license: &License, revision: u64, now: Instant) -> LicenseBody {
    let (ids, sold) = (marketplace_ids(license), &license.sold);
    let holds = [("marketplace", &license.holds.marketplace), ("merchant", &license.holds.merchant)];
    let suspension = |(by, hold): (&'static str, &Option<crate::domain::Hold>)| {
        hold.as_ref().map(|hold| SuspensionBody { by, since: instant(hold.since) })
    };
    LicenseBody {
        id: license.id.to_string(),
        merchant: license.merchant.to_string(),
        product: license.product.to_string(),
        spec: sold.spec.to_string(),
        sku: sold.sku.as_ref().map(ToString::to_string),
        term: sold.term.to_string(),
        state: license.state(now).as_str(),
        suspensions: holds.into_iter().filter_map(suspension).collect(),
        channel: match &license.origin {
            Origin::Order { channel, .. } => Some(channel.to_string()),
            Origin::Issued { .. } => None,
        },
        order_id: ids.map(|(key, instance)| order_id_shown(key, instance)),
        order_line_id: ids.and_then(|(key, _)| key.line_id.as_ref().map(ToString::to_string)),
        instance_id: ids.and_then(|(key, instance)| instance_shown(key.marketplace, instance, false)),
        customer: license.customer.as_ref().map(ToString::to_string),
        env: license.env.as_str(),
        starts_at: license.awaits().is_none().then(|| instant(license.validity.starts_at)),
        ends_at: license.known_end().map(instant),
        machines: match sold.machines {
            MachineLimit::AtMost(limit) => MachinesBody::AtMost(limit),
            MachineLimit::Unlimited => MachinesBody::Unlimited("unlimited"),
        },
        entitlements: sold.entitlements.clone(),
        quota: Vec::new(),
        attached_to: match &license.attachment {
            Some(Attachment::To(license)) => Some(license.to_string()),
            Some(Attachment::Own) | None => None,
        },
        revision,
        created_at: instant(license.created_at),
        updated_at: instant(license.updated_at),
    }
}

fn quota_body(PackageView { held, balance }: &PackageView) -> QuotaBody {
    let template = &held.package.template;
    QuotaBody {
        id: held.id.to_string(),
        metric: template.metric.clone(),
        unit: template.unit.clone(),
        amount: amount(template.amount),
        reset: template.reset.as_str(),
        used: amount(balance.used),
        left: balance.left.map(amount),
        window_used: amount(balance.window_used),
        window_left: amount(balance.window_left),
        window_ends_at: balance.window.and_then(|window| window.ends_at).map(instant),
    }
}

fn order_body(purchase: &Purchase) -> OrderBody {
    let license: &LicenseId = &purchase.license;
    let facts = purchase.facts.as_ref();
    OrderBody {
        id: PurchaseId::of(license).to_string(),
        license_id: license.to_string(),
        order_id: order_id_shown(&purchase.key, &purchase.instance),
        order_line_id: purchase.key.line_id.as_ref().map(ToString::to_string),
        sku: facts.and_then(|facts| facts.sku.as_ref().map(ToString::to_string)),
        channel: purchase.channel.to_string(),
        customer: facts.and_then(|facts| facts.customer.as_ref().map(ToString::to_string)),
        env: purchase.env.as_str(),
        received_at: instant(purchase.received_at),
    }
}

fn instant(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Never through a float.
fn amount(amount: Amount) -> Box<RawValue> {
    RawValue::from_string(amount.to_string()).expect("an amount is written as a JSON number")
}
