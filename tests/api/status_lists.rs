//! Status lists of many keys: each key's answer is the truth, on the wire in few bytes, and published at once.

use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use license_token::verdict::{self, KnownList, ListStanding, SeenList};
use license_token::{
    Code, Env, Expectation, KeySet, LicenseClaims, Refusal, StatusListClaims, TokenType, UnverifiedToken,
    VerifiedToken,
};
use lictor::application::{App, IssueLicense, KeepActivations, LicenseAction, MerchantCommand};
use lictor::domain::{Actor, CustomerId, LicenseId, MerchantId, ProductId, SpecId};
use lictor::workers::Workers;
use serde_json::json;

use crate::support::people::{command, issue};
use crate::support::{Engine, Harness, World, acme};

/// Keys in the usual run; `./scripts/prove status-lists` makes 1,000,000.
const KEYS: u64 = 1_000;
/// Callers at once.
const CLIENTS: u64 = 64;
/// Changes that are published one by one, to see how long one takes.
const ALONE: usize = 5;

fn count() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the count of a proof is given from outside")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.map_or(KEYS, |count| count.parse().expect("a whole number"))
}

/// What was done to a license.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    Revoked,
    Suspended,
    Leaked,
}

impl Fate {
    /// Of each thousand ten are revoked, two suspended and two replaced. Which, SplitMix64 says; where in a list they have
    /// their entries, the server's own permutation.
    fn of(number: u64) -> Self {
        let mut mixed = (number / 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(20_261_130);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        match (number * 387 + (mixed ^ (mixed >> 31)) % 1_000) % 1_000 {
            0..10 => Self::Revoked,
            10..12 => Self::Suspended,
            12..14 => Self::Leaked,
            _ => Self::Nothing,
        }
    }

    fn action(self) -> Option<LicenseAction> {
        match self {
            Self::Nothing => None,
            Self::Revoked => Some(LicenseAction::Revoke),
            Self::Suspended => Some(LicenseAction::Suspend),
            Self::Leaked => Some(LicenseAction::Reissue { keep: KeepActivations::Nothing, leaked: true }),
        }
    }

    fn code(self) -> Option<Code> {
        match self {
            Self::Nothing => None,
            Self::Revoked => Some(Code::Revoked),
            Self::Suspended => Some(Code::Suspended),
            Self::Leaked => Some(Code::Superseded),
        }
    }
}

fn order(number: u64) -> IssueLicense {
    IssueLicense {
        merchant: MerchantId::parse("acme").expect("valid"),
        actor: Actor::Server,
        product: ProductId::parse("acme-cad").expect("valid"),
        spec: SpecId::parse("cad-forever").expect("valid"),
        quantity: 1,
        customer: CustomerId::parse(&format!("cust-{number}")).ok(),
        label: String::new(),
        term: None,
        starts_at: None,
        env: lictor::domain::Env::Live,
        idempotency: None,
    }
}

/// A license whose key text is line `number` of the file.
type Issued = (u64, LicenseId);

/// Issues them all; the key texts go into a file, for a million of them are a gigabyte. Gives back those that have a fate.
fn issued(harness: &Harness, keys: u64, file: &std::path::Path) -> Vec<Issued> {
    let (sender, receiver) = std::sync::mpsc::sync_channel::<(u64, LicenseId, String)>(10_000);
    let next = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut file = BufWriter::new(std::fs::File::create(file).expect("a new file"));
            let mut fated = Vec::new();
            for (number, id, text) in receiver {
                writeln!(file, "{number} {text}").expect("room");
                fated.extend((Fate::of(number) != Fate::Nothing).then_some((number, id)));
            }
            file.flush().expect("room");
            fated
        });
        harness.block_on(async {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (app, next, sender) = (Arc::clone(&harness.app), Arc::clone(&next), sender.clone());
                    tokio::spawn(async move {
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= keys {
                                break;
                            }
                            let license = app.issue_license(&order(number)).await.expect("issued").value;
                            sender.send((number, license.id, license.license_key)).expect("it is written");
                        }
                    })
                })
                .collect();
            drop(sender);
            for client in clients {
                client.await.expect("no panic");
            }
        });
        writing.join().expect("written")
    })
}

async fn changed(app: &App, (number, id): &Issued) -> Option<String> {
    let action = Fate::of(*number).action().expect("it has a fate");
    let command = MerchantCommand {
        merchant: MerchantId::parse("acme").expect("valid"),
        license: id.clone(),
        actor: Actor::Server,
        reason: None,
        if_revision: None,
        idempotency: None,
    };
    let license = app.command_license(&command, &action).await.expect("done").value;
    matches!(action, LicenseAction::Reissue { .. }).then_some(license.license_key)
}

