//! Usage that merchants push: taken as the page says, and checked afterwards, record by record, as the background job does.
//!
//! Source: zh-cn_topic_0070649410 (push, rules, codes of records), sp_topic_0000120; codes of calls: zh-cn_topic_0070649352.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::orders::{Basket, Billing};
use super::signer::usage_signature;

const RECORDS_MAX: usize = 1_000;
const AGE_MAX: TimeDelta = TimeDelta::days(21);
/// No page says how far `ts` may be off.
const TS_TOLERANCE: TimeDelta = TimeDelta::minutes(15);

/// What came in, and of what it may be.
#[derive(Default)]
pub struct UsageLedger(Mutex<State>);

struct State {
    keys: Vec<SecretString>,
    instances: HashMap<String, Metered>,
    nonces: HashSet<String>,
    pushes: Vec<Push>,
    unwanted: HashSet<String>,
    records_max: usize,
    age_max: TimeDelta,
}

impl Default for State {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            instances: HashMap::new(),
            nonces: HashSet::new(),
            pushes: Vec::new(),
            unwanted: HashSet::new(),
            records_max: RECORDS_MAX,
            age_max: AGE_MAX,
        }
    }
}

/// An instance as the marketplace bills it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    pub product_id: String,
    pub billing: Billing,
    pub opened_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
    pub standing: Standing,
}

/// What may be wrong with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Fine,
    /// Another merchant's.
    Foreign,
    /// Its product was taken from sale.
    Retired,
    /// Not in a state to be billed.
    Abnormal,
}

/// Which interface a record came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interface {
    New,
    Old,
}

/// One call that was taken.
#[derive(Debug, Clone)]
struct Push {
    interface: Interface,
    received_at: DateTime<Utc>,
    body: Vec<u8>,
    records: Vec<Value>,
}

/// A record with the verdict of the check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedUsage {
    pub interface: Interface,
    pub record: Value,
    pub received_at: DateTime<Utc>,
    /// The record's status code; none when it counts.
    pub code: Option<&'static str>,
}

impl CheckedUsage {
    /// A member of the record; empty when it is not there or no text.
    pub fn text(&self, name: &str) -> &str {
        text(&self.record, name)
    }
}

