//! Orders that the sandbox has sold, and the documented `MOCK…` ones that every merchant may ask for.
//!
//! Source: zh-cn_topic_0070649466, saascenter_usermanual_0113 (mock orders).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Days, Duration, Months, NaiveTime, Utc};
use serde_json::{Value, json};

/// A term as sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Days(u32),
    Months(u32),
    Years(u32),
}

impl Period {
    /// `start` plus this period, rounded up to the end of the day in Beijing (15:59:59 UTC) as the marketplace does.
    pub fn end_after(self, start: DateTime<Utc>) -> DateTime<Utc> {
        let exact = match self {
            Self::Days(days) => start.checked_add_days(Days::new(days.into())),
            Self::Months(months) => start.checked_add_months(Months::new(months)),
            Self::Years(years) => start.checked_add_months(Months::new(years.saturating_mul(12))),
        };
        end_of_day_in_beijing(exact.unwrap_or(DateTime::<Utc>::MAX_UTC - Duration::days(2)))
    }

    fn wire(self) -> (&'static str, u32) {
        match self {
            Self::Days(number) => ("day", number),
            Self::Months(number) => ("month", number),
            Self::Years(number) => ("year", number),
        }
    }
}

fn end_of_day_in_beijing(instant: DateTime<Utc>) -> DateTime<Utc> {
    let end = NaiveTime::from_hms_opt(15, 59, 59).unwrap_or(NaiveTime::MIN);
    let same_day = instant.date_naive().and_time(end).and_utc();
    if same_day >= instant { same_day } else { same_day + Duration::days(1) }
}

/// How an order is charged; only periods end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billing {
    OnDemand,
    OneTime,
    Period(Period),
    OnDemandPackage,
}

impl Billing {
    fn wire(self) -> &'static str {
        match self {
            Self::OnDemand => "ON_DEMAND",
            Self::OneTime => "ONE_TIME",
            Self::Period(_) => "PERIOD",
            Self::OnDemandPackage => "ON_DEMAND_PKG",
        }
    }
}

/// What made the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderReason {
    New,
    Trial,
    TrialToFormal,
    Unsubscribe,
    Renew,
    Change,
}

impl OrderReason {
    fn wire(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Trial => "TRIAL",
            Self::TrialToFormal => "TRIAL_TO_FORMAL",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Renew => "RENEW",
            Self::Change => "CHANGE",
        }
    }
}

/// What a buyer puts into the basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    pub sku: String,
    /// Differs per kind of period under one SKU.
    pub product_id: String,
    pub billing: Billing,
    pub quantity: Option<u32>,
    /// A trial order.
    pub trial: bool,
    pub customer_id: Option<String>,
}

impl Basket {
    /// One order of a SKU: a product id made from it, no quantity, no trial, a mock buyer.
    pub fn of(sku: &str, billing: Billing) -> Self {
        Self {
            sku: sku.to_owned(),
            product_id: format!("OFFI-{sku}"),
            billing,
            quantity: None,
            trial: false,
            customer_id: Some("68cbc86abc2018ab880d92f36422fa0e".to_owned()),
        }
    }
}

/// One order with one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MockOrder {
    pub order_id: String,
    pub order_line_id: String,
    pub reason: OrderReason,
    pub created_at: DateTime<Utc>,
    /// The order's own estimate of its end; absent for everything but periods.
    pub expires_at: Option<DateTime<Utc>>,
    pub basket: Basket,
}

impl MockOrder {
    /// An order placed at `created_at`, ending as the marketplace would compute it.
    pub fn new(order_id: &str, reason: OrderReason, created_at: DateTime<Utc>, basket: Basket) -> Self {
        let expires_at = match basket.billing {
            Billing::Period(period) => Some(period.end_after(created_at)),
            Billing::OnDemand | Billing::OneTime | Billing::OnDemandPackage => None,
        };
        let order_line_id = line_id(order_id);
        Self { order_id: order_id.to_owned(), order_line_id, reason, created_at, expires_at, basket }
    }

