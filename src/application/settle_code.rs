//! A code is being redeemed: the marketplace activates it, its order is asked for, then the license is minted or held.
//!
//! Activation cannot be repeated, so what it answered is stored before anything else is asked.

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::hide_code::{order_of_code, stand_in};
use super::ports::{
    CodeStanding, Commit, Listing, MarketplaceCallError, MarketplaceCalls, OrderSourceError, Urgency,
    Versioned, find, list,
};
use super::record::RecordKey;
use super::redeem_code::{CODES_STUCK_MAX, asked_again_after};
use super::settle_purchase::{Settled, Trouble};
use crate::domain::{
    AuthorizationCode, AuthorizationCodeState, Channel, Charging, CodeGrant, Env, InstanceId, Instant,
    LicenseId, Marketplace, MerchantId, OrderDetails, OrderLineDetails, OrderLineId, OrderLineKey, Purchase,
    PurchaseFacts, PurchaseState, Term,
};

/// How long a code is asked about, whatever comes in between: the buyer who has not received it yet, a marketplace that
/// does not answer. Whoever types it again has it asked about again.
const ASK_FOR_HOURS: i64 = 24;

/// Where the marketplace's answers lead.
enum Step {
    /// Take this state.
    To(AuthorizationCodeState),
    /// Ask again later, and why.
    Later(Trouble),
}

impl App {
    /// Does what is left to do for a code that somebody redeems. May be repeated at any time.
    pub async fn settle_code(
        &self,
        merchant: &MerchantId,
        marketplace: Marketplace,
        code: &InstanceId,
    ) -> Result<Settled, UseCaseError> {
        let key = RecordKey::AuthorizationCode(merchant.clone(), marketplace, code.clone());
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
        let Some(mut known) = known.map(|known| known.value) else { return Ok(Settled::Done) };
        if let AuthorizationCodeState::Asked { since } = known.state {
            match self.activate_code(&known, since).await? {
                Step::Later(why) => return Ok(Settled::Later(why)),
                Step::To(state) => known = self.advance(&key, &known.state, state).await?,
            }
        }
        match known.state.clone() {
            AuthorizationCodeState::Activated { grant } => self.settle_grant(&key, &known, grant).await,
            AuthorizationCodeState::Asked { .. } => Ok(Settled::Later("the code was asked for anew".into())),
            AuthorizationCodeState::Unredeemed
            | AuthorizationCodeState::Refused { .. }
            | AuthorizationCodeState::Redeemed { .. }
            | AuthorizationCodeState::Released { .. } => Ok(Settled::Done),
        }
    }

    /// Every access to the marketplace that may have sold the code is tried once.
    async fn activate_code(&self, known: &AuthorizationCode, since: Instant) -> Result<Step, UseCaseError> {
        let channels = self.code_channels(&known.merchant).await?;
        let why_not = match self.activate_through(&channels, &known.code).await {
            Ok(grant) => return Ok(Step::To(AuthorizationCodeState::Activated { grant })),
            Err(why_not) => why_not,
        };
        let now = self.now();
        if let Some(why) = why_not.filter(|why| *why != MarketplaceCallError::CodeUnknown) {
            let is_over = now - since > TimeDelta::hours(ASK_FOR_HOURS);
            if !is_over && !self.is_one_too_many(&known.merchant, &channels, &why).await? {
                return Ok(Step::Later(why.into()));
            }
            tracing::warn!(merchant = %known.merchant, %why, "a code was asked about in vain, and is refused until somebody types it again");
        }
        Ok(Step::To(AuthorizationCodeState::Refused { again_at: now + asked_again_after() }))
    }

