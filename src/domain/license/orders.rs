//! Later orders of a license, and what they make of its end and its term.

use super::License;
use crate::domain::{Instant, RefreshScene, Term};

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
    /// The term it was bought for, once that is known.
    pub term: Option<Term>,
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
    /// Orders are sorted by their time of ordering; one whose time is unknown counts as just ordered. A renewal that
    /// is cancelled may be named by its own order, which was placed once.
    fn rank(&self) -> (Instant, bool, Instant) {
        let cancels_itself = self.ordered_at.is_some() && self.cancels();
        (self.ordered_at.unwrap_or(self.received_at), cancels_itself, self.received_at)
    }

    fn cancels(&self) -> bool {
        match self.scene {
            None
            | Some(RefreshScene::TrialToFormal | RefreshScene::Renewal | RefreshScene::RenewalChange) => {
                false
            }
            Some(RefreshScene::CancelRenewal) => true,
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
        self.settle_orders()
    }

    /// Tells when an order was ordered and for which term, and moves the end to what the latest ordered one says.
    /// What is known already stays.
    pub fn order_ranked(
        &mut self,
        order_id: &str,
        scene: RefreshScene,
        ordered_at: Option<Instant>,
        term: Option<Term>,
    ) -> EndChange {
        for order in self.orders.iter_mut().filter(|order| order.is(order_id, scene)) {
            order.ordered_at = order.ordered_at.or(ordered_at);
            order.term = order.term.or(term);
            order.in_force = true;
        }
        self.settle_orders()
    }

    /// Whether the time of ordering of (order, scene) is known.
    pub fn has_ranked(&self, order_id: &str, scene: RefreshScene) -> bool {
        self.orders.iter().any(|order| order.is(order_id, scene) && order.ordered_at.is_some())
    }

    /// Whether what an order of `ordered_at` made of the license still counts: no other order that changed what was
    /// bought was placed later, whichever call told of it.
    pub fn was_changed_last_at(&self, ordered_at: Instant) -> bool {
        let renewals = self.orders.iter().filter(|order| order.scene == Some(RefreshScene::RenewalChange));
        let renewals = renewals.filter_map(|order| order.ordered_at);
        let changes = self.changes.iter().filter_map(|change| change.ordered_at);
        renewals.chain(changes).all(|other| other <= ordered_at)
    }

    /// From the whole set of orders in force, so that the order of arrival leaves no trace.
    fn settle_orders(&mut self) -> EndChange {
        let mut in_force: Vec<_> = self.orders.iter().filter(|order| order.in_force).collect();
        in_force.sort_by_key(|order| order.rank());
        let Some(latest) = in_force.last() else { return EndChange::Unchanged };
        let (ends_at, is_dictated, term) =
            (latest.ends_at, latest.scene.is_some(), self.term_left(&in_force));
        if is_dictated {
            self.end_was_fixed();
        }
        self.sold.term = term.unwrap_or(self.sold.term);
        self.dictate_end(ends_at)
    }

    /// The term that sorted orders leave: the latest one's, or after a cancelled renewal that of the order whose end is
    /// left, or else of the first whose end reaches as far: what was paid for after it is paid back.
    fn term_left(&self, sorted: &[&AppliedOrder]) -> Option<Term> {
        let mut standing: Vec<&AppliedOrder> = Vec::new();
        for order in sorted {
            if !order.cancels() {
                standing.push(order);
                continue;
            }
            let span = |order: &AppliedOrder| self.validity.with_end(order.ends_at);
            let same_end = standing.iter().rposition(|bought| bought.ends_at == order.ends_at);
            let reaches = |bought: &&AppliedOrder| !span(bought).ends_before(&span(order));
            if let Some(left) = same_end.or_else(|| standing.iter().position(reaches)) {
                standing.truncate(left + 1);
            }
        }
        standing.iter().rev().find_map(|order| order.term)
    }

    /// Moves the end; what can be used up lasts as long as the license. What the marketplace says goes through
    /// [`License::dictate_end`].
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
        for package in &mut self.sold.quota {
            package.follow(self.sold.term, moved);
        }
        change
    }
}
