//! The right that one order line gave.

use std::collections::BTreeMap;

use super::{
    ChannelId, CustomerId, InstanceId, Instant, LicenseId, MachineLimit, MachinePolicy, MerchantId,
    OfflinePolicy, OrderLineKey, Phase, ProductId, QuotaPackage, RefreshScene, Refusal, Sku, SpecId, Status,
    StatusFlip, StatusSlot, Term, TokenId, Validity,
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

/// One signed license key text of a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedKey {
    /// Its `jti`.
    pub token_id: TokenId,
    /// Its entry in a status list.
    pub slot: StatusSlot,
    /// When it was signed.
    pub issued_at: Instant,
    /// Its own `exp`; `None` is permanent.
    pub ends_at: Option<Instant>,
    /// Whether a newer key took something away from it: clients must ask for the current one.
    pub superseded: bool,
    /// Whether it was re-issued because it had leaked: it opens nothing any more.
    pub leaked: bool,
}

impl IssuedKey {
    fn span(&self) -> Validity {
        Validity::between(self.issued_at, self.ends_at)
    }

    fn ends_before(&self, other: &Self) -> bool {
        self.span().ends_before(&other.span())
    }
}

/// A cause for which a license is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub since: Instant,
    /// Why, as given.
    pub reason: Option<String>,
}

/// The set of causes: a license is suspended while it is not empty. Each is lifted by who set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holds {
    /// The marketplace's.
    pub marketplace: Option<Hold>,
    /// The merchant's.
    pub merchant: Option<Hold>,
}

impl Holds {
    /// Whether nothing stops the license.
    pub fn is_empty(&self) -> bool {
        self.marketplace.is_none() && self.merchant.is_none()
    }
}

/// Whether a license goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseEnd {
    /// It does.
    Running,
    /// The marketplace ended it.
    Released {
        /// When.
        at: Instant,
    },
    /// The merchant ended it for good.
    Revoked {
        /// When.
        at: Instant,
        /// Why, as given.
        reason: Option<String>,
    },
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

/// A later order that moved, or would have moved, the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedOrder {
    /// The marketplace's order id.
    pub order_id: String,
    /// What it was for; `None` is the purchase itself.
    pub scene: Option<RefreshScene>,
    /// When it was ordered, once the marketplace was asked.
    pub ordered_at: Option<Instant>,
    /// When it arrived.
    pub received_at: Instant,
    /// The end it dictates; `None` is permanent.
    pub ends_at: Option<Instant>,
    /// Whether it takes effect: one that takes time away waits until its place among the orders is known.
    pub in_force: bool,
}

impl AppliedOrder {
    /// Orders are sorted by their time of ordering; one whose time is unknown counts as just ordered.
    fn rank(&self) -> (Instant, Instant) {
        (self.ordered_at.unwrap_or(self.received_at), self.received_at)
    }

    fn says_term(&self) -> bool {
        match self.scene {
            None
            | Some(RefreshScene::TrialToFormal | RefreshScene::Renewal | RefreshScene::RenewalChange) => true,
            Some(RefreshScene::CancelRenewal) => false,
        }
    }

    fn is(&self, order_id: &str, scene: RefreshScene) -> bool {
        self.order_id == order_id && self.scene == Some(scene)
    }
}

