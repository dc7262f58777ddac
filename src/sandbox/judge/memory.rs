//! What was answered before, for the rules that hold from call to call. Debugging calls leave nothing here.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::exchange::Exchange;
use super::kind::Kind;
use super::rule::Rule;
use super::rules::{Looking, Read};

/// Answers of one order that are remembered; the first ones tell everything.
const NAMED_MAX: usize = 64;

/// What is remembered.
#[derive(Debug, Default)]
pub struct Memory {
    /// By order (line): which instance each business id was answered with.
    orders: HashMap<String, Vec<Named>>,
    /// By instance: the order that it was first given for.
    instances: HashMap<String, String>,
    /// By instance: what is known of its changes.
    changes: HashMap<String, Changes>,
    released: HashSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Named {
    business_id: String,
    instance: String,
}

/// A text that is shown may change while a change is under way, and only then.
#[derive(Debug, Default)]
struct Changes {
    /// Whether the purchase was answered "done".
    is_settled: bool,
    /// Whether a change was answered "being processed" and not "done" since.
    goes_on: bool,
    /// When the last of them was over.
    until: Duration,
    /// By what shows it: the text that was read since.
    shown: HashMap<&'static str, String>,
}

impl Memory {
    /// Whether the exchange is a release of what was released before.
    pub(super) fn was_released(&self, exchange: &Exchange) -> bool {
        exchange.kind() == Kind::Release && self.released.contains(&instance_of(exchange))
    }

    /// Holds an exchange to what is remembered, and remembers it.
    pub(super) fn look(&mut self, looking: &mut Looking<'_>, read: Option<&Read>) {
        if looking.exchange.is_test {
            return;
        }
        match (looking.exchange.kind(), read) {
            (Kind::Purchase, Some(read)) if read.is_success() => self.look_at_purchase(looking, read),
            (Kind::Query, Some(read)) if read.is_done() => self.look_at_query(looking, read),
            (Kind::Change | Kind::Release, read) => self.note_change(looking.exchange, read),
            (
                Kind::Purchase
                | Kind::Query
                | Kind::Application
                | Kind::Check
                | Kind::Notice
                | Kind::Sync
                | Kind::Unknown,
                _,
            ) => {}
        }
    }

    /// What an answer would have told is not known: the change goes on until it is answered.
    pub(super) fn unheard(&mut self, exchange: &Exchange) {
        if matches!(exchange.kind(), Kind::Change | Kind::Release) && !exchange.is_test {
            let changes = self.changes.entry(instance_of(exchange)).or_default();
            changes.goes_on = true;
            changes.shown.clear();
        }
    }

    fn look_at_purchase(&mut self, looking: &mut Looking<'_>, read: &Read) {
        let (order, instance) = (looking.exchange.order_identity(), read.text("instanceId").to_owned());
        if order.is_empty() || instance.is_empty() {
            return;
        }
        let business_id = looking.exchange.text("businessId");
        self.look_at_identity(looking, &order, Named { business_id, instance: instance.clone() });
        if !read.is_done() {
            return;
        }
        let changes = self.changes.entry(instance.clone()).or_default();
        if !changes.is_settled {
            changes.is_settled = true;
            changes.until = changes.until.max(looking.exchange.ended);
        }
        let license = read.text("license");
        if !license.is_empty() {
            self.look_at_shown(looking, &instance, ("license", license), Rule::LicenseStaysOnRepeat);
        }
        if let Some(memo) = read.members.get("appInfo").and_then(|app_info| app_info["memo"].as_str()) {
            self.look_at_shown(looking, &instance, ("memo of a purchase", memo), Rule::MemoStaysOnRepeat);
        }
    }

    fn look_at_identity(&mut self, looking: &mut Looking<'_>, order: &str, named: Named) {
        let known = self.orders.entry(order.to_owned()).or_default();
        let differs = |same: bool| {
            let of = |known: &&Named| (known.business_id == named.business_id) == same;
            known.iter().filter(of).any(|known| known.instance != named.instance)
        };
        let (again, as_other) = (differs(true), differs(false));
        let was_unstable = known
            .iter()
            .any(|a| known.iter().any(|b| a.business_id == b.business_id && a.instance != b.instance));
        // A business id that came twice and was answered alike, or that the instance is named after, tells the two apart.
        let repeated =
            known.iter().any(|one| one.instance == one.business_id) && named.instance == named.business_id;
        let by_business_id = as_other && !again && !was_unstable && (repeated || self_repeats(known));
        let told = || format!("order {order} was answered {} instances", known.len() + 1);
        looking.holds(Rule::SameOrderSameInstance, by_business_id || !(again || as_other), told);
        looking.holds(Rule::BusinessIdIsNoIdentity, !by_business_id, || {
            format!("order {order} was answered another instance for another businessId")
        });
        let first = self.instances.entry(named.instance.clone()).or_insert_with(|| order.to_owned());
        let is_own = first == order;
        looking.holds(Rule::DifferentOrdersDifferentInstances, is_own, || {
            format!("orders {first} and {order} were answered the same instance")
        });
        if known.len() < NAMED_MAX {
            known.push(named);
        }
    }

    fn look_at_query(&mut self, looking: &mut Looking<'_>, read: &Read) {
        for info in read.infos() {
            let instance = info["instanceId"].as_str().unwrap_or_default();
            if let Some(memo) =
                info.get("appInfo").and_then(|app_info| app_info.get("memo")).and_then(Value::as_str)
            {
                self.look_at_shown(looking, instance, ("memo of a query", memo), Rule::MemoStaysOnRepeat);
            }
        }
    }

    /// Only what was asked for after the last change was over can be compared.
    fn look_at_shown(
        &mut self,
        looking: &mut Looking<'_>,
        instance: &str,
        (what, text): (&'static str, &str),
        rule: Rule,
    ) {
        let Some(changes) = self.changes.get_mut(instance) else { return };
        let Exchange { began, ended, .. } = looking.exchange;
        // What settles a purchase shows what it was settled with.
        let is_late_enough = *began >= changes.until || *ended == changes.until;
        if !changes.is_settled || changes.goes_on || !is_late_enough {
            return;
        }
        let known = changes.shown.entry(what).or_insert_with(|| text.to_owned());
        let is_same = known == text;
        text.clone_into(known);
        looking.holds(rule, is_same, || format!("the {what} of {instance} is another one than before"));
    }

    fn note_change(&mut self, exchange: &Exchange, read: Option<&Read>) {
        let instance = instance_of(exchange);
        let changes = self.changes.entry(instance.clone()).or_default();
        changes.until = changes.until.max(exchange.ended);
        changes.goes_on =
            !read.is_some_and(Read::is_done) && (changes.goes_on || read.is_none_or(Read::is_success));
        changes.shown.clear();
        if exchange.kind() == Kind::Release && read.is_some_and(Read::is_done) {
            self.released.insert(instance);
        }
    }
}

/// Whether some business id came twice.
fn self_repeats(known: &[Named]) -> bool {
    known.iter().enumerate().any(|(at, a)| known[at + 1..].iter().any(|b| a.business_id == b.business_id))
}

/// The instance, or in its place the authorization code.
fn instance_of(exchange: &Exchange) -> String {
    match exchange.text("instanceId") {
        instance if instance.is_empty() => exchange.text("license"),
        instance => instance,
    }
}
