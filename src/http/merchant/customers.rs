//! Personal data of customers: what is kept of one, and its erasure.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::application::record::KitRecord;
use crate::application::{
    ERASED_MAX, EraseCustomers, HeldOfCustomer, LicenseOrPurchase, customer_digest, order_id_shown,
};
use crate::domain::{Activation, CustomerDigest, CustomerId, LicenseId, Origin, Scope};
use crate::http::access::Caller;
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::openapi::forms::{ActivationIdForm, DigestForm, InstantForm, LicenseIdForm};
use crate::http::openapi::parameters::Cursor;
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, instant, ok};
use crate::http::state::HttpState;

const CURSOR_RULE: &str = "a cursor is the next_cursor of the page before";
const ERASURES_PAGE: usize = 200;

#[derive(Deserialize, ToSchema)]
#[schema(as = CustomerErase)]
#[serde(deny_unknown_fields)]
struct EraseRequest {
    #[schema(value_type = Option<LicenseIdForm>)]
    cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ErasureList)]
#[serde(deny_unknown_fields)]
struct EraseListedRequest {
    /// As `GET /v1/merchant/erasures` shows them.
    #[schema(value_type = Vec<DigestForm>, min_items = 1, max_items = 200)]
    customers: Vec<String>,
    #[schema(value_type = Option<LicenseIdForm>)]
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Erased)]
struct ErasedAnswer {
    licenses: usize,
    machines: usize,
    kit_records: usize,
    /// Null when everything was looked at; else the same again with this cursor.
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Erasure)]
struct ErasureAnswer {
    customer_digest: String,
    pseudonym: String,
    #[schema(value_type = InstantForm)]
    at: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HeldOfCustomer)]
struct HeldAnswer {
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
    customer: Option<String>,
    label: Option<String>,
    order_id: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    ordered_at: Option<String>,
    memo: Option<String>,
    checkout_answers: Vec<CheckoutAnswer>,
    machines: Vec<MachineAnswer>,
    told_by_marketplace: Vec<KitAnswer>,
}

#[derive(Serialize, ToSchema)]
struct CheckoutAnswer {
    name: String,
    value: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HeldMachine)]
struct MachineAnswer {
    #[schema(value_type = ActivationIdForm)]
    activation_id: String,
    name: String,
    #[schema(value_type = InstantForm)]
    since: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KitRecord)]
struct KitAnswer {
    of: &'static str,
    id: Vec<String>,
    /// As received.
    text: String,
    #[schema(value_type = InstantForm)]
    received_at: String,
}

/// What is kept of a customer.
#[utoipa::path(
    get, path = "/v1/merchant/customers/{customer}",
    params(("customer" = String, Path), Cursor),
    responses((status = 200, body = Page<HeldAnswer>)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(customer): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let parameters = Parameters::read(&parts.uri, &["cursor"])?;
    let before = parameters.get("cursor", CURSOR_RULE, |text| LicenseId::parse(text).ok())?;
    let (held, next) = state.app.view_customer(&caller.merchant, &customer, before).await?;
    let items = held.into_iter().map(HeldAnswer::of).collect();
    ok(&Page { items, next_cursor: next.map(|id| id.to_string()) })
}

