//! The server judges its own production addresses, from outside: through the name, the proxy and the certificate that
//! the marketplace will meet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;

use crate::application::ports::{Clock, SecretSource};
use crate::application::{App, ChannelChecks, CheckFinding, CheckItem, CheckedChannel, CheckedItem};
use crate::domain::{AccessKeyUse, Channel, MerchantId};
use crate::sandbox::address::AddressKeys;
use crate::sandbox::family::Family;
use crate::sandbox::judge::wire::{CertificateFault, Limits, Target, TlsFacts, Trust, Wire, WireRequest};
use crate::sandbox::judge::{CallFailure, Examiner, Report, Rule, Severity};

/// A call is given up on soon after the marketplace would.
const CALL_TIME: Duration = Duration::from_secs(6);
const CONNECT_TIME: Duration = Duration::from_secs(3);
const IN_TIME: Duration = Duration::from_secs(5);
const PROMPT: Duration = Duration::from_secs(2);
/// As long as it takes to have a certificate renewed in peace.
const CERTIFICATE_ENDS_SOON: TimeDelta = TimeDelta::days(21);
/// The marketplace's window is 60 s either way, and the way takes some of it.
const CLOCK_RIGHT_SECS: i64 = 5;
const CLOCK_FAR_OFF_SECS: i64 = 30;

/// Checks the addresses of one server, one at a time.
pub struct AddressChecks {
    app: Arc<App>,
    public_url: String,
    secrets: Arc<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    trust: Trust,
    one_at_a_time: Semaphore,
}

/// What was found so far; the check may be cut off.
type Found = Arc<Mutex<Vec<CheckedItem>>>;

impl AddressChecks {
    /// `public_url` is where the world finds this server.
    pub fn new(
        app: Arc<App>,
        public_url: &str,
        secrets: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let public_url = public_url.trim_end_matches('/').to_owned();
        Self { app, public_url, secrets, clock, trust: Trust::public(), one_at_a_time: Semaphore::new(1) }
    }

    /// The same, believing these authorities.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    fn wire(&self) -> Wire {
        let limits = Limits { connect: CONNECT_TIME, whole: CALL_TIME, ..Limits::default() };
        Wire::new(limits).with_trust(self.trust.clone())
    }

    /// The keys that sign what the marketplace calls, each the newest of its use.
    fn keys(&self, channel: &Channel) -> Result<AddressKeys, CheckFinding> {
        let newest = |wanted: AccessKeyUse| channel.live_keys(wanted).find(|key| key.used_for == wanted);
        let resolve = |reference| {
            self.secrets.resolve(reference).map_err(|fault| CheckFinding::KeyUnusable(fault.to_string()))
        };
        let callbacks = newest(AccessKeyUse::Callbacks).ok_or(CheckFinding::KeyMissing)?;
        let callbacks = resolve(&callbacks.value)?;
        let kit = newest(AccessKeyUse::Kit).map(|key| resolve(&key.value)).transpose()?;
        Ok(AddressKeys { callbacks, kit })
    }

    /// Everything about the address itself, on a thread that may block.
    async fn look_at_address(&self, url: &str, channel: &Channel, found: &Found) {
        let note = |item, finding| push(found, item, finding);
        let keys = self.keys(channel);
        note(CheckItem::AccessKey, keys.as_ref().map_or_else(Clone::clone, |_| CheckFinding::KeyUsable));
        let Ok(target) = Target::parse(url) else {
            note(CheckItem::Address, CheckFinding::AddressWithoutTls);
            return;
        };
        note(CheckItem::Address, address_finding(&target));
        let (wire, now, found) = (self.wire(), self.clock.now(), Arc::clone(found));
        let family = Family::named(&channel.protocol.0);
        let clock = Arc::clone(&self.clock);
        let looking = move || {
            if !look_at_connection(&wire, &target, now, &found) {
                return;
            }
            let Some(family) = family else {
                push(&found, CheckItem::Debugging, CheckFinding::NoRules);
                return;
            };
            let Ok(keys) = keys else {
                skip(&found, &[CheckItem::HeaderCase, CheckItem::TimeLimit, CheckItem::Debugging]);
                return;
            };
            let has_kit_key = keys.kit.is_some();
            let examiner = Examiner::new(target, keys, Arc::new(move || clock.now()), wire);
            let mut families = vec![family];
            if has_kit_key {
                families.extend([Family::KitV1, Family::KitV2]);
            }
            look_at_answers(&examiner, &families, &found);
        };
        // A panic has been told where it happened; what is missing counts as unfinished.
        let _ = tokio::task::spawn_blocking(looking).await;
    }

    /// Everything about the marketplace's side.
    async fn look_at_marketplace(&self, merchant: &MerchantId, channel: &Channel, found: &Found) {
        let needs_orders = Family::named(&channel.protocol.0).is_some_and(|family| !family.is_get());
        let finding = if channel.open_api.is_some() || needs_orders {
            self.app.query_mock_order(merchant, channel).await
        } else {
            CheckFinding::OrderQueryNotNeeded
        };
        push(found, CheckItem::OrderQuery, finding);
        let (wire, clock) = (self.wire(), Arc::clone(&self.clock));
        let base_url = channel.open_api.as_ref().map(|open_api| open_api.base_url.clone());
        let asking = move || base_url.and_then(|base_url| ahead_secs(&wire, &base_url, clock.as_ref()));
        let ahead = tokio::task::spawn_blocking(asking).await.ok().flatten();
        let finding = match (ahead, &channel.open_api) {
            (Some(ahead_secs), _) => clock_finding(ahead_secs),
            (None, Some(_)) => CheckFinding::ClockUnknown,
            (None, None) => CheckFinding::ClockNotNeeded,
        };
        push(found, CheckItem::Clock, finding);
    }
}

