//! The strings of a source file: what they say, and where they stand.

use super::tokens::{Kind, Token, tokens};

/// A string of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal {
    pub line: usize,
    /// What it says. In the text of a format (`format!`, `#[error(…)]`) each place for a value is `{}`.
    pub text: String,
    /// What stands before the brackets around it, the outermost first: `invalid`, `format!`, `#` for an attribute, nothing.
    pub within: Vec<String>,
    /// The string that follows it behind a comma.
    pub next: Option<String>,
}

/// The macros whose text has places for values.
const FORMATS: &[&str] = &["format!", "write!", "writeln!"];

/// Every string of a file but those of its `#[cfg(test)]` parts.
pub fn literals(source: &str) -> Vec<Literal> {
    let tokens = without_tests(tokens(source));
    let (mut found, mut within): (Vec<Literal>, Vec<String>) = (Vec::new(), Vec::new());
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Sign('(' | '[' | '{') => within.push(opener(&tokens[..at])),
            Kind::Sign(')' | ']' | '}') => drop(within.pop()),
            Kind::Literal => {
                if let Some(text) = said(token.text) {
                    let next = match tokens.get(at + 1..at + 3) {
                        Some([comma, next]) if comma.kind == Kind::Sign(',') => said(next.text),
                        _ => None,
                    };
                    let text = if is_format(&within) { places(&text) } else { text };
                    found.push(Literal { line: token.line, text, within: within.clone(), next });
                }
            }
            Kind::Word(_) | Kind::PathSep | Kind::Sign(_) => {}
        }
    }
    found
}

/// What stands before an opening bracket: the name of a function, of a type or, with its mark, of a macro.
fn opener(before: &[Token<'_>]) -> String {
    let (before, mark) = match before {
        [before @ .., last] if last.kind == Kind::Sign('!') => (before, "!"),
        _ => (before, ""),
    };
    match before.last().map(|last| last.kind) {
        Some(Kind::Word(word)) => format!("{word}{mark}"),
        Some(Kind::Sign('#')) => "#".to_owned(),
        _ => String::new(),
    }
}

fn is_format(within: &[String]) -> bool {
    let is_error = within.last().is_some_and(|name| name == "error") && within.iter().any(|name| name == "#");
    is_error || within.iter().any(|name| FORMATS.contains(&name.as_str()))
}

/// Leaves out each item that follows `#[cfg(test)]`, up to its closing brace or its semicolon.
fn without_tests(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let marked = tokens.get(at..at + 7).unwrap_or_default();
        if marked.iter().map(|token| token.text).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            at = behind_item(&tokens, at + 7);
        } else {
            kept.push(*token);
            at += 1;
        }
    }
    kept
}

fn behind_item(tokens: &[Token<'_>], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token.kind {
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(closing @ (')' | ']' | '}')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && closing == '}' {
                    return at;
                }
            }
            Kind::Sign(';') if depth == 0 => return at,
            Kind::Word(_) | Kind::PathSep | Kind::Sign(_) | Kind::Literal => {}
        }
    }
    at
}

/// What a string says; `None` of anything else, also of bytes.
fn said(written: &str) -> Option<String> {
    if let Some(raw) = written.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        return Some(raw.get(hashes + 1..raw.len().checked_sub(hashes + 1)?)?.to_owned());
    }
    let inside = written.strip_prefix('"')?.strip_suffix('"')?;
    let (mut text, mut letters) = (String::new(), inside.chars().peekable());
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('0') => text.push('\0'),
            // The text goes on in the next line, behind its blanks.
            Some('\n') => while letters.next_if(|letter| letter.is_whitespace()).is_some() {},
            Some('u') => {
                let digits: String = letters.by_ref().take_while(|letter| *letter != '}').skip(1).collect();
                text.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
            }
            Some(itself) => text.push(itself),
            None => {}
        }
    }
    Some(text)
}

/// A format's text with `{}` for each value, and doubled braces as one.
fn places(format: &str) -> String {
    let (mut text, mut letters) = (String::new(), format.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '{' if letters.next_if_eq(&'{').is_none() => {
                while letters.next_if(|letter| *letter != '}').is_some() {}
                letters.next();
                text.push_str("{}");
            }
            '}' => {
                letters.next_if_eq(&'}');
                text.push('}');
            }
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod itself {
    use super::literals;

    fn texts(source: &str) -> Vec<String> {
        literals(source).into_iter().map(|literal| literal.text).collect()
    }

    #[test]
    fn a_string_says_what_the_compiler_takes_it_for() {
        assert_eq!(texts(r#"f("a \"b\" \\ \u{4e2d}\n")"#), ["a \"b\" \\ 中\n"]);
        assert_eq!(texts("f(\"one \\\n     two\")"), ["one two"]);
        assert_eq!(texts("f(r#\"a \" {b}\"#, b\"bytes\", 'c', 7)"), ["a \" {b}"]);
        assert_eq!(texts("// \"a\"\n/* \"b\" */ /// \"c\"\nf()"), Vec::<String>::new());
    }

    #[test]
    fn the_text_of_a_format_has_places_and_other_text_has_its_braces() {
        assert_eq!(texts(r#"format!("{a} of {:?}, {{b}}", c)"#), ["{} of {}, {b}"]);
        assert_eq!(texts(r#"#[error("at most {MAX} bytes")] struct A;"#), ["at most {} bytes"]);
        assert_eq!(texts(r#"f("only {a} is filled in")"#), ["only {a} is filled in"]);
    }

    #[test]
    fn what_stands_around_a_string_is_known_and_tests_are_left_out() {
        let source = r#"
            fn a() { tracing::warn!(x, "b c"); Err(ApiError::invalid("/p", format!("d {e}"))) }
            #[cfg(test)] mod tests { fn f() { g("h i") } }
            #[cfg(test)] mod other;
            const J: [&str; 2] = ["k", "l"];
        "#;
        let found = literals(source);
        let places: Vec<_> = found.iter().map(|it| (it.text.as_str(), it.within.join("/"))).collect();
        assert_eq!(
            places,
            [
                ("b c", "/warn!".to_owned()),
                ("/p", "/Err/invalid".to_owned()),
                ("d {}", "/Err/invalid/format!".to_owned()),
                ("k", String::new()),
                ("l", String::new()),
            ]
        );
        assert_eq!(found[3].next.as_deref(), Some("l"));
    }
}
