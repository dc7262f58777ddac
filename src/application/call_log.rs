//! Calls at production addresses that are not stored yet. Handlers note them here, a worker writes them.
//!
//! Noting a call takes no store, no disk and no waiting, so that nothing of it can slow or fail the answer. What is kept
//! here is bounded: calls that a key of the merchant signed have their own room, and calls that anybody may have sent
//! collapse into one entry for each sort of refusal, so that a flood of them neither grows nor pushes out the others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;

use crate::domain::{
    ChannelCall, ChannelId, ChannelNotice, ChannelStanding, Instant, MerchantId, NoticeKind,
    SIGNED_CALLS_MAX, UNSIGNED_CALLS_MAX,
};

/// The same thing is told again only after this long.
pub(super) const BETWEEN_ALIKE_NOTICES: TimeDelta = TimeDelta::hours(1);
/// Calls that anybody may have sent are written at most this often.
const BETWEEN_UNSIGNED: TimeDelta = TimeDelta::seconds(10);
/// After so many calls written, what is too old is looked for and deleted.
const TRIM_AFTER_CALLS: usize = 200;

/// A channel of a merchant.
pub(super) type Address = (MerchantId, ChannelId);

/// What waits, of every channel.
#[derive(Debug, Default)]
pub(super) struct CallLog {
    channels: Mutex<HashMap<Address, Waiting>>,
    /// One flush at a time.
    pub(super) flushing: tokio::sync::Mutex<()>,
}

/// What waits, of one channel.
#[derive(Debug, Default)]
struct Waiting {
    signed: Vec<ChannelCall>,
    unsigned: Vec<ChannelCall>,
    standing: Option<ChannelStanding>,
    notices: Vec<ChannelNotice>,
    /// Being written: still shown, no longer changed.
    taken: Option<Batch>,
    told: Vec<ChannelNotice>,
    raised: BTreeMap<&'static str, u64>,
    dropped: u64,
    unsigned_taken_at: Option<Instant>,
    since_trim: Option<usize>,
}

/// What is written together.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) address: Address,
    pub(super) signed: Vec<ChannelCall>,
    pub(super) unsigned: Vec<ChannelCall>,
    pub(super) standing: ChannelStanding,
    pub(super) notices: Vec<ChannelNotice>,
}

impl CallLog {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Waiting>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, and what is to be told because of it. Says whether it is told: the same was not told lately.
    pub(super) fn note(
        &self,
        address: &Address,
        call: ChannelCall,
        key_name: Option<&str>,
        notice: Option<ChannelNotice>,
    ) -> bool {
        let mut channels = self.lock();
        let waiting = channels.entry(address.clone()).or_default();
        let standing = waiting
            .standing
            .get_or_insert_with(|| ChannelStanding::new(address.0.clone(), address.1.clone()));
        standing.note(&call);
        if let Some(name) = key_name {
            standing.note_key(name, call.at);
        }
        waiting.keep(call);
        notice.is_some_and(|notice| waiting.tell(notice))
    }

    /// Whether the same was told lately.
    pub(super) fn was_told(&self, notice: &ChannelNotice) -> bool {
        let address = (notice.merchant.clone(), notice.channel.clone());
        self.lock().get(&address).is_some_and(|waiting| waiting.has_told(notice))
    }

    /// Tells of something that is no call. Says whether it is told: the same was not told lately.
    pub(super) fn tell(&self, notice: ChannelNotice) -> bool {
        let address = (notice.merchant.clone(), notice.channel.clone());
        self.lock().entry(address).or_default().tell(notice)
    }

    /// Counts a notice that was written elsewhere.
    pub(super) fn count(&self, address: &Address, kind: NoticeKind) {
        *self.lock().entry(address.clone()).or_default().raised.entry(kind.as_str()).or_default() += 1;
    }

    /// How many notices of each kind this process has raised.
    pub(super) fn raised(&self) -> Vec<(Address, &'static str, u64)> {
        let channels = self.lock();
        let of = |(address, waiting): (&Address, &Waiting)| {
            let counts: Vec<_> = waiting.raised.iter().map(|(kind, count)| (*kind, *count)).collect();
            counts.into_iter().map(|(kind, count)| (address.clone(), kind, count)).collect::<Vec<_>>()
        };
        channels.iter().flat_map(of).collect()
    }

