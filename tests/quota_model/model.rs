//! What quota is: packages with windows, what was taken of them, and who may take. Written from the documents; knows no
//! code of the server. All amounts are whole ten-thousandths.

use std::collections::BTreeMap;

use super::calendar::{DAY, Grid, HOUR, Moment, Offer, Sold, Window};
use super::words::{Answer, Balance, HoldState, Ledger, Part, Usage};

/// How long software runs without the server, and how much longer at the end of its license.
pub const LEASE: i64 = 3 * DAY;
pub const GRACE: i64 = 12 * HOUR;
/// How long an answered report is remembered, and how old a use may be.
const REMEMBERED: i64 = 31 * DAY;
const OLDEST: i64 = 30 * DAY;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub used: i64,
    pub held: i64,
    pub over: i64,
}

impl Tally {
    fn taken(self) -> i64 {
        self.used + self.held
    }

    fn add(&mut self, other: Self) {
        self.used += other.used;
        self.held += other.held;
        self.over += other.over;
    }
}

#[derive(Debug, Clone)]
pub struct Package {
    /// Which purchase gave it.
    pub purchase: usize,
    /// As the server calls it, once that was seen.
    pub name: String,
    pub sold: Sold,
    /// None: for ever.
    pub bought: Option<i64>,
    pub refunded: i64,
    /// Since when it gives nothing.
    pub closed: Option<Moment>,
    pub all: Tally,
    windows: BTreeMap<Grid, Tally>,
}

/// A purchase: of a license, or of a package.
#[derive(Debug, Clone)]
pub struct License {
    pub customer: usize,
    pub is_package: bool,
    /// Paid per use.
    pub is_metered: bool,
    pub from: Moment,
    /// Its end, and those that it had before the renewals.
    pub ends: Vec<Option<Moment>>,
    pub is_frozen: bool,
    pub ended: Option<(Moment, &'static str)>,
    /// Who uses up its packages.
    pub holder: usize,
    /// What it uses up itself, those that ended included.
    pub packages: Vec<usize>,
    pub machines: Vec<Machine>,
}

/// A reservation.
#[derive(Debug, Clone)]
pub struct Hold {
    pub license: usize,
    pub amount: i64,
    pub until: Moment,
    pub state: HoldState,
    parts: Vec<Part>,
}

/// What a machine may use up by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    pub number: usize,
    pub metric: &'static str,
    pub part: Part,
    pub used: i64,
    /// The end of its window.
    to: Option<Moment>,
    pub until: Moment,
    pub returns: Moment,
    pub is_closed: bool,
}

impl Share {
    pub fn kept(&self) -> i64 {
        if self.is_closed { 0 } else { self.part.amount - self.used }
    }

    /// Never shorter; a day after the end a silent machine has lost it.
    fn lengthen(&mut self, usable: Moment) {
        self.until = self.until.max(self.to.map_or(usable, |to| to.min(usable)));
        self.returns = self.returns.max(usable + DAY);
    }

    pub fn is_usable(&self, now: Moment) -> bool {
        !self.is_closed && now < self.until
    }
}

#[derive(Debug, Clone, Default)]
pub struct Machine {
    pub shares: Vec<Share>,
    /// Up to when it has told what it used.
    pub told_until: Moment,
    /// It gave its place back.
    pub has_left: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Model {
    pub now: Moment,
    pub packages: Vec<Package>,
    pub licenses: Vec<License>,
    pub holds: Vec<Hold>,
    reports: BTreeMap<(usize, u64), (Moment, Usage, Answer)>,
}

impl Package {
    fn tally(&self, grid: Option<Grid>) -> Tally {
        grid.map_or(self.all, |grid| self.windows.get(&grid).copied().unwrap_or_default())
    }

    fn count(&mut self, grid: Option<Grid>, more: Tally) {
        self.all.add(more);
        if let Some(grid) = grid {
            self.windows.entry(grid).or_default().add(more);
        }
    }

    /// What was bought, not paid back, and not taken.
    fn untaken(&self) -> Option<i64> {
        self.bought.map(|bought| bought - self.refunded - self.all.taken())
    }

    /// What one window can give.
    fn room(&self, grid: Option<Grid>) -> i64 {
        if self.closed.is_some() {
            return 0;
        }
        let room = (self.sold.offer.amount - self.tally(grid).taken()).max(0);
        self.untaken().map_or(room, |untaken| room.min(untaken))
    }

