//! Finds a token in the text around it.

use super::fold::{Folded, fold, is_wide_dash};

/// 64 bytes in base64url: where a token ends, whatever words follow.
pub const SIGNATURE_CHARS: usize = 86;
/// What each token begins with: `{"` in base64url.
const BEGINNING: [char; 3] = ['e', 'y', 'J'];
/// How many places are tried that look like the beginning of a token.
const BEGINNINGS_MAX: usize = 16;
/// A word of this length can only be meant as a token, however it begins.
const LONG_WORD_CHARS: usize = 40;
/// As many hyphens end a line of armour.
const ARMOUR_HYPHENS: usize = 5;

/// A token, or what is left of one, with the place of each character.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Plain characters only.
    pub text: String,
    /// Where each of them stands in the source, in bytes; and one more, where it ends.
    places: Vec<usize>,
    /// What ended it too early.
    pub foreign: Option<char>,
}

impl Found {
    /// Where the character `index` of the text stands in the source.
    pub fn place(&self, index: usize) -> usize {
        self.places.get(index).or(self.places.last()).copied().unwrap_or(0)
    }

    fn push(&mut self, symbol: char, place: usize) {
        self.text.push(symbol);
        self.places.push(place);
    }
}

/// What stands for one wide dash: editors put it in place of one hyphen, and of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WideDash {
    One,
    Two,
}

/// Every token that may stand in the text, the likeliest first; then the word that may be what is left of one.
pub fn candidates(source: &str) -> impl Iterator<Item = Found> {
    let has_wide_dash = source.contains(is_wide_dash);
    let starts: Vec<usize> = starts(source).take(BEGINNINGS_MAX).collect();
    let long_word = if starts.is_empty() { long_word(source) } else { None };
    let one = starts.clone().into_iter().map(|start| (start, WideDash::One));
    let two = starts.into_iter().filter(move |_| has_wide_dash).map(|start| (start, WideDash::Two));
    let left = long_word.into_iter().map(|start| (start, WideDash::One));
    one.chain(two).chain(left).map(|(start, dash)| collect(source, start, dash))
}

/// Where words begin that begin as a token does.
fn starts(source: &str) -> impl Iterator<Item = usize> {
    words(source).map(|(start, _)| start).filter(|start| begins_a_token(&source[*start..]))
}

/// The first word that is too long for a word.
fn long_word(source: &str) -> Option<usize> {
    words(source).find(|(_, chars)| *chars >= LONG_WORD_CHARS).map(|(start, _)| start)
}

/// Where each word begins, and how many symbols it has. A line of armour ends a word too.
fn words(source: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut rest = source.char_indices().peekable();
    std::iter::from_fn(move || {
        let start = loop {
            let (place, raw) = rest.next()?;
            if let Folded::Symbol(_) = fold(raw) {
                break place;
            }
        };
        let (mut chars, mut hyphens) = (1, usize::from(source[start..].starts_with('-')));
        while let Some((_, raw)) = rest.peek() {
            match fold(*raw) {
                Folded::Nothing => {}
                Folded::Symbol('-') => (chars, hyphens) = (chars + 1, hyphens + 1),
                Folded::Symbol(_) if hyphens >= ARMOUR_HYPHENS => break,
                Folded::Symbol(_) => (chars, hyphens) = (chars + 1, 0),
                Folded::Gap | Folded::LineEnd | Folded::Other(_) => break,
            }
            rest.next();
        }
        Some((start, chars))
    })
}

fn begins_a_token(text: &str) -> bool {
    // Blanks, wraps and mail quoting may stand anywhere.
    let mut symbols = text.chars().map(fold).filter(|folded| {
        !matches!(folded, Folded::Nothing | Folded::Gap | Folded::LineEnd | Folded::Other('>' | '|' | '='))
    });
    BEGINNING.into_iter().all(|expected| symbols.next() == Some(Folded::Symbol(expected)))
}

