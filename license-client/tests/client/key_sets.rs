//! Software that pinned its keys long ago follows what the root says since.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use license_client::{NextAction, Uptime, Verdict, check, maintain};
use license_token::{Env, KeySetClaims, LicenseClaims, Role, UnverifiedToken, Withdrawal, WithdrawalMode};

use crate::support::{
    DAY, FakeServer, HOUR, ISS, START, next_signing_key, pinned, require_status, response_file, signing_key,
    unbound,
};

const ONLINE: [Role; 3] = [Role::License, Role::Activation, Role::Status];

/// A key set that tells of both keys of each role, and withdraws these.
fn key_set(seq: i64, revoked: &[(Role, WithdrawalMode, i64)]) -> String {
    let is_gone = |role: Role| revoked.iter().any(|(gone, _, _)| *gone == role);
    let pinned = ONLINE.into_iter().filter(|role| !is_gone(*role)).map(signing_key);
    let next = ONLINE.into_iter().map(next_signing_key);
    let withdrawal = |(role, mode, at): &(Role, WithdrawalMode, i64)| Withdrawal {
        kid: signing_key(*role).verifying_key().kid().to_owned(),
        at: *at,
        mode: *mode,
    };
    let claims = KeySetClaims {
        iss: ISS.into(),
        iat: START,
        exp: START + 366 * DAY,
        env: Env::Live,
        seq,
        keys: pinned.chain(next).map(|key| key.verifying_key().clone()).collect(),
        revoked: revoked.iter().map(withdrawal).collect(),
    };
    signing_key(Role::Root).sign(&claims).expect("a key set")
}

fn is_signed_by(text: &str, kid: &str) -> bool {
    let token = UnverifiedToken::parse(text).expect("a token");
    token.inspect().header.get("kid").and_then(|value| value.as_str()) == Some(kid)
}

#[test]
fn software_that_pinned_the_old_keys_goes_on_after_a_rotation() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    {
        let mut shop = server.shop();
        (shop.rotated, shop.key_set) = (true, Some(key_set(1, &[])));
        shop.issue_key();
    }
    server.clock.advance(8 * DAY);
    assert!(maintain(&config).is_granted());
    assert!(is_signed_by(&server.key(), next_signing_key(Role::License).verifying_key().kid()));
    server.shop().offline = true;
    // Another start of the program, without the network: what was heard is kept with the state.
    let again = server.client(folder.path(), "m");
    assert!(matches!(check(&again, None), Verdict::Valid(_)), "{:?}", check(&again, None));
}

