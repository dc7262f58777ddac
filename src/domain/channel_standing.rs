//! How a channel has fared: its dial tests, its activities, which access key signed last.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AccessKeyUse, CallCause, ChannelCall, ChannelId, Instant, MerchantId, SecretRef};

/// The marketplace tests twice a day: three that are missed are no accident.
pub const SILENCE: Duration = Duration::from_secs(36 * 3_600);

/// How one activity has fared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActivityStanding {
    /// The last dial test or debugging call that succeeded.
    pub tested_at: Option<Instant>,
    /// The last one that did not.
    pub test_failed_at: Option<Instant>,
    /// Why.
    pub test_failure: Option<CallCause>,
    /// The last call in earnest that succeeded.
    pub called_at: Option<Instant>,
}

/// How a channel has fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStanding {
    /// Whose.
    pub merchant: MerchantId,
    /// Which channel.
    pub channel: ChannelId,
    /// By the marketplace's names.
    pub activities: BTreeMap<String, ActivityStanding>,
    /// When each access key last signed a call that was let in; by use and reference, see [`Self::key_name`].
    pub keys: BTreeMap<String, Instant>,
    /// The first dial test that was ever seen.
    pub tested_since: Option<Instant>,
    /// What the last notice of silence was about: the last success before it.
    pub silence_told: Option<Instant>,
}

impl ChannelStanding {
    /// A channel that nobody has called.
    pub fn new(merchant: MerchantId, channel: ChannelId) -> Self {
        let (activities, keys) = (BTreeMap::new(), BTreeMap::new());
        Self { merchant, channel, activities, keys, tested_since: None, silence_told: None }
    }

    /// The name of an access key among `keys`. By its reference, not by its id: another key that gets the id, or the place in
    /// the list, has signed nothing yet. What was stored under an id fits no reference and is left behind.
    pub fn key_name(used_for: AccessKeyUse, reference: &SecretRef) -> String {
        format!("{}/{reference}", used_for.as_str())
    }

    /// Takes a call in. Calls may come in any order: the later one counts.
    pub fn note(&mut self, call: &ChannelCall) {
        let is_test = call.is_dial_test();
        if is_test {
            self.tested_since = Some(self.tested_since.map_or(call.at, |since| since.min(call.at)));
        }
        let Some(activity) = &call.activity else { return };
        let standing = self.activities.entry(activity.clone()).or_default();
        match (is_test, call.is_refused()) {
            (true, false) => later(&mut standing.tested_at, call.at),
            (true, true) => {
                if standing.test_failed_at.is_none_or(|known| known <= call.at) {
                    standing.test_failure.clone_from(&call.cause);
                }
                later(&mut standing.test_failed_at, call.at);
            }
            (false, false) => later(&mut standing.called_at, call.at),
            (false, true) => {}
        }
    }

    /// Notes that an access key signed a call that was let in.
    pub fn note_key(&mut self, name: &str, at: Instant) {
        let known = self.keys.entry(name.to_owned()).or_insert(at);
        *known = (*known).max(at);
    }

    /// Takes in what somebody else noted of the same channel: of everything the later one counts.
    pub fn merge(&mut self, other: &Self) {
        for (name, theirs) in &other.activities {
            let ours = self.activities.entry(name.clone()).or_default();
            if theirs.test_failed_at > ours.test_failed_at {
                ours.test_failure.clone_from(&theirs.test_failure);
            }
            ours.tested_at = ours.tested_at.max(theirs.tested_at);
            ours.test_failed_at = ours.test_failed_at.max(theirs.test_failed_at);
            ours.called_at = ours.called_at.max(theirs.called_at);
        }
        for (name, at) in &other.keys {
            self.note_key(name, *at);
        }
        self.tested_since = [self.tested_since, other.tested_since].into_iter().flatten().min();
        self.silence_told = self.silence_told.max(other.silence_told);
    }

    /// The last dial test that succeeded, of whichever activity.
    pub fn last_dial_test(&self) -> Option<Instant> {
        self.activities.values().filter_map(|activity| activity.tested_at).max()
    }

