//! The order list that a seller exports from the marketplace's console, as far as it says what was sold.
//!
//! No page prints the columns of that file, and they change with the console. So columns are found by their names, in
//! Chinese or English, as the console's own pages and the order query call them; all others are left alone. Only the
//! order's number must be there.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::domain::{OrderId, OrderKind};

/// Most rows of a file.
pub const ROWS_MAX: usize = 200_000;
/// Lines before the head: a title, the time of the export.
const TITLE_LINES_MAX: usize = 10;
/// The console shows times of Beijing where it names no zone.
const BEIJING_SECS: i64 = 8 * 3_600;

/// One row: an order, or a line of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedOrder {
    /// Where it stands in the file; the first line is 1.
    pub line: u64,
    /// The marketplace's order id.
    pub order_id: String,
    /// Its line id.
    pub order_line_id: Option<String>,
    /// What the marketplace calls that which was delivered.
    pub instance_id: Option<String>,
    /// What was bought.
    pub sku: Option<String>,
    /// When it was placed.
    pub ordered_at: Option<DateTime<Utc>>,
    /// What it is; unknown words are left to the order query.
    pub kind: Option<OrderKind>,
    /// Whether it says that nothing was sold: not paid, cancelled.
    pub is_unsold: bool,
}

/// A file that was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderExport {
    /// Its rows, each order line once.
    pub orders: Vec<ExportedOrder>,
    /// Rows that cannot be read, by line, and why.
    pub mistakes: Vec<(u64, String)>,
}

/// Why a file is no order list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A workbook.
    #[error("this is a workbook, not a CSV file: open it and save it as \"CSV UTF-8\"")]
    Workbook,
    /// GBK, most likely.
    #[error(
        "the file is not UTF-8 (Chinese systems often save as GBK): open it and save it as \"CSV UTF-8\""
    )]
    NotUtf8,
    /// No head with a known name of the order's number.
    #[error(
        "none of its first lines is a head with a column for the order's number: name it order_id, 订单号 or Order ID"
    )]
    NoOrderId,
    /// A column that decides stands twice.
    #[error("line {line}: two columns are read as {column}: rename the one that is not meant")]
    Twice {
        /// The head's line.
        line: u64,
        /// Which.
        column: &'static str,
    },
    /// Too long.
    #[error("the file has more than {ROWS_MAX} rows: export a shorter time")]
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Order,
    Line,
    Instance,
    Sku,
    OrderedAt,
    Kind,
    Status,
}

impl Column {
    const ALL: [Self; 7] =
        [Self::Order, Self::Line, Self::Instance, Self::Sku, Self::OrderedAt, Self::Kind, Self::Status];

    /// The names it goes by, without spaces, `_`, `-`, brackets and capitals.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Order => &[
                "orderid",
                "orderno",
                "orderno.",
                "ordernumber",
                "订单号",
                "订单编号",
                "订单id",
                "云商店订单号",
            ],
            Self::Line => &[
                "orderlineid",
                "orderlineno",
                "orderlineno.",
                "订单行id",
                "订单行号",
                "订单行编号",
                "子订单号",
            ],
            Self::Instance => &["instanceid", "resourceid", "实例id", "资源id"],
            Self::Sku => &["sku", "skucode", "skuid", "sku编码", "规格编码", "商品规格编码"],
            Self::OrderedAt => &[
                "orderedat",
                "ordertime",
                "createtime",
                "createdat",
                "creationtime",
                "ordercreationtime",
                "下单时间",
                "创建时间",
                "订单时间",
                "订单创建时间",
            ],
            Self::Kind => &["ordertype", "订单类型"],
            Self::Status => &["orderstatus", "订单状态"],
        }
    }

    fn of(head: &str) -> Option<Self> {
        let passed = |letter: &char| !letter.is_whitespace() && !"_-()（）\u{feff}".contains(*letter);
        let name: String = cleaned(head).to_lowercase().chars().filter(passed).collect();
        Self::ALL.into_iter().find(|column| column.names().contains(&name.as_str()))
    }

    fn word(self) -> &'static str {
        match self {
            Self::Order => "the order's number",
            Self::Line => "the order line",
            Self::Instance => "the instance",
            Self::Sku => "the SKU",
            Self::OrderedAt => "the time of the order",
            Self::Kind => "the order's type",
            Self::Status => "the order's status",
        }
    }
}