#[test]
fn a_pasted_key_that_nobody_pinned_makes_the_software_ask_for_the_key_set() {
    let server = FakeServer::start();
    {
        let mut shop = server.shop();
        (shop.rotated, shop.key_set) = (true, Some(key_set(1, &[])));
        shop.issue_key();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    assert_eq!(server.shop().key_set_requests, 1);
    // A key that even the key set does not know is not asked for again and again by itself.
    let newer = LicenseClaims { iat: START + 1, ..claims_of(&server.key()) };
    assert_eq!(check(&config, Some(&by_nobody(&newer))), Verdict::Malformed);
    assert!(check(&config, None).is_granted());
}

fn claims_of(key: &str) -> LicenseClaims {
    let keys = [signing_key(Role::License), next_signing_key(Role::License)];
    let keys = license_token::KeySet::new(keys.map(|key| key.verifying_key().clone()).to_vec());
    let token = UnverifiedToken::parse(key).expect("a token");
    token.verify::<LicenseClaims>(&keys.expect("two keys")).expect("genuine").into_claims()
}

/// Signed by a key that is in no key set: not yet, no more, or never.
fn by_nobody(claims: &LicenseClaims) -> String {
    let stranger = license_token::SigningKey::from_seed(&[99; 32], Role::License, ISS).expect("valid");
    stranger.sign(claims).expect("signed")
}

/// The client of an operator who has configured this text.
fn configured(server: &FakeServer, folder: &std::path::Path, text: &str) -> license_client::Config {
    let text = text.to_owned();
    let read = move |name: &str| (name == "ACME_CAD_LICENSE_KEY").then(|| text.clone());
    server.client(folder, "m").environment(read)
}

#[test]
fn software_that_offers_its_first_key_at_every_start_goes_on_after_that_was_withdrawn() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let first = server.key();
    let container = configured(&server, folder.path(), &first);
    assert!(check(&container, None).is_granted());
    let response = response_file(&server.shop().newest_certificate(), &first);
    server.clock.advance(HOUR);
    {
        let mut shop = server.shop();
        let revoked = (Role::License, WithdrawalMode::After, START + HOUR);
        (shop.rotated, shop.key_set) = (true, Some(key_set(1, &[revoked])));
        shop.issue_key();
    }
    assert!(maintain(&container).is_granted(), "it was given the new key");
    let (_renewal, asked) = (server.requests(), server.shop().key_set_requests);
    for text in [&first, &response] {
        let again = configured(&server, folder.path(), text);
        for offered in [None, Some(text.as_str())] {
            assert!(matches!(check(&again, offered), Verdict::Valid(_)), "{:?}", check(&again, offered));
        }
    }
    assert_eq!((server.requests(), server.shop().key_set_requests), (vec![], asked), "without the network");
    // What says more than what is held is still judged.
    let withdrawn = |claims: LicenseClaims| signing_key(Role::License).sign(&claims).expect("signed");
    let newer = withdrawn(LicenseClaims { iat: START + 2 * HOUR, ..claims_of(&first) });
    let other = withdrawn(LicenseClaims { sub: "lic_2".into(), ..claims_of(&first) });
    for refused in [newer, other] {
        assert_eq!(check(&container, Some(&refused)), Verdict::Superseded(NextAction::PasteCurrentKey));
    }
    assert!(check(&container, None).is_granted());
}

#[test]
fn a_text_of_a_key_that_nobody_knows_neither_counts_nor_ends_what_is_held_nor_waits_for_the_network() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    let claims = claims_of(&server.key());
    let retired = by_nobody(&claims);
    let newer = by_nobody(&LicenseClaims { iat: START + 1, entitlements: vec!["all".into()], ..claims });
    let _activation = server.requests();
    let entitlements = |verdict: Verdict| verdict.granted().map(|granted| granted.entitlements.clone());
    let held = Some(vec!["export".to_owned()]);
    assert_eq!(entitlements(check(&config, Some(&retired))), held);
    for text in [&retired, &newer] {
        let again = configured(&server, folder.path(), text);
        assert_eq!(entitlements(check(&again, None)), held);
    }
    assert_eq!((server.requests(), server.shop().key_set_requests), (vec![], 0));
    // Where nothing is held it is no license.
    let fresh = tempfile::tempdir().expect("a folder");
    assert_eq!(check(&server.client(fresh.path(), "n"), Some(&retired)), Verdict::Malformed);
}

#[test]
fn a_machine_without_a_network_takes_key_set_and_new_key_from_files() {
    let server = FakeServer::start();
    server.shop().policy = unbound();
    server.shop().rotated = true;
    server.shop().issue_key();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m").server("http://127.0.0.1:1");
    assert_eq!(check(&config, Some(&server.key())), Verdict::Malformed, "not heard of");
    let file = folder.path().join("keyset.jwt");
    std::fs::write(&file, format!("{}\n", key_set(1, &[]))).expect("written");
    assert!(!check(&config, file.to_str()).is_granted(), "there is no license yet");
    assert!(check(&config, Some(&server.key())).is_granted());
    for (name, bad) in
        [("by another root", next_signing_key(Role::Root)), ("by another role", signing_key(Role::Status))]
    {
        let payload =
            key_set(2, &[]).split('.').nth(1).and_then(license_token::base64url::decode).expect("base64url");
        let forged =
            bad.sign_payload(license_token::TokenType::KeySet, &String::from_utf8(payload).expect("JSON"));
        assert_eq!(check(&config, Some(&forged)), Verdict::Malformed, "{name}");
    }
    assert!(check(&config, None).is_granted());
}

