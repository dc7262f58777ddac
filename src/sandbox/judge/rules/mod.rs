//! One exchange against every rule that fits it.
//!
//! Each broken promise is told under one rule, the one that names it best: what a rule has found makes those that
//! only follow from it be left out.

mod acceptance;
mod body;
mod instances;
mod signature;
mod transport;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::exchange::Exchange;
use super::memory::Memory;
use super::report::Report;
use super::rule::Rule;

/// One exchange under the eyes of the judge.
pub(super) struct Looking<'a> {
    pub exchange: &'a Exchange,
    pub report: &'a mut Report,
}

impl Looking<'_> {
    /// Tells the report that a rule was looked at; `broken` says in words how it was broken. Rules that do not hold
    /// for the family are passed over.
    pub fn hold(&mut self, rule: Rule, broken: Option<String>) {
        if rule.families().contains(&self.exchange.family) {
            let told = broken.map(|words| format!("{}: {words}", self.what()));
            self.report.looked(rule, told);
        }
    }

    /// The same for a rule that says what has to be so.
    pub fn holds(&mut self, rule: Rule, is_so: bool, otherwise: impl FnOnce() -> String) {
        let broken = (!is_so).then(otherwise);
        self.hold(rule, broken);
    }

    fn what(&self) -> String {
        let Exchange { family, activity, is_test, .. } = self.exchange;
        let test = if *is_test { " (testFlag=1)" } else { "" };
        format!("{} {activity}{test}", family.name())
    }
}

/// Holds an exchange to the rules, and tells the report.
pub fn look(exchange: &Exchange, keys: &[SecretString], memory: &mut Memory, report: &mut Report) {
    let mut looking = Looking { exchange, report };
    let answer = transport::look(&mut looking);
    let read = answer.and_then(|answer| {
        signature::look(&mut looking, answer, keys);
        body::look(&mut looking, answer).map(|members| Read { members })
    });
    if let Some(read) = &read {
        acceptance::look(&mut looking, read, memory);
        instances::look(&mut looking, read);
    }
    memory.look(&mut looking, read.as_ref());
}

/// An answer whose body could be read.
pub(super) struct Read {
    pub members: Map<String, Value>,
}

impl Read {
    /// A text member; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.members.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub fn result_code(&self) -> &str {
        self.text("resultCode")
    }

    pub fn is_done(&self) -> bool {
        self.result_code() == "000000"
    }

    /// Done, or being done.
    pub fn is_success(&self) -> bool {
        matches!(self.result_code(), "000000" | "000004")
    }

    /// The `info` of a query.
    pub fn infos(&self) -> &[Value] {
        self.members.get("info").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Lengths are counted as Java counts them: in UTF-16 code units.
pub(super) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}
