//! Single promises of the client.

use std::fs;

use crate::support::{AUD, Copies, DAY, FakeServer, HOUR, ISS, START, pinned};
use license_client::{Config, ConfigError, Enforcement, NextAction, Verdict, check, enforcement, maintain};
use license_token::Term;
use tempfile::tempdir;

#[test]
fn what_is_no_license_of_this_product_is_refused_without_the_network() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    let key = server.key();
    let damaged = key.replacen("eyJ", "eyK", 1);
    let altered = format!("{}AAAA{}", &key[..200], &key[204..]);
    for text in ["", "???", "not a key", &damaged, &altered, &key[..key.len() - 1], &format!("{key}.x")] {
        assert_eq!(check(&config, Some(text)), Verdict::Malformed, "{text:.60}");
    }
    let other = Config::new("acme-render", ISS, &pinned(), folder.path()).expect("valid").server(&server.url);
    assert_eq!(check(&other, Some(&key)), Verdict::Malformed, "a key of another product");
    let test = server.client(folder.path(), "pc").test_licenses();
    assert_eq!(check(&test, Some(&key)), Verdict::Malformed, "a live key where test keys count");
    assert!(server.requests().is_empty());
}

#[test]
fn a_pasted_key_may_have_blanks_line_ends_quotes_armour_or_be_a_file() {
    let server = FakeServer::start();
    let key = server.key();
    let (first, second) = key.split_at(70);
    let folder = tempdir().expect("a folder");
    let file = folder.path().join("license.txt");
    let armour = format!(
        "-----BEGIN LICENSE KEY-----\nProduct: acme-cad\n\n{first}\r\n{second}\n-----END LICENSE KEY-----\n"
    );
    fs::write(&file, &armour).expect("a file");
    let path = file.to_str().expect("UTF-8").to_owned();
    for text in [format!("  {first}\n  {second}\t\n"), format!("\"{key}\""), armour, path] {
        let state = tempdir().expect("a folder");
        assert!(check(&server.client(state.path(), "pc"), Some(&text)).is_granted(), "{text:.60}");
    }
}

#[test]
fn a_claim_code_is_redeemed_once_and_its_license_activated() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    let typed = "abcde fo123 45678 9ghjk mnpqr";
    assert_eq!(check(&config, Some(typed)).code(), "valid");
    assert_eq!(server.requests(), ["POST /v1/claims", "POST /v1/activations"]);
    assert_eq!(check(&config, Some(typed)).code(), "valid");
    assert!(server.requests().is_empty());
    assert_eq!(check(&config, Some("00000-00000-00000-00000-00000")), Verdict::Malformed, "an unknown code");
    assert_eq!(check(&config, None).code(), "valid", "and the license stays");
}

#[test]
fn a_claim_whose_marketplace_is_still_asked_is_tried_again_later() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().still_asking = true;
    let code = server.shop().claim_code.clone();
    assert_eq!(check(&config, Some(&code)), Verdict::NeedsKey(NextAction::Retry));
    server.shop().still_asking = false;
    assert!(check(&config, Some(&code)).is_granted());
    server.shop().offline = true;
    assert_eq!(check(&config, Some("MKT-12345")), Verdict::NeedsKey(NextAction::GoOnline));
}

#[test]
fn without_a_key_one_is_asked_for() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    let verdict = check(&config, None);
    assert_eq!(verdict, Verdict::NeedsKey(NextAction::PasteCurrentKey));
    assert_eq!(maintain(&config), verdict);
    assert!(server.requests().is_empty());
}

#[test]
fn a_key_pasted_offline_waits_for_the_network() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().offline = true;
    assert_eq!(check(&config, Some(&server.key())), Verdict::NeedsKey(NextAction::GoOnline));
    server.shop().offline = false;
    assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::GoOnline), "the pause is not over");
    server.clock.advance(HOUR);
    assert_eq!(check(&config, None).code(), "valid");
}

