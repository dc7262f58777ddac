//! Is this token good here and now? One ordered list of checks; the first that fails gives the code.
//!
//! 1. format → `malformed` 2. header → `bad_header` 3. kid → `unknown_key` 4. signature → `bad_signature`
//! 5. typ → `wrong_type` (then the claims' form → `malformed`): all in [`crate::token`]; then, here:
//! 6. iss, aud, env 7. time 8. machine 9. status list 10. entitlements and quota.

use crate::claims::{AnyClaims, Claims, Env, Facts, MachineBinding, StatusListClaims, StatusRef};
use crate::status_list::StatusValue;
use crate::{
    Amount, Code, KeySet, Machine, Policy, Refusal, StatusRule, TokenType, UnverifiedToken, VerifiedToken,
};

/// How far the wall clock may be behind the floor before it is called suspect, in seconds.
pub const CLOCK_TOLERANCE_SECS: i64 = 24 * 60 * 60;

/// What the caller expects. What is `None` or empty is not checked: client software names issuer, audience,
/// environment, machine and lists; a server that only asks "is this text genuine?" names fewer.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// The wall clock, in Unix seconds.
    pub now: i64,
    /// The highest time that a signed token has proved so far, in Unix seconds; 0 when none has.
    pub floor: i64,
    /// `iss`.
    pub issuer: Option<&'a str>,
    /// `aud`.
    pub audience: Option<&'a str>,
    /// `lic.env`.
    pub env: Option<Env>,
    /// The machine this runs on.
    pub machine: Option<&'a Machine>,
    /// The status lists at hand; `None`: do not consult lists at all (a server knows the truth).
    pub lists: Option<&'a [KnownList<'a>]>,
    /// Entitlements that are needed.
    pub entitlements: &'a [&'a str],
    /// Quota that is needed.
    pub quota: &'a [QuotaNeed<'a>],
    /// How long after `exp` the caller still takes the token, in seconds. `exp` itself is without grace; whoever
    /// grants it adds the token's `grace_secs` here, and reads in [`Standing::is_past_end`] that it was used.
    pub grace_secs: i64,
}

impl Expectation<'_> {
    /// Expects nothing but validity at `now`.
    #[must_use]
    pub const fn at(now: i64) -> Self {
        Self {
            now,
            floor: 0,
            issuer: None,
            audience: None,
            env: None,
            machine: None,
            lists: None,
            entitlements: &[],
            quota: &[],
            grace_secs: 0,
        }
    }
}

/// Units of one metric that must have been granted: what was used in this window and what is wanted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaNeed<'a> {
    /// The metric.
    pub metric: &'a str,
    /// Used plus wanted.
    pub amount: Amount,
}

/// A verified status list, and the newest one that was ever seen of the same address.
#[derive(Debug, Clone, Copy)]
pub struct KnownList<'a> {
    /// The list at hand.
    pub list: &'a VerifiedToken<StatusListClaims>,
    /// The newest one seen before; `None` the first time.
    pub seen: Option<SeenList<'a>>,
}

/// What is remembered of the newest list of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenList<'a> {
    /// Its `seq`.
    pub seq: i64,
    /// Its `iat`.
    pub iat: i64,
    /// Its text, to tell equivocation; `None` when it was not kept.
    pub text: Option<&'a str>,
}

impl KnownList<'_> {
    /// Older than, or another text of the same number as, the newest seen.
    fn is_rolled_back(&self) -> bool {
        let claims = self.list.claims();
        self.seen.is_some_and(|seen| {
            let other_text = seen.text.is_some_and(|text| text != self.list.text());
            claims.seq < seen.seq || claims.iat < seen.iat || (claims.seq == seen.seq && other_text)
        })
    }
}

/// A token that passed every check.
#[derive(Debug, Clone)]
pub struct Judged<C> {
    /// The token.
    pub token: VerifiedToken<C>,
    /// What is known besides "yes".
    pub standing: Standing,
}

/// What is known of a token besides "yes".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// max(wall clock, floor, the `iat` of the token and of its status list), in Unix seconds.
    pub effective_now: i64,
    /// How good the status list was.
    pub list: ListStanding,
    /// `exp` is reached: the token is taken by grace ([`Expectation::grace_secs`]).
    pub is_past_end: bool,
}

/// How good the status list was that a verdict stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListStanding {
    /// No list was consulted: the caller or the policy does not ask, or the token names none.
    NotConsulted,
    /// Wanted, not there, and not required.
    Missing,
    /// There, old, and not required to be fresh.
    Stale,
    /// There and fresh.
    Fresh,
}

