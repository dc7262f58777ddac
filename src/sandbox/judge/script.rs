//! The calls that leave nothing behind: the debugging cases of a family, written in more than one way, and calls that
//! have to be refused.

use chrono::TimeDelta;
use serde_json::json;

use super::Examiner;
use super::exchange::{Exchange, Expected, Provocation, Twist};
use super::kind::Kind;
use crate::sandbox::caller::CallError;
use crate::sandbox::dial_tests::saved_cases;
use crate::sandbox::family::Family;
use crate::sandbox::manner::{BodyForm, Manner, TokenPlus};
use crate::sandbox::orders::{Basket, Billing, MockOrder, OrderReason};
use crate::sandbox::words::{Call, v1, v2};
use crate::sandbox::written::WrittenCall;

/// Most instances of one query.
const INSTANCES_MAX: usize = 100;
/// Beyond every tolerance: 60 s where the pages state one.
const LONG_AGO: TimeDelta = TimeDelta::hours(26);
/// Within every tolerance.
const A_LITTLE: TimeDelta = TimeDelta::seconds(40);
/// Two thirds of the tokens hold a `+`.
const TOKENS_TRIED_MAX: usize = 64;

/// A way to write a call that is right all the same.
type Variation = (Twist, Manner);

impl Examiner {
    /// Every debugging call of a family, and every call that has to be refused. `skip` names activities that the
    /// product does without; `told` hears of each call.
    pub fn debug(
        &self,
        family: Family,
        skip: &[String],
        told: &mut dyn FnMut(&str),
    ) -> Result<(), CallError> {
        let cases: Vec<Call> = self
            .cases(family)
            .into_iter()
            .filter(|call| !skip.iter().any(|name| name == call.activity))
            .collect();
        // Those that succeed tell more; what fails would only fail again in other words.
        let mut succeeding = Vec::new();
        // Twice: they come every morning and every afternoon.
        for (round, call) in cases.iter().map(|call| (1, call)).chain(cases.iter().map(|call| (2, call))) {
            told(call.activity);
            let exchange = self.ask(call, &Manner::default(), expected_of(call))?;
            if round == 2 && exchange.outcome.is_ok_and(|answer| answer.is_success()) {
                succeeding.push(call);
            }
        }
        for call in &succeeding {
            for (twist, manner) in variations(call) {
                told(call.activity);
                self.vary(call, twist, &manner)?;
            }
        }
        match succeeding.first() {
            Some(call) => self.provoke(call, told),
            None => Ok(()),
        }
    }

