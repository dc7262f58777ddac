//! The order that a V1 call carries in its query.
//!
//! Source: zh-cn_topic_0070649013 (SaaS V1), zh-cn_topic_0000001353181669 (License 1.0).

use super::body::ID_LIMIT_CHARS;
use super::extend_params;
use super::get_call::GetCall;
use super::query_parameters::days_until;
use crate::domain::{Charging, OrderDetails, OrderKind, OrderLineDetails, PurchaseEvent, RefreshScene, Term};
use crate::marketplace::RefusalCause;

const CUSTOMER_ID_LIMIT_CHARS: usize = 100;
const NAME_LIMIT_CHARS: usize = 64;
/// No page states one: room for an address of 256 characters, encrypted.
const ENCRYPTED_LIMIT_CHARS: usize = 512;
/// `amount`, `diskSize`, `bandWidth`: Integer(4) on older pages, Integer(7) on newer ones.
const QUANTITY_DIGITS: usize = 7;
const AMOUNT_LIMIT_CHARS: usize = 20;
const PROVISION_TYPE_DIGITS: usize = 2;

/// A purchase. Phone and e-mail come encrypted and only with the buyer's consent; nothing here needs them, so they
/// are dropped as they are. What was paid decides nothing.
pub fn bought(call: &GetCall<'_>) -> Result<PurchaseEvent, RefusalCause> {
    let parameters = &call.parameters;
    let mut order = parameters.order()?;
    let business_id = parameters.mandatory("businessId", ID_LIMIT_CHARS)?.to_owned();
    let customer = parameters.mandatory("customerId", CUSTOMER_ID_LIMIT_CHARS)?.to_owned();
    for name in ["customerName", "userId", "userName"] {
        parameters.optional(name, NAME_LIMIT_CHARS)?;
    }
    for name in ["mobilePhone", "email"] {
        parameters.optional(name, ENCRYPTED_LIMIT_CHARS)?;
    }
    parameters.optional("orderAmount", AMOUNT_LIMIT_CHARS)?;
    parameters.integer("provisionType", PROVISION_TYPE_DIGITS)?;
    let line = line(call)?;
    if line.charging == Charging::OnDemand {
        order.product_id = line.product_id.clone();
    }
    let details = OrderDetails {
        order_id: order.order_id.clone(),
        kind: if parameters.flag("trialFlag")? { OrderKind::Trial } else { OrderKind::New },
        created_at: call.received_at,
        customer: Some(customer),
        lines: vec![line],
        extend_params: extend_params::read(parameters)?,
    };
    Ok(PurchaseEvent::Bought { order, business_id, details: Some(details) })
}

/// What was bought. The line has no id of its own.
pub fn line(call: &GetCall<'_>) -> Result<OrderLineDetails, RefusalCause> {
    let parameters = &call.parameters;
    let charging = parameters.charging()?;
    let expires_at = parameters.time("expireTime")?;
    let period = match (charging, parameters.period()?, expires_at) {
        (Charging::Period | Charging::OnDemandPackage, None, Some(ends_at)) => {
            Some(days_until(ends_at, call.received_at))
        }
        (_, period, _) => period,
    };
    Ok(OrderLineDetails {
        order_line_id: String::new(),
        charging,
        expires_at,
        ends_at: None,
        period,
        product_id: Some(parameters.mandatory("productId", ID_LIMIT_CHARS)?.to_owned()),
        sku: parameters.optional("skuCode", ID_LIMIT_CHARS)?.map(str::to_owned),
        quantity: quantity(call)?,
    })
}

/// The first quantity attribute that is said.
fn quantity(call: &GetCall<'_>) -> Result<Option<u32>, RefusalCause> {
    let mut quantity = None;
    for name in ["amount", "diskSize", "bandWidth"] {
        quantity = quantity.or(call.parameters.integer(name, QUANTITY_DIGITS)?);
    }
    Ok(quantity)
}

/// A later order. V1 sends no call that unfreezes a period product: its renewal does.
pub fn refreshed(call: &GetCall<'_>, scene: RefreshScene) -> Result<PurchaseEvent, RefusalCause> {
    let parameters = &call.parameters;
    let order = parameters.order()?;
    let instance_id = parameters.instance_id()?;
    let product_id = parameters.optional("productId", ID_LIMIT_CHARS)?.map(str::to_owned);
    let ends_at = parameters.time("expireTime")?.ok_or(RefusalCause::ParameterMissing("expireTime"))?;
    let term = parameters.period()?.map(|(unit, count)| Term::of_period(unit, count));
    parameters.optional("orderAmount", AMOUNT_LIMIT_CHARS)?;
    let resumes = scene != RefreshScene::CancelRenewal;
    let ends_at = Some(ends_at);
    Ok(PurchaseEvent::Refreshed { instance_id, order, scene, ends_at, product_id, term, resumes })
}
