//! What can be listed of the records, and in which order.

use super::record::{Lane, RecordKey};
use crate::domain::{
    ChannelId, CustomerDigest, DeliveryId, EventId, InstanceId, Instant, LicenseId, Marketplace, MerchantId,
    OrderId, SearchTerm, Subject, TermField, TokenDigest, UsageKey, WebhookId,
};

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Every merchant.
    Merchants,
    /// The products of a merchant.
    Products(MerchantId),
    /// The specs of a merchant.
    Specs(MerchantId),
    /// The channels of a merchant.
    Channels(MerchantId),
    /// Every API token, by its digest, above the given one.
    ApiTokens {
        /// Only greater ones.
        after: Option<TokenDigest>,
    },
    /// Sessions of the console whose token is this merchant's, or the server's own, in no order that means anything, behind
    /// the given one.
    Sessions {
        /// Whose.
        owner: Option<MerchantId>,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Sign-in links, likewise.
    SignInLinks {
        /// Whose.
        owner: Option<MerchantId>,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Licenses, newest first, below the given id.
    Licenses {
        /// Whose.
        merchant: MerchantId,
        /// Only older ones.
        before: Option<LicenseId>,
    },
    /// Licenses that are not minted yet, newest first, below the given id.
    PendingLicenses {
        /// Whose.
        merchant: MerchantId,
        /// Only older ones.
        before: Option<LicenseId>,
    },
    /// The purchases of one order.
    PurchasesOfOrder {
        /// Whose.
        merchant: MerchantId,
        /// Where it was bought.
        marketplace: Marketplace,
        /// The marketplace's order id.
        order_id: OrderId,
    },
    /// The activations of a license, oldest first.
    Activations(MerchantId, LicenseId),
    /// The activations of all licenses of a merchant that are not older than one, license by license, behind the given
    /// activation.
    ActivationsSince {
        /// Whose.
        merchant: MerchantId,
        /// Of this license and later ones.
        from: LicenseId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// The device keys of a license's activations, oldest first.
    Devices(MerchantId, LicenseId),
    /// The published lists of a merchant.
    StatusLists(MerchantId),
    /// The entries of a merchant that wait for publication.
    StatusFlips(MerchantId),
    /// Jobs of all merchants, lane by lane, in each by the time they are due; also those that lie ahead. Last come those
    /// that have no lane yet.
    Jobs,
    /// Jobs that have no lane yet, by the time they are due.
    JobsWithoutLane,
    /// Jobs of all lanes behind this one, and then those without: the first is the head of the next lane.
    JobsBehindLane(Lane),
    /// Jobs of one lane, by the time they are due.
    JobsOfLane {
        /// Which.
        lane: Lane,
        /// Only those due at this time or later.
        from: Option<Instant>,
    },
    /// Jobs of a merchant, lane by lane, behind the given one; none without a lane.
    JobsOfMerchant {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// The events that lie under a license ([`crate::domain::AuditEvent::lies_under`]), oldest first.
    Events(MerchantId, LicenseId),
    /// The same behind the given one.
    LaterEvents {
        /// Whose.
        merchant: MerchantId,
        /// Of which license.
        license: LicenseId,
        /// Only those behind this one.
        after: EventId,
    },
    /// The events about a subject that lie by themselves, oldest first, behind the given one.
    OtherEvents {
        /// Whose.
        merchant: MerchantId,
        /// About what.
        subject: Subject,
        /// Only those behind this one.
        after: Option<EventId>,
    },
    /// Events about a subject, newest first: those that lie under their license, or those that lie by themselves.
    EarlierEvents {
        /// Whose.
        merchant: MerchantId,
        /// About what.
        subject: Subject,
        /// Which of the two.
        under_license: bool,
        /// Only those before this one.
        before: Option<EventId>,
    },
    /// What waits for its place in the chain, merchant by merchant, in each oldest first; only of merchants behind this one.
    Unsealed {
        /// None: of all.
        behind: Option<MerchantId>,
    },
    /// What waits of one merchant, oldest first.
    UnsealedOf(MerchantId),
    /// The blocks of a chain, oldest first, from the one that has this number.
    ChainBlocks {
        /// Whose.
        merchant: MerchantId,
        /// The number.
        from: u64,
    },
    /// The blocks of a chain, newest first, that end before this number.
    EarlierChainBlocks {
        /// Whose.
        merchant: MerchantId,
        /// The number; none: from the newest on.
        before: Option<u64>,
    },
    /// Answered calls of a merchant, in no order that means anything, behind the given one.
    Replays {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Calls of a channel that were written together, newest first.
    Calls {
        /// Whose.
        merchant: MerchantId,
        /// At which address.
        channel: ChannelId,
        /// Whether a key of the merchant signed them.
        signed: bool,
    },
    /// Notices about a channel, newest first.
    Notices(MerchantId, ChannelId),
    /// Idempotency keys of a merchant, likewise.
    IdempotencyKeys {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Answers that are kept for requests that may be sent again, of a merchant or of none, likewise.
    KeptAnswers {
        /// Whose.
        owner: Option<MerchantId>,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Authorization codes of a merchant, likewise.
    AuthorizationCodes {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Records of usage by instance, the newest interval first, below the given one.
    UsageRecords {
        /// Whose.
        merchant: MerchantId,
        /// Of this instance only.
        instance: Option<(Marketplace, InstanceId)>,
        /// Only those before this one.
        before: Option<UsageKey>,
    },
    /// The queue of a channel's usage, by the time it is due; also what is not due yet.
    WaitingUsage(MerchantId, ChannelId),
    /// Reservations of a license, oldest first.
    Reservations(MerchantId, LicenseId),
    /// Reservations of all licenses of a merchant, behind the given one.
    ReservationsOfMerchant {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// What marketplaces told of companies and people, in no order that means anything, behind the given one.
    Kit {
        /// To whom.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Customers whose personal data was erased, by digest, behind the given one.
    Erasures {
        /// Whose.
        merchant: MerchantId,
        /// Only greater ones.
        after: Option<CustomerDigest>,
    },
    /// The endpoints of a merchant.
    Webhooks(MerchantId),
    /// How far events were sent to each of them.
    WebhookProgress(MerchantId),
    /// What they are sent once more.
    WebhookReplays(MerchantId),
    /// The events on their way to an endpoint, in the order of making.
    PendingDeliveries(MerchantId, WebhookId),
    /// Those that have ended, the newest first, below the given one.
    EndedDeliveries {
        /// Whose.
        merchant: MerchantId,
        /// Where to.
        webhook: WebhookId,
        /// Only those before this one.
        before: Option<DeliveryId>,
    },
    /// Up to which ends a merchant was told.
    EndsTold(MerchantId),
    /// Answered reports of usage of a merchant, in no order that means anything, behind the given one.
    UsageReports {
        /// Whose.
        merchant: MerchantId,
        /// Only those behind this one.
        after: Option<RecordKey>,
    },
    /// Search terms of one field that have this value, the newest license first.
    TermsEqual {
        /// Whose.
        merchant: MerchantId,
        /// Of which field.
        field: TermField,
        /// Which value.
        value: String,
        /// Only those of this license and older ones.
        at_most: Option<LicenseId>,
    },
    /// Search terms of one field whose value begins so, by value; of one value the oldest license first.
    TermsLeading {
        /// Whose.
        merchant: MerchantId,
        /// Of which field.
        field: TermField,
        /// How it begins.
        value: String,
        /// Only those behind this one.
        after: Option<SearchTerm>,
    },
    /// Search terms of one field with a value from `from`, up to and not at `to`, likewise.
    TermsBetween {
        /// Whose.
        merchant: MerchantId,
        /// Of which field.
        field: TermField,
        /// The least value.
        from: String,
        /// Above the greatest value.
        to: String,
        /// Only those behind this one.
        after: Option<SearchTerm>,
    },
}
