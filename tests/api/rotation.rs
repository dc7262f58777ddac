//! Signing keys are rotated, retired and revoked while licenses are sold and used.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use license_token::claims::Claims;
use license_token::trust::{self, KeySetRefusal, SeenKeySet};
use license_token::{
    ActivationClaims, KeySet, KeySetClaims, LicenseClaims, Role, SigningKey, StatusListClaims, TokenType,
    UnverifiedToken, VerifiedToken,
};
use lictor::application::App;
use lictor::application::ports::{Clock, Commit, SecretSource, Store as _, find};
use lictor::application::record::RecordKey;
use lictor::domain::{
    Activation, ActivationId, ActivationState, EndCause, KeyId, KeyRing, LicenseId, Machine, MerchantId,
    StatusSlot,
};
use lictor::marketplace::MarketplaceOrders;
use lictor::randomness::{SystemRandomness, random_bytes};
use lictor::signing::{
    Keyring, KeyringSettings, last_keys_backup, read_signing_key, restore_keys, sign_offline,
};
use lictor::store::MemoryEngine;
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::people::{activate, issue};
use crate::support::{Engine, Harness, World, globex};

const ISSUER: &str = "https://license.acme.example";
const ONLINE: [Role; 3] = [Role::License, Role::Activation, Role::Status];

/// What software pins that is built now.
fn pinned(harness: &Harness) -> KeySet {
    let text = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
    KeySet::parse(text.as_bytes()).expect("a JWK Set")
}

fn published(harness: &Harness) -> String {
    harness.anonymous().get("/v1/keysets/acme").expect(200).text
}

/// What software believes that pinned these keys and has heard of the published set.
fn believed(harness: &Harness, pinned: &KeySet) -> KeySet {
    let set = trust::accept(&published(harness), pinned, ISSUER, None).expect("a good key set");
    pinned.updated_by(set.claims())
}

fn rotate(harness: &Harness, role: Role) -> Answer {
    harness.operator().post("/v1/merchant/keys/rotate", &json!({ "role": role.as_str() })).expect(200)
}

fn revoke(harness: &Harness, kid: &str, body: &Value) -> Answer {
    harness.operator().post(&format!("/v1/merchant/keys/{kid}/revoke"), body).expect(200)
}

fn keys(harness: &Harness) -> Vec<Value> {
    let answer = harness.operator().get("/v1/merchant/keys").expect(200);
    answer.at("/items").as_array().expect("a list").clone()
}

fn signing(harness: &Harness, role: Role) -> String {
    let keys = keys(harness);
    let signs = |key: &&Value| key["role"] == role.as_str() && key["state"] == "active";
    keys.iter().find(signs).and_then(|key| key["kid"].as_str()).expect("one signs").to_owned()
}

fn folder(harness: &Harness) -> PathBuf {
    harness.world.folder.path().join("keys/acme")
}

fn steal(harness: &Harness, role: Role) -> SigningKey {
    let path = folder(harness).join(format!("{}-{}.pem", role.as_str(), signing(harness, role)));
    read_signing_key(&path, role, ISSUER).expect("a key file")
}

