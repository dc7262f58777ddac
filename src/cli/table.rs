//! Tables for people: columns as wide as their widest cell, two spaces between them.

use serde_json::Value;

use super::output::printable;

/// Widest cell; longer text is cut. The whole text is in `--json`.
const CELL_COLUMNS_MAX: usize = 60;

/// A table with a head.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column names.
    pub fn new(names: &[&str]) -> Self {
        Self { rows: vec![names.iter().map(|name| (*name).to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| cut(&printable(cell))).collect());
    }

    /// The members `names` of each item, under a head.
    pub fn of_items(items: &Value, columns: &[(&str, &str)]) -> Self {
        let mut table = Self::new(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>());
        for item in items.as_array().into_iter().flatten() {
            table.row(columns.iter().map(|(_, member)| cell(item.get(*member))).collect());
        }
        table
    }

    /// Whether there is nothing under the head.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The table as text.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width_of =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
        let widths: Vec<usize> = (0..columns).map(|column| width_of(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, widest) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(widest - width(cell) + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A JSON value as people read it.
pub fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items.iter().map(|it| cell(Some(it))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    if width(text) <= CELL_COLUMNS_MAX {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut columns = 0;
    for c in text.chars() {
        columns += char_width(c);
        if columns >= CELL_COLUMNS_MAX {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Columns of a terminal: two for East Asian wide characters (Unicode Standard Annex 11, its large blocks).
fn char_width(c: char) -> usize {
    let wide = matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0x33ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe4f | 0xff00..=0xff60
        | 0xffe0..=0xffe6 | 0x1f300..=0x1f64f | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_line_up_also_under_chinese_names() {
        let items = json!([
            { "id": "lic_1", "name": "渲染", "machines": 3, "ends_at": null },
            { "id": "lic_22", "name": "Pro", "machines": ["a", "b"], "ends_at": "" },
        ]);
        let columns = [("ID", "id"), ("NAME", "name"), ("MACHINES", "machines"), ("ENDS", "ends_at")];
        let expected = "ID      NAME  MACHINES  ENDS\nlic_1   渲染  3         -\nlic_22  Pro   a, b      -\n";
        assert_eq!(Table::of_items(&items, &columns).render(), expected);
    }

    #[test]
    fn a_cell_neither_steers_the_terminal_nor_floods_it() {
        let mut table = Table::new(&["X"]);
        table.row(vec![format!("\u{1b}[31m{}\n", "长".repeat(100))]);
        let text = table.render();
        assert_eq!(text.matches('\n').count(), 2);
        assert!(!text.contains('\u{1b}') && text.lines().all(|line| width(line) <= CELL_COLUMNS_MAX));
    }
}