impl OrderExport {
    /// Reads a file. What is wrong with a row is told with its line; the others are read.
    pub fn read(bytes: &[u8]) -> Result<Self, ExportError> {
        if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
            return Err(ExportError::Workbook);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ExportError::NotUtf8)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let found = [b',', b'\t', b';'].into_iter().find_map(|comma| head_of(text, comma).transpose());
        let head = found.transpose()?.ok_or(ExportError::NoOrderId)?;
        rows_of(text, &head)
    }
}

/// Where what stands.
struct Head {
    comma: u8,
    /// The place of the head among the records.
    place: usize,
    columns: Vec<Option<Column>>,
}

fn records(text: &str, comma: u8) -> csv::StringRecordsIntoIter<&[u8]> {
    let mut reader = csv::ReaderBuilder::new();
    reader.delimiter(comma).flexible(true).has_headers(false);
    reader.from_reader(text.as_bytes()).into_records()
}

fn head_of(text: &str, comma: u8) -> Result<Option<Head>, ExportError> {
    for (place, record) in records(text, comma).take(TITLE_LINES_MAX).enumerate() {
        let Ok(record) = record else { return Ok(None) };
        let columns: Vec<Option<Column>> = record.iter().map(Column::of).collect();
        if !columns.contains(&Some(Column::Order)) {
            continue;
        }
        let line = record.position().map_or(0, |position| Lines::new(text).of(position.byte()));
        let twice = |column: &Column| columns.iter().filter(|it| **it == Some(*column)).count() > 1;
        if let Some(column) = Column::ALL.iter().find(|column| twice(column)) {
            return Err(ExportError::Twice { line, column: column.word() });
        }
        return Ok(Some(Head { comma, place, columns }));
    }
    Ok(None)
}

/// Counts lines. The reader's own count stands still between the two letters of a line end, and before empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), counted: 0, line: 1 }
    }

    /// The line of the record that begins with this byte, line ends before it included; in ascending order.
    fn of(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.counted, self.bytes.len());
        let ends = self.bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.bytes[self.counted..start + ends].iter().filter(|byte| **byte == b'\n').count();
        self.counted = start + ends;
        self.line += u64::try_from(passed).unwrap_or(0);
        self.line
    }
}

fn rows_of(text: &str, head: &Head) -> Result<OrderExport, ExportError> {
    let (mut export, mut seen) = (OrderExport::default(), BTreeSet::new());
    let mut lines = Lines::new(text);
    for (count, record) in records(text, head.comma).skip(head.place + 1).enumerate() {
        if count >= ROWS_MAX {
            return Err(ExportError::TooLong);
        }
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, |position| lines.of(position.byte()));
                export.mistakes.push((line, error.to_string()));
                continue;
            }
        };
        let line = record.position().map_or(0, |position| lines.of(position.byte()));
        if record.iter().all(|cell| cleaned(cell).is_empty()) {
            continue;
        }
        match row_of(&record, head, line) {
            Ok(order) => {
                if seen.insert((order.order_id.clone(), order.order_line_id.clone())) {
                    export.orders.push(order);
                }
            }
            Err(why) => export.mistakes.push((line, why)),
        }
    }
    Ok(export)
}

fn row_of(record: &csv::StringRecord, head: &Head, line: u64) -> Result<ExportedOrder, String> {
    let cell = |wanted: Column| {
        let cells = head.columns.iter().zip(record.iter());
        let found =
            cells.filter(|(column, _)| **column == Some(wanted)).map(|(_, cell)| cleaned(cell)).next();
        found.filter(|text| !text.is_empty() && *text != "-" && *text != "--").map(str::to_owned)
    };
    let order_id = cell(Column::Order).ok_or("the row names no order")?;
    OrderId::parse(&order_id).map_err(|error| error.to_string())?;
    let ordered_at = match cell(Column::OrderedAt) {
        Some(text) => Some(instant(&text).ok_or_else(|| {
            format!("{text} is no time: write 2026-01-31 08:00:00 (Beijing) or 2026-01-31T00:00:00Z")
        })?),
        None => None,
    };
    Ok(ExportedOrder {
        line,
        order_id,
        order_line_id: cell(Column::Line),
        instance_id: cell(Column::Instance),
        sku: cell(Column::Sku),
        ordered_at,
        kind: cell(Column::Kind).as_deref().and_then(kind),
        is_unsold: cell(Column::Status).as_deref().is_some_and(is_unsold),
    })
}

/// Without what spreadsheets put around a number so that it stays a text: a tab, `'`, or `="…"`.
fn cleaned(cell: &str) -> &str {
    let cell = cell.trim().trim_start_matches('\'');
    let formula = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    formula.unwrap_or(cell).trim()
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    let text = text.replace('/', "-");
    let forms = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok())?;
    DateTime::from_timestamp(local.and_utc().timestamp() - BEIJING_SECS, 0)
}

