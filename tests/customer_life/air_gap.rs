//! Machines that are never online: the real client here, the real service there, and files between them.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use license_client::{
    AirGapError, ArmourFault, Config, Verdict, check, deactivate, qr_parts, request, take_response,
};
use lictor::application::ports::Clock;
use lictor::domain::Scope;
use serde_json::json;
use tempfile::TempDir;

use super::support::api::Answer;
use super::support::people::command;
use super::support::{Harness, World, acme};
use super::{DAY, NOBODY, opened};
use crate::engines::EngineName;

/// A laboratory machine: its own folder and components, nobody to call, the service's clock.
struct Lab {
    folder: TempDir,
    config: Config,
}

impl Lab {
    fn machine(harness: &Harness, number: u8) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = software(harness, folder.path(), number);
        Self { folder, config }
    }
}

fn software(harness: &Harness, folder: &Path, number: u8) -> Config {
    let keys = harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text;
    let clock = Arc::clone(&harness.world.clock);
    let components = move || {
        use license_token::Component::{Brd, Fw, Os};
        [Os, Fw, Brd].map(|name| (name, format!("{name:?} of {number}"))).to_vec()
    };
    Config::new("acme-cad", "https://license.acme.example", &keys, folder)
        .expect("a valid configuration")
        .server(NOBODY)
        .machine_name(&format!("lab {number}"))
        .clock(move || clock.now().timestamp())
        .boot_clock(|| license_client::Uptime { boot: "the only start".into(), secs: 0 })
        .environment(|_| None)
        .machine(components)
}

/// Three specs: one with a single place, one that is bound to a device key, one that begins with its first activation.
const SPECS: &str = r#"
[[spec]]
id = "one-place"
product = "acme-cad"
name = "One place"
term = "permanent"
machines = 1
[[spec]]
id = "keyed"
product = "acme-cad"
name = "Bound to a device key"
term = "permanent"
machines = 1
[spec.machine]
binding = "device-key"
[[spec]]
id = "later"
product = "acme-cad"
name = "Begins when it is used"
term = "P1Y"
machines = 1
starts = "first-activation"
[[spec]]
id = "floating"
product = "acme-cad"
name = "Floating"
term = "P1Y"
machines = 1
[spec.machine]
binding = "floating"
"#;

fn laboratory() -> Harness {
    let harness = opened(EngineName::Memory);
    harness.apply(&format!("{}{SPECS}", acme(&harness.world.sandbox)));
    harness
}

fn issue(harness: &Harness, spec: &str) -> Answer {
    let order = json!({ "product": "acme-cad", "spec": spec });
    harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201)
}

fn carry(harness: &Harness, file: &str) -> Answer {
    harness.anonymous().post("/v1/air-gap", &json!({ "request": file }))
}

/// As a browser uploads it; `wanted`: `page` or `file`.
fn upload(harness: &Harness, language: &str, file: &str, wanted: &str) -> Answer {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"request.txt\"\r\nContent-Type: text/plain\r\n\r\n{file}\r\n\
         --edge\r\nContent-Disposition: form-data; name=\"as\"\r\n\r\n{wanted}\r\n--edge--\r\n"
    );
    let browser = harness.anonymous().with("Accept-Language", language);
    browser.with("Content-Type", "multipart/form-data; boundary=edge").send(
        "POST",
        "/portal/air-gap",
        body.as_bytes(),
    )
}

fn lease_end(harness: &Harness, license: &str) -> String {
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    shown.text_at("/activations/0/lease_ends_at")
}

#[test]
fn a_request_is_carried_there_and_its_response_verifies_offline_for_a_year() {
    let mut harness = laboratory();
    let sold = issue(&harness, "one-place");
    let (license, key) = (sold.text_at("/id"), sold.text_at("/license_key"));
    let (lab, other) = (Lab::machine(&harness, 1), Lab::machine(&harness, 2));
    assert_eq!(request(&lab.config, None), Err(AirGapError::NoLicense));
    let asked = request(&lab.config, Some(&key)).expect("a request");
    let answer = carry(&harness, &asked).expect(201);
    assert_eq!(answer.at("/outcome"), json!("activated"));
    let response = answer.text_at("/response");
    assert_eq!(lease_end(&harness, &license), "2027-02-01T08:00:00Z", "366 days, not 30");

    let again = carry(&harness, &asked).expect(200);
    assert_eq!(again.at("/certificate"), answer.at("/certificate"), "the same request, the same certificate");
    let same = request(&lab.config, None).expect("still unanswered, so the same is asked for");
    assert_eq!(carry(&harness, &same).expect(200).at("/certificate"), answer.at("/certificate"));

    harness.stop();
    assert_eq!(take_response(&other.config, &response), Err(AirGapError::NotForHere));
    assert!(!check(&other.config, Some(&response)).is_granted());
    let verdict = take_response(&lab.config, &response).expect("it is this machine's");
    assert_eq!(verdict.code(), "valid");
    assert_eq!(take_response(&lab.config, &response).map(|verdict| verdict.code()), Ok("valid"), "once more");
    harness.world.clock.advance(DAY * 300);
    assert!(check(&lab.config, None).is_granted(), "after ten months without a network");
    harness.world.clock.advance(DAY * 66);
    assert_eq!(check(&lab.config, None).code(), "expired", "the lease is over");
}