    /// What the marketplace says through any of the channels. If none activates the code, then why not: that it cannot
    /// be asked rather than that it turned the question away, and either rather than that it does not know the code.
    async fn activate_through(
        &self,
        channels: &[Channel],
        code: &InstanceId,
    ) -> Result<CodeGrant, Option<MarketplaceCallError>> {
        let calls = self.marketplaces.as_deref().ok_or(Some(MarketplaceCallError::NotConfigured))?;
        let (mut why_not, mut tried) = (None, Vec::new());
        for channel in channels {
            if tried.contains(&&channel.open_api) {
                continue;
            }
            tried.push(&channel.open_api);
            match activated(calls, channel, code).await {
                Ok(grant) => return Ok(grant),
                Err(error) if weight(&error) >= why_not.as_ref().map_or(0, weight) => why_not = Some(error),
                Err(_) => {}
            }
        }
        Err(why_not)
    }

    /// Whether more codes wait than may, of those whose questions the marketplace turns away.
    async fn is_one_too_many(
        &self,
        merchant: &MerchantId,
        channels: &[Channel],
        why: &MarketplaceCallError,
    ) -> Result<bool, UseCaseError> {
        let (MarketplaceCallError::Refused(_), Some(channel)) = (why, channels.first()) else {
            return Ok(false);
        };
        Ok(self.codes_asked(merchant, &channel.id).await? > CODES_STUCK_MAX)
    }

    /// Moves a code on, unless the marketplace has released it meanwhile.
    async fn advance(
        &self,
        key: &RecordKey,
        decided_on: &AuthorizationCodeState,
        state: AuthorizationCodeState,
    ) -> Result<AuthorizationCode, UseCaseError> {
        decided!(self, self.try_advance(key, decided_on, state.clone()))
    }

    async fn try_advance(
        &self,
        key: &RecordKey,
        decided_on: &AuthorizationCodeState,
        state: AuthorizationCodeState,
    ) -> Result<AuthorizationCode, UseCaseError> {
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
        let Versioned { value: mut record, revision } =
            known.ok_or_else(|| super::ports::StoreError::Failed("a code is gone".into()))?;
        // An activation cannot be repeated: its answer counts also for whoever asked anew.
        let is_activated = matches!(state, AuthorizationCodeState::Activated { .. });
        let is_asked = matches!(record.state, AuthorizationCodeState::Asked { .. });
        if record.state == *decided_on || (is_asked && is_activated) {
            record.state = state;
            self.store.commit(Commit::new().put(record.clone(), revision)).await?;
        }
        Ok(record)
    }

    /// The code is activated: what does its order say, and how does it stand now?
    async fn settle_grant(
        &self,
        key: &RecordKey,
        known: &AuthorizationCode,
        mut grant: CodeGrant,
    ) -> Result<Settled, UseCaseError> {
        let decided_on = known.state.clone();
        let channels = self.code_channels(&known.merchant).await?;
        let Some(channel) = channels.iter().find(|channel| channel.id == grant.channel) else {
            return Ok(Settled::Later("the channel that activated the code is gone".into()));
        };
        match self.marketplaces.as_deref() {
            Some(calls) => match calls.query_code(channel, &known.code).await {
                Ok(standing) if standing.released => {
                    let released = AuthorizationCodeState::Released { at: self.now() };
                    return decided!(self, self.close_code(key, &decided_on, released.clone()));
                }
                Ok(standing) => grant.ends_at = standing.ends_at.or(grant.ends_at),
                Err(error @ MarketplaceCallError::Unavailable(_)) => {
                    return Ok(Settled::Later(error.into()));
                }
                // The first answer holds until the first use asks again.
                Err(
                    MarketplaceCallError::Refused(_)
                    | MarketplaceCallError::RequestClosed(_)
                    | MarketplaceCallError::NotConfigured
                    | MarketplaceCallError::CodeUnknown
                    | MarketplaceCallError::CodeNotReceived
                    | MarketplaceCallError::CodeState,
                ) => {}
            },
            None => return Ok(Settled::Later(MarketplaceCallError::NotConfigured.into())),
        }
        let details = match &grant.order_id {
            Some(id) => match self.orders.order(&known.merchant, channel, id.as_str(), None).await {
                Ok(details) => Some(details),
                Err(
                    error @ (OrderSourceError::Unavailable(_)
                    | OrderSourceError::UnknownOrder(_)
                    | OrderSourceError::Refused(_)
                    | OrderSourceError::NotConfigured),
                ) => return Ok(Settled::Later(error.into())),
            },
            None => None,
        };
        let same_access = channels.iter().filter(|other| other.open_api == channel.open_api).collect();
        let bought = Bought { grant: &grant, details: details.as_ref(), channel, same_access };
        let _turn = self.turn(&known.code).await;
        decided!(self, self.try_settle_grant(key, &bought)).map(|()| Settled::Done)
    }

