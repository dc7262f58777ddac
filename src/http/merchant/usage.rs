//! Usage of pay-per-use instances: recorded for the marketplace, listed.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use chrono::DateTime;
use license_token::base64url;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::licenses;
use crate::application::{
    RecordUsage, RecordUsageFault, USAGE_ITEMS_MAX, UsageFilter, UsageItem, UsageItemMistake, UsageOf,
};
use crate::domain::{
    Amount, InstanceId, LicenseId, Marketplace, MerchantId, MeteringSn, Reading, Scope, UsageKey,
    UsageRecord, UsageState,
};
use crate::http::body;
use crate::http::conditional::idempotency;
use crate::http::error::{ApiError, ItemMistake};
use crate::http::openapi::forms::{
    AmountForm, AmountInputForm, ForeignIdForm, InstantForm, LicenseIdForm, MeteringSnForm, SlugForm,
    UsageStateForm,
};
use crate::http::openapi::parameters::{Cursor, IdempotencyKey, Limit};
use crate::http::query::Parameters;
use crate::http::reply::{Page, Reply, amount, instant, ok};
use crate::http::state::HttpState;

/// Longest body: a thousand records with the longest ids there are.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

#[derive(Deserialize, ToSchema)]
#[schema(as = UsageRecords)]
#[serde(deny_unknown_fields)]
struct RecordRequest {
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<ItemRequest>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = UsageRecordItem)]
#[serde(deny_unknown_fields)]
struct ItemRequest {
    #[schema(value_type = Option<ForeignIdForm>)]
    instance_id: Option<String>,
    #[schema(value_type = Option<LicenseIdForm>)]
    license_id: Option<String>,
    #[schema(value_type = InstantForm)]
    begin: String,
    #[schema(value_type = InstantForm)]
    end: String,
    /// A number or a text; read from its own digits, never through a float.
    #[schema(value_type = AmountInputForm)]
    value: Box<RawValue>,
    #[schema(value_type = Option<ForeignIdForm>)]
    package_instance_id: Option<String>,
    #[schema(value_type = Option<MeteringSnForm>)]
    metering_sn: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsageRecorded)]
struct RecordedAnswer<'a> {
    items: Vec<UsageAnswer<'a>>,
    recorded: usize,
    repeated: usize,
}

/// Members as documented; null where nothing applies.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageRecord)]
struct UsageAnswer<'a> {
    metering_sn: &'a str,
    instance_id: &'a str,
    #[schema(value_type = LicenseIdForm)]
    license_id: &'a str,
    #[schema(value_type = SlugForm)]
    channel: &'a str,
    #[schema(value_type = InstantForm)]
    begin: String,
    #[schema(value_type = InstantForm)]
    end: String,
    #[schema(value_type = AmountForm)]
    value: Box<RawValue>,
    package_instance_id: Option<&'a str>,
    #[schema(value_type = UsageStateForm)]
    state: &'static str,
    #[schema(value_type = InstantForm)]
    recorded_at: String,
    #[schema(value_type = InstantForm)]
    due_at: String,
    #[schema(value_type = Option<InstantForm>)]
    pushed_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    dropped_at: Option<String>,
    reason: Option<&'a str>,
}

impl<'a> UsageAnswer<'a> {
    fn of(record: &'a UsageRecord) -> Self {
        let (pushed_at, dropped_at, reason) = match &record.state {
            UsageState::Waiting => (None, None, None),
            UsageState::Pushed { at } => (Some(instant(*at)), None, None),
            UsageState::Dropped { at, why } => (None, Some(instant(*at)), Some(why.as_str())),
        };
        Self {
            metering_sn: record.metering_sn.as_str(),
            instance_id: record.key.instance.as_str(),
            license_id: record.license.as_str(),
            channel: record.channel.as_str(),
            begin: instant(record.key.begin),
            end: instant(record.key.end),
            value: amount(record.value),
            package_instance_id: record.package.as_ref().map(InstanceId::as_str),
            state: record.state.as_str(),
            recorded_at: instant(record.recorded_at),
            due_at: instant(record.due_at),
            pushed_at,
            dropped_at,
            reason,
        }
    }
}

/// Usage of pay-per-use instances, for the marketplace.
#[utoipa::path(
    post, path = "/v1/merchant/usage-records",
    params(IdempotencyKey),
    request_body = RecordRequest,
    responses((status = 200, body = RecordedAnswer<'_>)),
    security(("token" = [Scope::Usage.as_str()])),
)]
pub async fn record(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Usage).await?;
    let request: RecordRequest = body::parse(&body)?;
    let order = RecordUsage {
        merchant: caller.merchant.clone(),
        items: items(request.items)?,
        idempotency: idempotency(&parts.headers, &caller.token, (&parts.method, &parts.uri), &body)?,
    };
    let recorded = state.app.record_usage(&order).await?;
    let items: Vec<_> = recorded.records.iter().map(UsageAnswer::of).collect();
    let repeated = items.len() - recorded.new;
    ok(&RecordedAnswer { items, recorded: recorded.new, repeated })
}