/// Judges a text from its form to its quota.
///
/// # Errors
/// [`Refusal`] with the code of the first step that fails.
pub fn judge(
    text: &str,
    keys: &KeySet,
    expected: TokenType,
    expect: &Expectation<'_>,
) -> Result<Judged<AnyClaims>, Refusal> {
    let parsed = UnverifiedToken::parse_as(text, expected)?;
    let token = parsed.verify_as(keys, expected)?;
    let standing = judge_facts(&token.claims().facts(), expect)?;
    Ok(Judged { token, standing })
}

/// Judges a token that is verified already: steps 6 to 10.
///
/// # Errors
/// [`Refusal`] with the code of the first step that fails.
pub fn judge_verified<C: Claims>(
    token: &VerifiedToken<C>,
    expect: &Expectation<'_>,
) -> Result<Standing, Refusal> {
    judge_facts(&token.claims().facts(), expect)
}

/// The ordered list.
fn judge_facts(facts: &Facts<'_>, expect: &Expectation<'_>) -> Result<Standing, Refusal> {
    let list = right_list(facts, expect);
    let floor = expect.floor.max(facts.issued_at).max(list.map_or(0, |known| known.list.claims().iat));
    let effective_now = expect.now.max(floor);
    for_whom(facts, expect)?;
    time(facts, expect, effective_now)?;
    machine(facts, expect)?;
    let list = status(facts, expect, list, effective_now)?;
    grants(facts, expect)?;
    let is_past_end = facts.expires_at.is_some_and(|end| effective_now >= end);
    Ok(Standing { effective_now, list, is_past_end })
}

/// Step 6 alone: issuer, product and environment. For a text that is to be kept, whatever the time.
///
/// # Errors
/// `wrong_issuer`, `wrong_audience` or `wrong_environment`.
pub fn judge_recipient<C: Claims>(token: &VerifiedToken<C>, expect: &Expectation<'_>) -> Result<(), Refusal> {
    for_whom(&token.claims().facts(), expect)
}

/// Step 9 alone: what the status list says about a token whose time is decided by another one. A license key
/// may have ended while the certificate that was renewed after it holds.
///
/// # Errors
/// `status_missing`, `status_rolled_back`, `revoked`, `suspended`, `superseded` or `status_stale`.
pub fn judge_status<C: Claims>(
    token: &VerifiedToken<C>,
    expect: &Expectation<'_>,
) -> Result<ListStanding, Refusal> {
    let facts = token.claims().facts();
    let list = right_list(&facts, expect);
    let effective_now = expect.now.max(expect.floor).max(list.map_or(0, |known| known.list.claims().iat));
    status(&facts, expect, list, effective_now)
}

fn for_whom(facts: &Facts<'_>, expect: &Expectation<'_>) -> Result<(), Refusal> {
    if expect.issuer.is_some_and(|issuer| issuer != facts.issuer) {
        return Err(Refusal::new(Code::WrongIssuer, "of another merchant"));
    }
    if facts.audience.is_some() && expect.audience.is_some() && expect.audience != facts.audience {
        return Err(Refusal::new(Code::WrongAudience, "for another product"));
    }
    if expect.env.is_some_and(|env| env != facts.env) {
        return Err(Refusal::new(Code::WrongEnvironment, "of the other environment"));
    }
    Ok(())
}

/// Half-open: from `nbf`, not at `exp`. A clock that is set back gains nothing, because `effective_now` stands
/// on what signed tokens prove; where that matters and the clock is more than a day behind, it is called suspect.
fn time(facts: &Facts<'_>, expect: &Expectation<'_>, effective_now: i64) -> Result<(), Refusal> {
    if effective_now < facts.not_before {
        return Err(Refusal::new(Code::NotYetValid, "`nbf` is still to come"));
    }
    if facts.expires_at.is_some_and(|end| effective_now >= end.saturating_add(expect.grace_secs)) {
        return Err(Refusal::new(Code::Expired, "`exp` is reached"));
    }
    let behind = effective_now.saturating_sub(expect.now);
    let matters = facts.expires_at.is_some() || rule(facts) == StatusRule::Require;
    if matters && behind > CLOCK_TOLERANCE_SECS {
        return Err(Refusal::new(Code::ClockSuspect, "the clock is more than a day behind signed time"));
    }
    Ok(())
}

