//! What a character stands for that was copied, typed by an input method, or made nicer by an editor.

/// A character of a pasted text, seen as a part of a token or code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// One of base64url or the full stop between parts, in its plain form.
    Symbol(char),
    /// Invisible: it stands for nothing.
    Nothing,
    /// White space within a line, or a quotation mark.
    Gap,
    LineEnd,
    /// Anything else, in its plain form.
    Other(char),
}

pub fn fold(raw: char) -> Folded {
    let character = plain(raw);
    match character {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '_' | '.' => Folded::Symbol(character),
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Folded::LineEnd,
        _ if character.is_whitespace() || is_quotation_mark(character) => Folded::Gap,
        _ if is_invisible(character) => Folded::Nothing,
        _ => Folded::Other(character),
    }
}

/// Whether editors put it in place of two hyphens as well as of one.
pub fn is_wide_dash(raw: char) -> bool {
    matches!(raw, '\u{2013}' | '\u{2014}' | '\u{2015}')
}

/// Full-width forms, and what looks like a hyphen, an underscore or a full stop.
fn plain(raw: char) -> char {
    const FULL_WIDTH_DISTANCE: u32 = 0xfee0;
    match raw {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{2d7}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{2017}' | '\u{2cd}' | '\u{fe4d}'..='\u{fe4f}' => '_',
        '\u{3002}' | '\u{ff61}' | '\u{2024}' => '.',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(raw).saturating_sub(FULL_WIDTH_DISTANCE)).unwrap_or(raw)
        }
        other => other,
    }
}

fn is_quotation_mark(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | '`' | '\u{b4}' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}'
            | '\u{3008}'..='\u{3011}' | '\u{301d}'..='\u{301f}'
    )
}

/// Zero-width characters, soft hyphens, direction and variation marks, byte order marks, control characters: also the
/// zeros between letters of a UTF-16 text that was read as bytes.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        )
}
