//! What kind of call each activity of a family is.
//!
//! Source: zh-cn_topic_0070649414 (SaaS 2.0), zh-cn_topic_0070649282 (online License), zh-cn_topic_0070649173
//! (authorization codes), zh-cn_topic_0070649153 (License 1.0), saas_topic_0000001 (SaaS 1.0), zh-cn_topic_0070649109
//! and zh-cn_topic_0070649433 (Kit).

use crate::sandbox::family::Family;

/// What a call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A new purchase: answered with an instance.
    Purchase,
    /// What the buyer sees of instances.
    Query,
    /// Moves the end, the state or the spec of an instance or code.
    Change,
    /// Ends it.
    Release,
    /// Asks for a License.
    Application,
    /// Asks whether a change would do.
    Check,
    /// Tells of an order.
    Notice,
    /// Companies, applications, people, departments.
    Sync,
    /// None of the family's.
    Unknown,
}

impl Family {
    /// Signed by `authToken`, whose time has no documented tolerance.
    pub fn has_auth_token(self) -> bool {
        matches!(self, Self::LicenseV1 | Self::SaasV1 | Self::KitV1)
    }

    /// What an activity is about.
    pub fn kind_of(self, activity: &str) -> Kind {
        let found = self.activities().iter().find(|(name, _)| *name == activity);
        found.map_or(Kind::Unknown, |(_, kind)| *kind)
    }

    /// Every activity and what it is about.
    pub fn activities(self) -> &'static [(&'static str, Kind)] {
        match self {
            Self::SaasV2 => &[
                ("newInstance", Kind::Purchase),
                ("queryInstance", Kind::Query),
                ("refreshInstance", Kind::Change),
                ("updateInstanceStatus", Kind::Change),
                ("releaseInstance", Kind::Release),
                ("upgradeInstance", Kind::Change),
                ("changeInstanceCheck", Kind::Check),
                ("orderNotify", Kind::Notice),
            ],
            Self::LicenseOnline => &[
                ("newInstance", Kind::Purchase),
                ("queryInstance", Kind::Query),
                ("refreshInstance", Kind::Change),
                ("updateInstanceStatus", Kind::Change),
                ("releaseInstance", Kind::Release),
                ("upgradeInstance", Kind::Change),
                ("getLicenseAsync", Kind::Application),
                ("orderNotify", Kind::Notice),
            ],
            // No table names newInstance here; some pages print it, and it only tells of an order.
            Self::LicenseCode => &[
                ("newInstance", Kind::Notice),
                ("refreshLicenseCode", Kind::Change),
                ("updateLicenseCodeStatus", Kind::Change),
                ("releaseLicenseCode", Kind::Release),
                ("orderNotify", Kind::Notice),
            ],
            Self::LicenseV1 => &[
                ("getLicense", Kind::Purchase),
                ("refreshLicense", Kind::Change),
                ("expireLicense", Kind::Change),
                ("releaseLicense", Kind::Release),
            ],
            Self::SaasV1 => &[
                ("newInstance", Kind::Purchase),
                ("queryInstance", Kind::Query),
                ("refreshInstance", Kind::Change),
                ("expireInstance", Kind::Change),
                ("instanceStatus", Kind::Change),
                ("upgrade", Kind::Change),
                ("releaseInstance", Kind::Release),
            ],
            Self::KitV1 | Self::KitV2 => &[
                ("tenantSync", Kind::Sync),
                ("applicationSync", Kind::Sync),
                ("authSync", Kind::Sync),
                ("singleOrgSync", Kind::Sync),
                ("allOrgSync", Kind::Sync),
            ],
        }
    }
}
