//! The seam every marketplace fits: bytes in, [`PurchaseEvent`] out, [`PurchaseOutcome`] in, bytes out.
//!
//! Pure: no clock, no store, no network. The order of a call is [`protocol_for`] the channel, [`Protocol::read`],
//! the use case (or [`Call::dial_test_outcome`] when [`Call::test`]), [`Protocol::answer`] or [`Protocol::refuse`].
//! A new family is one folder that implements [`Protocol`] and one line in [`protocol_for`].

mod diagnosis;
pub mod generic;
mod json;
pub mod koogallery;
pub mod order_export;
mod order_source;
mod refusal;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub use diagnosis::{
    Diagnosis, Ground, Guess, Suspect, Suspicion, diagnose, is_worth_a_look, named_method, plain_cause,
};
pub use order_source::MarketplaceOrders;
pub use refusal::{CallRefusal, QueryDefect, RefusalCause};

use crate::domain::{AccessKeyUse, InstanceInfo, PurchaseEvent, PurchaseOutcome, Repeat};

/// A call as it came over the wire. Nothing in it is trusted.
#[derive(Clone, Copy)]
pub struct RawRequest<'a> {
    /// Upper case, as HTTP has it.
    pub method: &'a str,
    /// What follows the production address, without the leading slash; empty for the address itself.
    pub path_tail: &'a str,
    /// The query string as received, still percent-encoded, without `?`.
    pub query: &'a str,
    /// Looks a header up by its name in lower case. None also for what is no visible ASCII, and for a name that stands
    /// there more than once: which of two was signed, nobody can tell.
    pub headers: &'a (dyn Fn(&str) -> Option<&'a str> + Sync + 'a),
    /// The exact bytes received.
    pub body: &'a [u8],
}

/// A secret that the merchant shares with the marketplace.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The merchant's name for it, for messages and logs.
    pub id: String,
    pub secret: SecretString,
}

/// One family of callbacks. Stateless.
pub trait Protocol: Sync {
    /// The channel's `protocol`.
    fn name(&self) -> &'static str;

    /// Which of the channel's access keys sign what is called below `path_tail`; where the channel has none for
    /// that use, those for callbacks do.
    fn key_use(&self, _path_tail: &str) -> AccessKeyUse {
        AccessKeyUse::Callbacks
    }

    /// Why a secret cannot be an access key of this family, without a word of it; none when it can.
    fn key_fault(&self, _secret: &SecretString) -> Option<&'static str> {
        None
    }

    /// Authenticates and reads a call. `keys` are the live access keys of the channel, newest first.
    fn read(
        &self,
        request: &RawRequest<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<Call, CallRefusal>;

    /// Words the outcome as the marketplace wants it, signed with the key that signed the call.
    fn answer(&self, call: &Call, outcome: &PurchaseOutcome, keys: &[AccessKey]) -> RawAnswer;

    /// Words a refusal, signed with the key that signed the call, or with the newest one when none did.
    fn refuse(&self, refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer;

    /// The HTTP method that it is called by.
    fn method(&self) -> &'static str {
        "POST"
    }

    /// The marketplace's names for what may be asked at the address itself.
    fn activities(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// The activities, each with what to fill in when the marketplace's console tries it out.
    fn guides(&self) -> Vec<ActivityGuide> {
        let guide = |name| ActivityGuide { name, fields: Vec::new() };
        self.activities().into_iter().map(guide).collect()
    }

    /// What the call may have been before somebody on the way changed it; tried one by one to explain a refusal.
    fn guesses(&self, _request: &RawRequest<'_>) -> Vec<Guess> {
        Vec::new()
    }

    /// The length of a signature that cannot be one, and the length of one that can.
    fn signature_form(&self, _request: &RawRequest<'_>) -> Option<(usize, usize)> {
        None
    }
}

/// An activity, and what to fill in to try it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityGuide {
    pub name: &'static str,
    /// Every mandatory parameter with a value that passes.
    pub fields: Vec<(&'static str, &'static str)>,
}

