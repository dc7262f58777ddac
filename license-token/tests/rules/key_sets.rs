//! Key sets: the vectors of `tests/vectors/keysets.json`, and the rules that are easier said in code.

use std::fs;
use std::path::PathBuf;

use license_token::trust::{self, KeySetRefusal, SeenKeySet};
use license_token::{KeySetClaims, LicenseClaims, Role, TokenType, UnverifiedToken, WithdrawalMode};
use serde_json::Value;

use crate::support::keyset_catalogue::{ONLINE, all, key_set, next_key, run, withdrawal};
use crate::support::{ISS, key, keys, license, repository, sign};

fn file() -> PathBuf {
    repository().join("tests/vectors/keysets.json")
}

fn written() -> String {
    format!("{:#}\n", Value::Array(all()))
}

#[test]
fn every_key_set_vector_gets_its_answer() {
    let vectors: Vec<Value> =
        serde_json::from_str(&fs::read_to_string(file()).expect("the file")).expect("JSON");
    assert!(vectors.len() > 25, "only {} vectors were read", vectors.len());
    for vector in &vectors {
        let (code, tokens) = run(vector);
        assert_eq!(code, vector["code"].as_str(), "{}", vector["name"]);
        let expected: Vec<_> =
            vector["tokens"].as_array().expect("an array").iter().map(|it| it["code"].as_str()).collect();
        assert_eq!(tokens, expected, "{}", vector["name"]);
    }
}

#[test]
fn the_file_of_key_sets_is_what_the_catalogue_writes() {
    let text = fs::read_to_string(file()).expect("the file");
    assert!(text == written(), "cargo test -p license-token --test rules -- --ignored write_the_key_sets");
}

#[test]
#[ignore = "writes tests/vectors/keysets.json anew; run it after changing the catalogue"]
fn write_the_key_sets() {
    fs::write(file(), written()).expect("written");
}

#[test]
fn a_refused_key_set_changes_nothing_and_says_why() {
    let set = sign(Role::Root, &key_set());
    let seen = SeenKeySet { seq: key_set().seq + 1, text: None };
    assert_eq!(trust::accept(&set, &keys(), ISS, Some(seen)).err(), Some(KeySetRefusal::RolledBack));
    // Whoever has forgotten the text cannot tell an equivocation from the same set again.
    let same = SeenKeySet { seq: key_set().seq, text: None };
    assert!(trust::accept(&set, &keys(), ISS, Some(same)).is_ok());
    let wrong = trust::accept(&set, &keys(), "https://other.example", None).expect_err("refused");
    assert_eq!(wrong.code(), "wrong_issuer");
}

#[test]
fn many_keys_and_withdrawals_fit_and_one_more_is_refused() {
    let withdrawal = |number: u8| license_token::Withdrawal {
        kid: license_token::key_set::thumbprint(&[number; 32]),
        at: 1,
        mode: WithdrawalMode::All,
    };
    let seeds = (0..64_u8).map(|seed| {
        let key = license_token::SigningKey::from_seed(&[seed; 32], Role::License, ISS).expect("valid");
        key.verifying_key().clone()
    });
    let full =
        KeySetClaims { keys: seeds.collect(), revoked: (0..64).map(withdrawal).collect(), ..key_set() };
    let text = sign(Role::Root, &full);
    assert!(trust::accept(&text, &keys(), ISS, None).is_ok(), "{} characters", text.len());
    let more = KeySetClaims { revoked: (0..65).map(withdrawal).collect(), ..key_set() };
    assert!(key(Role::Root).sign(&more).is_err());
    let twice = KeySetClaims { revoked: vec![withdrawal(1), withdrawal(1)], ..key_set() };
    assert!(key(Role::Root).sign(&twice).is_err());
}

/// Forgetting a withdrawal would bring a stolen key back: the newest set alone says what is withdrawn.
#[test]
fn a_pinned_key_that_the_newest_set_no_longer_withdraws_is_believed_again() {
    let revoked = vec![withdrawal(Role::License, WithdrawalMode::All)];
    let first = keys().updated_by(&KeySetClaims { revoked, ..key_set() });
    let second = keys().updated_by(&key_set());
    let text = sign(Role::License, &license());
    let token = UnverifiedToken::parse(&text).expect("a token");
    assert!(token.verify::<LicenseClaims>(&first).is_err());
    assert!(token.verify::<LicenseClaims>(&second).is_ok());
}

#[test]
fn only_a_root_signs_key_sets_and_a_root_signs_nothing_else() {
    for role in ONLINE {
        assert!(key(role).sign(&key_set()).is_err(), "{role:?}");
        let claims = UnverifiedToken::parse_key_set(&sign(Role::Root, &key_set()))
            .expect("a token")
            .verify_as(&keys(), TokenType::KeySet)
            .expect("genuine")
            .claims()
            .clone();
        assert!(matches!(claims, license_token::AnyClaims::KeySet(_)));
    }
    assert!(next_key(Role::Root).sign(&license()).is_err());
}
