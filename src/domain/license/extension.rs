//! Time that the merchant gives beyond what was bought, and what becomes of it when the marketplace moves the end.

use super::{EndChange, License, LicenseEnd};
use crate::domain::{Instant, Refusal};

/// Up to so many days beyond what was bought a license is extended by whoever only supports customers: counted from the
/// end that was bought, so that repeating it gives no more.
pub const SUPPORT_EXTENSION_DAYS_MAX: i64 = 31;

/// An end that the merchant has moved by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// The end that was bought.
    pub from: Instant,
    /// The end that it was moved to. It counts while the license ends then: whatever moves the end later ends the extension.
    pub until: Instant,
}

impl License {
    /// The extension in force.
    pub fn extended(&self) -> Option<Extension> {
        self.extension.filter(|extension| self.validity.ends_at == Some(extension.until))
    }

    /// The end without what the merchant gave; none is permanent.
    pub fn bought_end(&self) -> Option<Instant> {
        self.extended().map_or(self.validity.ends_at, |extension| Some(extension.from))
    }

    /// Whether this end lies further beyond what was bought than support may give.
    pub fn is_beyond_support(&self, until: Instant) -> bool {
        let days = chrono::TimeDelta::days(SUPPORT_EXTENSION_DAYS_MAX);
        let most = self.bought_end().and_then(|end| end.checked_add_signed(days));
        self.validity.with_end(most).ends_before(&self.validity.with_end(Some(until)))
    }

    /// Whether its end can be moved by hand at all; that end.
    pub fn check_extendable(&self) -> Result<Instant, Refusal> {
        let refused = |why| Err(Refusal::IllegalState { why });
        match (&self.end, self.awaits(), self.validity.ends_at) {
            (LicenseEnd::Revoked { .. } | LicenseEnd::Released { .. }, _, _) => {
                refused("a license that was revoked or released cannot be extended: issue another")
            }
            (LicenseEnd::Running, Some(_), _) => {
                refused("the license has not begun: its term is counted from its beginning")
            }
            (LicenseEnd::Running, None, None) => refused("the license is permanent: it has no end to move"),
            (LicenseEnd::Running, None, Some(end)) => Ok(end),
        }
    }

    /// Moves the end to a later one, by hand. The term stays what was bought.
    pub fn extend(&mut self, until: Instant) -> Result<EndChange, Refusal> {
        let present = self.check_extendable()?;
        let from = self.extended().map_or(present, |extension| extension.from);
        let change = self.move_end(Some(until));
        self.extension = Some(Extension { from, until });
        Ok(change)
    }

    /// Moves the end to what the marketplace says of it. Where that is what was bought already, it is no news, and an
    /// extension stays; anything else is the end from now on, also where it is earlier than the extended one.
    pub fn dictate_end(&mut self, ends_at: Option<Instant>) -> EndChange {
        if self.extended().is_some_and(|extension| ends_at == Some(extension.from)) {
            return EndChange::Unchanged;
        }
        let change = self.move_end(ends_at);
        self.extension = self.extended();
        change
    }
}
