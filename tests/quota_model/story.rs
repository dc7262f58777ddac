//! What happens next, by chance: mostly what makes sense, now and then what does not.

use lictor::store::Fault;

use super::calendar::{DAY, HOUR, Moment, months_after};
use super::catalog::{ALL, EXPORT, RENDER};
use super::model::{Hold, License, Model};
use super::words::{Entry, HoldState, Ledger, Usage};

const CUSTOMERS: u64 = 2;
const MACHINES_MAX: usize = 4;
const LICENSES_MAX: usize = 40;
const RUNNING_MAX: usize = 8;

#[derive(Debug, Clone)]
pub enum Operation {
    /// A license or a package; `to` is none where it is paid per use.
    Buy {
        customer: usize,
        spec: usize,
        quantity: u32,
        from: Moment,
        months: Option<i64>,
        days: i64,
        rounded: i64,
    },
    /// The end that a later order dictates.
    Renew {
        license: usize,
        to: Moment,
    },
    CancelRenewal {
        license: usize,
    },
    Upgrade {
        license: usize,
        spec: usize,
        quantity: u32,
    },
    Freeze {
        license: usize,
        is_frozen: bool,
    },
    Release {
        license: usize,
    },
    Revoke {
        license: usize,
    },
    /// The last call of the marketplace once more.
    TellAgain,
    Use(Usage),
    /// `None` gives it back.
    Settle {
        hold: usize,
        confirmed: Option<i64>,
    },
    /// A machine takes a place; `former` had one and tells what it used there.
    Activate {
        license: usize,
        former: Option<(usize, Ledger)>,
        asks: Vec<(&'static str, i64)>,
    },
    RenewMachine {
        license: usize,
        machine: usize,
        ledger: Option<Ledger>,
        asks: Vec<(&'static str, i64)>,
    },
    LeaveMachine {
        license: usize,
        machine: usize,
        ledger: Option<Ledger>,
    },
    Wait {
        to: Moment,
    },
    Sweep,
}

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xa076_1d64_78bd_642f))
    }

    /// A number below `sides`.
    pub fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }

    fn below(&mut self, sides: i64) -> i64 {
        i64::try_from(self.throw(sides.max(1).unsigned_abs())).expect("it was one")
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high - low + 1)
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.throw(count as u64)).expect("it was one")
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.throw(sides) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        if of.is_empty() { None } else { Some(of[self.index(of.len())]) }
    }
}

/// A write of the next operation that fails, now and then.
pub fn crash(dice: &mut Dice) -> Option<(u64, Fault)> {
    dice.one_in(150).then(|| (1 + dice.throw(3), Fault::PAIR[dice.index(2)]))
}

/// The next operation; it fits the model as it stands.
pub fn next(dice: &mut Dice, model: &Model, told: &[Usage]) -> Operation {
    let first = if model.licenses.is_empty() { 0 } else { dice.throw(1_000) };
    let found = match first {
        0..24 => buy(dice, model),
        24..35 => renew(dice, model),
        35..47 => of_license(dice, model, |it| it.ends.len() > 1)
            .map(|license| Operation::CancelRenewal { license }),
        47..62 => upgrade(dice, model),
        62..74 => freeze(dice, model),
        74..78 => of_license(dice, model, |_| true).map(|license| Operation::Release { license }),
        78..81 => of_license(dice, model, |_| true).map(|license| Operation::Revoke { license }),
        81..89 => Some(Operation::TellAgain),
        89..189 => Some(wait(dice, model)),
        189..191 => Some(Operation::Sweep),
        191..321 => again(dice, told),
        321..401 => settle(dice, model),
        401..416 => activate(dice, model),
        416..476 => renew_machine(dice, model),
        476..484 => leave_machine(dice, model),
        _ => use_up(dice, model),
    };
    found.or_else(|| use_up(dice, model)).unwrap_or_else(|| wait(dice, model))
}

fn of_license(dice: &mut Dice, model: &Model, fits: impl Fn(&License) -> bool) -> Option<usize> {
    let all: Vec<usize> = (0..model.licenses.len()).filter(|it| fits(&model.licenses[*it])).collect();
    let running: Vec<usize> =
        all.iter().copied().filter(|it| model.licenses[*it].stopped(model.now).is_none()).collect();
    if dice.one_in(8) || running.is_empty() { dice.pick(&all) } else { dice.pick(&running) }
}

