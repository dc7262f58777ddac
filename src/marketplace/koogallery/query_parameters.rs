//! The parameters of a call by GET: presence, length and form as the pages state them.

use chrono::{DateTime, TimeDelta, Utc};

use super::body::ID_LIMIT_CHARS;
use super::query::Query;
use super::time;
use crate::domain::{Charging, OrderRef, PeriodUnit};
use crate::marketplace::RefusalCause;

const TIME_LIMIT_CHARS: usize = 20;
const PERIOD_TYPE_LIMIT_CHARS: usize = 10;
/// `periodNumber`: Integer(2).
const PERIOD_NUMBER_DIGITS: usize = 2;
const DAY_SECS: i64 = 86_400;

/// The parameters of a verified query. Those that no page names are ignored; an empty one counts as absent.
pub struct QueryParameters<'a>(pub &'a Query);

impl<'a> QueryParameters<'a> {
    /// A text that must be there.
    pub fn mandatory(&self, name: &'static str, limit: usize) -> Result<&'a str, RefusalCause> {
        self.optional(name, limit)?.ok_or(RefusalCause::ParameterMissing(name))
    }

    /// A text that may be absent. Ids become keys of records and parts of log lines: no control characters.
    pub fn optional(&self, name: &'static str, limit: usize) -> Result<Option<&'a str>, RefusalCause> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        if text.chars().count() > limit {
            return Err(RefusalCause::ParameterTooLong { name, limit });
        }
        if text.chars().any(char::is_control) {
            return Err(RefusalCause::ParameterMalformed(name));
        }
        Ok(Some(text))
    }

    /// A whole number of at most `digits` digits.
    pub fn integer(&self, name: &'static str, digits: usize) -> Result<Option<u32>, RefusalCause> {
        let Some(text) = self.optional(name, digits)? else { return Ok(None) };
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.map(Some).ok_or(RefusalCause::ParameterMalformed(name))
    }

    /// 14 or 17 digits, UTC.
    pub fn time(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, RefusalCause> {
        let Some(text) = self.optional(name, TIME_LIMIT_CHARS)? else { return Ok(None) };
        time::parse(text).map(Some).ok_or(RefusalCause::ParameterMalformed(name))
    }

    /// Absent, `0` or `1`.
    pub fn flag(&self, name: &'static str) -> Result<bool, RefusalCause> {
        match self.0.get(name) {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(RefusalCause::ParameterMalformed(name)),
        }
    }

    /// Whether the marketplace probes.
    pub fn test_flag(&self) -> Result<bool, RefusalCause> {
        self.flag("testFlag")
    }

    pub fn instance_id(&self) -> Result<String, RefusalCause> {
        self.mandatory("instanceId", ID_LIMIT_CHARS).map(str::to_owned)
    }

    /// V1 has no line ids.
    pub fn order(&self) -> Result<OrderRef, RefusalCause> {
        let order_id = self.mandatory("orderId", ID_LIMIT_CHARS)?.to_owned();
        Ok(OrderRef { order_id, order_line_id: None, product_id: None })
    }

    /// `periodType` with `periodNumber`, which is 1 when it is not said.
    pub fn period(&self) -> Result<Option<(PeriodUnit, u32)>, RefusalCause> {
        let number = self.integer("periodNumber", PERIOD_NUMBER_DIGITS)?;
        let unit = match self.optional("periodType", PERIOD_TYPE_LIMIT_CHARS)? {
            None => return Ok(None),
            Some("year") => PeriodUnit::Year,
            Some("month") => PeriodUnit::Month,
            Some("day") => PeriodUnit::Day,
            Some(_) => return Err(RefusalCause::ParameterMalformed("periodType")),
        };
        Ok(Some((unit, number.unwrap_or(1).max(1))))
    }

    /// `chargingMode`; where it is not said, an order with a period or an end is a period order.
    pub fn charging(&self) -> Result<Charging, RefusalCause> {
        let lasts = self.0.get("periodType").is_some() || self.0.get("expireTime").is_some();
        match self.0.get("chargingMode") {
            None if lasts => Ok(Charging::Period),
            None | Some("3") => Ok(Charging::OneTime),
            Some("0") => Ok(Charging::OnDemand),
            Some("1") => Ok(Charging::Period),
            Some("5") => Ok(Charging::OnDemandPackage),
            Some(_) => Err(RefusalCause::ParameterMalformed("chargingMode")),
        }
    }
}

/// The term of an order that says only its end, such as a trial: the whole days until then, so that the end lies
/// within the rounding that is the marketplace's to make.
pub fn days_until(ends_at: DateTime<Utc>, ordered_at: DateTime<Utc>) -> (PeriodUnit, u32) {
    let days = (ends_at - ordered_at).max(TimeDelta::zero()).num_seconds() / DAY_SECS;
    (PeriodUnit::Day, u32::try_from(days).unwrap_or(u32::MAX).max(1))
}
