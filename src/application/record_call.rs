//! Notes that a production address was called.

use std::time::Duration;

use super::app::App;
use crate::domain::{
    AccessKeyUse, CallCause, CallId, ChannelCall, ChannelId, ChannelNotice, ChannelStanding, MerchantId,
    NoticeId, NoticeKind, PurchaseEvent, SecretRef, call_text,
};

/// A call that was answered, or will not be.
#[derive(Debug, Clone)]
pub struct AnsweredCall {
    /// Whose address.
    pub merchant: MerchantId,
    /// Which one.
    pub channel: ChannelId,
    /// From the protocol's own list.
    pub activity: Option<&'static str>,
    /// Whether it says that it is a dial test.
    pub test: bool,
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The marketplace's result code.
    pub result_code: Option<&'static str>,
    /// From the whole request to the whole answer.
    pub took: Duration,
    /// The key whose signature fits.
    pub signer: Option<CallSigner>,
    /// Why it did not succeed.
    pub cause: Option<CallCause>,
    /// Which order and which instance it names; only of a call that was let in.
    pub subject: CallSubject,
}

/// Which access key signed a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSigner {
    /// Its id.
    pub id: String,
    /// What it signs and where it is found, when it is live and let the call in.
    pub let_in_as: Option<(AccessKeyUse, SecretRef)>,
}

/// What a call is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallSubject {
    /// The marketplace's order id.
    pub order_id: Option<String>,
    /// The instance; of several the first.
    pub instance_id: Option<String>,
}

impl CallSubject {
    /// What an event says it is about. `has_codes`: the marketplace's instances are codes that whoever knows can use.
    pub fn of(event: &PurchaseEvent, has_codes: bool) -> Self {
        let (order, instance) = match event {
            PurchaseEvent::Bought { order, .. }
            | PurchaseEvent::Announced { order }
            | PurchaseEvent::Noticed { order } => (Some(order), None),
            PurchaseEvent::Queried { instance_ids } => (None, instance_ids.first()),
            PurchaseEvent::Refreshed { instance_id, order, .. }
            | PurchaseEvent::Changed { instance_id, order, .. } => (Some(order), Some(instance_id)),
            PurchaseEvent::Released { instance_id, order } => (order.as_ref(), Some(instance_id)),
            PurchaseEvent::StatusChanged { instance_id, .. }
            | PurchaseEvent::LicenseAsked { instance_id }
            | PurchaseEvent::Applied { instance_id, .. }
            | PurchaseEvent::ChangeAsked { instance_id, .. } => (None, Some(instance_id)),
            PurchaseEvent::KitSynced(_) => (None, None),
        };
        let is_code = |id: &str| has_codes || id.starts_with(CODE_PREFIX);
        let instance = instance.filter(|id| !is_code(id));
        Self {
            order_id: order.map(|order| call_text(&order.order_id)),
            instance_id: instance.map(|id| call_text(id)),
        }
    }
}

/// Authorization codes begin so.
const CODE_PREFIX: &str = "PL";

impl App {
    /// Notes a call. Never waits and never fails; it is written a moment later, see [`App::flush_calls`].
    pub fn record_call(&self, answered: AnsweredCall) {
        let address = (answered.merchant, answered.channel);
        let at = self.clock.now();
        let signer = answered.signer;
        let call = ChannelCall {
            id: CallId::from_uuid(self.ids.uuid_v7(at)),
            at,
            activity: answered.activity.map(str::to_owned),
            test: answered.test,
            status: u32::from(answered.status),
            result_code: answered.result_code.map(str::to_owned),
            took: answered.took,
            signed_by: signer.as_ref().map(|signer| signer.id.clone()),
            cause: answered.cause,
            order_id: answered.subject.order_id,
            instance_id: answered.subject.instance_id,
            count: 1,
        };
        let let_in = signer.as_ref().and_then(|signer| signer.let_in_as.as_ref());
        let key_name = let_in.map(|(used_for, reference)| ChannelStanding::key_name(*used_for, reference));
        let notice = notice_kind(&call).map(|kind| ChannelNotice {
            id: NoticeId::from_uuid(self.ids.uuid_v7(at)),
            merchant: address.0.clone(),
            channel: address.1.clone(),
            kind,
            at,
            // Strangers must not make a notice for every activity.
            activity: call.activity.clone().filter(|_| call.signed_by.is_some()),
            cause: call.cause.clone(),
            last_success: None,
            failing: None,
        });
        let (kind, code) = (notice.as_ref().map(|it| it.kind), call.cause.as_ref().map(CallCause::code));
        if self.calls.note(&address, call, key_name.as_deref(), notice) {
            let (merchant, channel) = &address;
            let kind = kind.map(NoticeKind::as_str);
            tracing::warn!(%merchant, %channel, kind, cause = code, "the merchant is told of a call");
        }
    }
}

/// What of a call the merchant should know without asking.
fn notice_kind(call: &ChannelCall) -> Option<NoticeKind> {
    let cause = call.cause.as_ref().filter(|_| call.is_refused())?;
    if call.is_dial_test() {
        return Some(NoticeKind::DialTestFailed);
    }
    // Who only says that it is a dial test is told of like any other caller, but for what is tried out on purpose.
    let is_tried_out = call.test && cause.is_a_trial();
    (cause.merchant_can_act() && !is_tried_out).then_some(NoticeKind::CallbackRejected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_opens_a_license_is_never_a_reference() {
        let event = |id: &str| PurchaseEvent::Queried { instance_ids: vec![id.to_owned()] };
        assert_eq!(CallSubject::of(&event("a-code"), true), CallSubject::default());
        assert_eq!(CallSubject::of(&event("PL123"), false), CallSubject::default());
        assert_eq!(CallSubject::of(&event("i\n1"), false).instance_id.as_deref(), Some("i1"));
    }
}
