//! The order is known: mint the license, or hold the purchase until its SKU is.

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::hide_code::is_named_after_code;
use super::license_change::flips_between;
use super::map_order::code_in;
use super::mint::{sold_spec, term_of, validity_of};
use super::ports::{
    ABSENT, Change, Commit, Listing, MarketplaceCallError, OrderSourceError, Versioned, find, list,
};
use super::receive_purchase::accepted;
use super::record::{ClaimTarget, Job, Owned, RecordKey, Task};
use crate::domain::{
    Actor, AppliedChange, AppliedOrder, Attachment, Channel, DelayedStart, EarlyEvent, EventKind, HoldBy,
    Instant, License, Merchant, MerchantId, NewLicense, OrderDetails, OrderLineKey, Origin, Purchase,
    PurchaseFacts, PurchaseOutcome, PurchaseState, Spec, SpecKind, WorkFault,
};

/// What became of a try to settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// There is nothing left to do.
    Done,
    /// Ask again later, and why.
    Later(Trouble),
    /// The merchant has to say something first; asked again ever more seldom, and at once when that is done.
    Held(String),
}

/// Why something is not done yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// In words.
    pub why: String,
    /// What is the matter, when it lies between the marketplace and us.
    pub fault: Option<WorkFault>,
}

impl From<&str> for Trouble {
    fn from(why: &str) -> Self {
        Self { why: why.to_owned(), fault: None }
    }
}

impl From<OrderSourceError> for Trouble {
    fn from(error: OrderSourceError) -> Self {
        let fault = match error {
            OrderSourceError::Unavailable(_) => WorkFault::NoAnswer,
            OrderSourceError::UnknownOrder(_) => WorkFault::OrderUnknown,
            OrderSourceError::Refused(_) => WorkFault::Refused,
            OrderSourceError::NotConfigured => WorkFault::NotConfigured,
        };
        Self { why: error.to_string(), fault: Some(fault) }
    }
}

impl From<MarketplaceCallError> for Trouble {
    fn from(error: MarketplaceCallError) -> Self {
        let fault = match error {
            MarketplaceCallError::Unavailable(_) => Some(WorkFault::NoAnswer),
            MarketplaceCallError::Refused(_) => Some(WorkFault::Refused),
            MarketplaceCallError::NotConfigured => Some(WorkFault::NotConfigured),
            // Of this code or application alone.
            MarketplaceCallError::RequestClosed(_)
            | MarketplaceCallError::CodeUnknown
            | MarketplaceCallError::CodeNotReceived
            | MarketplaceCallError::CodeState => None,
        };
        Self { why: error.to_string(), fault }
    }
}

/// Why an order is held.
const SKU_UNKNOWN: &str = "no spec knows the SKU yet: lictor order map ORDER --spec ID";

/// A purchase being settled.
struct Settling<'a> {
    merchant: &'a Merchant,
    channel: &'a Channel,
    purchase: Versioned<Purchase>,
    actor: Actor,
    now: Instant,
}

/// What became of it, not stored yet.
pub(super) struct Decided {
    pub(super) commit: Commit,
    purchase: Purchase,
    /// When it was minted.
    license: Option<License>,
}

