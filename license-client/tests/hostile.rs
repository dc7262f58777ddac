//! Whatever comes in as a key, certificate, list, state or file: a verdict with a code, no panic, and no more than 1 MiB of
//! memory at once. One test only: what is counted is the whole process's.

#[path = "client/support.rs"]
#[expect(dead_code, reason = "its other half is for the other binary")]
mod support;

use std::fs;

use license_client::{Config, TextKind, Verdict, check, inspect_text, maintain};
use license_token::{Role, StatusList, TokenType, base64url};
use peak_alloc::PeakAlloc;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use support::{Copies, DAY, FakeServer, ISS, START, signing_key};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MEMORY_MAX_BYTES: usize = 1024 * 1024;
const TOKEN_MAX_BYTES: usize = 8 * 1024;
const LIST_MAX_BYTES: usize = 64 * 1024;

/// Held to the bound.
fn bounded<T>(what: &str, work: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let done = work();
    let peak = MEMORY.peak_usage().saturating_sub(before);
    println!("{:>5} KiB {what:.60}", peak / 1024);
    assert!(peak <= MEMORY_MAX_BYTES, "{peak} bytes for {what:.200}");
    done
}

/// JSON of about so many bytes that is as costly to hold as it can be.
fn dense(bytes: usize) -> Vec<String> {
    let array = |item: &str| format!("[{}]", vec![item; bytes / (item.len() + 1)].join(","));
    let members: Vec<String> = (0..bytes / 9).map(|number| format!("\"{number:x}\":0")).collect();
    vec![
        array("0"),
        array("[]"),
        array("{}"),
        array("\"\""),
        array("{\"\":[0]}"),
        format!("{{{}}}", members.join(",")),
        format!("{{\"a\":{}}}", array("1")),
        "[".repeat(bytes),
        "{\"a\":".repeat(bytes / 5),
        format!("\"{}\"", "\\u4e2d".repeat(bytes / 6)),
    ]
}

/// A token with these bytes in place of header and payload, signed by nobody.
fn unsigned(header: &str, payload: &str) -> String {
    let encode = |text: &str| base64url::encode(text.as_bytes());
    format!("{}.{}.{}", encode(header), encode(payload), base64url::encode(&[7; 64]))
}

fn hostile_tokens(max_bytes: usize) -> Vec<String> {
    let room = max_bytes * 3 / 4 - 200;
    let known = r#"{"alg":"EdDSA","typ":"license+jwt","kid":"x"}"#;
    let payloads = dense(room).into_iter().map(|payload| unsigned(known, &payload));
    let headers = dense(room).into_iter().map(|header| unsigned(&header, "{}"));
    payloads.chain(headers).collect()
}

/// A list of the merchant's own key, and its payload.
fn list_of(payload: &str) -> String {
    signing_key(Role::Status).sign_payload(TokenType::StatusList, payload)
}

fn list_payload(server: &FakeServer, seq: i64, lst: &str, more: &str) -> String {
    let (now, sub) = (server.clock.now(), format!("{}/v1/status-lists/acme/1", server.url));
    format!(
        r#"{{"iss":"{ISS}","sub":"{sub}","iat":{now},"exp":{},"ttl":1,"status_list":{{"bits":2,"lst":"{lst}"}},"lic":{{"v":1,"env":"live","seq":{seq}}}{more}}}"#,
        now + DAY
    )
}

fn refused_without_a_license(config: &Config, what: &str, text: &str) {
    let verdict = bounded(what, || check(config, Some(text)));
    assert!(!verdict.is_granted(), "{what}");
    let inspected = bounded(what, || inspect_text(config, text).map_err(|flaw| flaw.reason("zh")));
    assert!(inspected.is_err() || inspected == Ok(TextKind::Code), "{what}");
    assert!(!verdict.code().is_empty() && verdict.next_action().is_some());
}

