//! A full life of a purchase in every family: bought on trial, made formal, renewed, upgraded, stopped, let go on, paid
//! back in part and released; timely, late, repeated, and in every order of arrival in which the calls, or the orders
//! they name, say enough to be put in order. It ends in the same state, and key, status list and quota agree with it.
//!
//! Which orders of arrival are equal, and why, is a table in `docs/koogallery.md`.

#[path = "../postgres/mod.rs"]
mod cluster;
#[path = "../engines/mod.rs"]
mod engines;
mod family;
mod look;
mod model;
#[path = "../process/mod.rs"]
mod process;
mod script;
#[path = "../engines/service.rs"]
mod service;
mod shop;
mod stage;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/koogallery_v1.rs"]
#[expect(dead_code, reason = "only what signs is used here")]
mod v1;

use engines::{EngineName, for_engines};
use family::{Family, Wire};
use process::{Dice, prove_count};
use script::{Step, at_hour};
use stage::{Arrival, Stage, Work, catalog, one_after_another, opened, opened_on, timely};

/// Of so many parts of all orders of arrival the test command takes one, where work is done later than at once.
const PARTS: usize = 3;
const BASIC: &str = "LIFE-BASIC";
/// Everything but the release has arrived, and nothing that was paid back has ended.
const BEFORE_RELEASE: i64 = 23 * 24;
const AFTER_RELEASE: i64 = 25 * 24;
/// Trial and month are over.
const LONG_AFTER: i64 = 70 * 24;

macro_rules! in_every_family {
    ($($name:ident: $family:ident),+ $(,)?) => { $(
        mod $name {
            use crate::family::$family as FAMILY;

            crate::for_engines! { at_once [memory embedded postgres] {
                each_step_of_a_timely_life_says_the_same_everywhere,
            } }

            mod repeated {
                use super::repetitions_of_every_call_also_all_at_once_change_nothing;

                crate::for_engines! { at_once [memory postgres] {
                    repetitions_of_every_call_also_all_at_once_change_nothing,
                } }
            }

            fn each_step_of_a_timely_life_says_the_same_everywhere(on: crate::EngineName) {
                crate::step_by_step(on, &FAMILY);
            }

            #[test]
            fn a_call_that_comes_late_ends_in_the_same_state() {
                crate::late(&FAMILY);
            }

            #[test]
            fn a_call_that_comes_after_the_end_of_what_was_paid_ends_in_the_same_state() {
                crate::past_expiry(&FAMILY);
            }

            #[test]
            fn every_order_of_arrival_that_can_be_told_apart_ends_in_the_same_state() {
                crate::every_arrival(&FAMILY);
            }

            #[test]
            fn any_order_of_more_calls_at_random_ends_in_the_same_state() {
                crate::random_arrivals(&FAMILY);
            }

            fn repetitions_of_every_call_also_all_at_once_change_nothing(on: crate::EngineName) {
                crate::repeated(on, &FAMILY);
            }

            #[test]
            fn what_comes_before_a_spec_knows_the_sku_counts_after_it() {
                crate::held(&FAMILY);
            }

            #[test]
            fn nothing_has_an_effect_after_the_release() {
                crate::after_release(&FAMILY);
            }
        }
    )+ };
}

in_every_family! {
    saas_v2: SAAS_V2,
    license_online: LICENSE_ONLINE,
    license_code: LICENSE_CODE,
    license_v1: LICENSE_V1,
    saas_v1: SAAS_V1,
}

/// What asking for orders adds to a family whose calls do not say when they were placed.
mod saas_v1_with_order_query {
    use crate::family::SAAS_V1_ASKED as FAMILY;

    #[test]
    fn a_call_that_comes_late_ends_in_the_same_state() {
        crate::late(&FAMILY);
    }

    #[test]
    fn every_order_of_arrival_that_can_be_told_apart_ends_in_the_same_state() {
        crate::every_arrival(&FAMILY);
    }

    #[test]
    fn what_comes_before_a_spec_knows_the_sku_counts_after_it() {
        crate::held(&FAMILY);
    }
}