    /// What a notice of silence would be about, if one is due: dial tests came once, none has succeeded for
    /// [`SILENCE`], and nobody was told yet.
    pub fn silent_since(&self, now: Instant) -> Option<Instant> {
        let since = self.last_dial_test().or(self.tested_since)?;
        let is_long = (now - since).to_std().is_ok_and(|silence| silence >= SILENCE);
        (is_long && self.silence_told != Some(since)).then_some(since)
    }
}

fn later(known: &mut Option<Instant>, at: Instant) {
    *known = Some(known.map_or(at, |known| known.max(at)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CallId;

    fn call(hours: i64, test: bool, cause: Option<CallCause>) -> ChannelCall {
        ChannelCall {
            id: CallId::from_uuid(1),
            at: at(hours),
            activity: Some("newInstance".into()),
            test,
            status: 200,
            result_code: None,
            took: Duration::ZERO,
            signed_by: Some("1".into()),
            cause,
            order_id: None,
            instance_id: None,
            count: 1,
        }
    }

    fn at(hours: i64) -> Instant {
        Instant::from_timestamp(hours * 3_600, 0).expect("within the calendar")
    }

    fn standing(calls: &[ChannelCall]) -> ChannelStanding {
        let merchant = MerchantId::parse("acme").expect("valid");
        let mut standing = ChannelStanding::new(merchant, ChannelId::parse("c").expect("valid"));
        calls.iter().for_each(|call| standing.note(call));
        standing
    }

    #[test]
    fn a_channel_that_never_saw_a_dial_test_is_not_silent() {
        assert_eq!(standing(&[call(0, false, None)]).silent_since(at(1_000)), None);
    }

    #[test]
    fn silence_is_36_hours_without_a_success_and_is_told_once() {
        let mut standing =
            standing(&[call(0, true, None), call(12, true, Some(CallCause::SignatureMissing))]);
        assert_eq!(standing.silent_since(at(35)), None);
        assert_eq!(standing.silent_since(at(36)), Some(at(0)), "a failing test is no success");
        standing.silence_told = Some(at(0));
        assert_eq!(standing.silent_since(at(100)), None);
        standing.note(&call(101, true, None));
        assert_eq!((standing.silent_since(at(136)), standing.silent_since(at(137))), (None, Some(at(101))));
    }

    #[test]
    fn a_call_that_no_live_key_signed_is_no_dial_test_whatever_it_says() {
        let unsigned = ChannelCall { signed_by: None, ..call(1, true, Some(CallCause::SignatureMissing)) };
        let retired = call(2, true, Some(CallCause::RetiredKey { key: "1".into() }));
        let old = call(3, true, Some(CallCause::ClockOff { skew_secs: -601, is_signed: true }));
        let of_nobody = CallCause::UnknownActivity { protocol: "p".into(), spoken_by: vec![], meant: None };
        let standing = standing(&[unsigned, retired, old, call(4, true, Some(of_nobody))]);
        assert_eq!((standing.tested_since, standing.silent_since(at(1_000))), (None, None));
        assert!(standing.activities.values().all(|activity| activity.test_failed_at.is_none()));
        let late = CallCause::ClockOff { skew_secs: -600, is_signed: true };
        let beijing = CallCause::ClockOff { skew_secs: 28_800, is_signed: true };
        assert!([late, beijing].into_iter().all(|cause| call(5, true, Some(cause)).is_dial_test()));
    }

    #[test]
    fn tests_that_only_ever_failed_are_missed_from_the_first_one() {
        let standing =
            standing(&[call(5, true, Some(CallCause::NonceReused)), call(3, true, Some(CallCause::CutOff))]);
        assert_eq!(standing.silent_since(at(39)), Some(at(3)));
        let activity = &standing.activities["newInstance"];
        assert_eq!(
            (activity.test_failed_at, &activity.test_failure),
            (Some(at(5)), &Some(CallCause::NonceReused))
        );
    }
}
