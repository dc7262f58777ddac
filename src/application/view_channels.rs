//! What a merchant sees of its channels.

use std::collections::BTreeMap;

use super::app::{App, UseCaseError};
use super::ports::{Listing, StoreError, Versioned, find, list};
use super::record::{Owned, RecordKey};
use crate::domain::{
    CallChunk, CallId, Channel, ChannelCall, ChannelId, ChannelNotice, ChannelStanding, Instant, Merchant,
    MerchantId, NOTICES_MAX, Refusal, SIGNED_CALLS_MAX, UNSIGNED_CALLS_MAX,
};

/// Records read at a time.
const PAGE: usize = 1_000;
/// What follows the server's own address on the customer's page.
const PORTAL_PATH: &str = "/portal";

/// A channel and how it has fared.
#[derive(Debug, Clone)]
pub struct ChannelView {
    /// The channel.
    pub channel: Channel,
    /// The address to give to the marketplace.
    pub address: String,
    /// How it has fared.
    pub standing: ChannelStanding,
    /// What the merchant should know, newest first.
    pub notices: Vec<ChannelNotice>,
}

/// Which calls are shown.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Of this activity.
    pub activity: Option<String>,
    /// Only those that were turned away or answered with an error.
    pub refused: bool,
    /// Only newer ones.
    pub since: Option<CallId>,
    /// Only older ones.
    pub before: Option<CallId>,
}

impl CallFilter {
    fn fits(&self, call: &ChannelCall) -> bool {
        self.activity.as_ref().is_none_or(|activity| call.activity.as_ref() == Some(activity))
            && (!self.refused || call.is_refused())
            && self.since.as_ref().is_none_or(|since| call.id > *since)
            && self.before.as_ref().is_none_or(|before| call.id < *before)
    }
}

impl App {
    /// Every channel of a merchant.
    pub async fn view_channels(&self, merchant: &MerchantId) -> Result<Vec<ChannelView>, UseCaseError> {
        let mut views = Vec::new();
        for channel in self.channels_of(merchant).await? {
            views.push(self.channel_view(merchant, channel).await?);
        }
        Ok(views)
    }

    /// Every channel of a merchant, as the catalog has it.
    pub async fn channels(&self, merchant: &MerchantId) -> Result<Vec<Channel>, UseCaseError> {
        Ok(self.channels_of(merchant).await?)
    }

    /// One channel.
    pub async fn view_channel(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
    ) -> Result<ChannelView, UseCaseError> {
        let channel = self.known_channel(merchant, id).await?;
        self.channel_view(merchant, channel).await
    }

    /// The last calls of a channel, newest first, and where the next page starts.
    pub async fn view_calls(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
        filter: &CallFilter,
        limit: usize,
    ) -> Result<(Vec<ChannelCall>, Option<CallId>), UseCaseError> {
        self.known_channel(merchant, id).await?;
        let address = (merchant.clone(), id.clone());
        // Memory first: what is written in between is then seen twice and not missed.
        let mut of_memory: [Vec<ChannelCall>; 2] = Default::default();
        for call in self.calls.calls(&address) {
            of_memory[usize::from(call.signed_by.is_none())].push(call);
        }
        let [signed, unsigned] = of_memory;
        let mut all = BTreeMap::new();
        for (signed, waiting, max) in
            [(true, signed, SIGNED_CALLS_MAX), (false, unsigned, UNSIGNED_CALLS_MAX)]
        {
            let mut calls: BTreeMap<_, _> = waiting.into_iter().map(|call| (call.id.clone(), call)).collect();
            let (merchant, channel) = address.clone();
            let listing = Listing::Calls { merchant, channel, signed };
            for chunk in list::<CallChunk>(self.store.as_ref(), &listing, PAGE).await? {
                for call in chunk.value.calls {
                    calls.entry(call.id.clone()).or_insert(call);
                }
            }
            all.extend(calls.into_iter().rev().take(max));
        }
        let mut fitting: Vec<_> = all.into_values().rev().filter(|call| filter.fits(call)).collect();
        let has_more = fitting.len() > limit;
        fitting.truncate(limit);
        let next = fitting.last().filter(|_| has_more).map(|call| call.id.clone());
        Ok((fitting, next))
    }