/// Changes them, many at once; gives back the keys that replace others.
fn all_changed(harness: &Harness, fated: &[Issued]) -> Vec<String> {
    harness.block_on(async {
        let parts: Vec<Vec<Issued>> =
            fated.chunks(fated.len().div_ceil(32).max(1)).map(<[Issued]>::to_vec).collect();
        let clients: Vec<_> = parts
            .into_iter()
            .map(|part| {
                let app = Arc::clone(&harness.app);
                tokio::spawn(async move {
                    let mut replacing = Vec::new();
                    for issued in &part {
                        replacing.extend(changed(&app, issued).await);
                    }
                    replacing
                })
            })
            .collect();
        let mut replacing = Vec::new();
        for client in clients {
            replacing.extend(client.await.expect("no panic"));
        }
        replacing
    })
}

/// A list as a client has it.
struct Fetched {
    list: VerifiedToken<StatusListClaims>,
    packed_bytes: usize,
    deflated_bytes: usize,
}

fn fetched(harness: &Harness, keys: &KeySet) -> Vec<Fetched> {
    let listed = harness.merchant().get("/v1/merchant/status-lists").expect(200);
    let items = listed.at("/items").as_array().cloned().expect("a list");
    let api = harness.anonymous().with("Accept-Encoding", "gzip");
    items
        .iter()
        .map(|item| {
            let uri = item["uri"].as_str().expect("an address");
            let (answer, packed) = api.fetch(uri.strip_prefix(&harness.url).expect("this server's own"));
            assert_eq!(answer.header("content-encoding"), Some("gzip"));
            let mut text = String::new();
            GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("gzip of a text");
            let list: VerifiedToken<StatusListClaims> =
                UnverifiedToken::parse_status_list(&text).and_then(|token| token.verify(keys)).expect("ours");
            assert_eq!(list.claims().sub, uri);
            let deflated_bytes = list.claims().list.encode().len() * 3 / 4;
            Fetched { list, packed_bytes: packed.len(), deflated_bytes }
        })
        .collect()
}

fn known(lists: &[Fetched]) -> Vec<KnownList<'_>> {
    lists.iter().map(|fetched| KnownList { list: &fetched.list, seen: None }).collect()
}

