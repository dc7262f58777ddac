use alloc::string::String;
use core::fmt::{self, Write};

use super::Value;

pub(super) fn value<W: Write>(out: &mut W, value: &Value) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(true) => out.write_str("true"),
        Value::Bool(false) => out.write_str("false"),
        Value::Number(text) => out.write_str(text),
        Value::String(text) => string(out, text),
        Value::Array(elements) => {
            out.write_char('[')?;
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                self::value(out, element)?;
            }
            out.write_char(']')
        }
        Value::Object(members) => {
            out.write_char('{')?;
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                string(out, name)?;
                out.write_char(':')?;
                self::value(out, member)?;
            }
            out.write_char('}')
        }
    }
}

fn string<W: Write>(out: &mut W, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\0'..='\u{1f}' => write!(out, "\\u{:04x}", u32::from(character))?,
            _ => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

/// Writes one JSON object, its members in the order of the calls, without white space.
#[derive(Debug)]
pub struct ObjectWriter {
    text: String,
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectWriter {
    /// An object without members.
    #[must_use]
    pub fn new() -> Self {
        Self { text: String::from("{") }
    }

    /// Adds a string member.
    pub fn string(&mut self, name: &str, text: &str) -> &mut Self {
        self.name(name);
        // Writing into a String cannot fail.
        let _infallible = string(&mut self.text, text);
        self
    }

    /// Adds a number member.
    pub fn integer(&mut self, name: &str, number: i64) -> &mut Self {
        self.name(name);
        let _infallible = write!(self.text, "{number}");
        self
    }

    /// Adds a member whose value is JSON text already.
    pub fn json(&mut self, name: &str, json: &str) -> &mut Self {
        self.name(name);
        self.text.push_str(json);
        self
    }

    /// Adds an array of strings; an empty one is left out.
    pub fn strings<'a>(&mut self, name: &str, items: impl IntoIterator<Item = &'a str>) -> &mut Self {
        let mut array = String::new();
        for item in items {
            array.push(if array.is_empty() { '[' } else { ',' });
            let _infallible = string(&mut array, item);
        }
        if array.is_empty() {
            return self;
        }
        array.push(']');
        self.json(name, &array)
    }

    /// Adds an object that `write` fills; an empty one is left out.
    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut ObjectWriter)) -> &mut Self {
        let mut inner = ObjectWriter::new();
        write(&mut inner);
        if inner.text.len() == 1 {
            return self;
        }
        self.json(name, &inner.finish())
    }

    /// The finished text.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        let _infallible = string(&mut self.text, name);
        self.text.push(':');
    }
}