/// The family that speaks for a channel's `protocol`, if there is one.
pub fn protocol_for(name: &str) -> Option<&'static dyn Protocol> {
    match name {
        "saas-v2" => Some(&koogallery::saas_v2::SAAS_V2),
        "license-online" => Some(&koogallery::license_online::LICENSE_ONLINE),
        "license-code" => Some(&koogallery::license_code::LICENSE_CODE),
        "license-v1" => Some(&koogallery::license_v1::LicenseV1),
        "saas-v1" => Some(&koogallery::saas_v1::SaasV1),
        "standard-webhooks" => Some(&generic::StandardWebhooks),
        _ => None,
    }
}

/// An authenticated call, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub event: PurchaseEvent,
    /// The marketplace probes: answer plausibly, leave nothing behind.
    pub test: bool,
    /// When that happened which the call tells of, where it says so: what is told late is then known to be old.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Present when the call changes state: keep it with the answer, in the commit of that change.
    pub replay: Option<ReplayIdentity>,
    /// The marketplace's own name for what is asked; a label for metrics.
    pub activity: &'static str,
    /// Index into the access keys given to [`Protocol::read`].
    pub signed_by: usize,
}

impl Call {
    /// What to answer to a probe: success for whatever it names, without looking anything up.
    pub fn dial_test_outcome(&self, front_end_url: &str) -> PurchaseOutcome {
        match &self.event {
            PurchaseEvent::Bought { business_id, details: None, .. } => {
                PurchaseOutcome::Accepted { instance_id: business_id.clone(), ready: true }
            }
            PurchaseEvent::Bought { business_id, details: Some(_), .. } => PurchaseOutcome::Delivered {
                info: dial_test_info(business_id, front_end_url),
                license_key: Some(DIAL_TEST_WORDS.to_owned()),
            },
            PurchaseEvent::LicenseAsked { instance_id } => PurchaseOutcome::Delivered {
                info: dial_test_info(instance_id, front_end_url),
                license_key: Some(DIAL_TEST_WORDS.to_owned()),
            },
            PurchaseEvent::Queried { instance_ids } => PurchaseOutcome::Instances(
                instance_ids.iter().map(|id| dial_test_info(id, front_end_url)).collect(),
            ),
            PurchaseEvent::Announced { order } => {
                let instance_id = order.order_line_id.as_ref().unwrap_or(&order.order_id).clone();
                PurchaseOutcome::Accepted { instance_id, ready: true }
            }
            PurchaseEvent::Refreshed { .. }
            | PurchaseEvent::Changed { .. }
            | PurchaseEvent::ChangeAsked { .. }
            | PurchaseEvent::Noticed { .. }
            | PurchaseEvent::StatusChanged { .. }
            | PurchaseEvent::KitSynced(_)
            | PurchaseEvent::Released { .. } => PurchaseOutcome::Done,
            PurchaseEvent::Applied { .. } => PurchaseOutcome::Processing,
        }
    }

    /// Refuses this call for a reason that only shows after reading it, such as [`RefusalCause::NonceReused`].
    pub fn refused(&self, cause: RefusalCause) -> CallRefusal {
        CallRefusal { cause, activity: Some(self.activity), test: self.test, signed_by: Some(self.signed_by) }
    }
}

/// What a probe reads where a buyer would read something.
const DIAL_TEST_WORDS: &str = "debugging call";

fn dial_test_info(instance_id: &str, front_end_url: &str) -> InstanceInfo {
    InstanceInfo {
        instance_id: instance_id.to_owned(),
        front_end_url: front_end_url.to_owned(),
        memo: DIAL_TEST_WORDS.to_owned(),
        sign_in: None,
        license: None,
        usage: Vec::new(),
    }
}

/// Recognizes a call that is sent again. Scope it by channel.
///
/// Found with the same `request`: the same call again, give the answer that `repeat` says. Found with another `request`:
/// refuse with [`RefusalCause::NonceReused`]. Not found: new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayIdentity {
    /// Stands for the nonce: the key to store under.
    pub digest: [u8; 32],
    /// Stands for everything that was signed.
    pub request: [u8; 32],
    /// The identity may be forgotten after this instant: the call would be stale by then on every replica, or its
    /// sender has given up long ago.
    pub keep_until: DateTime<Utc>,
    pub repeat: Repeat,
}

/// An answer, ready to be sent as it is: header names in exactly this letter case, the body byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawAnswer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// The marketplace's result code, a label for metrics; none for a plain 4xx.
    pub result_code: Option<&'static str>,
    /// What we were about to send and must not, in words, for the log: the answer says "internal error" instead.
    pub fault: Option<String>,
}