#[async_trait]
impl ChannelChecks for AddressChecks {
    async fn check(&self, merchant: &MerchantId, channel: &Channel, within: Duration) -> CheckedChannel {
        let url = format!("{}/marketplace/{merchant}/{}", self.public_url, channel.id);
        let (address, marketplace) = (Found::default(), Found::default());
        let looking = async {
            let _turn = self.one_at_a_time.acquire().await;
            tokio::join!(
                self.look_at_address(&url, channel, &address),
                self.look_at_marketplace(merchant, channel, &marketplace)
            )
        };
        let is_cut_off = tokio::time::timeout(within, looking).await.is_err();
        let taken =
            |found: &Found| std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        let mut items = taken(&address);
        items.extend(taken(&marketplace));
        if is_cut_off {
            let all = [CheckItem::Debugging, CheckItem::OrderQuery, CheckItem::Clock];
            for item in all
                .into_iter()
                .filter(|item| items.iter().all(|checked| checked.item != *item))
                .collect::<Vec<_>>()
            {
                items.push(CheckedItem { item, finding: CheckFinding::Unfinished });
            }
        }
        CheckedChannel { url, items }
    }
}

fn push(found: &Found, item: CheckItem, finding: CheckFinding) {
    found.lock().unwrap_or_else(PoisonError::into_inner).push(CheckedItem { item, finding });
}

fn skip(found: &Found, items: &[CheckItem]) {
    items.iter().for_each(|item| push(found, *item, CheckFinding::NotLookedAt));
}

fn address_finding(target: &Target) -> CheckFinding {
    if target.is_loopback() {
        CheckFinding::AddressIsLocal
    } else if target.ip().is_some() {
        CheckFinding::AddressIsNumber
    } else if !target.is_tls {
        CheckFinding::AddressWithoutTls
    } else {
        CheckFinding::AddressRight
    }
}

/// Name, connection, TLS, certificate. False where no call could follow.
fn look_at_connection(wire: &Wire, target: &Target, now: DateTime<Utc>, found: &Found) -> bool {
    let after = [CheckItem::HeaderCase, CheckItem::TimeLimit, CheckItem::Debugging];
    if let Err(failure) = wire.reach(target) {
        let finding = match failure {
            CallFailure::NameUnknown(why) => CheckFinding::NameUnknown(why),
            other => CheckFinding::NoConnection(other.to_string()),
        };
        push(found, CheckItem::Reachable, finding);
        skip(found, &[CheckItem::Tls, CheckItem::Certificate]);
        skip(found, &after);
        return false;
    }
    push(found, CheckItem::Reachable, CheckFinding::Reached);
    if !target.is_tls {
        skip(found, &[CheckItem::Tls, CheckItem::Certificate]);
        return true;
    }
    match wire.inspect(target, now) {
        Ok(facts) => {
            push(found, CheckItem::Tls, CheckFinding::TlsRight { version: facts.version.clone() });
            push(found, CheckItem::Certificate, certificate_finding(&facts, now));
            if facts.prefers_http2 {
                push(found, CheckItem::HeaderCase, CheckFinding::Http2Taken);
            }
            if facts.fault.is_some() {
                skip(found, &after);
            }
            facts.fault.is_none()
        }
        Err(failure) => {
            push(found, CheckItem::Tls, CheckFinding::TlsFailed(failure.to_string()));
            skip(found, &[CheckItem::Certificate]);
            skip(found, &after);
            false
        }
    }
}

