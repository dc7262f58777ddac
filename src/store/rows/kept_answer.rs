//! Answers that are kept for requests that may be sent again.

use super::form::{Base64, Millis, Text};
use super::mirror::{row, row_enum};
use crate::domain::{AnswerState, KeptAnswer, MerchantId};

row!(
    /// An answer.
    KeptAnswerRow for KeptAnswer {
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<Text<MerchantId>> = owner,
        key_digest: Base64<[u8; 32]> = key_digest,
        request_digest: Base64<[u8; 32]> = request_digest,
        until_ms: Millis = until,
        state: AnswerStateRow = state,
    }
);

row_enum!(
    /// How far a request has come.
    AnswerStateRow for AnswerState {
        Working { by: u64 = by },
        Answered { sealed: Base64<Vec<u8>> = sealed },
    }
);
