use alloc::borrow::ToOwned as _;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{JsonError, Limits, Value};

/// Parses one JSON text within `limits`.
///
/// # Errors
/// [`JsonError`]: which bound or rule was broken, with the place.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    parse_few(bytes, limits, usize::MAX)
}

/// As [`parse`], of at most so many values, those inside of others included: short texts can be costly to hold.
///
/// # Errors
/// As [`parse`].
pub fn parse_few(bytes: &[u8], limits: &Limits, max_values: usize) -> Result<Value, JsonError> {
    if bytes.len() > limits.max_bytes {
        return Err(JsonError::TooLarge { max_bytes: limits.max_bytes });
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|error| JsonError::Malformed { offset_bytes: error.valid_up_to() })?;
    let (max_depth, path) = (limits.max_depth, Vec::new());
    let mut parser = Parser { text, at: 0, max_depth, max_values, values: 0, path };
    let value = parser.value()?;
    parser.white_space();
    if parser.at == text.len() { Ok(value) } else { Err(parser.malformed()) }
}

/// Checks a text as [`parse`] does and forgets the value: for callers that read it again into their own types.
///
/// # Errors
/// As [`parse`].
pub fn check(bytes: &[u8], limits: &Limits) -> Result<(), JsonError> {
    parse(bytes, limits).map(drop)
}

/// Where the parser stands inside an array or object; its length is the depth.
enum Step {
    Member(String),
    Element(usize),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
    max_values: usize,
    values: usize,
    path: Vec<Step>,
}

impl Parser<'_> {
    fn malformed(&self) -> JsonError {
        JsonError::Malformed { offset_bytes: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.malformed()) }
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.values += 1;
        if self.values > self.max_values {
            return Err(JsonError::TooMany { max_values: self.max_values });
        }
        self.white_space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.malformed()),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.malformed());
        }
        self.at += word.len();
        Ok(value)
    }

    fn enter(&mut self, step: Step) -> Result<(), JsonError> {
        if self.path.len() >= self.max_depth {
            return Err(JsonError::TooDeep { max_depth: self.max_depth });
        }
        self.path.push(step);
        Ok(())
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        self.at += 1;
        self.enter(Step::Element(0))?;
        let mut elements = Vec::new();
        self.white_space();
        if !self.take(b']') {
            loop {
                if let Some(step) = self.path.last_mut() {
                    *step = Step::Element(elements.len());
                }
                elements.push(self.value()?);
                self.white_space();
                if self.take(b']') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.path.pop();
        Ok(Value::Array(elements))
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        self.at += 1;
        self.enter(Step::Member(String::new()))?;
        let mut members = BTreeMap::new();
        self.white_space();
        if !self.take(b'}') {
            loop {
                self.member(&mut members)?;
                self.white_space();
                if self.take(b'}') {
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.path.pop();
        Ok(Value::Object(members))
    }

    fn member(&mut self, members: &mut BTreeMap<String, Value>) -> Result<(), JsonError> {
        self.white_space();
        if self.peek() != Some(b'"') {
            return Err(self.malformed());
        }
        let name = self.string()?;
        if let Some(step) = self.path.last_mut() {
            *step = Step::Member(name.clone());
        }
        if members.contains_key(&name) {
            return Err(JsonError::Duplicate { pointer: self.pointer() });
        }
        self.white_space();
        self.expect(b':')?;
        let value = self.value()?;
        members.insert(name, value);
        Ok(())
    }

    /// RFC 6901 §3: `~` is written `~0`, `/` is written `~1`.
    fn pointer(&self) -> String {
        use core::fmt::Write as _;
        let mut pointer = String::new();
        for step in &self.path {
            pointer.push('/');
            match step {
                Step::Member(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Element(index) => {
                    let _infallible = write!(pointer, "{index}");
                }
            }
        }
        pointer
    }

    /// RFC 8259 §6: `-`? (`0` | [1-9] digits) (`.` digits)? ([eE] [+-]? digits)?
    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(Value::Number(self.text[start..self.at].to_owned()))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(self.malformed()) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let start = self.at;
            while !matches!(self.peek(), None | Some(b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            string.push_str(&self.text[start..self.at]);
            if self.take(b'"') {
                return Ok(string);
            }
            self.expect(b'\\')?;
            string.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.malformed()),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// A surrogate that is not one half of a pair stands for no character and is refused (RFC 8259 §8.2).
    fn unicode_escape(&mut self) -> Result<char, JsonError> {
        let first = self.hex_unit()?;
        let code_point = if (0xd800..0xdc00).contains(&first) {
            self.expect(b'\\')?;
            let second = self.hex_unit()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.malformed());
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code_point).ok_or_else(|| self.malformed())
    }

    fn hex_unit(&mut self) -> Result<u32, JsonError> {
        self.expect(b'u')?;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            unit = unit * 16 + digit.ok_or_else(|| self.malformed())?;
            self.at += 1;
        }
        Ok(unit)
    }
}