    /// How many calls were forgotten because they could not be written in time.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().values().map(|waiting| waiting.dropped).sum()
    }

    /// The channels of which something waits.
    pub(super) fn waiting(&self) -> Vec<Address> {
        let channels = self.lock();
        let has_some = |waiting: &Waiting| waiting.standing.is_some() || !waiting.notices.is_empty();
        channels.iter().filter(|(_, waiting)| has_some(waiting)).map(|(address, _)| address.clone()).collect()
    }

    /// Takes what is due to be written; nothing when only calls that anybody may have sent wait, and some were written a
    /// moment ago.
    pub(super) fn take(&self, address: &Address, all: bool, now: Instant) -> Option<Batch> {
        let mut channels = self.lock();
        let waiting = channels.get_mut(address)?;
        let rested = |at: Instant| (now - at).abs() >= BETWEEN_UNSIGNED;
        let unsigned_too = all || waiting.unsigned_taken_at.is_none_or(rested);
        if waiting.signed.is_empty() && waiting.notices.is_empty() && !unsigned_too {
            return None;
        }
        let standing = waiting.standing.take();
        let standing = standing.unwrap_or_else(|| ChannelStanding::new(address.0.clone(), address.1.clone()));
        let unsigned = if unsigned_too { std::mem::take(&mut waiting.unsigned) } else { Vec::new() };
        if !unsigned.is_empty() {
            waiting.unsigned_taken_at = Some(now);
        }
        let batch = Batch {
            address: address.clone(),
            signed: std::mem::take(&mut waiting.signed),
            unsigned,
            standing,
            notices: std::mem::take(&mut waiting.notices),
        };
        waiting.taken = Some(batch.clone());
        Some(batch)
    }

    /// A batch was written. Says whether it is time to delete what is too old.
    pub(super) fn written(&self, batch: &Batch) -> bool {
        let mut channels = self.lock();
        let Some(waiting) = channels.get_mut(&batch.address) else { return false };
        waiting.taken = None;
        let count = batch.signed.len() + batch.unsigned.len();
        // What lies there from before this process is not known: look at once.
        let since = waiting.since_trim.map_or(TRIM_AFTER_CALLS, |since| since + count.max(1));
        let is_due = since >= TRIM_AFTER_CALLS;
        waiting.since_trim = Some(if is_due { 0 } else { since });
        is_due
    }

    /// A batch was not written: it waits again, before what came meanwhile.
    pub(super) fn give_back(&self, batch: Batch) {
        let mut channels = self.lock();
        let Some(waiting) = channels.get_mut(&batch.address) else { return };
        waiting.taken = None;
        for (mut older, newer) in
            [(batch.signed, &mut waiting.signed), (batch.unsigned, &mut waiting.unsigned)]
        {
            older.append(newer);
            *newer = older;
        }
        let mut notices = batch.notices;
        notices.append(&mut waiting.notices);
        waiting.notices = notices;
        let mut standing = batch.standing;
        if let Some(newer) = &waiting.standing {
            standing.merge(newer);
        }
        waiting.standing = Some(standing);
        waiting.bound();
    }

    /// The calls of a channel that wait or are being written.
    pub(super) fn calls(&self, address: &Address) -> Vec<ChannelCall> {
        let channels = self.lock();
        let Some(waiting) = channels.get(address) else { return Vec::new() };
        let taken = waiting.taken.iter().flat_map(|batch| batch.signed.iter().chain(&batch.unsigned));
        taken.chain(&waiting.signed).chain(&waiting.unsigned).cloned().collect()
    }

    /// The notices of a channel that wait or are being written.
    pub(super) fn notices(&self, address: &Address) -> Vec<ChannelNotice> {
        let channels = self.lock();
        let Some(waiting) = channels.get(address) else { return Vec::new() };
        let taken = waiting.taken.iter().flat_map(|batch| &batch.notices);
        taken.chain(&waiting.notices).cloned().collect()
    }

    /// Adds to a standing what waits or is being written.
    pub(super) fn add_to(&self, standing: &mut ChannelStanding) {
        let channels = self.lock();
        let address = (standing.merchant.clone(), standing.channel.clone());
        let Some(waiting) = channels.get(&address) else { return };
        let taken = waiting.taken.iter().map(|batch| &batch.standing);
        taken.chain(&waiting.standing).for_each(|waiting| standing.merge(waiting));
    }
}

impl Waiting {
    fn keep(&mut self, call: ChannelCall) {
        if call.signed_by.is_some() {
            self.signed.push(call);
        } else if let Some(like) = self.unsigned.iter_mut().find(|known| known.is_like(&call)) {
            like.count = like.count.saturating_add(call.count);
        } else {
            self.unsigned.push(call);
        }
        self.bound();
    }

    /// Forgets the oldest of what nobody has room for.
    fn bound(&mut self) {
        for (calls, max) in [(&mut self.signed, SIGNED_CALLS_MAX), (&mut self.unsigned, UNSIGNED_CALLS_MAX)] {
            let over = calls.len().saturating_sub(max);
            let forgotten: u64 = calls.drain(..over).map(|call| call.count).sum();
            self.dropped = self.dropped.saturating_add(forgotten);
        }
    }

    fn has_told(&self, notice: &ChannelNotice) -> bool {
        let is_recent = |told: &ChannelNotice| (notice.at - told.at).abs() < BETWEEN_ALIKE_NOTICES;
        self.told.iter().any(|told| is_recent(told) && told.is_like(notice))
    }

    fn tell(&mut self, notice: ChannelNotice) -> bool {
        self.told.retain(|told| (notice.at - told.at).abs() < BETWEEN_ALIKE_NOTICES);
        if self.has_told(&notice) {
            return false;
        }
        *self.raised.entry(notice.kind.as_str()).or_default() += 1;
        self.told.push(notice.clone());
        self.notices.push(notice);
        true
    }
}