    /// Unless somebody else has moved the code on since it was `decided_on`: one that was redeemed meanwhile has a
    /// license, and what becomes of that is not for a late worker to say.
    async fn close_code(
        &self,
        key: &RecordKey,
        decided_on: &AuthorizationCodeState,
        state: AuthorizationCodeState,
    ) -> Result<Settled, UseCaseError> {
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
        let known = known.filter(|known| known.value.state == *decided_on);
        if let Some(Versioned { value: mut record, revision }) = known {
            record.state = state;
            let commit = Commit::new().with_urgency(Urgency::Essential).put(record, revision);
            self.store.commit(commit).await?;
        }
        Ok(Settled::Done)
    }

    /// Purchase, license and the code's new state: one commit.
    async fn try_settle_grant(&self, key: &RecordKey, bought: &Bought<'_>) -> Result<(), UseCaseError> {
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
        let Some(Versioned { value: mut record, revision }) = known else { return Ok(()) };
        if !matches!(record.state, AuthorizationCodeState::Activated { .. }) {
            return Ok(());
        }
        let (now, merchant) = (self.now(), record.merchant.clone());
        let line = self.free_line(&record, bought).await?;
        let facts = bought.facts(line.0, now);
        let channel = self.selling_channel(&merchant, bought, &facts).await?;
        let purchase = Purchase {
            key: line.1,
            license: LicenseId::from_uuid(self.ids.uuid_v7(now)),
            instance: record.code.clone(),
            channel: channel.id.clone(),
            received_at: now,
            env: Env::Live,
            state: PurchaseState::Received,
            early: std::mem::take(&mut record.early),
            facts: Some(facts),
            upgrades: Vec::new(),
        };
        let call = PurchaseCall { merchant: &merchant, channel, replay: None, occurred_at: None, now };
        record.state = AuthorizationCodeState::Redeemed { license: purchase.license.clone(), used_on: None };
        let settled = self.settled_at_once(&call, purchase).await?;
        self.store.commit(settled.commit.put(record, revision)).await?;
        self.signals.jobs.notify_one();
        Ok(())
    }

    /// The order line that the code stands for: the first of its product that no other code stands for. Codes of one
    /// order are alike; should there be more of them than lines, what stands for the code tells its purchase apart.
    async fn free_line<'b>(
        &self,
        record: &AuthorizationCode,
        bought: &Bought<'b>,
    ) -> Result<(Option<&'b OrderLineDetails>, OrderLineKey), UseCaseError> {
        let order_id = match &bought.grant.order_id {
            Some(id) => id.clone(),
            None => order_of_code(&record.code)?,
        };
        let (merchant, marketplace) = (record.merchant.clone(), record.marketplace);
        let listing =
            Listing::PurchasesOfOrder { merchant: merchant.clone(), marketplace, order_id: order_id.clone() };
        let others: Vec<Versioned<Purchase>> = list(self.store.as_ref(), &listing, 1_000).await?;
        let is_taken = |line: &&OrderLineDetails| {
            others.iter().any(|other| {
                other.value.key.line_id.as_ref().is_some_and(|id| id.as_str() == line.order_line_id)
            })
        };
        let lines = bought.lines();
        let line = lines.iter().copied().find(|line| !is_taken(line));
        let line_id = line.and_then(|line| OrderLineId::parse(&line.order_line_id).ok());
        let product_id = if line_id.is_some() { None } else { Some(stand_in(&record.code)) };
        let key = OrderLineKey { merchant, marketplace, order_id, line_id, product_id };
        Ok((line.or_else(|| lines.first().copied()), key))
    }

    /// Of the addresses behind one access to the marketplace, the one that sells what was bought; where none does, the
    /// purchase is held at the one that activated the code.
    async fn selling_channel<'b>(
        &self,
        merchant: &MerchantId,
        bought: &Bought<'b>,
        facts: &PurchaseFacts,
    ) -> Result<&'b Channel, UseCaseError> {
        for channel in &bought.same_access {
            if self.spec_meant(merchant, channel, facts).await?.is_some() {
                return Ok(*channel);
            }
        }
        Ok(bought.channel)
    }
}