fn kind(text: &str) -> Option<OrderKind> {
    match text.to_lowercase().replace([' ', '_', '-'], "").as_str() {
        "new" | "subscription" | "purchase" | "新购" | "订购" | "新订" | "购买" => {
            Some(OrderKind::New)
        }
        "trial" | "trialuse" | "试用" | "免费试用" => Some(OrderKind::Trial),
        "trialtoformal" | "试用转正" | "试用转正式" | "试用转商用" | "转商用" => {
            Some(OrderKind::TrialToFormal)
        }
        "renew" | "renewal" | "续费" | "续订" => Some(OrderKind::Renew),
        "change" | "upgrade" | "变更" | "升级" => Some(OrderKind::Change),
        "unsubscribe" | "unsubscription" | "退订" => Some(OrderKind::Unsubscribe),
        _ => None,
    }
}

fn is_unsold(text: &str) -> bool {
    let words = ["cancelled", "canceled", "unpaid", "pendingpayment", "已取消", "待支付", "未支付", "待付款"];
    words.contains(&text.to_lowercase().replace([' ', '_', '-'], "").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> OrderExport {
        OrderExport::read(text.as_bytes()).expect("an order list")
    }

    #[test]
    fn columns_are_found_by_their_names_in_either_language_and_others_are_left_alone() {
        let chinese = "\u{feff}导出时间,2026-11-22\r\n订单号,订单行 ID,商品名称,SKU编码,订单类型,下单时间,客户名称,订单状态\r\n\
                       \"\tCS1\",CS1-000001,\"Acme, CAD\",CAD-YEAR,新购,2026-11-22 17:30:00,张三,已完成\r\n";
        let english = "Order No.;Order Line ID;SKU Code;Order Type;Created At\n=\"CS1\";CS1-000001;CAD-YEAR;NEW;2026-11-22T09:30:00Z\n";
        let (one, other) = (read(chinese), read(english));
        assert_eq!((&one.mistakes, &other.mistakes), (&Vec::new(), &Vec::new()));
        let row = &one.orders[0];
        assert_eq!((row.line, row.order_id.as_str(), row.sku.as_deref()), (3, "CS1", Some("CAD-YEAR")));
        assert_eq!((row.order_line_id.as_deref(), row.kind), (Some("CS1-000001"), Some(OrderKind::New)));
        assert_eq!(ExportedOrder { line: 3, ..other.orders[0].clone() }, *row);
    }

    #[test]
    fn every_row_that_cannot_be_read_is_told_with_its_line_and_the_others_are_read() {
        let export = read(
            "order_id,下单时间\nCS1,\n\"a\nb\",\nCS2,yesterday\n,2026-11-22 17:30:00\n\nCS3,2026/11/22 17:30\nCS1,\n",
        );
        let told: Vec<u64> = export.mistakes.iter().map(|(line, _)| *line).collect();
        assert_eq!(told, [3, 5, 6]);
        let orders: Vec<_> = export.orders.iter().map(|order| order.order_id.as_str()).collect();
        assert_eq!(orders, ["CS1", "CS3"], "each order once");
    }

    #[test]
    fn a_file_that_is_none_says_what_to_do() {
        let refused = |bytes: &[u8]| OrderExport::read(bytes).expect_err("no order list");
        assert_eq!(refused(b"PK\x03\x04rest"), ExportError::Workbook);
        assert_eq!(refused(&[0xb6, 0xa9, 0xb5, 0xa5, 0xba, 0xc5]), ExportError::NotUtf8);
        assert_eq!(refused(b""), ExportError::NoOrderId);
        assert_eq!(refused("商品,客户\na,b\n".as_bytes()), ExportError::NoOrderId);
        let twice = refused("订单号,Order ID\n1,2\n".as_bytes());
        assert_eq!(twice, ExportError::Twice { line: 1, column: "the order's number" });
    }

    #[test]
    fn what_was_not_paid_was_not_sold_and_unknown_words_decide_nothing() {
        let export = read("订单编号,订单类型,订单状态\nCS1,新购,待支付\nCS2,换购,处理中\nCS3,续费,已完成\n");
        let told: Vec<_> = export.orders.iter().map(|order| (order.kind, order.is_unsold)).collect();
        let new = Some(OrderKind::New);
        assert_eq!(told, [(new, true), (None, false), (Some(OrderKind::Renew), false)]);
    }
}
