//! What happened, who did it and why.

use std::collections::BTreeMap;

use super::spec::named;
use super::{
    ApiTokenId, ChannelId, CustomerDigest, EventId, EventPlace, Instant, KeyId, LicenseId, MerchantId,
    ProductId, PurchaseId, SessionId, SignInLinkId, SpecId, SubjectId, WebhookId,
};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A marketplace, through this channel.
    Marketplace(String),
    /// The holder of this API token.
    Token(String),
    /// The holder of the license.
    Customer,
    /// The server itself.
    Server,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Marketplace(channel) => write!(f, "marketplace:{channel}"),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::Customer => f.write_str("customer"),
            Self::Server => f.write_str("server"),
        }
    }
}

named!(
    /// What kind of thing happened.
    EventKind {
        /// A purchase was received.
        OrderReceived = "order.received",
        /// A purchase waits for its SKU to be known.
        OrderHeld = "order.held",
        /// The merchant has said which spec an order's SKU means.
        OrderMapped = "order.mapped",
        /// A call repeated an identity with other content.
        OrderContradicted = "order.contradicted",
        /// A renewal arrived for a revoked license.
        OrderPaidAfterRevocation = "order.paid_after_revocation",
        /// A license was issued.
        LicenseIssued = "license.issued",
        /// It was sold before and is known from now on.
        LicenseImported = "license.imported",
        /// It began, later than it was bought.
        LicenseStarted = "license.started",
        /// Its end moved.
        LicenseRenewed = "license.renewed",
        /// The merchant moved its end by hand.
        LicenseExtended = "license.extended",
        /// It was stopped.
        LicenseSuspended = "license.suspended",
        /// It goes on.
        LicenseResumed = "license.resumed",
        /// The marketplace ended it.
        LicenseReleased = "license.released",
        /// The merchant ended it.
        LicenseRevoked = "license.revoked",
        /// It got a new license key.
        LicenseReissued = "license.reissued",
        /// What it grants changed: another spec, or more or less of the same.
        LicenseChanged = "license.changed",
        /// The customer's personal data was erased.
        LicensePersonalDataErased = "license.personal_data_erased",
        /// Its text or file was asked for at the marketplace.
        LicenseRequested = "license.requested",
        /// The marketplace does not take its text or file any more: whoever applied gets none.
        LicenseUploadRefused = "license.upload_refused",
        /// A record of usage was given up: the marketplace takes it no more.
        UsageDropped = "usage.dropped",
        /// The merchant has said where the buyer finds the instance.
        AppInfoSet = "app_info.set",
        /// So much of a package's window is taken that its merchant wants to know.
        QuotaLow = "quota.low",
        /// All of a package's window is taken.
        QuotaExhausted = "quota.exhausted",
        /// Another license uses up a package, or it stands by itself again.
        QuotaMoved = "quota.moved",
        /// A machine took a place.
        ActivationCreated = "activation.created",
        /// A machine gave its place back or lost it.
        ActivationReleased = "activation.released",
        /// A machine's usage ledger was wrong at a place.
        LedgerRefused = "usage.ledger_refused",
        /// A copy of a machine was noticed.
        ActivationConflict = "activation.conflict",
        /// The merchant has asked for an order's work to be tried again at once.
        OrderRetried = "order.retried",
        /// Something of the catalog is there from now on.
        CatalogCreated = "catalog.created",
        /// Something of the catalog says something else.
        CatalogChanged = "catalog.changed",
        /// Something of the catalog is gone.
        CatalogRemoved = "catalog.removed",
        /// More changed at once than is told one by one.
        CatalogApplied = "catalog.applied",
        /// A token of the merchant API was made.
        ApiTokenCreated = "api_token.created",
        /// A token of the merchant API opens nothing any more.
        ApiTokenRevoked = "api_token.revoked",
        /// Somebody signed in to the console; an operator: turned to this merchant.
        SessionBegun = "session.begun",
        /// Somebody was signed out of the console.
        SessionEnded = "session.ended",
        /// A link was made that signs in once.
        SignInLinkCreated = "sign_in_link.created",
        /// It was withdrawn before anybody used it.
        SignInLinkRevoked = "sign_in_link.revoked",
        /// A signing key was made, and is told to clients before it signs.
        KeyStaged = "key.staged",
        /// Another signing key took the place of the one before.
        KeyRotated = "key.rotated",
        /// Nothing hangs on a signing key any more.
        KeyRetired = "key.retired",
        /// A signing key is not believed any more.
        KeyRevoked = "key.revoked",
        /// Clients are served another key set.
        KeySetPublished = "key_set.published",
        /// A customer's personal data was erased wherever it stood.
        CustomerErased = "customer.erased",
        /// The store was made from a backup: what came after it is lost.
        StoreRestored = "store.restored",
        /// Events that stood in no chain were asked to be sealed.
        AuditAdopted = "audit.adopted",
        /// A license ends in some days.
        LicenseExpiring = "license.expiring",
        /// It has ended by itself.
        LicenseExpired = "license.expired",
        /// A machine renewed its certificate; written where an endpoint asks for it by name.
        ActivationRenewed = "activation.renewed",
        /// A call at a production address was turned away for a reason that the merchant can mend.
        CallbackRejected = "callback.rejected",
        /// A dial test was answered with an error.
        ChannelDialTestFailed = "channel.dial_test_failed",
        /// No dial test has succeeded for a day and a half.
        ChannelSilent = "channel.silent",
        /// The certificate of the service's own address ends in some days.
        CertificateExpiring = "certificate.expiring",
        /// Events are sent to another address.
        WebhookCreated = "webhook.created",
        /// What is sent there, or where that is, changed.
        WebhookChanged = "webhook.changed",
        /// Nothing is sent there any more, and what was on its way is forgotten.
        WebhookDeleted = "webhook.deleted",
        /// Events are sent there again.
        WebhookEnabled = "webhook.enabled",
        /// Nothing is sent there until somebody enables it.
        WebhookDisabled = "webhook.disabled",
        /// Another secret signs what is sent there.
        WebhookSecretRotated = "webhook.secret_rotated",
        /// What was sent there is sent once more.
        WebhookReplayed = "webhook.replayed",
        /// A test event was sent there.
        WebhookTested = "webhook.tested",
    }
);

