//! `Body-Sign`: its name letter by letter, its form, and whether it fits the bytes.

use secrecy::{ExposeSecret as _, SecretString};

use super::Looking;
use crate::sandbox::judge::Rule;
use crate::sandbox::judge::exchange::WireAnswer;
use crate::sandbox::signer;

const NAME: &str = "Body-Sign";

/// Holds the signature of an answer to its rules.
pub fn look(looking: &mut Looking<'_>, answer: &WireAnswer, keys: &[SecretString]) {
    let exact = answer.headers.iter().find(|(name, _)| name == NAME);
    let any = exact.or_else(|| answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(NAME)));
    looking.holds(Rule::BodySignPresent, any.is_some(), || "there is none".to_owned());
    let Some((name, value)) = any else { return };
    looking.holds(Rule::BodySignLetterCase, name == NAME, || format!("the name is written {name}"));
    let said = signature_in(value);
    looking.holds(Rule::BodySignForm, said.is_some(), || format!("it reads {value:?}"));
    let Some(said) = said else { return };
    let fits = |key: &SecretString| {
        let right = signer::body_sign(key.expose_secret(), &answer.body);
        signature_in(&right) == Some(said)
    };
    looking.holds(Rule::BodySignRight, keys.iter().any(fits), || {
        "the signature fits no access key over the bytes as sent".to_owned()
    });
}

/// What stands in the second pair of quotes. Some printed examples have a blank after `signature=`.
fn signature_in(value: &str) -> Option<&str> {
    let rest = value.trim().strip_prefix("sign_type=")?.trim_start().strip_prefix("\"HMAC-SHA256\"")?;
    let rest = rest.trim_start().strip_prefix(',')?.trim_start().strip_prefix("signature=")?;
    let signature = rest.trim_start().strip_prefix('"')?.strip_suffix('"')?;
    (!signature.is_empty() && !signature.contains('"')).then_some(signature)
}
