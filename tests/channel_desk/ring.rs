//! The list of last calls: bounded, unmoved by floods, the same after a restart and on every replica.

use std::sync::Arc;
use std::time::Duration;

use lictor::store::Kind;
use serde_json::{Value, json};

use crate::desk::{Desk, OLD_KEY, Sent, dial_test, good, new_instance};
use crate::support::{Engine, Harness, World};

const CAD: &str = "cad-koogallery";

fn items(calls: &Value) -> Vec<Value> {
    calls["items"].as_array().expect("a list").clone()
}

/// Garbage as anybody on the internet can send it, of many sorts.
fn garbage(desk: &Desk, number: usize) -> Sent {
    let body = new_instance(&format!("CS{number}"));
    let skew_secs = 61 + i64::try_from(number).expect("small");
    match number % 6 {
        0 => desk.v2(CAD, &format!("guess {number}"), 0, &body),
        1 => desk.v2(CAD, "guess", skew_secs, &body),
        2 => Sent { body: format!("{{{number}").into_bytes(), ..desk.v2(CAD, "guess", 0, &body) },
        3 => Sent { path: format!("/marketplace/acme/{CAD}/x{number}"), ..desk.v2(CAD, "guess", 0, &body) },
        4 => Sent { path: format!("/marketplace/acme/{CAD}?x={number}"), ..desk.v2(CAD, "guess", 0, &body) },
        _ => Sent {
            method: "GET",
            path: format!("/marketplace/acme/{CAD}?{number}"),
            headers: vec![],
            body: vec![],
        },
    }
}

#[test]
fn a_flood_of_garbage_neither_pushes_out_genuine_calls_nor_fills_the_store() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    desk.flush();
    let before = desk.engine.records().len();
    let writes = desk.engine.writes();
    for number in 0..1_200 {
        desk.send(&garbage(&desk, number));
        if number % 100 == 0 {
            desk.harness.block_on(desk.harness.app.flush_calls(false)).expect("the store takes it");
        }
    }
    assert!(desk.engine.writes() - writes <= 2, "written once in a while, not once for each");
    desk.flush();
    let calls = items(&desk.calls(CAD, "limit=200"));
    let genuine: Vec<_> = calls.iter().filter(|call| call["signed_by"].is_string()).collect();
    assert_eq!(genuine.len(), 2, "both are still there");
    let strangers: u64 = calls
        .iter()
        .filter(|call| call["signed_by"].is_null())
        .map(|call| call["count"].as_u64().expect("a number"))
        .sum();
    assert_eq!(strangers, 1_200, "none is lost from the count");
    assert!(calls.len() < 30, "they collapse: {}", calls.len());
    assert!(desk.engine.records().len() - before < 10);
}