impl EventKind {
    /// Whether servers from before the chain read this kind: where an event of it lies, they list it.
    fn predates_the_chain(self) -> bool {
        match self {
            Self::OrderReceived
            | Self::OrderHeld
            | Self::OrderMapped
            | Self::OrderContradicted
            | Self::OrderPaidAfterRevocation
            | Self::LicenseIssued
            | Self::LicenseImported
            | Self::LicenseStarted
            | Self::LicenseRenewed
            | Self::LicenseSuspended
            | Self::LicenseResumed
            | Self::LicenseReleased
            | Self::LicenseRevoked
            | Self::LicenseReissued
            | Self::LicenseChanged
            | Self::LicensePersonalDataErased
            | Self::LicenseRequested
            | Self::LicenseUploadRefused
            | Self::UsageDropped
            | Self::AppInfoSet
            | Self::QuotaLow
            | Self::QuotaExhausted
            | Self::QuotaMoved
            | Self::ActivationCreated
            | Self::ActivationReleased
            | Self::LedgerRefused
            | Self::ActivationConflict => true,
            Self::LicenseExtended
            | Self::OrderRetried
            | Self::CatalogCreated
            | Self::CatalogChanged
            | Self::CatalogRemoved
            | Self::CatalogApplied
            | Self::ApiTokenCreated
            | Self::ApiTokenRevoked
            | Self::SessionBegun
            | Self::SessionEnded
            | Self::SignInLinkCreated
            | Self::SignInLinkRevoked
            | Self::KeyStaged
            | Self::KeyRotated
            | Self::KeyRetired
            | Self::KeyRevoked
            | Self::KeySetPublished
            | Self::CustomerErased
            | Self::StoreRestored
            | Self::AuditAdopted
            | Self::LicenseExpiring
            | Self::LicenseExpired
            | Self::ActivationRenewed
            | Self::CallbackRejected
            | Self::ChannelDialTestFailed
            | Self::ChannelSilent
            | Self::CertificateExpiring
            | Self::WebhookCreated
            | Self::WebhookChanged
            | Self::WebhookDeleted
            | Self::WebhookEnabled
            | Self::WebhookDisabled
            | Self::WebhookSecretRotated
            | Self::WebhookReplayed
            | Self::WebhookTested => false,
        }
    }
}