#[test]
fn the_portal_takes_files_there_and_back_and_gives_a_page_a_file_and_qr_codes() {
    let mut harness = laboratory();
    let sold = issue(&harness, "one-place");
    let key = sold.text_at("/license_key");
    let (lab, second) = (Lab::machine(&harness, 1), Lab::machine(&harness, 2));
    let asked = request(&lab.config, Some(&key)).expect("a request");
    for (language, word) in [("en", "The response"), ("zh-CN", "响应文件")] {
        let page = upload(&harness, language, &asked, "page").expect(200);
        assert!(page.text.contains(word) && page.text.contains("BEGIN LICENSE CERTIFICATE"), "{}", page.text);
        assert!(page.text.matches("<svg").count() > 1, "{}", page.text);
        let damaged =
            upload(&harness, language, &asked.replacen(&asked[600..601], "!", 1), "page").expect(200);
        assert!(damaged.text.contains("role=\"alert\"") && damaged.text.contains('!'), "what was sent stays");
    }
    let file = upload(&harness, "en", &asked, "file").expect(200);
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"license-response.txt\""));
    let path = lab.folder.path().join("license-response.txt");
    std::fs::write(&path, &file.text).expect("written");
    let path = path.to_str().expect("text");
    assert_eq!(take_response(&lab.config, path).map(|verdict| verdict.code()), Ok("valid"));

    let theirs = request(&second.config, Some(&key)).expect("a request");
    let full = upload(&harness, "en", &theirs, "page").expect(200);
    assert!(full.text.contains("1 of 1 machines"), "{}", full.text);
    let proof = deactivate(&lab.config).expect("a proof");
    assert!(upload(&harness, "en", &proof, "page").expect(200).text.contains("its place is free"));
    let response = upload(&harness, "en", &theirs, "file").expect(200).text;
    let again = upload(&harness, "zh-CN", &proof, "page").expect(200);
    assert!(again.text.contains("名额已空出"), "said again, and done once");
    harness.stop();
    assert_eq!(take_response(&second.config, &response).map(|verdict| verdict.code()), Ok("valid"));
    assert_eq!(take_response(&lab.config, &response), Err(AirGapError::NotForHere));
}

#[test]
fn a_damaged_file_is_located_on_both_sides_and_parts_of_qr_codes_are_read_in_any_order() {
    let harness = laboratory();
    let key = issue(&harness, "one-place").text_at("/license_key");
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&key)).expect("a request");
    let damaged = |file: &str| {
        let lines = file.lines().enumerate();
        let change = |(index, line): (usize, &str)| match index {
            20 => {
                let other = if line[10..].starts_with('A') { 'B' } else { 'A' };
                format!("{}{other}{}\n", &line[..10], &line[11..])
            }
            _ => format!("{line}\n"),
        };
        lines.map(change).collect::<String>()
    };
    let refused = carry(&harness, &damaged(&asked)).expect_problem(422, "invalid_request");
    assert_eq!(refused.at("/pointer"), json!("/request"));
    assert!(refused.text_at("/reason").contains("ine 21 "), "{}", refused.text);

    let mut parts = qr_parts(&asked).expect("a request is short");
    assert!(parts.len() > 1);
    parts.reverse();
    let answer = carry(&harness, &parts.join("\n")).expect(201);
    let response = answer.text_at("/response");
    match take_response(&lab.config, &damaged(&response)) {
        Err(AirGapError::Damaged(damage)) => {
            assert_eq!((damage.line, damage.fault), (21, ArmourFault::Damaged));
        }
        other => panic!("{other:?}"),
    }
    let error = take_response(&lab.config, &damaged(&response)).expect_err("damaged");
    assert!(error.reason("en").contains("(line 21)") && error.reason("zh").contains("第 21 行"));
    let by_mail: String = response.lines().map(|line| format!("> {line}\r\n")).collect();
    assert_eq!(take_response(&lab.config, &by_mail).map(|verdict| verdict.code()), Ok("valid"));

    let other = Lab::machine(&harness, 1);
    let path = other.folder.path().join("response.txt");
    std::fs::write(&path, &response).expect("written");
    let path = path.to_str().expect("text");
    assert_eq!(take_response(&other.config, path), Err(AirGapError::NotForHere), "it has asked for nothing");
    assert_eq!(
        check(&lab.config, Some(path)),
        check(&lab.config, None),
        "a file of what is held changes nothing"
    );
}

