//! Reads the answer of the order query: tolerant of form, strict about what decides a license.
//!
//! Source: zh-cn_topic_0070649466, zh-cn_topic_0070649350, en-us_topic_000033.

use serde_json::Value;

use super::OpenApiError;
use super::transport::Answer;
use crate::domain::{Charging, OrderDetails, OrderKind, OrderLineDetails, PeriodUnit};
use crate::marketplace::koogallery::time;

/// Codes carry the prefix of the marketplace (`MKT.`) or, in older answers, of its billing centre (`CBC.`).
pub fn read(
    answer: &Answer,
    order_id: &str,
    order_line_id: Option<&str>,
) -> Result<OrderDetails, OpenApiError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let member = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str());
    let code = member("resultCode").or_else(|| member("error_code")).unwrap_or("");
    let words = format!("HTTP {}, code {}", answer.status, presentable(code));
    match (answer.status, code) {
        (200, "MKT.0000" | "CBC.0000") => {}
        (_, "MKT.0101" | "MKT.0199" | "CBC.0101" | "MKT.9001") => return Err(OpenApiError::NotFound(words)),
        (_, "MKT.0150" | "MKT.0151" | "MKT.0154" | "CBC.0150") | (401 | 403, _) => {
            return Err(OpenApiError::Refused(format!("access key ({words})")));
        }
        (_, "MKT.0250" | "MKT.0999" | "MKT.0100" | "CBC.0999") | (406 | 408 | 429 | 500.., _) => {
            return Err(OpenApiError::Retry(words));
        }
        // A body cut short on its way, or a page of some proxy.
        (200, "") => return Err(OpenApiError::Retry(format!("unreadable answer ({words})"))),
        _ => return Err(OpenApiError::Refused(words)),
    }
    let info = body.as_ref().and_then(|body| body.get("orderInfo")).filter(|info| info.is_object());
    let details = order(info.ok_or_else(|| OpenApiError::NotFound(words.clone()))?).map_err(misunderstood)?;
    let line_is_there = |id| details.lines.iter().any(|line| line.order_line_id == id);
    if details.order_id != order_id || !order_line_id.is_none_or(line_is_there) {
        return Err(OpenApiError::NotFound(words));
    }
    Ok(details)
}

fn misunderstood(member: &'static str) -> OpenApiError {
    OpenApiError::Refused(format!("the order's {member} is missing or not understood"))
}

/// What an unknown peer sends goes into a log line: short and plain.
pub(super) fn presentable(code: &str) -> String {
    code.chars().filter(|character| character.is_ascii_graphic()).take(32).collect()
}

/// Errors name the member.
type Read<T> = Result<T, &'static str>;

fn order(info: &Value) -> Read<OrderDetails> {
    let mut lines = Vec::new();
    for line in list(info, "orderLine") {
        order_line(line, &mut lines)?;
    }
    Ok(OrderDetails {
        extend_params: Vec::new(),
        order_id: text(info, "orderId").ok_or("orderId")?,
        kind: kind(&text(info, "orderType").unwrap_or_default())?,
        created_at: text(info, "createTime").and_then(|time| time::parse(&time)).ok_or("createTime")?,
        customer: info.get("buyerInfo").and_then(|buyer| text(buyer, "customerId")),
        lines,
    })
}

/// One entry per product, or one without a product.
fn order_line(line: &Value, lines: &mut Vec<OrderLineDetails>) -> Read<()> {
    let bare = OrderLineDetails {
        order_line_id: text(line, "orderLineId").ok_or("orderLineId")?,
        charging: charging(&text(line, "chargingMode").unwrap_or_default())?,
        expires_at: optional_time(line, "expireTime")?,
        ends_at: None,
        period: period(line)?,
        product_id: None,
        sku: None,
        quantity: None,
    };
    let products = list(line, "productInfo");
    for product in products {
        lines.push(OrderLineDetails {
            product_id: text(product, "productId"),
            sku: text(product, "skuCode"),
            quantity: whole_number(product, "linearValue")?,
            ..bare.clone()
        });
    }
    if products.is_empty() {
        lines.push(bare);
    }
    Ok(())
}

fn kind(word: &str) -> Read<OrderKind> {
    Ok(match word {
        "NEW" => OrderKind::New,
        "TRIAL" => OrderKind::Trial,
        "TRIAL_TO_FORMAL" => OrderKind::TrialToFormal,
        "UNSUBSCRIBE" => OrderKind::Unsubscribe,
        "RENEW" => OrderKind::Renew,
        "CHANGE" => OrderKind::Change,
        _ => return Err("orderType"),
    })
}

fn charging(word: &str) -> Read<Charging> {
    Ok(match word {
        "ON_DEMAND" => Charging::OnDemand,
        "ONE_TIME" => Charging::OneTime,
        "PERIOD" => Charging::Period,
        "ON_DEMAND_PKG" => Charging::OnDemandPackage,
        _ => return Err("chargingMode"),
    })
}

fn period(line: &Value) -> Read<Option<(PeriodUnit, u32)>> {
    let Some(unit) = text(line, "periodType") else { return Ok(None) };
    let unit = match unit.to_ascii_lowercase().as_str() {
        "day" => PeriodUnit::Day,
        "month" => PeriodUnit::Month,
        "year" => PeriodUnit::Year,
        _ => return Err("periodType"),
    };
    let number = whole_number(line, "periodNumber")?.filter(|number| *number > 0).ok_or("periodNumber")?;
    Ok(Some((unit, number)))
}

fn optional_time(holder: &Value, name: &'static str) -> Read<Option<chrono::DateTime<chrono::Utc>>> {
    text(holder, name).map(|time| time::parse(&time).ok_or(name)).transpose()
}

/// A text; an empty one counts as absent.
pub(super) fn text(holder: &Value, name: &str) -> Option<String> {
    holder.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A list; a lone object stands for a list of one.
fn list<'a>(holder: &'a Value, name: &str) -> &'a [Value] {
    match holder.get(name) {
        Some(Value::Array(items)) => items,
        Some(lone @ Value::Object(_)) => std::slice::from_ref(lone),
        _ => &[],
    }
}

/// A number or its text, also `10.0`. What is no whole number decides over machines and quota: never guessed.
pub(super) fn whole_number(holder: &Value, name: &'static str) -> Read<Option<u32>> {
    let source = match holder.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(_) => return Err(name),
    };
    if source.is_empty() {
        return Ok(None);
    }
    let (whole, fraction) = source.split_once('.').unwrap_or((&source, "0"));
    let only_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !only_digits(whole) || !only_digits(fraction) || fraction.bytes().any(|byte| byte != b'0') {
        return Err(name);
    }
    whole.parse().map(Some).map_err(|_| name)
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
