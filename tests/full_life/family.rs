//! The families of interfaces, and which of the steps each has. A further one is a row here and a wire in `shop.rs`.

use super::script::Step;

/// How a family speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// SaaS 2.0 and online Licenses: POST, named by an instance id.
    Instances,
    /// Authorization codes: POST, named by the code; whoever holds it redeems it.
    Codes,
    /// License 1.0: GET, everything in the query; the License is in the answer.
    LicenseV1,
    /// SaaS 1.0: GET, everything in the query.
    SaasV1,
}

pub struct Family {
    pub name: &'static str,
    pub protocol: &'static str,
    pub wire: Wire,
    /// Whether the marketplace can be asked when an order was placed.
    pub asks_for_orders: bool,
    /// Whether a cancelled renewal is named by its own order.
    pub cancels_by_name: bool,
    /// The whole life, as far as the family has calls for it.
    pub life: &'static [Step],
    /// The same with everything that may come beside it.
    pub rich_life: &'static [Step],
}

use Step::*;

const LIFE: &[Step] = &[Buy, Formal, Renew, Upgrade, Freeze, Unfreeze, Cancel, Release];
const RICH: &[Step] = &[Buy, Formal, Renew, Upgrade, RenewAs, UpgradeMore, Freeze, Unfreeze, Cancel, Release];

pub const SAAS_V2: Family = Family {
    name: "saas-v2",
    protocol: "saas-v2",
    wire: Wire::Instances,
    asks_for_orders: true,
    cancels_by_name: false,
    life: LIFE,
    rich_life: RICH,
};

pub const LICENSE_ONLINE: Family =
    Family { name: "license-online", protocol: "license-online", cancels_by_name: true, ..SAAS_V2 };

/// No call makes a trial formal, and none changes what was bought.
pub const LICENSE_CODE: Family = Family {
    name: "license-code",
    protocol: "license-code",
    wire: Wire::Codes,
    cancels_by_name: true,
    life: &[Buy, Renew, Freeze, Unfreeze, Cancel, Release],
    rich_life: &[Buy, Renew, Freeze, Unfreeze, Cancel, Release],
    ..SAAS_V2
};

/// `expireLicense` stops; what starts again is the renewal. No call pays a renewal back or changes what was bought.
pub const LICENSE_V1: Family = Family {
    name: "license-v1",
    protocol: "license-v1",
    wire: Wire::LicenseV1,
    asks_for_orders: false,
    life: &[Buy, Formal, Freeze, Renew, Release],
    rich_life: &[Buy, Formal, Freeze, Renew, Release],
    ..SAAS_V2
};

pub const SAAS_V1: Family = Family {
    name: "saas-v1",
    protocol: "saas-v1",
    wire: Wire::SaasV1,
    asks_for_orders: false,
    rich_life: &[Buy, Formal, Renew, Upgrade, UpgradeMore, Freeze, Unfreeze, Cancel, Release],
    ..SAAS_V2
};

/// The older family on a channel that has `open_api`.
pub const SAAS_V1_ASKED: Family = Family { name: "saas-v1-asked", asks_for_orders: true, ..SAAS_V1 };

impl Family {
    /// V1 has no call that lets a period product go on; its renewal does.
    pub fn renewal_lifts(&self) -> bool {
        matches!(self.wire, Wire::LicenseV1 | Wire::SaasV1)
    }

    /// Whether the two calls say nothing of their order themselves, so that the last one to arrive wins.
    pub fn must_come_in_order(&self, earlier: Step, later: Step) -> bool {
        match (earlier, later) {
            // The marketplace learns the instance's name from the answer.
            (Buy, _) => true,
            // Nothing has an effect after it.
            (_, Release) => true,
            (Freeze, Unfreeze) => true,
            // The renewal that lifts the stop.
            (Freeze, Renew) => self.wire == Wire::LicenseV1,
            // V1's upgrade names no time, and its order is not asked for.
            (Upgrade, UpgradeMore) => self.renewal_lifts(),
            _ => !self.asks_for_orders && earlier.moves_end() && later.moves_end(),
        }
    }

    /// Every order of arrival of these steps that must end alike.
    pub fn arrivals(&self, steps: &[Step]) -> Vec<Vec<Step>> {
        if steps.is_empty() {
            return vec![vec![]];
        }
        let mut all = Vec::new();
        for next in self.possible_next(steps) {
            let rest: Vec<Step> = steps.iter().copied().filter(|step| *step != next).collect();
            all.extend(self.arrivals(&rest).into_iter().map(|tail| [&[next], tail.as_slice()].concat()));
        }
        all
    }

    /// One of them at random.
    pub fn random_arrival(&self, steps: &[Step], mut below: impl FnMut(usize) -> usize) -> Vec<Step> {
        let (mut left, mut arrival) = (steps.to_vec(), Vec::new());
        while !left.is_empty() {
            let possible = self.possible_next(&left);
            let next = possible[below(possible.len())];
            left.retain(|step| *step != next);
            arrival.push(next);
        }
        arrival
    }

    fn possible_next(&self, steps: &[Step]) -> Vec<Step> {
        let waits_for = |step: &Step| {
            steps.iter().any(|other| {
                other != step
                    && other.happens_at() < step.happens_at()
                    && self.must_come_in_order(*other, *step)
            })
        };
        steps.iter().copied().filter(|step| !waits_for(step)).collect()
    }
}