#[test]
fn a_proof_of_deactivation_frees_the_place_long_before_the_lease_ends_and_once() {
    for spec in ["one-place", "keyed"] {
        let harness = laboratory();
        let key = issue(&harness, spec).text_at("/license_key");
        let (lab, second) = (Lab::machine(&harness, 1), Lab::machine(&harness, 2));
        let asked = request(&lab.config, Some(&key)).expect("a request");
        let response = carry(&harness, &asked).expect(201).text_at("/response");
        assert!(take_response(&lab.config, &response).is_ok_and(|verdict| verdict.is_granted()));
        let theirs = request(&second.config, Some(&key)).expect("a request");
        carry(&harness, &theirs).expect_problem(409, "machine_limit_reached");

        let proof = deactivate(&lab.config).expect("a proof");
        assert_eq!(check(&lab.config, None).code(), "needs_key", "forgotten before it was shown");
        assert_eq!(deactivate(&lab.config).as_ref(), Ok(&proof), "the same proof again");
        assert_eq!(take_response(&lab.config, &response), Err(AirGapError::GivenBack));
        assert!(!check(&lab.config, Some(&response)).is_granted());
        assert!(!check(&lab.config, Some(&key)).is_granted());

        let gone = carry(&harness, &proof).expect(200);
        assert_eq!(gone.at("/outcome"), json!("deactivated"));
        let taken = carry(&harness, &theirs).expect(201).text_at("/response");
        assert!(take_response(&second.config, &taken).is_ok_and(|verdict| verdict.is_granted()));
        carry(&harness, &proof).expect(200);
        let renewed = request(&second.config, None).expect("a request");
        let renewed = carry(&harness, &renewed).expect(200);
        assert_eq!(renewed.at("/outcome"), json!("renewed"), "{spec}: the old proof has freed nothing again");
        carry(&harness, &asked).expect_problem(409, "machine_limit_reached");
    }
}

#[test]
fn an_older_copy_of_the_state_does_not_bring_a_license_back_that_was_given_back() {
    let harness = laboratory();
    let key = issue(&harness, "one-place").text_at("/license_key");
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&key)).expect("a request");
    let response = carry(&harness, &asked).expect(201).text_at("/response");
    take_response(&lab.config, &response).expect("taken");
    let state = lab.folder.path().join("acme-cad.license.json");
    let older = std::fs::read(&state).expect("it is there");
    let proof = deactivate(&lab.config).expect("a proof");
    std::fs::write(&state, older).expect("written");
    assert_eq!(check(&lab.config, None).code(), "needs_key");
    assert_eq!(deactivate(&lab.config), Ok(proof));
}

#[test]
fn a_new_request_of_a_machine_that_has_its_license_renews_it_by_one_generation() {
    let harness = laboratory();
    let sold = issue(&harness, "one-place");
    let (license, key) = (sold.text_at("/id"), sold.text_at("/license_key"));
    let lab = Lab::machine(&harness, 1);
    let first = request(&lab.config, Some(&key)).expect("a request");
    let first_response = carry(&harness, &first).expect(201).text_at("/response");
    take_response(&lab.config, &first_response).expect("taken");
    harness.world.clock.advance(DAY * 200);
    let second = request(&lab.config, None).expect("a request");
    let answer = carry(&harness, &second).expect(200);
    assert_eq!(carry(&harness, &second).expect(200).at("/certificate"), answer.at("/certificate"));
    take_response(&lab.config, &answer.text_at("/response")).expect("taken");
    assert_eq!(lease_end(&harness, &license), "2027-08-20T08:00:00Z");
    let shown = harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200);
    assert_eq!(shown.at("/activations/0/generation"), json!(2));
    assert_eq!(shown.at("/activations/0/name"), json!("lab 1"));

    // Files that were found again disturb nothing.
    carry(&harness, &first).expect_problem(409, "illegal_state");
    assert_eq!(take_response(&lab.config, &first_response).map(|verdict| verdict.code()), Ok("valid"));
    harness.world.clock.advance(DAY * 200);
    let third = request(&lab.config, None).expect("a request");
    take_response(&lab.config, &carry(&harness, &third).expect(200).text_at("/response")).expect("taken");
    carry(&harness, &second).expect_problem(409, "clone_suspected");
}