/// The life without its ends.
fn middle(steps: &[Step]) -> Vec<Step> {
    steps.iter().copied().filter(|step| !matches!(step, Step::Buy | Step::Release)).collect()
}

fn whole(middle: &[Step]) -> Vec<Step> {
    [&[Step::Buy], middle, &[Step::Release]].concat()
}

/// Up to the release.
fn not_release(step: Step) -> bool {
    step != Step::Release
}

/// Plays to the end and looks before the release and after it.
fn to_the_end(stage: &mut Stage<'_>) {
    stage.play(at_hour(BEFORE_RELEASE));
    stage.all_alike(not_release);
    stage.play(at_hour(AFTER_RELEASE));
    stage.all_alike(|_| true);
}

/// What a redemption brings with it is not known before, so that for codes it comes first.
fn works(family: &Family) -> &'static [Work] {
    match family.wire {
        Wire::Codes => &[Work::AtOnce, Work::OncePurchased],
        Wire::Instances | Wire::LicenseV1 | Wire::SaasV1 => {
            &[Work::AtOnce, Work::OncePurchased, Work::AtTheEnd]
        }
    }
}

fn step_by_step(on: EngineName, family: &'static Family) {
    for life in [family.life, family.rich_life] {
        let harness = opened_on(on, family);
        let mut stage = Stage::new(&harness, family, Work::AtOnce);
        stage.add("step by step", life, BASIC, timely(life));
        stage.step_by_step();
    }
    let harness = opened_on(on, family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    stage.add("with every place taken", family.life, BASIC, timely(family.life));
    stage.play(at_hour(BEFORE_RELEASE));
    stage.fill(0);
}

/// Each call put off past the next events one after another, one call at a time; then all of them by three days.
fn late(family: &'static Family) {
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    stage.add("timely", family.life, BASIC, timely(family.life));
    let middle = middle(family.life);
    for step in &middle {
        let later = middle.iter().filter(|other| other.happens_at() > step.happens_at());
        let moments = later.map(|other| other.happens_at() + chrono::TimeDelta::hours(1));
        for at in moments.chain([at_hour(21 * 24)]) {
            let put_off = |own: &Step| Arrival::once(*own, if own == step { at } else { own.happens_at() });
            let arrivals: Vec<_> = whole(&middle).iter().map(put_off).collect();
            if is_told_apart(family, &arrivals) {
                stage.add(&format!("{step:?} at {at}"), family.life, BASIC, arrivals);
            }
        }
    }
    let by_days = |step: &Step| match step {
        Step::Buy | Step::Release => Arrival::once(*step, step.happens_at()),
        _ => Arrival::once(*step, step.happens_at() + chrono::TimeDelta::days(3)),
    };
    stage.add("all by three days", family.life, BASIC, family.life.iter().map(by_days).collect());
    to_the_end(&mut stage);
}

fn is_told_apart(family: &Family, arrivals: &[Arrival]) -> bool {
    let too_late = |one: &Arrival, other: &Arrival| {
        one.step.happens_at() < other.step.happens_at()
            && one.at > other.at
            && family.must_come_in_order(one.step, other.step)
    };
    arrivals.iter().all(|one| arrivals.iter().all(|other| !too_late(one, other)))
}

/// With and without the renewal that is paid back: what runs on, and what is over.
fn past_expiry(family: &'static Family) {
    let without_cancel: Vec<Step> =
        family.life.iter().copied().filter(|step| *step != Step::Cancel).collect();
    for life in [family.life.to_vec(), without_cancel] {
        let life: Vec<Step> = life.into_iter().filter(|step| not_release(*step)).collect();
        let harness = opened(family);
        let mut stage = Stage::new(&harness, family, Work::AtOnce);
        stage.add("timely", &life, BASIC, timely(&life));
        for late in life.iter().filter(|step| **step != Step::Buy) {
            let put_off = |own: &Step| {
                let at = if own == late { at_hour(45 * 24) } else { own.happens_at() };
                Arrival::once(*own, at)
            };
            let arrivals: Vec<_> = life.iter().map(put_off).collect();
            if is_told_apart(family, &arrivals) {
                stage.add(&format!("{late:?} long after"), &life, BASIC, arrivals);
            }
        }
        let all_late = |(index, step): (usize, &Step)| match step {
            Step::Buy => Arrival::once(*step, step.happens_at()),
            _ => Arrival::once(*step, at_hour(45 * 24 + i64::try_from(index).expect("few"))),
        };
        let in_order: Vec<_> = stage.lives[0].life.script.steps().collect();
        stage.add("all long after", &life, BASIC, in_order.iter().enumerate().map(all_late).collect());
        stage.play(at_hour(LONG_AFTER));
        stage.all_alike(|_| true);
    }
}

/// Up to five calls in all their orders; of more of them freezing and unfreezing at another place each time.
fn every_arrival(family: &'static Family) {
    let middle = middle(family.life);
    let is_status = |step: &Step| matches!(step, Step::Freeze | Step::Unfreeze);
    let arrivals = if middle.len() <= 5 {
        family.arrivals(&middle)
    } else {
        let ordered: Vec<Step> = middle.iter().copied().filter(|step| !is_status(step)).collect();
        let spread = |(index, mut arrival): (usize, Vec<Step>)| {
            let places = arrival.len() + 1;
            let (freeze, unfreeze) = (index % places, index / places % places);
            arrival.insert(freeze.max(unfreeze), Step::Unfreeze);
            arrival.insert(freeze.min(unfreeze), Step::Freeze);
            arrival
        };
        family.arrivals(&ordered).into_iter().enumerate().map(spread).collect()
    };
    // The test command looks at every one with its work done at once, and at a third with the work done later.
    let (part, is_whole) = (Dice::fresh().below(PARTS), prove_count(0) > 0);
    for work in works(family) {
        let harness = opened(family);
        let mut stage = Stage::new(&harness, family, *work);
        stage.add("timely", family.life, BASIC, timely(family.life));
        let is_in = |index: usize| is_whole || *work == Work::AtOnce || index % PARTS == part;
        for (_, arrival) in arrivals.iter().enumerate().filter(|(index, _)| is_in(*index)) {
            let what = format!("{arrival:?} with its work {work:?}");
            stage.add(&what, family.life, BASIC, one_after_another(&whole(arrival)));
        }
        to_the_end(&mut stage);
    }
}

fn random_arrivals(family: &'static Family) {
    let mut dice = Dice::fresh();
    let middle = middle(family.rich_life);
    for work in works(family) {
        let mut left = prove_count(2);
        while left > 0 {
            // So many in one service that looking at everything stays quick.
            let now = left.min(100);
            left -= now;
            let harness = opened(family);
            let mut stage = Stage::new(&harness, family, *work);
            stage.add("timely", family.rich_life, BASIC, timely(family.rich_life));
            for _ in 0..now {
                let arrival = family.random_arrival(&middle, |bound| dice.below(bound));
                let what = format!("{arrival:?} with its work {work:?}");
                let mut arrivals = one_after_another(&whole(&arrival));
                for arrival in &mut arrivals {
                    arrival.copies = 1 + dice.below(3);
                }
                stage.add(&what, family.rich_life, BASIC, arrivals);
            }
            to_the_end(&mut stage);
        }
    }
}

/// Each call 1 to 20 times, in turn or all at once; and when everything has arrived, all over again in any order, as far
/// as a repetition says which call it repeats.
fn repeated(on: EngineName, family: &'static Family) {
    let mut dice = Dice::fresh();
    let harness = opened_on(on, family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    stage.add("once", family.life, BASIC, timely(family.life));
    for number in 0..on.times(6, 2) {
        let mut arrivals = timely(family.life);
        for arrival in &mut arrivals {
            arrival.copies = 1 + dice.below(20);
            arrival.parallel = number % 2 == 1;
        }
        let says_which = |step: &&Step| step.moves_end() || step.changes_grants() || **step == Step::Buy;
        let mut again: Vec<Step> = family.life.iter().filter(says_which).copied().collect();
        dice.shuffle(&mut again);
        for (step, hour) in again.into_iter().zip(21 * 24..) {
            arrivals.push(Arrival { step, at: at_hour(hour), copies: 1 + dice.below(3), parallel: true });
        }
        let releases = Arrival { copies: 3, ..Arrival::once(Step::Release, at_hour(24 * 24 + 1)) };
        arrivals.push(releases);
        stage.add(&format!("repeated, {number}"), family.life, BASIC, arrivals);
    }
    to_the_end(&mut stage);
}

/// Bought under a SKU that no spec knows; when one does, everything else has arrived.
fn held(family: &'static Family) {
    if family.wire == Wire::Codes {
        return redeemed_late(family);
    }
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    stage.add("known", family.life, BASIC, timely(family.life));
    stage.add("held", family.life, "LIFE-LATER", timely(family.life));
    let middle = middle(family.life);
    let late: Vec<Step> = family.random_arrival(&middle, |_| 0);
    stage.add("held, and then late", family.life, "LIFE-LATER", one_after_another(&whole(&late)));
    stage.play(at_hour(22 * 24));
    harness.apply(&catalog(&harness, family, "\"LIFE-BASIC\", \"LIFE-LATER\""));
    to_the_end(&mut stage);
}

/// The marketplace has spoken of codes before anybody redeemed them: all are redeemed on one day.
fn redeemed_late(family: &'static Family) {
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    let middle = middle(family.life);
    for arrival in family.arrivals(&middle) {
        let mut arrivals = one_after_another(&whole(&arrival));
        arrivals[0].at = at_hour(22 * 24 + 12);
        stage.add(&format!("{arrival:?}, then redeemed"), family.life, BASIC, arrivals);
    }
    to_the_end(&mut stage);
    // Its end is then that of the renewal, whether that was told of or not.
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    let renewed = [Step::Renew.happens_at(), at_hour(18 * 24), at_hour(21 * 24)];
    for renewed_at in renewed {
        let told = |step: &Step| match step {
            Step::Buy => Arrival::once(*step, at_hour(11 * 24)),
            Step::Renew => Arrival::once(*step, renewed_at),
            _ => Arrival::once(*step, step.happens_at()),
        };
        let arrivals = family.life.iter().map(told).collect();
        stage.add(&format!("renewed, redeemed, told at {renewed_at}"), family.life, BASIC, arrivals);
    }
    to_the_end(&mut stage);
}

/// Whatever arrives for the first time or again.
fn after_release(family: &'static Family) {
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    stage.add("timely", family.life, BASIC, timely(family.life));
    let mut arrivals = timely(family.life);
    // A code that was released opens nothing, also not for whoever has redeemed it.
    let buys_again = |step: &Step| *step != Step::Buy || family.wire != Wire::Codes;
    let again = whole(&middle(family.life)).into_iter().filter(buys_again);
    for (step, hour) in again.zip(24 * 24 + 2..) {
        arrivals.push(Arrival { step, at: at_hour(hour), copies: 2, parallel: false });
    }
    stage.add("and all again after it", family.life, BASIC, arrivals);
    to_the_end(&mut stage);
    let harness = opened(family);
    let mut stage = Stage::new(&harness, family, Work::AtOnce);
    let only_then = |step: &Step| match step {
        Step::Buy => Arrival::once(*step, step.happens_at()),
        Step::Release => Arrival::once(*step, at_hour(3 * 24)),
        _ => Arrival::once(*step, step.happens_at() + chrono::TimeDelta::days(1)),
    };
    stage.add("all only after it", family.life, BASIC, family.life.iter().map(only_then).collect());
    stage.play(at_hour(3 * 24));
    let released = stage.key_of(0);
    stage.play(at_hour(AFTER_RELEASE));
    assert_eq!(stage.key_of(0), released, "no new key");
    stage.has_ended(0);
}
