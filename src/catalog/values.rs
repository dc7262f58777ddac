//! Values as apply files write them, read into domain words.

use std::time::Duration;

use toml::de::DeValue;

use crate::config::{Member, Section, is_http_url, suggestion};
use crate::domain::{Amount, IdError, LocalizedText, SecretRef, Term};

/// Longest name that people read, in characters.
pub const NAME_CHARS_MAX: usize = 200;
/// Longest word in a token: entitlement, metric, attribute, in bytes.
pub const WORD_BYTES_MAX: usize = 128;
/// Most items of one list in a token.
pub const ITEMS_MAX: usize = 64;

/// Where a member is absent, its default.
pub fn or<T>(
    section: &Section<'_>,
    name: &'static str,
    default: T,
    read: impl FnOnce(&Member<'_>) -> Option<T>,
) -> T {
    section.member(name).and_then(|member| read(&member)).unwrap_or(default)
}

/// A word of a closed list.
pub fn word<T>(member: &Member<'_>, names: &[&str], parse: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = member.text()?;
    let value = parse(text);
    if value.is_none() {
        member.mistake(format!("there is no `{}`{}", shown(text), suggestion(text, names)));
    }
    value
}

/// An id of a domain type.
pub fn id<T>(member: &Member<'_>, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
    let text = member.text()?;
    match parse(text) {
        Ok(id) => Some(id),
        Err(error) => {
            let (shown, rule, slug) = (shown(text), error.rule(), slug_of(text));
            member.mistake(match parse(&slug) {
                Ok(_) => format!("`{shown}` must be {rule}; write for example \"{slug}\""),
                Err(_) => format!("`{shown}` must be {rule}"),
            });
            None
        }
    }
}

fn slug_of(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    text.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// A text as it may stand in a message: short, and without control characters.
pub fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut out: String = text.chars().take(CHARS_MAX).collect::<String>().escape_debug().to_string();
    if text.chars().count() > CHARS_MAX {
        out.push('…');
    }
    out
}

/// A text of bounded length without control characters.
pub fn line(member: &Member<'_>, chars_max: usize) -> Option<String> {
    let text = member.text()?;
    if text.chars().count() > chars_max {
        member.mistake(format!("must be at most {chars_max} characters"));
        None
    } else if text.chars().any(char::is_control) {
        member.mistake("must not contain control characters");
        None
    } else {
        Some(text.to_owned())
    }
}

/// A text that must not be empty.
pub fn filled_line(member: &Member<'_>, chars_max: usize) -> Option<String> {
    let text = line(member, chars_max)?;
    if text.trim().is_empty() {
        member.mistake("must not be empty");
        return None;
    }
    Some(text)
}

/// A word that tokens carry.
pub fn token_word(member: &Member<'_>) -> Option<String> {
    let text = filled_line(member, WORD_BYTES_MAX)?;
    if text.len() > WORD_BYTES_MAX {
        member.mistake(format!("must be at most {WORD_BYTES_MAX} bytes"));
        return None;
    }
    Some(text)
}

/// A string, or a list of strings; a single empty string is an empty list.
pub fn one_or_many<'d>(member: &Member<'d>) -> Vec<Member<'d>> {
    match member.value() {
        DeValue::String(text) if text.is_empty() => Vec::new(),
        DeValue::String(_) => vec![member.clone()],
        DeValue::Array(_) => member.items(),
        _ => member.wrong_type::<Vec<_>>("a string in quotes, or a list of them").unwrap_or_default(),
    }
}

/// A list whose items stand only once.
pub fn distinct<T: PartialEq>(member: &Member<'_>, read: impl Fn(&Member<'_>) -> Option<T>) -> Vec<T> {
    let mut values = Vec::new();
    let items = member.items();
    if items.len() > ITEMS_MAX {
        member.mistake(format!("must have at most {ITEMS_MAX} items"));
        return values;
    }
    for item in items {
        if let Some(value) = read(&item) {
            if values.contains(&value) {
                item.mistake("stands twice in this list");
            } else {
                values.push(value);
            }
        }
    }
    values
}

/// A text for readers: one for all, or `{ zh = "…", en = "…" }`.
pub fn localized(member: &Member<'_>, read: impl Fn(&Member<'_>) -> Option<String>) -> Option<LocalizedText> {
    match member.value() {
        DeValue::String(_) => read(member).map(|text| LocalizedText::plain(&text)),
        DeValue::Table(_) => {
            let section = member.section()?;
            let text = LocalizedText {
                zh: section.member("zh").and_then(|text| read(&text)),
                en: section.member("en").and_then(|text| read(&text)),
            };
            section.finish();
            if section.entries().is_empty() {
                member.mistake("must have a text in `zh` or `en`");
            }
            Some(text)
        }
        _ => member.wrong_type("a string in quotes, or { zh = \"…\", en = \"…\" }"),
    }
}

/// A name that people read.
pub fn name(member: &Member<'_>) -> Option<LocalizedText> {
    localized(member, |text| filled_line(text, NAME_CHARS_MAX))
}

/// A term.
pub fn term(member: &Member<'_>) -> Option<Term> {
    let text = member.text()?;
    Term::parse(text).map_err(|error| member.mistake(format!("`{}` will not do: {error}", shown(text)))).ok()
}

/// A number of days.
pub fn days(member: &Member<'_>, least: u32, most: u32) -> Option<Duration> {
    member.integer(least, most).map(|days| Duration::from_secs(u64::from(days) * 86_400))
}

/// A decimal amount, read from its text.
pub fn amount(member: &Member<'_>) -> Option<Amount> {
    let text = match member.value() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        DeValue::String(text) => text.as_ref(),
        _ => return member.wrong_type("a decimal number such as 1000 or 0.5"),
    };
    Amount::parse(text).map_err(|error| member.mistake(error.to_string())).ok()
}

/// A reference to a secret. What stands there instead may be the secret itself and is never shown.
pub fn secret(member: &Member<'_>) -> Option<SecretRef> {
    let reference = member.text().and_then(SecretRef::parse);
    if reference.is_none() && matches!(member.value(), DeValue::String(_)) {
        member.mistake(
            "must say where the secret is found: \"env:NAME\" or \"file:PATH\", never the secret itself",
        );
    }
    reference
}

/// Scheme and host of an address, without a trailing slash.
pub fn base_url(member: &Member<'_>) -> Option<String> {
    let text = line(member, 255)?;
    if !is_http_url(&text) {
        member.mistake("must be an address such as \"https://example.com\"");
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}