fn verified<C: Claims>(text: &str, keys: &KeySet) -> VerifiedToken<C> {
    let token = UnverifiedToken::parse_status_list(text).expect("a token");
    token.verify(keys).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn key_of(license: &Answer) -> String {
    license.text_at("/license_key")
}

/// Re-issues until a whole pass that began when all had heard found nothing any more.
fn reissue_all(harness: &Harness) -> Value {
    for _pass in 0..2 {
        while harness.block_on(harness.app.reissue_some()).expect("the store works") {}
        harness.world.clock.advance(Duration::from_secs(11));
    }
    harness.operator().get("/v1/merchant/keyset").expect(200).at("/reissue").clone()
}

#[test]
fn a_rotation_is_told_before_the_new_key_signs_and_the_old_key_goes_on_to_verify() {
    let harness = Harness::start();
    harness.anonymous().get("/v1/keysets/acme").expect_problem(404, "not_found");
    let before = pinned(&harness);
    let old = issue(&harness, "cad-year");
    let staged = harness
        .operator()
        .post("/v1/merchant/keys/rotate", &json!({ "role": "license", "stage": true }))
        .expect(200);
    let told = trust::accept(&published(&harness), &before, ISSUER, None).expect("signed by the root");
    assert_eq!(told.claims().keys.len(), 4, "the next key is told of");
    verified::<LicenseClaims>(&key_of(&issue(&harness, "cad-year")), &before);
    let answer = rotate(&harness, Role::License);
    assert_eq!(answer.at("/published/seq"), staged.at("/published/seq"), "no other key set is needed");
    let new = issue(&harness, "cad-year");
    let read = UnverifiedToken::parse(&key_of(&new)).expect("a token").verify::<LicenseClaims>(&before);
    assert_eq!(read.expect_err("not pinned").code().as_str(), "unknown_key");
    let now = believed(&harness, &before);
    for license in [&old, &new] {
        verified::<LicenseClaims>(&key_of(license), &now);
        verified::<LicenseClaims>(&key_of(license), &pinned(&harness));
        activate(&harness.anonymous(), &key_of(license), 1, "n").expect(201);
    }
    assert_eq!(harness.operator().get("/v1/merchant/keyset").expect(200).at("/reissue"), Value::Null);
}

#[test]
pub fn a_key_set_is_cacheable_and_found_by_issuer_and_no_set_is_another_merchants() {
    let harness = Harness::start();
    harness.apply(globex());
    rotate(&harness, Role::Status);
    let api = harness.anonymous();
    let set = api.get("/v1/keysets/acme").expect(200);
    assert_eq!(set.header("content-type"), Some("application/license-keyset+jwt"));
    assert_eq!(set.header("cache-control"), Some("public, max-age=60"));
    let etag = set.header("etag").expect("an ETag").to_owned();
    for path in ["/v1/keysets/acme", "/v1/keysets?issuer=https%3A%2F%2Flicense.acme.example"] {
        let same = api.with("If-None-Match", &etag).get(path).expect(304);
        assert_eq!((same.text.as_str(), same.header("etag")), ("", Some(etag.as_str())), "{path}");
    }
    assert_eq!(api.get("/v1/keysets?issuer=https%3A%2F%2Flicense.acme.example").expect(200).text, set.text);
    for path in ["/v1/keysets/globex", "/v1/keysets?issuer=nobody", "/v1/keysets/NOBODY"] {
        api.get(path).expect_problem(404, "not_found");
    }
    api.get("/v1/keysets").expect_problem(422, "invalid_request");
    rotate(&harness, Role::Status);
    assert_ne!(
        api.with("If-None-Match", &etag).get("/v1/keysets/acme").expect(200).header("etag"),
        Some(etag.as_str())
    );
    let foreign = api.get("/v1/keysets/globex/jwks.json").expect(200).text;
    let foreign = KeySet::parse(foreign.as_bytes()).expect("a set");
    let refused = trust::accept(&set.text, &foreign, "https://license.globex.example", None);
    assert_eq!(refused.expect_err("acme's").code(), "unknown_key");
}

#[test]
fn key_sets_only_go_forward() {
    let harness = Harness::start();
    let before = pinned(&harness);
    rotate(&harness, Role::License);
    let first = published(&harness);
    rotate(&harness, Role::License);
    let second = trust::accept(&published(&harness), &before, ISSUER, None).expect("good");
    let seen = SeenKeySet { seq: second.claims().seq, text: Some(second.text()) };
    let back = trust::accept(&first, &before, ISSUER, Some(seen)).expect_err("older");
    assert_eq!(back, KeySetRefusal::RolledBack);
    assert!(trust::accept(second.text(), &before, ISSUER, Some(seen)).is_ok(), "the same again");
}

#[test]
fn a_key_of_one_role_opens_nothing_of_another_whoever_signs_with_it() {
    let harness = Harness::start();
    for role in ONLINE {
        rotate(&harness, role);
    }
    let license = issue(&harness, "cad-year");
    let certificate = activate(&harness.anonymous(), &key_of(&license), 1, "n").expect(201);
    let texts = [
        (TokenType::License, key_of(&license)),
        (TokenType::Activation, certificate.text_at("/certificate")),
    ];
    for role in [Role::Root, Role::License, Role::Activation, Role::Status] {
        let stolen = steal(&harness, role);
        for (typ, honest) in texts.iter().filter(|(typ, _)| typ.role() != Some(role)) {
            let payload =
                honest.split('.').nth(1).and_then(license_token::base64url::decode).expect("a payload");
            let forged = stolen.sign_payload(*typ, &String::from_utf8(payload).expect("JSON"));
            let refused = match typ {
                TokenType::License => activate(&harness.anonymous(), &forged, 2, "m"),
                _certificate => {
                    let path = format!("/v1/activations/{}/renew", certificate.text_at("/activation_id"));
                    harness.anonymous().post(&path, &json!({ "certificate": forged, "nonce": "m" }))
                }
            };
            refused.expect_problem(401, "license_key_refused");
        }
    }
}

#[test]
fn after_a_theft_forgeries_are_refused_and_honest_texts_open_what_they_opened() {
    let harness = Harness::start();
    let before = pinned(&harness);
    let (sold, idle) = (issue(&harness, "cad-year"), issue(&harness, "cad-year"));
    let certificate = activate(&harness.anonymous(), &key_of(&sold), 1, "first").expect(201);
    let stolen = steal(&harness, Role::License);
    let honest = verified::<LicenseClaims>(&key_of(&sold), &before).into_claims();
    let forged = stolen.sign(&LicenseClaims { machines: Some(900), ..honest }).expect("signed");
    revoke(&harness, stolen.verifying_key().kid(), &json!({ "mode": "all" }));
    let api = harness.anonymous();
    activate(&api, &forged, 9, "forged").expect_problem(401, "license_key_refused");
    assert_eq!(
        api.post("/v1/validate", &json!({ "license_key": forged })).expect(200).at("/valid"),
        json!(false)
    );
    // Before the job has come to it: the very text on record is genuine, and its holder gets one that is believed.
    let placed = activate(&api, &key_of(&idle), 2, "idle").expect(201);
    let now = believed(&harness, &before);
    verified::<LicenseClaims>(&placed.text_at("/license_key"), &now);
    verified::<ActivationClaims>(&placed.text_at("/certificate"), &now);
    assert_ne!(placed.text_at("/license_key"), key_of(&idle));
    // A machine that renews learns the new key; its certificate is another role's.
    let path = format!("/v1/activations/{}/renew", certificate.text_at("/activation_id"));
    let body = json!({ "certificate": certificate.text_at("/certificate"), "nonce": "second" });
    verified::<LicenseClaims>(&api.post(&path, &body).expect(200).text_at("/license_key"), &now);
    activate(&api, &key_of(&idle), 3, "late").expect_problem(403, "license_superseded");
    activate(&api, &forged, 9, "again").expect_problem(403, "license_superseded");
    let work = reissue_all(&harness);
    assert_eq!(
        (&work["reissued"], work["done_at"].is_string()),
        (&json!(0), true),
        "both were re-issued before: {work}"
    );
    assert!(folder(&harness).join(format!("license-{}.revoked", stolen.verifying_key().kid())).exists());
    assert!(pinned(&harness).get(stolen.verifying_key().kid()).is_none(), "new software never hears of it");
}

#[test]
pub fn certificates_of_a_revoked_key_are_renewed_where_they_are_on_record() {
    let harness = Harness::start();
    let before = pinned(&harness);
    let license = issue(&harness, "cad-year");
    let api = harness.anonymous();
    let first = activate(&api, &key_of(&license), 1, "first").expect(201);
    let stolen = steal(&harness, Role::Activation);
    let honest = verified::<ActivationClaims>(&first.text_at("/certificate"), &before).into_claims();
    let forged = stolen.sign(&ActivationClaims { exp: honest.exp + 99, ..honest }).expect("signed");
    revoke(&harness, stolen.verifying_key().kid(), &json!({ "mode": "all" }));
    let path = format!("/v1/activations/{}/renew", first.text_at("/activation_id"));
    let renew = |certificate: &str, nonce: &str| {
        api.post(&path, &json!({ "certificate": certificate, "nonce": nonce }))
    };
    renew(&forged, "x").expect_problem(401, "license_key_refused");
    // The nonce of the answer that it has: what is not believed is not repeated.
    let again = activate(&api, &key_of(&license), 1, "first").expect(200);
    verified::<ActivationClaims>(&again.text_at("/certificate"), &believed(&harness, &before));
    renew(&first.text_at("/certificate"), "y").expect_problem(401, "license_key_refused");
    let next = renew(&again.text_at("/certificate"), "z").expect(200);
    verified::<ActivationClaims>(&next.text_at("/certificate"), &believed(&harness, &before));
}

#[test]
fn status_lists_of_a_revoked_key_are_signed_anew_at_once() {
    let harness = Harness::start();
    let before = pinned(&harness);
    let uri = issue(&harness, "cad-year").text_at("/status/uri");
    let path = uri.strip_prefix(&harness.url).expect("this server's own");
    let first = harness.anonymous().get(path).expect(200).text;
    let kid = signing(&harness, Role::Status);
    revoke(&harness, &kid, &json!({ "mode": "all" }));
    let second = harness.anonymous().get(path).expect(200).text;
    let now = believed(&harness, &before);
    let list = verified::<StatusListClaims>(&second, &now);
    assert!(list.claims().seq > verified::<StatusListClaims>(&first, &before).claims().seq);
    assert!(
        UnverifiedToken::parse_status_list(&first)
            .expect("a token")
            .verify::<StatusListClaims>(&now)
            .is_err()
    );
}

#[test]
pub fn a_key_is_not_retired_while_anything_hangs_on_it() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    activate(&harness.anonymous(), &key_of(&license), 1, "n").expect(201);
    let olds = ONLINE.map(|role| signing(&harness, role));
    let retire = |kid: &str| harness.operator().post(&format!("/v1/merchant/keys/{kid}/retire"), &json!({}));
    for (role, old) in ONLINE.into_iter().zip(&olds) {
        let active = retire(old);
        active.expect_problem(409, "illegal_state");
        rotate(&harness, role);
    }
    let why = |kid: &str| retire(kid).expect_problem(409, "illegal_state").text_at("/reason");
    assert!(
        why(&olds[0]).contains(&license.text_at("/id")) && why(&olds[0]).contains("reissue"),
        "{}",
        why(&olds[0])
    );
    assert!(why(&olds[1]).contains("certificate"), "{}", why(&olds[1]));
    assert!(why(&olds[2]).contains("status list"), "{}", why(&olds[2]));
    harness.world.clock.advance(Duration::from_secs(31 * 86_400));
    retire(&olds[0]).expect_problem(409, "illegal_state");
    for old in &olds[1..] {
        retire(old).expect(200);
        assert!(pinned(&harness).get(old).is_none());
    }
    harness.world.clock.advance(Duration::from_secs(366 * 86_400));
    retire(&olds[0]).expect(200);
    retire(&olds[0]).expect(200);
    let states: Vec<_> = keys(&harness).iter().map(|key| key["state"].as_str().map(str::to_owned)).collect();
    assert_eq!(states.iter().filter(|state| state.as_deref() == Some("retired")).count(), 3);
    retire(&"x".repeat(43)).expect_problem(404, "not_found");
}

