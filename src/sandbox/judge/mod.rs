//! Judges the answers of a production address as the marketplace would, whoever serves it.
//!
//! [`Judge::look`] is shown each [`Exchange`] as it is over and holds it to every [`Rule`] that fits it; some rules
//! need to remember what was answered before. [`Judge::report`] tells, rule by rule, how often it was looked at and
//! broken, with the first example in words. [`wire`] speaks HTTP/1.1 and keeps what the rules need and other clients
//! throw away: the letter case of header names, the exact bytes, the time taken.
//!
//! No code is shared with the server's adapter: both are held to the marketplace's pages.

mod examiner;
mod exchange;
mod kind;
mod memory;
mod purchases;
mod report;
mod rule;
mod rules;
mod script;
pub mod wire;

use std::sync::Mutex;

use secrecy::SecretString;

pub use crate::sandbox::family::Family;
pub use examiner::{Examiner, Unreachable};
pub use exchange::{CallFailure, Exchange, Expected, Phase, Provocation, Twist, WireAnswer};
pub use kind::Kind;
pub use purchases::{Purchases, Shelf};
pub use report::{Finding, Report};
pub use rule::{Rule, Severity};

use memory::Memory;

/// Whose signature an answer has to carry.
#[derive(Debug, Clone)]
pub struct AnswerKeys {
    /// The access keys that sign callbacks; the answer may be signed with any of them.
    pub callbacks: Vec<SecretString>,
    /// Those of the Kit; where there is none, those for callbacks count.
    pub kit: Vec<SecretString>,
}

impl AnswerKeys {
    /// One key for everything.
    pub fn one(key: SecretString) -> Self {
        Self { callbacks: vec![key], kit: Vec::new() }
    }

    fn of(&self, family: Family) -> &[SecretString] {
        if family.is_kit() && !self.kit.is_empty() { &self.kit } else { &self.callbacks }
    }
}

/// Holds exchanges to the rules. May be shared between threads: exchanges may be shown in any order in which they
/// ended, as long as [`Exchange::began`] and [`Exchange::ended`] are read from one stopwatch.
#[derive(Debug)]
pub struct Judge {
    keys: Mutex<AnswerKeys>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    memory: Memory,
    report: Report,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new(keys: AnswerKeys) -> Self {
        Self { keys: Mutex::new(keys), state: Mutex::default() }
    }

    /// From now on answers may also be signed with this key: keys are rotated while calls are under way.
    pub fn also_accept(&self, key: SecretString) {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).callbacks.push(key);
    }

    /// Holds one exchange to every rule that fits it.
    pub fn look(&self, exchange: &Exchange) {
        let keys = self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let State { memory, report } = &mut *state;
        rules::look(exchange, keys.of(exchange.family), memory, report);
    }

    /// Hears of a call whose answer nobody read: what it changes may show at any time from now on.
    pub fn unheard(&self, exchange: &Exchange) {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).memory.unheard(exchange);
    }

    /// Tells the report what no single exchange shows, such as facts of the address.
    pub fn told(&self, rule: Rule, broken: Option<String>) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.report.looked(rule, broken);
    }

    /// What was found so far.
    pub fn report(&self) -> Report {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).report.clone()
    }
}