#[test]
fn after_a_failure_the_server_is_left_alone_for_a_while() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    assert!(maintain(&config).is_granted());
    server.shop().offline = true;
    server.clock.advance(8 * DAY);
    server.requests();
    let mut attempts = 0;
    for _minute in 0..12 * 60 {
        assert!(maintain(&config).is_granted());
        attempts += usize::from(!server.requests().is_empty());
        server.clock.advance(60);
    }
    assert!((3..=12).contains(&attempts), "{attempts} attempts in twelve hours");
    server.clock.set(START + 9 * DAY);
    server.shop().offline = false;
    assert!(maintain(&config).is_granted());
    assert_eq!(server.shop().generation(), 2);
}

/// Whatever a clock that was far ahead wrote, the next call does not wait for years.
#[test]
fn a_pause_from_a_wrong_clock_is_no_pause() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().offline = true;
    server.clock.set(START + 3_650 * DAY);
    assert!(!check(&config, Some(&server.key())).is_granted());
    server.shop().offline = false;
    server.clock.set(START);
    assert_eq!(check(&config, None).code(), "valid");
}

#[test]
fn a_lost_answer_costs_no_generation_and_no_place() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().lose_next_answer = true;
    assert!(!check(&config, Some(&server.key())).is_granted());
    server.clock.advance(HOUR);
    assert!(check(&config, None).is_granted());
    assert_eq!(server.shop().generation(), 1);
    assert_eq!(server.shop().places_taken(), 1);
}

#[test]
fn an_answer_that_does_not_verify_changes_nothing() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().forges = true;
    assert_eq!(check(&config, Some(&server.key())), Verdict::NeedsKey(NextAction::GoOnline));
    let state = fs::read_to_string(folder.path().join("acme-cad.license.json")).expect("the state");
    assert!(state.contains(r#""certificate": null"#), "{state}");
}

#[test]
fn a_container_is_configured_by_its_environment() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let state = folder.path().join("state");
    let (key, shown) = (server.key(), state.to_str().expect("UTF-8").to_owned());
    let environment = move |name: &str| match name {
        "ACME_CAD_LICENSE_KEY" => Some(key.clone()),
        "ACME_CAD_LICENSE_STATE_DIR" => Some(shown.clone()),
        "ACME_CAD_LICENSE_MACHINE_ID" => Some("pod-7".into()),
        _ => None,
    };
    let config = server.client(&folder.path().join("unused"), "node-a").environment(environment.clone());
    assert_eq!(check(&config, None).code(), "valid");
    assert!(state.join("acme-cad.license.json").exists() && !folder.path().join("unused").exists());
    fs::remove_dir_all(&state).expect("a new pod has no state");
    let rolled_out = server.client(folder.path(), "node-b").environment(environment);
    assert_eq!(check(&rolled_out, None).code(), "valid");
    assert_eq!(server.shop().places_taken(), 1, "the same identity on another node is the same place");
}

#[test]
fn a_machine_without_readable_hardware_gets_an_id_of_its_own() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let bare = || server.client(folder.path(), "").machine(Vec::new);
    assert!(check(&bare(), Some(&server.key())).is_granted());
    assert!(check(&bare(), None).is_granted());
    let elsewhere = tempdir().expect("a folder");
    assert!(check(&server.client(elsewhere.path(), "").machine(Vec::new), Some(&server.key())).is_granted());
    assert_eq!(server.shop().places_taken(), 2);
}

