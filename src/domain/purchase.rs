//! One order line as received.

use super::{
    Application, ChannelId, Charging, CustomerId, Env, FOREIGN_ID_BYTES_MAX, InstanceId, Instant, LicenseId,
    Marketplace, MerchantId, OrderDetails, OrderId, OrderLineDetails, OrderLineId, OrderRef, RefreshScene,
    Sku, Term,
};

/// What makes a purchase unique. The channel is recorded, never part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderLineKey {
    /// Who sold.
    pub merchant: MerchantId,
    /// Where.
    pub marketplace: Marketplace,
    /// The marketplace's order id.
    pub order_id: OrderId,
    /// Its line id; families without line ids have none.
    pub line_id: Option<OrderLineId>,
    /// Its product id: pay-per-use orders without line ids have one instance per billing item.
    pub product_id: Option<String>,
}

impl OrderLineKey {
    /// The identity that an order reference has; `None` when an id is no id.
    pub fn of(merchant: &MerchantId, marketplace: Marketplace, order: &OrderRef) -> Option<Self> {
        let line_id = match &order.order_line_id {
            Some(text) => Some(OrderLineId::parse(text).ok()?),
            None => None,
        };
        let product_id = if line_id.is_some() { None } else { order.product_id.clone() };
        if product_id.as_ref().is_some_and(|id| id.len() > FOREIGN_ID_BYTES_MAX) {
            return None;
        }
        let order_id = OrderId::parse(&order.order_id).ok()?;
        Some(Self { merchant: merchant.clone(), marketplace, order_id, line_id, product_id })
    }
}

/// What arrives before the license exists; applied when it is minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EarlyEvent {
    /// The marketplace stopped it.
    Frozen {
        /// When.
        at: Instant,
    },
    /// The marketplace let it go on.
    Unfrozen {
        /// When.
        at: Instant,
    },
    /// A later order moved its end.
    Refreshed {
        /// When.
        at: Instant,
        /// That order.
        order: OrderRef,
        /// What it was for.
        scene: RefreshScene,
        /// The end it dictates.
        ends_at: Option<Instant>,
        /// The term it was bought for, where the call says one.
        term: Option<Term>,
    },
    /// Its text or file was asked for.
    Applied {
        /// When.
        at: Instant,
        /// What exactly.
        application: Application,
    },
    /// A later order changed what was bought.
    Changed {
        /// When.
        at: Instant,
        /// That order.
        order: OrderRef,
    },
}

/// Where a purchase stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseState {
    /// Received; its order is being asked for.
    Received,
    /// No spec knows its SKU; minted as soon as one does.
    Held {
        /// When that was noticed.
        since: Instant,
    },
    /// Its license exists.
    Minted,
    /// Released before its license existed.
    Ended {
        /// When.
        at: Instant,
    },
}

/// What the order says, once it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurchaseFacts {
    /// Who bought.
    pub customer: Option<CustomerId>,
    /// The marketplace's code for what was bought.
    pub sku: Option<Sku>,
    /// The marketplace's product id.
    pub product_id: Option<String>,
    /// How much of it; at least 1.
    pub quantity: u32,
    /// How it is paid for.
    pub charging: Charging,
    /// For how long, as the order says.
    pub term: Term,
    /// When it was ordered.
    pub ordered_at: Instant,
    /// The end that the marketplace estimates.
    pub expires_at: Option<Instant>,
    /// The end that the marketplace has fixed already; then nothing is counted.
    pub ends_at: Option<Instant>,
    /// What the buyer was asked at checkout: name and answer.
    pub extend_params: Vec<(String, String)>,
    /// When a later order changed it last, where its call says when that happened.
    pub changed_at: Option<Instant>,
}

impl PurchaseFacts {
    /// Whether it was changed after `at`: a change that is told late changes nothing.
    pub fn was_changed_since(&self, at: Option<Instant>) -> bool {
        at.zip(self.changed_at).is_some_and(|(at, changed)| at < changed)
    }

