//! Quota is used, reserved, confirmed and released: by client software, or by the merchant's own backend.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::access::authorization;
use super::body;
use super::error::{ApiError, ItemMistake};
use super::merchant::licenses::read_instant;
use super::openapi::forms::{
    AmountForm, AmountInputForm, CredentialForm, ForeignIdForm, InstantForm, LicenseIdForm,
    ReservationIdForm, ReservationStateForm,
};
use super::openapi::parameters::ReportKey;
use super::path::PathOf;
use super::presented::{Holder, claims_to_be_certificate, credential};
use super::reply::{Reply, amount, instant, ok};
use super::state::HttpState;
use crate::application::{
    QuotaHolder, ReservationEnd, SettleReservation, USED_ITEMS_MAX, UseQuota, UseQuotaFault, UsedItem,
    UsedQuota,
};
use crate::domain::{
    Actor, Amount, InstanceId, Instant, LicenseId, MerchantId, RESERVATION_DEFAULT_SECS,
    RESERVATION_MAX_SECS, Reservation, ReservationId, ReservationState, Scope, UsageGrant,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Who it is about, where the header does not say it.
#[derive(Deserialize)]
struct Whose {
    license_key: Option<String>,
    claim_code: Option<String>,
    certificate: Option<String>,
    license_id: Option<String>,
    instance_id: Option<String>,
}

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $member:ident: $of:ty),* $(,)? })+) => {
        $(#[derive(Deserialize, ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        struct $name {
            #[schema(value_type = Option<CredentialForm>)]
            license_key: Option<String>,
            #[schema(value_type = Option<CredentialForm>)]
            claim_code: Option<String>,
            #[schema(value_type = Option<CredentialForm>)]
            certificate: Option<String>,
            /// Only with an API token.
            #[schema(value_type = Option<LicenseIdForm>)]
            license_id: Option<String>,
            /// Only with an API token.
            #[schema(value_type = Option<ForeignIdForm>)]
            instance_id: Option<String>,
            $($(#[$about])* $member: $of),*
        }

        impl $name {
            fn whose(&mut self) -> Whose {
                Whose {
                    license_key: self.license_key.take(),
                    claim_code: self.claim_code.take(),
                    certificate: self.certificate.take(),
                    license_id: self.license_id.take(),
                    instance_id: self.instance_id.take(),
                }
            }
        })+
    };
}

requests!(
    /// What was used: one metric, or a list of items.
    #[schema(as = UsageReport)]
    UseRequest {
        metric: Option<String>,
        #[schema(value_type = Option<AmountInputForm>)]
        amount: Option<Box<RawValue>>,
        /// Now when absent.
        #[schema(value_type = Option<InstantForm>)]
        occurred_at: Option<String>,
        #[schema(min_items = 1, max_items = 1000)]
        items: Option<Vec<ItemRequest>>,
    }
    #[schema(as = ReservationRequest)]
    ReserveRequest {
        metric: String,
        #[schema(value_type = AmountInputForm)]
        amount: Box<RawValue>,
        /// 3600 when absent.
        #[schema(minimum = 1, maximum = 604_800)]
        lifetime_secs: Option<i64>,
    }
    #[schema(as = ReservationConfirm)]
    ConfirmRequest {
        #[schema(value_type = AmountInputForm)]
        amount: Box<RawValue>,
    }
    #[schema(as = ReservationRelease)]
    ReleaseRequest {}
);

#[derive(Deserialize, ToSchema)]
#[schema(as = UsageReportItem)]
#[serde(deny_unknown_fields)]
struct ItemRequest {
    metric: String,
    /// A number or a text; read from its own digits, never through a float.
    #[schema(value_type = AmountInputForm)]
    amount: Box<RawValue>,
    /// Now when absent.
    #[schema(value_type = Option<InstantForm>)]
    occurred_at: Option<String>,
}

/// `granted`, `left` and `window_ends_at` are null when the report is of several metrics.
#[derive(Serialize, ToSchema)]
#[schema(as = Used)]
struct UsedAnswer<'a> {
    #[schema(value_type = Option<AmountForm>)]
    granted: Option<Box<RawValue>>,
    #[schema(value_type = Option<AmountForm>)]
    left: Option<Box<RawValue>>,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
    metrics: Vec<MetricAnswer<'a>>,
    packages: Vec<PackageAnswer<'a>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsedMetric)]
struct MetricAnswer<'a> {
    metric: &'a str,
    #[schema(value_type = AmountForm)]
    granted: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    left: Box<RawValue>,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UsedPackage)]
