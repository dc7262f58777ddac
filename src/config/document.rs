//! A TOML file that people write, read so that every mistake is found at once, each with its line.

use std::cell::RefCell;
use std::fmt;

use toml::de::{DeTable, DeValue};

use super::nearest::suggestion;

/// More mistakes than this are not listed: the first ones are the cause of the rest.
const MISTAKES_MAX: usize = 200;
/// Most tables of one kind in one file.
const TABLES_MAX: usize = 1_000;

/// What is wrong at one place of a file, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line, counted from 1.
    pub line: usize,
    /// JSON pointer (RFC 6901) to the member; empty for the file itself.
    pub pointer: String,
    /// The rule, and what to write instead. Never shows the value of a secret.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            pointer => write!(f, "line {}: {pointer}: {}", self.line, self.message),
        }
    }
}

/// Where something stands in the file.
#[derive(Debug, Clone)]
pub struct Place {
    offset: usize,
    pointer: String,
}

/// Collects the mistakes of one file.
#[derive(Debug)]
pub struct Notes {
    line_starts: Vec<usize>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl Notes {
    fn new(text: &str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { line_starts: std::iter::once(0).chain(starts).collect(), mistakes: RefCell::default() }
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Notes a mistake.
    pub fn add(&self, place: &Place, message: impl Into<String>) {
        let mut mistakes = self.mistakes.borrow_mut();
        if mistakes.len() < MISTAKES_MAX {
            let line = self.line(place.offset);
            mistakes.push(Mistake { line, pointer: place.pointer.clone(), message: message.into() });
        }
    }

    fn is_full(&self) -> bool {
        self.mistakes.borrow().len() >= MISTAKES_MAX
    }

    /// All of them by line; a line whose form is broken tells only that.
    fn into_sorted(self, syntax: Vec<Mistake>) -> Vec<Mistake> {
        let broken: Vec<usize> = syntax.iter().map(|mistake| mistake.line).collect();
        let meaning =
            self.mistakes.into_inner().into_iter().filter(|mistake| !broken.contains(&mistake.line));
        let mut all: Vec<Mistake> = syntax.into_iter().take(MISTAKES_MAX).chain(meaning).collect();
        all.sort_by_key(|mistake| mistake.line);
        all
    }
}

/// Reads `text` with `read`, which notes what it does not like; the value counts only when nothing was noted.
pub fn read_document<T>(text: &str, read: impl FnOnce(&Section<'_>) -> T) -> Result<T, Vec<Mistake>> {
    let (value, mistakes) = read_as_far_as_it_goes(text, read);
    if mistakes.is_empty() { Ok(value) } else { Err(mistakes) }
}

/// The same, for whoever goes on with what was read beside the mistakes.
pub fn read_as_far_as_it_goes<T>(text: &str, read: impl FnOnce(&Section<'_>) -> T) -> (T, Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let notes = Notes::new(text);
    let syntax: Vec<Mistake> = errors
        .iter()
        .map(|error| Mistake {
            line: notes.line(error.span().map_or(0, |span| span.start)),
            pointer: String::new(),
            message: format!("not valid TOML: {}", error.message()),
        })
        .collect();
    let place = Place { offset: 0, pointer: String::new() };
    let value = read(&Section { table: table.get_ref(), place, notes: &notes, known: RefCell::default() });
    (value, notes.into_sorted(syntax))
}

/// A table of the file. Members that were asked for are known; [`Self::finish`] notes all others.
#[derive(Debug)]
pub struct Section<'d> {
    table: &'d DeTable<'d>,
    place: Place,
    notes: &'d Notes,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// The member, if it is there.
    pub fn member(&self, name: &'static str) -> Option<Member<'d>> {
        self.known.borrow_mut().push(name);
        let (key, value) = self.table.get_key_value(name)?;
        // The span of a header's value is the header, and an empty value has none: the key says the line.
        let offset = key.span().start;
        let place = Place { offset, pointer: format!("{}/{}", self.place.pointer, escaped(name)) };
        Some(Member { value: value.get_ref(), place, notes: self.notes })
    }

    /// The member; noted when it is not there. `example` is what could be written.
    pub fn required(&self, name: &'static str, example: &str) -> Option<Member<'d>> {
        let member = self.member(name);
        if member.is_none() {
            self.mistake(format!("`{name}` is missing; write for example `{name} = {example}`"));
        }
        member
    }

    /// A table below this one.
    pub fn section(&self, name: &'static str) -> Option<Section<'d>> {
        self.member(name)?.section()
    }

    /// The tables of `[[name]]`.
    pub fn sections(&self, name: &'static str) -> Vec<Section<'d>> {
        let Some(member) = self.member(name) else { return Vec::new() };
        match member.value {
            DeValue::Array(items) if items.len() > TABLES_MAX => {
                member.mistake(format!("has more than {TABLES_MAX} tables; split the file"));
                Vec::new()
            }
            DeValue::Array(_) => member.items().iter().filter_map(Member::section).collect(),
            _ => {
                let path = member.place.pointer.trim_start_matches('/').replace('/', ".");
                member
                    .mistake(format!("`{path}` is a list of tables; write `[[{}]]`", without_indexes(&path)));
                Vec::new()
            }
        }
    }

    /// Whether no more mistakes are listed, so that looking for them can end.
    pub fn is_full(&self) -> bool {
        self.notes.is_full()
    }

    /// Where the table begins.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Notes a mistake of the whole table.
    pub fn mistake(&self, message: impl Into<String>) {
        self.notes.add(&self.place, message);
    }

    /// Notes a mistake somewhere else in the file.
    pub fn mistake_at(&self, place: &Place, message: impl Into<String>) {
        self.notes.add(place, message);
    }

    /// Names of the members as written.
    pub fn entries(&self) -> Vec<(&'d str, Member<'d>)> {
        let entry = |(key, value): (&'d toml::Spanned<_>, &'d toml::Spanned<DeValue<'d>>)| {
            let name: &'d std::borrow::Cow<'d, str> = key.get_ref();
            let pointer = format!("{}/{}", self.place.pointer, escaped(name));
            let place = Place { offset: key.span().start, pointer };
            (name.as_ref(), Member { value: value.get_ref(), place, notes: self.notes })
        };
        self.table.iter().map(entry).collect()
    }

    /// Notes every member that was never asked for.
    pub fn finish(&self) {
        let known = self.known.borrow();
        for (name, member) in self.entries() {
            if self.is_full() {
                return;
            }
            if !known.contains(&name) {
                member.mistake(format!(
                    "there is no member `{}`{}",
                    name.escape_debug(),
                    suggestion(name, &known)
                ));
            }
        }
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn without_indexes(path: &str) -> String {
    let names = path.split('.').filter(|part| part.parse::<usize>().is_err());
    names.collect::<Vec<_>>().join(".")
}

/// One member of a table, or one item of a list.
#[derive(Debug, Clone)]
pub struct Member<'d> {
    value: &'d DeValue<'d>,
    place: Place,
    notes: &'d Notes,
}

impl<'d> Member<'d> {
    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The value as TOML has it.
    pub fn value(&self) -> &'d DeValue<'d> {
        self.value
    }

    /// Notes a mistake here.
    pub fn mistake(&self, message: impl Into<String>) {
        self.notes.add(&self.place, message);
    }

    /// Notes that another type is wanted.
    pub fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        self.mistake(format!("must be {wanted}, not {}", kind(self.value)));
        None
    }

    /// A string.
    pub fn text(&self) -> Option<&'d str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => self.wrong_type("a string in quotes"),
        }
    }

    /// The member as a table.
    pub fn section(&self) -> Option<Section<'d>> {
        match self.value {
            DeValue::Table(table) => Some(Section {
                table,
                place: self.place.clone(),
                notes: self.notes,
                known: RefCell::default(),
            }),
            _ => self.wrong_type("a table"),
        }
    }

    /// The items of a list; noted when it is none.
    pub fn items(&self) -> Vec<Member<'d>> {
        let DeValue::Array(items) = self.value else {
            let _: Option<()> = self.wrong_type("a list in square brackets");
            return Vec::new();
        };
        let item = |(index, item): (usize, &'d toml::Spanned<DeValue<'d>>)| {
            let place =
                Place { offset: item.span().start, pointer: format!("{}/{index}", self.place.pointer) };
            Member { value: item.get_ref(), place, notes: self.notes }
        };
        items.iter().enumerate().map(item).collect()
    }

    /// An integer between two bounds, both included.
    pub fn integer(&self, least: u32, most: u32) -> Option<u32> {
        let DeValue::Integer(number) = self.value else {
            return self.wrong_type("a whole number without quotes");
        };
        let value = i128::from_str_radix(number.as_str(), number.radix()).ok();
        let value = value.and_then(|value| u32::try_from(value).ok()).filter(|v| (least..=most).contains(v));
        if value.is_none() {
            self.mistake(format!("must be from {least} to {most}"));
        }
        value
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