/// Erases the personal data of a customer.
#[utoipa::path(
    post, path = "/v1/merchant/customers/{customer}/erase",
    params(("customer" = String, Path)),
    request_body = Option<EraseRequest>,
    responses((status = 200, body = ErasedAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn erase(
    State(state): State<HttpState>,
    PathOf(customer): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let request: EraseRequest = body::parse_or_empty(&body)?;
    let customer = CustomerId::parse(&customer).map_err(|error| ApiError::invalid("", error.to_string()))?;
    if customer.is_pseudonym() {
        return Err(ApiError::invalid("", "this customer's personal data was erased already"));
    }
    let customers = [customer_digest(&caller.merchant, customer.as_str())];
    erased(&state, &caller, &customers, request.cursor.as_deref()).await
}

/// Erases again, by the list of an earlier time.
#[utoipa::path(
    post, path = "/v1/merchant/erasures",
    request_body = EraseListedRequest,
    responses((status = 200, body = ErasedAnswer)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn erase_listed(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let request: EraseListedRequest = body::parse(&body)?;
    if request.customers.is_empty() || request.customers.len() > ERASED_MAX {
        let why = format!("a request names 1 to {ERASED_MAX} customers: send more of them");
        return Err(ApiError::invalid("/customers", why));
    }
    let read = |(place, text): (usize, &String)| {
        digest(text).ok_or_else(|| {
            ApiError::invalid(&format!("/customers/{place}"), "this is no customer_digest of an erasure")
        })
    };
    let customers = request.customers.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    erased(&state, &caller, &customers, request.cursor.as_deref()).await
}

/// Whose personal data was erased.
#[utoipa::path(
    get, path = "/v1/merchant/erasures",
    params(Cursor),
    responses((status = 200, body = Page<ErasureAnswer>)),
    security(("token" = [Scope::Admin.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Admin).await?;
    let parameters = Parameters::read(&parts.uri, &["cursor"])?;
    let after = parameters.get("cursor", CURSOR_RULE, digest)?;
    let found = state.app.erasures(&caller.merchant, after, ERASURES_PAGE).await?;
    let next = found.last().filter(|_| found.len() == ERASURES_PAGE).map(|last| shown(&last.customer));
    let items = found.iter().map(|erasure| ErasureAnswer {
        customer_digest: shown(&erasure.customer),
        pseudonym: erasure.pseudonym.to_string(),
        at: instant(erasure.at),
    });
    ok(&Page { items: items.collect(), next_cursor: next })
}

async fn erased(
    state: &HttpState,
    caller: &Caller,
    customers: &[CustomerDigest],
    cursor: Option<&str>,
) -> Reply {
    let before = cursor.map(LicenseId::parse).transpose();
    let before = before.map_err(|_| ApiError::invalid("/cursor", CURSOR_RULE))?;
    let actor = caller.actor();
    let erase = EraseCustomers { merchant: &caller.merchant, customers, actor: &actor };
    let (erased, next) = state.app.erase_customers(&erase, before).await?;
    ok(&ErasedAnswer {
        licenses: erased.licenses,
        machines: erased.machines,
        kit_records: erased.kit_records,
        next_cursor: next.map(|id| id.to_string()),
    })
}

fn digest(text: &str) -> Option<CustomerDigest> {
    CustomerDigest::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn shown(customer: &CustomerDigest) -> String {
    URL_SAFE_NO_PAD.encode(customer)
}

/// Everything that is kept of a customer as one JSON text; where it is cut off, the next page's cursor.
pub fn exported(held: Vec<HeldOfCustomer>, next: Option<&LicenseId>) -> String {
    let items: Vec<HeldAnswer> = held.into_iter().map(HeldAnswer::of).collect();
    let page = Page { items, next_cursor: next.map(ToString::to_string) };
    serde_json::to_string_pretty(&page).expect("an answer is written as JSON")
}

impl HeldAnswer {
    fn of(held: HeldOfCustomer) -> Self {
        let facts = held.purchase.as_ref().and_then(|purchase| purchase.facts.as_ref());
        let answers = facts.into_iter().flat_map(|facts| &facts.extend_params);
        let (label, order_id) = match &held.entry {
            LicenseOrPurchase::License(license) => {
                let order = match &license.value.origin {
                    Origin::Order { key, instance, .. } => Some(order_id_shown(key, instance)),
                    Origin::Issued { .. } => None,
                };
                (Some(license.value.label.clone()), order)
            }
            LicenseOrPurchase::Purchase(purchase) => {
                (None, Some(order_id_shown(&purchase.value.key, &purchase.value.instance)))
            }
        };
        Self {
            license_id: held.entry.id().to_string(),
            customer: held.entry.customer().map(ToString::to_string),
            label,
            order_id,
            ordered_at: facts.map(|facts| instant(facts.ordered_at)),
            memo: held.memo,
            checkout_answers: answers
                .map(|(name, value)| CheckoutAnswer { name: name.clone(), value: value.clone() })
                .collect(),
            machines: held.activations.iter().map(MachineAnswer::of).collect(),
            told_by_marketplace: held.kit.iter().map(KitAnswer::of).collect(),
        }
    }
}

impl MachineAnswer {
    fn of(activation: &Activation) -> Self {
        let (activation_id, name) = (activation.id.to_string(), activation.name.clone());
        Self { activation_id, name, since: instant(activation.created_at) }
    }
}

impl KitAnswer {
    fn of(record: &KitRecord) -> Self {
        let (of, id, text) = (record.interface.as_str(), record.id.clone(), record.body.clone());
        Self { of, id, text, received_at: instant(record.received_at) }
    }
}
