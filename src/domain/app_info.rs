//! What the buyer of one instance is shown, set by its merchant: where to use it, and a text.

use super::{Instant, LicenseId, MerchantId};

/// Longest address that marketplaces show, in characters.
pub const FRONT_END_URL_CHARS_MAX: usize = 512;
/// Longest memo: with what is filled in it must stay below the marketplace's 1,024 characters.
pub const MEMO_CHARS_MAX: usize = 800;
/// What may be filled into a memo.
const PLACEHOLDERS: &[&str] = &["claim_code", "portal_url"];

/// What the buyer of one instance is shown in the place of what its product says. Holds no secret: what a first user
/// needs to sign in is set where they sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppInfo {
    /// Whose.
    pub merchant: MerchantId,
    /// Of which license.
    pub license: LicenseId,
    /// Where the buyer uses the product.
    pub front_end_url: String,
    /// A text for the buyer; `{claim_code}` and `{portal_url}` are filled in. None: the product's own.
    pub memo: Option<String>,
    /// When it was set last.
    pub set_at: Instant,
}

impl AppInfo {
    /// Whether an address can be shown, or the rule that it breaks.
    pub fn check_front_end_url(text: &str) -> Result<(), String> {
        let host = text.strip_prefix("https://").or(text.strip_prefix("http://"));
        let is_address = host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            && !text.chars().any(|letter| letter.is_control() || letter.is_whitespace());
        if !is_address || text.chars().count() > FRONT_END_URL_CHARS_MAX {
            return Err(format!(
                "must be an address such as https://t1.cad.acme.example of at most {FRONT_END_URL_CHARS_MAX} characters"
            ));
        }
        Ok(())
    }

    /// Whether a memo can be shown, or the rule that it breaks.
    pub fn check_memo(text: &str) -> Result<(), String> {
        if text.chars().count() > MEMO_CHARS_MAX {
            return Err(format!(
                "must be at most {MEMO_CHARS_MAX} characters: the marketplace takes 1,024 in all"
            ));
        }
        if text.chars().any(|letter| letter.is_control() && letter != '\n') {
            return Err("must not contain control characters".to_owned());
        }
        let is_known = |part: &str| {
            part.split_once('}').is_some_and(|(placeholder, _)| PLACEHOLDERS.contains(&placeholder))
        };
        if !text.split('{').skip(1).all(is_known) {
            let why = "only {claim_code} and {portal_url} are filled in; braces stand for nothing else";
            return Err(why.to_owned());
        }
        Ok(())
    }
}