#[test]
fn a_permanent_license_keeps_its_key_and_a_re_issue_frees_it() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-forever");
    let old = signing(&harness, Role::License);
    rotate(&harness, Role::License);
    harness.world.clock.advance(Duration::from_secs(5_000 * 86_400));
    let retire = || harness.operator().post(&format!("/v1/merchant/keys/{old}/retire"), &json!({}));
    retire().expect_problem(409, "illegal_state");
    let path = format!("/v1/merchant/licenses/{}/reissue", license.text_at("/id"));
    harness.merchant().post(&path, &json!({ "reason": "rotation" })).expect(200);
    retire().expect(200);
}

#[test]
pub fn with_the_root_away_a_key_set_waits_for_its_signature_and_the_key_for_the_key_set() {
    let harness = Harness::start();
    let before = pinned(&harness);
    let old = signing(&harness, Role::License);
    let root = steal(&harness, Role::Root).verifying_key().kid().to_owned();
    let (here, away) =
        (folder(&harness).join(format!("root-{root}.pem")), harness.world.folder.path().join("root.pem"));
    std::fs::rename(&here, &away).expect("taken away");
    let waiting = rotate(&harness, Role::License);
    assert_eq!(
        (waiting.at("/published"), waiting.at("/waiting/activates").as_array().map(Vec::len)),
        (Value::Null, Some(1))
    );
    assert_eq!(signing(&harness, Role::License), old, "nothing signs that clients could not know");
    let (request, file) = (
        harness.world.folder.path().join("request.json"),
        json!({
            "format": "lictor-keyset-request", "issuer": ISSUER, "payload": waiting.at("/waiting/payload"),
        }),
    );
    std::fs::write(&request, file.to_string()).expect("written");
    let signed = sign_offline(&away, &request).expect("the root signs");
    let upload =
        |body: &Value| harness.operator().send("PUT", "/v1/merchant/keyset", body.to_string().as_bytes());
    let stranger = SigningKey::from_seed(&[7; 32], Role::Root, ISSUER).expect("valid");
    let bare = json!({ "keyset": signed.keyset });
    upload(&bare).expect_problem(422, "invalid_request");
    let foreign: Value = serde_json::from_str(&stranger.public_jwk()).expect("a JWK");
    upload(&json!({ "keyset": signed.keyset, "root": foreign })).expect_problem(422, "invalid_request");
    let root_jwk: Value = serde_json::from_str(&signed.root).expect("a JWK");
    let whole = json!({ "keyset": signed.keyset, "root": root_jwk });
    // What waits has changed since: the older request is worth nothing.
    rotate(&harness, Role::Activation);
    upload(&whole).expect_problem(422, "invalid_request");
    let again = harness.operator().get("/v1/merchant/keyset").expect(200);
    let file = json!({ "format": "lictor-keyset-request", "issuer": ISSUER, "payload": again.at("/waiting/payload") });
    std::fs::write(&request, file.to_string()).expect("written");
    let signed = sign_offline(&away, &request).expect("the root signs");
    let whole = json!({ "keyset": signed.keyset, "root": root_jwk });
    upload(&whole).expect(200);
    upload(&whole).expect(200);
    assert_ne!(signing(&harness, Role::License), old, "both keys sign from the publication on");
    verified::<LicenseClaims>(&key_of(&issue(&harness, "cad-year")), &believed(&harness, &before));
    upload(&json!({ "keyset": "x.y.z" })).expect_problem(409, "illegal_state");
    // The root is known now: another one is not taken.
    harness.operator().post("/v1/merchant/keyset/publish", &json!({})).expect(200);
    let forged = stranger.sign(&KeySetClaims { seq: 1 << 40, ..signed.claims }).expect("signed");
    upload(&json!({ "keyset": forged, "root": foreign })).expect_problem(422, "invalid_request");
    // A theft does not wait for the root.
    let stolen = signing(&harness, Role::License);
    let answer = revoke(&harness, &stolen, &json!({ "mode": "all" }));
    assert!(answer.at("/waiting").is_object() && signing(&harness, Role::License) != stolen);
}

