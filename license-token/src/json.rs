//! Strict JSON (RFC 8259) for text that decides about money: UTF-8 only, bounded, no duplicate members at any
//! level, nothing after the value. Numbers are kept as the text they came in, so that none passes through a
//! float. The server uses the same parser for request bodies.

mod parse;
mod write;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use parse::{check, parse, parse_few};
pub use write::ObjectWriter;

/// Bounds that hold before and while text is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest accepted text, in bytes; checked first.
    pub max_bytes: usize,
    /// Deepest accepted nesting of arrays and objects; a bare scalar has depth 0.
    pub max_depth: usize,
}

impl Limits {
    /// What a token's header or payload may be: its size is already bounded by the token's.
    pub const TOKEN: Self = Self { max_bytes: 64 * 1024, max_depth: 8 };
}

/// One JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the text it came in; its grammar is checked, its size is not.
    Number(String),
    /// A string, unescaped.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object; member names are unique, their order is not kept.
    Object(BTreeMap<String, Value>),
}

impl Value {
    /// The member `name`, if this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The members, if this is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&BTreeMap<String, Value>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The elements, if this is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The number, if it is written as a plain integer (no fraction, no exponent, no sign) below 2^53: the
    /// integers that every JSON implementation reads alike (RFC 8259 §6).
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        let Self::Number(text) = self else { return None };
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().filter(|number| *number < INTEGER_END)
    }
}

/// Integers of the format are in [0, 2^53).
pub const INTEGER_END: i64 = 1 << 53;

impl fmt::Display for Value {
    /// Writes compact JSON; members in the order of their names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write::value(f, self)
    }
}

/// Why a text was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// Longer than [`Limits::max_bytes`]; nothing was read.
    TooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// Nested deeper than [`Limits::max_depth`].
    TooDeep {
        /// The limit.
        max_depth: usize,
    },
    /// More values than were allowed.
    TooMany {
        /// The limit.
        max_values: usize,
    },
    /// A member name stands twice in one object, escapes resolved.
    Duplicate {
        /// JSON pointer (RFC 6901) of the second one.
        pointer: String,
    },
    /// No JSON, no UTF-8, or something after the value.
    Malformed {
        /// Where reading stopped, in bytes from the start.
        offset_bytes: usize,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max_bytes } => write!(f, "JSON is longer than {max_bytes} bytes"),
            Self::TooDeep { max_depth } => write!(f, "JSON is nested deeper than {max_depth} levels"),
            Self::TooMany { max_values } => write!(f, "JSON has more than {max_values} values"),
            Self::Duplicate { pointer } => write!(f, "member {pointer} stands twice"),
            Self::Malformed { offset_bytes } => write!(f, "no valid JSON at byte {offset_bytes}"),
        }
    }
}

impl core::error::Error for JsonError {}
