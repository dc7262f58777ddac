//! What is stored, in domain words: one record per noun, found by a typed key.

use chrono::TimeDelta;

use crate::domain::{
    Activation, ActivationId, Adoption, ApiToken, AppInfo, Application, AuditEvent, AuthorizationCode,
    CallChunk, CallId, CertificateTold, ChainBlock, ChainHead, Channel, ChannelId, ChannelNotice,
    ChannelStanding, ClaimDigest, CustomerDigest, Delivery, DeliveryId, Device, EndsTold, Erasure, EventId,
    EventPlace, HandedOver, HandedOverKey, InstanceId, Instant, JobId, KeptAnswer, KeyRing, KitInterface,
    License, LicenseId, Marketplace, Merchant, MerchantId, MeterKey, MeteringSn, NoticeId, OrderLineKey,
    OrderRef, PackageId, Places, Product, ProductId, Purchase, PurchaseOutcome, QuotaAccount, RefreshScene,
    Reservation, ReservationId, Restore, SealedEvent, SealerLease, SearchTerm, Session, SessionDigest,
    SignInLink, Sku, Spec, SpecId, StatusFlip, StatusList, StatusListNumber, StatusSlot, Subject,
    TokenDigest, TokenUse, Unsealed, UsageGrant, UsageId, UsageKey, UsageRecord, UsageSum, Webhook,
    WebhookId, WebhookProgress, WebhookReplay, authorization_code,
};