/// Recorded usage, newest first.
#[utoipa::path(
    get, path = "/v1/merchant/usage-records",
    params(("instance_id" = Option<ForeignIdForm>, Query), ("state" = Option<UsageStateForm>, Query), Limit, Cursor),
    responses((status = 200, body = Page<UsageAnswer<'_>>)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn list(State(state): State<HttpState>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["instance_id", "state", "limit", "cursor"])?;
    let limit = parameters.get("limit", "a limit is a number from 1 to 200", |text| {
        text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
    })?;
    let before = parameters.get("cursor", "a cursor is the next_cursor of the page before", |text| {
        read_cursor(&caller.merchant, text)
    })?;
    let is_state = |text: &str| UsageState::NAMES.contains(&text).then(|| text.to_owned());
    let filter = UsageFilter {
        instance: parameters.get(
            "instance_id",
            "an instance id is 1 to 128 visible ASCII characters",
            |text| InstanceId::parse(text).ok(),
        )?,
        state: parameters.get("state", "a state is waiting, pushed or dropped", is_state)?,
    };
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let (records, next) = state.app.view_usage(&caller.merchant, &filter, before, limit).await?;
    let items = records.iter().map(UsageAnswer::of).collect();
    ok(&Page { items, next_cursor: next.map(|key| cursor_text(&key)) })
}

/// Every item, or every mistake in the form of one.
fn items(requests: Vec<ItemRequest>) -> Result<Vec<UsageItem>, ApiError> {
    if requests.is_empty() || requests.len() > USAGE_ITEMS_MAX {
        return Err(ApiError::invalid("/items", format!("a request has 1 to {USAGE_ITEMS_MAX} items")));
    }
    let (mut items, mut mistakes) = (Vec::with_capacity(requests.len()), Vec::new());
    for (index, request) in requests.into_iter().enumerate() {
        let mut wrong = |member: &str, why: &str| mistakes.push(mistake(index, member, why));
        items.extend(item(request, &mut wrong));
    }
    if mistakes.is_empty() { Ok(items) } else { Err(ApiError::ItemMistakes(mistakes)) }
}

/// Tells every mistake; nothing comes back when there was one.
fn item(request: ItemRequest, wrong: &mut impl FnMut(&str, &str)) -> Option<UsageItem> {
    let of = match (&request.instance_id, &request.license_id) {
        (Some(id), None) => {
            let of = InstanceId::parse(id).ok().map(UsageOf::Instance);
            or_wrong(of, wrong, "instance_id", "an instance id is 1 to 128 visible ASCII characters")
        }
        (None, Some(id)) => {
            let of = LicenseId::parse(id).ok().map(UsageOf::License);
            or_wrong(of, wrong, "license_id", "there is no such license")
        }
        (Some(_), Some(_)) => {
            or_wrong(None, wrong, "license_id", "name the instance or the license, not both")
        }
        (None, None) => {
            or_wrong(None, wrong, "instance_id", "name the instance by instance_id or license_id")
        }
    };
    let begin = licenses::read_instant(&request.begin).map_err(|why| wrong("begin", why)).ok();
    let end = licenses::read_instant(&request.end).map_err(|why| wrong("end", why)).ok();
    let value = Amount::parse(request.value.get().trim_matches('"'));
    let value = value.map_err(|error| wrong("value", &error.to_string())).ok();
    let package = match request.package_instance_id.as_deref().map(InstanceId::parse) {
        None => Some(None),
        Some(Ok(id)) => Some(Some(id)),
        Some(Err(error)) => or_wrong(None, wrong, "package_instance_id", &error.to_string()),
    };
    let metering_sn = match request.metering_sn.as_deref().map(MeteringSn::parse) {
        None => Some(None),
        Some(Ok(name)) => Some(Some(name)),
        Some(Err(_)) => {
            or_wrong(None, wrong, "metering_sn", "a metering_sn is 1 to 64 visible ASCII characters")
        }
    };
    let reading = Reading { begin: begin?, end: end?, value: value? };
    Some(UsageItem { of: of?, reading, package: package?, metering_sn: metering_sn? })
}

fn or_wrong<T>(value: Option<T>, wrong: &mut impl FnMut(&str, &str), member: &str, why: &str) -> Option<T> {
    if value.is_none() {
        wrong(member, why);
    }
    value
}

fn mistake(index: usize, member: &str, why: &str) -> ItemMistake {
    ItemMistake { pointer: format!("/items/{index}/{member}"), message: why.to_owned() }
}

impl From<RecordUsageFault> for ApiError {
    fn from(fault: RecordUsageFault) -> Self {
        match fault {
            RecordUsageFault::Mistakes(mistakes) => {
                let told = |UsageItemMistake { index, member, why }| mistake(index, member, &why);
                Self::ItemMistakes(mistakes.into_iter().map(told).collect())
            }
            RecordUsageFault::UseCase(error) => error.into(),
        }
    }
}

/// Where the next page starts; opaque.
pub fn cursor_text(key: &UsageKey) -> String {
    let text = format!("{}\n{}\n{}", key.instance, key.begin.timestamp(), key.end.timestamp());
    base64url::encode(text.as_bytes())
}

/// Reads it.
pub fn read_cursor(merchant: &MerchantId, text: &str) -> Option<UsageKey> {
    let text = String::from_utf8(base64url::decode(text)?).ok()?;
    let mut parts = text.split('\n');
    let instance = InstanceId::parse(parts.next()?).ok()?;
    let mut at = || DateTime::from_timestamp(parts.next()?.parse().ok()?, 0);
    let (begin, end) = (at()?, at()?);
    let (merchant, marketplace) = (merchant.clone(), Marketplace::KooGallery);
    Some(UsageKey { merchant, marketplace, instance, begin, end })
}