named!(
    /// What sort of thing an event is about, where that is no license.
    SubjectKind {
        /// The merchant itself.
        Merchant = "merchant",
        /// A product.
        Product = "product",
        /// A spec.
        Spec = "spec",
        /// Which spec a marketplace's code means.
        Mapping = "mapping",
        /// A production address.
        Channel = "channel",
        /// A purchase.
        Order = "order",
        /// A token of the merchant API.
        ApiToken = "api_token",
        /// A signing key.
        Key = "key",
        /// A customer, by digest.
        Customer = "customer",
        /// A machine's activation.
        Activation = "activation",
        /// A sign-in at the console.
        Session = "session",
        /// A link that signs in once.
        SignInLink = "sign_in_link",
        /// An endpoint for outbound events.
        Webhook = "webhook",
        /// The certificate of the service's own address.
        Certificate = "certificate",
        /// The store.
        Store = "store",
        /// The chain of events.
        Audit = "audit",
    }
);

/// What an event is about. As text `kind/id`: `license/lic_…`, `channel/cad-koogallery`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A license, also one that is not minted yet.
    License(LicenseId),
    /// Something else; found under its sort and id.
    Other(SubjectKind, SubjectId),
}

/// How a license is named as a subject.
const LICENSE: &str = "license";

impl Subject {
    /// Reads `kind/id`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/')?;
        if kind == LICENSE {
            return LicenseId::parse(id).ok().map(Self::License);
        }
        Some(Self::Other(SubjectKind::parse(kind)?, SubjectId::parse(id).ok()?))
    }

    /// The license, if it is one.
    pub fn license(&self) -> Option<&LicenseId> {
        match self {
            Self::License(license) => Some(license),
            Self::Other(..) => None,
        }
    }

    /// A customer whose data was erased: the digest, never the name.
    pub fn customer(customer: &CustomerDigest) -> Self {
        let hex: String = customer.0.iter().map(|byte| format!("{byte:02x}")).collect();
        Self::Other(SubjectKind::Customer, SubjectId::of(&hex))
    }

    /// The store: there is one.
    pub fn store() -> Self {
        Self::Other(SubjectKind::Store, SubjectId::of("store"))
    }

    /// The certificate of the service's own address: there is one.
    pub fn certificate() -> Self {
        Self::Other(SubjectKind::Certificate, SubjectId::of("served"))
    }

    /// The chain: each merchant has one.
    pub fn audit() -> Self {
        Self::Other(SubjectKind::Audit, SubjectId::of("chain"))
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::License(license) => write!(f, "{LICENSE}/{license}"),
            Self::Other(kind, id) => write!(f, "{}/{id}", kind.as_str()),
        }
    }
}

impl From<LicenseId> for Subject {
    fn from(license: LicenseId) -> Self {
        Self::License(license)
    }
}

/// What has an id of its own is a subject by it.
macro_rules! subjects {
    ($($id:ident => $kind:ident),+ $(,)?) => {
        $(impl From<&$id> for Subject {
            fn from(id: &$id) -> Self {
                Self::Other(SubjectKind::$kind, SubjectId::of(id.as_str()))
            }
        })+
    };
}

subjects!(
    MerchantId => Merchant,
    ProductId => Product,
    SpecId => Spec,
    ChannelId => Channel,
    PurchaseId => Order,
    ApiTokenId => ApiToken,
    SessionId => Session,
    SignInLinkId => SignInLink,
    KeyId => Key,
    WebhookId => Webhook,
);

/// One entry of the audit log; written in the commit of the change it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Time-ordered id.
    pub id: EventId,
    /// Whose.
    pub merchant: MerchantId,
    /// About what: a license (also one that is not minted yet), or, for changes that concern none, a token, a channel,
    /// a signing key and so on.
    pub subject: Subject,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: Actor,
    /// What.
    pub kind: EventKind,
    /// Facts, by name; never a key, a code or personal data.
    pub detail: BTreeMap<String, String>,
}

impl AuditEvent {
    /// The license that it is about, if it is about one.
    pub fn license(&self) -> Option<&LicenseId> {
        self.subject.license()
    }

    /// The license under which it lies, where servers from before the chain look for it and can read it. Everything else
    /// lies by itself: a kind or subject that they do not know would cost them the whole history of the license.
    pub fn lies_under(&self) -> Option<&LicenseId> {
        self.license().filter(|_| self.kind.predates_the_chain())
    }

    /// Where it lies.
    pub fn place(&self) -> EventPlace {
        let under_license = self.lies_under().is_some();
        EventPlace { event: self.id.clone(), subject: self.subject.clone(), under_license }
    }
}