fn buy(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let running = model.licenses.iter().filter(|it| it.stopped(model.now).is_none()).count();
    if running >= RUNNING_MAX || model.licenses.len() >= LICENSES_MAX {
        return None;
    }
    let spec = if model.licenses.is_empty() { dice.index(7) } else { dice.index(ALL.len()) };
    let is_metered = !ALL[spec].is_package && dice.one_in(6);
    let in_months = dice.throw(3) > 0;
    let months = in_months.then(|| dice.pick(&[1, 1, 2, 3, 12]).expect("some"));
    let days = dice.pick(&[3, 14, 30]).expect("some");
    Some(Operation::Buy {
        customer: dice.index(usize::try_from(CUSTOMERS).expect("few")),
        spec,
        quantity: if dice.one_in(3) { 2 } else { 1 },
        from: model.now + 1 - if dice.one_in(3) { dice.below(40 * HOUR) } else { 0 },
        months: months.filter(|_| !is_metered),
        days: if is_metered { 0 } else { days },
        rounded: if dice.one_in(4) { dice.below(47 * HOUR) } else { 0 },
    })
}

fn renew(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let license = of_license(dice, model, |it| it.to().is_some())?;
    let to = model.licenses[license].to()?;
    let from = if to < model.now && dice.one_in(2) { model.now } else { to };
    let months = dice.pick(&[1, 1, 2, 12]).expect("some");
    let to = if dice.one_in(4) { from + dice.between(1, 30) * DAY } else { months_after(from, months) };
    Some(Operation::Renew { license, to })
}

fn upgrade(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let license = of_license(dice, model, |_| true)?;
    let fits = |spec: &usize| ALL[*spec].is_package == model.licenses[license].is_package;
    let specs: Vec<usize> = (0..ALL.len()).filter(fits).collect();
    let quantity = if dice.one_in(3) { 2 } else { 1 };
    Some(Operation::Upgrade { license, spec: dice.pick(&specs)?, quantity })
}

fn freeze(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let frozen: Vec<usize> = (0..model.licenses.len()).filter(|it| model.licenses[*it].is_frozen).collect();
    match dice.pick(&frozen) {
        Some(license) if dice.throw(4) > 0 => Some(Operation::Freeze { license, is_frozen: false }),
        _ => of_license(dice, model, |it| !it.is_frozen)
            .map(|license| Operation::Freeze { license, is_frozen: true }),
    }
}

/// A little later; or about where a window, a license, a reservation or a share ends.
fn wait(dice: &mut Dice, model: &Model) -> Operation {
    let now = model.now;
    let mut ends: Vec<Moment> = model.licenses.iter().filter_map(License::to).collect();
    ends.extend(model.packages.iter().filter_map(|it| it.sold.window(now)?.to));
    ends.extend(model.holds.iter().map(|hold| hold.until));
    let shares = model.licenses.iter().flat_map(|it| &it.machines).flat_map(|it| &it.shares);
    ends.extend(shares.flat_map(|share| [share.until, share.returns]));
    ends.retain(|end| now < *end && *end < now + 50 * DAY);
    let to = match (dice.throw(10), dice.pick(&ends)) {
        (0..=3, _) | (_, None) => now + 1 + dice.below(HOUR),
        (4, _) => now + 1 + dice.below(3 * DAY),
        (5, _) if dice.one_in(6) => now + 1 + dice.below(40 * DAY),
        (5, _) => now + 1 + dice.below(DAY),
        (_, Some(end)) => (end + dice.between(-1, 1)).max(now + 1),
    };
    Operation::Wait { to }
}

/// About as much as there is of a metric, or little, or too much.
fn some_of(dice: &mut Dice, model: &Model, license: usize, metric: &str) -> i64 {
    let packages = model.licenses[license].packages.iter();
    let of_metric: Vec<usize> =
        packages.copied().filter(|it| model.packages[*it].sold.offer.metric == metric).collect();
    let Some(package) = dice.pick(&of_metric) else { return 1 + dice.below(50_000) };
    let (amount, left) =
        (model.packages[package].sold.offer.amount, model.balance(license, package).window_left);
    match dice.throw(12) {
        0 => left.max(1),
        1 => left + 1,
        2 => 1 + dice.below(3 * amount / 2),
        3 => 1 + dice.below(9),
        4 | 5 => 1 + dice.below(amount / 2),
        _ => 1 + dice.below(amount / 12),
    }
}

fn metric(dice: &mut Dice, model: &Model, license: usize) -> &'static str {
    let packages = &model.licenses[license].packages;
    match dice.pick(packages) {
        Some(package) if dice.throw(60) > 0 => model.packages[package].sold.offer.metric,
        _ => dice.pick(&[RENDER, EXPORT]).expect("two"),
    }
}

fn use_up(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let license = of_license(dice, model, |it| !it.is_package || it.packages.len() > 1 || it.customer > 0)?;
    let reserve = dice.one_in(6).then(|| dice.pick(&[60, HOUR, HOUR, 2 * DAY, 7 * DAY]).expect("some"));
    let count = if reserve.is_none() && dice.one_in(6) { 1 + dice.index(4) } else { 1 };
    let mut items = Vec::new();
    for _ in 0..count {
        let metric = metric(dice, model, license);
        let ago = match dice.throw(10) {
            0 => Some(dice.between(-200, 2 * HOUR)),
            1 => Some(dice.below(30 * DAY)),
            2 => Some(dice.between(-100, 31 * DAY)),
            _ => None,
        };
        let at = ago.filter(|_| reserve.is_none()).map(|ago| model.now - ago);
        items.push((metric, some_of(dice, model, license, metric), at));
    }
    Some(Operation::Use(Usage { license, key: dice.throw(u64::MAX), items, reserve }))
}

