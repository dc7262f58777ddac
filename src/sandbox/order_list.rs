//! The order list of the seller console, as a CSV file in Chinese with a byte order mark, times of Beijing.
//!
//! No page prints its columns: these are what the console's pages call them. Whoever reads it goes by names.

use chrono::Duration;

use super::orders::{MockOrder, OrderReason};

const HEAD: &str = "订单号,订单行ID,订单类型,SKU编码,商品名称,实例ID,客户名称,下单时间,订单状态";

pub(super) fn written(orders: &[MockOrder], instance_of: &dyn Fn(&MockOrder) -> Option<String>) -> String {
    let mut text = format!("\u{feff}{HEAD}\r\n");
    for order in orders {
        let at = (order.created_at + Duration::hours(8)).format("%Y-%m-%d %H:%M:%S").to_string();
        let cells = [
            // A spreadsheet would take a long number for one, so the console puts a tab before it.
            format!("\t{}", order.order_id),
            order.order_line_id.clone(),
            word(order.reason).to_owned(),
            order.basket.sku.clone(),
            format!("Acme, {}", order.basket.sku),
            instance_of(order).unwrap_or_default(),
            "mock-buyer".to_owned(),
            at,
            "已完成".to_owned(),
        ];
        text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        text.push_str("\r\n");
    }
    text
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

fn word(reason: OrderReason) -> &'static str {
    match reason {
        OrderReason::New => "新购",
        OrderReason::Trial => "试用",
        OrderReason::TrialToFormal => "试用转正",
        OrderReason::Unsubscribe => "退订",
        OrderReason::Renew => "续费",
        OrderReason::Change => "变更",
    }
}
