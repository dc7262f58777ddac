//! A form is done once, however often it is sent: by a value that its page made up.

use axum::http::Method;
use license_token::base64url;

use super::desk::Desk;
use crate::application::IdempotencyIdentity;
use crate::http::conditional::identity;
use crate::http::error::ApiError;
use crate::http::form::Form;

/// The field.
pub const ONCE: &str = "once";
/// Fields that say nothing of what is to be done.
const NOT_CONTENT: [&str; 2] = [ONCE, "csrf"];
const ONCE_BYTES: usize = 16;

impl Desk {
    /// A new value for a form.
    pub fn once(&self) -> (&'static str, String) {
        (ONCE, base64url::encode(&self.state.ids.random_bytes()[..ONCE_BYTES]))
    }

    /// The identity of a form that was sent.
    pub fn identity(&self, form: &Form) -> Result<IdempotencyIdentity, ApiError> {
        let once = form.text(ONCE);
        if base64url::decode(once).is_none_or(|bytes| bytes.len() != ONCE_BYTES) {
            return Err(ApiError::invalid("/once", "send the form of a page"));
        }
        let mut content = Vec::new();
        for (name, value) in form.fields().iter().filter(|(name, _)| !NOT_CONTENT.contains(&name.as_str())) {
            for text in [name, value] {
                content.extend_from_slice(&(text.len() as u64).to_be_bytes());
                content.extend_from_slice(text.as_bytes());
            }
        }
        let key = format!("console:{once}");
        Ok(identity(&self.caller.token, key.as_bytes(), (&Method::POST, &self.here), &content))
    }
}
