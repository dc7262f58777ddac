//! Whom a source file names: every path in it, resolved to where it starts.

use crate::tokens::{Kind, Token, tokens};

/// A path as the compiler would read it: it starts with `crate` or with the name of a crate.
///
/// `use super::super::store::{Engine, self}` in `src/http/error.rs` is named twice: `crate::store::Engine`, `crate::store`.
/// A glob is the segment `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub line: usize,
    pub path: Vec<String>,
}

/// What was found in one file. Items under `#[cfg(test)]` are left out: a test may wire rooms together like `main`.
#[derive(Debug, Default)]
pub struct Names {
    pub named: Vec<Named>,
    /// Modules declared as `#[cfg(test)] mod name;`, as paths below the crate: their files are tests.
    pub test_modules: Vec<Vec<String>>,
}

/// Reads a file that is the module `module` (`["http", "error"]`; empty for `lib.rs`).
pub fn names(source: &str, module: &[String]) -> Names {
    let tokens = tokens(source);
    let mut walk =
        Walk { tokens: &tokens, at: 0, module: module.to_vec(), open: Vec::new(), names: Names::default() };
    while walk.at < tokens.len() {
        walk.step();
    }
    walk.names
}

/// Every keyword and identifier, tests included.
pub fn words(source: &str) -> Vec<(usize, &str)> {
    let word = |token: Token<'_>| matches!(token.kind, Kind::Word(_));
    let tokens = tokens(source).into_iter().filter(|token| word(*token));
    tokens.map(|token| (token.line, text(token.kind))).collect()
}

fn text(kind: Kind<'_>) -> &str {
    match kind {
        Kind::Word(word) => word,
        Kind::PathSep | Kind::Sign(_) | Kind::Literal => "",
    }
}

struct Walk<'t, 's> {
    tokens: &'t [Token<'s>],
    at: usize,
    /// The module at `at`, with the inline modules around it.
    module: Vec<String>,
    /// Per open brace: whether it opened an inline module.
    open: Vec<bool>,
    names: Names,
}