impl App {
    /// Asks the marketplace what the order says, then mints or holds. May be repeated at any time. What an order
    /// said before, or with the purchase itself, counts where it cannot be asked for; of a code that names no order
    /// nobody is asked.
    pub async fn settle_purchase(&self, key: &OrderLineKey) -> Result<Settled, UseCaseError> {
        let known = self.load_purchase(key).await?;
        let Some(purchase) = known.filter(|purchase| is_open(&purchase.value)) else {
            return Ok(Settled::Done);
        };
        let channel_key = RecordKey::Channel(key.merchant.clone(), purchase.value.channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), channel_key).await?;
        let Some(channel) = channel.map(|channel| channel.value.value) else {
            return Ok(Settled::Later("the channel of the purchase is gone".into()));
        };
        if is_named_after_code(key, &purchase.value.instance) {
            return match purchase.value.facts {
                Some(facts) => self.settle_with(key, &channel, facts).await,
                None => Ok(Settled::Later("the marketplace named no order of the code".into())),
            };
        }
        let line_id = key.line_id.as_ref().map(|id| id.as_str());
        let facts = match self.orders.order(&key.merchant, &channel, key.order_id.as_str(), line_id).await {
            Ok(details) => {
                facts_for(key, &details).ok_or(Trouble::from("the marketplace's order has no such line"))
            }
            Err(
                error @ (OrderSourceError::Unavailable(_)
                | OrderSourceError::UnknownOrder(_)
                | OrderSourceError::Refused(_)
                | OrderSourceError::NotConfigured),
            ) => purchase.value.facts.ok_or(Trouble::from(error)),
        };
        match facts {
            Ok(facts) => self.settle_with(key, &channel, facts).await,
            Err(trouble) => Ok(Settled::Later(trouble)),
        }
    }

    async fn load_purchase(&self, key: &OrderLineKey) -> Result<Option<Versioned<Purchase>>, UseCaseError> {
        Ok(find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?)
    }

    /// With what the order says; also when that was known before.
    pub(super) async fn settle_with(
        &self,
        key: &OrderLineKey,
        channel: &Channel,
        facts: PurchaseFacts,
    ) -> Result<Settled, UseCaseError> {
        let merchant = self.merchant(&key.merchant).await?;
        let _turn = self.turn(key).await;
        decided!(self, self.try_settle(&merchant, channel, key, facts.clone()))
    }

    async fn try_settle(
        &self,
        merchant: &Merchant,
        channel: &Channel,
        key: &OrderLineKey,
        facts: PurchaseFacts,
    ) -> Result<Settled, UseCaseError> {
        let known = self.load_purchase(key).await?;
        let Some(mut purchase) = known.filter(|purchase| is_open(&purchase.value)) else {
            return Ok(Settled::Done);
        };
        purchase.value.facts = Some(purchase.value.facts_with(facts));
        let settling = Settling { merchant, channel, purchase, actor: Actor::Server, now: self.now() };
        let Decided { commit, purchase, license: _ } = self.decide(settling).await?;
        self.store.commit(commit).await?;
        self.signals.flips.notify_one();
        self.signals.jobs.notify_one();
        Ok(match purchase.state {
            PurchaseState::Held { .. } => Settled::Held(SKU_UNKNOWN.into()),
            PurchaseState::Received | PurchaseState::Minted | PurchaseState::Ended { .. } => Settled::Done,
        })
    }

    /// For families whose call carries the order: purchase and license in one commit.
    pub(super) async fn mint_at_once(
        &self,
        call: &PurchaseCall<'_>,
        mut purchase: Purchase,
        details: &OrderDetails,
    ) -> Result<PurchaseOutcome, UseCaseError> {
        let Some(facts) = facts_for(&purchase.key, details) else {
            return Ok(PurchaseOutcome::InvalidParameter);
        };
        purchase.facts = Some(facts);
        let Decided { commit, purchase, license } = self.settled_at_once(call, purchase).await?;
        let outcome = match &license {
            Some(license) => {
                let locale = self.merchant(call.merchant).await?.locale;
                self.delivery(call, &purchase, license, &locale).await?
            }
            None => accepted(&purchase),
        };
        self.store.commit(call.remembered(commit, &outcome)).await?;
        self.signals.jobs.notify_one();
        Ok(outcome)
    }

    /// A new purchase whose order is known, and its license unless it is held: what is written for both.
    pub(super) async fn settled_at_once(
        &self,
        call: &PurchaseCall<'_>,
        purchase: Purchase,
    ) -> Result<Decided, UseCaseError> {
        let merchant = self.merchant(call.merchant).await?;
        let first_sight = self.first_sight(call, &purchase);
        let settling = Settling {
            merchant: &merchant,
            channel: call.channel,
            purchase: Versioned { value: purchase, revision: ABSENT },
            actor: call.actor(),
            now: call.now,
        };
        let Decided { commit: rest, purchase, license } = self.decide(settling).await?;
        let mut commit = first_sight;
        commit.changes.extend(rest.changes);
        if is_open(&purchase) {
            let task = Task::SettlePurchase { purchase: purchase.key.clone() };
            commit = commit.put(self.job_through(&purchase.channel, task, call.now), ABSENT);
        }
        Ok(Decided { commit, purchase, license })
    }

    async fn decide(&self, settling: Settling<'_>) -> Result<Decided, UseCaseError> {
        let Some(facts) = settling.purchase.value.facts.clone() else { return Ok(self.hold(settling)) };
        match self.spec_meant(&settling.merchant.id, settling.channel, &facts).await? {
            Some(spec) => self.mint(settling, &spec, &facts).await,
            None => Ok(self.hold(settling)),
        }
    }

    /// What was bought through a channel, if a spec knows it, or the merchant has said which one it is.
    pub(super) async fn spec_meant(
        &self,
        merchant: &MerchantId,
        channel: &Channel,
        facts: &PurchaseFacts,
    ) -> Result<Option<Spec>, UseCaseError> {
        let listing = Listing::Specs(merchant.clone());
        let specs: Vec<Versioned<Owned<Spec>>> = list(self.store.as_ref(), &listing, 1_000).await?;
        let meant = |spec: &Spec| {
            channel.products.contains(&spec.product)
                && spec.is_meant_by(facts.sku.as_ref(), facts.product_id.as_deref())
        };
        let mut specs = specs.into_iter().map(|spec| spec.value.value);
        if let Some(spec) = specs.find(meant) {
            return Ok(Some(spec));
        }
        let Some(code) = code_in(facts) else { return Ok(None) };
        let Some(mapping) = self.mapped(merchant, &code).await? else { return Ok(None) };
        let key = RecordKey::Spec(merchant.clone(), mapping.value.spec);
        let spec: Option<Versioned<Owned<Spec>>> = find(self.store.as_ref(), key).await?;
        let is_sold = |spec: &Spec| channel.products.contains(&spec.product);
        Ok(spec.map(|spec| spec.value.value).filter(is_sold))
    }

    /// Not refused: a refusal becomes a refund. It is everyone's first day.
    fn hold(&self, settling: Settling<'_>) -> Decided {
        let Settling { purchase: Versioned { value: mut purchase, revision }, channel, actor, now, .. } =
            settling;
        let already = matches!(purchase.state, PurchaseState::Held { .. });
        if !already {
            purchase.state = PurchaseState::Held { since: now };
        }
        let mut commit = Commit::new().put(purchase.clone(), revision);
        if !already {
            let sku = purchase.facts.as_ref().and_then(|facts| facts.sku.as_ref());
            let refund_at = channel.protocol.refund_rule().refund_at(purchase.received_at);
            let mut detail = vec![("sku", sku.map_or_else(String::new, ToString::to_string))];
            let text = refund_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
            detail.extend(text.map(|at| ("refund_at", at)));
            let merchant = &purchase.key.merchant;
            commit = commit
                .put(self.event(merchant, &purchase.license, &actor, EventKind::OrderHeld, &detail), ABSENT);
        }
        Decided { commit, purchase, license: None }
    }

    async fn mint(
        &self,
        settling: Settling<'_>,
        spec: &Spec,
        facts: &PurchaseFacts,
    ) -> Result<Decided, UseCaseError> {
        let Settling { merchant, channel, purchase: Versioned { value: mut purchase, revision }, actor, now } =
            settling;
        let term = term_of(spec, facts.term);
        let validity = validity_of(&purchase, facts, term)?;
        let new = NewLicense {
            id: purchase.license.clone(),
            merchant: merchant.id.clone(),
            product: spec.product.clone(),
            origin: Origin::Order {
                channel: purchase.channel.clone(),
                key: purchase.key.clone(),
                instance: purchase.instance.clone(),
            },
            customer: facts.customer.clone(),
            label: String::new(),
            env: purchase.env,
            sold: sold_spec(spec, facts.sku.clone(), term, facts.quantity, validity)?,
            validity,
            ordered_at: Some(facts.ordered_at),
        };
        let order_id = purchase.key.order_id.to_string();
        let mut license = License::new(new, Some(&order_id), purchase.received_at, now);
        license.start = DelayedStart::awaited(spec.starts, spec.updates, facts.ends_at.is_some());
        let mut jobs = Vec::new();
        if spec.kind == SpecKind::Package {
            license.attachment = Some(Attachment::Own);
            let (merchant, package) = (merchant.id.clone(), license.id.clone());
            jobs.push(self.job(Task::AttachPackage { merchant, package }, now));
        }
        for early in std::mem::take(&mut purchase.early) {
            jobs.extend(self.apply_early(&mut license, &purchase.key, early, channel, now)?);
        }
        self.sign_new_key(merchant, &mut license, crate::domain::OldKeyFate::StaysValid, now).await?;
        purchase.state = PurchaseState::Minted;
        let upgraded = purchase.upgrades.drain(..);
        license.changes.extend(upgraded.map(|order_id| AppliedChange { order_id, ordered_at: Some(now) }));
        let commit = self.minted(&license, &actor, now).put(purchase.clone(), revision);
        let pending = RecordKey::PendingLicense(merchant.id.clone(), license.id.clone());
        let mut commit = commit.with(Change::Remove(pending)).put(license.clone(), ABSENT);
        for job in jobs {
            commit = commit.put(job, ABSENT);
        }
        Ok(Decided { commit, purchase, license: Some(license) })
    }

    /// What is written with every new license, besides the license itself.
    pub(super) fn minted(&self, license: &License, actor: &Actor, now: Instant) -> Commit {
        let code = self.signer.claim_code(&license.id, license.generation);
        let claim = ClaimTarget {
            merchant: license.merchant.clone(),
            digest: self.signer.claim_digest(&code),
            license: license.id.clone(),
            generation: license.generation,
        };
        let detail = [
            ("spec", license.sold.spec.to_string()),
            ("term", license.sold.term.to_string()),
            ("ends_at", license.validity.ends_at.map_or_else(|| "never".into(), |end| end.to_rfc3339())),
        ];
        let event = self.event(&license.merchant, &license.id, actor, EventKind::LicenseIssued, &detail);
        Commit::new().put(claim, ABSENT).put(event, ABSENT).set_all(flips_between(None, license, now))
    }

    /// What came before the license existed. Freezes count when the license is not suspended already.
    pub(super) fn apply_early(
        &self,
        license: &mut License,
        key: &OrderLineKey,
        early: EarlyEvent,
        channel: &Channel,
        now: Instant,
    ) -> Result<Option<Job>, UseCaseError> {
        match early {
            EarlyEvent::Frozen { at } => {
                license.suspend(HoldBy::Marketplace, None, at)?;
                license.status_told_at = Some(at);
                Ok(None)
            }
            EarlyEvent::Unfrozen { at } => {
                license.resume(HoldBy::Marketplace)?;
                license.status_told_at = Some(at);
                Ok(None)
            }
            EarlyEvent::Changed { at: _, order } => {
                let order_id = order.order_id.clone();
                license.changes.push(AppliedChange { order_id, ordered_at: None });
                let task = Task::ApplyChange { purchase: key.clone(), order };
                Ok(Some(self.job_through(&channel.id, task, now)))
            }
            EarlyEvent::Applied { at: _, application } => {
                let task = Task::ApplyForLicense { purchase: key.clone(), application };
                Ok(Some(self.job_through(&channel.id, task, now)))
            }
            EarlyEvent::Refreshed { at, order, scene, ends_at, term } => {
                let can_rank = channel.open_api.is_some();
                let applied = AppliedOrder {
                    order_id: order.order_id.clone(),
                    scene: Some(scene),
                    ordered_at: None,
                    received_at: at,
                    ends_at,
                    term,
                    in_force: false,
                };
                license.apply_order(applied, can_rank);
                let (order_id, order_line_id) = (order.order_id, order.order_line_id);
                let task = Task::RankOrder { purchase: key.clone(), order_id, order_line_id, scene };
                Ok(can_rank.then(|| self.job_through(&channel.id, task, now)))
            }
        }
    }
}

pub(super) fn is_open(purchase: &Purchase) -> bool {
    match purchase.state {
        PurchaseState::Received | PurchaseState::Held { .. } => true,
        PurchaseState::Minted | PurchaseState::Ended { .. } => false,
    }
}

/// What the order says of this purchase: its line, or the line of its product, or the only one.
pub(super) fn facts_for(key: &OrderLineKey, details: &OrderDetails) -> Option<PurchaseFacts> {
    let by_line = key
        .line_id
        .as_ref()
        .and_then(|id| details.lines.iter().find(|line| line.order_line_id == id.as_str()));
    let by_product = key
        .product_id
        .as_ref()
        .and_then(|id| details.lines.iter().find(|line| line.product_id.as_ref() == Some(id)));
    let only = if details.lines.len() == 1 { details.lines.first() } else { None };
    by_line.or(by_product).or(only).map(|line| PurchaseFacts::of(details, line))
}