#[test]
fn a_copy_that_renews_behind_its_original_is_noticed() {
    let harness = laboratory();
    let key = issue(&harness, "one-place").text_at("/license_key");
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&key)).expect("a request");
    take_response(&lab.config, &carry(&harness, &asked).expect(201).text_at("/response")).expect("taken");
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(lab.folder.path()).expect("listed") {
        let file = file.expect("an entry");
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("copied");
    }
    let renewals = |config: &Config, times: usize| {
        for _ in 0..times {
            harness.world.clock.advance(DAY);
            let asked = request(config, None).expect("a request");
            let answer = carry(&harness, &asked).expect(200);
            take_response(config, &answer.text_at("/response")).expect("taken");
        }
    };
    renewals(&lab.config, 2);
    let copied = software(&harness, copy.path(), 1);
    let asked = request(&copied, None).expect("a request");
    carry(&harness, &asked).expect_problem(409, "clone_suspected");
    renewals(&lab.config, 1);
}

#[test]
fn a_claim_code_begins_a_license_and_a_floating_one_has_no_air_gap() {
    let harness = laboratory();
    let sold = issue(&harness, "later");
    let (license, code) = (sold.text_at("/id"), sold.text_at("/claim_code"));
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&code)).expect("a request");
    let answer = carry(&harness, &asked).expect(201);
    let verdict = take_response(&lab.config, &answer.text_at("/response"));
    assert!(verdict.is_ok_and(|verdict| verdict.is_granted()));
    let state =
        harness.merchant().get(&format!("/v1/merchant/licenses/{license}")).expect(200).text_at("/state");
    assert_eq!(state, "active");

    let key = issue(&harness, "floating").text_at("/license_key");
    let asked = request(&Lab::machine(&harness, 2).config, Some(&key)).expect("a request");
    carry(&harness, &asked).expect_problem(409, "illegal_state");
    let unbound = issue(&harness, "cad-key-only").text_at("/license_key");
    assert_eq!(request(&lab.config, Some(&unbound)), Err(AirGapError::NotBound));
    assert_eq!(request(&lab.config, Some("-")), Err(AirGapError::Refused(Verdict::Malformed)));
}

#[test]
fn states_and_merchants_count_as_online_and_a_response_carries_the_news() {
    let harness = laboratory();
    let sold = issue(&harness, "one-place");
    let (license, key) = (sold.text_at("/id"), sold.text_at("/license_key"));
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&key)).expect("a request");
    let support = harness.bearer(&harness.token(&[Scope::Support]));
    let (path, body) = ("/v1/merchant/air-gap-requests", json!({ "request": asked }));
    harness.bearer(&harness.token(&[Scope::Read])).post(path, &body).expect_problem(403, "scope_missing");
    command(&harness, &license, "suspend", &json!({})).expect(200);
    support.post(path, &body).expect_problem(403, "license_suspended");
    command(&harness, &license, "resume", &json!({})).expect(200);
    let answer = support.post(path, &body).expect(201);
    take_response(&lab.config, &answer.text_at("/response")).expect("taken");

    // The seller revokes; a status list on a memory stick says so.
    command(&harness, &license, "revoke", &json!({ "reason": "refund" })).expect(200);
    harness.settle();
    assert!(check(&lab.config, None).is_granted(), "it has not heard of it");
    let list = harness.anonymous().get("/v1/status-lists/acme/0").expect(200).text;
    assert_eq!(take_response(&lab.config, &list).map(|verdict| verdict.code()), Ok("revoked"));
    let renewal = request(&lab.config, None).expect("a request");
    carry(&harness, &renewal).expect_problem(403, "license_revoked");

    let stranger = Harness::start_in(World::new(), &crate::service::engine_on(EngineName::Memory));
    stranger.apply(&acme(&stranger.world.sandbox));
    carry(&stranger, &asked).expect_problem(401, "license_key_refused");
}

