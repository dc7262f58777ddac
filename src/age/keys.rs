//! X25519 keys as people write them: `age1…` and `AGE-SECRET-KEY-1…`.

use std::fmt;
use std::str::FromStr;

use bech32::{Bech32, Hrp};
use curve25519_dalek::MontgomeryPoint;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

const RECIPIENT: &str = "age";
const IDENTITY: &str = "age-secret-key-";

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no {0}")]
pub struct BadKey(&'static str);

/// Who may open a file: a public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient(pub(super) [u8; 32]);

/// What opens it: the private key. It does not print.
#[derive(Clone)]
pub struct Identity(Zeroizing<[u8; 32]>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {}", self.recipient())
    }
}

fn decoded(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let (found, data) = bech32::decode(text).ok()?;
    let data = Zeroizing::new(data);
    let is_ours = found.to_lowercase() == prefix;
    // The checksum of another kind of the same alphabet is taken too by the decoder; written again it differs.
    let again = encoded(prefix, &data);
    let bytes: [u8; 32] = data.as_slice().try_into().ok()?;
    (is_ours && again.eq_ignore_ascii_case(text)).then(|| Zeroizing::new(bytes))
}

fn encoded(prefix: &str, bytes: &[u8]) -> Zeroizing<String> {
    let text = Hrp::parse(prefix).ok().and_then(|hrp| bech32::encode::<Bech32>(hrp, bytes).ok());
    Zeroizing::new(text.unwrap_or_default())
}

impl FromStr for Recipient {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        decoded(text, RECIPIENT).map(|bytes| Self(*bytes)).ok_or(BadKey("public key: one begins with age1"))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encoded(RECIPIENT, &self.0))
    }
}

impl Identity {
    /// Of 32 random bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// Reads a key file: one key a line; empty lines and those that begin with `#` say nothing.
    pub fn read_all(file: &SecretString) -> Result<Vec<Self>, BadKey> {
        let lines = file.expose_secret().lines().map(str::trim);
        let keys: Result<Vec<Self>, BadKey> =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(Self::parse).collect();
        keys.and_then(
            |keys| if keys.is_empty() { Err(BadKey("key file: it holds no key")) } else { Ok(keys) },
        )
    }

    fn parse(text: &str) -> Result<Self, BadKey> {
        let key = decoded(text, IDENTITY).map(Self);
        key.ok_or(BadKey("private key: one begins with AGE-SECRET-KEY-1"))
    }

    /// Its public key.
    pub fn recipient(&self) -> Recipient {
        Recipient(MontgomeryPoint::mul_base_clamped(*self.0).to_bytes())
    }

    /// As it is written.
    pub fn text(&self) -> SecretString {
        SecretString::from(encoded(IDENTITY, self.0.as_slice()).to_ascii_uppercase())
    }

    /// What both sides come to; `None` for a share that gives everybody the same.
    pub(super) fn shared_with(&self, share: [u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
        let shared = Zeroizing::new(MontgomeryPoint(share).mul_clamped(*self.0).to_bytes());
        (*shared != [0; 32]).then_some(shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_and_read_and_other_texts_are_none() {
        let identity = Identity::new([7; 32]);
        let (text, public) = (identity.text(), identity.recipient().to_string());
        assert!(text.expose_secret().starts_with("AGE-SECRET-KEY-1") && public.starts_with("age1"));
        let file = format!("# made now\n\n{}\n", text.expose_secret());
        let read = Identity::read_all(&file.into()).expect("one key");
        assert_eq!((read.len(), read[0].recipient()), (1, identity.recipient()));
        assert_eq!(public.parse(), Ok(identity.recipient()));
        let mut wrong = public.clone();
        wrong.replace_range(9..10, if &public[9..10] == "q" { "p" } else { "q" });
        for text in ["", "age1", text.expose_secret(), &wrong, &public[..20]] {
            assert!(text.parse::<Recipient>().is_err(), "{text}");
        }
        assert!(Identity::read_all(&public.into()).is_err());
        assert!(Identity::read_all(&"# nothing\n".to_owned().into()).is_err());
        assert!(!format!("{identity:?}").contains("SECRET"));
    }

    #[test]
    fn both_sides_come_to_the_same_and_a_share_of_small_order_to_nothing() {
        let bob = Identity::new([9; 32]);
        let alice = Identity::new([8; 32]);
        assert_eq!(alice.shared_with(bob.recipient().0), bob.shared_with(alice.recipient().0));
        assert!(bob.shared_with([0; 32]).is_none());
    }
}
