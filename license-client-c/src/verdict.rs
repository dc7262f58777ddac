//! The handle of a verdict, and what can be asked of it.

use std::ffi::{CStr, c_char};
use std::ptr;

use crate::border::{self, NAME_MAX_BYTES, guarded_or};
use crate::error::Error;

/// A verdict. In C `lictor_verdict`; it never changes, so any thread may read it.
pub struct Verdict {
    verdict: license_client::Verdict,
}

impl From<license_client::Verdict> for Verdict {
    fn from(verdict: license_client::Verdict) -> Self {
        Self { verdict }
    }
}

/// What the software may do now: closed, the numbers never change. In C `lictor_kind`. Zero is no verdict, so that memory
/// that was never set says nothing good.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is none: the handle is null.
    NoVerdict = 0,
    /// Go on.
    Valid = 1,
    /// Go on, and say that the end is near.
    Expiring = 2,
    /// Go on for now: the license has ended, its grace has not.
    Grace = 3,
    /// No license yet, or one that must first be activated.
    NeedsKey = 4,
    /// The license or the lease is over.
    Expired = 5,
    /// The license holds, but not for a build that is this new.
    UpdatesEnded = 6,
    /// Stopped; can be resumed by the seller.
    Suspended = 7,
    /// Replaced by another license key.
    Superseded = 8,
    /// Ended for good.
    Revoked = 9,
    /// Activated on another machine.
    WrongMachine = 10,
    /// Every place is taken.
    MachineLimit = 11,
    /// The clock cannot be right.
    ClockSuspect = 12,
    /// The license must be confirmed by a fresh status list.
    StatusStale = 13,
    /// No license of this product.
    Malformed = 14,
}

impl From<&license_client::Verdict> for Kind {
    fn from(verdict: &license_client::Verdict) -> Self {
        use license_client::Verdict;
        match verdict {
            Verdict::Valid(_) => Self::Valid,
            Verdict::Expiring(_) => Self::Expiring,
            Verdict::Grace(_) => Self::Grace,
            Verdict::NeedsKey(_) => Self::NeedsKey,
            Verdict::Expired(_) => Self::Expired,
            Verdict::UpdatesEnded => Self::UpdatesEnded,
            Verdict::Suspended => Self::Suspended,
            Verdict::Superseded(_) => Self::Superseded,
            Verdict::Revoked(_) => Self::Revoked,
            Verdict::WrongMachine => Self::WrongMachine,
            Verdict::MachineLimit => Self::MachineLimit,
            Verdict::ClockSuspect => Self::ClockSuspect,
            Verdict::StatusStale => Self::StatusStale,
            Verdict::Malformed => Self::Malformed,
        }
    }
}

impl Kind {
    const fn code(self) -> &'static CStr {
        match self {
            Self::NoVerdict => c"no_verdict",
            Self::Valid => c"valid",
            Self::Expiring => c"expiring",
            Self::Grace => c"grace",
            Self::NeedsKey => c"needs_key",
            Self::Expired => c"expired",
            Self::UpdatesEnded => c"updates_ended",
            Self::Suspended => c"suspended",
            Self::Superseded => c"superseded",
            Self::Revoked => c"revoked",
            Self::WrongMachine => c"wrong_machine",
            Self::MachineLimit => c"machine_limit",
            Self::ClockSuspect => c"clock_suspect",
            Self::StatusStale => c"status_stale",
            Self::Malformed => c"malformed",
        }
    }
}

/// What the person in front of the software can do. In C `lictor_next_action`; the numbers never change.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// There is nothing to do.
    Nothing = 0,
    /// Paste the current license key or claim code.
    PasteCurrentKey = 1,
    /// Renew the license.
    Renew = 2,
    /// Release a machine.
    ReleaseAMachine = 3,
    /// Set the clock right.
    SetClock = 4,
    /// Connect to the network.
    GoOnline = 5,
    /// Ask the seller.
    ContactSeller = 6,
    /// Try again later.
    Retry = 7,
}

impl From<Option<license_client::NextAction>> for NextAction {
    fn from(next: Option<license_client::NextAction>) -> Self {
        use license_client::NextAction;
        match next {
            None => Self::Nothing,
            Some(NextAction::PasteCurrentKey) => Self::PasteCurrentKey,
            Some(NextAction::Renew) => Self::Renew,
            Some(NextAction::ReleaseAMachine) => Self::ReleaseAMachine,
            Some(NextAction::SetClock) => Self::SetClock,
            Some(NextAction::GoOnline) => Self::GoOnline,
            Some(NextAction::ContactSeller) => Self::ContactSeller,
            Some(NextAction::Retry) => Self::Retry,
        }
    }
}

/// An end that never comes, and the end of a license that is not granted: see [`lictor_verdict_ends_at`].
const FOREVER: i64 = i64::MAX;

/// # Safety
/// Rules 3 and 4 of the crate.
unsafe fn ask<T>(
    handle: *const Verdict,
    otherwise: T,
    question: impl FnOnce(&license_client::Verdict) -> Result<T, Error>,
) -> T {
    // SAFETY: rules 3 and 4.
    guarded_or(otherwise, || question(unsafe { &border::shared(handle)?.verdict }))
}

