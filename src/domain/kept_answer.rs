//! The answer to a request that may be sent again, so that it is answered alike and done once.

use super::{Instant, MerchantId};

/// A request under an idempotency key, and what it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Whose request; none where it is about the server itself.
    pub owner: Option<MerchantId>,
    /// Digest of the key and of who sent it.
    pub key_digest: [u8; 32],
    /// Digest of the request: another one under the same key is refused.
    pub request_digest: [u8; 32],
    /// How long it is kept.
    pub until: Instant,
    /// What it was answered.
    pub state: AnswerState,
}

/// How far a request has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerState {
    /// Somebody is at it; whoever finds this after [`KeptAnswer::until`] does it again, and whoever knows that the process is
    /// no more does it at once.
    Working {
        /// Which process: drawn at its start.
        by: u64,
    },
    /// It was answered so. Only who has the token can read it: an answer may hold what is shown once.
    Answered {
        /// Status and headers, and the body, sealed.
        sealed: Vec<u8>,
    },
}
