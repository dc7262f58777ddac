//! Later orders of a license, and the end that they give it.

use super::License;
use crate::domain::{Instant, RefreshScene};

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

/// A later order that changed, or is to change, what was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedChange {
    /// The marketplace's order id.
    pub order_id: String,
    /// When it was ordered; none while the marketplace is being asked.
    pub ordered_at: Option<Instant>,
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

impl License {
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

    /// Whether nothing that changes what was bought is known to have been ordered after `ordered_at`: neither an upgrade
    /// nor a renewal that also changes. A plain renewal behind it takes nothing back.
    pub fn changes_last(&self, ordered_at: Instant) -> bool {
        let upgrades = self.changes.iter().filter_map(|change| change.ordered_at);
        let renewals = self.orders.iter().filter(|order| order.scene == Some(RefreshScene::RenewalChange));
        upgrades.chain(renewals.filter_map(|order| order.ordered_at)).all(|other| other <= ordered_at)
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
}
