//! What the marketplace says in each family, before it is signed: the members of every activity, as its pages list
//! them. Nothing here knows how a call is written or sent.

pub mod code;
pub mod kit;
pub mod v1;
pub mod v2;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::sandbox::family::Family;

/// A call before it is written and signed.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub family: Family,
    /// `activity`; in the Kit the interface, which stands in the path.
    pub activity: &'static str,
    /// Without time, signature and business id, which are new on every try. A null is a member that is not there.
    pub members: Map<String, Value>,
}

impl Call {
    pub(super) fn new(family: Family, activity: &'static str, members: Value) -> Self {
        Self { family, activity, members: object(members) }
    }

    /// A member as text; empty when it is not there.
    pub fn text(&self, name: &str) -> String {
        match self.members.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// The same with one more member, or another value of one.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// As a debugging call: nothing may come of it.
    #[must_use]
    pub fn as_dial_test(self) -> Self {
        let flag = if self.family.is_kit() { Value::from(1) } else { Value::from("1") };
        self.with("testFlag", flag)
    }

    /// Whether it is a debugging call.
    pub fn is_test(&self) -> bool {
        self.text("testFlag") == "1"
    }

    /// Whether it tells of a purchase: such calls carry a business id, another one on every try.
    pub fn is_purchase(&self) -> bool {
        match self.family {
            Family::SaasV2 | Family::LicenseOnline | Family::LicenseCode | Family::SaasV1 => {
                self.activity == "newInstance"
            }
            Family::LicenseV1 => self.activity == "getLicense",
            Family::KitV1 | Family::KitV2 => false,
        }
    }
}

/// `yyyyMMddHHmmssSSS`, UTC.
pub fn long_digits(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%d%H%M%S%3f").to_string()
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