impl<'s> Walk<'_, 's> {
    fn kind(&self, offset: usize) -> Option<Kind<'s>> {
        self.tokens.get(self.at + offset).map(|token| token.kind)
    }

    fn before(&self, offset: usize) -> Option<Kind<'s>> {
        self.at.checked_sub(offset).map(|at| self.tokens[at].kind)
    }

    fn is_sign(&self, offset: usize, sign: char) -> bool {
        self.kind(offset) == Some(Kind::Sign(sign))
    }

    fn word(&self, offset: usize) -> Option<&'s str> {
        match self.kind(offset) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn step(&mut self) {
        match self.kind(0) {
            Some(Kind::Sign('#')) if self.is_test_attribute() => self.skip_test_item(),
            Some(Kind::Sign('{')) => {
                self.open.push(false);
                self.at += 1;
            }
            Some(Kind::Sign('}')) => {
                if self.open.pop() == Some(true) {
                    self.module.pop();
                }
                self.at += 1;
            }
            Some(Kind::Word("mod")) if self.word(1).is_some() && self.is_sign(2, '{') => {
                self.module.push(self.word(1).unwrap_or_default().to_owned());
                self.open.push(true);
                self.at += 3;
            }
            Some(Kind::Word("use")) if !self.is_sign(1, '<') => {
                self.at += 1;
                self.use_tree(&[]);
            }
            Some(Kind::Word("extern")) if self.word(1) == Some("crate") => {
                let path = vec![self.word(2).unwrap_or_default().to_owned()];
                self.push(self.line(), path);
                self.at += 3;
            }
            Some(Kind::Word(word)) if !KEYWORDS.contains(&word) && self.starts_a_path() => self.path(),
            _ => self.at += 1,
        }
    }

    /// Not behind `::` of a longer path, and not a method. `as ::sled::Db` starts one.
    fn starts_a_path(&self) -> bool {
        match (self.before(2), self.before(1)) {
            (behind, Some(Kind::Sign('.'))) => behind == Some(Kind::Sign('.')),
            (Some(Kind::Word(word)), Some(Kind::PathSep)) => KEYWORDS.contains(&word),
            (behind, Some(Kind::PathSep)) => behind != Some(Kind::Sign('>')),
            _ => true,
        }
    }

    /// A path in an expression, a type or an attribute. A single word names nobody new.
    fn path(&mut self) {
        let line = self.line();
        let mut path = vec![self.word(0).unwrap_or_default().to_owned()];
        self.at += 1;
        while self.kind(0) == Some(Kind::PathSep) {
            let Some(word) = self.word(1) else { break };
            path.push(word.to_owned());
            self.at += 2;
        }
        if path.len() > 1 {
            self.push(line, path);
        }
    }

    /// `a::b`, `a::{b, c as d}`, `a::*`, from behind `use` or inside its braces.
    fn use_tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            let line = self.line();
            match self.kind(0) {
                Some(Kind::PathSep) => self.at += 1,
                Some(Kind::Word("as")) => self.at += 2,
                Some(Kind::Word(word)) => {
                    path.push(word.to_owned());
                    self.at += 1;
                    if self.kind(0) != Some(Kind::PathSep) {
                        self.push(line, path.clone());
                    }
                }
                Some(Kind::Sign('*')) => {
                    path.push("*".to_owned());
                    self.push(line, path.clone());
                    self.at += 1;
                }
                Some(Kind::Sign('{')) => {
                    self.at += 1;
                    while self.at < self.tokens.len() && !self.is_sign(0, '}') {
                        self.use_tree(&path);
                        if self.is_sign(0, ',') {
                            self.at += 1;
                        } else if !self.is_sign(0, '}') {
                            break;
                        }
                    }
                    self.at += 1;
                    return;
                }
                _ => return,
            }
        }
    }

    /// Resolves `self`, `super` and the package's own name; `crate::a::self` is `crate::a`.
    fn push(&mut self, line: usize, mut path: Vec<String>) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let ups = path.iter().take_while(|segment| *segment == "self" || *segment == "super").count();
        if path[0] == "lictor" {
            path[0] = "crate".to_owned();
        } else if ups > 0 {
            let climbed = path[..ups].iter().filter(|segment| *segment == "super").count();
            let kept = self.module.len().saturating_sub(climbed);
            let own = self.module[..kept].iter().cloned();
            path =
                std::iter::once("crate".to_owned()).chain(own).chain(path[ups..].iter().cloned()).collect();
        }
        self.names.named.push(Named { line, path });
    }

    /// `#[cfg(test)]`, `#[cfg(all(test, …))]`; not `#[cfg(not(test))]` or `#[cfg(any(test, …))]`, which the product has too.
    fn is_test_attribute(&self) -> bool {
        let cfg = self.is_sign(1, '[') && self.word(2) == Some("cfg") && self.is_sign(3, '(');
        let all = self.word(4) == Some("all") && self.is_sign(5, '(');
        cfg && self.word(if all { 6 } else { 4 }) == Some("test")
    }

    fn skip_test_item(&mut self) {
        while self.is_sign(0, '#') {
            self.skip_group(1);
        }
        if self.word(0) == Some("pub") {
            self.at += 1;
            if self.is_sign(0, '(') {
                self.skip_group(0);
            }
        }
        if self.word(0) == Some("mod") && self.is_sign(2, ';') {
            let name = self.word(1).unwrap_or_default().to_owned();
            self.names.test_modules.push(self.module.iter().cloned().chain([name]).collect());
        }
        let is_item = self.word(0).is_some_and(|word| ITEM_WORDS.contains(&word));
        while self.at < self.tokens.len() {
            match self.kind(0) {
                Some(Kind::Sign('{')) => return self.skip_group(0),
                Some(Kind::Sign('(' | '[')) => self.skip_group(0),
                Some(Kind::Sign(';')) => return self.at += 1,
                Some(Kind::Sign(',')) if !is_item => return self.at += 1,
                Some(Kind::Sign('}')) => return,
                _ => self.at += 1,
            }
        }
    }

    /// From `at` (plus what stands before the bracket) to behind the bracket that closes it.
    fn skip_group(&mut self, offset: usize) {
        self.at += offset;
        let mut depth = 0usize;
        while self.at < self.tokens.len() {
            match self.kind(0) {
                Some(Kind::Sign('{' | '(' | '[')) => depth += 1,
                Some(Kind::Sign('}' | ')' | ']')) => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

/// What an item starts with; anything else under `#[cfg(test)]` is a field or an arm and ends at its comma.
const ITEM_WORDS: &[&str] = &[
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "use",
];

/// Words that may stand before a path that starts with `::`.
const KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "dyn", "else", "fn", "for", "if", "impl", "in", "let", "loop",
    "match", "mod", "move", "mut", "pub", "ref", "return", "static", "type", "unsafe", "where", "while",
    "yield",
];
