//! What the merchant should know of a channel: an event without a license.

use super::spec::named;
use super::{CallCause, ChannelId, FailingWork, Instant, MerchantId, NoticeId};

/// Notices of one channel that are kept.
pub const NOTICES_MAX: usize = 100;

named!(
    /// What kind of thing is told.
    NoticeKind {
        /// A dial test was answered with an error: five days of that and the marketplace hides the product.
        DialTestFailed = "channel.dial_test_failed",
        /// No dial test has succeeded for a day and a half.
        Silent = "channel.silent",
        /// A call was turned away for a reason that the merchant can mend.
        CallbackRejected = "callback.rejected",
        /// What the marketplace is asked or told has failed for ten minutes and more.
        OpenApiFailing = "channel.open_api_failing",
        /// An order that the marketplace told of could not be asked for, and is not asked for any more.
        OrderGivenUp = "channel.order_given_up",
    }
);

/// One notice. It is written once and never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelNotice {
    /// Time-ordered id.
    pub id: NoticeId,
    /// For whom.
    pub merchant: MerchantId,
    /// About which channel.
    pub channel: ChannelId,
    /// What is told.
    pub kind: NoticeKind,
    /// When.
    pub at: Instant,
    /// Of which activity, where one is known.
    pub activity: Option<String>,
    /// Why a call failed; nothing when none came.
    pub cause: Option<CallCause>,
    /// The last dial test that succeeded, when they are missed.
    pub last_success: Option<Instant>,
    /// What does not come about, when it is told of that.
    pub failing: Option<FailingWork>,
}

impl ChannelNotice {
    /// Whether the other one tells the same: once within a while is enough.
    pub fn is_like(&self, other: &Self) -> bool {
        let sort = |notice: &Self| notice.cause.as_ref().map(CallCause::code);
        let order = |notice: &Self| notice.failing.as_ref().and_then(|work| work.order_id.clone());
        (self.kind, &self.activity, sort(self), order(self))
            == (other.kind, &other.activity, sort(other), order(other))
    }
}
