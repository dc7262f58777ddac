//! What each step means, written from the decisions and from none of the server's code.

use license_token::StatusValue;
use lictor::sandbox::orders::Period;

use super::script::{Moment, Script, Step, Told};

/// What a license is after some steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub sku: String,
    pub spec: &'static str,
    pub machines: u64,
    pub entitlements: &'static [&'static str],
    /// Units of the metric in each month.
    pub amount: i64,
    /// Units in one term as bought last, where it has whole months.
    pub total: Option<i64>,
    pub term: String,
    pub ends_at: Moment,
    pub is_frozen: bool,
    pub is_released: bool,
}

impl Expected {
    pub fn state(&self, now: Moment) -> &'static str {
        match (self.is_released, self.is_frozen, now < self.ends_at) {
            (true, _, _) => "released",
            (false, true, _) => "suspended",
            (false, false, false) => "expired",
            (false, false, true) => "active",
        }
    }

    /// What a key promises. The rest of a license is not in it.
    fn promise(&self) -> (Moment, u64, &str, &str, i64) {
        (self.ends_at, self.machines, &self.sku, &self.term, self.amount)
    }

    /// Whether a key that promises `old` promises something that is not there any more.
    fn withholds_from(&self, old: &Self) -> bool {
        let lacks = |feature: &&&str| !self.entitlements.contains(*feature);
        self.machines < old.machines
            || self.amount < old.amount
            || old.entitlements.iter().find(lacks).is_some()
    }
}

/// A key that was handed out, and whether its holder must ask for another.
struct Handed {
    promised: Expected,
    is_superseded: bool,
}

/// The license of one story, told step by step in the order in which the marketplace's events happened.
pub struct Model {
    now: Expected,
    /// Term and end of every paid span that was not paid back.
    spans: Vec<(String, Moment)>,
    handed: Vec<Handed>,
    /// Whether what pays for more time also lifts a stop.
    renewal_lifts: bool,
}

impl Model {
    /// After these steps of a story; the others have not happened.
    pub fn after(script: &Script, renewal_lifts: bool, steps: impl Fn(Step) -> bool) -> Self {
        let mut model = Self { renewal_lifts, ..Self::bought(script.of_step(Step::Buy)) };
        for told in script.told.iter().filter(|told| told.step != Step::Buy && steps(told.step)) {
            model.step(told);
        }
        model
    }

    fn bought(told: &Told) -> Self {
        let now = Expected {
            is_frozen: false,
            is_released: false,
            term: words(told.period),
            ends_at: told.ends_at,
            ..granted(told)
        };
        let handed = vec![Handed { promised: now.clone(), is_superseded: false }];
        let spans = vec![(now.term.clone(), now.ends_at)];
        let mut model = Self { now, spans, handed, renewal_lifts: false };
        model.count();
        model.handed[0].promised = model.now.clone();
        model
    }

    fn step(&mut self, told: &Told) {
        match told.step {
            Step::Buy => {}
            Step::Formal | Step::Renew => self.spans.push((words(told.period), told.ends_at)),
            Step::RenewAs => {
                self.spans.push((words(told.period), told.ends_at));
                self.grant(told);
            }
            Step::Upgrade | Step::UpgradeMore => self.grant(told),
            Step::Freeze => self.now.is_frozen = true,
            Step::Unfreeze => self.now.is_frozen = false,
            Step::Cancel => drop(self.spans.pop()),
            Step::Release => self.now.is_released = true,
        }
        let pays = matches!(told.step, Step::Formal | Step::Renew | Step::RenewAs);
        self.now.is_frozen &= !(self.renewal_lifts && pays);
        let (term, ends_at) = self.spans.last().expect("the first span stays").clone();
        (self.now.term, self.now.ends_at) = (term, ends_at);
        self.count();
        self.hand();
    }

    pub fn now(&self) -> &Expected {
        &self.now
    }

    /// Every key so far that has not ended by itself, and what its entry in the status list has to say.
    pub fn keys(&self, now: Moment) -> Vec<(&Expected, StatusValue)> {
        let status = |handed: &Handed| match handed {
            _ if self.now.is_released => StatusValue::Invalid,
            Handed { is_superseded: true, .. } => StatusValue::Superseded,
            _ if self.now.is_frozen => StatusValue::Suspended,
            _ => StatusValue::Valid,
        };
        let running = self.handed.iter().filter(|handed| now < handed.promised.ends_at);
        running.map(|handed| (&handed.promised, status(handed))).collect()
    }

    fn grant(&mut self, told: &Told) {
        let Expected { sku, spec, machines, entitlements, amount, .. } = granted(told);
        self.now = Expected { sku, spec, machines, entitlements, amount, ..self.now.clone() };
    }

    fn count(&mut self) {
        let windows = match self.now.term.as_str() {
            "P1M" => Some(1),
            "P1Y" => Some(12),
            "P2Y" => Some(24),
            _ => None,
        };
        self.now.total = windows.map(|windows| windows * self.now.amount);
    }

    /// A new key for what changed; older ones stay good unless something was taken away.
    fn hand(&mut self) {
        let last = &self.handed.last().expect("the first key").promised;
        if self.now.promise() == last.promise() {
            return;
        }
        let takes_away = self.now.withholds_from(last);
        for old in &mut self.handed {
            old.is_superseded |= takes_away || self.now.ends_at < old.promised.ends_at;
        }
        self.handed.push(Handed { promised: self.now.clone(), is_superseded: false });
    }
}

fn words(period: Period) -> String {
    match period {
        Period::Days(count) => format!("P{count}D"),
        Period::Months(count) => format!("P{count}M"),
        Period::Years(count) => format!("P{count}Y"),
    }
}

/// What the two specs of the merchant grant.
fn granted(told: &Told) -> Expected {
    let basket = &told.order.basket;
    let quantity = u64::from(basket.quantity.unwrap_or(1));
    let (spec, each, entitlements, amount): (_, _, &[&str], _) = match basket.sku.as_str() {
        "LIFE-PLUS" => ("life-plus", 2, &["export", "render"], 250),
        _ => ("life-basic", 1, &["export"], 100),
    };
    Expected {
        sku: basket.sku.clone(),
        spec,
        machines: each * quantity,
        entitlements,
        amount,
        total: None,
        term: String::new(),
        ends_at: told.ends_at,
        is_frozen: false,
        is_released: false,
    }
}