/// What a change of the end means for the license key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndChange {
    /// The end is where it was.
    Unchanged,
    /// Later: a new key; the old one ends by its own time.
    Later,
    /// Earlier: a new key; the old one is superseded.
    Earlier,
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
    /// When it is valid.
    pub validity: Validity,
    /// Why it is stopped, if it is.
    pub holds: Holds,
    /// Whether it goes on.
    pub end: LicenseEnd,
    /// Of the claim code: one more at each re-issue, which kills the old code.
    pub generation: u32,
    /// Every key text whose own end has not come, newest last; never empty once minted.
    pub issued: Vec<IssuedKey>,
    /// The current license key as the customer pastes it.
    pub license_key: String,
    /// The purchase and every later order, in order of arrival.
    pub orders: Vec<AppliedOrder>,
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
            holds: Holds::default(),
            end: LicenseEnd::Running,
            generation: 0,
            issued: Vec::new(),
            license_key: String::new(),
            orders: purchase.into_iter().collect(),
            created_at: now,
            updated_at: now,
        }
    }

    /// The state that is shown.
    pub fn state(&self, now: Instant) -> LicenseState {
        match (&self.end, self.holds.is_empty(), self.validity.phase(now)) {
            (LicenseEnd::Revoked { .. }, _, _) => LicenseState::Revoked,
            (LicenseEnd::Released { .. }, _, _) => LicenseState::Released,
            (LicenseEnd::Running, false, _) => LicenseState::Suspended,
            (LicenseEnd::Running, true, Phase::After) => LicenseState::Expired,
            (LicenseEnd::Running, true, Phase::Before) => LicenseState::Pending,
            (LicenseEnd::Running, true, Phase::Within) => LicenseState::Active,
        }
    }

    /// Whether it can be used at `now`, or why not: the ordered list of checks.
    pub fn check(&self, now: Instant) -> Result<(), Refusal> {
        match self.state(now) {
            LicenseState::Revoked => Err(Refusal::LicenseRevoked),
            LicenseState::Released => Err(Refusal::LicenseReleased),
            LicenseState::Suspended => Err(Refusal::LicenseSuspended),
            LicenseState::Expired => Err(Refusal::LicenseExpired),
            LicenseState::Pending => Err(Refusal::LicenseNotStarted),
            LicenseState::Active => Ok(()),
        }
    }

    /// The same for the holder of one key text: only the current key makes a new activation.
    pub fn check_key(&self, presented: &TokenId, now: Instant) -> Result<(), Refusal> {
        match self.check(now) {
            Err(ended @ (Refusal::LicenseRevoked | Refusal::LicenseReleased)) => Err(ended),
            _ if !self.is_current(presented) => Err(Refusal::LicenseSuperseded),
            other => other,
        }
    }

    /// The current key text's facts.
    pub fn current_key(&self) -> Option<&IssuedKey> {
        self.issued.last()
    }

    /// Whether `token_id` is the current key's.
    pub fn is_current(&self, token_id: &TokenId) -> bool {
        self.current_key().is_some_and(|key| &key.token_id == token_id)
    }

    /// Whether a key text was re-issued as leaked: it opens nothing, not even a renewal. Nobody knows which text
    /// had leaked, so that none from before the re-issue opens anything; token ids sort by their time.
    pub fn is_leaked(&self, token_id: &TokenId) -> bool {
        self.issued.iter().any(|key| key.leaked && token_id <= &key.token_id)
    }

    /// Whether a key text has nothing to say any more: its holder must ask for the current one.
    pub fn is_superseded(&self, token_id: &TokenId) -> bool {
        self.is_leaked(token_id) || self.issued.iter().any(|key| &key.token_id == token_id && key.superseded)
    }

    /// Stops it for one more cause. A repeat changes nothing; the expiry is never altered.
    pub fn suspend(&mut self, by: HoldBy, reason: Option<String>, now: Instant) -> Result<bool, Refusal> {
        self.must_run("a license that was revoked or released cannot be suspended")?;
        let hold = self.hold_of(by);
        let is_new = hold.is_none();
        if is_new {
            *hold = Some(Hold { since: now, reason });
        }
        Ok(is_new)
    }

    /// Lifts one cause; the others stay.
    pub fn resume(&mut self, by: HoldBy) -> Result<bool, Refusal> {
        self.must_run("a license that was revoked or released cannot be resumed")?;
        Ok(self.hold_of(by).take().is_some())
    }

    fn hold_of(&mut self, by: HoldBy) -> &mut Option<Hold> {
        match by {
            HoldBy::Marketplace => &mut self.holds.marketplace,
            HoldBy::Merchant => &mut self.holds.merchant,
        }
    }

    fn must_run(&self, why: &'static str) -> Result<(), Refusal> {
        match self.end {
            LicenseEnd::Running => Ok(()),
            LicenseEnd::Released { .. } | LicenseEnd::Revoked { .. } => Err(Refusal::IllegalState { why }),
        }
    }

    /// Ends it for the marketplace. A repeat changes nothing, and what was revoked stays revoked.
    pub fn release(&mut self, now: Instant) -> bool {
        let running = self.end == LicenseEnd::Running;
        if running {
            self.end = LicenseEnd::Released { at: now };
        }
        running
    }

    /// Ends it for good, also after a release. A repeat changes nothing.
    pub fn revoke(&mut self, reason: Option<String>, now: Instant) -> bool {
        let is_new = !matches!(self.end, LicenseEnd::Revoked { .. });
        if is_new {
            self.end = LicenseEnd::Revoked { at: now, reason };
        }
        is_new
    }

    /// Whether (order, scene) is known already.
    pub fn knows_order(&self, order_id: &str, scene: RefreshScene) -> bool {
        self.orders.iter().any(|order| order.is(order_id, scene))
    }

    /// Records a later order and moves the end if it is the latest ordered.
    ///
    /// What gives time takes effect at once. What takes time away waits for [`License::order_ranked`], when
    /// `will_be_ranked` says that the marketplace is being asked for its time of ordering: an old order that
    /// arrives late must not shorten a newer one, and nobody who has just paid reads "superseded".
    pub fn apply_order(&mut self, order: AppliedOrder, will_be_ranked: bool) -> EndChange {
        let dictated = self.validity.with_end(order.ends_at);
        let waits = will_be_ranked && dictated.ends_before(&self.validity);
        self.orders.push(AppliedOrder { in_force: !waits, ..order });
        self.settle_end()
    }

    /// Tells when an order was ordered, and moves the end to what the latest ordered one says.
    pub fn order_ranked(
        &mut self,
        order_id: &str,
        scene: RefreshScene,
        ordered_at: Option<Instant>,
    ) -> EndChange {
        for order in self.orders.iter_mut().filter(|order| order.is(order_id, scene)) {
            order.ordered_at = order.ordered_at.or(ordered_at);
            order.in_force = true;
        }
        self.settle_end()
    }

    /// Whether this order is the one that gives the term: the latest whose time of ordering is known and that
    /// says one. A cancelled renewal says nothing about the term that is left, whenever it arrives.
    pub fn gives_term(&self, order_id: &str, scene: RefreshScene) -> bool {
        let says = self.orders.iter().filter(|order| order.ordered_at.is_some() && order.says_term());
        says.max_by_key(|order| order.rank()).is_some_and(|order| order.is(order_id, scene))
    }

    fn latest_order(&self) -> Option<&AppliedOrder> {
        self.orders.iter().filter(|order| order.in_force).max_by_key(|order| order.rank())
    }

    fn settle_end(&mut self) -> EndChange {
        let Some(ends_at) = self.latest_order().map(|order| order.ends_at) else {
            return EndChange::Unchanged;
        };
        self.move_end(ends_at)
    }

    /// Moves the end.
    pub fn move_end(&mut self, ends_at: Option<Instant>) -> EndChange {
        let moved = self.validity.with_end(ends_at);
        let change = if moved.ends_before(&self.validity) {
            EndChange::Earlier
        } else if self.validity.ends_before(&moved) {
            EndChange::Later
        } else {
            EndChange::Unchanged
        };
        self.validity = moved;
        change
    }

    /// Puts a new key in the place of the current one, and forgets keys whose own end has come.
    ///
    /// Older keys than the current one may still be valid by their own end; they share its fate where they
    /// promise as much.
    pub fn replace_key(&mut self, key: IssuedKey, license_key: String, fate: OldKeyFate, now: Instant) {
        for old in &mut self.issued {
            old.superseded |= match fate {
                OldKeyFate::StaysValid => false,
                OldKeyFate::Superseded => key.ends_before(old),
                OldKeyFate::Reissued | OldKeyFate::Leaked => true,
            };
            old.leaked |= fate == OldKeyFate::Leaked;
        }
        self.issued.retain(|key| !has_ended(key, now) || key.leaked);
        self.issued.push(key);
        self.license_key = license_key;
    }

    /// What the status list says of one key text.
    pub fn status_of(&self, key: &IssuedKey) -> Status {
        match (&self.end, key.superseded, self.holds.is_empty()) {
            (LicenseEnd::Revoked { .. } | LicenseEnd::Released { .. }, _, _) => Status::Invalid,
            (LicenseEnd::Running, true, _) => Status::Superseded,
            (LicenseEnd::Running, false, false) => Status::Suspended,
            (LicenseEnd::Running, false, true) => Status::Valid,
        }
    }

    /// What every unexpired key text's entry has to say now.
    pub fn flips(&self, now: Instant) -> Vec<StatusFlip> {
        let unexpired = self.issued.iter().filter(|key| !has_ended(key, now));
        unexpired
            .map(|key| StatusFlip {
                merchant: self.merchant.clone(),
                slot: key.slot,
                status: self.status_of(key),
            })
            .collect()
    }
}

fn has_ended(key: &IssuedKey, now: Instant) -> bool {
    key.span().has_ended(now)
}

/// Who stops or resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldBy {
    /// The marketplace.
    Marketplace,
    /// The merchant.
    Merchant,
}

/// What becomes of the key that is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldKeyFate {
    /// It ends by its own time.
    StaysValid,
    /// Clients must ask for the new one, as must the holders of any older one that ends later than the new one.
    Superseded,
    /// Clients must ask for the new one, whichever they have.
    Reissued,
    /// The same, and none that they have opens anything any more.
    Leaked,
}

#[cfg(test)]
mod tests;