fn expecting<'a>(harness: &Harness, lists: &'a [KnownList<'a>]) -> Expectation<'a> {
    Expectation {
        issuer: Some("https://license.acme.example"),
        audience: Some("acme-cad"),
        env: Some(Env::Live),
        lists: Some(lists),
        ..Expectation::at(now(harness))
    }
}

fn now(harness: &Harness) -> i64 {
    use lictor::application::ports::Clock as _;
    harness.world.clock.now().timestamp()
}

fn judged(text: &str, keys: &KeySet, expect: &Expectation<'_>) -> Result<ListStanding, Refusal> {
    verdict::judge(text, keys, TokenType::License, expect).map(|judged| judged.standing.list)
}

/// Judges every key of the file as client software would, on two threads; counts the answers by their code.
fn every_key_is_answered_with_the_truth(
    file: &std::path::Path,
    keys: &KeySet,
    expect: &Expectation<'_>,
) -> [u64; 4] {
    let counts = [0; 4].map(AtomicU64::new);
    std::thread::scope(|scope| {
        for part in 0..2 {
            let counts = &counts;
            scope.spawn(move || {
                let lines = BufReader::new(std::fs::File::open(file).expect("written")).lines();
                for line in lines.skip(part).step_by(2) {
                    let line = line.expect("readable");
                    let (number, text) = line.split_once(' ').expect("a number and a text");
                    let fate = Fate::of(number.parse().expect("a number"));
                    match (judged(text, keys, expect), fate.code()) {
                        (Ok(ListStanding::Fresh), None) => {}
                        (Err(refusal), Some(code)) if refusal.code() == code => {}
                        (answer, _) => panic!("{number} was {fate:?} and is answered {answer:?}"),
                    }
                    counts[fate as usize].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    counts.map(AtomicU64::into_inner)
}

/// Nanoseconds per question, without the check of the signature.
fn lookup_nanos(texts: &[String], keys: &KeySet, expect: &Expectation<'_>) -> u128 {
    let tokens: Vec<VerifiedToken<LicenseClaims>> = texts
        .iter()
        .map(|text| UnverifiedToken::parse(text).and_then(|token| token.verify(keys)).expect("ours"))
        .collect();
    let (rounds, began) = (200, Instant::now());
    for _ in 0..rounds {
        for token in &tokens {
            assert!(verdict::judge_status(std::hint::black_box(token), expect).is_ok());
        }
    }
    began.elapsed().as_nanos() / (rounds * tokens.len().max(1) as u128)
}

#[test]
fn of_many_keys_each_is_answered_with_the_truth_and_an_older_list_is_refused() {
    let harness = Harness::start_in(World::new(), &Engine::Embedded);
    harness.apply(&acme(&harness.world.sandbox));
    let file = harness.world.folder.path().join("keys.txt");
    let (keys, began) = (count(), Instant::now());
    let mut fated = issued(&harness, keys, &file);
    println!("{keys} licenses were issued in {:?}", began.elapsed());
    let jwks = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200);
    let key_set = KeySet::parse(jwks.text.as_bytes()).expect("a set");
    let before = fetched(&harness, &key_set);

    let (began, few) = (Instant::now(), fated.split_off(fated.len().saturating_sub(ALONE)));
    let mut replacing = all_changed(&harness, &fated);
    println!("{} were revoked, suspended or replaced in {:?}", fated.len(), began.elapsed());
    let began = Instant::now();
    harness.settle();
    println!("{} entries were published in {:?}, pauses left out", fated.len(), began.elapsed());
    let mut alone = Duration::ZERO;
    for one in &few {
        replacing.extend(harness.block_on(changed(&harness.app, one)));
        let began = Instant::now();
        let published = harness.block_on(harness.app.publish_pending_flips()).expect("published");
        alone += began.elapsed();
        assert_eq!((published.entries, published.is_all), (1, true));
    }
    println!("one change is published in {:?}", alone / u32::try_from(few.len()).expect("few"));

    let lists = fetched(&harness, &key_set);
    let per_list = |bytes: fn(&Fetched) -> usize| {
        lists.iter().map(bytes).max().map(|most| format!("{most} bytes")).unwrap_or_default()
    };
    println!(
        "{} lists; the longest: {} plain, {} deflated, {} as a token, {} on the wire",
        lists.len(),
        per_list(|fetched| fetched.list.claims().list.bytes().len()),
        per_list(|fetched| fetched.deflated_bytes),
        per_list(|fetched| fetched.list.text().len()),
        per_list(|fetched| fetched.packed_bytes),
    );
    let (known, began) = (known(&lists), Instant::now());
    let expect = expecting(&harness, &known);
    let counts = every_key_is_answered_with_the_truth(&file, &key_set, &expect);
    let [valid, revoked, suspended, replaced] = counts;
    println!(
        "{valid} valid, {revoked} revoked, {suspended} suspended, {replaced} replaced: all answered so in {:?}",
        began.elapsed()
    );
    assert_eq!(counts.iter().sum::<u64>(), keys);
    if keys.is_multiple_of(1_000) {
        assert_eq!(
            [revoked, suspended, replaced].map(|count| count * 1_000),
            [10 * keys, 2 * keys, 2 * keys]
        );
    }
    assert_eq!(replacing.len() as u64, replaced);
    for text in &replacing {
        assert_eq!(
            judged(text, &key_set, &expect).ok(),
            Some(ListStanding::Fresh),
            "what replaces another holds"
        );
    }
    println!("one entry is looked up in {} ns", lookup_nanos(&replacing, &key_set, &expect));

    // Whoever has seen the newer list takes no older one.
    let newest =
        |uri: &str| lists.iter().find(|fetched| fetched.list.claims().sub == uri).map(|it| it.list.claims());
    let older: Vec<KnownList<'_>> = before
        .iter()
        .map(|fetched| {
            let newest = newest(&fetched.list.claims().sub).expect("it is still served");
            assert!(newest.seq > fetched.list.claims().seq);
            KnownList {
                list: &fetched.list,
                seen: Some(SeenList { seq: newest.seq, iat: newest.iat, text: None }),
            }
        })
        .collect();
    let first = BufReader::new(std::fs::File::open(&file).expect("written")).lines().next().expect("a line");
    let first = first.expect("readable");
    let text = first.split_once(' ').expect("a number and a text").1;
    let refusal = judged(text, &key_set, &expecting(&harness, &older)).expect_err("it is rolled back");
    assert_eq!(refusal.code(), Code::StatusRolledBack);
}

#[test]
fn a_list_is_packed_for_whoever_takes_gzip_and_has_a_tag_for_each_form() {
    let harness = Harness::start();
    let uri = issue(&harness, "cad-year").text_at("/status/uri");
    let path = uri.strip_prefix(&harness.url).expect("this server's own");
    let plain = harness.anonymous().get(path).expect(200);
    let api = harness.anonymous().with("Accept-Encoding", "br, gzip;q=0.8");
    let (answer, packed) = api.fetch(path);
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("content-type"), Some("application/statuslist+jwt"));
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("gzip of a text");
    assert_eq!(text, plain.text);
    assert_ne!(answer.header("etag"), plain.header("etag"), "other bytes, another strong tag");
    for answer in [&answer, &plain] {
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        let tag = answer.header("etag").expect("a tag");
        for caller in [&api, &harness.anonymous()] {
            let same = caller.with("If-None-Match", tag).get(path).expect(304);
            assert_eq!((same.text.as_str(), same.header("vary")), ("", Some("Accept-Encoding")));
        }
    }
    let unwilling = harness.anonymous().with("Accept-Encoding", "gzip;q=0").get(path).expect(200);
    assert_eq!((unwilling.header("content-encoding"), &unwilling.text), (None, &plain.text));
}

fn age(harness: &Harness) -> u64 {
    let metrics = harness.anonymous().get("/metrics").expect(200).text;
    let line = metrics.lines().find_map(|line| line.strip_prefix("lictor_status_list_age_seconds "));
    line.expect("the series is there").parse().expect("whole seconds")
}

#[test]
fn a_change_is_published_within_a_minute_also_one_that_a_process_left_behind() {
    let harness = Harness::start();
    let (left_behind, made_now) = (issue(&harness, "cad-year"), issue(&harness, "cad-year"));
    let uri = left_behind.text_at("/status/uri");
    let path = uri.strip_prefix(&harness.url).expect("this server's own").to_owned();
    harness.settle();
    let tag =
        |harness: &Harness| harness.anonymous().get(&path).expect(200).header("etag").map(str::to_owned);
    let (first, began) = (tag(&harness), Instant::now());
    let published = |harness: &Harness, than: &Option<String>| loop {
        let now = tag(harness);
        if now != *than {
            return now;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "it is still not published");
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let revoke =
        |license: &str| command(&harness, license, "revoke", &json!({ "reason": "fraud" })).expect(200);
    revoke(&left_behind.text_at("/id"));
    // No worker runs: the process that made the change has ended, and its list says nothing of it.
    harness.world.clock.advance(Duration::from_secs(45));
    assert_eq!((tag(&harness), age(&harness)), (first.clone(), 45));
    let workers = harness.block_on(async { Workers::start(&harness.app) });
    let second = published(&harness, &first);
    revoke(&made_now.text_at("/id"));
    published(&harness, &second);
    println!("two changes were published one after the other within {:?}", began.elapsed());
    harness.block_on(workers.stop());
    assert_eq!(age(&harness), 0);
}

#[test]
fn a_site_without_network_learns_of_a_revocation_from_an_exported_file() {
    let harness = Harness::start();
    let license = issue(&harness, "cad-key-only");
    let (key, token) = (license.text_at("/license_key"), harness.token(&[lictor::domain::Scope::Read]));
    let folder = harness.world.folder.path().join("lists");
    let export = || {
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_lictor"))
            .args(["--json", "--url", &harness.url, "status", "export", "--out"])
            .arg(&folder)
            .env("LICTOR_TOKEN", &token)
            .output();
        let output = program.expect("the built binary can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        ["file", "armoured"].map(|member| answer["files"][0][member].as_str().expect("a file").to_owned())
    };
    let software = |name: &str| {
        let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
        let (state, clock) = (harness.world.folder.path().join(name), Arc::clone(&harness.world.clock));
        license_client::Config::new("acme-cad", "https://license.acme.example", &keys, &state)
            .expect("a valid configuration")
            .clock(move || lictor::application::ports::Clock::now(clock.as_ref()).timestamp())
            .environment(|_| None)
    };
    let before = export();
    command(&harness, &license.text_at("/id"), "revoke", &json!({ "reason": "fraud" })).expect(200);
    harness.world.clock.advance(Duration::from_secs(10));
    harness.settle();
    let kept = std::fs::read(&before[0]).expect("exported");
    for form in [0, 1] {
        let config = software(&format!("site-{form}"));
        assert_eq!(license_client::check(&config, Some(&key)).code(), "valid");
        let after = &export()[form];
        let verdict = license_client::take_response(&config, after).expect("a list");
        assert_eq!(verdict.code(), "revoked");
        // The older one takes nothing back.
        let older = harness.world.folder.path().join("older.jwt");
        std::fs::write(&older, &kept).expect("room");
        let verdict =
            license_client::take_response(&config, older.to_str().expect("a path")).expect("a list");
        assert_eq!(verdict.code(), "revoked");
    }
}
