//! Channels, their calls and their notices, as the merchant API shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::application::ports::{MarketplaceCallError, SecretSource};
use crate::application::{ChannelView, CodeTrial};
use crate::domain::{
    AccessKeyRef, ActivityStanding, CallCause, ChannelCall, ChannelNotice, ChannelStanding, Instant,
};
use crate::http::call_wording::{cause_words, failing_words, notice_words, trial_words};
use crate::http::language::Language;
use crate::http::marketplace::{ActivityGuide, guides_of};
use crate::http::openapi::forms::{
    CallIdForm, InstantForm, MarketplaceForm, OpenApiStandingForm, ReadyForm, SlugForm,
};
use crate::http::reply::instant;

/// Notices shown with a channel; the newest.
const NOTICES_SHOWN: usize = 20;

/// A channel in a list.
#[derive(Serialize, ToSchema)]
pub struct ChannelLine {
    #[schema(value_type = SlugForm)]
    id: String,
    address: String,
    #[schema(value_type = MarketplaceForm)]
    marketplace: &'static str,
    protocol: String,
    products: Vec<String>,
    open_api: bool,
    #[schema(value_type = Option<InstantForm>)]
    last_dial_test: Option<String>,
    /// Of the last 100.
    notices: usize,
}

/// A channel with all that is known of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Channel)]
pub struct ChannelAnswer {
    #[serde(flatten)]
    line: ChannelLine,
    #[schema(value_type = ReadyForm)]
    ready: &'static str,
    access_keys: Vec<KeyAnswer>,
    open_api_state: OpenApiAnswer,
    activities: Vec<ActivityAnswer>,
    recent_notices: Vec<NoticeAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AccessKey)]
struct KeyAnswer {
    id: String,
    r#use: &'static str,
    retired: bool,
    /// Where the server finds it; never the key.
    value: String,
    resolvable: bool,
    #[schema(value_type = Option<InstantForm>)]
    last_signed_at: Option<String>,
    /// Whether it is the one that signed last, among those of its use.
    signs_now: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = OpenApiState)]
struct OpenApiAnswer {
    /// `ready`, `unresolvable` or `absent`.
    #[schema(value_type = OpenApiStandingForm)]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    base_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unresolvable: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
struct ActivityAnswer {
    activity: String,
    /// What to fill in when the marketplace's console tries it out, besides `testFlag` = 1.
    fill_in: BTreeMap<&'static str, &'static str>,
    /// Whether the last debugging call or dial test of it succeeded; null when there was none.
    passed: Option<bool>,
    #[schema(value_type = Option<InstantForm>)]
    last_test_success: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    last_test_failure: Option<String>,
    test_failure_cause: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    last_call_success: Option<String>,
}

/// Something that the merchant should know.
#[derive(Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeAnswer {
    id: String,
    kind: &'static str,
    #[schema(value_type = InstantForm)]
    at: String,
    activity: Option<String>,
    reason: &'static str,
    cause: Option<String>,
    cause_code: Option<&'static str>,
    #[schema(value_type = Option<InstantForm>)]
    last_success: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    failing_since: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    refund_at: Option<String>,
    order_id: Option<String>,
}

/// A call.
#[derive(Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallAnswer {
    #[schema(value_type = CallIdForm)]
    id: String,
    #[schema(value_type = InstantForm)]
    at: String,
    activity: Option<String>,
    test: bool,
    /// Null when there was no answer.
    status: Option<u32>,
    result_code: Option<String>,
    took_ms: u64,
    signed_by: Option<String>,
    refused: bool,
    cause: Option<String>,
    cause_code: Option<&'static str>,
    order_id: Option<String>,
    instance_id: Option<String>,
    count: u64,
}

/// What the marketplace said of a test code.
#[derive(Serialize, ToSchema)]
#[schema(as = CodeTrial)]
pub struct TrialAnswer {
    ok: bool,
    activate: StepAnswer,
    heartbeat: Option<StepAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TrialStep)]
struct StepAnswer {
    ok: bool,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<InstantForm>, nullable = false)]
    ends_at: Option<String>,
}

