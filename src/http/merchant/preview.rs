//! What an act on a license would bring about, before it is done.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::commands::{KeepRequest, change_spec, extend_to, is_leaked, keep};
use super::license_answer::{MachinesAnswer, WordedAnswer, machines};
use super::licenses::{license_id, read_if, read_instant};
use crate::application::{
    Consequences, Irreversible, LaterCall, LicenseAction, LicenseOutline, MachineAffected, QuotaAfter,
};
use crate::domain::Scope;
use crate::http::body;
use crate::http::conditional::etag;
use crate::http::consequence_wording as wording;
use crate::http::error::ApiError;
use crate::http::language::Language;
use crate::http::openapi::forms::{
    ActivationIdForm, AmountForm, CommandForm, HolderForm, InstantForm, KeyAfterForm, LicenseIdForm,
    LicenseStateForm, MachineFateForm, ReasonForm, SpecIdForm, TermForm,
};
use crate::http::openapi::parameters::IdempotencyKey;
use crate::http::path::PathOf;
use crate::http::reply::{Reply, amount, instant, ok};
use crate::http::state::HttpState;

/// What is thought of: a command, with its own members and no others.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PreviewRequest {
    /// `suspend`, `resume`, `revoke`, `reissue`, `accept`, `extend` or `change`.
    #[schema(value_type = CommandForm)]
    command: String,
    /// As the command takes it; `leaked` is what counts, with `reissue`.
    #[schema(value_type = Option<ReasonForm>)]
    reason: Option<String>,
    /// Of `resume`.
    r#override: Option<bool>,
    /// Of `reissue`.
    keep: Option<KeepRequest>,
    /// Of `accept`.
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
    /// Of `extend`.
    #[schema(value_type = Option<TermForm>)]
    by: Option<String>,
    /// Of `extend`.
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    /// Of `change`.
    #[schema(value_type = Option<SpecIdForm>)]
    spec: Option<String>,
    /// Of `change`.
    #[schema(minimum = 1, maximum = 100_000)]
    quantity: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Consequences)]
struct ConsequencesAnswer {
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
    #[schema(value_type = CommandForm)]
    command: &'static str,
    /// Of the license that this was told of: the command with `If-Match` of it does this, or nothing.
    revision: u64,
    /// Whether the command changes anything.
    changes: bool,
    before: OutlineAnswer,
    after: OutlineAnswer,
    machines: Vec<MachineAnswer>,
    #[schema(value_type = KeyAfterForm)]
    license_key: &'static str,
    /// Software that holds the license key alone runs at most up to here without hearing of it.
    #[schema(value_type = Option<InstantForm>)]
    key_runs_until: Option<String>,
    quota: Vec<QuotaAfterAnswer>,
    later_calls: Vec<WordedAnswer>,
    irreversible: Vec<WordedAnswer>,
    /// All of it in sentences, in the reader's language.
    summary: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = LicenseOutline)]
struct OutlineAnswer {
    #[schema(value_type = LicenseStateForm)]
    state: &'static str,
    #[schema(value_type = SpecIdForm)]
    spec: String,
    machines: MachinesAnswer,
    entitlements: Vec<String>,
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    #[schema(value_type = Vec<HolderForm>)]
    suspended_by: Vec<&'static str>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MachineAffected)]
struct MachineAnswer {
    #[schema(value_type = ActivationIdForm)]
    activation_id: String,
    name: String,
    #[schema(value_type = MachineFateForm)]
    fate: &'static str,
    /// When it asks for its next certificate: online it hears of it by then. Null where that time has passed.
    #[schema(value_type = Option<InstantForm>)]
    asks_at: Option<String>,
    /// Online it hears by the status list by then. Null where its spec ignores status lists.
    #[schema(value_type = Option<InstantForm>)]
    reads_list_by: Option<String>,
    /// Without a network it runs up to here. Null where it does not stop.
    #[schema(value_type = Option<InstantForm>)]
    runs_until: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = QuotaAfter)]
struct QuotaAfterAnswer {
    metric: String,
    unit: String,
    #[schema(value_type = AmountForm)]
    window_left_before: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    window_left_after: Box<RawValue>,
    #[schema(value_type = Option<AmountForm>)]
    left_before: Option<Box<RawValue>>,
    #[schema(value_type = Option<AmountForm>)]
    left_after: Option<Box<RawValue>>,
}

/// Tells what a command would bring about, and changes nothing.
///
/// Which machines stop, and when each knows of it; what becomes of license key and quota; what later calls of the marketplace
/// do to it; what nothing brings back. It refuses what the command would refuse.
#[utoipa::path(
    post, path = "/v1/merchant/licenses/{id}/preview",
    params(("id" = LicenseIdForm, Path), IdempotencyKey),
    request_body = PreviewRequest,
    responses((status = 200, body = ConsequencesAnswer, headers(("ETag" = String))), (status = 409)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn preview(
    State(state): State<HttpState>,
    PathOf(id): PathOf<String>,
    parts: Parts,
    body: Bytes,
) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let action = action(body::parse(&body)?, caller.token.allows(Scope::Issue))?;
    let consequences = state.app.consequences(&caller.merchant, &license_id(&id)?, &action).await?;
    let answer = ConsequencesAnswer::of(&consequences, Language::of(&parts.headers));
    let mut response = ok(&answer)?;
    response.headers_mut().insert(header::ETAG, etag(consequences.revision));
    Ok(response)
}

