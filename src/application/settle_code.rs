//! A code is being redeemed: the marketplace activates it, its order is asked for, then the license is minted or held.
//!
//! Activation cannot be repeated, so what it answered is stored before anything else is asked.

use chrono::TimeDelta;

use super::app::{App, UseCaseError, decided};
use super::handle_purchase_event::PurchaseCall;
use super::ports::{
    CodeStanding, Commit, Listing, MarketplaceCallError, MarketplaceCalls, OrderSourceError, Urgency,
    Versioned, find, list,
};
use super::record::RecordKey;
use super::redeem_code::asked_again_after;
use super::settle_purchase::Settled;
use crate::domain::{
    AuthorizationCode, AuthorizationCodeState, Channel, Charging, CodeGrant, Env, InstanceId, Instant,
    LicenseId, Marketplace, MerchantId, OrderDetails, OrderId, OrderLineDetails, OrderLineId, OrderLineKey,
    Purchase, PurchaseFacts, PurchaseState, Term,
};

/// How long a buyer may take to receive a code that was typed here already.
const RECEIVE_WITHIN_HOURS: i64 = 24;

/// Where the marketplace's answers lead.
enum Step {
    /// Take this state.
    To(AuthorizationCodeState),
    /// Ask again later, and why.
    Later(String),
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
                Step::To(state) => known = self.advance(&key, state).await?,
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
        let Some(calls) = self.marketplaces.as_deref() else {
            return Ok(Step::Later(MarketplaceCallError::NotConfigured.to_string()));
        };
        let (now, mut later) = (self.now(), None);
        let mut tried = Vec::new();
        for channel in self.code_channels(&known.merchant).await? {
            if tried.contains(&channel.open_api) {
                continue;
            }
            tried.push(channel.open_api.clone());
            match activated(calls, &channel, &known.code).await {
                Ok(grant) => return Ok(Step::To(AuthorizationCodeState::Activated { grant })),
                Err(MarketplaceCallError::CodeUnknown) => {}
                Err(MarketplaceCallError::CodeNotReceived)
                    if now - since > TimeDelta::hours(RECEIVE_WITHIN_HOURS) => {}
                Err(
                    error @ (MarketplaceCallError::CodeNotReceived
                    | MarketplaceCallError::CodeState
                    | MarketplaceCallError::Unavailable(_)
                    | MarketplaceCallError::Refused(_)
                    | MarketplaceCallError::RequestClosed(_)
                    | MarketplaceCallError::NotConfigured),
                ) => later = Some(error.to_string()),
            }
        }
        let refused = AuthorizationCodeState::Refused { again_at: now + asked_again_after() };
        Ok(later.map_or(Step::To(refused), Step::Later))
    }

    /// Moves a code on, unless the marketplace has released it meanwhile.
    async fn advance(
        &self,
        key: &RecordKey,
        state: AuthorizationCodeState,
    ) -> Result<AuthorizationCode, UseCaseError> {
        decided!(self, self.try_advance(key, state.clone()))
    }

    async fn try_advance(
        &self,
        key: &RecordKey,
        state: AuthorizationCodeState,
    ) -> Result<AuthorizationCode, UseCaseError> {
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
        let Versioned { value: mut record, revision } =
            known.ok_or_else(|| super::ports::StoreError::Failed("a code is gone".into()))?;
        if matches!(record.state, AuthorizationCodeState::Asked { .. }) {
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
        let channels = self.code_channels(&known.merchant).await?;
        let Some(channel) = channels.iter().find(|channel| channel.id == grant.channel) else {
            return Ok(Settled::Later("the channel that activated the code is gone".into()));
        };
        match self.marketplaces.as_deref() {
            Some(calls) => match calls.query_code(channel, &known.code).await {
                Ok(standing) if standing.released => {
                    let released = AuthorizationCodeState::Released { at: self.now() };
                    return self.close_code(key, released).await;
                }
                Ok(standing) => grant.ends_at = standing.ends_at.or(grant.ends_at),
                Err(MarketplaceCallError::Unavailable(why)) => return Ok(Settled::Later(why)),
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
            None => return Ok(Settled::Later(MarketplaceCallError::NotConfigured.to_string())),
        }
        let details = match &grant.order_id {
            Some(id) => match self.orders.order(&known.merchant, channel, id.as_str(), None).await {
                Ok(details) => Some(details),
                Err(
                    error @ (OrderSourceError::Unavailable(_)
                    | OrderSourceError::UnknownOrder(_)
                    | OrderSourceError::Refused(_)
                    | OrderSourceError::NotConfigured),
                ) => return Ok(Settled::Later(error.to_string())),
            },
            None => None,
        };
        let same_access = channels.iter().filter(|other| other.open_api == channel.open_api).collect();
        let bought = Bought { grant: &grant, details: details.as_ref(), channels: same_access };
        let _turn = self.turn(&known.code).await;
        decided!(self, self.try_settle_grant(key, &bought)).map(|()| Settled::Done)
    }

    async fn close_code(
        &self,
        key: &RecordKey,
        state: AuthorizationCodeState,
    ) -> Result<Settled, UseCaseError> {
        let known: Option<Versioned<AuthorizationCode>> = find(self.store.as_ref(), key.clone()).await?;
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
        let Some(channel) = channel else { return Ok(()) };
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
    /// order are alike; should there be more of them than lines, the code itself tells its purchase apart.
    async fn free_line<'b>(
        &self,
        record: &AuthorizationCode,
        bought: &Bought<'b>,
    ) -> Result<(Option<&'b OrderLineDetails>, OrderLineKey), UseCaseError> {
        let order_id = match &bought.grant.order_id {
            Some(id) => id.clone(),
            None => OrderId::parse(record.code.as_str())
                .map_err(|_| super::ports::StoreError::Failed("a code that is no id".into()))?,
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
        let product_id = if line_id.is_some() { None } else { Some(record.code.to_string()) };
        let key = OrderLineKey { merchant, marketplace, order_id, line_id, product_id };
        Ok((line.or_else(|| lines.first().copied()), key))
    }

    /// Of the addresses behind one access to the marketplace, the one that sells what was bought.
    async fn selling_channel<'b>(
        &self,
        merchant: &MerchantId,
        bought: &Bought<'b>,
        facts: &PurchaseFacts,
    ) -> Result<Option<&'b Channel>, UseCaseError> {
        for channel in &bought.channels {
            if self.spec_meant(merchant, channel, facts).await?.is_some() {
                return Ok(Some(*channel));
            }
        }
        let activated = bought.channels.iter().find(|channel| channel.id == bought.grant.channel);
        Ok(activated.copied())
    }
}

/// What the marketplace said of a code.
struct Bought<'a> {
    grant: &'a CodeGrant,
    details: Option<&'a OrderDetails>,
    channels: Vec<&'a Channel>,
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