impl ChannelLine {
    pub fn of(view: &ChannelView) -> Self {
        let channel = &view.channel;
        Self {
            id: channel.id.to_string(),
            address: view.address.clone(),
            marketplace: channel.marketplace.as_str(),
            protocol: channel.protocol.0.clone(),
            products: channel.products.iter().map(ToString::to_string).collect(),
            open_api: channel.open_api.is_some(),
            last_dial_test: view.standing.last_dial_test().map(instant),
            notices: view.notices.len(),
        }
    }
}

impl ChannelAnswer {
    pub fn of(view: &ChannelView, secrets: &dyn SecretSource, language: Language) -> Self {
        let keys = &view.channel.access_keys;
        Self {
            line: ChannelLine::of(view),
            ready: match view.channel.ready {
                crate::domain::ReadyRule::Minted => "minted",
                crate::domain::ReadyRule::AppInfo => "app-info",
            },
            access_keys: keys.iter().map(|key| KeyAnswer::of(key, keys, &view.standing, secrets)).collect(),
            open_api_state: OpenApiAnswer::of(view, secrets),
            activities: activities(view, language),
            recent_notices: view
                .notices
                .iter()
                .take(NOTICES_SHOWN)
                .map(|notice| NoticeAnswer::of(notice, language))
                .collect(),
        }
    }
}

impl KeyAnswer {
    fn of(
        key: &AccessKeyRef,
        all: &[AccessKeyRef],
        standing: &ChannelStanding,
        secrets: &dyn SecretSource,
    ) -> Self {
        let signed_at = |key: &AccessKeyRef| {
            standing.keys.get(&ChannelStanding::key_name(key.used_for, &key.value)).copied()
        };
        let own = signed_at(key);
        let newest: Option<Instant> =
            all.iter().filter(|other| other.used_for == key.used_for).filter_map(signed_at).max();
        Self {
            id: key.id.clone(),
            r#use: key.used_for.as_str(),
            retired: key.retired,
            value: key.value.to_string(),
            resolvable: secrets.resolve(&key.value).is_ok(),
            last_signed_at: own.map(instant),
            signs_now: own.is_some() && own == newest,
        }
    }
}

impl OpenApiAnswer {
    fn of(view: &ChannelView, secrets: &dyn SecretSource) -> Self {
        let Some(open_api) = &view.channel.open_api else {
            return Self { state: "absent", base_url: None, unresolvable: Vec::new() };
        };
        let references = [&open_api.access_key, &open_api.secret_key];
        let faulty = references.into_iter().filter(|reference| secrets.resolve(reference).is_err());
        let unresolvable: Vec<_> = faulty.map(ToString::to_string).collect();
        let state = if unresolvable.is_empty() { "ready" } else { "unresolvable" };
        Self { state, base_url: Some(open_api.base_url.clone()), unresolvable }
    }
}

/// The protocol's activities in its own order, then what else was called below the address.
fn activities(view: &ChannelView, language: Language) -> Vec<ActivityAnswer> {
    let guides = guides_of(&view.channel.protocol.0);
    let known = &view.standing.activities;
    let nothing = ActivityStanding::default();
    let own = guides.iter().map(|guide| {
        ActivityAnswer::of(guide.name, Some(guide), known.get(guide.name).unwrap_or(&nothing), language)
    });
    let is_below = |name: &str| !guides.iter().any(|guide| guide.name == name);
    let below = known.iter().filter(|(name, _)| is_below(name));
    own.chain(below.map(|(name, standing)| ActivityAnswer::of(name, None, standing, language))).collect()
}

impl ActivityAnswer {
    fn of(
        name: &str,
        guide: Option<&ActivityGuide>,
        standing: &ActivityStanding,
        language: Language,
    ) -> Self {
        let passed = match (standing.tested_at, standing.test_failed_at) {
            (None, None) => None,
            (succeeded, failed) => Some(succeeded > failed),
        };
        let words = |cause: &CallCause| cause_words(cause, language);
        Self {
            activity: name.to_owned(),
            fill_in: guide.into_iter().flat_map(|guide| guide.fields.iter().copied()).collect(),
            passed,
            last_test_success: standing.tested_at.map(instant),
            last_test_failure: standing.test_failed_at.map(instant),
            test_failure_cause: standing.test_failure.as_ref().map(words),
            last_call_success: standing.called_at.map(instant),
        }
    }
}

