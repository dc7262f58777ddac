//! What merchants should know of their channels.

use super::call_cause::CallCauseRow;
use super::form::{Millis, Text};
use super::mirror::row;
use crate::domain::{ChannelId, ChannelNotice, FailingWork, MerchantId, NoticeId, NoticeKind, WorkFault};

row!(
    /// What does not come about.
    FailingWorkRow for FailingWork {
        fault: Text<WorkFault> = fault,
        why: String = why,
        since_ms: Millis = since,
        #[serde(skip_serializing_if = "Option::is_none")]
        refund_at_ms: Option<Millis> = refund_at,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<String> = order_id,
    }
);

row!(
    /// A notice.
    ChannelNoticeRow for ChannelNotice {
        id: Text<NoticeId> = id,
        merchant: Text<MerchantId> = merchant,
        channel: Text<ChannelId> = channel,
        kind: Text<NoticeKind> = kind,
        at_ms: Millis = at,
        #[serde(skip_serializing_if = "Option::is_none")]
        activity: Option<String> = activity,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<CallCauseRow> = cause,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_success_ms: Option<Millis> = last_success,
        #[serde(skip_serializing_if = "Option::is_none")]
        failing: Option<FailingWorkRow> = failing,
    }
);
