//! What an act on a license would bring about, told before it is done: nothing is written, nothing is signed.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::act_on_license::{Deed, LicenseAction};
use super::app::{App, UseCaseError};
use super::ports::Versioned;
use super::publish_status_lists::STATUS_LIST_TTL_HOURS;
use super::view_quota::PackageView;
use crate::domain::{
    Activation, ActivationId, Amount, Binding, Enforcement, Instant, License, LicenseEnd, LicenseId,
    LicenseState, MachineLimit, MerchantId, OfflinePolicy, OldKeyFate, Origin, SpecId, StatusPolicy,
    Validity,
};

/// Most machines that are told one by one.
const MACHINES_SHOWN_MAX: usize = 1_000;

/// What an act would bring about, at the instant at which it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consequences {
    /// Of which license.
    pub license: LicenseId,
    /// The revision that this was told of: the act with `If-Match` of it does exactly this, or nothing.
    pub revision: u64,
    /// The word of the act.
    pub action: &'static str,
    /// Whether the act changes anything.
    pub changes: bool,
    /// The license as it is.
    pub before: LicenseOutline,
    /// The license as it would be.
    pub after: LicenseOutline,
    /// Every machine that holds a place, in the order in which they took them.
    pub machines: Vec<MachineAffected>,
    /// What becomes of license key and claim code.
    pub key: KeyAfter,
    /// Software that holds nothing but the license key, where the license is bound to no machine: until when it runs at
    /// most without hearing of this; none where the key has no end, or nothing stops.
    pub key_runs_until: Option<Instant>,
    /// How what can be used up changes; only what does.
    pub quota: Vec<QuotaAfter>,
    /// What calls of the marketplace that come later do to this act.
    pub later_calls: Vec<LaterCall>,
    /// What nothing brings back.
    pub irreversible: Vec<Irreversible>,
}

/// What is told of a license before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseOutline {
    /// Its state.
    pub state: LicenseState,
    /// What was sold.
    pub spec: SpecId,
    /// On how many machines it may run.
    pub machines: MachineLimit,
    /// What it grants.
    pub entitlements: Vec<String>,
    /// Its end, as far as it is known.
    pub ends_at: Option<Instant>,
    /// Whether the marketplace holds it.
    pub held_by_marketplace: bool,
    /// Whether the merchant holds it.
    pub held_by_merchant: bool,
}

/// One machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineAffected {
    /// Its activation.
    pub activation: ActivationId,
    /// What its holder calls it.
    pub name: String,
    /// What becomes of it.
    pub fate: MachineFate,
    /// When it asks for its next certificate, and so hears of it at the latest where it is online; none where that time has
    /// passed: then it hears when it comes online.
    pub asks_at: Option<Instant>,
    /// When it hears by the status list at the latest where it is online; none where its spec ignores status lists.
    pub reads_list_by: Option<Instant>,
    /// Until when it runs at most without ever being online again, where it stops: the end of its lease, or when its status
    /// list is too old by the rule of its spec. None where it does not stop, or its spec only warns.
    pub runs_until: Option<Instant>,
}

/// What becomes of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineFate {
    /// It runs on as before.
    RunsOn,
    /// It runs on with another license key, which it gets by renewal.
    RunsOnRenewed,
    /// It keeps its place although there are more machines than the limit then.
    BeyondLimit,
    /// It stops; it keeps its place.
    Stops,
    /// It stops for good.
    StopsForGood,
    /// It goes on.
    Resumes,
    /// It loses its place.
    LosesPlace,
    /// Its lease has ended: its place is free, and it does not run.
    HasLapsed,
}

impl MachineFate {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunsOn => "runs_on",
            Self::RunsOnRenewed => "runs_on_renewed",
            Self::BeyondLimit => "beyond_limit",
            Self::Stops => "stops",
            Self::StopsForGood => "stops_for_good",
            Self::Resumes => "resumes",
            Self::LosesPlace => "loses_place",
            Self::HasLapsed => "has_lapsed",
        }
    }

    /// Whether its software stops by the act.
    pub fn stops(self) -> bool {
        match self {
            Self::Stops | Self::StopsForGood | Self::LosesPlace => true,
            Self::RunsOn | Self::RunsOnRenewed | Self::BeyondLimit | Self::Resumes | Self::HasLapsed => false,
        }
    }
}

/// What becomes of license key and claim code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAfter {
    /// They stay.
    Stays,
    /// A new key; the present one stays valid up to its own end.
    New,
    /// A new key; the present one says that there is a newer one.
    Superseded,
    /// A new key and a new claim code; the old ones open nothing new.
    Replaced,
    /// The same, and no old key opens anything any more, not even a renewal.
    ReplacedAsLeaked,
    /// The key says that the license was ended.
    Ended,
}

