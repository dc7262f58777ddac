//! The answer "no", with its reason.

use core::fmt;

use crate::Code;

/// Why a token was refused: a stable code for programs and a sentence for developers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    member: Option<&'static str>,
    detail: &'static str,
}

impl Refusal {
    pub(crate) const fn new(code: Code, detail: &'static str) -> Self {
        Self { code, member: None, detail }
    }

    pub(crate) const fn claim(member: &'static str, detail: &'static str) -> Self {
        Self { code: Code::Malformed, member: Some(member), detail }
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The claim that is at fault, for a malformed claim.
    #[must_use]
    pub const fn member(&self) -> Option<&'static str> {
        self.member
    }

    /// What exactly is wrong, in English, for developers. Not stable.
    #[must_use]
    pub const fn detail(&self) -> &'static str {
        self.detail
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member {
            Some(member) => write!(f, "{}: `{member}` {}", self.code, self.detail),
            None => write!(f, "{}: {}", self.code, self.detail),
        }
    }
}

impl core::error::Error for Refusal {}
