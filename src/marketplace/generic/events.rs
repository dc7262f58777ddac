//! What each event says, in the words of the domain.

use chrono::{DateTime, Utc};

use super::envelope::Envelope;
use super::members::{ID_LIMIT_CHARS, Members, WORD_LIMIT_CHARS};
use crate::domain::{
    Charging, FOREIGN_ID_BYTES_MAX, InstanceStatus, OrderDetails, OrderKind, OrderLineDetails, OrderRef,
    PeriodUnit, PurchaseEvent, RefreshScene, Term,
};
use crate::marketplace::RefusalCause;

/// With the order id and what stands between them, it still makes an instance id.
const LINE_ID_LIMIT_CHARS: usize = 60;
const DAY_SECS: i64 = 86_400;

/// One kind of event.
pub struct EventType {
    /// The word in `type`; a label for metrics.
    pub name: &'static str,
    pub read: fn(&Envelope<'_>) -> Result<PurchaseEvent, RefusalCause>,
    /// Whether a repeat has to be known again.
    pub changes_state: bool,
    /// A shop keeps the answer: the license key in it must be the current one, also in a repeat.
    pub is_answered_as_it_stands: bool,
    /// Says nothing and changes nothing.
    pub is_test: bool,
}

const fn changing(
    name: &'static str,
    read: fn(&Envelope<'_>) -> Result<PurchaseEvent, RefusalCause>,
) -> EventType {
    EventType { name, read, changes_state: true, is_answered_as_it_stands: false, is_test: false }
}

/// Every event there is. Another type is refused: a shop that mistypes one would otherwise believe that it has sold.
pub const EVENT_TYPES: &[EventType] = &[
    EventType { is_answered_as_it_stands: true, ..changing("purchase.created", created) },
    changing("purchase.renewed", renewed),
    changing("purchase.trial_converted", trial_converted),
    changing("purchase.renewal_cancelled", renewal_cancelled),
    changing("purchase.changed", changed),
    changing("purchase.suspended", suspended),
    changing("purchase.resumed", resumed),
    changing("purchase.released", released),
    EventType { changes_state: false, ..changing("purchase.queried", queried) },
    EventType { changes_state: false, is_test: true, ..changing("test", test) },
];

fn created(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let data = event.data()?;
    let order = order(&data)?;
    let business_id = instance_id(&order)?;
    let (charging, period, ends_at) = lasting(&data, event)?;
    let line = OrderLineDetails {
        order_line_id: order.order_line_id.clone().unwrap_or_default(),
        charging,
        expires_at: None,
        ends_at,
        period,
        product_id: None,
        sku: Some(data.mandatory_word("data.sku", WORD_LIMIT_CHARS)?.to_owned()),
        quantity: data.quantity("data.quantity")?,
    };
    let details = OrderDetails {
        order_id: order.order_id.clone(),
        kind: if data.flag("data.trial")? { OrderKind::Trial } else { OrderKind::New },
        created_at: event.occurred_at,
        customer: data.word("data.customer", WORD_LIMIT_CHARS)?.map(str::to_owned),
        lines: vec![line],
        extend_params: Vec::new(),
    };
    Ok(PurchaseEvent::Bought { order, business_id, details: Some(details) })
}

type Lasting = (Charging, Option<(PeriodUnit, u32)>, Option<DateTime<Utc>>);

/// For how long. Without a word about it a purchase would be one for ever. Where both are said the end counts; the term is
/// what the license calls it.
fn lasting(data: &Members<'_>, event: &Envelope<'_>) -> Result<Lasting, RefusalCause> {
    let (term, ends_at) = (data.term("data.term")?, data.instant("data.ends_at")?);
    // What is over already cannot be sold.
    if ends_at.is_some_and(|ends_at| ends_at <= event.received_at.max(event.occurred_at)) {
        return Err(RefusalCause::ParameterMalformed("data.ends_at"));
    }
    let period = match (term, ends_at) {
        (Some(Term::Permanent), None) => return Ok((Charging::OneTime, None, None)),
        (Some(Term::Permanent), Some(_)) => return Err(RefusalCause::ParameterMalformed("data.ends_at")),
        (Some(Term::Days(count)), _) => (PeriodUnit::Day, count),
        (Some(Term::Months(count)), _) => (PeriodUnit::Month, count),
        (Some(Term::Years(count)), _) => (PeriodUnit::Year, count),
        (None, Some(ends_at)) => {
            let days = (ends_at - event.occurred_at).num_seconds() / DAY_SECS;
            (PeriodUnit::Day, u32::try_from(days).unwrap_or(u32::MAX).max(1))
        }
        (None, None) => return Err(RefusalCause::ParameterMissing("data.term")),
    };
    Ok((Charging::Period, Some(period), ends_at))
}

fn renewed(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let term = event.data()?.term("data.term")?;
    refreshed(event, RefreshScene::Renewal, term)
}

fn trial_converted(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let term = event.data()?.term("data.term")?;
    refreshed(event, RefreshScene::TrialToFormal, term)
}

fn renewal_cancelled(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    refreshed(event, RefreshScene::CancelRenewal, None)
}

/// The end is absolute; only a permanent license has none.
fn refreshed(
    event: &Envelope<'_>,
    scene: RefreshScene,
    term: Option<Term>,
) -> Result<PurchaseEvent, RefusalCause> {
    let data = event.data()?;
    let order = later_order(&data, "data.renewal_id")?;
    let ends_at = match (term, data.instant("data.ends_at")?) {
        (Some(Term::Permanent), None) => None,
        (Some(Term::Permanent), Some(_)) => return Err(RefusalCause::ParameterMalformed("data.ends_at")),
        (_, Some(ends_at)) => Some(ends_at),
        (_, None) => return Err(RefusalCause::ParameterMissing("data.ends_at")),
    };
    let instance_id = instance(&data)?;
    let (product_id, resumes) = (None, false);
    Ok(PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes })
}

/// Another SKU, or another quantity, or both; the end stays.
fn changed(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let data = event.data()?;
    let order = later_order(&data, "data.change_id")?;
    let sku = data.word("data.sku", WORD_LIMIT_CHARS)?.map(str::to_owned);
    let quantity = data.quantity("data.quantity")?;
    if sku.is_none() && quantity.is_none() {
        return Err(RefusalCause::ParameterMissing("data.sku"));
    }
    let line = OrderLineDetails {
        order_line_id: String::new(),
        charging: Charging::OneTime,
        expires_at: None,
        ends_at: None,
        period: None,
        product_id: None,
        sku,
        quantity,
    };
    let details = OrderDetails {
        order_id: order.order_id.clone(),
        kind: OrderKind::Change,
        created_at: event.occurred_at,
        customer: None,
        lines: vec![line],
        extend_params: Vec::new(),
    };
    Ok(PurchaseEvent::Changed { instance_id: instance(&data)?, order, details: Some(details) })
}

fn suspended(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = instance(&event.data()?)?;
    Ok(PurchaseEvent::StatusChanged { instance_id, status: InstanceStatus::Freeze })
}

fn resumed(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let instance_id = instance(&event.data()?)?;
    Ok(PurchaseEvent::StatusChanged { instance_id, status: InstanceStatus::Unfreeze })
}

fn released(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    Ok(PurchaseEvent::Released { instance_id: instance(&event.data()?)?, order: None })
}

fn queried(event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    Ok(PurchaseEvent::LicenseAsked { instance_id: instance(&event.data()?)? })
}

fn test(_event: &Envelope<'_>) -> Result<PurchaseEvent, RefusalCause> {
    Ok(PurchaseEvent::Queried { instance_ids: Vec::new() })
}

/// The shop's own name for what it sold.
fn order(data: &Members<'_>) -> Result<OrderRef, RefusalCause> {
    Ok(OrderRef {
        order_id: data.mandatory_word("data.order_id", ID_LIMIT_CHARS)?.to_owned(),
        order_line_id: data.word("data.line_id", LINE_ID_LIMIT_CHARS)?.map(str::to_owned),
        product_id: None,
    })
}

/// What renews or changes it. The id is mandatory: by it an event is known that comes late, a second time.
fn later_order(data: &Members<'_>, name: &'static str) -> Result<OrderRef, RefusalCause> {
    let order_id = data.mandatory_word(name, ID_LIMIT_CHARS)?.to_owned();
    Ok(OrderRef { order_id, order_line_id: None, product_id: None })
}

fn instance(data: &Members<'_>) -> Result<String, RefusalCause> {
    instance_id(&order(data)?)
}

/// Order and line in one word, so that a shop need not remember a word of ours. Two lines never share one: what
/// separates them is escaped in both.
fn instance_id(order: &OrderRef) -> Result<String, RefusalCause> {
    let escaped = |part: &str| part.replace('%', "%25").replace('#', "%23");
    let id = match &order.order_line_id {
        Some(line_id) => format!("{}#{}", escaped(&order.order_id), escaped(line_id)),
        None => escaped(&order.order_id),
    };
    if id.len() > FOREIGN_ID_BYTES_MAX {
        return Err(RefusalCause::ParameterTooLong { name: "data.order_id", limit: ID_LIMIT_CHARS });
    }
    Ok(id)
}