struct PackageAnswer<'a> {
    id: &'a str,
    metric: &'a str,
    #[schema(value_type = AmountForm)]
    amount: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    overage: Box<RawValue>,
    #[schema(value_type = InstantForm)]
    window_starts_at: String,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
    #[schema(value_type = AmountForm)]
    window_left: Box<RawValue>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reservation)]
struct ReservationAnswer<'a> {
    #[schema(value_type = ReservationIdForm)]
    id: &'a str,
    /// `open`, `confirmed` or `released`.
    #[schema(value_type = ReservationStateForm)]
    state: &'static str,
    metric: &'a str,
    #[schema(value_type = AmountForm)]
    amount: Box<RawValue>,
    #[schema(value_type = InstantForm)]
    until: String,
    #[serde(flatten)]
    grant: UsedAnswer<'a>,
}

/// Whose quota it is, and who says so.
struct Reporter {
    merchant: MerchantId,
    license: LicenseId,
    holder: QuotaHolder,
    actor: Actor,
}

/// Quota is used.
#[utoipa::path(
    post, path = "/v1/usage",
    params(ReportKey),
    request_body = UseRequest,
    responses((status = 200, body = UsedAnswer<'_>), (status = 403), (status = 404), (status = 409)),
    security(("license" = []), ("token" = [Scope::Usage.as_str()]), ()),
)]
pub async fn report(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let mut request: UseRequest = body::parse(&body)?;
    let reporter = state.reporter(&headers, request.whose()).await?;
    let idempotency_key = idempotency_key(&headers)?;
    let (items, is_list) = items(request)?;
    let order = order(reporter, idempotency_key, items, is_list, None);
    let used = used(state.app.use_quota(&order).await, is_list)?;
    ok(&UsedAnswer::of(&used.grant))
}

/// Quota is kept back for work that may fail.
#[utoipa::path(
    post, path = "/v1/usage/reservations",
    params(ReportKey),
    request_body = ReserveRequest,
    responses((status = 200, body = ReservationAnswer<'_>), (status = 403), (status = 404), (status = 409)),
    security(("license" = []), ("token" = [Scope::Usage.as_str()]), ()),
)]
pub async fn reserve(State(state): State<HttpState>, headers: HeaderMap, body: Bytes) -> Reply {
    let mut request: ReserveRequest = body::parse(&body)?;
    let reporter = state.reporter(&headers, request.whose()).await?;
    let idempotency_key = idempotency_key(&headers)?;
    let secs = request.lifetime_secs.unwrap_or(RESERVATION_DEFAULT_SECS);
    if !(1..=RESERVATION_MAX_SECS).contains(&secs) {
        let why = format!("a reservation lasts 1 to {RESERVATION_MAX_SECS} seconds");
        return Err(ApiError::invalid("/lifetime_secs", why));
    }
    let amount = read_amount(&request.amount).map_err(|why| ApiError::invalid("/amount", why))?;
    let items = vec![UsedItem { metric: request.metric, amount, occurred_at: None }];
    let order = order(reporter, idempotency_key, items, false, Some(TimeDelta::seconds(secs)));
    let used = used(state.app.use_quota(&order).await, false)?;
    let reservation = used.reservation.ok_or(ApiError::not_found("reservation"))?;
    ok(&ReservationAnswer::of(&reservation, "open", &used.grant))
}

/// The work was done: what it used is counted, the rest is free again.
#[utoipa::path(
    post, path = "/v1/usage/reservations/{id}/confirm",
    params(("id" = ReservationIdForm, Path)),
    request_body = ConfirmRequest,
    responses((status = 200, body = ReservationAnswer<'_>), (status = 403), (status = 409)),
    security(("license" = []), ("token" = [Scope::Usage.as_str()]), ()),
)]
pub async fn confirm(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let mut request: ConfirmRequest = body::parse(&body)?;
    let whose = request.whose();
    let amount = read_amount(&request.amount).map_err(|why| ApiError::invalid("/amount", why))?;
    settle(&state, &headers, whose, &id, ReservationEnd::Confirm(amount)).await
}

/// The work was not done: all is free again.
#[utoipa::path(
    post, path = "/v1/usage/reservations/{id}/release",
    params(("id" = ReservationIdForm, Path)),
    request_body = Option<ReleaseRequest>,
    responses((status = 200, body = ReservationAnswer<'_>), (status = 403), (status = 409)),
    security(("license" = []), ("token" = [Scope::Usage.as_str()]), ()),
)]
pub async fn release(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let mut request: ReleaseRequest = body::parse_or_empty(&body)?;
    settle(&state, &headers, request.whose(), &id, ReservationEnd::Release).await
}

