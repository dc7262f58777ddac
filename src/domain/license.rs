//! The right that one order line gave.

mod extension;
mod keys;
mod orders;
mod start;
mod stop;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::license as test_license;

use std::collections::BTreeMap;

pub use extension::{Extension, SUPPORT_EXTENSION_DAYS_MAX};
pub use keys::{IssuedKey, OldKeyFate};
pub use orders::{AppliedChange, AppliedOrder, EndChange};
pub use start::{DelayedStart, StartEvent};
pub use stop::{Hold, HoldBy, Holds, LicenseEnd};

use super::{
    Attachment, ChannelId, CustomerId, InstanceId, Instant, LicenseId, MachineLimit, MachinePolicy,
    MerchantId, OfflinePolicy, OrderLineKey, Phase, ProductId, QuotaPackage, Refusal, Sku, SpecId, Term,
    TokenId, Validity,
};

/// Live, or a trial of the integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Env {
    /// Sold.
    Live,
    /// Made while testing.
    Test,
}

impl Env {
    /// The word in tokens and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Test].into_iter().find(|env| env.as_str() == text)
    }
}

/// Where a license came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Bought at a marketplace.
    Order {
        /// Through which address.
        channel: ChannelId,
        /// Which order line.
        key: OrderLineKey,
        /// What the marketplace calls it.
        instance: InstanceId,
    },
    /// Issued by hand.
    Issued {
        /// Name of the token that did it.
        by: String,
    },
}

/// The spec as it was when it was sold; later changes of the catalog do not touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoldSpec {
    /// Which spec.
    pub spec: SpecId,
    /// The marketplace's code under which it was sold.
    pub sku: Option<Sku>,
    /// Length of validity as bought.
    pub term: Term,
    /// How many machines at a time, multiplied by the quantity if the spec says so.
    pub machines: MachineLimit,
    /// Features it grants.
    pub entitlements: Vec<String>,
    /// The merchant's own facts.
    pub attributes: BTreeMap<String, String>,
    /// Up to when new versions are included, if not for the whole validity.
    pub updates_until: Option<Instant>,
    /// How long software runs without the server.
    pub offline: OfflinePolicy,
    /// Where software may run.
    pub machine: MachinePolicy,
    /// What can be used up.
    pub quota: Vec<QuotaPackage>,
}

impl SoldSpec {
    /// Whether it withholds something that `before` granted: machines, features, or what can be used up.
    pub fn takes_from(&self, before: &Self) -> bool {
        let keeps = |entitlement: &String| self.entitlements.contains(entitlement);
        let covers = |package: &QuotaPackage| self.quota.iter().any(|own| own.covers(package));
        self.machines.is_below(before.machines)
            || !before.entitlements.iter().all(keeps)
            || !before.quota.iter().all(covers)
    }
}

/// The one state that is shown: the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LicenseState {
    /// Ended for good by the merchant.
    Revoked,
    /// Ended by the marketplace.
    Released,
    /// Stopped; can be resumed.
    Suspended,
    /// Its time is over.
    Expired,
    /// Not usable yet.
    Pending,
    /// Usable.
    Active,
}

impl LicenseState {
    const ALL: [Self; 6] =
        [Self::Revoked, Self::Released, Self::Suspended, Self::Expired, Self::Pending, Self::Active];

    /// The first state that applies. What has not begun ends only where the marketplace has said when.
    pub fn of(
        end: &LicenseEnd,
        holds: &Holds,
        awaits: Option<StartEvent>,
        known: &Validity,
        now: Instant,
    ) -> Self {
        let phase = match (awaits, known.phase(now)) {
            (None, phase) => phase,
            (Some(_), Phase::After) => Phase::After,
            (Some(_), Phase::Before | Phase::Within) => Phase::Before,
        };
        match (end, holds.is_empty(), phase) {
            (LicenseEnd::Revoked { .. }, _, _) => Self::Revoked,
            (LicenseEnd::Released { .. }, _, _) => Self::Released,
            (LicenseEnd::Running, false, _) => Self::Suspended,
            (LicenseEnd::Running, true, Phase::After) => Self::Expired,
            (LicenseEnd::Running, true, Phase::Before) => Self::Pending,
            (LicenseEnd::Running, true, Phase::Within) => Self::Active,
        }
    }

    /// Whether a license in this state can be used, or why not: the ordered list of checks.
    pub fn check(self, awaits: Option<StartEvent>) -> Result<(), Refusal> {
        match self {
            Self::Revoked => Err(Refusal::LicenseRevoked),
            Self::Released => Err(Refusal::LicenseReleased),
            Self::Suspended => Err(Refusal::LicenseSuspended),
            Self::Expired => Err(Refusal::LicenseExpired),
            Self::Pending => Err(match awaits {
                None => Refusal::LicenseNotStarted,
                Some(StartEvent::FirstActivation) => Refusal::AwaitsActivation,
                Some(StartEvent::Acceptance) => Refusal::AwaitsAcceptance,
            }),
            Self::Active => Ok(()),
        }
    }

