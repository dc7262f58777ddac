//! A notice about a channel is an event as well: what follows the chain hears of it.

use std::collections::BTreeMap;

use chrono::SecondsFormat;

use crate::domain::{Actor, AuditEvent, CallCause, ChannelNotice, EventId, EventKind, NoticeId, NoticeKind};

/// The event that tells what a notice tells. The same notice makes the same event: it may be written again.
pub(super) fn event_of(notice: &ChannelNotice) -> Option<AuditEvent> {
    let kind = match notice.kind {
        NoticeKind::DialTestFailed => EventKind::ChannelDialTestFailed,
        NoticeKind::Silent => EventKind::ChannelSilent,
        NoticeKind::CallbackRejected => EventKind::CallbackRejected,
        NoticeKind::OpenApiFailing | NoticeKind::OrderGivenUp => return None,
    };
    let last_success = notice.last_success.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
    let cause = notice.cause.as_ref().map(|cause| CallCause::code(cause).to_owned());
    let facts = [("activity", notice.activity.clone()), ("cause", cause), ("last_success_at", last_success)];
    let detail: BTreeMap<String, String> =
        facts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Some(AuditEvent {
        id: EventId::parse(&notice.id.as_str().replacen(NoticeId::PREFIX, EventId::PREFIX, 1)).ok()?,
        merchant: notice.merchant.clone(),
        subject: (&notice.channel).into(),
        at: notice.at,
        actor: Actor::Server,
        kind,
        detail,
    })
}
