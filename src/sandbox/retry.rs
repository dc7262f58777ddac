//! How often the marketplace repeats a call that was not answered well, and what it does when that did not help.

use chrono::TimeDelta;

use super::family::Family;

/// What happens when the last try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// The order failed: the buyer gets his money back, and what there is of the instance is released.
    Refund,
    /// 重新启动 in the seller console: somebody restarts it by hand.
    ManualRestart,
    /// Nothing: it was a question.
    Nothing,
}

/// How one activity is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRule {
    pub family: Family,
    pub activity: &'static str,
    /// Between two tries.
    pub every: TimeDelta,
    /// Tries in all, the first one included.
    pub tries: u32,
    pub afterwards: Afterwards,
    /// The page, and what of the rule is not on it.
    pub source: &'static str,
}

/// Every `minutes` for `hours`.
const fn spread(
    family: Family,
    activity: &'static str,
    (minutes, hours): (u32, u32),
    afterwards: Afterwards,
    source: &'static str,
) -> RetryRule {
    let tries = hours * 60 / minutes + 1;
    RetryRule { family, activity, every: TimeDelta::minutes(minutes as i64), tries, afterwards, source }
}

/// So many tries, one every `minutes`.
const fn counted(
    family: Family,
    activity: &'static str,
    (minutes, tries): (u32, u32),
    source: &'static str,
) -> RetryRule {
    let every = TimeDelta::minutes(minutes as i64);
    RetryRule { family, activity, every, tries, afterwards: Afterwards::ManualRestart, source }
}

const SAAS: &str = "zh-cn_topic_0070649414 (3 h, by a search page once an hour)";
const SAAS_SPREAD: &str = "zh-cn_topic_0070649414 (the span; how often is not said)";
const SAAS_SILENT: &str = "no page says; as updateInstanceStatus";
const ONLINE: &str = "zh-cn_topic_0070649282 (every 2 min; 2 h, in the same paragraph 3 h)";
const ONLINE_SPREAD: &str = "zh-cn_topic_0070649282 (2 h; how often is said of newInstance only)";
const ONLINE_SILENT: &str = "no page says; as refreshInstance";
const CODE: &str = "zh-cn_topic_0070649167 to zh-cn_topic_0070649169";
const CODE_SILENT: &str = "no page says; as the callbacks of its family";
const LICENSE: &str = "zh-cn_topic_0000001353181669";
const LICENSE_ONCE: &str = "zh-cn_topic_0000001353381237, zh-cn_topic_0000001353261785";
const LICENSE_SILENT: &str = "no page says; as releaseLicense";
const V1: &str = "zh-cn_topic_0182376880 (older text: 60 times, every 3 min)";
const V1_SPREAD: &str = "zh-cn_topic_0182376880 (1 h; how often is not said)";
const POLL: &str =
    "zh-cn_topic_0070649414 (polled until the instance is there; how often and how long is not said)";
const NOTICE: &str = "zh-cn_topic_0000002091799153 (3 h; how often is not said)";
const KIT: &str = "zh-cn_topic_0070649109 (5 times, by a search page; how often is not said)";

use Afterwards::{ManualRestart, Nothing, Refund};
use Family::{KitV1, KitV2, LicenseCode, LicenseOnline, LicenseV1, SaasV1, SaasV2};

/// Family by family. What is not here is asked once.
pub const RETRY_RULES: &[RetryRule] = &[
    spread(SaasV2, "newInstance", (60, 3), Refund, SAAS),
    spread(SaasV2, "upgradeInstance", (60, 3), Refund, SAAS),
    spread(SaasV2, "queryInstance", (2, 3), Nothing, POLL),
    spread(SaasV2, "refreshInstance", (10, 2), ManualRestart, SAAS_SPREAD),
    spread(SaasV2, "updateInstanceStatus", (10, 1), ManualRestart, SAAS_SPREAD),
    spread(SaasV2, "releaseInstance", (10, 1), ManualRestart, SAAS_SILENT),
    spread(SaasV2, "orderNotify", (10, 3), ManualRestart, NOTICE),
    spread(LicenseOnline, "newInstance", (2, 2), Refund, ONLINE),
    spread(LicenseOnline, "upgradeInstance", (2, 2), Refund, ONLINE_SILENT),
    spread(LicenseOnline, "queryInstance", (2, 2), Nothing, POLL),
    spread(LicenseOnline, "refreshInstance", (2, 2), ManualRestart, ONLINE_SPREAD),
    spread(LicenseOnline, "updateInstanceStatus", (2, 2), ManualRestart, ONLINE_SPREAD),
    spread(LicenseOnline, "releaseInstance", (2, 2), ManualRestart, ONLINE_SILENT),
    spread(LicenseOnline, "getLicenseAsync", (2, 2), Nothing, ONLINE_SILENT),
    spread(LicenseOnline, "orderNotify", (10, 3), ManualRestart, NOTICE),
    counted(LicenseCode, "newInstance", (2, 60), CODE_SILENT),
    counted(LicenseCode, "refreshLicenseCode", (2, 60), CODE),
    counted(LicenseCode, "updateLicenseCodeStatus", (2, 60), CODE),
    counted(LicenseCode, "releaseLicenseCode", (2, 60), CODE),
    spread(LicenseCode, "orderNotify", (10, 3), ManualRestart, NOTICE),
    // Then the order stays with the merchant, who delivers by hand: no refund by itself.
    spread(LicenseV1, "getLicense", (60, 3), ManualRestart, LICENSE),
    counted(LicenseV1, "refreshLicense", (0, 1), LICENSE_ONCE),
    counted(LicenseV1, "expireLicense", (0, 1), LICENSE_SILENT),
    counted(LicenseV1, "releaseLicense", (0, 1), LICENSE_ONCE),
    spread(SaasV1, "newInstance", (3, 3), Refund, V1),
    spread(SaasV1, "upgrade", (3, 3), Refund, V1),
    spread(SaasV1, "queryInstance", (3, 3), Nothing, POLL),
    spread(SaasV1, "refreshInstance", (3, 1), ManualRestart, V1_SPREAD),
    spread(SaasV1, "expireInstance", (3, 1), ManualRestart, V1_SPREAD),
    spread(SaasV1, "releaseInstance", (3, 1), ManualRestart, V1_SPREAD),
    spread(SaasV1, "instanceStatus", (3, 1), ManualRestart, V1_SPREAD),
    counted(KitV1, "tenantSync", (2, 5), KIT),
    counted(KitV1, "applicationSync", (2, 5), KIT),
    counted(KitV1, "authSync", (2, 5), KIT),
    counted(KitV1, "singleOrgSync", (2, 5), KIT),
    counted(KitV1, "allOrgSync", (2, 5), KIT),
    counted(KitV2, "tenantSync", (2, 5), KIT),
    counted(KitV2, "applicationSync", (2, 5), KIT),
    counted(KitV2, "authSync", (2, 5), KIT),
    counted(KitV2, "singleOrgSync", (2, 5), KIT),
    counted(KitV2, "allOrgSync", (2, 5), KIT),
];

/// How a call of this activity is repeated.
pub fn retry_rule(family: Family, activity: &'static str) -> RetryRule {
    let found = RETRY_RULES.iter().find(|rule| rule.family == family && rule.activity == activity);
    let once = RetryRule {
        family,
        activity,
        every: TimeDelta::zero(),
        tries: 1,
        afterwards: Nothing,
        source: "asked while somebody waits for the answer",
    };
    found.copied().unwrap_or(once)
}
