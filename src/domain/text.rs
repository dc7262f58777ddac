//! Names and texts that people read, in Chinese and English.

/// A text in one or both languages; never empty in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalizedText {
    /// Chinese, if given.
    pub zh: Option<String>,
    /// English, if given.
    pub en: Option<String>,
}

impl LocalizedText {
    /// The same text for every reader.
    pub fn plain(text: &str) -> Self {
        Self { zh: Some(text.to_owned()), en: Some(text.to_owned()) }
    }

    /// The text for a reader of `locale` (`zh…` reads Chinese), or in the language there is.
    pub fn for_locale(&self, locale: &str) -> &str {
        let (first, second) =
            if locale.starts_with("zh") { (&self.zh, &self.en) } else { (&self.en, &self.zh) };
        first.as_deref().or(second.as_deref()).unwrap_or("")
    }
}
