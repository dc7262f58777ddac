//! Changing the access key without an outage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use lictor::sandbox::caller::BodySign;
use serde_json::{Value, json};

use crate::desk::{Desk, OLD_KEY, dial_test, good, new_instance};

const CAD: &str = "cad-koogallery";
const NEW_KEY: &str = "isv-new-key-2027";

fn key<'a>(shown: &'a Value, id: &str) -> &'a Value {
    let keys = shown["access_keys"].as_array().expect("a list");
    keys.iter().find(|key| key["id"] == id).unwrap_or_else(|| panic!("no key {id} in {shown}"))
}

/// The desk's channel with these keys: id, variable, retired.
fn with_keys(desk: &Desk, keys: &[(&str, &str, bool)]) -> String {
    let base = desk.catalog();
    let (before, rest) = base.split_once("[[channel.access_key]]").expect("it has keys");
    let (_, others) = rest.split_once("[[channel]]").expect("other channels follow");
    let line = |(id, name, retired): &(&str, &str, bool)| {
        format!("[[channel.access_key]]\nid = \"{id}\"\nvalue = \"env:{name}\"\nretired = {retired}\n")
    };
    format!("{before}{}[[channel]]{others}", keys.iter().map(line).collect::<String>())
}

#[test]
fn a_channel_shows_which_key_signs_and_which_cannot_be_read() {
    let desk = Desk::open();
    let shown = desk.show(CAD);
    assert_eq!(shown["address"], format!("{}/marketplace/acme/{CAD}", desk.harness.url));
    assert_eq!((&shown["protocol"], &shown["open_api_state"]["state"]), (&json!("saas-v2"), &json!("ready")));
    assert_eq!(key(&shown, "cad-2026")["last_signed_at"], json!(null));
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    desk.send(&desk.v2(CAD, OLD_KEY, 0, &dial_test()));
    let shown = desk.show(CAD);
    assert_eq!(key(&shown, "cad-2026")["signs_now"], true);
    assert_eq!(key(&shown, "cad-2026")["last_signed_at"], "2026-01-31T08:00:00Z");
    let retired = key(&shown, "cad-2025");
    assert_eq!(
        (&retired["retired"], &retired["signs_now"]),
        (&json!(true), &json!(false)),
        "it lets nothing in"
    );
    assert_eq!(key(&shown, "kit-1")["use"], "kit");
    let unset = desk.show("cad-unset");
    assert_eq!(
        (&key(&unset, "unset-1")["resolvable"], &key(&unset, "unset-1")["value"]),
        (&json!(false), &json!("env:NOT_SET"))
    );
    assert!(!desk.show(CAD).to_string().contains(good()), "a reference is shown, never the key");
}