#[test]
fn a_re_issue_goes_on_where_it_was_cut_off_and_does_nothing_twice() {
    let engine = MemoryEngine::new();
    let mut harness = Harness::start_over(&engine);
    let stolen = signing(&harness, Role::License);
    let sold: Vec<Answer> = (0..66).map(|_| issue(&harness, "cad-month")).collect();
    revoke(&harness, &stolen, &json!({ "mode": "after" }));
    assert!(harness.block_on(harness.app.reissue_some()).expect("it works"), "a second page follows");
    let half = harness.operator().get("/v1/merchant/keyset").expect(200);
    assert_eq!((half.at("/reissue/reissued"), half.at("/reissue/done_at")), (json!(64), Value::Null));
    harness = harness.restarted(&Engine::Memory(engine));
    let work = reissue_all(&harness);
    assert_eq!(
        (&work["reissued"], &work["failed"], work["done_at"].is_string()),
        (&json!(66), &json!(0), true),
        "{work}"
    );
    let keys = pinned(&harness);
    for license in &sold {
        let path = format!("/v1/merchant/licenses/{}?reveal=true", license.text_at("/id"));
        let now = harness.merchant().get(&path).expect(200);
        assert_eq!(
            verified::<LicenseClaims>(&now.text_at("/license_key"), &keys).kid(),
            signing(&harness, Role::License)
        );
        assert_eq!(
            now.text_at("/claim_code"),
            license.text_at("/claim_code"),
            "the code in the mail stays good"
        );
    }
    assert!(!harness.block_on(harness.app.reissue_some()).expect("it works"), "nothing is left");
}