    /// What an order says of one of its lines.
    pub fn of(order: &OrderDetails, line: &OrderLineDetails) -> Self {
        Self {
            customer: order.customer.as_deref().and_then(|text| CustomerId::parse(text).ok()),
            sku: line.sku.as_deref().and_then(|text| Sku::parse(text).ok()),
            product_id: line.product_id.clone(),
            quantity: line.quantity.unwrap_or(1).max(1),
            charging: line.charging,
            term: term_of(line),
            ordered_at: order.created_at,
            expires_at: line.expires_at,
            ends_at: line.ends_at,
            extend_params: order.extend_params.clone(),
            changed_at: None,
        }
    }
}

/// The term a line says: without a period it is a purchase for good, or lasts until it is released.
fn term_of(line: &OrderLineDetails) -> Term {
    match (line.charging, line.period) {
        (Charging::Period | Charging::OnDemandPackage, Some((unit, count))) => Term::of_period(unit, count),
        (Charging::Period | Charging::OnDemandPackage, None)
        | (Charging::OneTime | Charging::OnDemand, _) => Term::Permanent,
    }
}

/// One order line as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// What makes it unique.
    pub key: OrderLineKey,
    /// The id its license has, or will have.
    pub license: LicenseId,
    /// What the marketplace was told to call it; the same for ever.
    pub instance: InstanceId,
    /// Through which address it came first.
    pub channel: ChannelId,
    /// When it came first.
    pub received_at: Instant,
    /// Live, or a trial of the integration.
    pub env: Env,
    /// Where it stands.
    pub state: PurchaseState,
    /// What came before the license existed, in order of arrival.
    pub early: Vec<EarlyEvent>,
    /// What the order says, once known; later orders may have changed it.
    pub facts: Option<PurchaseFacts>,
    /// Later orders whose calls have changed what was bought before the license existed: each counts once. From then on
    /// the license knows them.
    pub upgrades: Vec<String>,
}

/// Most early events that are kept; the marketplace repeats itself for hours, a purchase need not grow with it.
pub const EARLY_EVENTS_MAX: usize = 64;

impl Purchase {
    /// When it ended without a license.
    pub fn ended_at(&self) -> Option<Instant> {
        match self.state {
            PurchaseState::Ended { at } => Some(at),
            PurchaseState::Received | PurchaseState::Held { .. } | PurchaseState::Minted => None,
        }
    }

    /// What was bought, now that the order has been asked for. An end that the marketplace has fixed, what a later order
    /// has changed and what came with the call itself do not stand in the order.
    pub fn facts_with(&self, order: PurchaseFacts) -> PurchaseFacts {
        match &self.facts {
            Some(known) if !self.upgrades.is_empty() => known.clone(),
            Some(known) => {
                let ends_at = known.ends_at.or(order.ends_at);
                let is_silent = order.extend_params.is_empty();
                let extend_params = if is_silent { known.extend_params.clone() } else { order.extend_params };
                PurchaseFacts { ends_at, extend_params, ..order }
            }
            None => order,
        }
    }

    /// Keeps an early event; see [`keep_early`].
    pub fn keep_early(&mut self, event: EarlyEvent) -> EarlyKept {
        keep_early(&mut self.early, event)
    }
}