/// Signed into the license, so it can be asked when the verdict is no.
#[test]
fn software_that_is_refused_is_told_whether_to_stop_or_to_warn() {
    for asked in [Enforcement::Enforce, Enforcement::Warn, Enforcement::Advise] {
        let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
        server.shop().policy.enforcement = asked;
        server.shop().issue_key();
        let config = server.client(folder.path(), "pc");
        assert_eq!(enforcement(&config), Enforcement::Enforce, "without a license nobody asked for less");
        server.shop().offline = true;
        assert_eq!(check(&config, Some(&server.key())), Verdict::NeedsKey(NextAction::GoOnline));
        assert_eq!(enforcement(&config), asked, "by the key alone");
        server.shop().offline = false;
        server.clock.advance(HOUR);
        let granted = check(&config, None);
        let license = granted.granted().expect("granted");
        assert_eq!(license.enforcement, asked);
        assert_eq!(license.grace_until, Some(START + 33 * DAY), "the month, and three days of grace");
        let json: serde_json::Value = serde_json::from_str(&granted.to_json("en")).expect("JSON");
        assert_eq!(
            (&json["enforcement"], &json["grace_until"]),
            (&asked.as_str().into(), &(START + 33 * DAY).into())
        );
        let elsewhere = tempdir().expect("a folder");
        let other = server.client(elsewhere.path(), "other");
        assert!(check(&other, Some(&server.key())).is_granted());
        server.shop().revoke();
        server.clock.advance(DAY);
        assert_eq!((maintain(&other).code(), enforcement(&other)), ("revoked", asked));
        server.shop().offline = true;
        server.clock.set(START + 33 * DAY - 1);
        assert_eq!(check(&config, None).code(), "grace");
        server.clock.set(START + 33 * DAY);
        assert_eq!((check(&config, None).code(), enforcement(&config)), ("expired", asked));
        let thief = server.client(folder.path(), "thief");
        assert_eq!(
            (check(&thief, None).code(), enforcement(&thief)),
            ("wrong_machine", Enforcement::Enforce)
        );
    }
}

#[test]
fn a_build_that_is_newer_than_its_updates_is_told_so() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    server.shop().upd = Some(START + DAY);
    server.shop().sell(Term::Permanent, None);
    let config = server.client(folder.path(), "pc");
    let built_at = |released| config.clone().build_released_at(released);
    assert_eq!(check(&built_at(START), Some(&server.key())).code(), "valid");
    assert_eq!(check(&built_at(START + DAY - 1), None).code(), "valid");
    assert_eq!(check(&built_at(START + DAY), None), Verdict::UpdatesEnded);
}

#[test]
fn with_both_copies_damaged_the_key_is_asked_for_again() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    let copies = Copies::of(folder.path());
    let state = copies.read();
    let newer = state.replace(r#""v": 2"#, r#""v": 3"#);
    let unsealed = state.replacen("{\"mac\"", "{\"cam\"", 1).replace(r#""v": 2"#, r#""v": 1"#);
    let later = state.replace(r#""failures": 0"#, r#""failures": 1"#);
    assert!([&newer, &unsealed, &later].iter().all(|changed| **changed != state));
    for damaged in ["", "{", "[]", "\u{0}", &state[..state.len() / 2], &newer, &unsealed, &later] {
        copies.write_both(damaged);
        assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::PasteCurrentKey), "{damaged:.60}");
        assert_eq!(maintain(&config), Verdict::NeedsKey(NextAction::PasteCurrentKey), "{damaged:.60}");
    }
    assert!(check(&config, Some(&server.key())).is_granted());
    assert_eq!(server.shop().places_taken(), 1, "the same machine gets its place back");
    copies.remove_both();
    assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::PasteCurrentKey));
}

#[test]
fn one_copy_heals_the_other_and_the_newer_counts() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    let copies = Copies::of(folder.path());
    server.shop().offline = true;
    for which in [0, 1] {
        let state = copies.read();
        for damaged in [None, Some(""), Some(&state[..state.len() - 1]), Some("{\"v\": 1}")] {
            match damaged {
                Some(text) => fs::write(&copies.0[which], text).expect("written"),
                None => fs::remove_file(&copies.0[which]).expect("removed"),
            }
            assert_eq!(check(&config, None).code(), "valid", "{damaged:?}");
            copies.read();
        }
    }
    server.shop().offline = false;
    let before = copies.read();
    server.clock.advance(8 * DAY);
    assert!(maintain(&config).is_granted());
    let renewed = copies.read();
    let certificate = |text: &str| text.split_once("\"certificate\"").expect("one").1[..1_000].to_owned();
    for which in [0, 1] {
        fs::write(&copies.0[which], &before).expect("a power failure between two writes");
        assert!(check(&config, None).is_granted());
        assert_eq!(certificate(&copies.read()), certificate(&renewed), "the newer of two counts");
    }
}