/// Collects the symbols from `start` on, over gaps, line ends and mail quoting, until the signature is whole or something
/// stands there that belongs to no token.
fn collect(source: &str, start: usize, dash: WideDash) -> Found {
    let mut collector = Collector::default();
    for (place, raw) in source[start..].char_indices() {
        let place = start + place;
        let rest = &source[place..];
        if !collector.take(raw, place, rest, dash) {
            return collector.end(place);
        }
    }
    collector.end(source.len())
}

#[derive(Default)]
struct Collector {
    found: Found,
    full_stops: usize,
    /// Characters since the last full stop.
    part_chars: usize,
    /// Characters of the signature before the last gap in it.
    chars_before_gap: usize,
    /// No gap since the last symbol.
    is_glued: bool,
    is_line_start: bool,
    /// An equals sign that may be padding or the wrapping of a mail; where it stands.
    padding: Option<usize>,
}

impl Collector {
    fn is_whole(&self) -> bool {
        self.full_stops == 2 && self.part_chars == SIGNATURE_CHARS
    }

    /// A signature that is too short takes the words after it for its rest: back to the gap, when that is nearer.
    fn end(mut self, place: usize) -> Found {
        let surplus = self.part_chars - self.chars_before_gap.min(self.part_chars);
        let is_nearer =
            SIGNATURE_CHARS.abs_diff(self.chars_before_gap) <= SIGNATURE_CHARS.abs_diff(self.part_chars);
        self.found.places.push(place);
        if self.full_stops == 2 && self.chars_before_gap > 0 && is_nearer {
            let end = self.found.text.len() - surplus;
            self.found.text.truncate(end);
            self.found.places.truncate(end + 1);
        }
        self.found
    }

    /// `false`: the token has ended before this character.
    fn take(&mut self, raw: char, place: usize, rest: &str, dash: WideDash) -> bool {
        match fold(raw) {
            Folded::Nothing => true,
            Folded::Gap => {
                self.is_glued = false;
                true
            }
            Folded::LineEnd => {
                (self.is_glued, self.is_line_start) = (false, true);
                true
            }
            Folded::Other('>' | '|') if self.is_line_start => true,
            Folded::Other('=') => {
                self.padding = self.padding.or(Some(place));
                true
            }
            Folded::Other(other) => {
                if !self.is_whole() {
                    self.found.foreign = Some(other);
                }
                false
            }
            Folded::Symbol(symbol) => {
                self.take_symbol(symbol, place, rest, dash == WideDash::Two && is_wide_dash(raw))
            }
        }
    }

    fn take_symbol(&mut self, symbol: char, place: usize, rest: &str, is_double: bool) -> bool {
        let is_too_long = self.full_stops == 2 && self.part_chars > SIGNATURE_CHARS && !self.is_glued;
        let ends_here = || !self.is_glued || symbol == '.' && ends_a_sentence(rest) || is_armour(rest);
        if self.full_stops > 2 || is_too_long || self.is_whole() && ends_here() {
            return false;
        }
        if self.full_stops == 2 && !self.is_glued {
            self.chars_before_gap = self.part_chars;
        }
        // `=` belongs to no token: padding stands before a full stop, the wrapping of a mail before a line end.
        if self.padding.take().is_some() && self.is_glued && symbol != '.' {
            self.found.foreign = Some('=');
            return false;
        }
        if symbol == '.' {
            (self.full_stops, self.part_chars) = (self.full_stops + 1, 0);
        } else {
            self.part_chars += 1 + usize::from(is_double);
        }
        (self.is_glued, self.is_line_start) = (true, false);
        self.found.push(symbol, place);
        if is_double {
            self.found.push(symbol, place);
        }
        true
    }
}

/// A full stop with nothing of a word after it: no fourth part begins.
fn ends_a_sentence(rest: &str) -> bool {
    !matches!(rest.chars().nth(1).map(fold), Some(Folded::Symbol(_)))
}

/// The hyphens with which a line of armour begins.
fn is_armour(rest: &str) -> bool {
    rest.chars().take(ARMOUR_HYPHENS).filter(|raw| fold(*raw) == Folded::Symbol('-')).count()
        == ARMOUR_HYPHENS
}