/// The key of one record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKey {
    /// A merchant.
    Merchant(MerchantId),
    /// A product of a merchant.
    Product(MerchantId, ProductId),
    /// A spec of a merchant.
    Spec(MerchantId, SpecId),
    /// A channel of a merchant.
    Channel(MerchantId, ChannelId),
    /// Which spec a merchant has said that a marketplace's code means.
    Mapping(MerchantId, MarketplaceCode),
    /// An API token, by the digest of its text.
    ApiToken(TokenDigest),
    /// When an API token was last used.
    TokenUse(TokenDigest),
    /// A session of the console, below the merchant whose token opened it; below none for the server's own.
    Session(Option<MerchantId>, SessionDigest),
    /// A link that opens a session once, likewise.
    SignInLink(Option<MerchantId>, SessionDigest),
    /// A purchase.
    Purchase(OrderLineKey),
    /// Which purchase an instance id means.
    Instance(MerchantId, Marketplace, InstanceId),
    /// A code that the marketplace gave a buyer.
    AuthorizationCode(MerchantId, Marketplace, InstanceId),
    /// Which purchase will become this license; deleted when it is minted.
    PendingLicense(MerchantId, LicenseId),
    /// A license.
    License(MerchantId, LicenseId),
    /// Which license a claim code means.
    ClaimCode(MerchantId, ClaimDigest),
    /// A license handed over through a marketplace.
    HandedOver(HandedOverKey),
    /// What the buyer of a license's instance is shown.
    AppInfo(MerchantId, LicenseId),
    /// The places of a license.
    Places(MerchantId, LicenseId),
    /// An activation of a license.
    Activation(MerchantId, LicenseId, ActivationId),
    /// The device key of an activation, its share of quota and its ledger.
    Device(MerchantId, LicenseId, ActivationId),
    /// A published status list.
    StatusList(MerchantId, StatusListNumber),
    /// An entry that waits for the next publication.
    StatusFlip(MerchantId, StatusSlot),
    /// Work to do after an answer; sorted by lane, and there by `due_at`.
    Job {
        /// Where it waits; none until somebody has looked whose call it waits for.
        lane: Option<Lane>,
        /// When it is due.
        due_at: Instant,
        /// Which.
        id: JobId,
    },
    /// An audit event, under the license it is about.
    Event(MerchantId, LicenseId, EventId),
    /// An audit event that lies by itself ([`AuditEvent::lies_under`]).
    OtherEvent(MerchantId, Subject, EventId),
    /// That an event waits for its place in the chain of its merchant.
    Unsealed(MerchantId, EventId),
    /// Who seals at the moment.
    SealerLease,
    /// Entries of a merchant's chain that were sealed together, by the number of the last.
    ChainBlock(MerchantId, u64),
    /// Where a merchant's chain ends.
    ChainHead(MerchantId),
    /// The place that an event has in the chain.
    SealedEvent(MerchantId, EventId),
    /// How far events without a place were looked for.
    Adoption(MerchantId),
    /// A call that was answered; kept so that a replay has no second effect.
    Replay(MerchantId, ChannelId, [u8; 32]),
    /// A request of the merchant API that was answered, by the digest of its idempotency key.
    Idempotency(MerchantId, [u8; 32]),
    /// A request of the merchant API and its answer, below whoever it is about; below none for the server itself.
    KeptAnswer(Option<MerchantId>, [u8; 32]),
    /// The last restore of this store, if there was one.
    Restore,
    /// The signing keys of a merchant.
    KeyRing(MerchantId),
    /// That a customer's personal data was erased.
    Erasure(MerchantId, CustomerDigest),
    /// What a marketplace told of a company.
    Kit {
        /// To whom.
        merchant: MerchantId,
        /// Which marketplace.
        marketplace: Marketplace,
        /// Of what.
        interface: KitInterface,
        /// What names it.
        id: Vec<String>,
    },
    /// Some calls at a production address.
    Calls {
        /// Whose.
        merchant: MerchantId,
        /// Which address.
        channel: ChannelId,
        /// Whether a key of the merchant signed them.
        signed: bool,
        /// The newest of them.
        newest: CallId,
    },
    /// How a channel has fared.
    Standing(MerchantId, ChannelId),
    /// What a merchant should know of a channel.
    Notice(MerchantId, ChannelId, NoticeId),
    /// A record of usage.
    UsageRecord(UsageKey),
    /// Which record of usage has a name that its merchant gave it.
    MeteringSn(MerchantId, MeteringSn),
    /// A place in the queue of a channel's usage; sorted by `due_at`, then by the order of recording.
    WaitingUsage {
        /// Whose.
        merchant: MerchantId,
        /// Through which channel it is pushed.
        channel: ChannelId,
        /// Not before.
        due_at: Instant,
        /// Which.
        id: UsageId,
    },
    /// How far the usage of a channel was pushed.
    UsageOutbox(MerchantId, ChannelId),
    /// What was used of an instance in all.
    UsageSum(MerchantId, Marketplace, InstanceId),
    /// The quota packages of a license.
    QuotaAccount(MerchantId, LicenseId),
    /// A report of usage that was answered, by the digest of its idempotency key.
    UsageReport(MerchantId, LicenseId, [u8; 32]),
    /// Quota of a license that is kept back.
    Reservation(MerchantId, LicenseId, ReservationId),
    /// An endpoint to which events are sent.
    Webhook(MerchantId, WebhookId),
    /// How far events were sent to an endpoint.
    WebhookProgress(MerchantId, WebhookId),
    /// What an endpoint is sent once more.
    WebhookReplay(MerchantId, WebhookId),
    /// An event on its way to an endpoint, or one that has ended.
    Delivery {
        /// Whose.
        merchant: MerchantId,
        /// Where to.
        webhook: WebhookId,
        /// Whether it has ended.
        ended: bool,
        /// Which.
        id: DeliveryId,
    },
    /// Up to which end of a license a merchant was told, so many days ahead.
    EndsTold(MerchantId, u16),
    /// Of which end of the served certificate a merchant was told.
    CertificateTold(MerchantId),
    /// A word by which a license is found; all of it is the key.
    SearchTerm(SearchTerm),
    /// How far the search index was filled.
    IndexFilling,
}