fn pasted_texts() {
    let (server, folder) = (FakeServer::start(), tempfile::tempdir().expect("a folder"));
    // Without a server: a text that reads as a code asks nobody.
    let config = server.client(folder.path(), "pc").server("http://127.0.0.1:9");
    server.shop().offline = true;
    for (name, text) in [
        ("4 MiB", "x".repeat(4 << 20)),
        ("4 MiB of blanks", " ".repeat(4 << 20)),
        ("4 MiB of dots", ".".repeat(4 << 20)),
        ("open armour", format!("-----BEGIN LICENSE KEY-----\n{}", "A".repeat(30_000))),
        ("armour of armour", "-----BEGIN A-----".repeat(1_800)),
        ("look-alike dashes", "\u{2013}".repeat(10_000)),
        ("beginnings of keys", "eyJ ".repeat(8_000)),
        ("beginnings with dashes that may be two", "eyJ\u{2014}".repeat(5_000)),
        ("a long word", "a".repeat(32_000)),
        ("invisible characters", "\u{200b}".repeat(10_000)),
        ("codes", "ABCDE-F0123-45678-9GHJK-MNPQR ".repeat(1_000)),
    ] {
        refused_without_a_license(&config, name, &text);
    }
    for (number, token) in hostile_tokens(TOKEN_MAX_BYTES).iter().enumerate() {
        refused_without_a_license(&config, &format!("token {number}"), token);
    }
    let lists = hostile_tokens(LIST_MAX_BYTES);
    for (number, list) in lists.iter().enumerate() {
        refused_without_a_license(&config, &format!("list {number}, pasted"), list);
    }
    let armour = |token: &String| {
        let lines: Vec<_> = token.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!(
            "-----BEGIN LICENSE STATUS LIST-----\n{}\n-----END LICENSE STATUS LIST-----\n",
            lines.join("\n")
        )
    };
    refused_without_a_license(&config, "a bundle", &[&lists[0], &lists[4]].map(armour).concat());
    refused_without_a_license(
        &config,
        "a bundle of armour",
        &armour(&"-----BEGIN LICENSE KEY-----".repeat(6_000)),
    );
    refused_without_a_license(&config, "parts", &"LICENSE-PART: 1/12 ".repeat(9_000));
    let path = folder.path().join("license.txt");
    for content in [vec![b'A'; 8 << 20], vec![0xff; 8 << 20], server.key().into_bytes().repeat(9_000)] {
        fs::write(&path, content).expect("a file");
        refused_without_a_license(&config, "a file of 8 MiB", path.to_str().expect("UTF-8"));
    }
    refused_without_a_license(&config, "a folder", folder.path().to_str().expect("UTF-8"));
    refused_without_a_license(&config, "an endless file", "/dev/zero");
}

