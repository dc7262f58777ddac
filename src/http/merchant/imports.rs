//! Licenses that were sold before: judged all at once, imported all or none.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::licenses::{LABEL_BYTES_MAX, QUANTITY_MAX, read_instant};
use crate::application::{
    ApplyMistake, Import, ImportReport, ImportRow, NumberedRow, RowMistake, RowOutcome,
};
use crate::domain::{
    ChannelId, Charging, CustomerId, FOREIGN_ID_BYTES_MAX, InstanceId, OrderId, OrderLineId, PurchaseId,
    Scope, Sku, SpecId, Term,
};
use crate::http::body;
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{ImportOutcomeForm, LicenseIdForm, PurchaseIdForm};
use crate::http::reply::{Reply, ok};
use crate::http::state::HttpState;
use crate::http::wording::rule;

/// Most rows of one request.
const ROWS_MAX: usize = 1_000;

#[derive(Deserialize, ToSchema)]
#[schema(as = Import)]
#[serde(deny_unknown_fields)]
struct ImportRequest {
    #[schema(min_items = 1, max_items = 1000)]
    rows: Vec<RowRequest>,
    #[serde(default)]
    partial: bool,
    #[serde(default)]
    dry_run: bool,
}

/// One row. An empty text is as good as none: spreadsheets leave cells empty.
#[derive(Deserialize, ToSchema)]
#[schema(as = ImportRow)]
#[serde(deny_unknown_fields)]
struct RowRequest {
    line: Option<u32>,
    channel: Option<String>,
    instance_id: Option<String>,
    order_id: Option<String>,
    order_line_id: Option<String>,
    product_id: Option<String>,
    sku: Option<String>,
    spec: Option<String>,
    term: Option<String>,
    charging: Option<String>,
    starts_at: Option<String>,
    ends_at: Option<String>,
    quantity: Option<u32>,
    customer: Option<String>,
    state: Option<String>,
    label: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Imported)]
struct ImportAnswer {
    dry_run: bool,
    partial: bool,
    imported: usize,
    unchanged: usize,
    refused: usize,
    rows: Vec<RowAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImportedRow)]
struct RowAnswer {
    line: u32,
    /// `imported`, `unchanged` or `refused`.
    #[schema(value_type = ImportOutcomeForm)]
    outcome: &'static str,
    #[schema(value_type = Option<LicenseIdForm>)]
    license_id: Option<String>,
    #[schema(value_type = Option<PurchaseIdForm>)]
    order: Option<String>,
    mistakes: Vec<MistakeAnswer>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RowMistake)]
struct MistakeAnswer {
    member: &'static str,
    message: String,
}

/// Licenses that were sold before: judged all at once, imported all or none unless `partial`.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/import",
    request_body = ImportRequest,
    responses((status = 200, body = ImportAnswer)),
    security(("token" = [Scope::Issue.as_str()])),
)]
pub async fn import(State(state): State<HttpState>, parts: Parts, body: Bytes) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Issue).await?;
    let request: ImportRequest = body::parse(&body)?;
    if request.rows.is_empty() || request.rows.len() > ROWS_MAX {
        return Err(ApiError::invalid(
            "/rows",
            format!("a request has 1 to {ROWS_MAX} rows: send more of them"),
        ));
    }
    let rows = request.rows.into_iter().zip(1_u32..).map(numbered).collect();
    let (partial, dry_run, actor) = (request.partial, request.dry_run, caller.actor());
    let import = Import { merchant: caller.merchant, actor, rows, partial, dry_run };
    let report = state.app.import_licenses(&import).await?;
    let mistakes = mistakes(&report);
    if !mistakes.is_empty() && !partial {
        return Err(ApiError::Mistakes(mistakes));
    }
    ok(&answer(report, partial, dry_run, Language::of(&parts.headers)))
}

/// Rows that say no line are counted.
fn numbered((request, number): (RowRequest, u32)) -> NumberedRow {
    let line = request.line.unwrap_or(number);
    NumberedRow { line, row: read(request) }
}