impl RecordKey {
    /// The key of the event at a place.
    pub fn of_event(merchant: &MerchantId, place: &EventPlace) -> Self {
        match &place.subject {
            Subject::License(license) if place.under_license => {
                Self::Event(merchant.clone(), license.clone(), place.event.clone())
            }
            subject => Self::OtherEvent(merchant.clone(), subject.clone(), place.event.clone()),
        }
    }
}

/// A counter that many commits add to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CounterKey {
    /// How many status-list entries of a merchant were given out.
    StatusSlots(MerchantId),
    /// What was counted of a quota package.
    Quota(MerchantId, MeterKey),
    /// What was used of a package of a pay-per-use license in one hour of the clock, by when it was counted: in
    /// ten-thousandths, what is beyond the package included. For the push to the marketplace.
    ///
    /// Nothing is added to an hour that is over, but for commits that were on their way: whoever sums an hour up waits
    /// [`USED_HOUR_SETTLES_SECS`].
    UsedHour(UsedHour),
}

/// After so many seconds an hour of [`CounterKey::UsedHour`] is added to no more.
pub const USED_HOUR_SETTLES_SECS: i64 = 300;

/// Which package was used in which hour. They sort by merchant, hour, license, package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsedHour {
    /// Whose.
    pub merchant: MerchantId,
    /// The start of the hour, UTC.
    pub hour: Instant,
    /// Of which license.
    pub license: LicenseId,
    /// Which of its packages; it says the metric.
    pub package: PackageId,
}

/// Jobs that wait for the same other side, and are equally urgent. They are found without looking at any other job.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Whose.
    pub merchant: MerchantId,
    /// Through which address the marketplace is called; none for what calls nobody.
    pub channel: Option<ChannelId>,
    /// How urgent.
    pub rank: Rank,
}

/// How urgent a job is among those that wait for the same other side; the first go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Somebody has asked for it to be done now.
    ByHand,
    /// A buyer waits: the marketplace pays back what is not delivered in time.
    Purchase,
    /// Everything else.
    Ordinary,
}

/// Work to do after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Time-ordered id.
    pub id: JobId,
    /// Where it waits; none until somebody has looked whose call it waits for.
    pub lane: Option<Lane>,
    /// When it was made, or is due for the first time if that is later; not known of those that an earlier version made.
    pub since: Option<Instant>,
    /// Not before.
    pub due_at: Instant,
    /// While this lies ahead, some worker has it.
    pub leased_until: Option<Instant>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed, in words.
    pub last_failure: Option<String>,
    /// What to do.
    pub task: Task,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Ask the marketplace what a purchase's order says, then mint or hold.
    SettlePurchase {
        /// Which purchase.
        purchase: OrderLineKey,
    },
    /// Ask the marketplace when a later order was ordered, then settle the end.
    RankOrder {
        /// Of which purchase.
        purchase: OrderLineKey,
        /// Which order.
        order_id: String,
        /// Its line, if it has one.
        order_line_id: Option<String>,
        /// What it was for.
        scene: RefreshScene,
    },
    /// Ask the marketplace to activate a code, and what its order says, then mint or hold.
    RedeemCode {
        /// Whose.
        merchant: MerchantId,
        /// Who made it.
        marketplace: Marketplace,
        /// The code.
        code: InstanceId,
    },
    /// Ask the marketplace how a redeemed code stands, and follow it.
    QueryCode {
        /// Whose.
        merchant: MerchantId,
        /// The license that it opened.
        license: LicenseId,
        /// The marketplace's day on which the question came up.
        day: u32,
    },
    /// Tell the marketplace that the software was used.
    ReportUse {
        /// Whose.
        merchant: MerchantId,
        /// Which license.
        license: LicenseId,
        /// Who used it; opaque.
        client: String,
    },
    /// Decide about an application that came before the license did.
    ApplyForLicense {
        /// Of which purchase.
        purchase: OrderLineKey,
        /// What was asked for.
        application: Application,
    },
    /// Ask the marketplace what a changing order says, then change the license.
    ApplyChange {
        /// Of which purchase.
        purchase: OrderLineKey,
        /// Which order.
        order: OrderRef,
    },
    /// Ask the marketplace what an order is, and receive it if it is a purchase.
    LookAtOrder {
        /// Whose.
        merchant: MerchantId,
        /// Through which address it was told of.
        channel: ChannelId,
        /// Which order.
        order: OrderRef,
    },
    /// Hand a license over to the marketplace.
    UploadLicense {
        /// Which.
        key: HandedOverKey,
    },
    /// Find the license that uses up a package that was bought by itself.
    AttachPackage {
        /// Whose.
        merchant: MerchantId,
        /// The package's own purchase.
        package: LicenseId,
    },
    /// Push what waits of a channel's usage.
    PushUsage {
        /// Whose.
        merchant: MerchantId,
        /// Which channel.
        channel: ChannelId,
    },
}

