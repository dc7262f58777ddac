//! Room on the store's disk: how much there is, and who is let in when it gets short.

/// What a commit is for, and so how long it is let in while a disk fills up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Urgency {
    /// Makes something that was not there: a purchase, a license, an activation. The first to wait.
    Grow,
    /// Keeps what is there going: renewed leases, jobs, the catalog.
    #[default]
    Ordinary,
    /// Stops a right, ends it or gives it back, or publishes that: never waits.
    Essential,
}

/// How much room there is; the greater, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskLevel {
    /// Enough.
    Ample,
    /// Somebody should look after it.
    Low,
    /// Nothing new is taken on.
    Short,
    /// What is left is kept for [`Urgency::Essential`].
    Full,
}

impl DiskLevel {
    /// The stable word in answers and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ample => "ample",
            Self::Low => "low",
            Self::Short => "short",
            Self::Full => "full",
        }
    }

    /// Whether a commit is let in.
    pub fn admits(self, urgency: Urgency) -> bool {
        match urgency {
            Urgency::Grow => self < Self::Short,
            Urgency::Ordinary => self < Self::Full,
            Urgency::Essential => true,
        }
    }
}

/// The disk as it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskState {
    /// What this process may still write, in bytes.
    pub free_bytes: u64,
    /// What follows from it.
    pub level: DiskLevel,
}