    /// What this window and all later ones can give.
    fn left_at(&self, at: Moment) -> Option<i64> {
        let amount = self.sold.offer.amount;
        let room = match self.sold.window(at) {
            None => Some(0),
            Some(window) => {
                let here = (amount - self.tally(self.sold.grid(window.from)).taken()).max(0);
                self.sold.windows().map(|count| here + (count - window.place - 1) * amount)
            }
        };
        let untaken = self.untaken()?;
        Some(room.map_or(untaken, |room| room.min(untaken)))
    }

    fn close(&mut self, at: Moment) {
        if self.closed.is_none() {
            self.refunded += self.left_at(at).unwrap_or(0);
            self.closed = Some(at);
        }
    }

    /// What it gives from now on, where so much of the present window was taken.
    fn bought_from(sold: &Sold, at: Moment, taken: i64) -> Option<i64> {
        let (paid, window) = (sold.paid()?, sold.window(at.max(sold.from)));
        let windows = window.map_or(0, |window| (paid - window.place).max(1));
        Some((sold.offer.amount * windows - taken).max(0))
    }

    fn become_sold(&mut self, new: Sold, at: Moment) {
        let like = |sold: &Sold| (sold.offer.amount, sold.offer.reset, sold.offer.calendar);
        let total = |sold: &Sold| sold.paid().map(|paid| paid * sold.offer.amount);
        if like(&self.sold) == like(&new) {
            let more = total(&new).zip(total(&self.sold)).map(|(new, old)| new - old);
            let back = more.map_or(0, |more| (-more).max(0)).min(self.untaken().unwrap_or(0));
            self.refunded += back;
            self.bought = self.bought.zip(more).map(|(bought, more)| bought + more.max(0));
        } else {
            let at = self.sold.reopens(at).unwrap_or(at);
            // A window is known by its reset and its start: what was taken of it is not forgotten.
            let window = new.window(at).map(|window| self.tally(new.grid(window.from)));
            let window_taken = window.unwrap_or_default().taken();
            self.refunded += self.left_at(at).unwrap_or(0);
            let so_far = self.bought.unwrap_or(self.refunded + self.all.taken());
            self.bought = Self::bought_from(&new, at, window_taken).map(|more| so_far + more);
        }
        self.sold = new;
    }
}

impl License {
    pub fn to(&self) -> Option<Moment> {
        *self.ends.last().expect("the first end stays")
    }

    /// Why it cannot be used.
    pub fn stopped(&self, now: Moment) -> Option<&'static str> {
        match self.ended {
            Some((_, why)) => Some(why),
            None if self.is_frozen => Some("license_suspended"),
            None => self.to().is_some_and(|to| to <= now).then_some("license_expired"),
        }
    }

    /// How long software goes on that asks now.
    fn usable_until(&self, now: Moment) -> Moment {
        match self.to() {
            Some(to) if to <= now + LEASE => to + GRACE,
            _ => now + LEASE,
        }
    }
}

impl Model {
    /// Time goes on; what was kept for a time that is over is free.
    pub fn turn(&mut self, now: Moment) {
        self.now = now;
        let mut free = Vec::new();
        for hold in self.holds.iter_mut().filter(|hold| hold.state == HoldState::Open && hold.until <= now) {
            hold.state = HoldState::Lapsed;
            free.extend(hold.parts.clone());
        }
        for share in self.licenses.iter_mut().flat_map(|it| &mut it.machines).flat_map(|it| &mut it.shares) {
            if share.returns <= now && !share.is_closed {
                free.push(Part { amount: share.kept(), ..share.part.clone() });
                share.is_closed = true;
            }
        }
        free.iter().for_each(|part| self.count(part, 0, -part.amount, 0));
    }

    fn count(&mut self, part: &Part, used: i64, held: i64, over: i64) {
        self.packages[part.package].count(part.grid, Tally { used, held, over });
    }

    pub fn balance(&self, license: usize, package: usize) -> Balance {
        let (it, ended) = (&self.packages[package], self.licenses[license].ended.map(|(at, _)| at));
        let at = [it.closed, ended, Some(self.now)].into_iter().flatten().min().expect("now");
        let is_open = it.closed.is_none() && ended.is_none();
        let left = it.left_at(at).map(|left| if it.closed.is_some() { 0 } else { left });
        let window = it.sold.window(at);
        let tally = window.map(|window| it.tally(it.sold.grid(window.from))).unwrap_or_default();
        let window_left = window.filter(|_| is_open).map_or(0, |window| it.room(it.sold.grid(window.from)));
        Balance {
            package: it.name.clone(),
            bought: it.bought,
            used: it.all.used,
            reserved: it.all.held,
            left: left.map(|left| if is_open { left } else { 0 }),
            expired: it.untaken().zip(left).map(|(untaken, left)| untaken - left),
            refunded: it.refunded + if is_open { 0 } else { left.unwrap_or(0) },
            over: it.all.over,
            window: window.map(|window| (window.from, window.to)),
            window_used: tally.taken(),
            window_left,
        }
    }