impl Job {
    /// The key it is stored under.
    pub fn key(&self) -> RecordKey {
        RecordKey::Job { lane: self.lane.clone(), due_at: self.due_at, id: self.id.clone() }
    }
}

impl Task {
    /// How urgent it is, unless somebody asks for it by hand.
    pub fn rank(&self) -> Rank {
        let a_buyer_waits =
            matches!(self, Self::SettlePurchase { .. } | Self::LookAtOrder { .. } | Self::RedeemCode { .. });
        if a_buyer_waits { Rank::Purchase } else { Rank::Ordinary }
    }

    /// What it does, as answers name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SettlePurchase { .. } => "settle_purchase",
            Self::RankOrder { .. } => "rank_order",
            Self::RedeemCode { .. } => "redeem_code",
            Self::QueryCode { .. } => "query_code",
            Self::ReportUse { .. } => "report_use",
            Self::ApplyForLicense { .. } => "apply_for_license",
            Self::ApplyChange { .. } => "apply_change",
            Self::LookAtOrder { .. } => "look_at_order",
            Self::UploadLicense { .. } => "upload_license",
            Self::PushUsage { .. } => "push_usage",
            Self::AttachPackage { .. } => "attach_package",
        }
    }

    /// Whose it is and what it is about, for the log: never a code.
    pub fn subject(&self) -> (&MerchantId, &str) {
        match self {
            Self::SettlePurchase { purchase } => (&purchase.merchant, named(purchase)),
            Self::RankOrder { purchase, order_id, .. } => (&purchase.merchant, order_id),
            Self::RedeemCode { merchant, .. } => (merchant, "an authorization code"),
            Self::QueryCode { merchant, license, .. } | Self::ReportUse { merchant, license, .. } => {
                (merchant, license.as_str())
            }
            Self::ApplyForLicense { purchase, .. } => (&purchase.merchant, named(purchase)),
            Self::ApplyChange { purchase, order } => (&purchase.merchant, order.order_id.as_str()),
            Self::LookAtOrder { merchant, order, .. } => (merchant, order.order_id.as_str()),
            Self::UploadLicense { key } => (&key.merchant, key.request.as_str()),
            Self::PushUsage { merchant, channel } => (merchant, channel.as_str()),
            Self::AttachPackage { merchant, package } => (merchant, package.as_str()),
        }
    }
}

/// The order of a purchase. An earlier version named it after its code where the marketplace named no order.
fn named(purchase: &OrderLineKey) -> &str {
    let order_id = purchase.order_id.as_str();
    if authorization_code(order_id).is_some() { "an authorization code" } else { order_id }
}

/// A call of a marketplace that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Whose.
    pub merchant: MerchantId,
    /// Through which address.
    pub channel: ChannelId,
    /// Digest of the request's nonce.
    pub digest: [u8; 32],
    /// Digest of the whole request: another one under the same nonce is refused.
    pub request: [u8; 32],
    /// How long it is kept.
    pub until: Instant,
    /// What was answered; only outcomes of calls that change something.
    pub outcome: PurchaseOutcome,
}

