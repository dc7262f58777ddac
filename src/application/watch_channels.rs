//! Notices that a channel which saw dial tests sees none any more.

use super::app::{App, UseCaseError, decided};
use super::ports::{Commit, Listing, Versioned, find, list};
use super::record::RecordKey;
use super::tell_notice::event_of;
use crate::domain::{ChannelId, ChannelNotice, ChannelStanding, Merchant, MerchantId, NoticeId, NoticeKind};

impl App {
    /// Looks at every channel of every merchant and tells once of each silence. Says of how many.
    pub async fn watch_channels(&self) -> Result<usize, UseCaseError> {
        let mut told = 0;
        for merchant in list::<Merchant>(self.store.as_ref(), &Listing::Merchants, 1_000).await? {
            for channel in self.channels_of(&merchant.value.id).await? {
                let told_now = decided!(self, self.try_tell_silence(&merchant.value.id, &channel.id))?;
                told += usize::from(told_now);
            }
        }
        Ok(told)
    }

    /// The notice and that it was told: one commit, so that one process of several tells it.
    async fn try_tell_silence(
        &self,
        merchant: &MerchantId,
        channel: &ChannelId,
    ) -> Result<bool, UseCaseError> {
        let now = self.clock.now();
        let key = RecordKey::Standing(merchant.clone(), channel.clone());
        let stored: Option<Versioned<ChannelStanding>> = find(self.store.as_ref(), key).await?;
        let Some(Versioned { value: mut standing, revision }) = stored else { return Ok(false) };
        // What was noted a moment ago may end a silence.
        let mut newest = standing.clone();
        self.calls.add_to(&mut newest);
        let Some(since) = newest.silent_since(now) else { return Ok(false) };
        standing.silence_told = Some(since);
        let notice = ChannelNotice {
            id: NoticeId::from_uuid(self.ids.uuid_v7(now)),
            merchant: merchant.clone(),
            channel: channel.clone(),
            kind: NoticeKind::Silent,
            at: now,
            activity: None,
            cause: None,
            last_success: standing.last_dial_test(),
            failing: None,
        };
        let event = event_of(&notice);
        self.store.commit(Commit::new().put(standing, revision).set(notice).set_all(event)).await?;
        self.calls.count(&(merchant.clone(), channel.clone()), NoticeKind::Silent);
        tracing::warn!(%merchant, %channel, %since, "no dial test has succeeded since");
        Ok(true)
    }
}
