//! Why a license is, or was, valid or not.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::licenses::{license_id, read_instant};
use crate::application::{Explanation, PackageThen};
use crate::domain::{
    AuditEvent, Hold, Holds, KeyPast, LicenseEnd, LicenseStanding, PackageSource, Recalled, Scope, TokenId,
};
use crate::http::explanation_wording::reason;
use crate::http::language::Language;
use crate::http::openapi::forms::{
    AmountForm, EventIdForm, ExplanationCodeForm, HolderForm, InstantForm, KeyPastForm, LicenseIdForm,
    LicenseStateForm,
};
use crate::http::path::PathOf;
use crate::http::query::Parameters;
use crate::http::reply::{Reply, amount, instant, ok};
use crate::http::state::HttpState;

/// Members as documented; null where nothing is known.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
struct ExplanationAnswer {
    #[schema(value_type = LicenseIdForm)]
    license_id: String,
    #[schema(value_type = InstantForm)]
    at: String,
    valid: Option<bool>,
    #[schema(value_type = ExplanationCodeForm)]
    code: &'static str,
    reason: String,
    #[schema(value_type = Option<LicenseStateForm>)]
    state: Option<&'static str>,
    #[schema(value_type = Option<InstantForm>)]
    starts_at: Option<String>,
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    suspensions: Vec<HoldAnswer>,
    #[schema(value_type = Option<InstantForm>)]
    ended_at: Option<String>,
    license_keys: Vec<KeyAnswer>,
    packages: Vec<PackageAnswer>,
    events: Vec<EventAnswer>,
    events_left_off: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
struct HoldAnswer {
    #[schema(value_type = HolderForm)]
    by: &'static str,
    #[schema(value_type = InstantForm)]
    since: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedKey)]
struct KeyAnswer {
    /// `jti` of the license key.
    id: String,
    #[schema(value_type = InstantForm)]
    issued_at: String,
    /// `current`, `followed` by a newer one, or `superseded`.
    #[schema(value_type = KeyPastForm)]
    state: &'static str,
    #[schema(value_type = Option<InstantForm>)]
    superseded_at: Option<String>,
}

/// A package that covers the instant; those that pay first come first.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedPackage)]
struct PackageAnswer {
    id: String,
    /// The purchase that it was bought in by itself; null when it came with the license.
    purchase: Option<String>,
    metric: String,
    unit: String,
    #[schema(value_type = AmountForm)]
    amount: Box<RawValue>,
    #[schema(value_type = InstantForm)]
    starts_at: String,
    #[schema(value_type = Option<InstantForm>)]
    ends_at: Option<String>,
    #[schema(value_type = InstantForm)]
    window_starts_at: String,
    #[schema(value_type = Option<InstantForm>)]
    window_ends_at: Option<String>,
    #[schema(value_type = AmountForm)]
    window_used: Box<RawValue>,
    #[schema(value_type = AmountForm)]
    window_over: Box<RawValue>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExplainedEvent)]
struct EventAnswer {
    #[schema(value_type = EventIdForm)]
    id: String,
    #[schema(value_type = InstantForm)]
    at: String,
    kind: &'static str,
    actor: String,
    detail: BTreeMap<String, String>,
}

/// Why a license is, or was, valid or not.
#[utoipa::path(
    get, path = "/v1/merchant/licenses/{id}/explanation",
    params(("id" = LicenseIdForm, Path), ("at" = Option<InstantForm>, Query, description = "Now when absent.")),
    responses((status = 200, body = ExplanationAnswer)),
    security(("token" = [Scope::Read.as_str()])),
)]
pub async fn show(State(state): State<HttpState>, PathOf(id): PathOf<String>, parts: Parts) -> Reply {
    let caller = state.caller(&parts.headers, Scope::Read).await?;
    let parameters = Parameters::read(&parts.uri, &["at"])?;
    let rule = "an instant is RFC 3339 in UTC with whole seconds from 1970 on, such as 2026-01-31T08:00:00Z";
    let at = parameters.get("at", rule, |text| read_instant(text).ok())?.unwrap_or_else(|| state.app.now());
    let explanation = state.app.explain_license(&caller.merchant, &license_id(&id)?, at).await?;
    ok(&ExplanationAnswer::of(&explanation, Language::of(&parts.headers)))
}