/// A request of the merchant API that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Whose.
    pub merchant: MerchantId,
    /// Digest of the key.
    pub key_digest: [u8; 32],
    /// Digest of the request: another request under the same key is refused.
    pub request_digest: [u8; 32],
    /// How long it is kept.
    pub until: Instant,
    /// What the request made or changed.
    pub license: LicenseId,
}

/// What a marketplace told of a company, as it was received last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitRecord {
    /// To whom.
    pub merchant: MerchantId,
    /// Which marketplace.
    pub marketplace: Marketplace,
    /// Of what.
    pub interface: KitInterface,
    /// What names it: the instance first.
    pub id: Vec<String>,
    /// Through which address.
    pub channel: ChannelId,
    /// The text as received; secrets in it are encrypted for the merchant alone.
    pub body: String,
    /// When.
    pub received_at: Instant,
}

/// A code by which a marketplace names what was bought.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarketplaceCode {
    /// Its code for a spec.
    Sku(Sku),
    /// Its product id, where the order names no SKU.
    ProductId(String),
}

/// Which spec a merchant has said that a marketplace's code means. It is kept beside the catalog, so that an apply file
/// that does not name the code does not take it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Whose.
    pub merchant: MerchantId,
    /// The code.
    pub code: MarketplaceCode,
    /// What it means.
    pub spec: SpecId,
    /// Since when.
    pub since: Instant,
}

/// Which record of usage has a name that its merchant gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUsage {
    /// The name.
    pub metering_sn: MeteringSn,
    /// The record.
    pub record: UsageKey,
}

/// A place in the queue of a channel's usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingUsage {
    /// Through which channel it is pushed.
    pub channel: ChannelId,
    /// Not before.
    pub due_at: Instant,
    /// Its place in the order of recording.
    pub id: UsageId,
    /// The record.
    pub record: UsageKey,
}

/// How far the usage of a channel was pushed. Whoever adds to its queue commits against this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageOutbox {
    /// Whose.
    pub merchant: MerchantId,
    /// Which channel.
    pub channel: ChannelId,
    /// When its job is due; none when nothing waits. Of several jobs the one that is due then does the work.
    pub next_at: Option<Instant>,
    /// The last place of the batch that is on its way: the same batch again until there is an answer.
    pub batch_end: Option<(Instant, UsageId)>,
    /// Most records of the next batch.
    pub batch_max: u32,
    /// How many records in a row were set aside because the marketplace refused them alone.
    pub set_aside: u32,
}

/// A report of usage, or a reservation, that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageReport {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Digest of the idempotency key.
    pub key_digest: [u8; 32],
    /// Digest of what was reported: something else under the same key is refused.
    pub request_digest: [u8; 32],
    /// How long it is kept.
    pub until: Instant,
    /// The reservation that it made, if it asked for one.
    pub reservation: Option<ReservationId>,
    /// What was answered.
    pub grant: UsageGrant,
}

/// Which purchase an instance id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// What the marketplace calls it.
    pub id: InstanceId,
    /// The purchase.
    pub purchase: OrderLineKey,
}

/// Which purchase will become a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingLicense {
    /// The id it will have.
    pub id: LicenseId,
    /// The purchase.
    pub purchase: OrderLineKey,
}

/// How far the search index was filled with what is not written by this version: servers of an earlier one may run beside
/// it, or have run before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexFilling {
    /// Of the pass that goes on: when it began, and the last place that it has looked at. None between two passes.
    pub under_way: Option<FillingPass>,
    /// When the last pass that looked at everything began and ended.
    pub complete: Option<(Instant, Instant)>,
}