    /// `orderInfo` as the order query answers it.
    pub fn wire(&self) -> Value {
        let mut line = json!({
            "orderLineId": self.order_line_id,
            "chargingMode": self.basket.billing.wire(),
            "productInfo": [self.product()],
            "extendParams": [],
        });
        if let Billing::Period(period) = self.basket.billing {
            let (unit, number) = period.wire();
            line["periodType"] = json!(unit);
            line["periodNumber"] = json!(number);
        }
        if let Some(end) = self.expires_at {
            line["expireTime"] = json!(digits(end));
        }
        let mut order = json!({
            "orderId": self.order_id,
            "orderType": self.reason.wire(),
            "createTime": digits(self.created_at),
            "orderLine": [line],
        });
        if let Some(customer) = &self.basket.customer_id {
            order["buyerInfo"] = json!({ "customerId": customer, "customerName": "mock-buyer" });
        }
        order
    }

    fn product(&self) -> Value {
        let Basket { sku, product_id, quantity, .. } = &self.basket;
        let mut product = json!({ "productId": product_id, "skuCode": sku, "productName": sku });
        if let Some(quantity) = quantity {
            product["linearValue"] = json!(quantity);
        }
        product
    }
}

/// `yyyyMMddHHmmss`, UTC.
pub fn digits(instant: DateTime<Utc>) -> String {
    instant.format("%Y%m%d%H%M%S").to_string()
}

/// The id of an order's only line.
pub fn line_id(order_id: &str) -> String {
    format!("{order_id}-000001")
}

/// Every order sold since the start.
#[derive(Debug, Default)]
pub struct Orders {
    by_id: Mutex<HashMap<String, MockOrder>>,
}

impl Orders {
    pub fn register(&self, order: MockOrder) {
        self.lock().insert(order.order_id.clone(), order);
    }

    /// An order that was sold, or a documented mock order as if it had just been placed.
    pub fn find(&self, order_id: &str, now: DateTime<Utc>) -> Option<MockOrder> {
        self.lock().get(order_id).cloned().or_else(|| documented(order_id, now))
    }

    /// Every order that was sold, the oldest first.
    pub fn all(&self) -> Vec<MockOrder> {
        let mut all: Vec<MockOrder> = self.lock().values().cloned().collect();
        all.sort_by(|one, other| (one.created_at, &one.order_id).cmp(&(other.created_at, &other.order_id)));
        all
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, MockOrder>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids that the page lists for debugging, misspellings included.
fn documented(order_id: &str, now: DateTime<Utc>) -> Option<MockOrder> {
    let (reason, billing) = match order_id {
        "MOCKPERIODYEARNEW" => (OrderReason::New, Billing::Period(Period::Years(1))),
        "MOCKONETIMENEW" => (OrderReason::New, Billing::OneTime),
        "MOCKONDEMAND" => (OrderReason::New, Billing::OnDemand),
        "MOCKONDEMANDPKG" => (OrderReason::New, Billing::OnDemandPackage),
        "MOCKPERIODDAYTRIAL" => (OrderReason::Trial, Billing::Period(Period::Days(7))),
        "MOCKMONTYTRIALTOFORMAL" => (OrderReason::TrialToFormal, Billing::Period(Period::Months(1))),
        "MOCKMONTYUNSUBSCRIBE" => (OrderReason::Unsubscribe, Billing::Period(Period::Months(1))),
        "MOCKMONTYRENEW" => (OrderReason::Renew, Billing::Period(Period::Months(1))),
        "MOCKMONTYCHANGE" => (OrderReason::Change, Billing::Period(Period::Months(1))),
        _ => return None,
    };
    let trial = reason == OrderReason::Trial;
    let basket = Basket { quantity: Some(10), trial, ..Basket::of("MOCKSKU", billing) };
    Some(MockOrder::new(order_id, reason, now, basket))
}