impl ExplanationAnswer {
    fn of(explanation: &Explanation, language: Language) -> Self {
        let (at, recalled) = (explanation.at, &explanation.recalled);
        let standing = match recalled {
            Recalled::Known(standing) => Some(standing.as_ref()),
            Recalled::NotIssued | Recalled::NotKnown => None,
        };
        Self {
            license_id: explanation.license.to_string(),
            at: instant(at),
            valid: valid(explanation),
            code: code(explanation),
            reason: reason(recalled, at, language),
            state: recalled.state(at).map(|state| state.as_str()),
            starts_at: standing
                .filter(|standing| standing.awaits.is_none())
                .map(|standing| instant(standing.validity.starts_at)),
            ends_at: standing.and_then(|standing| standing.validity.ends_at).map(instant),
            suspensions: standing.map(|standing| holds(&standing.holds)).unwrap_or_default(),
            ended_at: standing.and_then(ended_at),
            license_keys: explanation.keys.iter().map(|(id, past)| key(id, past, standing)).collect(),
            packages: explanation.packages.iter().map(PackageAnswer::of).collect(),
            events: explanation.events.iter().map(EventAnswer::of).collect(),
            events_left_off: explanation.events_left_off,
        }
    }
}

/// What was not issued was not valid; what is not known is neither.
fn valid(explanation: &Explanation) -> Option<bool> {
    match explanation.recalled {
        Recalled::NotIssued => Some(false),
        Recalled::NotKnown => None,
        Recalled::Known(ref standing) => Some(standing.check(explanation.at).is_ok()),
    }
}

/// The code of the online verdict, or why there is none.
fn code(explanation: &Explanation) -> &'static str {
    match explanation.recalled {
        Recalled::NotIssued => "not_issued",
        Recalled::NotKnown => "not_known",
        Recalled::Known(ref standing) => match standing.check(explanation.at) {
            Ok(()) => "valid",
            Err(refusal) => refusal.code(),
        },
    }
}

fn holds(holds: &Holds) -> Vec<HoldAnswer> {
    let answer =
        |by, hold: &Option<Hold>| hold.as_ref().map(|hold| HoldAnswer { by, since: instant(hold.since) });
    let all = [answer("marketplace", &holds.marketplace), answer("merchant", &holds.merchant)];
    all.into_iter().flatten().collect()
}

fn ended_at(standing: &LicenseStanding) -> Option<String> {
    match standing.end {
        LicenseEnd::Running => None,
        LicenseEnd::Released { at } | LicenseEnd::Revoked { at, .. } => Some(instant(at)),
    }
}

fn key(id: &TokenId, past: &KeyPast, standing: Option<&LicenseStanding>) -> KeyAnswer {
    let is_current = standing.is_some_and(|standing| standing.current_key.as_ref() == Some(id));
    let state = match (past.superseded_at, is_current) {
        (Some(_), _) => "superseded",
        (None, true) => "current",
        (None, false) => "followed",
    };
    KeyAnswer {
        id: id.to_string(),
        issued_at: instant(past.issued_at),
        state,
        superseded_at: past.superseded_at.map(instant),
    }
}

impl PackageAnswer {
    fn of(then: &PackageThen) -> Self {
        let PackageThen { held, window, used, over } = then;
        let (template, validity) = (&held.package.template, &held.package.validity);
        let purchase = match &held.source {
            PackageSource::License => None,
            PackageSource::Purchase(license) => Some(license.to_string()),
        };
        Self {
            id: held.id.to_string(),
            purchase,
            metric: template.metric.clone(),
            unit: template.unit.clone(),
            amount: amount(template.amount),
            starts_at: instant(validity.starts_at),
            ends_at: validity.ends_at.map(instant),
            window_starts_at: instant(window.starts_at),
            window_ends_at: window.ends_at.map(instant),
            window_used: amount(*used),
            window_over: amount(*over),
        }
    }
}

impl EventAnswer {
    fn of(event: &AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: instant(event.at),
            kind: event.kind.as_str(),
            actor: event.actor.to_string(),
            detail: event.detail.clone(),
        }
    }
}
