//! A license, or the purchase that waits to become one, as the merchant reads it.

use std::collections::BTreeMap;

use axum::http::header;
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::application::ports::{Signer, Versioned};
use crate::application::{LicenseOrPurchase, PackageView, instance_shown, marketplace_ids, order_id_shown};
use crate::domain::{
    Activation, ActivationState, Attachment, EarlyEvent, Hold, Holds, Instant, License, LicenseId,
    MachineLimit, Origin, Purchase, PurchaseFacts,
};
use crate::http::conditional::etag;
use crate::http::openapi::forms::{
    ActivationIdForm, AmountForm, EnvForm, HolderForm, InstantForm, LicenseIdForm, LicenseStateForm,
    OverageForm, ResetForm, SlugForm, StartsForm, TermForm, UnlimitedForm,
};
use crate::http::reply::{amount, instant};

/// What is shown besides the license itself.
pub struct Extent<'a> {
    /// When it is shown.
    pub now: Instant,
    /// For addresses and claim codes.
    pub signer: &'a dyn Signer,
    /// Whether license key and claim code are shown, and an instance id that is an authorization code.
    pub reveal: bool,
    /// The activations, when they are shown.
    pub activations: Option<&'a [Activation]>,
    /// How the quota packages of each license stand.
    pub quota: BTreeMap<LicenseId, Vec<PackageView>>,
}

/// Members as documented; null where nothing is known yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = License)]
pub struct LicenseAnswer {
    #[schema(value_type = LicenseIdForm)]
    id: String,
    #[schema(value_type = SlugForm)]
    merchant: String,
    product: Option<String>,
    spec: Option<String>,
    sku: Option<String>,
    #[schema(value_type = Option<TermForm>)]
    term: Option<String>,
    #[schema(value_type = LicenseStateForm)]
    state: &'static str,
    suspensions: Vec<SuspensionAnswer>,
    channel: Option<String>,
    order_id: Option<String>,
    order_line_id: Option<String>,
    instance_id: Option<String>,
    customer: Option<String>,
    label: String,
    #[schema(value_type = EnvForm)]
    env: &'static str,
    #[schema(value_type = Option<StartsForm>)]
    starts: Option<&'static str>,
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    /// Where the merchant has moved the end: what it was, and what it is while no call of the marketplace moves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    extension: Option<ExtensionAnswer>,
    machines: Option<MachinesAnswer>,
    entitlements: Vec<String>,
    attributes: BTreeMap<String, String>,
    quota: Vec<QuotaAnswer>,
    /// Of a package: the license that uses it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LicenseIdForm>, nullable = false)]
    attached_to: Option<String>,
    status: Option<StatusAnswer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    activations: Option<Vec<ActivationAnswer>>,
    revision: u64,
    #[schema(value_type = InstantForm)]
    created_at: String,
    #[schema(value_type = InstantForm)]
    updated_at: String,
    /// After an act: what later calls of the marketplace do to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    later_calls: Option<Vec<WordedAnswer>>,
    #[serde(flatten)]
    revealed: Option<RevealedAnswer>,
}

/// A number, or `"unlimited"` as in apply files.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Machines)]
#[serde(untagged)]
pub enum MachinesAnswer {
    AtMost(u32),
    #[schema(value_type = UnlimitedForm)]
    Unlimited(&'static str),
}

/// An end that was moved by hand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Extension)]
struct ExtensionAnswer {
    /// The end that was bought.
    #[schema(value_type = InstantForm)]
    bought_end: String,
    /// The end that the license has.
    #[schema(value_type = InstantForm)]
    until: String,
}

/// A stable code, and what it means in the reader's language.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worded)]
pub struct WordedAnswer {
    /// The code.
    pub code: &'static str,
    /// The words.
    pub reason: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Suspension)]
struct SuspensionAnswer {
    #[schema(value_type = HolderForm)]
    by: &'static str,
    #[schema(value_type = InstantForm)]
    since: String,
    reason: Option<String>,
}

/// `total = used + reserved + left + expired + refunded`; null where a package gives its amount for ever.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quota)]
pub struct QuotaAnswer {
    id: String,
    metric: String,
    unit: String,
    #[schema(value_type = AmountForm)]
    amount: Box<RawValue>,
    #[schema(value_type = ResetForm)]
    reset: &'static str,
    #[schema(value_type = Option<AmountForm>)]
    total: Option<Box<RawValue>>,
    #[schema(value_type = AmountForm)]
    used: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    reserved: Box<RawValue>,
    #[schema(value_type = Option<AmountForm>)]
    left: Option<Box<RawValue>>,
    #[schema(value_type = Option<AmountForm>)]
    expired: Option<Box<RawValue>>,
    #[schema(value_type = AmountForm)]
    refunded: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    window_used: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    window_left: Box<RawValue>,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
    #[schema(value_type = OverageForm)]
    overage: &'static str,
    /// What was used beyond the package, where that is counted.
    #[schema(value_type = AmountForm)]
    overage_used: Box<RawValue>,
    #[schema(value_type = InstantForm)]
    starts_at: String,
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StatusEntry)]
struct StatusAnswer {
    uri: String,
    idx: u32,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activation)]