async fn settle(
    state: &HttpState,
    headers: &HeaderMap,
    whose: Whose,
    id: &str,
    end: ReservationEnd,
) -> Reply {
    let Reporter { merchant, license, holder, .. } = state.reporter(headers, whose).await?;
    let reservation = ReservationId::parse(id).map_err(|_| ApiError::not_found("reservation"))?;
    let order = SettleReservation { merchant, license, holder, reservation, end };
    let settled = state.app.settle_reservation(&order).await?;
    match &settled.state {
        ReservationState::Confirmed { grant, .. } => ok(&ReservationAnswer::of(&settled, "confirmed", grant)),
        ReservationState::Open | ReservationState::Released { .. } | ReservationState::Lapsed { .. } => {
            ok(&ReservationAnswer::of(&settled, "released", &UsageGrant::default()))
        }
    }
}

impl HttpState {
    /// Whose quota a request is about: a license's holder speaks of that license, an API token names one.
    async fn reporter(&self, headers: &HeaderMap, whose: Whose) -> Result<Reporter, ApiError> {
        if authorization(headers, "Bearer").is_some() {
            return self.backend(headers, whose).await;
        }
        for (pointer, named) in [("/license_id", &whose.license_id), ("/instance_id", &whose.instance_id)] {
            if named.is_some() {
                return Err(ApiError::invalid(pointer, "only an API token names a license by its id"));
            }
        }
        let members = [
            ("/license_key", whose.license_key.as_deref()),
            ("/claim_code", whose.claim_code.as_deref()),
            ("/certificate", whose.certificate.as_deref()),
        ];
        let text = credential(headers, &members)?;
        let (Holder { merchant, license, token_id, .. }, activation) = if claims_to_be_certificate(text) {
            let shown = self.certificate_holder(text).await?;
            (shown.holder, Some(shown.activation))
        } else {
            (self.holder(text).await?, None)
        };
        let holder = activation.map_or(QuotaHolder::LicenseKey(token_id), QuotaHolder::Activation);
        Ok(Reporter { merchant, license, holder, actor: Actor::Customer })
    }

    async fn backend(&self, headers: &HeaderMap, whose: Whose) -> Result<Reporter, ApiError> {
        let caller = self.caller(headers, Scope::Usage).await?;
        let keys = [
            ("/license_key", &whose.license_key),
            ("/claim_code", &whose.claim_code),
            ("/certificate", &whose.certificate),
        ];
        for (pointer, text) in keys {
            if text.is_some() {
                return Err(ApiError::invalid(pointer, "one credential is enough"));
            }
        }
        let license = match (whose.license_id, whose.instance_id) {
            (Some(id), None) => LicenseId::parse(&id).map_err(|_| ApiError::not_found("license"))?,
            (None, Some(id)) => {
                let id = InstanceId::parse(&id).map_err(|_| ApiError::not_found("license"))?;
                self.app.license_of_instance(&caller.merchant, &id).await?
            }
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid("/instance_id", "name the instance or the license, not both"));
            }
            (None, None) => {
                return Err(ApiError::invalid(
                    "/license_id",
                    "name the license by license_id or instance_id",
                ));
            }
        };
        let actor = caller.actor();
        Ok(Reporter { merchant: caller.merchant, license, holder: QuotaHolder::Merchant, actor })
    }
}

fn order(
    reporter: Reporter,
    idempotency_key: Vec<u8>,
    items: Vec<UsedItem>,
    is_list: bool,
    reserve: Option<TimeDelta>,
) -> UseQuota {
    let Reporter { merchant, license, holder, actor } = reporter;
    UseQuota { merchant, license, holder, actor, idempotency_key, items, is_list, reserve }
}

/// Required: without one a report that is sent again would count again.
fn idempotency_key(headers: &HeaderMap) -> Result<Vec<u8>, ApiError> {
    let key = headers.get(IDEMPOTENCY_KEY).map(|value| value.as_bytes().to_vec());
    let key = key.ok_or_else(|| {
        ApiError::invalid("", "the header Idempotency-Key is missing: the same text for the same report")
    })?;
    if (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) {
        Ok(key)
    } else {
        Err(ApiError::invalid("", format!("Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} characters")))
    }
}