    /// When a dial test last succeeded at each channel of each merchant.
    pub async fn last_dial_tests(&self) -> Result<Vec<(MerchantId, ChannelId, Instant)>, UseCaseError> {
        let mut last = Vec::new();
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, PAGE).await? {
            for channel in self.channels_of(&merchant.value.id).await? {
                let standing = self.standing(&merchant.value.id, &channel.id).await?;
                last.extend(standing.last_dial_test().map(|at| (standing.merchant, standing.channel, at)));
            }
        }
        Ok(last)
    }

    /// How many notices of each kind this process has raised.
    pub fn notices_raised(&self) -> Vec<(MerchantId, ChannelId, &'static str, u64)> {
        let raised = self.calls.raised().into_iter();
        raised.map(|((merchant, channel), kind, count)| (merchant, channel, kind, count)).collect()
    }

    /// How many calls this process could not write in time.
    pub fn calls_not_kept(&self) -> u64 {
        self.calls.dropped()
    }

    async fn channel_view(
        &self,
        merchant: &MerchantId,
        channel: Channel,
    ) -> Result<ChannelView, UseCaseError> {
        let mut notices: BTreeMap<_, _> = self
            .calls
            .notices(&(merchant.clone(), channel.id.clone()))
            .into_iter()
            .map(|notice| (notice.id.clone(), notice))
            .collect();
        let standing = self.standing(merchant, &channel.id).await?;
        let listing = Listing::Notices(merchant.clone(), channel.id.clone());
        for notice in list::<ChannelNotice>(self.store.as_ref(), &listing, NOTICES_MAX).await? {
            notices.entry(notice.value.id.clone()).or_insert(notice.value);
        }
        let notices = notices.into_values().rev().take(NOTICES_MAX).collect();
        let address = self.production_address(merchant, &channel.id);
        Ok(ChannelView { channel, address, standing, notices })
    }

    /// As it is seen from outside.
    fn production_address(&self, merchant: &MerchantId, channel: &ChannelId) -> String {
        let portal = self.signer.portal_url();
        let base = portal.strip_suffix(PORTAL_PATH).unwrap_or(&portal);
        format!("{base}/marketplace/{merchant}/{channel}")
    }

    /// How a channel has fared, as stored and as noted since.
    async fn standing(&self, merchant: &MerchantId, id: &ChannelId) -> Result<ChannelStanding, StoreError> {
        let mut waiting = ChannelStanding::new(merchant.clone(), id.clone());
        self.calls.add_to(&mut waiting);
        let key = RecordKey::Standing(merchant.clone(), id.clone());
        let stored: Option<Versioned<ChannelStanding>> = find(self.store.as_ref(), key).await?;
        if let Some(stored) = stored {
            waiting.merge(&stored.value);
        }
        Ok(waiting)
    }

    pub(super) async fn channels_of(&self, merchant: &MerchantId) -> Result<Vec<Channel>, StoreError> {
        let listing = Listing::Channels(merchant.clone());
        let channels: Vec<Versioned<Owned<Channel>>> = list(self.store.as_ref(), &listing, PAGE).await?;
        Ok(channels.into_iter().map(|channel| channel.value.value).collect())
    }

    pub(super) async fn known_channel(
        &self,
        merchant: &MerchantId,
        id: &ChannelId,
    ) -> Result<Channel, UseCaseError> {
        let key = RecordKey::Channel(merchant.clone(), id.clone());
        let found: Option<Versioned<Owned<Channel>>> = find(self.store.as_ref(), key).await?;
        let found = found.ok_or(Refusal::NotFound { what: "channel" })?;
        Ok(found.value.value)
    }
}
