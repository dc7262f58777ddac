//! What is remembered of one call at a production address: enough to see what went wrong, and nothing secret.

use std::time::Duration;

use super::{CallCause, CallId, ChannelId, Instant, MerchantId};

/// Calls of one channel that are kept and whose signature fits a key of the merchant.
pub const SIGNED_CALLS_MAX: usize = 800;
/// Calls of one channel that are kept and that anybody may have sent. They never push out the others.
pub const UNSIGNED_CALLS_MAX: usize = 200;
/// Longest reference or fact that is kept, in characters.
pub const CALL_TEXT_CHARS_MAX: usize = 128;

/// One call, or several alike that nobody signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelCall {
    /// Time-ordered id.
    pub id: CallId,
    /// When it came, or the first of them.
    pub at: Instant,
    /// The marketplace's own name for what was asked, from the protocol's list.
    pub activity: Option<String>,
    /// Whether it says that it is a dial test or a debugging call.
    pub test: bool,
    /// The HTTP status answered; 0 when there was no answer.
    pub status: u32,
    /// The marketplace's result code, where the answer has one.
    pub result_code: Option<String>,
    /// From the whole request to the whole answer.
    pub took: Duration,
    /// The id of the access key whose signature fits, live or not.
    pub signed_by: Option<String>,
    /// Why it did not succeed.
    pub cause: Option<CallCause>,
    /// Which order it names; only of a call that was let in.
    pub order_id: Option<String>,
    /// Which instance, likewise; never an authorization code.
    pub instance_id: Option<String>,
    /// How many there were.
    pub count: u64,
}

impl ChannelCall {
    /// Whether it was turned away, or answered with an error.
    pub fn is_refused(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| !cause.is_progress())
    }

    /// Whether it is a dial test or a debugging call. Anybody can write so: only what a live key signed lately is
    /// believed, of an activity that some protocol has.
    pub fn is_dial_test(&self) -> bool {
        let is_foreign = |cause: &CallCause| {
            matches!(
                cause,
                CallCause::RetiredKey { .. } | CallCause::OtherUse { .. } | CallCause::OtherChannel { .. }
            )
        };
        let is_made_up = |cause: &CallCause| is_foreign(cause) || cause.is_a_trial();
        self.test && self.signed_by.is_some() && !self.cause.as_ref().is_some_and(is_made_up)
    }

    /// Whether the other one is the same again, for calls that nobody signed: only how often it came is of interest.
    pub fn is_like(&self, other: &Self) -> bool {
        let same_cause = match (&self.cause, &other.cause) {
            (Some(ours), Some(theirs)) => ours.is_like(theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        same_cause
            && self.signed_by.is_none()
            && other.signed_by.is_none()
            && (self.activity.as_ref(), self.test, self.status, self.result_code.as_ref())
                == (other.activity.as_ref(), other.test, other.status, other.result_code.as_ref())
    }
}

/// Some calls of one channel that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallChunk {
    /// Whose.
    pub merchant: MerchantId,
    /// At which address.
    pub channel: ChannelId,
    /// Whether a key of the merchant signed them.
    pub signed: bool,
    /// The newest one's: it sorts the chunks.
    pub newest: CallId,
    /// Oldest first.
    pub calls: Vec<ChannelCall>,
}

/// A text of a call, short and without what could steer a terminal.
pub fn call_text(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(CALL_TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(cause: CallCause) -> ChannelCall {
        ChannelCall {
            id: CallId::from_uuid(1),
            at: Instant::UNIX_EPOCH,
            activity: None,
            test: false,
            status: 200,
            result_code: Some("000002".into()),
            took: Duration::ZERO,
            signed_by: None,
            cause: Some(cause),
            order_id: None,
            instance_id: None,
            count: 1,
        }
    }

    #[test]
    fn calls_of_strangers_are_alike_when_only_the_facts_of_their_cause_differ() {
        let stale = |skew_secs| call(CallCause::ClockOff { skew_secs, is_signed: false });
        assert!(stale(61).is_like(&stale(-4000)));
        assert!(!stale(61).is_like(&call(CallCause::SignatureMissing)));
        let signed = ChannelCall { signed_by: Some("1".into()), ..stale(61) };
        assert!(!signed.is_like(&signed.clone()), "a signed call stands for itself");
    }

    #[test]
    fn a_text_of_a_call_is_short_and_steers_no_terminal() {
        assert_eq!(call_text("a\u{1b}[2J\nb"), "a[2Jb");
        assert_eq!(call_text(&"码".repeat(500)).chars().count(), CALL_TEXT_CHARS_MAX);
    }
}