#[test]
fn an_older_key_set_does_not_bring_a_withdrawn_key_back() {
    let server = FakeServer::start();
    server.shop().policy = unbound();
    server.shop().issue_key();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().key_set = Some(key_set(5, &[(Role::License, WithdrawalMode::All, START)]));
    assert!(!maintain(&config).is_granted());
    for older in [key_set(4, &[]), key_set(5, &[])] {
        server.shop().key_set = Some(older.clone());
        server.clock.advance(HOUR);
        assert!(!maintain(&config).is_granted());
        assert_eq!(check(&config, Some(&older)), Verdict::Malformed, "neither by hand");
    }
    let again = server.client(folder.path(), "m");
    assert!(matches!(check(&again, None), Verdict::Superseded(_)), "after another start");
    // The new key is all that its holder needs.
    server.shop().rotated = true;
    server.shop().issue_key();
    assert!(check(&again, Some(&server.key())).is_granted());
}

#[test]
fn after_a_withdrawal_with_a_date_held_texts_stay_and_new_ones_are_refused_whatever_they_say() {
    let server = FakeServer::start();
    server.shop().policy = unbound();
    server.shop().issue_key();
    let (held, fresh) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let holder = server.client(held.path(), "m").server("http://127.0.0.1:1");
    let other = server.client(fresh.path(), "n").server("http://127.0.0.1:1");
    let honest = server.key();
    assert!(check(&holder, Some(&honest)).is_granted());
    let set = key_set(1, &[(Role::License, WithdrawalMode::After, START + HOUR)]);
    assert!(check(&holder, Some(&set)).is_granted(), "it runs on, without a network");
    assert!(check(&holder, Some(&honest)).is_granted(), "configured as text, the same as held");
    assert!(!check(&other, Some(&set)).is_granted(), "there is no license yet");
    // Dated back, or honest: nobody can tell, and an honest holder is given another.
    assert_eq!(check(&other, Some(&honest)), Verdict::Superseded(NextAction::PasteCurrentKey));
    server.clock.advance(2 * HOUR);
    server.shop().issue_key();
    let late = server.key();
    assert_eq!(check(&holder, Some(&late)), Verdict::Superseded(NextAction::PasteCurrentKey));
    assert!(check(&holder, None).is_granted());
}

#[test]
fn when_all_keys_were_stolen_a_machine_is_given_new_texts_at_its_next_contact() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    assert!(check(&config, Some(&server.key())).is_granted());
    {
        let mut shop = server.shop();
        let all = ONLINE.map(|role| (role, WithdrawalMode::All, START));
        (shop.rotated, shop.key_set) = (true, Some(key_set(1, &all)));
        shop.issue_key();
    }
    server.clock.advance(HOUR);
    assert!(matches!(maintain(&config), Verdict::Valid(_)), "{:?}", check(&config, None));
    assert_eq!(server.shop().places_taken(), 1, "it has kept its place");
}

#[test]
fn what_a_stolen_status_key_said_of_numbers_binds_nobody() {
    let server = FakeServer::start();
    server.shop().policy = require_status();
    server.shop().issue_key();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    let _activated = check(&config, Some(&server.key()));
    assert!(maintain(&config).is_granted());
    let honest = server.shop().status_list();
    let keys = license_token::KeySet::parse(pinned().as_bytes()).expect("keys");
    let mut claims = UnverifiedToken::parse_status_list(&honest)
        .and_then(|list| list.verify::<license_token::StatusListClaims>(&keys))
        .expect("genuine")
        .into_claims();
    claims.seq = 1 << 50;
    let forged = signing_key(Role::Status).sign(&claims).expect("signed");
    server.shop().old_list = Some(forged);
    server.clock.advance(HOUR);
    assert!(maintain(&config).is_granted());
    {
        let mut shop = server.shop();
        shop.old_list = None;
        (shop.rotated, shop.key_set) =
            (true, Some(key_set(1, &[(Role::Status, WithdrawalMode::All, START)])));
    }
    server.clock.advance(HOUR);
    assert!(maintain(&config).is_granted(), "the honest list counts again, although its number is lower");
    assert!(is_status_of_next(&server.shop().status_list()));
}

