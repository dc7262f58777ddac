//! What merchants should know of their channels.

use super::call_cause::CallCauseRow;
use super::form::{Millis, Text};
use super::mirror::row;
use crate::domain::{ChannelId, ChannelNotice, MerchantId, NoticeId, NoticeKind};

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
    }
);