/// The use cases of another server on the same store, with a keys folder of its own.
fn replica(harness: &Harness, folder: &Path) -> App {
    let settings = KeyringSettings {
        folder: folder.to_owned(),
        public_url: harness.url.clone(),
        may_create: false,
        randomness: Arc::new(random_bytes),
    };
    let clock = Arc::clone(&harness.world.clock) as Arc<dyn Clock>;
    let secrets = harness.world.secrets() as Arc<dyn SecretSource>;
    let orders = MarketplaceOrders::new(secrets, Arc::clone(&clock), Duration::from_secs(10));
    let keyring = Arc::new(Keyring::open(settings).expect("a folder with keys"));
    App::new(
        Arc::clone(&harness.store) as _,
        keyring,
        clock,
        Arc::new(SystemRandomness::default()),
        Arc::new(orders),
    )
}

#[test]
fn a_replica_that_was_not_given_the_new_key_signs_with_the_one_before_until_it_is() {
    let harness = Harness::start();
    let other = World::with_keys_of(&harness.world);
    let their_folder = other.folder.path().join("keys");
    let replica = replica(&harness, &their_folder);
    let acme = MerchantId::parse("acme").expect("valid");
    let kid = |app: &App| {
        let list = harness.block_on(async {
            app.follow_key_rings().await.expect("followed");
            app.publish_key_set(&acme, &lictor::domain::Actor::Server).await.expect("published");
            app.status_list(&acme, 0).await.expect("a list")
        });
        UnverifiedToken::parse_status_list(&list.token)
            .expect("a token")
            .inspect()
            .header
            .get("kid")
            .and_then(|kid| kid.as_str().map(str::to_owned))
    };
    issue(&harness, "cad-year");
    let before = signing(&harness, Role::Status);
    rotate(&harness, Role::Status);
    let after = signing(&harness, Role::Status);
    harness.world.clock.advance(Duration::from_secs(13 * 3_600));
    assert_eq!(kid(&replica), Some(before), "the key before is still believed");
    let file = format!("acme/status-{after}.pem");
    std::fs::copy(harness.world.folder.path().join("keys").join(&file), their_folder.join(&file))
        .expect("copied");
    harness.world.clock.advance(Duration::from_secs(13 * 3_600));
    let again = self::replica(&harness, &their_folder);
    assert_eq!(kid(&again), Some(after));
    let rotate = lictor::application::RotateKey {
        merchant: acme.clone(),
        role: lictor::domain::KeyRole::License,
        kid: None,
        stage_only: false,
        if_seen: None,
    };
    let refused = harness
        .block_on(again.rotate_key(&rotate, &lictor::domain::Actor::Server))
        .expect_err("a replica makes no keys");
    assert!(refused.to_string().contains("lictor keys stage acme --role license"), "{refused}");
    let staged = Keyring::open(KeyringSettings {
        folder: their_folder,
        public_url: String::new(),
        may_create: true,
        randomness: Arc::new(random_bytes),
    });
    let staged = staged.expect("opened").stage_key(&acme, ISSUER, Role::License).expect("made");
    let ring = harness
        .block_on(again.rotate_key(&rotate, &lictor::domain::Actor::Server))
        .expect("the staged key is taken");
    let active = ring.active(lictor::domain::KeyRole::License).map(|key| key.kid.clone());
    assert_eq!(active, Some(KeyId::parse(staged.kid.as_str()).expect("valid")));
    let stage = || {
        let settings = KeyringSettings {
            folder: other.folder.path().join("keys"),
            public_url: String::new(),
            may_create: true,
            randomness: Arc::new(random_bytes),
        };
        Keyring::open(settings).expect("opened").stage_key(&acme, ISSUER, Role::License).expect("made").kid
    };
    let (lying, made_since) = (stage(), stage());
    let revoke = |next: Option<&KeyId>| {
        let (kid, next) = (staged.kid.clone(), next.cloned());
        let (merchant, mode) = (acme.clone(), lictor::domain::RevocationMode::All);
        let command = lictor::application::RevokeKey { merchant, kid, mode, at: None, next, if_seen: None };
        harness.block_on(again.revoke_key(&command, &lictor::domain::Actor::Server))
    };
    let refused = revoke(None).expect_err("none that happens to lie there is taken").to_string();
    assert!(
        refused.contains("lictor keys stage acme --role license") && refused.contains("--next"),
        "{refused}"
    );
    let ring = revoke(Some(&made_since)).expect("it is named");
    let active = ring.active(lictor::domain::KeyRole::License).map(|key| key.kid.clone());
    assert_eq!(active, Some(made_since));
    assert!(ring.key(&lying).is_none());
}