    /// The word in answers and filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Released => "released",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Pending => "pending",
            Self::Active => "active",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What a license is made of when it is minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLicense {
    /// Reserved when the purchase was received.
    pub id: LicenseId,
    /// Whose.
    pub merchant: MerchantId,
    /// What it licenses.
    pub product: ProductId,
    /// Where it came from.
    pub origin: Origin,
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// The merchant's own note, shown in lists.
    pub label: String,
    /// Live or test.
    pub env: Env,
    /// What was sold.
    pub sold: SoldSpec,
    /// When it is valid.
    pub validity: Validity,
    /// When the purchase was ordered, if it was.
    pub ordered_at: Option<Instant>,
}

/// The right that one order line gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct License {
    /// Never reused, stable over renewals.
    pub id: LicenseId,
    /// Whose.
    pub merchant: MerchantId,
    /// What it licenses.
    pub product: ProductId,
    /// Where it came from.
    pub origin: Origin,
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// The merchant's own note, shown in lists.
    pub label: String,
    /// Live or test.
    pub env: Env,
    /// What was sold.
    pub sold: SoldSpec,
    /// When it is valid; before a beginning that is awaited, when it would be if it had begun with the purchase.
    pub validity: Validity,
    /// The end that the merchant moved it to last; see [`License::extended`].
    pub extension: Option<Extension>,
    /// What begins it, if that is not the purchase.
    pub start: Option<DelayedStart>,
    /// Who uses up its packages, if it is the purchase of a package; none for what runs on machines.
    pub attachment: Option<Attachment>,
    /// Why it is stopped, if it is.
    pub holds: Holds,
    /// When the marketplace stopped it or let it go on last, where its calls say when that happened.
    pub status_told_at: Option<Instant>,
    /// Whether it goes on.
    pub end: LicenseEnd,
    /// Of the claim code: one more at each re-issue, which kills the old code.
    pub generation: u32,
    /// Every key text whose own end has not come, newest last; empty only before it begins.
    pub issued: Vec<IssuedKey>,
    /// The current license key as the customer pastes it; empty before it begins.
    pub license_key: String,
    /// The purchase and every later order, in order of arrival.
    pub orders: Vec<AppliedOrder>,
    /// The orders that changed what was bought, in order of arrival.
    pub changes: Vec<AppliedChange>,
    /// When it was minted.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl License {
    /// A license that has no key yet.
    pub fn new(new: NewLicense, order_id: Option<&str>, received_at: Instant, now: Instant) -> Self {
        let purchase = order_id.map(|order_id| AppliedOrder {
            order_id: order_id.to_owned(),
            scene: None,
            ordered_at: new.ordered_at,
            received_at,
            ends_at: new.validity.ends_at,
            term: Some(new.sold.term),
            in_force: true,
        });
        Self {
            id: new.id,
            merchant: new.merchant,
            product: new.product,
            origin: new.origin,
            customer: new.customer,
            label: new.label,
            env: new.env,
            sold: new.sold,
            validity: new.validity,
            extension: None,
            start: None,
            attachment: None,
            holds: Holds::default(),
            status_told_at: None,
            end: LicenseEnd::Running,
            generation: 0,
            issued: Vec::new(),
            license_key: String::new(),
            orders: purchase.into_iter().collect(),
            changes: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The state that is shown.
    pub fn state(&self, now: Instant) -> LicenseState {
        let known = Validity::between(self.validity.starts_at, self.known_end());
        LicenseState::of(&self.end, &self.holds, self.awaits(), &known, now)
    }

    /// Whether it can be used at `now`, or why not.
    pub fn check(&self, now: Instant) -> Result<(), Refusal> {
        self.state(now).check(self.awaits())
    }

    /// The same for the holder of one key text: only the current key makes a new activation. In a store that was ever
    /// restored, so does a later one that was signed in a lost time.
    pub fn check_key(&self, presented: &TokenId, was_restored: bool, now: Instant) -> Result<(), Refusal> {
        let is_current = self.is_current(presented) || (was_restored && self.has_lost(presented));
        match self.check(now) {
            Err(ended @ (Refusal::LicenseRevoked | Refusal::LicenseReleased)) => Err(ended),
            _ if !is_current => Err(Refusal::LicenseSuperseded),
            other => other,
        }
    }
}
