//! What a verifier believes: the keys that it pins, and what the newest key set says that a pinned root has signed
//! (`docs/token-format.md`, *Key sets*).
//!
//! 1. A key set is verified as every token is, under the *pinned* keys alone: a root never comes out of a key set.
//! 2. It must be the expected issuer's.
//! 3. A greater `seq` than that of every one seen replaces it; a smaller one is a rollback, the same one with other
//!    bytes an equivocation. Both are refused and change nothing.
//! 4. Believed are the pinned keys and those of the newest set, without those that it withdraws. `exp` ends nothing: a
//!    machine that is offline for years goes on with what it has heard.

use core::fmt;

use crate::claims::KeySetClaims;
use crate::{Code, KeySet, Refusal, UnverifiedToken, VerifiedToken};

/// The newest key set that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenKeySet<'a> {
    /// Its `seq`.
    pub seq: i64,
    /// Its text, if it is still known: the same number with another text is an equivocation.
    pub text: Option<&'a str>,
}

/// Why a key set was not accepted. What was accepted before goes on to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetRefusal {
    /// It is no key set that a pinned root of the issuer has signed.
    Token(Refusal),
    /// Its `seq` is smaller than that of one that was seen.
    RolledBack,
    /// It says something else than the one of the same `seq` that was seen.
    Equivocation,
}

impl KeySetRefusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Token(refusal) => refusal.code().as_str(),
            Self::RolledBack => "keyset_rolled_back",
            Self::Equivocation => "keyset_equivocation",
        }
    }
}

impl fmt::Display for KeySetRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(refusal) => refusal.fmt(f),
            Self::RolledBack => f.write_str("keyset_rolled_back: the key set is older than one seen before"),
            Self::Equivocation => {
                f.write_str("keyset_equivocation: the key set contradicts another one of the same seq")
            }
        }
    }
}

impl core::error::Error for KeySetRefusal {}

/// Verifies a key set under the pinned keys, and that it does not go back behind one that was seen.
///
/// # Errors
/// What is wrong with it; the first rule that it breaks, in the order of the module's list.
pub fn accept(
    text: &str,
    pinned: &KeySet,
    issuer: &str,
    seen: Option<SeenKeySet<'_>>,
) -> Result<VerifiedToken<KeySetClaims>, KeySetRefusal> {
    let token = UnverifiedToken::parse_key_set(text).and_then(|token| token.verify::<KeySetClaims>(pinned));
    let token = token.map_err(KeySetRefusal::Token)?;
    if token.claims().iss != issuer {
        let refusal = Refusal::new(Code::WrongIssuer, "of another merchant");
        return Err(KeySetRefusal::Token(refusal));
    }
    let Some(seen) = seen else { return Ok(token) };
    if token.claims().seq < seen.seq {
        return Err(KeySetRefusal::RolledBack);
    }
    if token.claims().seq == seen.seq && seen.text.is_some_and(|known| known != text) {
        return Err(KeySetRefusal::Equivocation);
    }
    Ok(token)
}