/// The program with an environment of its own: exit code and standard output.
fn lictor(harness: &Harness, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().env("LICTOR_URL", &harness.url).env("LICTOR_TOKEN", harness.token(&[Scope::Support]));
    let done = command.args(args).output().expect("the program starts");
    let said = [done.stdout, done.stderr].concat();
    (done.status.code().expect("no signal"), String::from_utf8(said).expect("UTF-8"))
}

#[test]
fn the_command_line_answers_a_request_takes_a_proof_and_draws_codes() {
    let harness = laboratory();
    #[expect(clippy::disallowed_methods, reason = "the example client runs by the real clock")]
    let real = chrono::Utc::now();
    let ahead = (real - harness.world.clock.now()).to_std().expect("the tests begin in the past");
    harness.world.clock.advance(ahead);
    let key = issue(&harness, "one-place").text_at("/license_key");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    std::fs::write(path("keys.json"), harness.anonymous().get("/v1/keysets/acme/jwks.json").expect(200).text)
        .expect("written");
    let (keys, state, request, response, proof) =
        (path("keys.json"), path("state"), path("request.txt"), path("response.txt"), path("proof.txt"));
    let software = |more: &[&str]| {
        let issuer = "https://license.acme.example";
        let about = [
            "client-example",
            "--product",
            "acme-cad",
            "--issuer",
            issuer,
            "--keys",
            &keys,
            "--state",
            &state,
        ];
        lictor(&harness, &[&about[..], more].concat())
    };
    assert_eq!(software(&["--request", &request]).0, 1, "there is no license yet");
    assert_eq!(software(&["--request", &request, "--key", &key]).0, 0);
    let (code, said) = lictor(&harness, &["activation", "take-proof", &request]);
    assert!(code == 1 && said.contains("lictor activation answer"), "{said}");
    let (code, said) = lictor(&harness, &["activation", "answer", &request, "--out", &response]);
    assert!(code == 0 && said.contains("is activated"), "{said}");
    let (code, same) = lictor(&harness, &["activation", "answer", &request, "--json"]);
    let same: serde_json::Value = serde_json::from_str(&same).expect("JSON");
    assert_eq!(code, 0);
    assert_eq!(same["response"].as_str(), std::fs::read_to_string(&response).ok().as_deref());
    let (code, drawn) = lictor(&harness, &["activation", "qr", &request]);
    assert!(code == 0 && drawn.contains("2/") && drawn.contains('█'), "{drawn}");
    assert_eq!(lictor(&harness, &["activation", "qr", &response, "--svg", &path("")]).0, 0);
    assert!(std::fs::read_to_string(path("1.svg")).is_ok_and(|svg| svg.starts_with("<svg")));

    let (code, said) = software(&["--response", &response]);
    assert!(code == 0 && said.contains("\"verdict\":\"valid\""), "{said}");
    assert_eq!(software(&["--offline"]).0, 0);
    let (code, said) = software(&["--deactivate", &proof]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(software(&["--offline"]).0, 1);
    let (code, said) = software(&["--response", &response]);
    assert!(code == 1 && said.starts_with("given_back: "), "{said}");
    assert_eq!(lictor(&harness, &["activation", "answer", &proof]).0, 1);
    let (code, said) = lictor(&harness, &["activation", "take-proof", &proof]);
    assert!(code == 0 && said.contains("is deactivated"), "{said}");
    std::fs::write(&proof, "nothing").expect("written");
    let (code, said) = lictor(&harness, &["activation", "take-proof", &proof]);
    assert!(code == 1 && said.contains("no license text"), "{said}");
    assert_eq!(lictor(&harness, &["activation", "answer", "/nowhere/request"]).0, 2);
}

#[test]
fn a_response_brings_the_keys_that_were_rotated_since_the_software_was_built() {
    let mut harness = laboratory();
    let key = issue(&harness, "one-place").text_at("/license_key");
    let lab = Lab::machine(&harness, 1);
    let asked = request(&lab.config, Some(&key)).expect("a request");
    for role in ["license", "activation", "status"] {
        harness.operator().post("/v1/merchant/keys/rotate", &json!({ "role": role })).expect(200);
    }
    harness.world.clock.advance(DAY);
    let response = carry(&harness, &asked).expect(201).text_at("/response");
    assert!(response.contains("-----BEGIN LICENSE KEYS-----"), "{response}");
    harness.stop();
    assert_eq!(take_response(&lab.config, &response).map(|verdict| verdict.code()), Ok("valid"));
    assert!(check(&lab.config, None).is_granted());
}
