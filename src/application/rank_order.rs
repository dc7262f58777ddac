//! When was a later order placed? The latest one gives the end, whenever it arrived.

use super::app::{App, UseCaseError, decided};
use super::change_instance::changed;
use super::license_change::flips_between;
use super::ports::{ABSENT, Commit, OrderSourceError, Versioned, find};
use super::record::{Owned, RecordKey};
use super::refresh_instance::end_text;
use super::settle_purchase::Settled;
use crate::domain::{
    Actor, Channel, EventKind, LicenseEnd, LicenseId, Merchant, OrderDetails, OrderLineKey, Purchase,
    PurchaseFacts, RefreshScene, Spec, Term,
};

/// A later order of a purchase.
#[derive(Debug, Clone, Copy)]
pub struct LaterOrder<'a> {
    /// Of which purchase.
    pub purchase: &'a OrderLineKey,
    /// The order.
    pub order_id: &'a str,
    /// Its line, if it has one.
    pub order_line_id: Option<&'a str>,
    /// What it was for.
    pub scene: RefreshScene,
}

/// What the marketplace says of a later order; nothing when it does not know the order.
#[derive(Default)]
struct Ranking {
    ordered_at: Option<crate::domain::Instant>,
    term: Option<Term>,
    /// What the order changes, when its scene says that it does.
    change: Option<(Spec, PurchaseFacts)>,
}

impl App {
    /// Asks the marketplace, then settles the end. May be repeated at any time.
    pub async fn rank_order(&self, later: LaterOrder<'_>) -> Result<Settled, UseCaseError> {
        let key = later.purchase;
        let known: Option<Versioned<Purchase>> =
            find(self.store.as_ref(), RecordKey::Purchase(key.clone())).await?;
        let Some(purchase) = known.map(|purchase| purchase.value) else { return Ok(Settled::Done) };
        let channel_key = RecordKey::Channel(key.merchant.clone(), purchase.channel.clone());
        let channel: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), channel_key).await?;
        let ranking = match channel {
            Some(channel) => {
                let channel = channel.value.value;
                match self.orders.order(&key.merchant, &channel, later.order_id, later.order_line_id).await {
                    Ok(details) => {
                        let mut ranking = ranking_of(&details, later.order_line_id);
                        if later.scene == RefreshScene::RenewalChange {
                            let Some(change) =
                                self.change_in(key, &channel, &purchase.license, later, &details).await?
                            else {
                                return Ok(Settled::Later(
                                    "no spec of the license's product knows the SKU yet".into(),
                                ));
                            };
                            ranking.change = Some(change);
                        }
                        ranking
                    }
                    Err(OrderSourceError::UnknownOrder(_) | OrderSourceError::NotConfigured) => {
                        Ranking::default()
                    }
                    Err(error @ (OrderSourceError::Unavailable(_) | OrderSourceError::Refused(_))) => {
                        return Ok(Settled::Later(error.into()));
                    }
                }
            }
            None => Ranking::default(),
        };
        let merchant = self.merchant(&key.merchant).await?;
        let _turn = self.turn(&purchase.instance.as_str()).await;
        decided!(self, self.try_rank(&merchant, &purchase, later, &ranking)).map(|()| Settled::Done)
    }

    /// What a renewal that also changes what was bought makes of it; none while no spec knows.
    async fn change_in(
        &self,
        key: &OrderLineKey,
        channel: &Channel,
        license: &LicenseId,
        later: LaterOrder<'_>,
        details: &OrderDetails,
    ) -> Result<Option<(Spec, PurchaseFacts)>, UseCaseError> {
        let line = details.lines.iter().find(|line| Some(line.order_line_id.as_str()) == later.order_line_id);
        let Some(line) = line.or(details.lines.first()) else { return Ok(None) };
        let facts = PurchaseFacts::of(details, line);
        let spec = self.spec_meant(&key.merchant, channel, &facts).await?;
        let license = self.find_license(&key.merchant, license).await?;
        // A license never becomes one of another product.
        let fits = |spec: &Spec| license.as_ref().is_none_or(|license| spec.suits(&license.value));
        Ok(spec.filter(fits).map(|spec| (spec, facts)))
    }

    async fn try_rank(
        &self,
        merchant: &Merchant,
        purchase: &Purchase,
        later: LaterOrder<'_>,
        ranking: &Ranking,
    ) -> Result<(), UseCaseError> {
        let found = self.find_license(&merchant.id, &purchase.license).await?;
        let Some(Versioned { value: before, revision }) = found else { return Ok(()) };
        let now = self.now();
        let mut license = before.clone();
        license.order_ranked(later.order_id, later.scene, ranking.ordered_at, ranking.term);
        if let Some((spec, facts)) = &ranking.change {
            let is_new = !before.has_ranked(later.order_id, later.scene);
            if is_new && license.was_changed_last_at(facts.ordered_at) {
                license.sell(changed(&license, spec, facts)?, spec.updates);
            }
        }
        if license.end == LicenseEnd::Running {
            self.sign_what_changed(merchant, &before, &mut license, now).await?;
        }
        if license == before {
            return Ok(());
        }
        let commit = Commit::new().set_all(flips_between(Some(&before), &license, now));
        let mut commit = self.book_change(commit, &before, &license, now).await?;
        if license.license_key != before.license_key {
            license.updated_at = now;
            let detail = [("order_id", later.order_id.to_owned()), ("ends_at", end_text(&license))];
            let event =
                self.event(&merchant.id, &license.id, &Actor::Server, EventKind::LicenseRenewed, &detail);
            commit = commit.put(event, ABSENT);
        }
        self.store.commit(commit.put(license, revision)).await?;
        self.signals.flips.notify_one();
        Ok(())
    }
}

fn ranking_of(details: &OrderDetails, line_id: Option<&str>) -> Ranking {
    let line = details.lines.iter().find(|line| Some(line.order_line_id.as_str()) == line_id);
    let line = line.or(details.lines.first()).filter(|line| line.period.is_some());
    let term = line.map(|line| PurchaseFacts::of(details, line).term);
    let term = term.filter(|term| *term != Term::Permanent);
    Ranking { ordered_at: Some(details.created_at), term, change: None }
}