#[test]
fn calls_go_on_without_an_error_while_keys_are_rotated_and_revoked() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (1..=3_u8)
        .map(|number| {
            let (api, text, over) = (harness.anonymous(), key_of(&license), Arc::clone(&over));
            std::thread::spawn(move || {
                let mut made = activate(&api, &text, number, "first").expect(201);
                let mut count = 0_u32;
                while !over.load(Ordering::Acquire) {
                    let path = format!("/v1/activations/{}/renew", made.text_at("/activation_id"));
                    let body =
                        json!({ "certificate": made.text_at("/certificate"), "nonce": format!("n{count}") });
                    made = api.post(&path, &body).expect(200);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let buy = || issue(&harness, "cad-year");
    for role in [Role::License, Role::Activation, Role::Status] {
        rotate(&harness, role);
        buy();
        let stolen = signing(&harness, role);
        revoke(&harness, &stolen, &json!({ "mode": "all" }));
        buy();
    }
    over.store(true, Ordering::Release);
    for caller in callers {
        assert!(caller.join().expect("no call failed") > 0);
    }
}

#[test]
fn the_files_of_keys_remember_a_revocation_that_a_restored_store_has_lost() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let stolen = steal(&harness, Role::License);
    let kid = stolen.verifying_key().kid().to_owned();
    revoke(&harness, &kid, &json!({ "mode": "all" }));
    let keys = harness.world.folder.path().join("keys");
    let backup = harness.world.folder.path().join("keys.backup");
    let now = harness.world.clock.now();
    let made = lictor::signing::back_up_keys(&keys, &backup, now).expect("backed up");
    assert!(made.files.iter().any(|file| file.ends_with(".revoked")), "{:?}", made.files);
    let restored = World::new();
    let folder = restored.folder.path().join("keys");
    restore_keys(&backup, &folder).expect("restored");
    assert!(last_keys_backup(&folder).expect("readable").not_in_it.is_empty());
    // A store that knows nothing of the revocation, with these keys.
    let again = Harness::start_in(restored, &Engine::Memory(MemoryEngine::new()));
    again.apply(&crate::support::acme(&again.world.sandbox));
    assert!(pinned(&again).get(&kid).is_none(), "not believed");
    assert_ne!(verified::<LicenseClaims>(&key_of(&issue(&again, "cad-year")), &pinned(&again)).kid(), kid);
}

#[test]
pub fn wrong_requests_say_the_next_step_and_change_nothing() {
    let harness = Harness::start();
    let operator = harness.operator();
    let rotate = |body: Value| operator.post("/v1/merchant/keys/rotate", &body);
    rotate(json!({ "role": "webhook" })).expect_problem(422, "invalid_request");
    rotate(json!({ "role": "root" })).expect_problem(409, "illegal_state");
    rotate(json!({ "role": "license", "kid": "x" })).expect_problem(422, "invalid_request");
    rotate(json!({ "role": "license", "kid": "x".repeat(43) })).expect_problem(409, "illegal_state");
    rotate(json!({ "role": "license", "typo": 1 })).expect_problem(422, "invalid_request");
    let kid = signing(&harness, Role::License);
    let revoke = |kid: &str, body: Value| operator.post(&format!("/v1/merchant/keys/{kid}/revoke"), &body);
    revoke(&kid, json!({ "mode": "some" })).expect_problem(422, "invalid_request");
    revoke(&kid, json!({ "mode": "all", "at": "2026-01-01T00:00:00Z" }))
        .expect_problem(422, "invalid_request");
    revoke(&kid, json!({ "mode": "after", "at": "2126-01-01T00:00:00Z" }))
        .expect_problem(422, "invalid_request");
    revoke(&kid, json!({ "mode": "after", "at": "soon" })).expect_problem(422, "invalid_request");
    revoke("x", json!({ "mode": "all" })).expect_problem(404, "not_found");
    let root = steal(&harness, Role::Root).verifying_key().kid().to_owned();
    revoke(&root, json!({ "mode": "all" })).expect_problem(409, "illegal_state");
    let text = json!({ "keyset": "x.y.z" }).to_string();
    operator.send("PUT", "/v1/merchant/keyset", text.as_bytes()).expect_problem(409, "illegal_state");
    harness
        .merchant()
        .post("/v1/merchant/keys/rotate", &json!({ "role": "license" }))
        .expect_problem(403, "scope_missing");
    harness.anonymous().get("/v1/keysets/acme").expect_problem(404, "not_found");
    assert_eq!(signing(&harness, Role::License), kid);
}

#[test]
pub fn keys_that_changed_meanwhile_are_left_alone_and_told_as_they_are() {
    let harness = Harness::start();
    let operator = harness.operator();
    let tag = || operator.get("/v1/merchant/keys").expect(200).header("etag").expect("one").to_owned();
    let (read, old) = (tag(), signing(&harness, Role::Status));
    let act = |tag: &str, act: &str, body: Value| {
        operator.with("If-Match", tag).post(&format!("/v1/merchant/keys/{act}"), &body)
    };
    let role = json!({ "role": "status" });
    act(&read, "rotate", role.clone()).expect(200);
    let now = json!(keys(&harness));
    for (path, body) in [
        ("rotate".to_owned(), role.clone()),
        (format!("{old}/retire"), json!({})),
        (format!("{old}/revoke"), json!({ "mode": "all" })),
    ] {
        let late = act(&read, &path, body).expect_problem(412, "revision_conflict");
        assert_eq!(late.at("/current/items"), now, "{path}");
    }
    assert_eq!(json!(keys(&harness)), now, "nothing was done");
    // Two who have read the same, at the same moment.
    let ring = harness.block_on(harness.app.key_ring(&acme())).expect("there");
    let command = lictor::application::RotateKey {
        merchant: acme(),
        role: lictor::domain::KeyRole::Status,
        kid: None,
        stage_only: false,
        if_seen: Some(ring.seen()),
    };
    let rotate = || harness.block_on(harness.app.rotate_key(&command, &lictor::domain::Actor::Server));
    rotate().expect("as it was seen");
    assert!(rotate().expect_err("as it was not seen").to_string().contains("changed"));
    act(&tag(), &format!("{old}/revoke"), json!({ "mode": "all" })).expect(200);
    act("*", "rotate", role).expect(200);
}

fn acme() -> MerchantId {
    MerchantId::parse("acme").expect("valid")
}

/// The ring as a backup of this moment has it.
fn stored_ring(harness: &Harness) -> KeyRing {
    let found = harness.block_on(find(harness.store.as_ref(), RecordKey::KeyRing(acme())));
    found.expect("the store works").expect("there was something to tell").value
}

#[test]
fn a_restored_store_takes_back_no_revocation_and_leaves_out_no_good_key() {
    let publish =
        |harness: &Harness| harness.operator().post("/v1/merchant/keyset/publish", &json!({})).expect(200);
    for change in ["publish", "rotate another", "revoke again"] {
        let engine = MemoryEngine::new();
        let harness = Harness::start_over(&engine);
        let pins = pinned(&harness);
        publish(&harness);
        let license = issue(&harness, "cad-year");
        let backup = stored_ring(&harness);
        let stolen = signing(&harness, Role::License);
        revoke(&harness, &stolen, &json!({ "mode": "all" }));
        let good = signing(&harness, Role::License);
        harness.block_on(harness.store.commit(Commit::new().set(backup))).expect("restored");
        let harness = harness.restarted(&Engine::Memory(engine));
        harness.world.clock.advance(Duration::from_secs(5));
        match change {
            "publish" => publish(&harness),
            "rotate another" => rotate(&harness, Role::Status),
            _again => revoke(&harness, &stolen, &json!({ "mode": "all" })),
        };
        let set = trust::accept(&published(&harness), &pins, ISSUER, None).expect("a good key set");
        let told: Vec<_> = set.claims().keys.iter().map(license_token::VerifyingKey::kid).collect();
        let withdrawn: Vec<_> = set.claims().revoked.iter().map(|it| it.kid.as_str()).collect();
        assert_eq!(withdrawn, [stolen.as_str()], "what was stolen stays withdrawn");
        assert!(told.contains(&good.as_str()) && !told.contains(&stolen.as_str()), "{told:?}");
        assert_eq!(signing(&harness, Role::License), good, "no other key was needed");
        verified::<LicenseClaims>(&key_of(&issue(&harness, "cad-year")), &believed(&harness, &pins));
        assert_eq!(reissue_all(&harness)["reissued"], json!(1), "what the stolen key signed is made anew");
        let path = format!("/v1/merchant/licenses/{}?reveal=true", license.text_at("/id"));
        let now = harness.merchant().get(&path).expect(200).text_at("/license_key");
        assert_eq!(verified::<LicenseClaims>(&now, &believed(&harness, &pins)).kid(), good);
    }
}

/// A file that no keys folder may hold: it is named after another key.
fn spoil(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let is_status = |path: &PathBuf| path.to_string_lossy().contains("/status-");
    let key = entries.into_iter().find(is_status).expect("a key file");
    let spoilt = folder.join(format!("status-{}.pem", "x".repeat(43)));
    std::fs::copy(key, &spoilt).expect("copied");
    spoilt
}

#[test]
fn a_replica_that_could_not_read_its_keys_for_a_moment_follows_a_revocation_all_the_same() {
    let harness = Harness::start();
    let other = World::with_keys_of(&harness.world);
    let their_folder = other.folder.path().join("keys");
    let replica = replica(&harness, &their_folder);
    let merchant = harness.block_on(replica.merchants()).expect("the store works").remove(0);
    let old = key_of(&issue(&harness, "cad-year"));
    rotate(&harness, Role::Status);
    harness.block_on(replica.follow_key_rings()).expect("followed");
    let stolen = signing(&harness, Role::License);
    revoke(&harness, &stolen, &json!({ "mode": "all" }));
    let spoilt = spoil(&their_folder.join("acme"));
    harness.block_on(replica.follow_key_rings()).expect_err("its folder cannot be read");
    assert!(replica.signer().jwks(&merchant).is_err(), "nothing goes by what was believed before");
    std::fs::remove_file(spoilt).expect("removed");
    harness.block_on(replica.follow_key_rings()).expect("followed");
    assert!(replica.signer().is_withdrawn(&merchant.id, &old));
    assert!(!replica.signer().jwks(&merchant).expect("readable").contains(&stolen));
}

#[test]
fn a_merchant_whose_keys_cannot_be_read_here_holds_up_no_other() {
    let harness = Harness::start();
    harness.apply(globex());
    let other = World::with_keys_of(&harness.world);
    let their_folder = other.folder.path().join("keys");
    let replica = replica(&harness, &their_folder);
    rotate(&harness, Role::Status);
    let globex = MerchantId::parse("globex").expect("valid");
    let revoke = lictor::application::RevokeKey {
        merchant: globex.clone(),
        kid: harness
            .block_on(harness.app.key_ring(&globex))
            .expect("there")
            .active(lictor::domain::KeyRole::License)
            .expect("one signs")
            .kid
            .clone(),
        mode: lictor::domain::RevocationMode::All,
        at: None,
        next: None,
        if_seen: None,
    };
    harness.block_on(harness.app.revoke_key(&revoke, &lictor::domain::Actor::Server)).expect("revoked");
    spoil(&their_folder.join("acme"));
    harness.block_on(replica.follow_key_rings()).expect_err("acme's folder cannot be read");
    assert!(replica.signer().has_withdrawn(&globex));
}

#[test]
fn a_certificate_behind_a_thousand_machines_that_came_and_went_keeps_its_key() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-year");
    let id = LicenseId::parse(&license.text_at("/id")).expect("an id");
    let now = harness.world.clock.now();
    let mut gone = Commit::new();
    for number in 0..1_000 {
        gone = gone.set(Activation {
            id: ActivationId::from_uuid(number),
            merchant: acme(),
            license: id.clone(),
            machine: Machine::default(),
            name: String::new(),
            slot: StatusSlot { list: 0, idx: 0 },
            created_at: now,
            state: ActivationState::Ended { at: now, cause: EndCause::Holder },
        });
    }
    harness.block_on(harness.store.commit(gone)).expect("the store works");
    activate(&harness.anonymous(), &key_of(&license), 1, "n").expect(201);
    let old = signing(&harness, Role::Activation);
    rotate(&harness, Role::Activation);
    let retire = harness.operator().post(&format!("/v1/merchant/keys/{old}/retire"), &json!({}));
    let refused = retire.expect_problem(409, "illegal_state").text_at("/reason");
    assert!(refused.contains("certificate"), "{refused}");
}

#[test]
fn no_key_that_lay_in_a_stolen_folder_takes_the_place_of_a_revoked_one() {
    let harness = Harness::start();
    let before = pinned(&harness);
    let settings = KeyringSettings {
        folder: harness.world.folder.path().join("keys"),
        public_url: String::new(),
        may_create: true,
        randomness: Arc::new(random_bytes),
    };
    let keyring = Keyring::open(settings).expect("opened");
    let stage = || keyring.stage_key(&acme(), ISSUER, Role::License).expect("made").kid.to_string();
    let (told, lying) = (stage(), stage());
    let body = json!({ "role": "license", "kid": told, "stage": true });
    harness.operator().post("/v1/merchant/keys/rotate", &body).expect(200);
    let stolen = signing(&harness, Role::License);
    revoke(&harness, &stolen, &json!({ "mode": "all" }));
    let next = signing(&harness, Role::License);
    assert!(![&stolen, &told, &lying].contains(&&next), "{next} is new");
    for kid in [&told, &lying] {
        revoke(&harness, kid, &json!({ "mode": "all" }));
        assert!(folder(&harness).join(format!("license-{kid}.revoked")).exists());
    }
    let set = trust::accept(&published(&harness), &before, ISSUER, None).expect("a good key set");
    assert_eq!(set.claims().revoked.len(), 3);
    assert_eq!(signing(&harness, Role::License), next);
}

#[test]
fn a_key_is_revoked_also_where_no_more_keys_are_staged() {
    let harness = Harness::start();
    while keys(&harness).len() < 61 {
        rotate(&harness, Role::Status);
    }
    let rotate = harness.operator().post("/v1/merchant/keys/rotate", &json!({ "role": "license" }));
    rotate.expect_problem(409, "illegal_state");
    for role in ONLINE {
        let stolen = signing(&harness, role);
        revoke(&harness, &stolen, &json!({ "mode": "all" }));
        assert_ne!(signing(&harness, role), stolen);
    }
}