pub struct ActivationAnswer {
    #[schema(value_type = ActivationIdForm)]
    id: String,
    name: String,
    /// `held` or `ended`.
    state: &'static str,
    #[schema(value_type = InstantForm)]
    created_at: String,
    /// When the present certificate ends.
    #[schema(value_type = Option<InstantForm>)]
    lease_ends_at: Option<String>,
    generation: Option<u64>,
    #[schema(value_type = Option<InstantForm>)]
    ended_at: Option<String>,
    end_cause: Option<&'static str>,
    status: StatusAnswer,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revealed)]
struct RevealedAnswer {
    license_key: Option<String>,
    claim_code: Option<String>,
}

impl LicenseAnswer {
    /// Either of the two.
    pub fn of(entry: &LicenseOrPurchase, extent: &Extent<'_>) -> Self {
        let answer = match entry {
            LicenseOrPurchase::License(license) => Self::of_license(license, extent),
            LicenseOrPurchase::Purchase(purchase) => Self::of_purchase(purchase, extent),
        };
        Self { state: entry.state(extent.now).as_str(), ..answer }
    }

    /// A license.
    pub fn of_license(
        Versioned { value: license, revision }: &Versioned<License>,
        extent: &Extent<'_>,
    ) -> Self {
        let ids = marketplace_ids(license);
        let sold = &license.sold;
        let channel = match &license.origin {
            Origin::Order { channel, .. } => Some(channel.to_string()),
            Origin::Issued { .. } => None,
        };
        Self {
            id: license.id.to_string(),
            merchant: license.merchant.to_string(),
            product: Some(license.product.to_string()),
            spec: Some(sold.spec.to_string()),
            sku: sold.sku.as_ref().map(ToString::to_string),
            term: Some(sold.term.to_string()),
            state: license.state(extent.now).as_str(),
            suspensions: suspensions(&license.holds),
            channel,
            order_id: ids.map(|(key, instance)| order_id_shown(key, instance)),
            order_line_id: ids.and_then(|(key, _)| key.line_id.as_ref().map(ToString::to_string)),
            instance_id: ids
                .and_then(|(key, instance)| instance_shown(key.marketplace, instance, extent.reveal)),
            customer: license.customer.as_ref().map(ToString::to_string),
            label: license.label.clone(),
            env: license.env.as_str(),
            starts: Some(license.starts().as_str()),
            starts_at: license.awaits().is_none().then(|| instant(license.validity.starts_at)),
            ends_at: license.known_end().map(instant),
            extension: license.extended().map(|extension| ExtensionAnswer {
                bought_end: instant(extension.from),
                until: instant(extension.until),
            }),
            machines: Some(machines(sold.machines)),
            entitlements: sold.entitlements.clone(),
            attributes: sold.attributes.clone(),
            quota: extent.quota.get(&license.id).into_iter().flatten().map(QuotaAnswer::of).collect(),
            attached_to: match &license.attachment {
                Some(Attachment::To(license)) => Some(license.to_string()),
                Some(Attachment::Own) | None => None,
            },
            status: license.current_key().map(|key| StatusAnswer {
                uri: extent.signer.status_list_uri(&license.merchant, key.slot.list),
                idx: key.slot.idx,
            }),
            activations: extent
                .activations
                .map(|all| all.iter().map(|one| activation(one, extent.signer)).collect()),
            revision: *revision,
            created_at: instant(license.created_at),
            updated_at: instant(license.updated_at),
            later_calls: None,
            revealed: extent.reveal.then(|| RevealedAnswer {
                license_key: license.awaits().is_none().then(|| license.license_key.clone()),
                claim_code: Some(extent.signer.claim_code(&license.id, license.generation).reveal()),
            }),
        }
    }

