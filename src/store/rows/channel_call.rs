//! Calls at production addresses, some in each record.

use super::call_cause::CallCauseRow;
use super::form::{Millis, MillisOf, Text};
use super::mirror::row;
use crate::domain::{CallChunk, CallId, ChannelCall, ChannelId, MerchantId};

row!(
    /// Calls that were written together.
    CallChunkRow for CallChunk {
        merchant: Text<MerchantId> = merchant,
        channel: Text<ChannelId> = channel,
        signed: bool = signed,
        newest: Text<CallId> = newest,
        calls: Vec<ChannelCallRow> = calls,
    }
);

row!(
    /// One call.
    ChannelCallRow for ChannelCall {
        id: Text<CallId> = id,
        at_ms: Millis = at,
        #[serde(skip_serializing_if = "Option::is_none")]
        activity: Option<String> = activity,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        test: bool = test,
        status: u32 = status,
        #[serde(skip_serializing_if = "Option::is_none")]
        result_code: Option<String> = result_code,
        took_ms: MillisOf = took,
        #[serde(skip_serializing_if = "Option::is_none")]
        signed_by: Option<String> = signed_by,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<CallCauseRow> = cause,
        #[serde(skip_serializing_if = "Option::is_none")]
        order_id: Option<String> = order_id,
        #[serde(skip_serializing_if = "Option::is_none")]
        instance_id: Option<String> = instance_id,
        count: u64 = count,
    }
);