/// A list of the year 2100, as the thief of the status key signs it.
fn forged_list(server: &FakeServer) -> String {
    let keys = license_token::KeySet::parse(pinned().as_bytes()).expect("keys");
    let mut claims = UnverifiedToken::parse_status_list(&server.shop().status_list())
        .and_then(|list| list.verify::<license_token::StatusListClaims>(&keys))
        .expect("genuine")
        .into_claims();
    (claims.seq, claims.iat, claims.exp) = (claims.seq + 1, IN_2100, IN_2100 + 7 * DAY);
    signing_key(Role::Status).sign(&claims).expect("signed")
}

const IN_2100: i64 = 4_102_444_800;

/// From now on the status key is withdrawn, and lists are signed by the next.
fn withdraw_status_key(server: &FakeServer) -> String {
    let set = key_set(1, &[(Role::Status, WithdrawalMode::All, START)]);
    let mut shop = server.shop();
    (shop.rotated, shop.old_list, shop.key_set) = (true, None, Some(set.clone()));
    set
}

#[test]
fn what_a_stolen_status_key_said_of_the_time_binds_nobody() {
    let server = FakeServer::start();
    server.shop().policy = require_status();
    server.shop().issue_key();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    let _activated = check(&config, Some(&server.key()));
    assert!(maintain(&config).is_granted());
    let forged = forged_list(&server);
    server.shop().old_list = Some(forged);
    server.clock.advance(HOUR);
    assert_eq!(maintain(&config).code(), "expired", "believed while nobody knows of the theft");
    let _set = withdraw_status_key(&server);
    server.clock.advance(HOUR);
    assert!(matches!(maintain(&config), Verdict::Valid(_)), "{:?}", check(&config, None));
    let again = server.client(folder.path(), "m");
    assert!(matches!(check(&again, None), Verdict::Valid(_)), "also after another start");
}

#[test]
fn without_a_network_a_carried_key_set_and_list_undo_what_a_stolen_status_key_said() {
    let server = FakeServer::start();
    server.shop().policy = require_status();
    server.shop().issue_key();
    let folder = tempfile::tempdir().expect("a folder");
    let config = server.client(folder.path(), "m");
    let _activated = check(&config, Some(&server.key()));
    assert!(maintain(&config).is_granted());
    let lab = server.client(folder.path(), "m").server("http://127.0.0.1:1");
    assert_eq!(check(&lab, Some(&forged_list(&server))).code(), "expired");
    let set = withdraw_status_key(&server);
    server.clock.advance(HOUR);
    let honest = server.shop().status_list();
    let _not_yet = check(&lab, Some(&set));
    assert!(matches!(check(&lab, Some(&honest)), Verdict::Valid(_)), "{:?}", check(&lab, None));
}

#[test]
fn a_withdrawal_gives_nobody_the_time_back_that_a_stopped_clock_has_hidden() {
    let server = FakeServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let up = Arc::new(AtomicI64::new(0));
    let read = Arc::clone(&up);
    let config = server
        .client(folder.path(), "m")
        .boot_clock(move || Uptime { boot: "the only start".into(), secs: read.load(Ordering::SeqCst) });
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().offline = true;
    up.store(20 * DAY, Ordering::SeqCst);
    let before = check(&config, None);
    let withdrawn = key_set(1, &[(Role::Status, WithdrawalMode::All, START)]);
    assert_eq!(check(&config, Some(&withdrawn)), before);
    up.store(34 * DAY, Ordering::SeqCst);
    let after = check(&config, None);
    assert!(!after.is_granted(), "{after:?}");
}

fn is_status_of_next(list: &str) -> bool {
    let token = UnverifiedToken::parse_status_list(list).expect("a list");
    let kid = token.inspect().header.get("kid").and_then(|value| value.as_str()).map(str::to_owned);
    kid.as_deref() == Some(next_signing_key(Role::Status).verifying_key().kid())
}
