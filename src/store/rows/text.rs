//! Texts that people read.

use super::mirror::row;
use crate::domain::LocalizedText;

row!(
    /// A text in one or both languages.
    LocalizedTextRow for LocalizedText {
        #[serde(skip_serializing_if = "Option::is_none")]
        zh: Option<String> = zh,
        #[serde(skip_serializing_if = "Option::is_none")]
        en: Option<String> = en,
    }
);
