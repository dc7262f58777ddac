//! Authorization codes that the sandbox has sold, and what its open API says of them.
//!
//! Source: zh-cn_topic_0070649244 (activate), zh-cn_topic_0070649245 (query), zh-cn_topic_0000002290055385 (usage).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::orders::{MockOrder, digits};

/// Longest code on the pages.
const CODE_CHARS_MAX: usize = 64;
/// Most entries of one usage call, and clients of one entry.
const USAGE_ENTRIES_MAX: usize = 100;

/// One code.
#[derive(Debug, Clone)]
pub struct SoldCode {
    pub order: MockOrder,
    /// The ends that each paid term reached, the latest last.
    pub ends: Vec<DateTime<Utc>>,
    /// Whether the buyer has taken it.
    pub received: bool,
    pub activated_at: Option<DateTime<Utc>>,
    pub released: bool,
}

/// Every code sold since the start, and every use that was reported.
#[derive(Debug, Default)]
pub struct Codes {
    by_code: Mutex<HashMap<String, SoldCode>>,
    uses: Mutex<Vec<(String, String)>>,
    queries: Mutex<Vec<String>>,
}

/// `error_code` of an answer, and its `data`.
pub type CodeAnswer = (u16, &'static str, Option<Value>);

impl Codes {
    pub fn sell(&self, code: &str, order: MockOrder) {
        let ends = order.expires_at.into_iter().collect();
        let sold = SoldCode { order, ends, received: true, activated_at: None, released: false };
        self.lock().insert(code.to_owned(), sold);
    }

    pub fn find(&self, code: &str) -> Option<SoldCode> {
        self.lock().get(code).cloned()
    }

    pub fn change(&self, code: &str, change: impl FnOnce(&mut SoldCode)) {
        if let Some(sold) = self.lock().get_mut(code) {
            change(sold);
        }
    }

    /// Code and client of every reported use, in order of arrival.
    pub fn uses(&self) -> Vec<(String, String)> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every code that was queried, in order of arrival.
    pub fn queries(&self) -> Vec<String> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `license/activate`, single.
    pub fn activate(&self, request: &Value, now: DateTime<Utc>) -> CodeAnswer {
        let Some(code) = code_in(request) else { return (400, "95000001", None) };
        let mut codes = self.lock();
        let Some(sold) = codes.get_mut(code) else { return (200, "92020005", None) };
        if !sold.received {
            return (200, "92020004", None);
        }
        if sold.activated_at.is_some() || sold.released {
            return (200, "92020003", None);
        }
        sold.activated_at = Some(now);
        let mut info = json!({
            "status": "ALIVE",
            "product_id": sold.order.basket.product_id,
            "order_id": sold.order.order_id,
        });
        if let Some(end) = sold.ends.last() {
            info["expire_time"] = json!(digits(*end));
        }
        if let Some(amount) = sold.order.basket.quantity {
            info["amount"] = json!(amount);
        }
        (200, "92020000", Some(json!({ "license_code_info": info.to_string() })))
    }

    /// `license/heartbeat`, single. The page's copies end after `activate_time`; the end is said to be among the rest.
    pub fn query(&self, request: &Value, now: DateTime<Utc>) -> CodeAnswer {
        let Some(code) = code_in(request) else { return (400, "95000001", None) };
        let codes = self.lock();
        let Some(sold) = codes.get(code) else { return (200, "92020005", None) };
        let Some(activated_at) = sold.activated_at else { return (200, "92020011", None) };
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).push(code.to_owned());
        let status = match sold.ends.last() {
            _ if sold.released => "RELEASED",
            Some(end) if now >= *end => "EXPIRED",
            _ => "ALIVE",
        };
        let mut info =
            json!({ "license_code": code, "status": status, "activate_time": digits(activated_at) });
        if let Some(end) = sold.ends.last() {
            info["expire_time"] = json!(digits(*end));
        }
        (200, "92020000", Some(info))
    }

    /// `software-usage-info`: each entry names a code and, per client, exactly one of `id` and `active_num`.
    pub fn report(&self, request: &Value) -> CodeAnswer {
        let invalid = (400, "95000001", None);
        let bounded = |list: &Value| {
            list.as_array().filter(|list| (1..=USAGE_ENTRIES_MAX).contains(&list.len())).cloned()
        };
        let Some(entries) = bounded(&request["usage_info"]) else { return invalid };
        let mut uses = Vec::new();
        for entry in &entries {
            let (Some(code), Some(clients)) = (code_in(entry), bounded(&entry["software_usage_Info"])) else {
                return invalid;
            };
            if self.find(code).is_none() {
                return (200, "92020020", None);
            }
            for client in clients {
                match (client["id"].as_str(), client["active_num"].as_u64()) {
                    (Some(id), None) if id.chars().count() <= 256 => {
                        uses.push((code.to_owned(), id.to_owned()))
                    }
                    (None, Some(count)) if count < 1_000_000_000 => {
                        uses.push((code.to_owned(), count.to_string()));
                    }
                    _ => return invalid,
                }
            }
        }
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).extend(uses);
        (200, "92020000", Some(json!({})))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, SoldCode>> {
        self.by_code.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn code_in(request: &Value) -> Option<&str> {
    request["license"].as_str().filter(|code| (1..=CODE_CHARS_MAX).contains(&code.chars().count()))
}