impl KeyAfter {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::New => "new",
            Self::Superseded => "superseded",
            Self::Replaced => "replaced",
            Self::ReplacedAsLeaked => "replaced_as_leaked",
            Self::Ended => "ended",
        }
    }
}

/// How one package changes; none of `left` where it gives its amount for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaAfter {
    /// What is counted.
    pub metric: String,
    /// In which unit.
    pub unit: String,
    /// What is left in this window.
    pub window_left_before: Amount,
    /// What would be left in it.
    pub window_left_after: Amount,
    /// What is left in all.
    pub left_before: Option<Amount>,
    /// What would be left in all.
    pub left_after: Option<Amount>,
}

/// What a later call of the marketplace does to an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaterCall {
    /// A renewal, or a cancelled one, sets the end that it names: what the merchant gave ends with it.
    RenewalSetsEnd,
    /// An upgrade, or a renewal with a change, that is ordered later sets what is granted.
    UpgradeSetsGrant,
    /// A freeze stops it again.
    FreezeStopsAgain,
    /// An unfreeze lifts the marketplace's hold only: this one stays until the merchant lifts it.
    UnfreezeDoesNotResume,
    /// A renewal that is paid is written down, and changes nothing.
    RenewalIsOnlyRecorded,
}

impl LaterCall {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RenewalSetsEnd => "renewal_sets_end",
            Self::UpgradeSetsGrant => "upgrade_sets_grant",
            Self::FreezeStopsAgain => "freeze_stops_again",
            Self::UnfreezeDoesNotResume => "unfreeze_does_not_resume",
            Self::RenewalIsOnlyRecorded => "renewal_is_only_recorded",
        }
    }
}

/// What nothing brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Irreversible {
    /// The license: a revoked one is never resumed.
    License,
    /// The old license keys and the old claim code.
    OldKeys,
    /// Places that machines lose: each has to be activated again.
    Places,
    /// What is left of what can be used up.
    Quota,
    /// The beginning.
    Beginning,
    /// Time that was given: an end is not moved back by hand.
    Time,
}

impl Irreversible {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::License => "license",
            Self::OldKeys => "old_keys",
            Self::Places => "places",
            Self::Quota => "quota",
            Self::Beginning => "beginning",
            Self::Time => "time",
        }
    }
}

impl LicenseAction {
    /// What calls of the marketplace that come later do to this act on a license.
    pub fn later_calls(&self, license: &License) -> Vec<LaterCall> {
        if !matches!(license.origin, Origin::Order { .. }) {
            return Vec::new();
        }
        match self {
            Self::Suspend => vec![LaterCall::UnfreezeDoesNotResume],
            Self::Resume { override_marketplace: true } => vec![LaterCall::FreezeStopsAgain],
            Self::Revoke => vec![LaterCall::RenewalIsOnlyRecorded],
            Self::Extend { .. } => vec![LaterCall::RenewalSetsEnd],
            Self::ChangeSpec { .. } => vec![LaterCall::UpgradeSetsGrant],
            Self::Resume { override_marketplace: false } | Self::Reissue { .. } | Self::Accept { .. } => {
                Vec::new()
            }
        }
    }
}

/// What a preview looks at.
struct Scene<'a> {
    before: &'a License,
    after: &'a License,
    action: &'a LicenseAction,
    deed: &'a Deed,
    now: Instant,
}

impl App {
    /// What the act would bring about now; refuses what the act would refuse.
    pub async fn consequences(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        action: &LicenseAction,
    ) -> Result<Consequences, UseCaseError> {
        let loaded = self.load_with_places(merchant, license).await;
        let loaded = match loaded {
            Err(UseCaseError::Refused(crate::domain::Refusal::LicenseKeyRefused)) => {
                return Err(crate::domain::Refusal::NotFound { what: "license" }.into());
            }
            other => other?,
        };
        let Versioned { value: before, revision } = loaded.license;
        let (now, mut after) = (self.now(), before.clone());
        let deed = self.act(&mut after, action, None, now).await?;
        let places = &loaded.places.value.places;
        let activations = self.activations_of(&before, places).await?;
        let held = places.held.iter().filter_map(|place| activations.get(&place.activation));
        let scene = Scene { before: &before, after: &after, action, deed: &deed, now };
        let machines: Vec<_> =
            held.take(MACHINES_SHOWN_MAX).enumerate().map(|(at, one)| scene.machine(at, one)).collect();
        let quota = self.quota_after(&before, &after).await?;
        let irreversible = scene.irreversible(&machines, &quota);
        Ok(Consequences {
            license: before.id.clone(),
            revision,
            action: action.as_str(),
            changes: deed.changed,
            before: LicenseOutline::of(&before, now),
            after: LicenseOutline::of(&after, now),
            machines,
            key: scene.key(),
            key_runs_until: scene.key_runs_until(),
            quota,
            later_calls: action.later_calls(&before),
            irreversible,
        })
    }

