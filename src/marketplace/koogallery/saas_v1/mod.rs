//! SaaS V1.0: GET, one address for all activities; encrypted fields in calls and answers.
//!
//! Source: saas_topic_0000001, zh-cn_topic_0182376880. Withdrawn for new products, in use for old ones.

mod app_info;
mod expire_instance;
mod instance_status;
mod new_instance;
mod query_instance;
mod refresh_instance;
mod release_instance;
mod upgrade;

use chrono::{DateTime, Utc};

use super::debugging;
use super::get_call::{self, Activity};
use super::guesses;
use super::kit;
use crate::domain::{AccessKeyUse, PurchaseOutcome};
use crate::marketplace::{
    AccessKey, ActivityGuide, Call, CallRefusal, Guess, Protocol, RawAnswer, RawRequest,
};

pub struct SaasV1;

const ACTIVITIES: &[Activity] = &[
    new_instance::ACTIVITY,
    refresh_instance::ACTIVITY,
    expire_instance::ACTIVITY,
    release_instance::ACTIVITY,
    upgrade::ACTIVITY,
    instance_status::ACTIVITY,
    query_instance::ACTIVITY,
];

impl Protocol for SaasV1 {
    fn name(&self) -> &'static str {
        "saas-v1"
    }

    fn key_use(&self, path_tail: &str) -> AccessKeyUse {
        kit::key_use(path_tail)
    }

    fn read(
        &self,
        request: &RawRequest<'_>,
        keys: &[AccessKey],
        now: DateTime<Utc>,
    ) -> Result<Call, CallRefusal> {
        get_call::read(ACTIVITIES, request, keys, now)
    }

    fn answer(&self, call: &Call, outcome: &PurchaseOutcome, keys: &[AccessKey]) -> RawAnswer {
        get_call::answer(ACTIVITIES, call, outcome, keys)
    }

    fn refuse(&self, refusal: &CallRefusal, keys: &[AccessKey]) -> RawAnswer {
        get_call::refuse(refusal, keys)
    }

    fn method(&self) -> &'static str {
        "GET"
    }

    fn activities(&self) -> Vec<&'static str> {
        ACTIVITIES.iter().map(|activity| activity.name).collect()
    }

    fn guides(&self) -> Vec<ActivityGuide> {
        debugging::guides(self.name(), &self.activities())
    }

    fn guesses(&self, request: &RawRequest<'_>) -> Vec<Guess> {
        guesses::of_v1(request)
    }

    fn signature_form(&self, request: &RawRequest<'_>) -> Option<(usize, usize)> {
        guesses::signature_form(request, true)
    }
}
