//! The books add up, whatever happens in whatever order.

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::domain::license::test_license;
use crate::domain::*;

const METRIC: &str = "pages";

#[derive(Debug, Clone)]
enum Step {
    Use(i64),
    UseLate(i64, i64),
    Reserve(i64),
    Confirm(usize, i64),
    Release(usize),
    Advance(i64),
    Renew(u32),
    CancelRenewal,
    Exchange(i64, usize),
    Drop,
    End,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..80_000_i64).prop_map(Step::Use),
        1 => (1..80_000_i64, 1..2_500_000_i64).prop_map(|(amount, ago)| Step::UseLate(amount, ago)),
        3 => (1..80_000_i64).prop_map(Step::Reserve),
        2 => (any::<usize>(), 0..80_000_i64).prop_map(|(which, amount)| Step::Confirm(which, amount)),
        2 => any::<usize>().prop_map(Step::Release),
        4 => (1..4_000_000_i64).prop_map(Step::Advance),
        2 => (1..14_u32).prop_map(Step::Renew),
        1 => Just(Step::CancelRenewal),
        1 => (1..300_000_i64, 0..5_usize).prop_map(|(amount, reset)| Step::Exchange(amount, reset)),
        1 => Just(Step::Drop),
        1 => Just(Step::End),
    ];
    prop::collection::vec(step, 1..60)
}

fn template(amount: i64, reset: ResetWindow, window: WindowAlignment) -> QuotaTemplate {
    QuotaTemplate {
        metric: METRIC.into(),
        unit: "page".into(),
        amount: Amount::from_ten_thousandths(amount).expect("small"),
        reset,
        window,
        overage: Overage::Stop,
        alert_percent: vec![],
    }
}

/// A license with one package, what was counted of it, and a plain sum of what was used.
struct Books {
    license: License,
    account: QuotaAccount,
    counts: QuotaCounts,
    reservations: Vec<Vec<(MeterKey, MeterKey, Amount)>>,
    now: Instant,
    used: i64,
    before: Vec<(i64, i64)>,
}

impl Books {
    fn open(amount: i64, reset: ResetWindow, window: WindowAlignment) -> Self {
        let mut license = test_license();
        let template = template(amount, reset, window);
        let package = QuotaPackage::bought(&template, 1, license.sold.term, license.validity);
        license.sold.quota = vec![package.expect("small")];
        let account = QuotaAccount::open(&license);
        let now = license.validity.starts_at;
        let (counts, reservations) = (QuotaCounts::default(), Vec::new());
        Self { license, account, counts, reservations, now, used: 0, before: Vec::new() }
    }

    fn settle(&mut self) {
        if !self.account.is_settled(&self.license) {
            self.account.follow(&self.license, &self.counts, self.now);
            assert!(self.account.is_settled(&self.license));
        }
    }

    fn take(&mut self, amount: i64, at: Instant, reserve: bool) {
        if self.license.check(self.now).is_err() {
            return;
        }
        let amount = Amount::from_ten_thousandths(amount).expect("small");
        let mut pool = QuotaPool::new(&self.account, self.counts.clone());
        let left = pool.left(METRIC, at).left;
        let Ok(draws) = pool.draw(METRIC, amount, at) else {
            assert!(left < amount, "{left} of {amount}");
            return;
        };
        assert!(left >= amount, "{left} of {amount}");
        self.counts = pool.counts().clone();
        let mut parts = Vec::new();
        for draw in draws {
            let held = self.account.packages.iter().find(|held| held.id == draw.package).expect("it is held");
            let keys = held.counters(Meter::Reserved, &draw.window);
            if reserve {
                keys.iter().for_each(|key| self.counts.add(key.clone(), draw.amount.ten_thousandths()));
                parts.push((
                    held.window_meter(Meter::Reserved, &draw.window),
                    held.meter(Meter::Reserved),
                    draw.amount,
                ));
            } else {
                self.used += draw.amount.ten_thousandths();
            }
        }
        if reserve {
            self.reservations.push(parts);
        }
    }