    /// What is known of a license before it exists.
    fn of_purchase(
        Versioned { value: purchase, revision }: &Versioned<Purchase>,
        extent: &Extent<'_>,
    ) -> Self {
        let fact = |read: fn(&PurchaseFacts) -> Option<String>| purchase.facts.as_ref().and_then(read);
        Self {
            id: purchase.license.to_string(),
            merchant: purchase.key.merchant.to_string(),
            product: None,
            spec: None,
            sku: fact(|facts| facts.sku.as_ref().map(ToString::to_string)),
            term: None,
            state: "",
            suspensions: suspensions(&early_holds(purchase)),
            channel: Some(purchase.channel.to_string()),
            order_id: Some(order_id_shown(&purchase.key, &purchase.instance)),
            order_line_id: purchase.key.line_id.as_ref().map(ToString::to_string),
            instance_id: instance_shown(purchase.key.marketplace, &purchase.instance, extent.reveal),
            customer: fact(|facts| facts.customer.as_ref().map(ToString::to_string)),
            label: String::new(),
            env: purchase.env.as_str(),
            starts: None,
            starts_at: None,
            ends_at: None,
            extension: None,
            machines: None,
            entitlements: Vec::new(),
            attributes: BTreeMap::new(),
            quota: Vec::new(),
            attached_to: None,
            status: None,
            activations: extent.activations.map(|_none| Vec::new()),
            revision: *revision,
            created_at: instant(purchase.received_at),
            updated_at: instant(purchase.received_at),
            later_calls: None,
            revealed: extent.reveal.then_some(RevealedAnswer { license_key: None, claim_code: None }),
        }
    }

    /// The answer with the revision as its ETag.
    pub fn tagged(&self, mut response: Response) -> Response {
        response.headers_mut().insert(header::ETAG, etag(self.revision));
        response
    }

    /// With what later calls of the marketplace do to the act that this answers.
    #[must_use]
    pub fn overruled_by(mut self, later_calls: Vec<WordedAnswer>) -> Self {
        self.later_calls = Some(later_calls);
        self
    }

    /// Where it is found.
    pub fn location(&self) -> String {
        format!("/v1/merchant/licenses/{}", self.id)
    }
}

pub fn machines(limit: MachineLimit) -> MachinesAnswer {
    match limit {
        MachineLimit::AtMost(limit) => MachinesAnswer::AtMost(limit),
        MachineLimit::Unlimited => MachinesAnswer::Unlimited("unlimited"),
    }
}

fn suspensions(holds: &Holds) -> Vec<SuspensionAnswer> {
    let suspension = |by, hold: &Option<Hold>| {
        hold.as_ref().map(|hold| SuspensionAnswer {
            by,
            since: instant(hold.since),
            reason: hold.reason.clone(),
        })
    };
    let both = [suspension("marketplace", &holds.marketplace), suspension("merchant", &holds.merchant)];
    both.into_iter().flatten().collect()
}

/// What a freeze that came too early will do once the license exists.
fn early_holds(purchase: &Purchase) -> Holds {
    let marketplace = purchase.early.iter().fold(None, |hold, event| match event {
        EarlyEvent::Frozen { at } => hold.or(Some(Hold { since: *at, reason: None })),
        EarlyEvent::Unfrozen { .. } => None,
        EarlyEvent::Refreshed { .. } | EarlyEvent::Changed { .. } | EarlyEvent::Applied { .. } => hold,
    });
    Holds { marketplace, merchant: None }
}

/// A machine as it is shown.
pub fn activation(activation: &Activation, signer: &dyn Signer) -> ActivationAnswer {
    let uri = signer.status_list_uri(&activation.merchant, activation.slot.list);
    let answer = ActivationAnswer {
        id: activation.id.to_string(),
        name: activation.name.clone(),
        state: "ended",
        created_at: instant(activation.created_at),
        lease_ends_at: None,
        generation: None,
        ended_at: None,
        end_cause: None,
        status: StatusAnswer { uri, idx: activation.slot.idx },
    };
    match &activation.state {
        ActivationState::Held(lease) => ActivationAnswer {
            state: "held",
            lease_ends_at: lease.validity.ends_at.map(instant),
            generation: Some(lease.generation),
            ..answer
        },
        ActivationState::Ended { at, cause } => {
            ActivationAnswer { ended_at: Some(instant(*at)), end_cause: Some(cause.as_str()), ..answer }
        }
    }
}

impl QuotaAnswer {
    /// A package as it is shown.
    pub fn of(PackageView { held, balance }: &PackageView) -> Self {
        let (template, validity) = (&held.package.template, &held.package.validity);
        Self {
            id: held.id.to_string(),
            metric: template.metric.clone(),
            unit: template.unit.clone(),
            amount: amount(template.amount),
            reset: template.reset.as_str(),
            total: balance.bought.map(amount),
            used: amount(balance.used),
            reserved: amount(balance.reserved),
            left: balance.left.map(amount),
            expired: balance.expired.map(amount),
            refunded: amount(balance.refunded),
            window_used: amount(balance.window_used),
            window_left: amount(balance.window_left),
            window_ends_at: balance.window.and_then(|window| window.ends_at).map(instant),
            overage: template.overage.as_str(),
            overage_used: amount(balance.over),
            starts_at: instant(validity.starts_at),
            ends_at: validity.ends_at.map(instant),
        }
    }
}