/// The act that is thought of. A member of another command is a slip.
fn action(request: PreviewRequest, beyond_support: bool) -> Result<LicenseAction, ApiError> {
    let PreviewRequest { command, reason, r#override, keep: kept, starts_at, by, ends_at, spec, quantity } =
        request;
    let given = [
        ("override", r#override.is_some(), "resume"),
        ("keep", kept.is_some(), "reissue"),
        ("starts_at", starts_at.is_some(), "accept"),
        ("by", by.is_some(), "extend"),
        ("ends_at", ends_at.is_some(), "extend"),
        ("spec", spec.is_some(), "change"),
        ("quantity", quantity.is_some(), "change"),
    ];
    if let Some((member, _, owner)) = given.iter().find(|(_, given, owner)| *given && *owner != command) {
        return Err(ApiError::invalid(&format!("/{member}"), format!("this is a member of {owner}")));
    }
    match command.as_str() {
        "suspend" => Ok(LicenseAction::Suspend),
        "resume" => Ok(LicenseAction::Resume { override_marketplace: r#override.unwrap_or(false) }),
        "revoke" => Ok(LicenseAction::Revoke),
        "reissue" => {
            let leaked = is_leaked(reason.as_deref());
            Ok(LicenseAction::Reissue { keep: keep(kept.as_ref(), leaked)?, leaked })
        }
        "accept" => {
            let starts_at = read_if("/starts_at", starts_at.as_deref(), read_instant)?;
            Ok(LicenseAction::Accept { starts_at })
        }
        "extend" => {
            let to = extend_to(by.as_deref(), ends_at.as_deref())?;
            Ok(LicenseAction::Extend { to, beyond_support })
        }
        "change" => {
            let spec = spec.ok_or_else(|| ApiError::invalid("/spec", "name the spec that it becomes"))?;
            change_spec(&spec, quantity)
        }
        _other => {
            let why = "a command is suspend, resume, revoke, reissue, accept, extend or change";
            Err(ApiError::invalid("/command", why))
        }
    }
}

/// What a later call does, in words.
pub(super) fn later_call(call: LaterCall, language: Language) -> WordedAnswer {
    WordedAnswer { code: call.as_str(), reason: wording::later_call(call, language).to_owned() }
}

fn irreversible(what: Irreversible, language: Language) -> WordedAnswer {
    WordedAnswer { code: what.as_str(), reason: wording::irreversible(what, language).to_owned() }
}

impl ConsequencesAnswer {
    fn of(it: &Consequences, language: Language) -> Self {
        Self {
            license_id: it.license.to_string(),
            command: it.action,
            revision: it.revision,
            changes: it.changes,
            before: OutlineAnswer::of(&it.before),
            after: OutlineAnswer::of(&it.after),
            machines: it.machines.iter().map(MachineAnswer::of).collect(),
            license_key: it.key.as_str(),
            key_runs_until: it.key_runs_until.map(instant),
            quota: it.quota.iter().map(QuotaAfterAnswer::of).collect(),
            later_calls: it.later_calls.iter().map(|call| later_call(*call, language)).collect(),
            irreversible: it.irreversible.iter().map(|what| irreversible(*what, language)).collect(),
            summary: wording::summary(it, language),
        }
    }
}

impl OutlineAnswer {
    fn of(outline: &LicenseOutline) -> Self {
        let by = [(outline.held_by_marketplace, "marketplace"), (outline.held_by_merchant, "merchant")];
        Self {
            state: outline.state.as_str(),
            spec: outline.spec.to_string(),
            machines: machines(outline.machines),
            entitlements: outline.entitlements.clone(),
            ends_at: outline.ends_at.map(instant),
            suspended_by: by.into_iter().filter_map(|(holds, by)| holds.then_some(by)).collect(),
        }
    }
}

impl MachineAnswer {
    fn of(machine: &MachineAffected) -> Self {
        Self {
            activation_id: machine.activation.to_string(),
            name: machine.name.clone(),
            fate: machine.fate.as_str(),
            asks_at: machine.asks_at.map(instant),
            reads_list_by: machine.reads_list_by.map(instant),
            runs_until: machine.runs_until.map(instant),
        }
    }
}

impl QuotaAfterAnswer {
    fn of(quota: &QuotaAfter) -> Self {
        Self {
            metric: quota.metric.clone(),
            unit: quota.unit.clone(),
            window_left_before: amount(quota.window_left_before),
            window_left_after: amount(quota.window_left_after),
            left_before: quota.left_before.map(amount),
            left_after: quota.left_after.map(amount),
        }
    }
}