    fn give_back(&mut self, which: usize, mut used: i64) {
        if self.reservations.is_empty() {
            return;
        }
        let parts = self.reservations.swap_remove(which % self.reservations.len());
        for (window, total, amount) in parts {
            let amount = amount.ten_thousandths();
            let kept = used.min(amount);
            used -= kept;
            self.used += kept;
            let mut keys = vec![window, total];
            keys.dedup();
            for key in keys {
                self.counts.add(key.clone(), -amount);
                self.counts.add(MeterKey { meter: Meter::Taken, ..key }, kept - amount);
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Use(amount) => self.take(*amount, self.now, false),
            Step::UseLate(amount, ago) => self.take(*amount, self.now - TimeDelta::seconds(*ago), false),
            Step::Reserve(amount) => self.take(*amount, self.now, true),
            Step::Confirm(which, amount) => self.give_back(*which, *amount),
            Step::Release(which) => self.give_back(*which, 0),
            Step::Advance(secs) => self.now += TimeDelta::seconds(*secs),
            Step::Renew(months) => {
                let longer =
                    self.license.validity.extended_by(Term::Months(*months)).expect("in the calendar");
                self.license.move_end(longer.ends_at);
            }
            Step::CancelRenewal => {
                let first = Validity::lasting(self.license.sold.term, self.license.validity.starts_at);
                self.license.move_end(first.expect("in the calendar").ends_at);
            }
            Step::Exchange(amount, reset) => {
                let resets = [
                    ResetWindow::None,
                    ResetWindow::Day,
                    ResetWindow::Week,
                    ResetWindow::Month,
                    ResetWindow::Year,
                ];
                let template = template(*amount, resets[*reset], WindowAlignment::Calendar);
                let validity = self.license.validity;
                let package = QuotaPackage::bought(&template, 1, self.license.sold.term, validity);
                self.license.sold.quota = vec![package.expect("small")];
            }
            Step::Drop => self.license.sold.quota.clear(),
            Step::End => drop(self.license.release(self.now)),
        }
        self.settle();
    }

    fn add_up(&mut self) {
        let ended_at = self.license.quota_ended_at();
        let (mut used, mut now) = (0, Vec::new());
        for held in &self.account.packages {
            let balance = held.balance(&self.counts, ended_at, self.now);
            let of = Amount::ten_thousandths;
            let bought = of(balance.bought.expect("the term has an end"));
            let parts = [
                balance.used,
                balance.reserved,
                balance.left.expect("bounded"),
                balance.expired.expect("bounded"),
                balance.refunded,
            ];
            assert_eq!(bought, parts.into_iter().map(of).sum::<i64>(), "{balance:?}");
            let taken = self.counts.get(&held.meter(Meter::Taken));
            assert!(taken >= self.counts.get(&held.meter(Meter::Reserved)), "{balance:?}");
            assert!(taken <= of(held.cap().expect("bounded")), "{balance:?}");
            assert!(of(balance.window_left) <= of(balance.left.expect("bounded")), "{balance:?}");
            used += of(balance.used);
            now.push((bought, of(balance.refunded)));
        }
        assert_eq!(used, self.used, "what was used stays used");
        for ((bought, refunded), (bought_now, refunded_now)) in self.before.iter().zip(&now) {
            assert!(bought <= bought_now, "what was bought stays bought");
            // What an ended license had left is computed, and an order that is cancelled later takes of it.
            assert!(refunded <= refunded_now || ended_at.is_some(), "what was paid back stays paid back");
        }
        self.before = now;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bought_is_used_and_reserved_and_left_and_expired_and_refunded_after_each_step(
        amount in 1..200_000_i64,
        reset in 0..6_usize,
        calendar in any::<bool>(),
        steps in steps(),
    ) {
        let resets = [
            ResetWindow::None, ResetWindow::Hour, ResetWindow::Day,
            ResetWindow::Week, ResetWindow::Month, ResetWindow::Year,
        ];
        let window = if calendar { WindowAlignment::Calendar } else { WindowAlignment::Anniversary };
        let mut books = Books::open(amount, resets[reset], window);
        books.add_up();
        for step in &steps {
            books.step(step);
            books.add_up();
        }
    }
}

fn balance(books: &Books) -> String {
    let held = books.account.packages.first().expect("there is one");
    let balance = held.balance(&books.counts, books.license.quota_ended_at(), books.now);
    let text = |amount: Option<Amount>| amount.map_or("-".into(), |amount| amount.to_string());
    format!(
        "bought {} used {} left {} expired {} refunded {}, window {}/{}",
        text(balance.bought),
        balance.used,
        text(balance.left),
        text(balance.expired),
        balance.refunded,
        balance.window_used,
        balance.window_left
    )
}

fn thousand_a_month() -> Books {
    Books::open(10_000_000, ResetWindow::Month, WindowAlignment::Anniversary)
}

#[test]
fn a_renewal_buys_more_and_a_cancelled_one_pays_back_only_what_was_not_used() {
    let mut books = thousand_a_month();
    books.step(&Step::Renew(12));
    assert_eq!(balance(&books), "bought 24000 used 0 left 24000 expired 0 refunded 0, window 0/1000");
    for _ in 0..13 {
        books.step(&Step::Use(10_000_000));
        books.now = books.account.packages[0]
            .package
            .window_at(books.now)
            .and_then(|it| it.ends_at)
            .expect("it ends");
    }
    assert_eq!(balance(&books), "bought 24000 used 13000 left 11000 expired 0 refunded 0, window 0/1000");
    books.step(&Step::CancelRenewal);
    assert_eq!(balance(&books), "bought 24000 used 13000 left 0 expired 0 refunded 11000, window 0/0");
    books.step(&Step::CancelRenewal);
    books.step(&Step::End);
    books.step(&Step::End);
    assert_eq!(balance(&books), "bought 24000 used 13000 left 0 expired 0 refunded 11000, window 0/0");
}

#[test]
fn an_upgrade_in_mid_window_keeps_what_was_used_and_gives_the_rest_of_the_new_amount() {
    let mut books = thousand_a_month();
    books.now += TimeDelta::days(31 + 28 + 10);
    books.step(&Step::Use(7_000_000));
    assert_eq!(balance(&books), "bought 12000 used 700 left 9300 expired 2000 refunded 0, window 700/300");
    let bigger = template(50_000_000, ResetWindow::Month, WindowAlignment::Anniversary);
    let package = QuotaPackage::bought(&bigger, 1, books.license.sold.term, books.license.validity);
    books.license.sold.quota = vec![package.expect("small")];
    books.settle();
    // 9,300 are exchanged for ten windows of 5,000 of which 700 are used.
    assert_eq!(
        balance(&books),
        "bought 61300 used 700 left 49300 expired 2000 refunded 9300, window 700/4300"
    );
}

#[test]
fn an_upgrade_that_is_heard_of_before_an_older_renewal_gives_what_it_gives_in_order() {
    for (reset, left) in [(ResetWindow::Month, "500"), (ResetWindow::None, "250"), (ResetWindow::Year, "250")]
    {
        let mut books = Books::open(1_000_000, reset, WindowAlignment::Anniversary);
        books.license.sold.term = Term::Days(14);
        books.license.move_end(Some(books.now + TimeDelta::days(14)));
        books.settle();
        books.step(&Step::Use(300_000));
        books.now += TimeDelta::days(20);
        let bigger = template(2_500_000, reset, WindowAlignment::Anniversary);
        let package = QuotaPackage::bought(&bigger, 1, books.license.sold.term, books.license.validity);
        books.license.sold.quota = vec![package.expect("small")];
        books.settle();
        books.add_up();
        books.license.move_end(Some(books.now + TimeDelta::days(30)));
        books.settle();
        books.add_up();
        let balance = books.account.packages[0].balance(&books.counts, None, books.now);
        let left: Amount =
            Amount::parse(left).expect("an amount").less(Amount::parse("30").expect("an amount"));
        assert_eq!((balance.left, balance.expired), (Some(left), Some(Amount::ZERO)), "{reset:?}");
    }
}

#[test]
fn what_is_left_when_a_license_is_released_is_paid_back_once() {
    let mut books = thousand_a_month();
    books.step(&Step::Use(4_000_000));
    books.now += TimeDelta::days(40);
    books.step(&Step::End);
    let at_the_end = balance(&books);
    assert_eq!(at_the_end, "bought 12000 used 400 left 0 expired 600 refunded 11000, window 0/0");
    books.now += TimeDelta::days(400);
    books.step(&Step::End);
    assert_eq!(balance(&books), at_the_end);
}
