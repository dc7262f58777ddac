//! The Chinese of what the rules say in English: a catalogue whose keys are the English texts.
//!
//! The rules are written once, where they are checked, in English and with what they are about formatted in. A row has that text with `{}`
//! where something was formatted in, and beside it the Chinese. What has no row is told as it stands. `tests/architecture/chinese.rs`
//! holds the rows to the sources, in both directions.

mod apply;
mod ids;
mod json;
mod keys;
mod licenses;
mod nouns;
mod orders;
mod refusals;
mod requests;
mod usage;
mod webhooks;
mod work;

use std::collections::HashMap;
use std::sync::LazyLock;

/// English and Chinese. In the Chinese `{}` is the next of what was formatted in, and `{1}` the second. With `!` (`{!}`, `{1!}`) it is
/// words of ours that have a row themselves, without which the row does not fit; with `?` they may have one. Other braces are text.
type Row = [&'static str; 2];

const TABLES: &[&[Row]] = &[
    apply::ROWS,
    ids::ROWS,
    json::ROWS,
    keys::ROWS,
    licenses::ROWS,
    nouns::ROWS,
    orders::ROWS,
    refusals::ROWS,
    requests::ROWS,
    usage::ROWS,
    webhooks::ROWS,
    work::ROWS,
];

/// So deep do words stand in words: a rule in a mistake in a sentence.
const NESTED_MAX: u32 = 4;

/// What the English text says, in Chinese, without a full stop at its end. `None` where no row fits.
pub fn in_chinese(english: &str) -> Option<String> {
    translated(english, NESTED_MAX)
}

/// Rows in which nothing is formatted, and the others.
struct Catalogue {
    plain: HashMap<&'static str, &'static str>,
    /// Those that say most of the text themselves first: of several that fit, the first one is meant.
    forms: Vec<Form>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let rows = || TABLES.iter().copied().flatten().copied();
    let mut forms: Vec<Form> = rows().filter_map(Form::of).collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.parts.iter().map(|part| part.len()).sum::<usize>()));
    Catalogue { plain: rows().map(|[english, chinese]| (english, chinese)).collect(), forms }
});

fn translated(english: &str, nested: u32) -> Option<String> {
    let nested = nested.checked_sub(1)?;
    match CATALOGUE.plain.get(english) {
        Some(chinese) => Some((*chinese).to_owned()),
        None => CATALOGUE.forms.iter().find_map(|form| form.filled(&form.values(english)?, nested)),
    }
}

/// A row in which something is formatted: the English around it, and the Chinese.
struct Form {
    parts: Vec<&'static str>,
    chinese: &'static str,
}

impl Form {
    fn of([english, chinese]: Row) -> Option<Self> {
        let parts: Vec<&str> = english.split("{}").collect();
        (parts.len() > 1).then_some(Self { parts, chinese })
    }

    /// What stands in a text where this row has `{}`, if the text is of this form. Values may hold anything, also what stands
    /// between them: then the first place counts.
    fn values<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, rest) = self.parts.split_first()?;
        let (last, between) = rest.split_last()?;
        let mut left = text.strip_prefix(first)?.strip_suffix(last)?;
        let mut values = Vec::with_capacity(rest.len());
        for part in between {
            let (value, behind) = left.split_once(part)?;
            values.push(value);
            left = behind;
        }
        values.push(left);
        Some(values)
    }

    /// The Chinese with the values in it, each taken as it is: braces in a value stand for nothing.
    fn filled(&self, values: &[&str], nested: u32) -> Option<String> {
        let mut pieces = self.chinese.split('{');
        let mut out = pieces.next().unwrap_or_default().to_owned();
        let mut next = 0;
        for piece in pieces {
            let (name, text) = piece.split_once('}').unwrap_or((piece, ""));
            match Place::of(name) {
                Some(place) => {
                    let number = place.number.unwrap_or(next);
                    next += 1;
                    place.fill(&mut out, values.get(number)?, nested)?;
                    place.go_on(&mut out, text);
                }
                None => {
                    out.push('{');
                    out.push_str(piece);
                }
            }
        }
        Some(out)
    }
}

/// Where a value goes, and whether it is words of ours.
struct Place {
    number: Option<usize>,
    kind: PlaceKind,
}

enum PlaceKind {
    /// As it is.
    Value,
    /// It has a row.
    Words,
    /// It may have one.
    Perhaps,
}

impl Place {
    /// What stands between two braces; `None` where they are text.
    fn of(name: &str) -> Option<Self> {
        let (number, kind) = match (name.strip_suffix('!'), name.strip_suffix('?')) {
            (Some(number), _) => (number, PlaceKind::Words),
            (None, Some(number)) => (number, PlaceKind::Perhaps),
            (None, None) => (name, PlaceKind::Value),
        };
        let number = if number.is_empty() { None } else { Some(number.parse().ok()?) };
        Some(Self { number, kind })
    }

    /// Adds a value. An addition that is left out is empty in both languages.
    fn fill(&self, out: &mut String, value: &str, nested: u32) -> Option<()> {
        match self.kind {
            PlaceKind::Words if !value.is_empty() => append(out, &translated(value, nested)?),
            PlaceKind::Perhaps => append(out, translated(value, nested).as_deref().unwrap_or(value)),
            PlaceKind::Words | PlaceKind::Value => out.push_str(value),
        }
        Some(())
    }

    /// Adds what stands behind the value. Beside one that was typed nothing is added: its row has the spaces.
    fn go_on(&self, out: &mut String, text: &str) {
        match self.kind {
            PlaceKind::Value => out.push_str(text),
            PlaceKind::Words | PlaceKind::Perhaps => append(out, text),
        }
    }
}

/// Between Chinese and Latin letters or digits there is a space.
fn append(out: &mut String, text: &str) {
    if let (Some(last), Some(first)) = (out.chars().next_back(), text.chars().next())
        && ((is_chinese(last) && is_latin(first)) || (is_latin(last) && is_chinese(first)))
    {
        out.push(' ');
    }
    out.push_str(text);
}

fn is_chinese(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// Also what stands around words of a program.
fn is_latin(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '`'
}

#[cfg(test)]
mod tests;