fn certificate_finding(facts: &TlsFacts, now: DateTime<Utc>) -> CheckFinding {
    match (&facts.fault, facts.not_after) {
        (Some(CertificateFault::UnknownIssuer), _) => {
            CheckFinding::CertificateUnknownIssuer { alone: facts.chain_length < 2 }
        }
        (Some(CertificateFault::Expired { at }), _) => CheckFinding::CertificateExpired { at: *at },
        (Some(CertificateFault::NotYetValid { from }), _) => {
            CheckFinding::CertificateNotYetValid { from: *from }
        }
        (Some(CertificateFault::WrongName { names }), _) => {
            CheckFinding::CertificateWrongName { names: names.clone() }
        }
        (Some(CertificateFault::Other(why)), _) => CheckFinding::CertificateUnverified(why.clone()),
        (None, Some(ends_at)) if ends_at - now < CERTIFICATE_ENDS_SOON => {
            CheckFinding::CertificateEndsSoon { ends_at }
        }
        (None, ends_at) => CheckFinding::CertificateRight { ends_at },
    }
}

/// The debugging calls of the families, and what the judge found in their answers.
fn look_at_answers(examiner: &Examiner, families: &[Family], found: &Found) {
    let (mut calls, mut slowest) = (0, Duration::ZERO);
    for family in families {
        let rehearsed = examiner.rehearse(*family, &mut |exchange| {
            calls += 1;
            slowest = slowest.max(exchange.ended.saturating_sub(exchange.began));
            // One that does not answer is enough: the others would only take as long.
            exchange.outcome.is_ok()
        });
        if !matches!(rehearsed, Ok(true)) {
            break;
        }
    }
    let report = examiner.judge().report();
    if let Some(finding) = header_case_finding(&report) {
        push(found, CheckItem::HeaderCase, finding);
    }
    push(found, CheckItem::TimeLimit, time_finding(slowest));
    let own = [Rule::BodySignLetterCase, Rule::AnswersInTime, Rule::AnswersPromptly];
    let broken = [Severity::Violation, Severity::Advice].map(|severity| report.broken(severity)).concat();
    let broken: Vec<Rule> = broken.into_iter().filter(|rule| !own.contains(rule)).collect();
    if broken.is_empty() {
        push(found, CheckItem::Debugging, CheckFinding::RulesHold { calls });
    }
    for rule in broken {
        let example = report.finding(rule).and_then(|finding| finding.example.clone()).unwrap_or_default();
        let finding = CheckFinding::RuleBroken {
            rule: rule.id(),
            source: rule.source(),
            is_advice: rule.severity() == Severity::Advice,
            english: rule.english(),
            chinese: rule.chinese(),
            example,
        };
        push(found, CheckItem::Debugging, finding);
    }
}

fn header_case_finding(report: &Report) -> Option<CheckFinding> {
    let looked = report.finding(Rule::BodySignLetterCase)?;
    Some(match &looked.example {
        Some(example) => CheckFinding::HeaderCaseWrong(example.clone()),
        None => CheckFinding::HeaderCaseRight,
    })
}

fn time_finding(slowest: Duration) -> CheckFinding {
    if slowest > IN_TIME {
        CheckFinding::TooSlow { slowest }
    } else if slowest > PROMPT {
        CheckFinding::Slow { slowest }
    } else {
        CheckFinding::InTime { slowest }
    }
}

/// By how much our clock is ahead of the `Date` of any answer of the marketplace. Nothing is asked and nothing signed.
fn ahead_secs(wire: &Wire, base_url: &str, clock: &dyn Clock) -> Option<i64> {
    // As for every call there: without TLS for a trial on this machine only.
    let target = Target::parse(base_url).ok().filter(|target| target.is_tls || target.is_loopback())?;
    let request = WireRequest {
        method: "GET",
        path_and_query: target.path_and_query("", ""),
        headers: vec![("Accept", "application/json".to_owned())],
        body: Vec::new(),
    };
    let answer = wire.send(&target, &request).ok()?;
    let date = DateTime::parse_from_rfc2822(answer.header("date")?).ok()?;
    // It was written somewhere between, and cut to whole seconds.
    let now = clock.now() - TimeDelta::from_std(answer.took / 2).unwrap_or_default();
    Some((now - date.to_utc()).num_seconds())
}

fn clock_finding(ahead_secs: i64) -> CheckFinding {
    match ahead_secs.abs() {
        0..=CLOCK_RIGHT_SECS => CheckFinding::ClockRight { ahead_secs },
        ..=CLOCK_FAR_OFF_SECS => CheckFinding::ClockOff { ahead_secs },
        _ => CheckFinding::ClockFarOff { ahead_secs },
    }
}