#[test]
fn the_last_800_signed_calls_are_kept_and_older_ones_are_deleted() {
    let desk = Desk::open();
    let mut sent = 0;
    for _ in 0..11 {
        for _ in 0..100 {
            sent += 1;
            let mut body = dial_test();
            body["orderId"] = format!("CS{sent}").into();
            desk.send(&desk.v2(CAD, good(), 0, &body));
        }
        desk.flush();
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = desk.calls(CAD, &format!("limit=200{cursor}"));
        seen.extend(items(&page));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let orders: Vec<_> =
        seen.iter().map(|call| call["order_id"].as_str().expect("an order").to_owned()).collect();
    let expected: Vec<_> = (301..=1_100).rev().map(|number| format!("CS{number}")).collect();
    assert_eq!(orders, expected, "newest first, every one once, the oldest gone");
    let chunks = desk.engine.records().into_iter().filter(|(key, _)| key.kind() == Kind::Call).count();
    assert!(chunks <= 11, "{chunks}");
}

#[test]
fn the_list_survives_a_restart_and_goes_on() {
    let world = World::new();
    let harness = Harness::start_in(Arc::clone(&world), &Engine::Embedded);
    harness.apply(&crate::support::acme(&world.sandbox));
    harness.storefront().dial_test().expect("answers");
    harness.block_on(harness.app.flush_calls(true)).expect("the store takes it");
    let path = "/v1/merchant/channels/cad-koogallery/calls?limit=200";
    let before = harness.merchant().get(path).expect(200).json();
    assert_eq!(items(&before).len(), 5);
    let harness = harness.restarted(&Engine::Embedded);
    assert_eq!(harness.merchant().get(path).expect(200).json(), before);
    harness.storefront().dial_test().expect("answers");
    assert_eq!(items(&harness.merchant().get(path).expect(200).json()).len(), 10);
    let shown = harness.merchant().get("/v1/merchant/channels/cad-koogallery").expect(200);
    assert_eq!(shown.at("/activities/0/passed"), true);
}

#[test]
fn the_worker_writes_what_is_left_when_it_is_stopped() {
    let desk = Desk::open();
    let workers = desk.harness.block_on(async { lictor::workers::Workers::start(&desk.harness.app) });
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.send(&garbage(&desk, 0));
    desk.harness.block_on(workers.stop());
    let kinds: Vec<_> = desk.engine.records().into_iter().map(|(key, _)| key.kind()).collect();
    for kind in [Kind::Call, Kind::Standing, Kind::Notice] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    assert_eq!(items(&desk.calls(CAD, "")).len(), 2);
}

#[test]
fn every_replica_shows_the_calls_of_all() {
    let desk = Desk::open();
    let other = desk.replica();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.harness.world.clock.advance(Duration::from_millis(5));
    let sent = desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1"));
    other.anonymous().send(sent.method, &sent.path, &sent.body);
    other.block_on(other.app.flush_calls(true)).expect("the store takes it");
    let causes: Vec<_> = items(&desk.calls(CAD, "")).iter().map(|call| call["cause_code"].clone()).collect();
    assert_eq!(causes, [json!("signed_by_retired_key"), json!(null)], "of the store and of memory, by time");
    desk.flush();
    let path = format!("/v1/merchant/channels/{CAD}");
    let seen = other.merchant().get(&format!("{path}/calls")).expect(200);
    assert_eq!(items(&seen.json()).len(), 2);
    let seen = other.merchant().get(&path).expect(200).json();
    assert_eq!(seen["activities"][0]["passed"], true, "the standing is that of both: {seen}");
}

#[test]
fn calls_are_filtered_and_followed() {
    let desk = Desk::open();
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    let first = desk.newest(CAD)["id"].as_str().expect("an id").to_owned();
    desk.send(&desk.v2(
        CAD,
        good(),
        0,
        &json!({ "activity": "queryInstance", "instanceId": "i", "testFlag": "1" }),
    ));
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance("CS1")));
    desk.flush();
    let count = |query: &str| items(&desk.calls(CAD, query)).len();
    assert_eq!((count(""), count("refused=true"), count("refused=false")), (3, 1, 3));
    assert_eq!((count("activity=queryInstance"), count("activity=coffee")), (1, 0));
    assert_eq!(count(&format!("since={first}")), 2, "only newer ones");
    let api = &desk.api;
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=201", "/limit"),
        ("refused=perhaps", "/refused"),
        ("since=x", "/since"),
        ("cursor=x", "/cursor"),
        ("sincce=x", "/sincce"),
    ] {
        let problem = api.get(&format!("/v1/merchant/channels/{CAD}/calls?{query}"));
        assert_eq!(problem.expect_problem(422, "invalid_request").at("/pointer"), pointer, "{query}");
    }
}

#[test]
fn calls_wait_for_a_full_disk_and_for_nobody_who_answers() {
    let disk = crate::desk::FullDisk::new();
    let desk = Desk::open_on(&disk);
    disk.fill();
    let answer = desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    assert_eq!(answer.at("/resultCode"), "000000", "the answer does not wait for the list");
    let refused = desk.send(&desk.v2(CAD, good(), 0, &new_instance("CS1")));
    assert_eq!(refused.at("/resultCode"), "000005");
    assert_eq!(desk.newest(CAD)["cause"], "internal error: the disk of the store is short of room");
    let kept =
        |desk: &Desk| desk.engine.records().into_iter().filter(|(key, _)| key.kind() == Kind::Call).count();
    assert!(desk.harness.block_on(desk.harness.app.flush_calls(true)).is_err());
    assert_eq!((kept(&desk), items(&desk.calls(CAD, "")).len()), (0, 2), "shown, not written");
    disk.empty();
    desk.flush();
    assert_eq!((kept(&desk), items(&desk.calls(CAD, "")).len()), (1, 2));
}

#[test]
fn channels_are_those_of_the_caller_s_merchant() {
    let desk = Desk::open();
    desk.harness.apply(crate::support::globex());
    let globex = lictor::domain::MerchantId::parse("globex").expect("valid");
    let token =
        desk.harness.token_of(lictor::domain::TokenOwner::Merchant(globex), &[lictor::domain::Scope::Admin]);
    let stranger = desk.harness.bearer(&token);
    for below in ["", "/calls"] {
        stranger.get(&format!("/v1/merchant/channels/{CAD}{below}")).expect_problem(404, "not_found");
    }
    assert_eq!(items(&stranger.get("/v1/merchant/channels").expect(200).json()).len(), 0);
    let keeper = desk.harness.bearer(&desk.harness.token(&[lictor::domain::Scope::Issue]));
    keeper.get("/v1/merchant/channels").expect_problem(403, "scope_missing");
    desk.harness.anonymous().get("/v1/merchant/channels").expect_problem(401, "token_refused");
}