fn rule(facts: &Facts<'_>) -> StatusRule {
    facts.policy.map_or(StatusRule::Ignore, |policy| policy.status)
}

fn machine(facts: &Facts<'_>, expect: &Expectation<'_>) -> Result<(), Refusal> {
    let Some(here) = expect.machine else { return Ok(()) };
    match facts.binding {
        MachineBinding::Unbound => Ok(()),
        MachineBinding::NeedsActivation => {
            Err(Refusal::new(Code::ActivationRequired, "a license key of this spec must be activated"))
        }
        MachineBinding::Bound { machine, device_key } => {
            let key_matches = device_key.is_some() && device_key == here.device_key.as_deref();
            let key_fits = key_matches || device_key.is_none();
            let matches = match machine {
                Some(enrolled) => key_fits && enrolled.matches(here, key_matches),
                None => key_matches,
            };
            if matches { Ok(()) } else { Err(Refusal::new(Code::WrongMachine, "issued for another machine")) }
        }
    }
}

/// The list that speaks about this token: of its issuer and environment, under the address it names.
fn right_list<'a>(facts: &Facts<'_>, expect: &Expectation<'a>) -> Option<&'a KnownList<'a>> {
    let status = facts.status?;
    expect.lists?.iter().find(|known| {
        let claims = known.list.claims();
        claims.sub == status.uri && claims.iss == facts.issuer && claims.env == facts.env
    })
}

fn status(
    facts: &Facts<'_>,
    expect: &Expectation<'_>,
    list: Option<&KnownList<'_>>,
    effective_now: i64,
) -> Result<ListStanding, Refusal> {
    let (Some(policy), true) = (facts.policy, expect.lists.is_some()) else {
        return Ok(ListStanding::NotConsulted);
    };
    let required = match policy.status {
        StatusRule::Require => true,
        StatusRule::Prefer => false,
        StatusRule::Ignore => return Ok(ListStanding::NotConsulted),
    };
    let (Some(status), Some(known)) = (facts.status, list) else {
        return match required {
            true => Err(Refusal::new(Code::StatusMissing, "no status list speaks about this token")),
            false => Ok(ListStanding::Missing),
        };
    };
    if known.is_rolled_back() {
        return Err(Refusal::new(Code::StatusRolledBack, "the status list is older than one seen before"));
    }
    entry(status, known)?;
    if !is_stale(policy, known, effective_now) {
        return Ok(ListStanding::Fresh);
    }
    match required {
        true => Err(Refusal::new(Code::StatusStale, "the status list is too old")),
        false => Ok(ListStanding::Stale),
    }
}

fn is_stale(policy: &Policy, known: &KnownList<'_>, effective_now: i64) -> bool {
    let claims = known.list.claims();
    let age = effective_now.saturating_sub(claims.iat);
    effective_now >= claims.exp || policy.max_status_age.is_some_and(|max_age| age >= max_age)
}

fn entry(status: &StatusRef, known: &KnownList<'_>) -> Result<(), Refusal> {
    let index = usize::try_from(status.idx).unwrap_or(usize::MAX);
    match known.list.claims().list.status(index) {
        Some(StatusValue::Valid) => Ok(()),
        Some(StatusValue::Invalid) => Err(Refusal::new(Code::Revoked, "ended for good")),
        Some(StatusValue::Suspended) => Err(Refusal::new(Code::Suspended, "stopped, can be resumed")),
        Some(StatusValue::Superseded) => {
            Err(Refusal::new(Code::Superseded, "replaced by another license key"))
        }
        None => Err(Refusal::new(Code::StatusMissing, "the status list has no entry of this index")),
    }
}

fn grants(facts: &Facts<'_>, expect: &Expectation<'_>) -> Result<(), Refusal> {
    let entitled = |needed: &&str| facts.entitlements.iter().any(|entitlement| entitlement == needed);
    if !expect.entitlements.iter().all(entitled) {
        return Err(Refusal::new(Code::NotEntitled, "an entitlement that is needed is not granted"));
    }
    let granted = |metric: &str| {
        let packages = facts.quota.iter().filter(|package| package.metric == metric);
        packages.fold(0_i64, |sum, package| sum.saturating_add(package.amount.ten_thousandths()))
    };
    if expect.quota.iter().any(|need| granted(need.metric) < need.amount.ten_thousandths()) {
        return Err(Refusal::new(Code::QuotaExhausted, "not enough quota is left"));
    }
    Ok(())
}