/// # Safety
/// Rules 1, 3 and 4 of the crate.
unsafe fn tell(
    handle: *const Verdict,
    locale: *const c_char,
    words: impl FnOnce(&license_client::Verdict, &str) -> String,
) -> *mut c_char {
    // SAFETY: rules 1, 3 and 4. Without a locale people read English.
    unsafe {
        ask(handle, ptr::null_mut(), |verdict| {
            let locale = border::text_or_none(locale, NAME_MAX_BYTES)?.unwrap_or("en");
            Ok(border::owned(&words(verdict, locale)))
        })
    }
}

/// Which verdict; [`Kind::NoVerdict`] for null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_kind(verdict: *const Verdict) -> Kind {
    // SAFETY: rules 3 and 4.
    unsafe { ask(verdict, Kind::NoVerdict, |verdict| Ok(Kind::from(verdict))) }
}

/// The word of a verdict, for logs and programs. It is the library's and never freed.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_code(verdict: *const Verdict) -> *const c_char {
    // SAFETY: rules 3 and 4.
    unsafe { lictor_verdict_kind(verdict) }.code().as_ptr()
}

/// Whether the software may go on; `false` for null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_is_granted(verdict: *const Verdict) -> bool {
    // SAFETY: rules 3 and 4.
    unsafe { ask(verdict, false, |verdict| Ok(verdict.is_granted())) }
}

/// Whether the software may go on and a named feature is granted.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_is_entitled(
    verdict: *const Verdict,
    entitlement: *const c_char,
) -> bool {
    // SAFETY: rules 1, 3 and 4.
    unsafe {
        ask(verdict, false, |verdict| {
            let entitlement = border::text(entitlement, NAME_MAX_BYTES)?;
            Ok(verdict.granted().is_some_and(|license| license.is_entitled(entitlement)))
        })
    }
}

/// End of a granted license without grace, in Unix seconds; the largest number when there is no end, 0 when it is not
/// granted.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_ends_at(verdict: *const Verdict) -> i64 {
    // SAFETY: rules 3 and 4.
    unsafe { end(verdict, |license| license.ends_at) }
}

/// How long a granted license holds without the server, grace included; as [`lictor_verdict_ends_at`].
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_offline_until(verdict: *const Verdict) -> i64 {
    // SAFETY: rules 3 and 4.
    unsafe { end(verdict, |license| license.offline_until) }
}

/// # Safety
/// Rules 3 and 4 of the crate.
unsafe fn end(verdict: *const Verdict, read: impl FnOnce(&license_client::Granted) -> Option<i64>) -> i64 {
    // SAFETY: rules 3 and 4.
    unsafe { ask(verdict, 0, |verdict| Ok(verdict.granted().map_or(0, |it| read(it).unwrap_or(FOREVER)))) }
}

/// What to do about it.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_next_action(verdict: *const Verdict) -> NextAction {
    // SAFETY: rules 3 and 4.
    unsafe { ask(verdict, NextAction::Nothing, |verdict| Ok(NextAction::from(verdict.next_action()))) }
}

/// One sentence for people. Yours to free; null when the verdict is null or the locale is no text.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_reason(
    verdict: *const Verdict,
    locale: *const c_char,
) -> *mut c_char {
    // SAFETY: rules 1, 3 and 4.
    unsafe { tell(verdict, locale, |verdict, locale| verdict.reason(locale).to_owned()) }
}

/// The next action as a sentence for people, empty when there is nothing to do; as [`lictor_verdict_reason`].
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_next_action_reason(
    verdict: *const Verdict,
    locale: *const c_char,
) -> *mut c_char {
    // SAFETY: rules 1, 3 and 4.
    unsafe { tell(verdict, locale, |verdict, locale| verdict.next_action_reason(locale).to_owned()) }
}

/// One JSON object, see `Verdict::to_json`; as [`lictor_verdict_reason`].
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_json(verdict: *const Verdict, locale: *const c_char) -> *mut c_char {
    // SAFETY: rules 1, 3 and 4.
    unsafe { tell(verdict, locale, license_client::Verdict::to_json) }
}

/// Frees a verdict; nothing for null.
///
/// # Safety
/// The rules of the [crate](crate#safety).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lictor_verdict_free(verdict: *mut Verdict) {
    // SAFETY: rules 3 to 5.
    unsafe { border::free(verdict) };
}

#[cfg(test)]
mod tests {
    use license_client::{NextAction as Next, Verdict};

    use super::*;

    #[test]
    fn a_verdict_has_the_same_word_in_both_languages() {
        let refused = [
            Verdict::NeedsKey(Next::GoOnline),
            Verdict::Expired(Next::Renew),
            Verdict::UpdatesEnded,
            Verdict::Suspended,
            Verdict::Superseded(Next::PasteCurrentKey),
            Verdict::Revoked(Next::ContactSeller),
            Verdict::WrongMachine,
            Verdict::MachineLimit,
            Verdict::ClockSuspect,
            Verdict::StatusStale,
            Verdict::Malformed,
        ];
        for verdict in refused {
            assert_eq!(Kind::from(&verdict).code().to_str(), Ok(verdict.code()));
        }
    }
}
