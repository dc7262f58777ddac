//! What can be bought.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{License, LocalizedText, PLACES_MAX, ProductId, QuotaTemplate, Sku, SpecId, Term};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// The name in apply files, JSON and tokens.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads the name.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }

            /// All names, for messages.
            pub const NAMES: &'static [&'static str] = &[$($text),+];
        }
    };
}
pub(super) use named;

/// The term of a spec: fixed, or as the order says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecTerm {
    /// Whatever the order says.
    AsOrdered,
    /// Always this.
    Fixed(Term),
}

/// How many machines a license may run on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineLimit {
    /// At most so many; at least 1.
    AtMost(u32),
    /// Any number.
    Unlimited,
}

impl MachineLimit {
    /// The limit, `times` over; never more than there can be places ([`PLACES_MAX`]), so that no key promises more.
    pub fn times(self, times: u32) -> Self {
        match self {
            Self::AtMost(limit) => Self::AtMost(limit.saturating_mul(times.max(1)).min(PLACES_MAX)),
            Self::Unlimited => Self::Unlimited,
        }
    }

    /// Whether this allows fewer machines than `other`.
    pub fn is_below(self, other: Self) -> bool {
        match (self, other) {
            (Self::AtMost(own), Self::AtMost(others)) => own < others,
            (Self::AtMost(_), Self::Unlimited) => true,
            (Self::Unlimited, _) => false,
        }
    }
}

named!(
    /// What the order's quantity multiplies.
    Multiply {
        /// The machine limit.
        Machines = "machines",
        /// Every quota amount.
        Quota = "quota",
        /// Nothing.
        Nothing = "none",
    }
);
named!(
    /// When the validity starts.
    Starts {
        /// With the purchase.
        Purchase = "purchase",
        /// With the first activation.
        FirstActivation = "first-activation",
        /// When the merchant records the buyer's acceptance.
        Acceptance = "acceptance",
    }
);
named!(
    /// What a purchase of the spec gives.
    SpecKind {
        /// A license.
        License = "license",
        /// Quota for a running license.
        Package = "package",
    }
);
named!(
    /// How a client treats a missing or old status list.
    StatusPolicy {
        /// Refuse without a fresh one.
        Require = "require",
        /// Use it when there is one; its absence never stops an offline lab.
        Prefer = "prefer",
        /// Never look.
        Ignore = "ignore",
    }
);
named!(
    /// What a client does with a refusal.
    Enforcement {
        /// Stop.
        Enforce = "enforce",
        /// Run and warn.
        Warn = "warn",
        /// Run and tell the program only.
        Advise = "advise",
    }
);
named!(
    /// What a license is bound to.
    Binding {
        /// Committed hardware components.
        Hardware = "hardware",
        /// A key made on the machine.
        DeviceKey = "device-key",
        /// A short lease that moves freely.
        Floating = "floating",
        /// Nothing: the license key alone is enough.
        Unbound = "none",
    }
);
named!(
    /// What happens to one machine too many.
    WhenFull {
        /// It is refused.
        Refuse = "refuse",
        /// It takes the place of the one that has been idle longest.
        ReplaceIdle = "replace-idle",
    }
);

/// How long software runs without the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflinePolicy {
    /// How long a certificate holds.
    pub lease: Duration,
    /// After how long the client asks for a new one.
    pub renew_after: Duration,
    /// How long a certificate for a machine that is never online holds.
    pub air_gap_lease: Duration,
    /// How a missing or old status list is treated.
    pub status: StatusPolicy,
    /// How old a status list may be.
    pub max_status_age: Duration,
    /// How long after the end a client goes on running.
    pub grace: Duration,
    /// What a client does with a refusal.
    pub enforcement: Enforcement,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for OfflinePolicy {
    fn default() -> Self {
        Self {
            lease: 30 * DAY,
            renew_after: 7 * DAY,
            air_gap_lease: 366 * DAY,
            status: StatusPolicy::Prefer,
            max_status_age: 14 * DAY,
            grace: 3 * DAY,
            enforcement: Enforcement::Enforce,
        }
    }
}

/// Where software may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachinePolicy {
    /// What a license is bound to.
    pub binding: Binding,
    /// Lease of a floating place.
    pub floating_lease: Duration,
    /// What happens to one machine too many.
    pub when_full: WhenFull,
    /// How often in 30 days a place released by hand is free at once.
    pub moves_per_30_days: u32,
}

impl Default for MachinePolicy {
    fn default() -> Self {
        Self {
            binding: Binding::Hardware,
            floating_lease: Duration::from_secs(30 * 60),
            when_full: WhenFull::Refuse,
            moves_per_30_days: 3,
        }
    }
}

/// What can be bought (规格). Changing a spec never changes what was already sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Stable id, the merchant's own.
    pub id: SpecId,
    /// What it licenses.
    pub product: ProductId,
    /// The marketplace's codes for it; may be empty until the product is listed.
    pub skus: Vec<Sku>,
    /// The marketplace's product ids for it, one per period type.
    pub product_ids: Vec<String>,
    /// Name that customers read.
    pub name: LocalizedText,
    /// Length of validity.
    pub term: SpecTerm,
    /// How many machines at a time.
    pub machines: MachineLimit,
    /// What the order's quantity multiplies.
    pub multiply: Multiply,
    /// Features it grants.
    pub entitlements: Vec<String>,
    /// The merchant's own facts, carried in the license key.
    pub attributes: BTreeMap<String, String>,
    /// How long new versions are included, if not for the whole term.
    pub updates: Option<Term>,
    /// When the validity starts.
    pub starts: Starts,
    /// What a purchase of it gives.
    pub kind: SpecKind,
    /// How long software runs without the server.
    pub offline: OfflinePolicy,
    /// Where software may run.
    pub machine: MachinePolicy,
    /// What can be used up.
    pub quota: Vec<QuotaTemplate>,
    /// Which specs an instance may become, besides itself; any other license of its product where nothing is said.
    pub changes_to: Option<Vec<SpecId>>,
}

impl Spec {
    /// Whether a license that exists can be made one of this spec at all: tokens name their product for ever, and a package
    /// runs on no machine.
    pub fn suits(&self, license: &License) -> bool {
        self.product == license.product && (self.kind == SpecKind::Package) == license.is_package()
    }

    /// Whether its instances may become another spec, as far as the two of them say.
    pub fn may_become(&self, target: &Self) -> bool {
        let leads_there = self.changes_to.as_ref().is_none_or(|ids| ids.contains(&target.id));
        let is_it = self.id == target.id;
        self.product == target.product && self.kind == target.kind && (is_it || leads_there)
    }

    /// Whether a marketplace means this spec by the given codes; the SKU decides, else the product id.
    pub fn is_meant_by(&self, sku: Option<&Sku>, product_id: Option<&str>) -> bool {
        sku.is_some_and(|sku| self.skus.contains(sku))
            || product_id.is_some_and(|id| self.product_ids.iter().any(|known| known == id))
    }
}
