//! License 1.0: GET, one address for all activities; the answer of getLicense carries the license key.
//!
//! Source: zh-cn_topic_0070649153, zh-cn_topic_0000001353181669. Retired for new products, in use for old ones.

mod expire_license;
mod get_license;
mod refresh_license;
mod release_license;

use chrono::{DateTime, Utc};

use super::debugging;
use super::get_call::{self, Activity};
use super::guesses;
use super::kit;
use crate::domain::{AccessKeyUse, PurchaseOutcome};
use crate::marketplace::{
    AccessKey, ActivityGuide, Call, CallRefusal, Guess, Protocol, RawAnswer, RawRequest,
};

pub struct LicenseV1;

const ACTIVITIES: &[Activity] =
    &[get_license::ACTIVITY, refresh_license::ACTIVITY, expire_license::ACTIVITY, release_license::ACTIVITY];

impl Protocol for LicenseV1 {
    fn name(&self) -> &'static str {
        "license-v1"
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