impl IndexFilling {
    /// Whether all is in the index: everything was looked at, and not so long ago that an earlier version may have run
    /// since.
    pub fn is_complete(&self, now: Instant) -> bool {
        self.complete.is_some_and(|(_, ended_at)| now - ended_at < INDEX_STAYS_COMPLETE)
    }
}

/// How long after a pass the index counts as complete: longer than from one pass to the next.
pub const INDEX_STAYS_COMPLETE: TimeDelta = TimeDelta::hours(3);

/// A pass over everything that the search index is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillingPass {
    /// When it began.
    pub began_at: Instant,
    /// The merchant whose records it looks at; those before it in order are done.
    pub merchant: MerchantId,
    /// The oldest license of it that was looked at.
    pub before: Option<LicenseId>,
}

/// Which license a claim code means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTarget {
    /// Whose.
    pub merchant: MerchantId,
    /// Digest of the code.
    pub digest: ClaimDigest,
    /// The license; also one that is not minted yet.
    pub license: LicenseId,
    /// Which of its codes: an older generation opens nothing.
    pub generation: u32,
}

/// The places of one license, with the key they are stored under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicensePlaces {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// The places.
    pub places: Places,
}

/// A catalog entry with the merchant it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned<T> {
    /// Whose.
    pub merchant: MerchantId,
    /// What.
    pub value: T,
}

/// A value with the revision to commit against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// As stored.
    pub value: T,
    /// Never reused, not even after delete and recreate.
    pub revision: u64,
}

macro_rules! records {
    ($($variant:ident($noun:ty) = $key:expr;)+) => {
        /// One stored record.
        #[expect(clippy::large_enum_variant, reason = "a record lives for one read or one commit")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Record { $(#[doc = concat!("See [`RecordKey`].")] $variant($noun)),+ }

        impl Record {
            /// The key it is stored under.
            pub fn key(&self) -> RecordKey {
                match self { $(Self::$variant(noun) => { let key: fn(&$noun) -> RecordKey = $key; key(noun) }),+ }
            }
        }

        $(impl Stored for $noun {
            fn into_record(self) -> Record { Record::$variant(self) }
            fn from_record(record: Record) -> Option<Self> {
                match record { Record::$variant(noun) => Some(noun), _ => None }
            }
        })+
    };
}

impl Record {
    /// Until when it is kept, if not for ever: what a claim goes by.
    pub fn kept_until(&self) -> Option<Instant> {
        match self {
            Self::Replay(replay) => Some(replay.until),
            Self::Idempotency(idempotency) => Some(idempotency.until),
            Self::KeptAnswer(answer) => Some(answer.until),
            Self::AuthorizationCode(code) => code.kept_until(),
            Self::UsageReport(report) => Some(report.until),
            Self::Reservation(reservation) => reservation.remembered_until(),
            Self::Session(session) => Some(session.ends_at()),
            Self::SignInLink(link) => Some(link.remembered_until()),
            Self::Merchant(_)
            | Self::Product(_)
            | Self::Spec(_)
            | Self::Channel(_)
            | Self::Mapping(_)
            | Self::ApiToken(_)
            | Self::TokenUse(_)
            | Self::Purchase(_)
            | Self::Instance(_)
            | Self::PendingLicense(_)
            | Self::License(_)
            | Self::ClaimTarget(_)
            | Self::HandedOver(_)
            | Self::AppInfo(_)
            | Self::Places(_)
            | Self::Activation(_)
            | Self::Device(_)
            | Self::StatusList(_)
            | Self::StatusFlip(_)
            | Self::Job(_)
            | Self::Event(_)
            | Self::Unsealed(_)
            | Self::SealerLease(_)
            | Self::ChainBlock(_)
            | Self::ChainHead(_)
            | Self::SealedEvent(_)
            | Self::Adoption(_)
            | Self::Restore(_)
            | Self::Erasure(_)
            | Self::KeyRing(_)
            | Self::Kit(_)
            | Self::Calls(_)
            | Self::Standing(_)
            | Self::Notice(_)
            | Self::UsageRecord(_)
            | Self::NamedUsage(_)
            | Self::WaitingUsage(_)
            | Self::UsageOutbox(_)
            | Self::UsageSum(_)
            | Self::QuotaAccount(_)
            | Self::Webhook(_)
            | Self::WebhookProgress(_)
            | Self::WebhookReplay(_)
            | Self::Delivery(_)
            | Self::EndsTold(_)
            | Self::CertificateTold(_)
            | Self::SearchTerm(_)
            | Self::IndexFilling(_) => None,
        }
    }
}