/// A status and an `error_code`.
pub type UsageReply = (u16, &'static str);

impl UsageLedger {
    /// One more key that signs the new push.
    pub fn accept_key(&self, key: SecretString) {
        self.lock().keys.push(key);
    }

    /// An instance was opened, unless it is known already.
    pub fn opened(&self, instance_id: &str, basket: &Basket, opened_at: DateTime<Utc>) {
        let metered = Metered {
            product_id: basket.product_id.clone(),
            billing: basket.billing,
            opened_at,
            closed_at: None,
            standing: Standing::Fine,
        };
        self.lock().instances.entry(instance_id.to_owned()).or_insert(metered);
    }

    /// An instance was closed.
    pub fn closed(&self, instance_id: &str, at: DateTime<Utc>) {
        if let Some(instance) = self.lock().instances.get_mut(instance_id) {
            instance.closed_at.get_or_insert(at);
        }
    }

    /// Something is wrong with an instance.
    pub fn stands(&self, instance_id: &str, standing: Standing) {
        if let Some(instance) = self.lock().instances.get_mut(instance_id) {
            instance.standing = standing;
        }
    }

    /// Refuses every call that names this instance, as one that it does not find, or no longer.
    pub fn finds(&self, instance_id: &str, is_found: bool) {
        let mut state = self.lock();
        if is_found {
            state.unwanted.remove(instance_id);
        } else {
            state.unwanted.insert(instance_id.to_owned());
        }
    }

    /// Takes at most so many records in one call from now on.
    pub fn takes_at_most(&self, records: usize) {
        self.lock().records_max = records;
    }

    /// Takes nothing that began longer ago than this from now on.
    pub fn takes_no_older_than(&self, age: TimeDelta) {
        self.lock().age_max = age;
    }

    /// The bodies of the calls that were taken, in order.
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        self.lock().pushes.iter().map(|push| push.body.clone()).collect()
    }

    /// The new push, after its AK/SK signature was checked.
    pub fn take_new(&self, headers: &HeaderMap, body: &[u8], now: DateTime<Utc>) -> UsageReply {
        let mut state = self.lock();
        let Ok(read) = serde_json::from_slice::<Value>(body) else { return (400, "MKT.0199") };
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (signature, ts, nonce) = (header("signature"), header("ts"), header("nonce"));
        let fits = |text: &str, limit: usize| (1..=limit).contains(&text.len());
        if !fits(signature, 1_000) || !fits(ts, 20) || !fits(nonce, 64) {
            return (400, "MKT.0101");
        }
        let sent_at = ts.parse().ok().and_then(DateTime::from_timestamp_millis);
        if sent_at.is_none_or(|sent_at| (sent_at - now).abs() > TS_TOLERANCE) {
            return (400, "MKT.0102");
        }
        // "Signed after natural sorting": of the sorted, compact form, whatever was sent.
        let sorted = read.to_string();
        let is_signed = state
            .keys
            .iter()
            .any(|key| usage_signature(key.expose_secret(), ts, nonce, &sorted) == signature);
        if !is_signed || !state.nonces.insert(nonce.to_owned()) {
            return (400, "MKT.0102");
        }
        state.take(Interface::New, &read, body, now)
    }

    /// The old push, after its AK/SK signature was checked.
    pub fn take_old(&self, body: &[u8], now: DateTime<Utc>) -> UsageReply {
        match serde_json::from_slice::<Value>(body) {
            Ok(read) => self.lock().take(Interface::Old, &read, body, now),
            Err(_) => (400, "MKT.0199"),
        }
    }

    /// Every record that was taken, with what the check says of it.
    pub fn checked(&self) -> Vec<CheckedUsage> {
        let state = self.lock();
        let mut seen = Seen::default();
        let mut checked = Vec::new();
        for push in &state.pushes {
            for record in &push.records {
                let verdict = judge(&state.instances, push, record, &mut seen);
                checked.push(CheckedUsage {
                    interface: push.interface,
                    record: record.clone(),
                    received_at: push.received_at,
                    code: verdict.err(),
                });
            }
        }
        checked
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bad records are not refused here: only too many, or one that is too old.
    fn take(&mut self, interface: Interface, read: &Value, body: &[u8], now: DateTime<Utc>) -> UsageReply {
        let Some(records) = read.get("usage_records").and_then(Value::as_array) else {
            return (400, "MKT.0101");
        };
        if records.is_empty() || records.iter().any(|record| !record.is_object()) {
            return (500, "MKT.9002");
        }
        if records.len() > self.records_max {
            return (500, "MKT.9003");
        }
        if records.iter().any(|record| self.unwanted.contains(text(record, "instance_id"))) {
            return (500, "MKT.9001");
        }
        let oldest = records.iter().filter_map(|record| instant(text(record, "begin_time"))).min();
        if oldest.is_some_and(|oldest| now - oldest > self.age_max) {
            return (500, "MKT.9004");
        }
        let (records, body) = (records.clone(), body.to_vec());
        self.pushes.push(Push { interface, received_at: now, body, records });
        (200, "MKT.0000")
    }
}

/// What the check has counted so far.
#[derive(Default)]
struct Seen {
    names: HashSet<String>,
    intervals: HashSet<(String, String, String)>,
}

/// In the order of the codes, but for duplicates: only what is right in itself can be one.
fn judge(
    instances: &HashMap<String, Metered>,
    push: &Push,
    record: &Value,
    seen: &mut Seen,
) -> Result<(), &'static str> {
    let id = text(record, "instance_id");
    let instance = instances.get(id).ok_or("001")?;
    let times = ["begin_time", "end_time", "record_time"].map(|name| instant(text(record, name)));
    let [Some(begin), Some(end), Some(recorded)] = times else { return Err("002") };
    if !is_value(text(record, "usage_value")) {
        return Err("003");
    }
    let name = text(record, "metering_sn");
    match push.interface {
        Interface::New if !(1..=64).contains(&name.chars().count()) => return Err("004"),
        Interface::Old if text(record, "product_id") != instance.product_id => return Err("001"),
        Interface::New | Interface::Old => {}
    }
    match instance.standing {
        Standing::Fine => {}
        Standing::Foreign => return Err("009"),
        Standing::Retired => return Err("006"),
        Standing::Abnormal => return Err("013"),
    }
    if push.received_at - begin > AGE_MAX {
        return Err("007");
    }
    let is_closed = instance.closed_at.is_some_and(|closed_at| end > closed_at);
    if begin < instance.opened_at || begin > end || end > recorded || end > push.received_at || is_closed {
        return Err("011");
    }
    if instance.billing != Billing::OnDemand {
        return Err("012");
    }
    if push.interface == Interface::New && !seen.names.insert(name.to_owned()) {
        return Err("005");
    }
    let interval =
        (id.to_owned(), text(record, "begin_time").to_owned(), text(record, "end_time").to_owned());
    if seen.intervals.insert(interval) { Ok(()) } else { Err("010") }
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `yyyyMMdd'T'HHmmss'Z'`, nothing else.
fn instant(text: &str) -> Option<DateTime<Utc>> {
    let read = NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
    (text.len() == "20220809T091000Z".len()).then(|| read.and_utc())
}

/// Greater than 0, `Double(12,4)`.
fn is_value(text: &str) -> bool {
    let (units, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits(units, 8) && digits(decimals, 4) && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte))
}

#[cfg(test)]
mod tests;