/// Add, apply, switch, look, retire, remove: under load from the first step to the last.
#[test]
fn a_key_is_changed_under_load_without_one_refused_call() {
    let desk = Desk::open();
    desk.harness.world.set_secret("NEW_KEY", NEW_KEY);
    desk.harness.apply(&with_keys(&desk, &[("cad-2026", "CALLBACK_KEY", false)]));
    let address = format!("{}/marketplace/acme/{CAD}", desk.harness.url);
    // The console switches from one key to the other at one moment, in the middle of everything.
    let switched = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    let rounds: Vec<_> = (0..4).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let callers: Vec<_> = rounds
        .iter()
        .map(|rounds| {
            let sandbox = &desk.harness.world.sandbox;
            let shops = [good(), NEW_KEY].map(|key| sandbox.storefront(&address, key.to_owned().into()));
            let (switched, stop, rounds) = (Arc::clone(&switched), Arc::clone(&stop), Arc::clone(rounds));
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let shop = &shops[usize::from(switched.load(Ordering::SeqCst))];
                    for (activity, answer) in shop.dial_test().expect("it answers") {
                        assert_eq!((answer.status, answer.result_code()), (200, "000000"), "{activity}");
                        assert_eq!(
                            answer.body_sign,
                            BodySign::Right,
                            "signed with the key that signed the call"
                        );
                    }
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    // Every caller has begun and ended a whole round after this was called.
    let whole_rounds = || {
        let goals: Vec<_> = rounds.iter().map(|count| count.load(Ordering::SeqCst) + 2).collect();
        while rounds.iter().zip(&goals).any(|(count, goal)| count.load(Ordering::SeqCst) < *goal) {
            assert!(callers.iter().all(|caller| !caller.is_finished()), "a call was refused");
            std::thread::yield_now();
        }
    };
    whole_rounds();
    let both = [("cad-2027", "NEW_KEY", false), ("cad-2026", "CALLBACK_KEY", false)];
    desk.harness.apply(&with_keys(&desk, &both));
    whole_rounds();
    switched.store(true, Ordering::SeqCst);
    whole_rounds();
    desk.harness.world.clock.advance(std::time::Duration::from_secs(1));
    whole_rounds();
    assert_eq!(key(&desk.show(CAD), "cad-2027")["signs_now"], true);
    assert_eq!(key(&desk.show(CAD), "cad-2026")["signs_now"], false);
    desk.harness
        .apply(&with_keys(&desk, &[("cad-2027", "NEW_KEY", false), ("cad-2026", "CALLBACK_KEY", true)]));
    whole_rounds();
    desk.harness.apply(&with_keys(&desk, &[("cad-2027", "NEW_KEY", false)]));
    whole_rounds();
    stop.store(true, Ordering::SeqCst);
    for caller in callers {
        caller.join().expect("no call was refused");
    }
    let refused = desk.calls(CAD, "refused=true");
    assert_eq!(refused["items"], json!([]));
}

#[test]
fn an_apply_tells_what_happens_to_each_key() {
    let desk = Desk::open();
    desk.harness.world.set_secret("NEW_KEY", NEW_KEY);
    let changed = with_keys(&desk, &[("cad-2027", "NEW_KEY", false), ("cad-2026", "OLD_KEY", true)]);
    let answer =
        desk.harness.operator().post("/v1/merchant/apply", &json!({ "toml": changed, "dry_run": true }));
    let answer = answer.expect(200).json();
    let entries = answer["entries"].as_array().expect("a list");
    let entry = entries.iter().find(|entry| entry["id"] == CAD).expect("the channel");
    assert_eq!(entry["change"], "changed");
    assert_eq!(
        entry["details"],
        json!([
            "access key cad-2027 (callbacks) added",
            "access key cad-2026 (callbacks) is read from env:OLD_KEY, not from env:CALLBACK_KEY",
            "access key cad-2026 (callbacks) retired",
            "access key cad-2025 (callbacks) removed",
            "access key kit-1 (kit) removed",
        ])
    );
    let unchanged = entries.iter().find(|entry| entry["id"] == "cad-other").expect("another one");
    assert!(unchanged.get("details").is_none());
}

/// The desk's channel with its keys in the short form.
fn with_list(desk: &Desk, names: &[&str]) -> String {
    let base = desk.catalog();
    let (before, rest) = base.split_once("[[channel.access_key]]").expect("it has keys");
    let (_, others) = rest.split_once("[[channel]]").expect("other channels follow");
    let names: Vec<_> = names.iter().map(|name| format!("\"env:{name}\"")).collect();
    format!("{before}access_keys = [{}]\n[[channel]]{others}", names.join(", "))
}

fn details(desk: &Desk, file: &str) -> Value {
    let body = json!({ "toml": file, "dry_run": true });
    let answer = desk.harness.operator().post("/v1/merchant/apply", &body).expect(200).json();
    let entries = answer["entries"].as_array().expect("a list");
    entries.iter().find(|entry| entry["id"] == CAD).expect("the channel")["details"].clone()
}

#[test]
fn a_new_key_has_signed_nothing_whatever_place_or_id_it_gets() {
    let desk = Desk::open();
    desk.harness.world.set_secret("NEW_KEY", NEW_KEY);
    desk.harness.apply(&with_list(&desk, &["CALLBACK_KEY"]));
    desk.send(&desk.v2(CAD, good(), 0, &dial_test()));
    assert_eq!(key(&desk.show(CAD), "1")["signs_now"], true);
    let both = with_list(&desk, &["NEW_KEY", "CALLBACK_KEY"]);
    assert_eq!(details(&desk, &both), json!(["access key env:NEW_KEY added"]));
    desk.harness.apply(&both);
    for _ in ["waiting", "stored"] {
        let shown = desk.show(CAD);
        let new = key(&shown, "1");
        assert_eq!((&new["value"], &new["signs_now"]), (&json!("env:NEW_KEY"), &json!(false)));
        assert_eq!(new["last_signed_at"], json!(null));
        let old = key(&shown, "2");
        assert_eq!((&old["value"], &old["signs_now"]), (&json!("env:CALLBACK_KEY"), &json!(true)));
        desk.flush();
    }
    desk.harness.world.clock.advance(std::time::Duration::from_secs(1));
    desk.send(&desk.v2(CAD, NEW_KEY, 0, &dial_test()));
    let shown = desk.show(CAD);
    assert_eq!(
        (&key(&shown, "1")["signs_now"], &key(&shown, "2")["signs_now"]),
        (&json!(true), &json!(false))
    );
    let long = with_keys(&desk, &[("cad-2027", "NEW_KEY", false), ("cad-2026", "CALLBACK_KEY", true)]);
    let expected = json!([
        "access key env:NEW_KEY is called cad-2027 (callbacks) now",
        "access key env:CALLBACK_KEY is called cad-2026 (callbacks) now",
        "access key cad-2026 (callbacks) retired",
    ]);
    assert_eq!(details(&desk, &long), expected);
    desk.harness.apply(&long);
    assert_eq!(key(&desk.show(CAD), "cad-2027")["signs_now"], true, "the key is the same");
    desk.harness.apply(&with_keys(&desk, &[("cad-2027", "OLD_KEY", false), ("cad-2028", "NEW_KEY", false)]));
    let shown = desk.show(CAD);
    assert_eq!(key(&shown, "cad-2027")["last_signed_at"], json!(null), "another key under the id");
    assert_eq!(key(&shown, "cad-2028")["signs_now"], true);
}

#[test]
fn a_key_that_cannot_be_read_is_taken_with_a_warning_by_name() {
    let desk = Desk::open();
    let file = with_list(&desk, &["CALLBACK_KEY", "MISSPELT_KEY"]);
    let told = details(&desk, &file).to_string();
    assert!(told.contains("warning: ") && told.contains("MISSPELT_KEY"), "{told}");
    assert!(!told.contains("warning: env:CALLBACK_KEY"), "{told}");
    desk.harness.apply(&file);
    let again = details(&desk, &file).to_string();
    assert!(again.contains("MISSPELT_KEY"), "also when nothing changes: {again}");
    desk.harness.world.set_secret("MISSPELT_KEY", NEW_KEY);
    assert_eq!(details(&desk, &file), Value::Null);
}

#[test]
fn a_channel_whose_keys_are_all_retired_is_refused_by_line() {
    let desk = Desk::open();
    let file = with_keys(&desk, &[("cad-2026", "CALLBACK_KEY", true)]);
    let problem = desk.harness.operator().post("/v1/merchant/apply", &json!({ "toml": file }));
    let problem = problem.expect_problem(422, "invalid_request");
    assert!(problem.text.contains("every access key of this channel is retired"), "{problem:?}");
    assert_eq!(desk.send(&desk.v2(CAD, good(), 0, &dial_test())).at("/resultCode"), "000000");
    let file = file.replace("retired = true", "retired = \"yes\"");
    let problem = desk.harness.operator().post("/v1/merchant/apply", &json!({ "toml": file }));
    assert!(problem.expect_problem(422, "invalid_request").text.contains("true or false"));
}

#[test]
fn a_retired_key_lets_nothing_in_whatever_it_signs() {
    let desk = Desk::open();
    let before = desk.records();
    for order in 0..5 {
        let answer = desk.send(&desk.v2(CAD, OLD_KEY, 0, &new_instance(&format!("CS{order}"))));
        assert_eq!(answer.at("/resultCode"), "000001");
    }
    assert_eq!(desk.records(), before);
}
