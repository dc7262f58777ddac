//! What a marketplace's call says, and what lictor answers, in words that fit every marketplace.

use chrono::{DateTime, Utc};

use super::{Application, InstanceUsage, KitSync, LicenseId, LicenseState, Term};

/// Names the order behind an event. What makes a purchase unique is the order id together with the line id;
/// families without line ids use the order id alone, pay-per-use ones the order id together with the product id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRef {
    pub order_id: String,
    pub order_line_id: Option<String>,
    pub product_id: Option<String>,
}

/// Why the end of an instance moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshScene {
    TrialToFormal,
    Renewal,
    /// A paid renewal is cancelled: the end moves backwards.
    CancelRenewal,
    /// The renewal also changes what was bought.
    RenewalChange,
}

/// The marketplace's wish: stop the instance, or let it run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceStatus {
    Freeze,
    Unfreeze,
}

/// What a marketplace's call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseEvent {
    /// `business_id` differs on every call and is no identity; the first one becomes the instance id.
    /// `details` come with the families that carry the order; the others ask the marketplace afterwards.
    Bought {
        order: OrderRef,
        business_id: String,
        details: Option<OrderDetails>,
    },
    /// 1 to 100 ids, in the order asked for.
    Queried {
        instance_ids: Vec<String>,
    },
    /// The license of one instance is asked for, as it stands, by whoever hands it to the buyer.
    LicenseAsked {
        instance_id: String,
    },
    /// `ends_at` is absolute and may lie before the present end. `product_id` is there when the kind of term changed.
    /// `term`: what was bought, from the families that say it; the others are asked for the order afterwards.
    /// `resumes`: it also ends the marketplace's stop, because no call of its own will.
    Refreshed {
        instance_id: String,
        order: OrderRef,
        scene: RefreshScene,
        ends_at: Option<DateTime<Utc>>,
        product_id: Option<String>,
        term: Option<Term>,
        resumes: bool,
    },
    /// A later order changes what was bought, at once: another spec, or more of it; instance and end stay.
    /// `details` come with the families that carry the order; the others ask the marketplace afterwards.
    Changed {
        instance_id: String,
        order: OrderRef,
        details: Option<OrderDetails>,
    },
    StatusChanged {
        instance_id: String,
        status: InstanceStatus,
    },
    /// `order` is the order that cancelled the purchase; absent after a natural end.
    Released {
        instance_id: String,
        order: Option<OrderRef>,
    },
    /// Somebody bought and will redeem a code that the marketplace gives out itself: nothing is owed yet.
    Announced {
        order: OrderRef,
    },
    /// Somebody asks for the license of an instance as a text or file.
    Applied {
        instance_id: String,
        application: Application,
    },
    /// May the instance become this at its renewal? Nothing is changed yet.
    ChangeAsked {
        instance_id: String,
        target: Target,
    },
    /// An order was placed; what it is has to be asked for.
    Noticed {
        order: OrderRef,
    },
    /// What the companies behind the purchases look like.
    KitSynced(KitSync),
}

/// What an instance should become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub product_id: String,
    pub sku: String,
    pub quantity: Option<u32>,
}

/// What the marketplace says about an order when it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetails {
    pub order_id: String,
    pub kind: OrderKind,
    /// Time of ordering, not of effect.
    pub created_at: DateTime<Utc>,
    /// The marketplace's id of the buyer.
    pub customer: Option<String>,
    /// A line that names several products stands here once per product.
    pub lines: Vec<OrderLineDetails>,
    /// What the buyer was asked at checkout: name and answer.
    pub extend_params: Vec<(String, String)>,
}

/// What made the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    New,
    Trial,
    TrialToFormal,
    Unsubscribe,
    Renew,
    Change,
}

/// One product of one order line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLineDetails {
    pub order_line_id: String,
    pub charging: Charging,
    /// The marketplace's estimate; its later calls win.
    pub expires_at: Option<DateTime<Utc>>,
    /// The end, where the order fixes it: then nothing is counted.
    pub ends_at: Option<DateTime<Utc>>,
    /// Unit and number of the term as bought.
    pub period: Option<(PeriodUnit, u32)>,
    pub product_id: Option<String>,
    pub sku: Option<String>,
    pub quantity: Option<u32>,
}

/// How an order line is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charging {
    OnDemand,
    OneTime,
    Period,
    OnDemandPackage,
}

/// Unit of a term as bought; days are for trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodUnit {
    Day,
    Month,
    Year,
}

/// What a call is answered that was answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The same again.
    StoredAnswer,
    /// What is true now: for a call that has no second effect anyway, and whose answer its caller keeps.
    AsItStands,
}

/// What the use cases made of an event. The marketplace's adapter turns it into the marketplace's own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseOutcome {
    /// Answers [`PurchaseEvent::Bought`]. `ready`: the license is minted; otherwise it is being worked on.
    Accepted { instance_id: String, ready: bool },
    /// Answers [`PurchaseEvent::Bought`] of the families that carry the order, and [`PurchaseEvent::LicenseAsked`], once
    /// the license is minted.
    /// `license_key` is the current text, before the license begins its claim code; none when the purchase was released
    /// before it had one.
    Delivered { info: InstanceInfo, license_key: Option<String> },
    /// Answers [`PurchaseEvent::Queried`].
    Instances(Vec<InstanceInfo>),
    /// Answers every event that changes an instance, also a repeated one.
    Done,
    /// No purchase has this instance id.
    InstanceUnknown,
    /// Received, the answer is not there yet; the marketplace asks again.
    Processing,
    /// Something broke on our side; the marketplace tries again.
    Unavailable,
    /// The call contradicts what is known about the order or instance.
    InvalidParameter,
    /// Every machine that was bought has its license.
    NoPlaceFree,
    /// What is asked for lies outside what was bought.
    OutsideValidity,
    /// A license that ends is asked for without its end.
    EndRequired,
    /// A license that is bound to a machine is asked for without one.
    FingerprintRequired,
    /// More is in use than what the instance should become.
    ChangeRefused,
}

/// What the buyer is shown about an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    pub instance_id: String,
    /// Where the buyer uses the product. At most 512 characters.
    pub front_end_url: String,
    /// Free text for the buyer. At most 1,024 characters.
    pub memo: String,
    /// How the buyer signs in there, if the product says.
    pub sign_in: Option<SignIn>,
    /// For whoever hands licenses to buyers itself; none when there is no license, and in every answer that is stored
    /// for its repeat.
    pub license: Option<Box<LicenseShown>>,
    /// What was used of a pay-per-use instance or a package; empty for what is bought for a time or for good.
    pub usage: Vec<InstanceUsage>,
}

/// A license as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseShown {
    pub id: LicenseId,
    pub state: LicenseState,
    /// None is permanent, or counted from a beginning that has not come.
    pub ends_at: Option<DateTime<Utc>>,
    /// The current text; none before it begins.
    pub license_key: Option<String>,
    pub claim_code: String,
}

/// A first user of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// At most 128 characters, also encrypted.
    pub user_name: String,
    /// Likewise.
    pub password: String,
}