    /// Package by package; what is not there any more has nothing left.
    async fn quota_after(&self, before: &License, after: &License) -> Result<Vec<QuotaAfter>, UseCaseError> {
        if (&before.sold, &before.end, before.validity) == (&after.sold, &after.end, after.validity) {
            return Ok(Vec::new());
        }
        let views_before = self.packages_of(before).await?;
        let views_after = self.packages_of(after).await?;
        let metrics =
            views_before.keys().chain(views_after.keys().filter(|key| !views_before.contains_key(*key)));
        let changes = metrics.map(|key| QuotaAfter::of(key, views_before.get(key), views_after.get(key)));
        Ok(changes.filter(QuotaAfter::is_different).collect())
    }

    async fn packages_of(
        &self,
        license: &License,
    ) -> Result<BTreeMap<(String, String), Vec<PackageView>>, UseCaseError> {
        let views = self.view_quota(&license.merchant, &[license]).await?;
        let mut by_metric = BTreeMap::<_, Vec<_>>::new();
        for view in views.into_values().flatten() {
            let template = &view.held.package.template;
            by_metric.entry((template.metric.clone(), template.unit.clone())).or_default().push(view);
        }
        Ok(by_metric)
    }
}

impl Scene<'_> {
    fn machine(&self, at: usize, activation: &Activation) -> MachineAffected {
        let fate = self.fate(at, activation);
        let lease = activation.lease().ok();
        let asks_at = lease.map(|lease| lease.renew_after);
        let asks_at = asks_at.filter(|at| !Validity::between(self.now, Some(*at)).has_ended(self.now));
        let policy = &self.before.sold.offline;
        let lease_end = lease.and_then(|lease| lease.validity.ends_at);
        let stops = fate.stops() && policy.enforcement == Enforcement::Enforce;
        MachineAffected {
            activation: activation.id.clone(),
            name: activation.name.clone(),
            fate,
            asks_at,
            reads_list_by: reads_list_by(policy, self.now),
            runs_until: if stops { earlier(lease_end, stale_at(policy, self.now)) } else { None },
        }
    }

    fn fate(&self, at: usize, activation: &Activation) -> MachineFate {
        if activation.has_lapsed(self.now) {
            return MachineFate::HasLapsed;
        }
        if let LicenseAction::Reissue { keep, .. } = self.action {
            let keeps = keep.keeps(&activation.id);
            return if keeps { MachineFate::RunsOnRenewed } else { MachineFate::LosesPlace };
        }
        let ran = self.before.state(self.now) == LicenseState::Active;
        match (ran, self.after.state(self.now)) {
            (true, LicenseState::Revoked | LicenseState::Released) => MachineFate::StopsForGood,
            (true, LicenseState::Suspended | LicenseState::Expired | LicenseState::Pending) => {
                MachineFate::Stops
            }
            (false, LicenseState::Active) => MachineFate::Resumes,
            (true, LicenseState::Active) if self.is_beyond_limit(at) => MachineFate::BeyondLimit,
            (true, LicenseState::Active) if self.deed.fate.is_some() => MachineFate::RunsOnRenewed,
            (
                false,
                LicenseState::Revoked
                | LicenseState::Released
                | LicenseState::Suspended
                | LicenseState::Expired
                | LicenseState::Pending,
            )
            | (true, LicenseState::Active) => MachineFate::RunsOn,
        }
    }

    fn is_beyond_limit(&self, at: usize) -> bool {
        let count = u32::try_from(at + 1).unwrap_or(u32::MAX);
        self.after.sold.machines.is_below(MachineLimit::AtMost(count))
    }

    fn key(&self) -> KeyAfter {
        match (&self.after.end, self.deed.fate) {
            (LicenseEnd::Revoked { .. } | LicenseEnd::Released { .. }, _) => KeyAfter::Ended,
            (LicenseEnd::Running, None) => KeyAfter::Stays,
            (LicenseEnd::Running, Some(OldKeyFate::StaysValid)) => KeyAfter::New,
            (LicenseEnd::Running, Some(OldKeyFate::Superseded)) => KeyAfter::Superseded,
            (LicenseEnd::Running, Some(OldKeyFate::Leaked)) => KeyAfter::ReplacedAsLeaked,
            (LicenseEnd::Running, Some(OldKeyFate::Reissued)) => match self.action {
                LicenseAction::Reissue { .. } => KeyAfter::Replaced,
                LicenseAction::Suspend
                | LicenseAction::Resume { .. }
                | LicenseAction::Revoke
                | LicenseAction::Accept { .. }
                | LicenseAction::Extend { .. }
                | LicenseAction::ChangeSpec { .. } => KeyAfter::Superseded,
            },
        }
    }

    /// Nobody counts who runs by the key alone.
    fn key_runs_until(&self) -> Option<Instant> {
        let policy = &self.before.sold.offline;
        let runs = self.before.state(self.now) == LicenseState::Active;
        let stops = match self.key() {
            KeyAfter::Ended | KeyAfter::Superseded | KeyAfter::Replaced | KeyAfter::ReplacedAsLeaked => true,
            KeyAfter::Stays | KeyAfter::New => self.after.state(self.now) != LicenseState::Active,
        };
        let is_unbound = self.before.sold.machine.binding == Binding::Unbound;
        if !(is_unbound && runs && stops && policy.enforcement == Enforcement::Enforce) {
            return None;
        }
        let key_end = self.before.current_key().and_then(|key| key.ends_at);
        earlier(key_end, stale_at(policy, self.now))
    }

    fn irreversible(&self, machines: &[MachineAffected], quota: &[QuotaAfter]) -> Vec<Irreversible> {
        if !self.deed.changed {
            return Vec::new();
        }
        let mut gone = match self.action {
            LicenseAction::Revoke => vec![Irreversible::License],
            LicenseAction::Reissue { .. } => vec![Irreversible::OldKeys],
            LicenseAction::Accept { .. } => vec![Irreversible::Beginning],
            LicenseAction::Extend { .. } => vec![Irreversible::Time],
            LicenseAction::Suspend | LicenseAction::Resume { .. } | LicenseAction::ChangeSpec { .. } => {
                Vec::new()
            }
        };
        if machines.iter().any(|machine| machine.fate == MachineFate::LosesPlace) {
            gone.push(Irreversible::Places);
        }
        if *self.action == LicenseAction::Revoke && quota.iter().any(QuotaAfter::is_less) {
            gone.push(Irreversible::Quota);
        }
        gone
    }
}

