use super::*;
use crate::domain::{ChannelId, Marketplace, OpenApi, ProtocolName, ReadyRule, SecretRef};

fn at(millis: i64) -> Instant {
    Instant::UNIX_EPOCH + TimeDelta::milliseconds(millis)
}

fn destination(host: &str) -> Destination {
    let secret = || SecretRef::Env("AK".into());
    let channel = Channel {
        id: ChannelId::parse("cad").expect("a slug"),
        marketplace: Marketplace::KooGallery,
        protocol: ProtocolName("saas-v2".into()),
        products: Vec::new(),
        access_keys: Vec::new(),
        usage: crate::domain::UsageRules::default(),
        open_api: Some(OpenApi { base_url: host.into(), access_key: secret(), secret_key: secret() }),
        ready: ReadyRule::Minted,
    };
    Destination::of(&channel).expect("it has an open API")
}

fn goes(breakers: &Breakers, host: &str, now: i64) -> bool {
    matches!(breakers.enter(&destination(host), at(now), 0), Entry::Go(_))
}

fn fail(breakers: &Breakers, host: &str, times: usize, now: i64) {
    for _ in 0..times {
        breakers.saw(&destination(host), &CallSeen::Failed, at(now), 0);
    }
}

#[test]
fn three_failures_in_a_row_break_it_and_an_answer_between_them_does_not() {
    let breakers = Breakers::default();
    fail(&breakers, "a", 2, 0);
    breakers.saw(&destination("a"), &CallSeen::Answered, at(0), 0);
    fail(&breakers, "a", 2, 0);
    assert!(goes(&breakers, "a", 0));
    fail(&breakers, "a", 1, 0);
    assert_eq!(breakers.enter(&destination("a"), at(0), 0), Entry::Wait(at(2_000)));
    assert!(goes(&breakers, "b", 0), "another one goes on");
}

#[test]
fn one_probe_goes_at_a_time_and_ever_more_seldom() {
    let (breakers, mut now, mut pauses) = (Breakers::default(), 0, Vec::new());
    fail(&breakers, "a", 3, 0);
    for _ in 0..8 {
        let Entry::Wait(until) = breakers.enter(&destination("a"), at(now), 0) else {
            panic!("it is broken")
        };
        pauses.push((until - at(now)).num_seconds());
        now = until.timestamp_millis();
        let probe = breakers.enter(&destination("a"), until, 0);
        assert!(matches!(probe, Entry::Go(_)));
        assert!(!goes(&breakers, "a", now), "one at a time");
        breakers.saw(&destination("a"), &CallSeen::Failed, at(now), 0);
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_probe_that_called_nobody_is_followed_by_another_at_once() {
    let breakers = Breakers::default();
    fail(&breakers, "a", 3, 0);
    assert!(goes(&breakers, "a", 2_000));
    assert!(goes(&breakers, "a", 2_000), "the permit before was dropped without a call");
}

#[test]
fn after_an_outage_calls_come_slowly_at_first_and_never_faster_than_the_highest_rate() {
    let (breakers, mut now) = (Breakers::default(), 60_000);
    fail(&breakers, "a", 3, 0);
    let probe = breakers.enter(&destination("a"), at(now), 0);
    breakers.saw(&destination("a"), &CallSeen::Answered, at(now), 0);
    drop(probe);
    let mut per_second = BTreeMap::new();
    while now < 120_000 {
        match breakers.enter(&destination("a"), at(now), 255) {
            Entry::Go(_permit) => {
                *per_second.entry(now / 1_000).or_insert(0_u32) += 1;
                breakers.saw(&destination("a"), &CallSeen::Answered, at(now), 0);
            }
            Entry::Wait(until) => now = until.timestamp_millis(),
        }
    }
    assert!(per_second[&60] <= 8, "{per_second:?}");
    assert!(per_second.values().all(|count| *count <= 20 + 4), "{per_second:?}");
    assert!(per_second[&119] >= 15, "{per_second:?}");
    assert!(matches!(breakers.enter(&destination("a"), at(200_000), 0), Entry::Go(_)));
    for _ in 0..100 {
        assert!(goes(&breakers, "a", 200_000), "a pause means that the backlog is done");
    }
}

#[test]
fn no_more_than_four_calls_are_under_way_and_a_hanging_one_gets_one_more() {
    let breakers = Breakers::default();
    let enter = || breakers.enter(&destination("a"), at(0), 0);
    let under_way = [enter(), enter(), enter(), enter()];
    assert!(under_way.iter().all(|entry| matches!(entry, Entry::Go(_))));
    assert_eq!(enter(), Entry::Wait(at(BUSY_MILLIS)));
    drop(under_way);
    fail(&breakers, "a", 1, 0);
    let one = enter();
    assert!(matches!(one, Entry::Go(_)));
    assert_eq!(enter(), Entry::Wait(at(BUSY_MILLIS)));
}

#[test]
fn whoever_asks_for_a_pause_gets_it_and_a_person_may_end_it() {
    let breakers = Breakers::default();
    breakers.saw(&destination("a"), &CallSeen::AskedToWait(at(90_000)), at(0), 0);
    assert_eq!(breakers.enter(&destination("a"), at(89_999), 0), Entry::Wait(at(90_000)));
    breakers.probe_now(&destination("a"), at(50_000));
    assert!(goes(&breakers, "a", 50_000));
}

#[test]
fn probes_of_many_that_hang_leave_room() {
    let breakers = Breakers::default();
    let hosts: Vec<String> = (0..PROBES_MAX + 1).map(|number| format!("host-{number}")).collect();
    hosts.iter().for_each(|host| fail(&breakers, host, 3, 0));
    let probes: Vec<_> = hosts.iter().map(|host| breakers.enter(&destination(host), at(2_000), 0)).collect();
    let going = probes.iter().filter(|entry| matches!(entry, Entry::Go(_))).count();
    assert_eq!(going, PROBES_MAX);
    drop(probes);
    assert!(goes(&breakers, &hosts[PROBES_MAX], 2_000));
}

#[test]
fn the_memory_of_breakers_is_bounded() {
    let breakers = Breakers::default();
    for number in 0..BREAKERS_MAX + 10 {
        assert!(goes(&breakers, &format!("host-{number}"), i64::try_from(number).expect("small")));
    }
    assert_eq!(breakers.lock().len(), BREAKERS_MAX);
}