/// What the program before this one has kept is taken over, and only while there is nothing newer.
#[test]
fn a_state_without_a_seal_is_taken_over_once() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    let copies = Copies::of(folder.path());
    let mut old: serde_json::Value = serde_json::from_str(&copies.read()).expect("JSON");
    (old["v"], old["floor"]) = (1.into(), (START + HOUR).into());
    for member in ["mac", "clock", "seq"] {
        old.as_object_mut().expect("an object").remove(member);
    }
    let old = old.to_string();
    copies.remove_both();
    fs::write(&copies.0[0], &old).expect("as it was written before");
    server.shop().offline = true;
    assert_eq!(check(&config, None).code(), "valid");
    let sealed: serde_json::Value = serde_json::from_str(&copies.read()).expect("JSON");
    assert_eq!((&sealed["v"], &sealed["clock"]["floor"]), (&2.into(), &(START + HOUR).into()));
    // The older program has run again meanwhile, and renewed.
    server.shop().offline = false;
    server.clock.advance(8 * DAY);
    let elsewhere = tempdir().expect("a folder");
    let beside = server.client(elsewhere.path(), "pc");
    assert!(check(&beside, Some(&server.key())).is_granted());
    let theirs: serde_json::Value = serde_json::from_str(&Copies::of(elsewhere.path()).read()).expect("JSON");
    let mut by_the_older: serde_json::Value = serde_json::from_str(&old).expect("JSON");
    by_the_older["certificate"] = theirs["certificate"].clone();
    fs::write(&copies.0[0], by_the_older.to_string()).expect("written");
    assert!(maintain(&config).is_granted());
    let kept: serde_json::Value = serde_json::from_str(&copies.read()).expect("JSON");
    assert!(kept["clock"]["floor"].as_i64() >= Some(START + 8 * DAY));
    assert_eq!(server.shop().generation(), 2, "its certificate was found, and no clone is suspected");
    // Beside a damaged second copy it is no state: there is one already.
    fs::write(&copies.0[0], &old).expect("written");
    fs::write(&copies.0[1], "damaged").expect("written");
    assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::PasteCurrentKey));
}

#[cfg(unix)]
#[test]
fn the_state_is_readable_by_its_owner_only_and_leaves_nothing_beside_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    assert!(check(&server.client(folder.path(), "pc"), Some(&server.key())).is_granted());
    let files: Vec<_> =
        fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry")).collect();
    assert_eq!(files.len(), 2, "two copies");
    for file in files {
        assert_eq!(file.metadata().expect("metadata").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_configuration_without_a_usable_key_is_refused_at_once() {
    let refused = |keys: &str, issuer: &str| Config::new(AUD, issuer, keys, "/nowhere").expect_err("refused");
    assert!(matches!(refused("{}", ISS), ConfigError::Keys(_)));
    assert_eq!(refused(&pinned(), "https://other.example"), ConfigError::NoKeyOfIssuer);
}

#[test]
fn every_refusal_speaks_english_and_chinese_and_says_what_to_do() {
    let refusals = [
        Verdict::NeedsKey(NextAction::PasteCurrentKey),
        Verdict::NeedsKey(NextAction::GoOnline),
        Verdict::Expired(NextAction::Renew),
        Verdict::Expired(NextAction::GoOnline),
        Verdict::UpdatesEnded,
        Verdict::Suspended,
        Verdict::Superseded(NextAction::PasteCurrentKey),
        Verdict::Revoked(NextAction::ContactSeller),
        Verdict::WrongMachine,
        Verdict::MachineLimit,
        Verdict::ClockSuspect,
        Verdict::StatusStale,
        Verdict::Malformed,
    ];
    for verdict in refusals {
        let next = verdict.next_action().expect("a next action");
        for (english, chinese) in
            [(verdict.reason("en-GB"), verdict.reason("zh-CN")), (next.reason("fr"), next.reason("ZH"))]
        {
            assert!(english.is_ascii() && english.ends_with('.'), "{english}");
            assert!(!chinese.is_ascii() && chinese.ends_with('。'), "{chinese}");
        }
        let json: serde_json::Value = serde_json::from_str(&verdict.to_json("en")).expect("JSON");
        assert_eq!((&json["granted"], json["verdict"].as_str()), (&false.into(), Some(verdict.code())));
        assert_eq!(json["next_action"], next.as_str());
    }
}

#[test]
fn a_list_that_has_not_changed_is_not_sent_again() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().etag = Some("\"seq-1\"");
    assert!(check(&config, Some(&server.key())).is_granted());
    assert!(maintain(&config).is_granted());
    server.requests();
    assert!(maintain(&config).is_granted());
    assert!(server.requests().is_empty(), "within its ttl nobody asks");
    server.clock.advance(12 * HOUR);
    assert!(maintain(&config).is_granted());
    assert_eq!(server.requests(), ["GET /v1/status-lists/acme/1", "304"]);
}

#[test]
fn one_failed_request_is_all_the_waiting_a_call_does() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().offline = true;
    server.clock.advance(8 * DAY);
    server.requests();
    assert!(maintain(&config).is_granted());
    assert_eq!(server.requests().len(), 1, "renewal and list are both due");
}