    /// One round of the debugging calls of a family, as the marketplace makes them twice a day. `goes_on` sees each
    /// exchange and ends the round by saying no; the answer is whether it came to its end.
    pub fn rehearse(
        &self,
        family: Family,
        goes_on: &mut dyn FnMut(&Exchange) -> bool,
    ) -> Result<bool, CallError> {
        for call in self.cases(family) {
            if !goes_on(&self.ask(&call, &Manner::default(), expected_of(&call))?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn cases(&self, family: Family) -> Vec<Call> {
        let now = self.now();
        let mut cases = saved_cases(family, now);
        let many: Vec<String> = (0..INSTANCES_MAX).map(|number| format!("mock-instance-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        match family {
            Family::SaasV2 | Family::LicenseOnline => {
                cases.push(v2::query_instance(family, &many).as_dial_test())
            }
            Family::SaasV1 => cases.push(v1::query(&many).as_dial_test()),
            Family::LicenseCode | Family::LicenseV1 | Family::KitV1 | Family::KitV2 => {}
        }
        if !family.is_get() && !family.is_kit() {
            let order = MockOrder::new(
                "MOCKONETIMENEW",
                OrderReason::New,
                now,
                Basket::of("MOCKSKU", Billing::OneTime),
            );
            cases.push(v2::order_notify(family, &order).as_dial_test());
        }
        cases
    }

    fn vary(&self, call: &Call, twist: Twist, manner: &Manner) -> Result<(), CallError> {
        let expected = match expected_of(call) {
            Expected::Accepted => Expected::AcceptedDespite(twist),
            other => other,
        };
        if twist != Twist::BlankInToken {
            return self.ask(call, manner, expected).map(|_| ());
        }
        for _ in 0..TOKENS_TRIED_MAX {
            // The business id is another one on every writing, and with it the token.
            let plain = self.write(call, &Manner { token_plus: TokenPlus::Bare, ..manner.clone() })?;
            if token_of(&plain).contains('+') {
                self.send(&with_blanks(plain), expected);
                break;
            }
        }
        Ok(())
    }

    fn provoke(&self, call: &Call, told: &mut dyn FnMut(&str)) -> Result<(), CallError> {
        told("what has to be refused");
        let refused = Expected::Refused;
        self.ask(
            call,
            &Manner { wrong_key: true, ..Manner::default() },
            refused(Provocation::WrongSignature),
        )?;
        let unsigned = without_signature(self.write(call, &Manner::default())?);
        self.send(&unsigned, refused(Provocation::MissingSignature));
        for skew in [-LONG_AGO, LONG_AGO] {
            self.ask(call, &Manner { skew, ..Manner::default() }, refused(Provocation::StaleTime))?;
        }
        if !call.family.is_kit() {
            // Nothing can come of it, so that it need not say that it is a test: what only looks at the flag would
            // not show whether it knows its activities.
            let unknown = Call::new(call.family, "noSuchActivity", json!({ "instanceId": "mock-instance" }));
            self.ask(&unknown, &Manner::default(), refused(Provocation::UnknownActivity))?;
        }
        Ok(())
    }
}

/// No table of the codes names newInstance: what does not know it is right, too.
fn expected_of(call: &Call) -> Expected {
    let is_named = call.family != Family::LicenseCode || call.activity != "newInstance";
    if is_named { Expected::Accepted } else { Expected::Documented }
}

fn variations(call: &Call) -> Vec<Variation> {
    let usual = Manner::default;
    let (is_purchase, family) = (call.is_purchase(), call.family);
    let mut variations = vec![(Twist::UnknownMember, Manner { unknown_member: true, ..usual() })];
    let mut shorter = usual();
    shorter.leaves_out_optional(call);
    // The flag stays: nothing may come of it.
    shorter.without.retain(|name| *name != "testFlag");
    if !shorter.without.is_empty() {
        variations.push((Twist::MissingOptional, shorter));
    }
    if !family.is_get() {
        let manner = Manner { body: BodyForm::Shuffled, order_seed: 7, ..usual() };
        variations.push((Twist::Unsorted, manner));
    }
    if call.text("expireTime").len() == 14 && call.family.kind_of(call.activity) == Kind::Change {
        variations.push((Twist::LongTime, Manner { expire_millis: Some(256), ..usual() }));
    }
    if is_purchase || family.is_kit() {
        for skew in [-A_LITTLE, A_LITTLE] {
            variations.push((Twist::Skewed, Manner { skew, ..usual() }));
        }
    }
    if is_purchase && family.is_get() {
        variations.push((Twist::BlankInToken, usual()));
    }
    variations
}

fn token_of(call: &WrittenCall) -> &str {
    let pair = call.query.split('&').find_map(|pair| pair.strip_prefix("authToken="));
    pair.unwrap_or_default()
}

/// A `+` that was decoded once too often on its way.
fn with_blanks(call: WrittenCall) -> WrittenCall {
    let blank = format!("authToken={}", token_of(&call).replace('+', "%20"));
    let pairs =
        call.query.split('&').map(|pair| if pair.starts_with("authToken=") { blank.as_str() } else { pair });
    let query = pairs.collect::<Vec<_>>().join("&");
    WrittenCall { query, ..call }
}

/// The call without what signs it.
fn without_signature(mut call: WrittenCall) -> WrittenCall {
    let signs = |name: &str| matches!(name, "signature" | "authToken" | "x-sign");
    let pairs = call.query.split('&').filter(|pair| !signs(pair.split('=').next().unwrap_or_default()));
    call.query = pairs.collect::<Vec<_>>().join("&");
    call.headers.retain(|(name, _)| !signs(name));
    call
}