    /// Who pays: the window that ends first, then the package that ends first.
    fn covering(&self, license: usize, metric: &str, at: Moment) -> Vec<(usize, Window)> {
        let gives = |index: &usize| {
            let it = &self.packages[*index];
            let is_stopped = it.purchase != license && self.licenses[it.purchase].is_frozen;
            it.closed.is_none() && it.sold.offer.metric == metric && !is_stopped
        };
        let own = self.licenses[license].packages.iter().copied().filter(gives);
        let mut all: Vec<_> = own.filter_map(|it| Some((it, self.packages[it].sold.window(at)?))).collect();
        let end = |moment: Option<Moment>| moment.unwrap_or(Moment::MAX);
        all.sort_by_key(|(it, window)| {
            let package = &self.packages[*it];
            (end(window.to), end(package.sold.to), package.name.clone())
        });
        all
    }

    /// All of it or nothing.
    fn pay(&mut self, usage: &Usage, parts: &mut Vec<Part>) -> bool {
        for (metric, amount, at) in &usage.items {
            let covering = self.covering(usage.license, metric, at.unwrap_or(self.now).min(self.now));
            let mut missing = *amount;
            let mut paid: Vec<Part> = Vec::new();
            for (package, window) in covering {
                let grid = self.packages[package].sold.grid(window.from);
                let amount = self.packages[package].room(grid).min(missing);
                missing -= amount;
                paid.push(Part { package, grid, from: window.from, amount, over: 0 });
            }
            let counts = |part: &&mut Part| self.packages[part.package].sold.offer.counts_over;
            match paid.iter_mut().find(counts) {
                Some(part) => part.over = missing,
                None if missing > 0 => return false,
                None => {}
            }
            for part in paid.into_iter().filter(|part| part.amount + part.over > 0) {
                self.count(&part, 0, part.amount, 0);
                match parts.iter_mut().find(|it| it.package == part.package && it.from == part.from) {
                    Some(known) => known.add(&part),
                    None => parts.push(part),
                }
            }
        }
        true
    }

    pub fn use_up(&mut self, usage: &Usage) -> Answer {
        let key = (usage.license, usage.key);
        if let Some((_, known, answer)) = self.reports.get(&key).filter(|report| self.now < report.0) {
            return if known == usage { answer.clone() } else { Answer::Refused("idempotency_conflict") };
        }
        if let Some(why) = self.licenses[usage.license].stopped(self.now) {
            return Answer::Refused(why);
        }
        let is_old = |at: Option<Moment>| at.is_some_and(|at| at < self.now - OLDEST);
        let knows = |metric: &str| {
            let all = self.licenses[usage.license].packages.iter();
            all.map(|it| &self.packages[*it]).any(|it| it.sold.offer.metric == metric)
        };
        if usage.items.iter().any(|(metric, ..)| !knows(metric)) {
            return Answer::Refused("mistakes");
        }
        if usage.items.iter().any(|(.., at)| is_old(*at)) {
            return Answer::Refused("usage_too_old");
        }
        let mut parts = Vec::new();
        let is_paid = self.pay(usage, &mut parts);
        if !is_paid || usage.reserve.is_none() {
            for part in &parts {
                let (used, over) = if is_paid { (part.amount, part.over) } else { (0, 0) };
                self.count(part, used, -part.amount, over);
            }
        }
        if !is_paid {
            return Answer::Refused("quota_exhausted");
        }
        let hold = usage.reserve.map(|lifetime| {
            let amount = usage.items.iter().map(|(_, amount, _)| amount).sum();
            let (until, parts) = (self.now + lifetime, parts.clone());
            self.holds.push(Hold { license: usage.license, amount, until, state: HoldState::Open, parts });
            self.holds.len() - 1
        });
        let answer = Answer::Granted(parts, hold);
        self.reports.insert(key, (self.now + REMEMBERED, usage.clone(), answer.clone()));
        answer
    }