/// A report that was made before, under its key: the same, or another.
fn again(dice: &mut Dice, told: &[Usage]) -> Option<Operation> {
    let recent = &told[told.len().saturating_sub(60)..];
    let mut usage = recent.get(dice.index(recent.len()))?.clone();
    if dice.one_in(4) {
        usage.items[0].1 += 1;
    }
    Some(Operation::Use(usage))
}

fn settle(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let is_recent = |hold: &Hold| hold.until > model.now - 10 * DAY;
    let all: Vec<usize> = (0..model.holds.len()).filter(|it| is_recent(&model.holds[*it])).collect();
    let is_open = |it: &usize| model.holds[*it].state == HoldState::Open;
    let open: Vec<usize> = all.iter().copied().filter(is_open).collect();
    let hold = if dice.one_in(5) { dice.pick(&all) } else { dice.pick(&open) }?;
    let (amount, state) = (model.holds[hold].amount, model.holds[hold].state);
    let confirmed = match (dice.throw(8), state) {
        (0..=1, HoldState::Confirmed(amount)) => Some(amount),
        (0..=2, _) => None,
        (3..=4, _) => Some(amount),
        (5, _) => Some(amount + 1),
        _ => Some(dice.below(amount + 1)),
    };
    Some(Operation::Settle { hold, confirmed })
}

fn asks(dice: &mut Dice, model: &Model, license: usize) -> Vec<(&'static str, i64)> {
    let open = |it: &&usize| model.packages[**it].closed.is_none();
    let has = |metric: &str| {
        let mut own = model.licenses[license].packages.iter().filter(open);
        own.any(|it| model.packages[*it].sold.offer.metric == metric)
    };
    let mut asks = Vec::new();
    for metric in [RENDER, EXPORT] {
        if has(metric) && dice.throw(5) > 1 {
            asks.push((metric, some_of(dice, model, license, metric)));
        }
    }
    asks
}

/// What a machine used by itself since it was here last, as far as it tells.
fn ledger(dice: &mut Dice, model: &Model, at: (usize, usize), since: Moment) -> Option<Ledger> {
    if dice.one_in(8) {
        return None;
    }
    let shares = &model.licenses[at.0].machines[at.1].shares;
    let mut entries: Vec<Entry> = Vec::new();
    let mut last = since;
    for share in shares {
        let mut rest = share.part.amount - share.used;
        for _ in 0..dice.throw(3) {
            let (low, high) = (last.max(share.part.from), model.now.min(share.until - 1));
            if rest == 0 || high < low {
                break;
            }
            let amount = if dice.one_in(6) { rest } else { 1 + dice.below(rest) };
            last = dice.between(low, high);
            entries.push((share.number, amount, last));
            rest -= amount;
        }
    }
    let is_wrong = !shares.is_empty() && dice.one_in(25);
    Some(Ledger { entries, is_complete: dice.throw(6) > 0, is_wrong })
}

/// Those that run and can be asked; since when each has told nothing.
fn machines(model: &Model) -> Vec<(usize, usize)> {
    let of = |license: usize| {
        let machines = model.licenses[license].machines.iter().enumerate();
        machines.filter(|(_, it)| !it.has_left).map(move |(machine, _)| (license, machine))
    };
    (0..model.licenses.len()).flat_map(of).collect()
}

fn activate(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let license = of_license(dice, model, |it| !it.is_package && it.machines.len() < MACHINES_MAX)?;
    let asks = asks(dice, model, license);
    let machines = &model.licenses[license].machines;
    let left: Vec<usize> = (0..machines.len()).filter(|it| machines[*it].has_left).collect();
    let former = dice.pick(&left).filter(|_| dice.one_in(2)).and_then(|former| {
        let told = ledger(dice, model, (license, former), machines[former].told_until)?;
        Some((former, Ledger { is_wrong: false, ..told }))
    });
    Some(Operation::Activate { license, former, asks })
}

fn renew_machine(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let (license, machine) = dice.pick(&machines(model))?;
    let since = model.licenses[license].machines[machine].told_until;
    let ledger = ledger(dice, model, (license, machine), since);
    Some(Operation::RenewMachine { license, machine, ledger, asks: asks(dice, model, license) })
}

fn leave_machine(dice: &mut Dice, model: &Model) -> Option<Operation> {
    let (license, machine) = dice.pick(&machines(model))?;
    let since = model.licenses[license].machines[machine].told_until;
    Some(Operation::LeaveMachine { license, machine, ledger: ledger(dice, model, (license, machine), since) })
}