/// A list may be kept for its `ttl`; whoever is online asks for a new one then.
fn reads_list_by(policy: &OfflinePolicy, now: Instant) -> Option<Instant> {
    let ttl = TimeDelta::hours(STATUS_LIST_TTL_HOURS);
    match policy.status {
        StatusPolicy::Require | StatusPolicy::Prefer => now.checked_add_signed(ttl),
        StatusPolicy::Ignore => None,
    }
}

/// When every list that is published by now is too old, where the spec refuses one that is.
fn stale_at(policy: &OfflinePolicy, now: Instant) -> Option<Instant> {
    let age = TimeDelta::from_std(policy.max_status_age).ok()?;
    match policy.status {
        StatusPolicy::Require => now.checked_add_signed(age),
        StatusPolicy::Prefer | StatusPolicy::Ignore => None,
    }
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl LicenseOutline {
    fn of(license: &License, now: Instant) -> Self {
        Self {
            state: license.state(now),
            spec: license.sold.spec.clone(),
            machines: license.sold.machines,
            entitlements: license.sold.entitlements.clone(),
            ends_at: license.known_end(),
            held_by_marketplace: license.holds.marketplace.is_some(),
            held_by_merchant: license.holds.merchant.is_some(),
        }
    }
}

impl QuotaAfter {
    fn of(
        (metric, unit): &(String, String),
        before: Option<&Vec<PackageView>>,
        after: Option<&Vec<PackageView>>,
    ) -> Self {
        // A sum that no amount can hold stays below it.
        let added = |sum: Amount, more| sum.plus(more).unwrap_or(sum);
        let window = |views: Option<&Vec<PackageView>>| {
            let lefts = views.into_iter().flatten().map(|view| view.balance.window_left);
            lefts.fold(Amount::ZERO, added)
        };
        let left = |views: Option<&Vec<PackageView>>| {
            let mut lefts = views.into_iter().flatten().map(|view| view.balance.left);
            lefts.try_fold(Amount::ZERO, |sum, left| Some(added(sum, left?)))
        };
        Self {
            metric: metric.clone(),
            unit: unit.clone(),
            window_left_before: window(before),
            window_left_after: window(after),
            left_before: left(before),
            left_after: left(after),
        }
    }

    fn is_different(&self) -> bool {
        (self.window_left_before, self.left_before) != (self.window_left_after, self.left_after)
    }

    fn is_less(&self) -> bool {
        let less = |before: Option<Amount>, after: Option<Amount>| match (before, after) {
            (Some(before), Some(after)) => after < before,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        self.window_left_after < self.window_left_before || less(self.left_before, self.left_after)
    }
}