#[test]
fn a_key_pasted_offline_is_activated_by_maintain() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().offline = true;
    assert!(!check(&config, Some(&server.key())).is_granted());
    server.shop().offline = false;
    server.clock.advance(HOUR);
    assert_eq!(maintain(&config).code(), "valid");
}

/// A refusal may be cured at any moment: whoever maintains asks anew.
#[test]
fn maintain_asks_again_at_once_after_a_refusal() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.clock.advance(DAY);
    server.shop().suspend();
    assert_eq!(maintain(&config), Verdict::Suspended);
    server.clock.advance(1);
    server.shop().resume();
    assert_eq!(maintain(&config).code(), "valid");
}

/// Two windows of one program, and a state folder that came back from yesterday's backup.
#[test]
fn processes_that_renew_at_the_same_time_are_not_taken_for_clones() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    server.shop().sell(Term::Years(1), Some(START + 365 * DAY));
    assert!(check(&config, Some(&server.key())).is_granted());
    let copies = Copies::of(folder.path());
    for round in 1..=20 {
        server.clock.set(START + round * 8 * DAY);
        let before = fs::read_to_string(&copies.0[0]).expect("the state");
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let config = config.clone();
                std::thread::spawn(move || maintain(&config))
            })
            .collect();
        for thread in threads {
            let verdict = thread.join().expect("no panic");
            assert!(verdict.is_granted(), "round {round}: {verdict:?}");
        }
        if round % 5 == 0 {
            copies.write_both(&before);
            assert!(maintain(&config).is_granted(), "round {round}");
        }
    }
    assert!(check(&config, None).is_granted());
}

#[test]
fn a_lost_answer_to_a_renewal_costs_one_generation_not_two() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.clock.advance(8 * DAY);
    server.shop().lose_next_answer = true;
    assert!(maintain(&config).is_granted());
    server.clock.advance(DAY);
    assert!(maintain(&config).is_granted());
    assert_eq!(server.shop().generation(), 2);
}

#[test]
fn a_claim_code_of_the_environment_waits_out_the_pause() {
    let (server, folder) = (FakeServer::start(), tempdir().expect("a folder"));
    let code = server.shop().claim_code.clone();
    let environment = move |name: &str| (name == "ACME_CAD_LICENSE_KEY").then(|| code.clone());
    let config = server.client(folder.path(), "pc").environment(environment);
    server.shop().offline = true;
    assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::GoOnline));
    assert_eq!(check(&config, None), Verdict::NeedsKey(NextAction::GoOnline));
    assert_eq!(server.requests().len(), 1);
    server.shop().offline = false;
    server.clock.advance(HOUR);
    assert_eq!(check(&config, None).code(), "valid");
}