/// A noun that is a record of its own.
pub trait Stored: Sized {
    /// The noun as a record.
    fn into_record(self) -> Record;
    /// The noun, if the record is one.
    fn from_record(record: Record) -> Option<Self>;
}

records! {
    Merchant(Merchant) = |it| RecordKey::Merchant(it.id.clone());
    Product(Owned<Product>) = |it| RecordKey::Product(it.merchant.clone(), it.value.id.clone());
    Spec(Owned<Spec>) = |it| RecordKey::Spec(it.merchant.clone(), it.value.id.clone());
    Channel(Owned<Channel>) = |it| RecordKey::Channel(it.merchant.clone(), it.value.id.clone());
    Mapping(Mapping) = |it| RecordKey::Mapping(it.merchant.clone(), it.code.clone());
    ApiToken(ApiToken) = |it| RecordKey::ApiToken(it.digest);
    TokenUse(TokenUse) = |it| RecordKey::TokenUse(it.token);
    Session(Session) = |it| RecordKey::Session(it.owner.merchant().cloned(), it.digest);
    SignInLink(SignInLink) = |it| RecordKey::SignInLink(it.owner.merchant().cloned(), it.digest);
    Purchase(Purchase) = |it| RecordKey::Purchase(it.key.clone());
    Instance(Instance) = |it| {
        RecordKey::Instance(it.purchase.merchant.clone(), it.purchase.marketplace, it.id.clone())
    };
    AuthorizationCode(AuthorizationCode) = |it| {
        RecordKey::AuthorizationCode(it.merchant.clone(), it.marketplace, it.code.clone())
    };
    PendingLicense(PendingLicense) = |it| {
        RecordKey::PendingLicense(it.purchase.merchant.clone(), it.id.clone())
    };
    License(License) = |it| RecordKey::License(it.merchant.clone(), it.id.clone());
    ClaimTarget(ClaimTarget) = |it| RecordKey::ClaimCode(it.merchant.clone(), it.digest);
    HandedOver(HandedOver) = |it| RecordKey::HandedOver(it.key.clone());
    AppInfo(AppInfo) = |app_info| RecordKey::AppInfo(app_info.merchant.clone(), app_info.license.clone());
    Places(LicensePlaces) = |it| RecordKey::Places(it.merchant.clone(), it.license.clone());
    Activation(Activation) = |it| {
        RecordKey::Activation(it.merchant.clone(), it.license.clone(), it.id.clone())
    };
    Device(Device) = |it| {
        RecordKey::Device(it.merchant.clone(), it.license.clone(), it.activation.clone())
    };
    StatusList(StatusList) = |it| RecordKey::StatusList(it.merchant.clone(), it.number);
    StatusFlip(StatusFlip) = |it| RecordKey::StatusFlip(it.merchant.clone(), it.slot);
    Job(Job) = |it| it.key();
    Event(AuditEvent) = |it| RecordKey::of_event(&it.merchant, &it.place());
    Unsealed(Unsealed) = |it| RecordKey::Unsealed(it.merchant.clone(), it.place.event.clone());
    SealerLease(SealerLease) = |_it| RecordKey::SealerLease;
    ChainBlock(ChainBlock) = |it| RecordKey::ChainBlock(it.merchant.clone(), it.last_seq());
    ChainHead(ChainHead) = |it| RecordKey::ChainHead(it.merchant.clone());
    SealedEvent(SealedEvent) = |it| RecordKey::SealedEvent(it.merchant.clone(), it.event.clone());
    Adoption(Adoption) = |it| RecordKey::Adoption(it.merchant.clone());
    Replay(Replay) = |it| RecordKey::Replay(it.merchant.clone(), it.channel.clone(), it.digest);
    Idempotency(Idempotency) = |it| RecordKey::Idempotency(it.merchant.clone(), it.key_digest);
    KeptAnswer(KeptAnswer) = |it| RecordKey::KeptAnswer(it.owner.clone(), it.key_digest);
    Restore(Restore) = |_it| RecordKey::Restore;
    Erasure(Erasure) = |it| RecordKey::Erasure(it.merchant.clone(), it.customer);
    KeyRing(KeyRing) = |it| RecordKey::KeyRing(it.merchant.clone());
    Kit(KitRecord) = |it| RecordKey::Kit {
        merchant: it.merchant.clone(),
        marketplace: it.marketplace,
        interface: it.interface,
        id: it.id.clone(),
    };
    Calls(CallChunk) = |it| RecordKey::Calls {
        merchant: it.merchant.clone(),
        channel: it.channel.clone(),
        signed: it.signed,
        newest: it.newest.clone(),
    };
    Standing(ChannelStanding) = |it| RecordKey::Standing(it.merchant.clone(), it.channel.clone());
    Notice(ChannelNotice) = |it| {
        RecordKey::Notice(it.merchant.clone(), it.channel.clone(), it.id.clone())
    };
    UsageRecord(UsageRecord) = |it| RecordKey::UsageRecord(it.key.clone());
    NamedUsage(NamedUsage) = |it| {
        RecordKey::MeteringSn(it.record.merchant.clone(), it.metering_sn.clone())
    };
    WaitingUsage(WaitingUsage) = |it| RecordKey::WaitingUsage {
        merchant: it.record.merchant.clone(),
        channel: it.channel.clone(),
        due_at: it.due_at,
        id: it.id.clone(),
    };
    UsageOutbox(UsageOutbox) = |it| {
        RecordKey::UsageOutbox(it.merchant.clone(), it.channel.clone())
    };
    UsageSum(UsageSum) = |it| {
        RecordKey::UsageSum(it.merchant.clone(), it.marketplace, it.instance.clone())
    };
    QuotaAccount(QuotaAccount) = |it| {
        RecordKey::QuotaAccount(it.merchant.clone(), it.license.clone())
    };
    UsageReport(UsageReport) = |it| {
        RecordKey::UsageReport(it.merchant.clone(), it.license.clone(), it.key_digest)
    };
    Reservation(Reservation) = |it| {
        RecordKey::Reservation(it.merchant.clone(), it.license.clone(), it.id.clone())
    };
    Webhook(Webhook) = |it| RecordKey::Webhook(it.merchant.clone(), it.id.clone());
    WebhookProgress(WebhookProgress) = |it| {
        RecordKey::WebhookProgress(it.merchant.clone(), it.webhook.clone())
    };
    WebhookReplay(WebhookReplay) = |it| {
        RecordKey::WebhookReplay(it.merchant.clone(), it.webhook.clone())
    };
    Delivery(Delivery) = |it| RecordKey::Delivery {
        merchant: it.merchant.clone(),
        webhook: it.webhook.clone(),
        ended: it.has_ended(),
        id: it.id.clone(),
    };
    EndsTold(EndsTold) = |it| RecordKey::EndsTold(it.merchant.clone(), it.days);
    CertificateTold(CertificateTold) = |it| RecordKey::CertificateTold(it.merchant.clone());
    SearchTerm(SearchTerm) = |it| RecordKey::SearchTerm(it.clone());
    IndexFilling(IndexFilling) = |_it| RecordKey::IndexFilling;
}
