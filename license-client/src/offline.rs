//! The verdict without a network: a function of the state, the machine and the time.

use license_token::verdict::{self, Standing};
use license_token::{
    ActivationClaims, Binding, Code, Expectation, LicenseClaims, Machine, Refusal, Term, VerifiedToken,
};

use crate::floor::Seen;
use crate::held::{self, Held};
use crate::state::State;
use crate::{Config, Granted, NextAction, Verdict, keyset};

const DAY_SECS: i64 = 24 * 60 * 60;
/// How long before its end a license is called expiring: a quarter of its term, at most this.
const EXPIRING_MAX_SECS: i64 = 14 * DAY_SECS;
/// How long before its end a lease is called so: a tenth of it, at most this.
const LEASE_EXPIRING_MAX_SECS: i64 = 3 * DAY_SECS;

/// Decides. Refusals that only the server knows are laid over what the signed texts say.
pub(crate) fn decide(config: &Config, state: &State, held: &Held, machine: &Machine, seen: &Seen) -> Verdict {
    let lists = held.known_lists();
    let expect = Expectation {
        now: seen.corrected(),
        floor: seen.floor,
        machine: Some(machine),
        lists: Some(&lists),
        ..held::expectation(config)
    };
    let offline = match (&held.key, held.fitting_certificate()) {
        (Some(key), _) if key.claims().policy.binding == Binding::None => by_key(config, key, &expect),
        (key, Some(certificate)) => by_certificate(config, key.as_ref(), certificate, &expect),
        (Some(_), None) => Verdict::NeedsKey(NextAction::GoOnline),
        (None, None) if is_withdrawn(config, state) => Verdict::Superseded(NextAction::GoOnline),
        (None, None) => Verdict::NeedsKey(NextAction::PasteCurrentKey),
    };
    match remembered(state, offline) {
        // Over only for a clock that was set ahead by years.
        Verdict::Expired(_) if seen.has_leapt() => Verdict::ClockSuspect,
        verdict => verdict,
    }
}

/// What is kept was signed by a key that is not believed any more: the server has given, or gives, other texts.
fn is_withdrawn(config: &Config, state: &State) -> bool {
    let texts = [&state.license_key, &state.certificate];
    texts.into_iter().flatten().any(|text| keyset::is_withdrawn(config, text))
}

/// A license that binds no machine needs no activation.
fn by_key(config: &Config, key: &VerifiedToken<LicenseClaims>, expect: &Expectation<'_>) -> Verdict {
    let claims = key.claims();
    let expect = Expectation { grace_secs: claims.grace_secs, ..*expect };
    match verdict::judge_verified(key, &expect) {
        Err(refusal) => refused(&refusal, NextAction::Renew),
        Ok(_) if updates_ended(config, claims.upd) => Verdict::UpdatesEnded,
        Ok(standing) => {
            let offline_until = claims.exp.map(|end| end.saturating_add(claims.grace_secs));
            let license = Granted {
                license_id: claims.sub.clone(),
                sku: claims.spec.sku.clone(),
                attributes: claims.spec.attributes.clone(),
                entitlements: claims.entitlements.clone(),
                quota: claims.quota.clone(),
                ends_at: claims.exp,
                grace_until: offline_until,
                offline_until,
                enforcement: claims.policy.enforcement,
                status_rule: claims.policy.status,
                next_action: NextAction::Renew,
            };
            graded(license, claims.term, None, &standing)
        }
    }
}

/// The certificate says until when; the list must stand by the license key as well as by the activation.
fn by_certificate(
    config: &Config,
    key: Option<&VerifiedToken<LicenseClaims>>,
    certificate: &VerifiedToken<ActivationClaims>,
    expect: &Expectation<'_>,
) -> Verdict {
    let claims = certificate.claims();
    let offline_until = lease_end(claims);
    let expect = Expectation { grace_secs: offline_until.saturating_sub(claims.exp), ..*expect };
    let standing = match both(key, certificate, &expect) {
        Ok(standing) => standing,
        Err(refusal) => {
            let is_over = claims.end.is_some_and(|end| effective_now(claims.iat, &expect) >= end);
            return refused(&refusal, if is_over { NextAction::Renew } else { NextAction::GoOnline });
        }
    };
    if updates_ended(config, claims.upd) {
        return Verdict::UpdatesEnded;
    }
    let license = Granted {
        license_id: claims.sub.clone(),
        sku: claims.spec.sku.clone(),
        attributes: claims.spec.attributes.clone(),
        entitlements: claims.entitlements.clone(),
        quota: claims.quota.clone(),
        ends_at: claims.end,
        grace_until: claims.end.map(|end| end.saturating_add(claims.grace_secs)),
        offline_until: Some(offline_until),
        enforcement: claims.policy.enforcement,
        status_rule: claims.policy.status,
        next_action: NextAction::Renew,
    };
    graded(license, claims.term, Some((claims.nbf, claims.exp)), &standing)
}

/// The certificate's checks in their order; where the list speaks against both, what it says about the license
/// key counts: a key that was replaced ends its activations, and "replaced" is what helps.
fn both(
    key: Option<&VerifiedToken<LicenseClaims>>,
    certificate: &VerifiedToken<ActivationClaims>,
    expect: &Expectation<'_>,
) -> Result<Standing, Refusal> {
    let of_key = key.map_or(Ok(()), |key| verdict::judge_status(key, expect).map(drop));
    match verdict::judge_verified(certificate, expect) {
        Ok(standing) => of_key.map(|()| standing),
        Err(refusal) if refusal.code() == Code::Revoked => Err(of_key.err().unwrap_or(refusal)),
        Err(refusal) => Err(refusal),
    }
}