/// Keeps an early event. A repeat of the last freeze, of an (order, scene) or of an application changes
/// nothing, nor does the end of a freeze that never was. What finds no room is not kept, and its caller must hear so.
pub fn keep_early(early: &mut Vec<EarlyEvent>, event: EarlyEvent) -> EarlyKept {
    let repeats = |kept: &EarlyEvent| match (kept, &event) {
        (
            EarlyEvent::Refreshed { order: own, scene: kept_scene, .. },
            EarlyEvent::Refreshed { order, scene, .. },
        ) => own == order && kept_scene == scene,
        (EarlyEvent::Applied { application: own, .. }, EarlyEvent::Applied { application, .. }) => {
            own.request == application.request && own.fingerprint == application.fingerprint
        }
        (EarlyEvent::Changed { order: own, .. }, EarlyEvent::Changed { order, .. }) => own == order,
        (
            EarlyEvent::Changed { .. }
            | EarlyEvent::Frozen { .. }
            | EarlyEvent::Unfrozen { .. }
            | EarlyEvent::Refreshed { .. }
            | EarlyEvent::Applied { .. },
            _,
        ) => false,
    };
    let is_status =
        |kept: &&EarlyEvent| matches!(kept, EarlyEvent::Frozen { .. } | EarlyEvent::Unfrozen { .. });
    let last_status = early.iter().rev().find(is_status);
    let same_status = matches!(
        (last_status, &event),
        (Some(EarlyEvent::Frozen { .. }), EarlyEvent::Frozen { .. })
            | (None | Some(EarlyEvent::Unfrozen { .. }), EarlyEvent::Unfrozen { .. })
    );
    if same_status || early.iter().any(repeats) {
        return EarlyKept::Repeat;
    }
    if early.len() >= EARLY_EVENTS_MAX {
        return EarlyKept::NoRoom;
    }
    early.push(event);
    EarlyKept::Kept
}

/// What became of an early event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlyKept {
    /// It is kept.
    Kept,
    /// It says nothing new.
    Repeat,
    /// It would be lost: whoever sent it must send it again later.
    NoRoom,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::LicenseId;

    fn waiting() -> Purchase {
        Purchase {
            key: OrderLineKey {
                merchant: MerchantId::parse("acme").expect("valid"),
                marketplace: Marketplace::KooGallery,
                order_id: OrderId::parse("CS1").expect("valid"),
                line_id: None,
                product_id: None,
            },
            license: LicenseId::from_uuid(1),
            instance: InstanceId::parse("instance").expect("valid"),
            channel: ChannelId::parse("cad").expect("valid"),
            received_at: Instant::UNIX_EPOCH,
            env: Env::Live,
            state: PurchaseState::Received,
            early: Vec::new(),
            facts: None,
            upgrades: Vec::new(),
        }
    }

    fn renewal(number: usize) -> EarlyEvent {
        let order = OrderRef { order_id: format!("CS{number}"), order_line_id: None, product_id: None };
        EarlyEvent::Refreshed {
            at: Instant::UNIX_EPOCH,
            order,
            scene: RefreshScene::Renewal,
            ends_at: None,
            term: None,
        }
    }

    #[test]
    fn an_early_event_without_room_is_told_apart_from_a_repeat() {
        let mut purchase = waiting();
        for number in 0..EARLY_EVENTS_MAX {
            assert_eq!(purchase.keep_early(renewal(number)), EarlyKept::Kept);
        }
        assert_eq!(purchase.keep_early(renewal(0)), EarlyKept::Repeat);
        assert_eq!(purchase.keep_early(renewal(EARLY_EVENTS_MAX)), EarlyKept::NoRoom);
        assert_eq!(purchase.early.len(), EARLY_EVENTS_MAX);
    }

    fn facts(quantity: u32) -> PurchaseFacts {
        PurchaseFacts {
            customer: None,
            sku: None,
            product_id: None,
            quantity,
            charging: Charging::Period,
            term: Term::Permanent,
            ordered_at: Instant::UNIX_EPOCH,
            expires_at: None,
            ends_at: None,
            extend_params: Vec::new(),
            changed_at: None,
        }
    }

    #[test]
    fn an_order_that_is_asked_for_does_not_take_back_what_came_with_the_calls() {
        let mut purchase = waiting();
        assert_eq!(purchase.facts_with(facts(2)), facts(2));
        let fixed = Some(Instant::UNIX_EPOCH);
        let extend_params = vec![("emailDomainName".to_owned(), "test.example".to_owned())];
        purchase.facts = Some(PurchaseFacts { ends_at: fixed, extend_params, ..facts(1) });
        let known = purchase.facts_with(facts(2));
        assert_eq!((known.quantity, known.ends_at, known.extend_params.len()), (2, fixed, 1));
        purchase.upgrades.push("CS2".into());
        assert_eq!(purchase.facts_with(facts(2)).quantity, 1, "the order says what was bought first");
    }
}
