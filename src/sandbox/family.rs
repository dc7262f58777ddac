//! The families of interfaces that the sandbox speaks.

/// A family of interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    SaasV2,
    LicenseOnline,
    LicenseCode,
    LicenseV1,
    SaasV1,
    KitV1,
    KitV2,
}

impl Family {
    /// In the order of the documents.
    pub const ALL: [Self; 7] = [
        Self::SaasV2,
        Self::LicenseOnline,
        Self::LicenseCode,
        Self::LicenseV1,
        Self::SaasV1,
        Self::KitV1,
        Self::KitV2,
    ];

    /// As a channel's `protocol` names it; the Kit lies below the address of any.
    pub fn name(self) -> &'static str {
        match self {
            Self::SaasV2 => "saas-v2",
            Self::LicenseOnline => "license-online",
            Self::LicenseCode => "license-code",
            Self::LicenseV1 => "license-v1",
            Self::SaasV1 => "saas-v1",
            Self::KitV1 => "kit-v1",
            Self::KitV2 => "kit-v2",
        }
    }

    /// The family of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// Companies, people, departments.
    pub fn is_kit(self) -> bool {
        matches!(self, Self::KitV1 | Self::KitV2)
    }

    /// Called by GET, everything in the query.
    pub fn is_get(self) -> bool {
        matches!(self, Self::LicenseV1 | Self::SaasV1)
    }
}
