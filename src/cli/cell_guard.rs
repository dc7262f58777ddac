//! Cells of CSV files that no spreadsheet takes for a formula.
//!
//! A text that begins like one gets an apostrophe before it, which spreadsheets take as "this is text". A text that
//! already begins with apostrophes and then like a formula gets one more, so that reading takes off exactly what writing
//! put on: every text is read back as it was.

/// What begins a formula: OWASP's list for CSV injection, and the full-width forms that East Asian spreadsheets read
/// alike.
const BEGINS_FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn is_like_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(BEGINS_FORMULA)
}

/// The text as a cell.
pub fn guarded(text: &str) -> String {
    if is_like_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text of a cell.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_like_formula(text) => text,
        Some(_) | None => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_none_begins_a_formula() {
        for text in
            ["=1+1", "+1", "-1", "@x", "\t=1", "\r", "＝1", "'=1", "''-", "'", "''", "'a", "a=1", "", " =1"]
        {
            let cell = guarded(text);
            assert_eq!(unguarded(&cell), text, "{cell}");
            assert!(!cell.starts_with(BEGINS_FORMULA), "{cell}");
        }
    }
}
