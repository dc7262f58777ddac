//! Rust source as words and signs: without comments, with line numbers.
//!
//! A small reader of its own instead of a parser crate: the rules need names and brackets, nothing more.

/// A word or a sign of the source, and the line it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'s> {
    pub line: usize,
    pub kind: Kind<'s>,
    /// As it is written, quotes and all.
    pub text: &'s str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind<'s> {
    /// An identifier or keyword; of a raw identifier the part behind `r#`.
    Word(&'s str),
    /// `::`
    PathSep,
    Sign(char),
    /// A string, character or number. What is in it names nobody.
    Literal,
}

/// Reads a whole file.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut reader = Reader { source, at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = reader.peek() {
        let (line, start) = (reader.line, reader.at);
        if let Some(kind) = reader.next_kind(first) {
            found.push(Token { line, kind, text: &source[start..reader.at] });
        }
    }
    found
}

struct Reader<'s> {
    source: &'s str,
    at: usize,
    line: usize,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    /// Skips to behind `end`, or to the end of the file.
    fn skip_behind(&mut self, end: &str) {
        let bytes = self.rest().find(end).map_or(self.rest().len(), |found| found + end.len());
        self.skip(bytes);
    }

    fn word(&mut self) -> &'s str {
        let rest = self.rest();
        let bytes = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.skip(bytes);
        &rest[..bytes]
    }

    fn next_kind(&mut self, first: char) -> Option<Kind<'s>> {
        if self.rest().starts_with("//") {
            self.skip_behind("\n");
            None
        } else if self.rest().starts_with("/*") {
            self.skip_block_comment();
            None
        } else if self.rest().starts_with("::") {
            self.skip(2);
            Some(Kind::PathSep)
        } else if let Some(bytes) = string_prefix(self.rest()) {
            self.skip_string(bytes);
            Some(Kind::Literal)
        } else if self.rest().starts_with("r#") {
            self.skip(2);
            Some(Kind::Word(self.word()))
        } else if first.is_ascii_digit() {
            self.word();
            Some(Kind::Literal)
        } else if first.is_alphabetic() || first == '_' {
            Some(Kind::Word(self.word()))
        } else if first == '\'' {
            self.skip_quote()
        } else {
            self.skip(first.len_utf8());
            (!first.is_whitespace()).then_some(Kind::Sign(first))
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0;
        loop {
            if self.rest().starts_with("/*") {
                depth += 1;
                self.skip(2);
            } else if self.rest().starts_with("*/") {
                depth -= 1;
                self.skip(2);
                if depth == 0 {
                    return;
                }
            } else if let Some(c) = self.peek() {
                self.skip(c.len_utf8());
            } else {
                return;
            }
        }
    }

    fn skip_string(&mut self, prefix: Prefix) {
        self.skip(prefix.bytes);
        if let Some(hashes) = prefix.raw_hashes {
            self.skip_behind(&format!("\"{}", "#".repeat(hashes)));
            return;
        }
        while let Some(c) = self.peek() {
            self.skip(c.len_utf8());
            if c == '"' {
                return;
            }
            if c == '\\' {
                self.skip(self.peek().map_or(0, char::len_utf8));
            }
        }
    }

    /// `'a'` and `'\n'` are characters, `'a` is a lifetime.
    fn skip_quote(&mut self) -> Option<Kind<'s>> {
        self.skip(1);
        let mut ahead = self.rest().chars();
        match (ahead.next(), ahead.next()) {
            (Some('\\'), Some(escaped)) => {
                self.skip(1 + escaped.len_utf8());
                self.skip_behind("'");
            }
            (Some(c), Some('\'')) => self.skip(c.len_utf8() + 1),
            _ => {
                self.word();
                return None;
            }
        }
        Some(Kind::Literal)
    }
}

struct Prefix {
    /// Up to and with the opening quote.
    bytes: usize,
    /// `Some` where backslashes mean nothing.
    raw_hashes: Option<usize>,
}

/// The opening of a string: `"`, `b"`, `c"`, `r"`, `r#"`, `br##"`, …
fn string_prefix(rest: &str) -> Option<Prefix> {
    let letters = ["br", "cr", "b", "c", "r", ""].into_iter().find(|letters| {
        rest.strip_prefix(letters).is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[letters.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let raw = letters.ends_with('r');
    (raw || hashes == 0)
        .then(|| Prefix { bytes: letters.len() + hashes + 1, raw_hashes: raw.then_some(hashes) })
}