/// What the marketplace said of a code.
struct Bought<'a> {
    grant: &'a CodeGrant,
    details: Option<&'a OrderDetails>,
    /// Through which it was activated.
    channel: &'a Channel,
    /// All that call the marketplace by the same access, that one included.
    same_access: Vec<&'a Channel>,
}

impl<'a> Bought<'a> {
    /// The lines of the code's product; every line when none names it.
    fn lines(&self) -> Vec<&'a OrderLineDetails> {
        let all: Vec<_> = self.details.map(|details| details.lines.iter().collect()).unwrap_or_default();
        let of_product: Vec<_> = all
            .iter()
            .copied()
            .filter(|line: &&OrderLineDetails| line.product_id == self.grant.product_id)
            .collect();
        if of_product.is_empty() { all } else { of_product }
    }

    fn facts(&self, line: Option<&OrderLineDetails>, now: Instant) -> PurchaseFacts {
        let said = line.zip(self.details).map(|(line, details)| PurchaseFacts::of(details, line));
        let quantity = self.grant.quantity.filter(|_| line.is_none_or(|line| line.quantity.is_none()));
        // Without an order there is the product id, which a spec may know.
        let mut facts = said.unwrap_or_else(|| PurchaseFacts {
            customer: None,
            sku: None,
            product_id: self.grant.product_id.clone(),
            quantity: 1,
            charging: if self.grant.ends_at.is_some() { Charging::Period } else { Charging::OneTime },
            term: Term::Permanent,
            ordered_at: now,
            expires_at: None,
            ends_at: None,
            extend_params: Vec::new(),
            changed_at: None,
        });
        facts.quantity = quantity.map_or(facts.quantity, |quantity| quantity.max(1));
        facts.ends_at = self.grant.ends_at;
        facts
    }
}

/// How much an answer counts among those of several accesses.
fn weight(error: &MarketplaceCallError) -> u8 {
    match error {
        MarketplaceCallError::CodeUnknown => 0,
        MarketplaceCallError::Refused(_) | MarketplaceCallError::RequestClosed(_) => 1,
        MarketplaceCallError::CodeNotReceived
        | MarketplaceCallError::CodeState
        | MarketplaceCallError::Unavailable(_)
        | MarketplaceCallError::NotConfigured => 2,
    }
}

/// Activates a code, or learns that it was activated before: by us, when the answer was lost.
async fn activated(
    calls: &dyn MarketplaceCalls,
    channel: &Channel,
    code: &InstanceId,
) -> Result<CodeGrant, MarketplaceCallError> {
    match calls.activate_code(channel, code).await {
        Err(MarketplaceCallError::CodeState) => {
            let standing = calls.query_code(channel, code).await?;
            let CodeStanding { released: _, ends_at, order_id, product_id, quantity } = standing;
            Ok(CodeGrant { channel: channel.id.clone(), order_id, product_id, quantity, ends_at })
        }
        other => other,
    }
}