/// The one item of a request, or its list; every mistake in the form of one.
fn items(request: UseRequest) -> Result<(Vec<UsedItem>, bool), ApiError> {
    let is_list = request.items.is_some();
    let requests = match (request.items, request.metric, request.amount) {
        (Some(items), None, None) if request.occurred_at.is_none() => items,
        (Some(_), ..) => {
            return Err(ApiError::invalid("/items", "report one item or a list of items, not both"));
        }
        (None, None, _) => {
            return Err(ApiError::invalid("/metric", "say what was used: metric and amount, or items"));
        }
        (None, Some(_), None) => return Err(ApiError::invalid("/amount", "say how much was used")),
        (None, Some(metric), Some(amount)) => {
            vec![ItemRequest { metric, amount, occurred_at: request.occurred_at }]
        }
    };
    if requests.is_empty() || requests.len() > USED_ITEMS_MAX {
        return Err(ApiError::invalid("/items", format!("a report has 1 to {USED_ITEMS_MAX} items")));
    }
    let (mut items, mut mistakes) = (Vec::with_capacity(requests.len()), Vec::new());
    for (index, request) in requests.into_iter().enumerate() {
        let mut wrong = |member: &str, message: String| {
            mistakes.push(ItemMistake { pointer: pointer(is_list, index, member), message });
        };
        let amount = read_amount(&request.amount).map_err(|why| wrong("amount", why)).ok();
        let occurred_at: Option<Option<Instant>> = match request.occurred_at.as_deref().map(read_instant) {
            None => Some(None),
            Some(read) => read.map(Some).map_err(|why| wrong("occurred_at", why.to_owned())).ok(),
        };
        if let (Some(amount), Some(occurred_at)) = (amount, occurred_at) {
            items.push(UsedItem { metric: request.metric, amount, occurred_at });
        }
    }
    if mistakes.is_empty() { Ok((items, is_list)) } else { Err(ApiError::ItemMistakes(mistakes)) }
}

fn pointer(is_list: bool, index: usize, member: &str) -> String {
    if is_list { format!("/items/{index}/{member}") } else { format!("/{member}") }
}

/// A number or a text, from its own digits.
fn read_amount(raw: &RawValue) -> Result<Amount, String> {
    Amount::parse(raw.get().trim_matches('"')).map_err(|error| error.to_string())
}

fn used(outcome: Result<UsedQuota, UseQuotaFault>, is_list: bool) -> Result<UsedQuota, ApiError> {
    outcome.map_err(|fault| match fault {
        UseQuotaFault::UseCase(error) => error.into(),
        UseQuotaFault::Mistakes(mistakes) => {
            let told = mistakes.into_iter().map(|mistake| ItemMistake {
                pointer: pointer(is_list, mistake.index, mistake.member),
                message: mistake.why,
            });
            ApiError::ItemMistakes(told.collect())
        }
    })
}

impl<'a> UsedAnswer<'a> {
    fn of(grant: &'a UsageGrant) -> Self {
        let only = grant.metrics.first().filter(|_| grant.metrics.len() == 1);
        let metric_of =
            |index: u16| grant.metrics.get(usize::from(index)).map_or("", |metric| metric.metric.as_str());
        Self {
            granted: only.map(|metric| amount(metric.granted)),
            left: only.map(|metric| amount(metric.left)),
            window_ends_at: only.and_then(|metric| metric.window_ends_at).map(instant),
            metrics: grant
                .metrics
                .iter()
                .map(|metric| MetricAnswer {
                    metric: &metric.metric,
                    granted: amount(metric.granted),
                    left: amount(metric.left),
                    window_ends_at: metric.window_ends_at.map(instant),
                })
                .collect(),
            packages: grant
                .packages
                .iter()
                .map(|package| PackageAnswer {
                    id: package.package.as_str(),
                    metric: metric_of(package.metric),
                    amount: amount(package.amount),
                    overage: amount(package.over),
                    window_starts_at: instant(package.window_starts_at),
                    window_ends_at: package.window_ends_at.map(instant),
                    window_left: amount(package.left),
                })
                .collect(),
        }
    }
}

impl<'a> ReservationAnswer<'a> {
    fn of(reservation: &'a Reservation, state: &'static str, grant: &'a UsageGrant) -> Self {
        Self {
            id: reservation.id.as_str(),
            state,
            metric: &reservation.metric,
            amount: amount(reservation.amount),
            until: instant(reservation.until),
            grant: UsedAnswer::of(grant),
        }
    }
}