/// Grace belongs to the license's end: a lease that was cut there lasts through it, one that ended before does
/// not.
fn lease_end(claims: &ActivationClaims) -> i64 {
    match claims.end {
        Some(end) if claims.exp >= end => claims.exp.max(end.saturating_add(claims.grace_secs)),
        Some(_) | None => claims.exp,
    }
}

fn effective_now(issued_at: i64, expect: &Expectation<'_>) -> i64 {
    expect.now.max(expect.floor).max(issued_at)
}

fn updates_ended(config: &Config, updates_until: Option<i64>) -> bool {
    matches!((config.build_released_at, updates_until), (Some(released), Some(until)) if released >= until)
}

fn graded(license: Granted, term: Term, lease: Option<(i64, i64)>, standing: &Standing) -> Verdict {
    let mut license = Box::new(license);
    let now = standing.effective_now;
    if license.ends_at.is_some_and(|end| now >= end) {
        return Verdict::Grace(license);
    }
    let days = match term {
        Term::Days(days) => i64::from(days),
        Term::Months(months) => 30 * i64::from(months),
        Term::Years(years) => 365 * i64::from(years),
        Term::Permanent => i64::MAX / DAY_SECS,
    };
    let warning = (days * DAY_SECS / 4).min(EXPIRING_MAX_SECS);
    if license.ends_at.is_some_and(|end| end.saturating_sub(now) <= warning) {
        return Verdict::Expiring(license);
    }
    let lease_is_ending = |(start, end): (i64, i64)| {
        end.saturating_sub(now) <= ((end - start) / 10).min(LEASE_EXPIRING_MAX_SECS)
    };
    if lease.is_some_and(lease_is_ending) {
        license.next_action = NextAction::GoOnline;
        return Verdict::Expiring(license);
    }
    Verdict::Valid(license)
}

/// `over` is what helps when the token's time is over.
pub(crate) fn refused(refusal: &Refusal, over: NextAction) -> Verdict {
    match refusal.code() {
        Code::Malformed
        | Code::BadHeader
        | Code::UnknownKey
        | Code::BadSignature
        | Code::WrongType
        | Code::WrongIssuer
        | Code::WrongAudience
        | Code::WrongEnvironment => Verdict::Malformed,
        Code::NotYetValid | Code::ClockSuspect => Verdict::ClockSuspect,
        Code::Expired => Verdict::Expired(over),
        Code::WrongMachine => Verdict::WrongMachine,
        Code::ActivationRequired => Verdict::NeedsKey(NextAction::GoOnline),
        Code::StatusMissing | Code::StatusStale | Code::StatusRolledBack => Verdict::StatusStale,
        Code::Revoked => Verdict::Revoked(NextAction::GoOnline),
        Code::Suspended => Verdict::Suspended,
        Code::Superseded => Verdict::Superseded(NextAction::GoOnline),
        // Entitlements and quota are asked of a granted license, not here.
        Code::NotEntitled | Code::QuotaExhausted => Verdict::NeedsKey(NextAction::ContactSeller),
    }
}

/// What a refusal of the server means for the license. `None`: nothing.
pub(crate) fn of_server_code(code: &str) -> Option<Verdict> {
    match code {
        "license_revoked" | "license_released" => Some(Verdict::Revoked(NextAction::ContactSeller)),
        "license_suspended" => Some(Verdict::Suspended),
        "license_superseded" => Some(Verdict::Superseded(NextAction::PasteCurrentKey)),
        "machine_mismatch" | "clone_suspected" => Some(Verdict::WrongMachine),
        "license_expired" => Some(Verdict::Expired(NextAction::Renew)),
        "license_not_started" => Some(Verdict::NeedsKey(NextAction::Retry)),
        "machine_limit_reached" => Some(Verdict::MachineLimit),
        "license_key_refused" => Some(Verdict::Malformed),
        _ if is_place_gone(code) => Some(Verdict::NeedsKey(NextAction::PasteCurrentKey)),
        _ => None,
    }
}

/// The activation has ended: released elsewhere, or given to another machine after its lease.
pub(crate) fn is_place_gone(code: &str) -> bool {
    matches!(code, "illegal_state" | "not_found")
}

/// Lays what the server said over what the signed texts say. A withdrawal counts although the certificate still
/// holds. Everything else only explains why there is no certificate.
fn remembered(state: &State, offline: Verdict) -> Verdict {
    let code = state.refusal.as_ref().map(|refusal| refusal.code.as_str());
    let Some(heard) = code.and_then(of_server_code) else { return offline };
    let is_listed = matches!(offline, Verdict::Revoked(_) | Verdict::Suspended | Verdict::Superseded(_));
    let is_unexplained =
        matches!(offline, Verdict::NeedsKey(NextAction::GoOnline) | Verdict::Expired(NextAction::GoOnline));
    let withdraws = matches!(
        heard,
        Verdict::Revoked(_) | Verdict::Suspended | Verdict::Superseded(_) | Verdict::WrongMachine
    );
    match offline {
        _ if is_unexplained => heard,
        _ if withdraws && (is_listed || offline.is_granted()) => heard,
        // Going online did not help; only another key can.
        Verdict::Revoked(_) if code.is_some_and(is_place_gone) => {
            Verdict::Revoked(NextAction::PasteCurrentKey)
        }
        Verdict::Superseded(_) if code.is_some_and(is_place_gone) => {
            Verdict::Superseded(NextAction::PasteCurrentKey)
        }
        offline => offline,
    }
}
