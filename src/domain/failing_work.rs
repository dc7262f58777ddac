//! Work for a marketplace that does not come about.

use super::Instant;
use super::spec::named;

/// Longest reason that is kept, in characters.
const WHY_CHARS_MAX: usize = 300;

named!(
    /// What stands in its way.
    WorkFault {
        /// The marketplace does not answer, or says that it cannot now.
        NoAnswer = "no_answer",
        /// The marketplace refuses the call: usually the access key, the secret key or their rights.
        Refused = "call_refused",
        /// The marketplace does not know the order.
        OrderUnknown = "order_unknown",
        /// The channel has no access to the marketplace.
        NotConfigured = "no_open_api",
    }
);

/// What is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingWork {
    /// What stands in its way.
    pub fault: WorkFault,
    /// What the last try said; the marketplace's own words are English or Chinese, whoever reads.
    pub why: String,
    /// Since when it should have been done.
    pub since: Instant,
    /// When the first of the purchases that wait is paid back, where one waits and the marketplace pays back.
    pub refund_at: Option<Instant>,
    /// Which order is given up, when one is.
    pub order_id: Option<String>,
}

impl FailingWork {
    /// Of a fault and its words, which are cut.
    pub fn new(fault: WorkFault, why: &str, since: Instant) -> Self {
        let why = why.chars().filter(|character| !character.is_control()).take(WHY_CHARS_MAX).collect();
        Self { fault, why, since, refund_at: None, order_id: None }
    }
}
