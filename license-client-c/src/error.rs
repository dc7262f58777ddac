//! Why a call did nothing.

use std::ffi::{CStr, c_char};

/// The outcome of a call that has no answer of its own. In C `lictor_error`; the numbers never change.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The call did what it should.
    Ok = 0,
    /// A pointer that is needed is null.
    NullPointer = 1,
    /// A text is not UTF-8.
    InvalidUtf8 = 2,
    /// A text is longer than its limit.
    TooLong = 3,
    /// The configuration cannot work: its keys, or its issuer.
    InvalidConfig = 4,
    /// No question of the conformance protocol.
    InvalidQuestion = 5,
    /// No server is configured, or it cannot be reached.
    Unreachable = 6,
    /// The server says no.
    Refused = 7,
    /// A mistake in this library. The handle can still be used and freed.
    Internal = 8,
}

impl Error {
    const ALL: [Self; 9] = [
        Self::Ok,
        Self::NullPointer,
        Self::InvalidUtf8,
        Self::TooLong,
        Self::InvalidConfig,
        Self::InvalidQuestion,
        Self::Unreachable,
        Self::Refused,
        Self::Internal,
    ];

    const fn code(self) -> &'static CStr {
        match self {
            Self::Ok => c"ok",
            Self::NullPointer => c"null_pointer",
            Self::InvalidUtf8 => c"invalid_utf8",
            Self::TooLong => c"too_long",
            Self::InvalidConfig => c"invalid_config",
            Self::InvalidQuestion => c"invalid_question",
            Self::Unreachable => c"unreachable",
            Self::Refused => c"refused",
            Self::Internal => c"internal",
        }
    }
}

/// The word of an error, for logs. It is the library's and never freed.
#[unsafe(no_mangle)]
pub extern "C" fn lictor_error_code(error: i32) -> *const c_char {
    // A number, because C may hand in any.
    let known = Error::ALL.into_iter().find(|known| *known as i32 == error);
    known.map_or(c"unknown", Error::code).as_ptr()
}
