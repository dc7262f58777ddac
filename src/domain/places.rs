//! Which activations hold a place: the record on which machines race.

use std::collections::BTreeMap;

use super::{Activation, ActivationId, Instant, Machine, MachineLimit, Refusal, WhenFull};

/// Most places that one license can have, whatever was bought: so that their record stays bounded, and that one
/// commit and one page can hold them all when the license is re-issued.
pub const PLACES_MAX: u32 = 900;

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Who holds it.
    pub activation: ActivationId,
    /// On which machine, as last enrolled here.
    pub machine: Machine,
}

/// The places of one license. Revised when one is added, ended or moved; not by a lease renewal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// In the order in which they were taken.
    pub held: Vec<Place>,
}

/// What happens to a machine that asks for a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceDecision {
    /// It has one already.
    Keep(ActivationId),
    /// One is free.
    Take,
    /// None was free, but this one has lapsed, or is idle and may be replaced.
    TakeFrom(ActivationId),
}

/// When a place that is held goes to another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeing {
    /// The time by which leases have ended.
    pub now: Instant,
    /// What happens to one machine too many.
    pub when_full: WhenFull,
}

impl Freeing {
    /// Whether this one may go: its lease has ended, or it is idle and the spec replaces those.
    pub fn frees(&self, activation: &Activation) -> bool {
        let is_replaced = match self.when_full {
            WhenFull::Refuse => false,
            WhenFull::ReplaceIdle => activation.is_idle(self.now),
        };
        is_replaced || activation.has_lapsed(self.now)
    }

    /// Those that lapsed go first, the one that did so longest ago; then the one that has been idle longest.
    fn order(&self, activation: &Activation) -> (bool, Option<Instant>) {
        let lease = activation.lease().ok();
        if activation.has_lapsed(self.now) {
            return (false, lease.and_then(|lease| lease.validity.ends_at));
        }
        (true, lease.map(|lease| lease.validity.starts_at))
    }
}

impl Places {
    /// The place that `machine` holds.
    pub fn of_machine(&self, machine: &Machine) -> Option<&Place> {
        self.held.iter().find(|place| place.machine.is_same_as(machine))
    }

    /// Whether every place is taken, lapsed or not.
    pub fn are_taken(&self, limit: MachineLimit) -> bool {
        usize::try_from(Self::most(limit)).is_ok_and(|most| self.held.len() >= most)
    }

    /// Decides about `machine`; `activations` are those that hold the places, needed when all are taken.
    ///
    /// A machine that has a place keeps it, even if the limit was lowered since. A place is free as soon as
    /// its lease has ended, without any sweep; of several the one that ended first is taken. Where the spec says so, one
    /// that is idle follows.
    pub fn decide(
        &self,
        machine: &Machine,
        limit: MachineLimit,
        activations: &BTreeMap<ActivationId, Activation>,
        freeing: Freeing,
    ) -> Result<PlaceDecision, Refusal> {
        if let Some(place) = self.of_machine(machine) {
            return Ok(PlaceDecision::Keep(place.activation.clone()));
        }
        if !self.are_taken(limit) {
            return Ok(PlaceDecision::Take);
        }
        let freed = self
            .held
            .iter()
            .filter_map(|place| activations.get(&place.activation))
            .filter(|activation| freeing.frees(activation))
            .min_by_key(|activation| freeing.order(activation));
        match freed {
            Some(activation) => Ok(PlaceDecision::TakeFrom(activation.id.clone())),
            None => Err(Refusal::MachineLimitReached { limit: Self::most(limit) }),
        }
    }

    fn most(limit: MachineLimit) -> u32 {
        match limit {
            MachineLimit::AtMost(limit) => limit.min(PLACES_MAX),
            MachineLimit::Unlimited => PLACES_MAX,
        }
    }

    /// Gives a place to an activation.
    pub fn take(&mut self, activation: ActivationId, machine: Machine) {
        self.held.push(Place { activation, machine });
    }

    /// Frees the place of an activation.
    pub fn free(&mut self, activation: &ActivationId) -> bool {
        let before = self.held.len();
        self.held.retain(|place| &place.activation != activation);
        self.held.len() < before
    }
}
