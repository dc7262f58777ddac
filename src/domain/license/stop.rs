//! What stops a license, and what ends it.

use super::License;
use crate::domain::{Instant, Refusal};

/// A cause for which a license is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Since when.
    pub since: Instant,
    /// Why, as given.
    pub reason: Option<String>,
}

/// The set of causes: a license is suspended while it is not empty. Each is lifted by who set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holds {
    /// The marketplace's.
    pub marketplace: Option<Hold>,
    /// The merchant's.
    pub merchant: Option<Hold>,
}

impl Holds {
    /// Whether nothing stops the license.
    pub fn is_empty(&self) -> bool {
        self.marketplace.is_none() && self.merchant.is_none()
    }
}

/// Whether a license goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseEnd {
    /// It does.
    Running,
    /// The marketplace ended it.
    Released {
        /// When.
        at: Instant,
    },
    /// The merchant ended it for good.
    Revoked {
        /// When.
        at: Instant,
        /// Why, as given.
        reason: Option<String>,
    },
}

/// Who stops or resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldBy {
    /// The marketplace.
    Marketplace,
    /// The merchant.
    Merchant,
}

impl License {
    /// Stops it for one more cause. A repeat changes nothing; the expiry is never altered.
    pub fn suspend(&mut self, by: HoldBy, reason: Option<String>, now: Instant) -> Result<bool, Refusal> {
        self.must_run("a license that was revoked or released cannot be suspended")?;
        let hold = self.hold_of(by);
        let is_new = hold.is_none();
        if is_new {
            *hold = Some(Hold { since: now, reason });
        }
        Ok(is_new)
    }

    /// Lifts one cause; the others stay.
    pub fn resume(&mut self, by: HoldBy) -> Result<bool, Refusal> {
        self.must_run("a license that was revoked or released cannot be resumed")?;
        Ok(self.hold_of(by).take().is_some())
    }

    /// Whether the marketplace stopped it, or let it go on, after `at`: what is told late changes nothing.
    pub fn was_told_since(&self, at: Option<Instant>) -> bool {
        at.zip(self.status_told_at).is_some_and(|(at, told)| at < told)
    }

    /// When it ended, for whatever reason; nothing while it runs, and nothing for what has no end.
    pub fn ended_at(&self) -> Option<Instant> {
        match &self.end {
            LicenseEnd::Running => self.validity.ends_at,
            LicenseEnd::Released { at } | LicenseEnd::Revoked { at, .. } => Some(*at),
        }
    }

    fn hold_of(&mut self, by: HoldBy) -> &mut Option<Hold> {
        match by {
            HoldBy::Marketplace => &mut self.holds.marketplace,
            HoldBy::Merchant => &mut self.holds.merchant,
        }
    }

    fn must_run(&self, why: &'static str) -> Result<(), Refusal> {
        match self.end {
            LicenseEnd::Running => Ok(()),
            LicenseEnd::Released { .. } | LicenseEnd::Revoked { .. } => Err(Refusal::IllegalState { why }),
        }
    }

    /// Ends it for the marketplace. A repeat changes nothing, and what was revoked stays revoked.
    pub fn release(&mut self, now: Instant) -> bool {
        let running = self.end == LicenseEnd::Running;
        if running {
            self.end = LicenseEnd::Released { at: now };
        }
        running
    }

    /// Ends it for good, also after a release: then it ended with that, and what was paid back stays paid back. A repeat
    /// changes nothing.
    pub fn revoke(&mut self, reason: Option<String>, now: Instant) -> bool {
        let at = match &self.end {
            LicenseEnd::Running => now,
            LicenseEnd::Released { at } => *at,
            LicenseEnd::Revoked { .. } => return false,
        };
        self.end = LicenseEnd::Revoked { at, reason };
        true
    }
}
