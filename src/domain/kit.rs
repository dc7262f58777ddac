//! What a marketplace tells of the companies that use what they bought.

/// What is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KitInterface {
    /// A company.
    Tenant,
    /// An application of a company, with its encrypted secret.
    Application,
    /// A person who may use an application.
    Authorization,
    /// One department.
    Department,
    /// All departments of a company.
    Departments,
}

impl KitInterface {
    /// The word in stored keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Application => "application",
            Self::Authorization => "authorization",
            Self::Department => "department",
            Self::Departments => "departments",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Tenant, Self::Application, Self::Authorization, Self::Department, Self::Departments]
            .into_iter()
            .find(|interface| interface.as_str() == text)
    }
}

/// One thing as it stands after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitEntity {
    /// What names it: the instance first, then ever closer.
    pub id: Vec<String>,
    /// What was said of it, as received; nothing when it is gone.
    pub body: Option<String>,
}

/// What one call says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KitSync {
    /// What it tells of.
    pub interface: KitInterface,
    /// At most 500.
    pub entities: Vec<KitEntity>,
}