    /// A reservation ends; `None` gives it back.
    pub fn settle(&mut self, hold: usize, confirmed: Option<i64>) -> Answer {
        let it = &mut self.holds[hold];
        let wanted = confirmed.map_or(HoldState::Released, HoldState::Confirmed);
        match it.state {
            HoldState::Open if confirmed.is_some_and(|amount| amount > it.amount) => {
                return Answer::Refused("invalid_request");
            }
            HoldState::Open => it.state = wanted,
            state if state == wanted && state != HoldState::Lapsed => return Answer::Done,
            HoldState::Confirmed(_) | HoldState::Released | HoldState::Lapsed => {
                return Answer::Refused("illegal_state");
            }
        }
        let (parts, mut missing) = (it.parts.clone(), confirmed.unwrap_or(0));
        for part in &parts {
            let used = part.amount.min(missing);
            missing -= used;
            self.count(part, used, -part.amount, 0);
        }
        for part in &parts {
            let over = part.over.min(missing);
            missing -= over;
            self.count(part, 0, 0, over);
        }
        Answer::Done
    }

    /// A machine tells what it used and asks for what it wants to hold; `None` gives its place back.
    pub fn meet(
        &mut self,
        at: (usize, usize),
        ledger: Option<&Ledger>,
        asks: Option<&[(&'static str, i64)]>,
    ) -> Answer {
        let (now, until) = (self.now, self.licenses[at.0].usable_until(self.now));
        let mut late: BTreeMap<usize, i64> = BTreeMap::new();
        for (number, amount, told) in ledger.iter().flat_map(|ledger| &ledger.entries) {
            self.machine(at).told_until = *told;
            let shares = &mut self.machine(at).shares;
            let place = shares.iter().position(|share| share.number == *number).expect("its own share");
            shares[place].used += amount;
            let (part, is_closed) = (shares[place].part.clone(), shares[place].is_closed);
            if is_closed {
                *late.entry(place).or_default() += amount;
            } else {
                self.count(&part, *amount, -amount, 0);
            }
        }
        for (place, amount) in &late {
            let part = self.machine(at).shares[*place].part.clone();
            let used = self.packages[part.package].room(part.grid).min(*amount);
            self.count(&part, used, 0, amount - used);
        }
        if ledger.is_some_and(|ledger| ledger.is_wrong) {
            self.close_shares(at, true, |_| true);
            return Answer::Refused("ledger_refused");
        }
        let Some(asks) = asks else {
            if ledger.is_some_and(|ledger| ledger.is_complete) {
                self.close_shares(at, false, |_| true);
            }
            self.machine(at).has_left = true;
            return Answer::Done;
        };
        for share in self.machine(at).shares.iter_mut().filter(|share| share.is_usable(now)) {
            share.lengthen(until);
        }
        for ask in asks.iter().filter(|_| late.is_empty()) {
            self.escrow(at, *ask, until);
        }
        if ledger.is_some_and(|ledger| ledger.is_complete) {
            // What comes back with a request is there for the next one.
            self.close_shares(at, false, |share| !share.is_usable(now));
        }
        Answer::Done
    }

    /// A machine takes a place.
    pub fn arrive(&mut self, license: usize) -> usize {
        let told_until = self.now;
        self.licenses[license].machines.push(Machine { told_until, ..Machine::default() });
        self.licenses[license].machines.len() - 1
    }

    fn machine(&mut self, (license, machine): (usize, usize)) -> &mut Machine {
        &mut self.licenses[license].machines[machine]
    }

    fn close_shares(&mut self, at: (usize, usize), is_used: bool, ends: impl Fn(&Share) -> bool) {
        let mut rests = Vec::new();
        for share in self.machine(at).shares.iter_mut().filter(|share| !share.is_closed && ends(share)) {
            rests.push((share.part.clone(), share.kept()));
            share.is_closed = true;
        }
        for (part, kept) in rests {
            self.count(&part, if is_used { kept } else { 0 }, -kept, 0);
        }
    }

    fn escrow(&mut self, at: (usize, usize), (metric, wanted): (&'static str, i64), until: Moment) {
        let now = self.now;
        for (package, window) in self.covering(at.0, metric, now) {
            let shares = &self.licenses[at.0].machines[at.1].shares;
            let usable = shares.iter().filter(|share| share.is_usable(now) && share.metric == metric);
            let grid = self.packages[package].sold.grid(window.from);
            let missing = (wanted - usable.map(Share::kept).sum::<i64>()).max(0);
            let amount = self.packages[package].room(grid).min(missing);
            if amount == 0 {
                continue;
            }
            let part = Part { package, grid, from: window.from, amount, over: 0 };
            self.count(&part, 0, amount, 0);
            let shares = &mut self.machine(at).shares;
            let same = |share: &Share| {
                share.is_usable(now) && share.part.package == package && share.part.grid == grid
            };
            let place = shares.iter().position(same).unwrap_or(shares.len());
            if place == shares.len() {
                let (number, part) = (place + 1, Part { amount: 0, ..part });
                let (used, to, until, returns, is_closed) = (0, window.to, now, now, false);
                shares.push(Share { number, metric, part, used, to, until, returns, is_closed });
            }
            shares[place].part.amount += amount;
            shares[place].to = window.to;
            shares[place].lengthen(until);
        }
    }

    pub fn buy(&mut self, license: License, offers: &[Offer]) -> usize {
        let number = self.licenses.len();
        let (from, to) = (license.from, license.to());
        self.licenses.push(License { holder: number, ..license });
        let new = |offer: &Offer| self.sell(Sold { offer: *offer, from, to }, number, None);
        let packages = offers.iter().map(new).collect::<Vec<_>>();
        let holder = self.holder_for(number, offers).unwrap_or(number);
        self.licenses[number].holder = holder;
        self.licenses[holder].packages.extend(self.packages.len()..self.packages.len() + packages.len());
        self.packages.extend(packages);
        number
    }

    /// A package as bought; from a moment on, where it replaces another.
    fn sell(&self, sold: Sold, purchase: usize, since: Option<Moment>) -> Package {
        let total = sold.paid().map(|paid| paid * sold.offer.amount);
        let bought = since.map_or(total, |at| Package::bought_from(&sold, at, 0));
        let (all, windows) = Default::default();
        Package { purchase, name: String::new(), sold, bought, refunded: 0, closed: None, all, windows }
    }

    /// The one that runs for the same customer and has the metrics: of several one that is paid per use, then the newest.
    fn holder_for(&self, package: usize, offers: &[Offer]) -> Option<usize> {
        let has = |index: usize, metric| {
            self.packages_of(index).iter().any(|it| self.packages[*it].sold.offer.metric == metric)
        };
        let fits = |index: &usize| {
            let it = &self.licenses[*index];
            !it.is_package
                && it.customer == self.licenses[package].customer
                && it.stopped(self.now).is_none()
                && offers.iter().all(|offer| has(*index, offer.metric))
        };
        let all: Vec<usize> =
            (0..package).filter(fits).filter(|_| self.licenses[package].is_package).collect();
        let metered = all.iter().copied().rfind(|index| self.licenses[*index].is_metered);
        metered.or(all.last().copied())
    }

    fn packages_of(&self, purchase: usize) -> Vec<usize> {
        let is_open =
            |it: &usize| self.packages[*it].purchase == purchase && self.packages[*it].closed.is_none();
        self.licenses[self.licenses[purchase].holder].packages.iter().copied().filter(is_open).collect()
    }

    /// The end moves: a renewal, or one that is cancelled.
    pub fn move_end(&mut self, purchase: usize) {
        let (now, to) = (self.now, self.licenses[purchase].to());
        for index in self.packages_of(purchase) {
            let package = &mut self.packages[index];
            let new = Sold { to, ..package.sold };
            package.become_sold(new, now);
        }
    }

    /// Another spec: the n-th package of a metric stays the n-th of that metric.
    pub fn upgrade(&mut self, purchase: usize, offers: &[Offer]) {
        if self.licenses[purchase].ended.is_some() {
            return;
        }
        let (now, mut old) = (self.now, self.packages_of(purchase));
        let (it, to) = (&self.licenses[purchase], self.licenses[purchase].to());
        let (from, holder) = (it.from, it.holder);
        let mut pairs = Vec::new();
        for offer in offers {
            let same = |index: &usize| self.packages[*index].sold.offer.metric == offer.metric;
            let place = old.iter().position(same);
            pairs.push((place.map(|place| old.remove(place)), Sold { offer: *offer, from, to }));
        }
        old.into_iter().for_each(|index| self.packages[index].close(now));
        for (index, sold) in pairs {
            match index {
                Some(index) if self.packages[index].sold == sold => {}
                Some(index) => self.packages[index].become_sold(sold, now),
                None => {
                    self.packages.push(self.sell(sold, purchase, Some(now)));
                    self.licenses[holder].packages.push(self.packages.len() - 1);
                }
            }
        }
    }

    /// Paid back, or ended by the merchant. What a license had left is computed from then on; a package that another one
    /// holds is closed.
    pub fn end(&mut self, purchase: usize, why: &'static str) {
        let now = self.now;
        let it = &mut self.licenses[purchase];
        let first = it.ended.map_or(now, |(at, _)| at);
        if it.ended.is_none() || why == "license_revoked" {
            it.ended = Some((first, why));
        }
        if it.holder != purchase {
            self.packages_of(purchase).into_iter().for_each(|index| self.packages[index].close(now));
        }
    }
}
