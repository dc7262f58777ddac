//! A text that is offered beside a license that is held: software may offer the text that it was installed with at every
//! start, long after a renewal has brought newer ones and the key of the old one was withdrawn or retired.

use license_token::json::Value;
use license_token::{TokenType, UnverifiedToken};

use crate::keyset;
use crate::session::Session;

impl Session<'_> {
    /// Whether a text that is not believed, or not yet, is left alone without a word, and without asking anybody for keys:
    /// it would change nothing if it were believed; or an operator has configured it, and the license that is held holds
    /// without it.
    pub fn goes_on_without(&self, text: &str, typ: TokenType, is_pasted: bool) -> bool {
        self.is_doubtful(text) && (!self.says_more(text, typ) || (!is_pasted && self.decide().is_granted()))
    }

    /// Whether its key is withdrawn, or none that is known.
    pub fn is_doubtful(&self, text: &str) -> bool {
        keyset::is_withdrawn(self.config, text) || keyset::is_unheard_of(self.config, text)
    }

    /// Whether it says, believed or not, that it is of another license than the one that is held, or newer than what is
    /// held of it.
    pub fn says_more(&self, text: &str, typ: TokenType) -> bool {
        let key = self.held.key.as_ref().map(|key| (&key.claims().sub, key.claims().iat));
        let certificate = self.held.fitting_certificate().map(|held| (&held.claims().sub, held.claims().iat));
        let held = if typ == TokenType::Activation { certificate.or(key) } else { key.or(certificate) };
        let Some((license_id, issued_at)) = held else { return true };
        let Ok(token) = UnverifiedToken::parse(text) else { return true };
        let claims = token.inspect().claims;
        let is_of_it = claims.get("sub").and_then(Value::as_str) == Some(license_id);
        let is_older = claims.get("iat").and_then(Value::as_integer).is_some_and(|iat| iat <= issued_at);
        !(is_of_it && is_older)
    }
}