impl NoticeAnswer {
    pub fn of(notice: &ChannelNotice, language: Language) -> Self {
        let failing = notice.failing.as_ref();
        let failing_cause = failing.map(|failing| failing_words(failing, notice.at, language));
        let cause = notice.cause.as_ref();
        Self {
            id: notice.id.to_string(),
            kind: notice.kind.as_str(),
            at: instant(notice.at),
            activity: notice.activity.clone(),
            reason: notice_words(notice.kind, language),
            cause: cause.map(|cause| cause_words(cause, language)).or(failing_cause),
            cause_code: cause.map(CallCause::code).or(failing.map(|failing| failing.fault.as_str())),
            last_success: notice.last_success.map(instant),
            failing_since: failing.map(|failing| instant(failing.since)),
            refund_at: failing.and_then(|failing| failing.refund_at).map(instant),
            order_id: failing.and_then(|failing| failing.order_id.clone()),
        }
    }
}

impl CallAnswer {
    pub fn of(call: &ChannelCall, language: Language) -> Self {
        Self {
            id: call.id.to_string(),
            at: instant(call.at),
            activity: call.activity.clone(),
            test: call.test,
            status: Some(call.status).filter(|status| *status > 0),
            result_code: call.result_code.clone(),
            took_ms: u64::try_from(call.took.as_millis()).unwrap_or(u64::MAX),
            signed_by: call.signed_by.clone(),
            refused: call.is_refused(),
            cause: call.cause.as_ref().map(|cause| cause_words(cause, language)),
            cause_code: call.cause.as_ref().map(CallCause::code),
            order_id: call.order_id.clone(),
            instance_id: call.instance_id.clone(),
            count: call.count,
        }
    }
}

impl TrialAnswer {
    pub fn of(trial: &CodeTrial, language: Language) -> Self {
        let activate = match &trial.activated {
            Ok(grant) => {
                let product_id = grant.product_id.clone();
                StepAnswer {
                    ok: true,
                    reason: done(language),
                    product_id,
                    ends_at: grant.ends_at.map(instant),
                }
            }
            // Activated by an earlier try: the answer to the second question decides.
            Err(MarketplaceCallError::CodeState) if matches!(trial.queried, Some(Ok(_))) => {
                StepAnswer { ok: true, reason: before(language), product_id: None, ends_at: None }
            }
            Err(error) => StepAnswer::failed(error, language),
        };
        let heartbeat = trial.queried.as_ref().map(|queried| match queried {
            Ok(standing) if standing.released => {
                StepAnswer { ok: false, reason: released(language), product_id: None, ends_at: None }
            }
            Ok(standing) => {
                let (product_id, ends_at) = (standing.product_id.clone(), standing.ends_at.map(instant));
                StepAnswer { ok: true, reason: done(language), product_id, ends_at }
            }
            Err(error) => StepAnswer::failed(error, language),
        });
        let ok = activate.ok && heartbeat.as_ref().is_some_and(|step| step.ok);
        Self { ok, activate, heartbeat }
    }
}

impl StepAnswer {
    fn failed(error: &MarketplaceCallError, language: Language) -> Self {
        Self { ok: false, reason: trial_words(error, language), product_id: None, ends_at: None }
    }
}

fn done(language: Language) -> String {
    in_either(language, ["the marketplace accepted it", "云商店已接受"])
}

fn before(language: Language) -> String {
    in_either(language, ["it was activated before", "之前已激活"])
}

fn released(language: Language) -> String {
    in_either(
        language,
        ["the code is released: apply for a new test code", "授权码已释放：请重新申请测试授权码"],
    )
}

fn in_either(language: Language, [english, chinese]: [&str; 2]) -> String {
    match language {
        Language::English => english.to_owned(),
        Language::Chinese => chinese.to_owned(),
    }
}
