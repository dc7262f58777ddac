use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{ITEMS_MAX, NAME_MAX_BYTES};
use crate::json::Value;
use crate::{Amount, Refusal};

/// Reads typed members out of one object. A known member of a wrong type refuses; it never means "absent".
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    members: &'a BTreeMap<String, Value>,
}

impl<'a> Members<'a> {
    pub fn of(value: &'a Value, name: &'static str) -> Result<Self, Refusal> {
        let members = value.as_object().ok_or(Refusal::claim(name, "is not an object"))?;
        Ok(Self { members })
    }

    pub fn value(self, name: &'static str) -> Option<&'a Value> {
        self.members.get(name)
    }

    pub fn object(self, name: &'static str) -> Result<Self, Refusal> {
        required(name, self.object_if(name)?)
    }

    pub fn object_if(self, name: &'static str) -> Result<Option<Self>, Refusal> {
        self.value(name).map(|value| Members::of(value, name)).transpose()
    }

    pub fn text(self, name: &'static str, max_bytes: usize) -> Result<String, Refusal> {
        required(name, self.text_if(name, max_bytes)?)
    }

    pub fn name(self, name: &'static str) -> Result<String, Refusal> {
        self.text(name, NAME_MAX_BYTES)
    }

    pub fn text_if(self, name: &'static str, max_bytes: usize) -> Result<Option<String>, Refusal> {
        self.value(name).map(|value| text(value, name, max_bytes)).transpose()
    }

    /// A word of a closed list.
    pub fn word<T>(self, name: &'static str, read: impl Fn(&str) -> Option<T>) -> Result<T, Refusal> {
        required(name, self.word_if(name, read)?)
    }

    pub fn word_if<T>(
        self,
        name: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let word = |value: &Value| value.as_str().and_then(&read);
        self.value(name)
            .map(|value| word(value).ok_or(Refusal::claim(name, "is none of the known words")))
            .transpose()
    }

    pub fn integer(self, name: &'static str) -> Result<i64, Refusal> {
        required(name, self.integer_if(name)?)
    }

    pub fn integer_if(self, name: &'static str) -> Result<Option<i64>, Refusal> {
        let integer = |value: &Value| value.as_integer();
        self.value(name)
            .map(|value| integer(value).ok_or(Refusal::claim(name, "is not an integer in [0, 2^53)")))
            .transpose()
    }

    pub fn count_if(self, name: &'static str) -> Result<Option<u32>, Refusal> {
        let count = |number: i64| u32::try_from(number).ok().filter(|count| *count > 0);
        self.integer_if(name)?
            .map(|number| count(number).ok_or(Refusal::claim(name, "is not a positive 32-bit integer")))
            .transpose()
    }

    pub fn amount(self, name: &'static str) -> Result<Amount, Refusal> {
        required(name, self.amount_if(name)?)
    }

    pub fn amount_if(self, name: &'static str) -> Result<Option<Amount>, Refusal> {
        let wrong = Refusal::claim(name, "is not an amount with at most 4 decimals in [0, 9e11)");
        self.value(name).map(|value| Amount::from_json(value).ok_or(wrong)).transpose()
    }

    /// An array, absent meaning empty, of at most [`ITEMS_MAX`] items.
    pub fn items<T>(
        self,
        name: &'static str,
        read: impl Fn(&'a Value) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_array().filter(|items| items.len() <= ITEMS_MAX);
        items.ok_or(Refusal::claim(name, "is not an array of at most 64 items"))?.iter().map(read).collect()
    }

    /// A map of texts, absent meaning empty.
    pub fn texts(self, name: &'static str) -> Result<BTreeMap<String, String>, Refusal> {
        let Some(map) = self.object_if(name)? else { return Ok(BTreeMap::new()) };
        if map.members.len() > ITEMS_MAX {
            return Err(Refusal::claim(name, "has more than 64 members"));
        }
        let entry = |(key, value): (&String, &Value)| {
            checked(key, name, NAME_MAX_BYTES)?;
            Ok((key.clone(), text(value, name, NAME_MAX_BYTES)?))
        };
        map.members.iter().map(entry).collect()
    }

    pub fn entries(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.members.iter().map(|(name, value)| (name.as_str(), value))
    }
}

pub(crate) fn text(value: &Value, name: &'static str, max_bytes: usize) -> Result<String, Refusal> {
    let text = value.as_str().ok_or(Refusal::claim(name, "is not a string"))?;
    checked(text, name, max_bytes)?;
    Ok(text.to_owned())
}

/// No control characters: texts end up in logs, and the machine commitment joins them with NUL.
fn checked(text: &str, name: &'static str, max_bytes: usize) -> Result<(), Refusal> {
    if text.is_empty() || text.len() > max_bytes || text.chars().any(char::is_control) {
        return Err(Refusal::claim(name, "is empty, too long or has control characters"));
    }
    Ok(())
}

fn required<T>(name: &'static str, found: Option<T>) -> Result<T, Refusal> {
    found.ok_or(Refusal::claim(name, "is missing"))
}
