//! What happened, who did it and why.

use std::collections::BTreeMap;

use super::spec::named;
use super::{EventId, Instant, LicenseId, MerchantId};

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
    }
);

/// One entry of the audit log; written in the commit of the change it tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Time-ordered id.
    pub id: EventId,
    /// Whose.
    pub merchant: MerchantId,
    /// About which license, also one that is not minted yet.
    pub license: LicenseId,
    /// When.
    pub at: Instant,
    /// Who.
    pub actor: Actor,
    /// What.
    pub kind: EventKind,
    /// Facts, by name; never a key, a code or personal data.
    pub detail: BTreeMap<String, String>,
}