fn state_files() {
    let (server, folder) = (FakeServer::start(), tempfile::tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(bounded("an activation", || check(&config, Some(&server.key()))).is_granted());
    server.shop().offline = true;
    let copies = Copies::of(folder.path());
    let whole = copies.read();
    let lists: Vec<String> = (0..20_000).map(|number| format!("\"{number:x}\":{{}}")).collect();
    let lists = lists.join(",");
    let certificate = "A".repeat(240_000);
    let mut hostile = dense(250_000);
    hostile.extend(dense(2 << 20));
    hostile.extend([
        String::new(),
        "\u{0}".repeat(1 << 20),
        whole.repeat(100),
        format!("{{\"mac\":{}", dense(200_000)[0]),
        format!("{{\"mac\":{{\"os\":\"{}\"}},\n\"v\":2}}", "A".repeat(200_000)),
        format!("{{\"v\":1,\"lists\":{{{lists}}}}}"),
        format!("{{\"v\":1,\"lists\":{{\"a\":{{\"text\":\"{certificate}\"}}}}}}"),
        format!("{{\"v\":1,\"certificate\":\"{certificate}\"}}"),
        format!("{{\"v\":2,\"certificate\":\"{certificate}\"}}"),
        format!("{{\"v\":1,\"license_key\":{}}}", dense(200_000)[2]),
        whole.replace("\"os\"", "\"fw\""),
        whole.replace('\n', ""),
    ]);
    for (number, text) in hostile.iter().enumerate() {
        copies.write_both(text);
        let name = format!("state {number}");
        let verdict = bounded(&name, || check(&config, None));
        assert!(!verdict.is_granted() && verdict.next_action().is_some(), "{number}: {verdict:?}");
    }
    copies.write_both(&whole);
    assert!(bounded("a whole state", || check(&config, None)).is_granted());
}

/// None of them is taken, and what was known goes on to count.
fn lists() {
    let (server, folder) = (FakeServer::start(), tempfile::tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    assert!(bounded("a list", || maintain(&config)).is_granted());
    let good = server.shop().status_list();
    let kept = || {
        let kept: serde_json::Value = serde_json::from_str(&Copies::of(folder.path()).read()).expect("JSON");
        let lists = kept["lists"].as_object().expect("lists");
        lists.values().next().expect("one list")["text"].as_str().expect("a text").to_owned()
    };
    let before = kept();
    let lst = |entries: usize| StatusList::from_bytes(2, vec![0; entries / 4]).expect("small").encode();
    let (whole, later) = (lst(1 << 17), START + 100 * DAY);
    let deflated = base64url::decode(&whole).expect("base64url");
    let mut altered = good.clone().into_bytes();
    let middle = altered.len() / 2;
    altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
    let by_the_merchant = [
        ("a bomb", list_payload(&server, later, &lst(1 << 22), "")),
        ("too long", list_payload(&server, later, &lst((1 << 17) + 4), "")),
        ("too short", list_payload(&server, later, &lst((1 << 17) - 4), "")),
        (
            "half a stream",
            list_payload(&server, later, &base64url::encode(&deflated[..deflated.len() / 2]), ""),
        ),
        ("a lower number", list_payload(&server, START - 1, &whole, "")),
        ("dense", list_payload(&server, later, &whole, &format!(",\"x\":{}", dense(45_000)[0]))),
    ];
    let mut hostile: Vec<(String, String)> =
        by_the_merchant.iter().map(|(name, payload)| ((*name).to_owned(), list_of(payload))).collect();
    hostile.push(("altered".into(), String::from_utf8(altered).expect("ASCII")));
    hostile.push(("truncated".into(), good[..good.len() - 1].to_owned()));
    hostile.push(("of 70 KiB".into(), "A".repeat(70 * 1024)));
    let dense = hostile_tokens(LIST_MAX_BYTES).into_iter().enumerate();
    hostile.extend(dense.map(|(number, text)| (format!("list {number}"), text)));
    for (name, text) in hostile {
        server.clock.advance(DAY / 4);
        server.shop().old_list = Some(text);
        server.requests();
        assert!(bounded(&name, || maintain(&config)).is_granted(), "{name}");
        assert!(server.requests().iter().any(|request| request.contains("status-lists")), "{name}");
        assert_eq!(kept(), before, "{name} was taken");
    }
    // The longest that there is: nothing of it can be compressed, but for this license's own entries.
    let mut bytes: Vec<u8> = vec![0; 1 << 15];
    let mut state = 1_u32;
    for byte in bytes.iter_mut().skip(16) {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
    let longest = StatusList::from_bytes(2, bytes).expect("a list").encode();
    server.clock.advance(DAY / 4);
    server.shop().old_list = Some(list_of(&list_payload(&server, later, &longest, "")));
    assert!(bounded("the longest list", || maintain(&config)).is_granted());
    assert!(kept().len() > 55_000);
    assert!(bounded("with the longest list", || check(&config, None)).is_granted());
}

/// Texts that nobody thought of, and good ones with something changed.
fn arbitrary() {
    let (server, folder) = (FakeServer::start(), tempfile::tempdir().expect("a folder"));
    let config = server.client(folder.path(), "pc");
    assert!(check(&config, Some(&server.key())).is_granted());
    server.shop().offline = true;
    let (copies, key) = (Copies::of(folder.path()), server.key());
    let whole = copies.read();
    let certificate: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
    let certificate = certificate["certificate"].as_str().expect("a certificate").to_owned();
    let good = prop::sample::select(vec![key, certificate, whole.clone()]);
    let mutated = (good, any::<prop::sample::Index>(), 0..40_usize, ".{0,8}");
    let mutated = mutated.prop_map(|(text, at, cut, put)| {
        let at = at.index(text.len());
        let after = &text[(at + cut).min(text.len())..];
        format!("{}{put}{after}", &text[..at])
    });
    let text = prop_oneof![".{0,400}", mutated];
    let mut runner = TestRunner::new(Cases { cases: 64, failure_persistence: None, ..Cases::default() });
    let held = runner.run(&text, |text| {
        copies.write_both(&whole);
        let pasted = bounded("any text", || check(&config, Some(&text)));
        // What changes nothing of what is signed is still good; everything else is no license.
        prop_assert!(pasted.is_granted() || pasted == Verdict::Malformed || pasted.next_action().is_some());
        copies.write_both(&text);
        let kept = bounded("any state", || check(&config, None));
        prop_assert!(text == whole || !kept.is_granted(), "{}", text);
        Ok(())
    });
    held.expect("every text has its verdict");
}

#[test]
fn no_text_panics_or_takes_more_than_a_mebibyte() {
    pasted_texts();
    state_files();
    lists();
    arbitrary();
}
