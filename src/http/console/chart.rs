//! Pictures of numbers: bars that the server draws, and the same numbers as a table beside them.

use askama::Template;

use super::blocks::{self, Html};

/// In the picture's own units.
const WIDTH: usize = 560;
const BASE: usize = 140;
/// Room above the highest bar.
const ROOM: usize = 10;
/// Series that have a colour of their own; the last one is "others".
pub const SERIES_MAX: usize = 5;

/// Numbers by column and series.
pub struct Chart<'a> {
    pub id: &'a str,
    pub caption: &'a str,
    /// What a column is, in the table.
    pub column: &'a str,
    pub columns: Vec<String>,
    /// Name and one number for each column; at most [`SERIES_MAX`].
    pub series: Vec<(String, Vec<u64>)>,
    pub as_table: &'a str,
    /// What is said where every number is 0.
    pub empty: &'a str,
}

struct Bar {
    series: usize,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
    title: String,
}

#[derive(Template)]
#[template(path = "console/chart.html")]
struct Picture<'a> {
    id: &'a str,
    caption: &'a str,
    width: usize,
    height: usize,
    base: usize,
    /// What the highest column comes to.
    greatest: u64,
    first: &'a str,
    last: &'a str,
    bars: Vec<Bar>,
    legend: Vec<&'a str>,
    as_table: &'a str,
    table: Html,
}

impl Chart<'_> {
    /// The picture and its table.
    pub fn html(&self) -> Html {
        let sum = |column: usize| self.series.iter().map(|(_, numbers)| numbers[column]).sum::<u64>();
        let greatest = (0..self.columns.len()).map(sum).max().unwrap_or(0);
        if greatest == 0 {
            return blocks::minor_heading(self.caption).then(blocks::empty(self.empty));
        }
        let mut columns = vec![self.column];
        columns.extend(self.series.iter().map(|(name, _)| name.as_str()));
        let row = |(at, name): (usize, &String)| {
            let numbers = self.series.iter().map(|(_, numbers)| blocks::number(numbers[at]));
            std::iter::once(blocks::text(name)).chain(numbers).collect()
        };
        let rows = self.columns.iter().enumerate().map(row).collect();
        let legend: Vec<_> = self.series.iter().map(|(name, _)| name.as_str()).collect();
        Html::of(&Picture {
            id: self.id,
            caption: self.caption,
            width: WIDTH,
            height: BASE + 1,
            base: BASE,
            greatest,
            first: self.columns.first().map_or("", String::as_str),
            last: self.columns.last().map_or("", String::as_str),
            bars: self.bars(greatest),
            legend,
            as_table: self.as_table,
            table: blocks::table(self.caption, &columns, rows, self.empty),
        })
    }

    /// Series upon series, each column as high as its sum.
    fn bars(&self, greatest: u64) -> Vec<Bar> {
        let room = WIDTH / self.columns.len().max(1);
        let width = (room * 7 / 10).max(1);
        let mut bars = Vec::new();
        for (column, name) in self.columns.iter().enumerate() {
            let mut below = 0;
            for (series, (series_name, numbers)) in self.series.iter().enumerate() {
                let number = numbers[column];
                let top = height(below + number, greatest);
                let height = top - height(below, greatest);
                below += number;
                if number > 0 {
                    let title = format!("{name}, {series_name}: {number}");
                    let x = column * room + (room - width) / 2;
                    bars.push(Bar { series, x, y: BASE - top, width, height: height.max(1), title });
                }
            }
        }
        bars
    }
}

fn height(number: u64, greatest: u64) -> usize {
    let most = u64::try_from(BASE - ROOM).unwrap_or(u64::MAX);
    usize::try_from(number.saturating_mul(most) / greatest.max(1)).unwrap_or(BASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(numbers: [Vec<u64>; 2]) -> Chart<'static> {
        let [first, second] = numbers;
        Chart {
            id: "c",
            caption: "Sales",
            column: "Day",
            columns: vec!["Mon".into(), "Tue".into()],
            series: vec![("Pro".into(), first), ("<Lite>".into(), second)],
            as_table: "Table",
            empty: "Nothing",
        }
    }

    #[test]
    fn bars_stand_upon_each_other_and_the_highest_column_fills_the_picture() {
        let bars = chart([vec![1, 0], vec![3, 2]]).bars(4);
        let spans: Vec<_> = bars.iter().map(|bar| (bar.series, bar.y, bar.y + bar.height)).collect();
        assert_eq!(spans, [(0, 108, 140), (1, 10, 108), (1, 75, 140)]);
    }

    #[test]
    fn every_number_of_a_picture_stands_in_its_table_and_names_are_escaped() {
        let html = chart([vec![1, 0], vec![3, 20_000]]).html().to_string();
        for part in ["<td", ">20000<", "&#60;Lite&#62;", "role=\"img\"", "aria-labelledby=\"c\""] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(chart([vec![0, 0], vec![0, 0]]).html().to_string().contains("Nothing"));
    }
}