/// Reads a row; every member that cannot be read is told.
fn read(request: RowRequest) -> Result<ImportRow, Vec<RowMistake>> {
    let mut mistakes = Vec::new();
    let mut reading = Reading(&mut mistakes);
    let channel = reading.must("channel", request.channel, ChannelId::parse);
    let instance = reading.must("instance_id", request.instance_id, InstanceId::parse);
    let order_id = reading.must("order_id", request.order_id, OrderId::parse);
    let order_line_id = reading.may("order_line_id", request.order_line_id, OrderLineId::parse);
    let product_id = reading.may("product_id", request.product_id, product_id);
    let sku = reading.may("sku", request.sku, Sku::parse);
    let spec = reading.may("spec", request.spec, SpecId::parse);
    let term = reading.may("term", request.term, Term::parse);
    let charging = reading.may("charging", request.charging, charging);
    let starts_at = reading.must("starts_at", request.starts_at, read_instant);
    let ends_at = reading.may("ends_at", request.ends_at, read_instant);
    let customer = reading.may("customer", request.customer, CustomerId::parse);
    let is_suspended = reading.may("state", request.state, is_suspended).unwrap_or(false);
    let label = reading.may("label", request.label, label).unwrap_or_default();
    let quantity = request.quantity.unwrap_or(1);
    if !(1..=QUANTITY_MAX).contains(&quantity) {
        mistakes.push(RowMistake { member: "quantity", why: format!("a quantity is 1 to {QUANTITY_MAX}") });
    }
    match (channel, instance, order_id, starts_at, mistakes.is_empty()) {
        (Some(channel), Some(instance), Some(order_id), Some(starts_at), true) => Ok(ImportRow {
            channel,
            instance,
            order_id,
            order_line_id,
            product_id,
            sku,
            spec,
            term,
            charging,
            starts_at,
            ends_at,
            quantity,
            customer,
            is_suspended,
            label,
        }),
        _ => Err(mistakes),
    }
}

/// Collects what cannot be read.
struct Reading<'a>(&'a mut Vec<RowMistake>);

impl Reading<'_> {
    fn must<T, E: ToString>(
        &mut self,
        member: &'static str,
        text: Option<String>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = text.filter(|text| !text.is_empty());
        if text.is_none() {
            self.0.push(RowMistake { member, why: "it is missing".into() });
        }
        self.may(member, text, read)
    }

    fn may<T, E: ToString>(
        &mut self,
        member: &'static str,
        text: Option<String>,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match read(text.filter(|text| !text.is_empty())?.as_str()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.push(RowMistake { member, why: error.to_string() });
                None
            }
        }
    }
}

fn product_id(text: &str) -> Result<String, String> {
    let fits = text.len() <= FOREIGN_ID_BYTES_MAX && !text.chars().any(char::is_control);
    let rule = format!("a product id has at most {FOREIGN_ID_BYTES_MAX} bytes without control characters");
    if fits { Ok(text.to_owned()) } else { Err(rule) }
}

fn charging(text: &str) -> Result<Charging, &'static str> {
    match text {
        "period" => Ok(Charging::Period),
        "one_time" => Ok(Charging::OneTime),
        "on_demand" => Ok(Charging::OnDemand),
        "on_demand_package" => Ok(Charging::OnDemandPackage),
        _ => Err("charging is period, one_time, on_demand or on_demand_package"),
    }
}

fn is_suspended(text: &str) -> Result<bool, &'static str> {
    match text {
        // What has expired says so by its end.
        "active" | "expired" => Ok(false),
        "suspended" => Ok(true),
        _ => Err("a state is active, suspended or expired; what was released or revoked is not imported"),
    }
}

fn label(text: &str) -> Result<String, String> {
    let fits = text.len() <= LABEL_BYTES_MAX && !text.chars().any(char::is_control);
    let rule = format!("a label has at most {LABEL_BYTES_MAX} bytes without control characters");
    if fits { Ok(text.to_owned()) } else { Err(rule) }
}

fn mistakes(report: &ImportReport) -> Vec<ApplyMistake> {
    let of_row = |(line, outcome): &(u32, RowOutcome)| match outcome {
        RowOutcome::Refused(mistakes) => mistakes
            .iter()
            .map(|it| ApplyMistake {
                line: usize::try_from(*line).unwrap_or(0),
                pointer: format!("/{}", it.member),
                message: it.why.clone(),
            })
            .collect(),
        RowOutcome::Imported(_) | RowOutcome::Unchanged(_) => Vec::new(),
    };
    report.rows.iter().flat_map(of_row).collect()
}

fn answer(report: ImportReport, partial: bool, dry_run: bool, language: Language) -> ImportAnswer {
    let rows: Vec<RowAnswer> = report.rows.into_iter().map(|row| RowAnswer::of(row, language)).collect();
    let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
    let (imported, unchanged, refused) = (count("imported"), count("unchanged"), count("refused"));
    ImportAnswer { dry_run, partial, imported, unchanged, refused, rows }
}

impl RowAnswer {
    fn of((line, outcome): (u32, RowOutcome), language: Language) -> Self {
        let (outcome, license, mistakes) = match outcome {
            RowOutcome::Imported(license) => ("imported", Some(license), Vec::new()),
            RowOutcome::Unchanged(license) => ("unchanged", Some(license), Vec::new()),
            RowOutcome::Refused(mistakes) => ("refused", None, mistakes),
        };
        let told = |it: RowMistake| MistakeAnswer { member: it.member, message: rule(&it.why, language) };
        let mistakes = mistakes.into_iter().map(told).collect();
        let order = license.as_ref().map(|license| PurchaseId::of(license).to_string());
        Self { line, outcome, license_id: license.map(|id| id.to_string()), order, mistakes }
    }
}
