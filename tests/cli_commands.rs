//! The command line as scripts see it: exit codes, what is sent, what is printed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};

const TOKEN: &str = "lictor_test-token";

/// The program with an environment of its own: nothing of the caller's.
fn lictor(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command.env_clear().args(args).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    told(command.output().expect("the program starts"))
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

/// What one request was.
struct Seen {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.headers.iter().find_map(|header| {
            let start = header.get(..prefix.len())?;
            start.eq_ignore_ascii_case(&prefix).then(|| &header[prefix.len()..])
        })
    }
}

/// Answers one request with `answer` and tells what it was.
fn server_once(status: &str, answer: &Value) -> (String, JoinHandle<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = answer.to_string();
    let response =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}", answer.len());
    let handle = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut reader = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("readable");
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut seen = Seen { line: lines.remove(0), headers: lines, body: String::new() };
        let length = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        seen.body = String::from_utf8(body).expect("UTF-8");
        reader.get_mut().write_all(response.as_bytes()).expect("writable");
        seen
    });
    (url, handle)
}

/// Runs a command against a server that answers once.
fn against(status: &str, answer: &Value, args: &[&str]) -> (i32, String, String, Seen) {
    let (url, seen) = server_once(status, answer);
    let (code, out, err) = run(lictor(args).env("LICTOR_URL", url).env("LICTOR_TOKEN", TOKEN));
    (code, out, err, seen.join().expect("the server saw a request"))
}

#[test]
fn wrong_usage_ends_with_2_and_says_what_to_write() {
    for (args, words) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["license"], "Usage"),
        (&["license", "show"], "<LICENSE>"),
        (&["license", "list", "--limit", "201"], "1..=200"),
        (&["apply"], "<FILE>"),
        (&["apply", "/nowhere/x.toml"], "cannot read /nowhere/x.toml"),
        (&["apply", "--sample", "saas-v9"], "saas-v2"),
        (&["api-token", "create", "ci"], "--scope"),
        (&["api-token", "create", "ci", "--scope", "write"], "support"),
        (&["keys", "list", "--url", "ftp://x"], "--url: must be an address"),
        (&["keys", "list", "--merchant", "Acme!"], "--merchant"),
        (&["keys", "list", "--token-file", "/nowhere/token"], "--token-file: cannot read"),
        (&["token", "verify"], "--jwks"),
        (&["token", "verify", "--jwks", "/nowhere/jwks"], "cannot read"),
        (&["token", "inspect"], "nothing came"),
        (&["serve", "--listen", "8080"], "--listen: must be an address and a port"),
        (&["serve", "--config", "/nowhere/lictor.toml"], "cannot read"),
    ] {
        let (code, out, err) = run(&mut lictor(args));
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    }
}

#[test]
fn an_unreachable_server_ends_with_3() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let (code, _, err) = run(lictor(&["license", "list"]).env("LICTOR_URL", &url));
    assert_eq!(code, 3);
    assert_eq!(
        err,
        format!("error: no server listens at {url}; start it with `lictor serve`, or set LICTOR_URL\n")
    );
    let (code, _, err) = run(lictor(&["license", "revoke", "lic_1", "--json"]).env("LICTOR_URL", &url));
    let problem: Value = serde_json::from_str(&err).expect("one JSON line");
    assert_eq!((code, &problem["code"]), (3, &json!("unreachable")));
}

#[test]
fn a_busy_server_ends_with_3_and_a_refusal_with_1() {
    let busy = json!({ "code": "unavailable", "reason": "the store is busy", "next_action": "retry" });
    let (code, _, err, _) = against("503 Service Unavailable", &busy, &["license", "list"]);
    assert_eq!(
        (code, err.as_str()),
        (3, "error: unavailable: the store is busy\nnext: try again in a while\n")
    );
    let absent = json!({ "code": "not_found", "reason": "there is no such license" });
    let (code, _, err, _) = against("404 Not Found", &absent, &["license", "show", "lic_1"]);
    assert_eq!((code, err.as_str()), (1, "error: not_found: there is no such license\n"));
    let (code, _, err, _) = against("404 Not Found", &absent, &["license", "show", "lic_1", "--json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&err).expect("JSON")), (1, absent));
    let refused = json!({ "code": "token_refused", "reason": "the API token is missing" });
    let (code, _, err, _) = against("401 Unauthorized", &refused, &["keys", "list"]);
    assert_eq!(code, 1);
    assert!(err.contains("next: set LICTOR_TOKEN"), "{err}");
}

#[test]
fn a_lost_answer_names_the_key_to_repeat_with() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let hang_up = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut some = [0; 512];
        assert!(stream.read(&mut some).expect("readable") > 0);
    });
    let args = ["license", "revoke", "lic_1", "--idempotency-key", "k-17"];
    let (code, _, err) = run(lictor(&args).env("LICTOR_URL", url));
    hang_up.join().expect("no panic");
    assert_eq!(code, 3, "{err}");
    assert!(err.contains("repeat with --idempotency-key k-17"), "{err}");
}

#[test]
fn a_list_is_asked_for_with_its_filters_and_shown_as_a_table() {
    let answer = json!({ "next_cursor": "c2", "items": [
        { "id": "lic_1", "state": "active", "product": "acme-cad", "spec": "cad-pro", "term": "P1Y",
          "ends_at": "2027-01-01T00:00:00Z", "customer": "张三\u{1b}[2J", "order_id": null },
    ]});
    let args = [
        "license",
        "list",
        "--order-id",
        "CS 1/2",
        "--state",
        "active",
        "--limit",
        "10",
        "--merchant",
        "acme",
    ];
    let (code, out, err, seen) = against("200 OK", &answer, &args);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(seen.line, "GET /v1/merchant/licenses?order_id=CS%201%2F2&state=active&limit=10 HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Bearer lictor_test-token"));
    assert_eq!(seen.header("lictor-merchant"), Some("acme"));
    assert!(out.starts_with("LICENSE  STATE   PRODUCT   SPEC     TERM  ENDS"), "{out}");
    assert!(out.contains("张三") && !out.contains('\u{1b}') && out.ends_with("more: --cursor c2\n"), "{out}");
    let (_, out, _, _) = against("200 OK", &answer, &["license", "list", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).expect("JSON"), answer);
}

#[test]
fn an_act_sends_its_reason_and_a_key_of_its_own() {
    let answer = json!({ "id": "lic_1", "state": "suspended" });
    let args = ["license", "suspend", "lic_1", "--reason", "欠费"];
    let (code, out, _, seen) = against("200 OK", &answer, &args);
    assert_eq!((code, out.as_str()), (0, "lic_1 is suspended\n"));
    assert_eq!(seen.line, "POST /v1/merchant/licenses/lic_1/suspend HTTP/1.1");
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("JSON"), json!({ "reason": "欠费" }));
    assert_eq!(seen.header("idempotency-key").map(str::len), Some(32));
    let args = [
        "license",
        "reissue",
        "lic_1",
        "--reason",
        "leaked",
        "--keep",
        "act_1,act_2",
        "--idempotency-key",
        "k",
    ];
    let (_, _, _, seen) = against("200 OK", &answer, &args);
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).expect("JSON"),
        json!({ "reason": "leaked", "keep": ["act_1", "act_2"] })
    );
    assert_eq!(seen.header("idempotency-key"), Some("k"));
    let args = ["license", "resume", "lic_1", "--override", "--reason", "paid"];
    let (_, _, _, seen) = against("200 OK", &answer, &args);
    let sent: Value = serde_json::from_str(&seen.body).expect("JSON");
    assert_eq!(sent, json!({ "reason": "paid", "override": true }));
}

#[test]
fn a_license_is_shown_with_what_people_look_for_first() {
    let answer = json!({ "activations": [], "id": "lic_1", "license_key": "eyJ.a.b", "state": "active" });
    let (_, out, _, seen) = against("200 OK", &answer, &["license", "show", "lic_1", "--reveal"]);
    assert_eq!(seen.line, "GET /v1/merchant/licenses/lic_1?reveal=true HTTP/1.1");
    let names: Vec<&str> = out.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["id", "state", "license_key", "activations"]);
    let (_, out, _, seen) = against("200 OK", &answer, &["license", "reissue", "lic_1", "--reveal"]);
    assert_eq!(seen.line, "POST /v1/merchant/licenses/lic_1/reissue?reveal=true HTTP/1.1");
    assert!(out.contains("eyJ.a.b"), "{out}");
}

#[test]
fn an_issue_sends_what_was_said_and_nothing_else() {
    let answer = json!({ "id": "lic_1", "state": "active" });
    let args = [
        "license",
        "issue",
        "--product",
        "acme-cad",
        "--spec",
        "cad-pro",
        "--quantity",
        "2",
        "--term",
        "P1M",
    ];
    let (code, _, _, seen) = against("201 Created", &answer, &args);
    assert_eq!((code, seen.line.as_str()), (0, "POST /v1/merchant/licenses HTTP/1.1"));
    let expected = json!({ "product": "acme-cad", "spec": "cad-pro", "quantity": 2, "term": "P1M" });
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("JSON"), expected);
}

#[test]
fn a_new_token_is_printed_alone_so_that_a_script_can_take_it() {
    let answer = json!({ "id": "tok_1", "name": "ci", "scopes": ["read"], "token": "lictor_new" });
    let args = ["api-token", "create", "ci", "--scope", "read,keys", "--expires-at", "2027-01-01T00:00:00Z"];
    let (code, out, err, seen) = against("201 Created", &answer, &args);
    assert_eq!((code, out.as_str()), (0, "lictor_new\n"));
    assert!(err.contains("cannot be shown again"));
    let expected = json!({ "name": "ci", "scopes": ["read", "keys"], "expires_at": "2027-01-01T00:00:00Z" });
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("JSON"), expected);
}

#[test]
fn an_apply_file_is_sent_as_it_is_and_its_mistakes_are_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("acme.toml");
    std::fs::write(&path, "[merchant]\nid = \"ACME\"\n").expect("writable");
    let path = path.to_str().expect("UTF-8");
    let refused = json!({ "code": "invalid_request", "reason": "the apply file has 1 mistake",
        "mistakes": [{ "line": 2, "pointer": "/merchant/id", "message": "write \"acme\"" }] });
    let (code, _, err, seen) = against("422 Unprocessable Content", &refused, &["apply", path, "--dry-run"]);
    assert_eq!((code, seen.line.as_str()), (1, "POST /v1/merchant/apply HTTP/1.1"));
    let sent: Value = serde_json::from_str(&seen.body).expect("JSON");
    assert_eq!(sent, json!({ "toml": "[merchant]\nid = \"ACME\"\n", "dry_run": true }));
    assert!(err.ends_with("  line 2: /merchant/id: write \"acme\"\n"), "{err}");
}

#[test]
fn public_keys_are_printed_as_a_key_set() {
    let keys = json!({ "keys": [{ "kid": "k1", "role": "license" }] });
    let (_, out, _, seen) = against("200 OK", &keys, &["keys", "public", "--merchant", "acme"]);
    assert_eq!(seen.line, "GET /v1/keysets/acme/jwks.json HTTP/1.1");
    assert_eq!(serde_json::from_str::<Value>(&out).expect("JSON"), keys);
    let (_, _, _, seen) = against("200 OK", &keys, &["keys", "public"]);
    assert_eq!(seen.line, "GET /.well-known/jwks.json HTTP/1.1");
    let (code, _, err, _) = against("404 Not Found", &json!({ "code": "not_found" }), &["keys", "public"]);
    assert_eq!(code, 1);
    assert!(err.contains("--merchant"), "{err}");
}

#[test]
fn a_token_is_never_carried_to_where_a_redirect_points() {
    let (url, seen) = server_once("302 Found\r\nlocation: http://127.0.0.1:1/", &json!(null));
    let (code, _, err) = run(lictor(&["keys", "list"]).env("LICTOR_URL", url).env("LICTOR_TOKEN", TOKEN));
    seen.join().expect("one request");
    assert_eq!(code, 1);
    assert!(err.contains("status 302"), "{err}");
}

#[test]
fn settings_are_checked_with_all_mistakes_and_no_secret_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        path.to_str().expect("UTF-8").to_owned()
    };
    let config = file("lictor.toml", "lisen = \"x\"\ncreate = 1\n");
    let apply = file(
        "acme.toml",
        "[[product]]\nid = \"p\"\n[[channel]]\nid = \"c\"\nprotocol = \"saas-v2\"\nproducts = [\"p\"]\naccess_keys = [\"env:ABSENT\"]\n",
    );
    let args = ["check-config", "--config", &config, "--bootstrap", &apply, "--log-format", "xml"];
    let (code, out, err) = run(&mut lictor(&args));
    assert_eq!((code, out.as_str()), (1, ""));
    for words in ["lictor.toml:1: ", "lictor.toml:2: ", "--log-format: ", "acme.toml: env:ABSENT is not set"]
    {
        assert!(err.contains(words), "{words}: {err}");
    }
    let args = ["check-config", "--bootstrap", &apply, "--json"];
    let mut command = lictor(&args);
    command.env("ABSENT", "geheim").env("LICTOR_LISTN", "x");
    let (code, out, err) = run(&mut command);
    assert_eq!((code, err.as_str()), (0, ""));
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert!(answer["warnings"][0].as_str().expect("a warning").contains("LICTOR_LISTEN"));
    assert!(!out.contains("geheim"));
    // A secret that is there and can never sign is a mistake too.
    let shop = file(
        "shop.toml",
        "[[product]]\nid = \"p\"\n[[channel]]\nid = \"c\"\nprotocol = \"standard-webhooks\"\nproducts = [\"p\"]\naccess_keys = [\"env:PRESENT\"]\n",
    );
    for (secret, expected) in [("geheim", 1), ("whsec_bGljdG9yIHRlc3Qgc2VjcmV0IG51bWJlciAxISEh", 0)] {
        let (code, _, err) = run(lictor(&["check-config", "--bootstrap", &shop]).env("PRESENT", secret));
        assert_eq!((code, err.contains("env:PRESENT cannot be used: ")), (expected, expected == 1), "{err}");
        assert!(!err.contains("geheim"), "{err}");
    }
    // What this version does not serve is refused by name, before anything is started or made.
    let args = ["--data-dir", "nowhere", "--keys-dir", "nowhere"];
    for command in ["check-config", "serve", "init"] {
        let mut command = lictor(&[&[command], args.as_slice()].concat());
        command.env("LICTOR_STORE", "postgres://u:geheim@h/d").env("LICTOR_ADMIN_LISTEN", "127.0.0.1:0");
        command.env("LICTOR_LISTEN", "127.0.0.1:0").current_dir(folder.path());
        let (code, out, err) = run(&mut command);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(err.contains("admin_listen: this version"), "{err}");
        assert!(!err.contains("geheim") && !folder.path().join("nowhere").exists());
    }
}

#[test]
fn a_first_start_that_was_cut_off_goes_on_and_lost_data_is_not_taken_for_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = || {
        let mut command = lictor(&["init", "--json"]);
        command.current_dir(folder.path()).env("LICTOR_CREATE", "never");
        run(&mut command)
    };
    let secret = || std::fs::read(folder.path().join("keys/claim.key")).expect("made");
    let (code, out, err) = init();
    assert_eq!(code, 0, "{err}");
    let made: Value = serde_json::from_str(&out).expect("JSON");
    let file = folder.path().join("data/operator-token");
    assert_eq!(made["operator_token_file"].as_str(), file.to_str(), "{out}");
    assert!(made["data_dir"].is_string() && made["keys_dir"].is_string(), "{out}");
    let before = secret();
    assert_eq!(init().0, 1, "both are there");
    // Cut off before the store was made.
    std::fs::remove_dir_all(folder.path().join("data")).expect("removed");
    assert_eq!((init().0, secret()), (0, before));
    // A merchant's keys without the data that they signed.
    std::fs::remove_dir_all(folder.path().join("data")).expect("removed");
    std::fs::create_dir(folder.path().join("keys/acme")).expect("made");
    let (code, _, err) = init();
    assert_eq!(code, 1);
    assert!(err.contains("holds no store") && err.contains(folder.path().to_str().expect("UTF-8")), "{err}");
}

#[test]
fn a_first_start_that_cannot_make_both_folders_makes_neither() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = || run(lictor(&["init"]).current_dir(folder.path()));
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "in the way").expect("writable");
    let (code, _, err) = init();
    assert!(
        code == 1 && err.contains("cannot read the folder") && !folder.path().join("data").exists(),
        "{err}"
    );
    std::fs::remove_file(&keys).expect("it is ours");
    let foreign = folder.path().join("data/notes.txt");
    std::fs::create_dir(folder.path().join("data")).expect("writable");
    std::fs::write(&foreign, "somebody's").expect("writable");
    let (code, _, err) = init();
    assert!(
        code == 1 && err.contains("holds files, but no store") && !keys.join("claim.key").exists(),
        "{err}"
    );
    std::fs::remove_file(&foreign).expect("it is ours");
    let (code, out, err) = init();
    assert!(code == 0 && out.contains("operator-token"), "{out}{err}");
}

#[test]
fn samples_are_printed_whole() {
    let (code, out, _) = run(&mut lictor(&["apply", "--sample", "saas-v2"]));
    assert_eq!((code, lictor::catalog::parse_apply_file(&out).map(|file| file.specs.len())), (0, Ok(4)));
    let (code, out, _) = run(&mut lictor(&["config-sample"]));
    assert_eq!((code, out.trim_end()), (0, lictor::config::config_sample().trim_end()));
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let mut command = lictor(&["config-sample"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(child.stdout.take());
    let (code, _, err) = told(child.wait_with_output().expect("it ends"));
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn orders_are_asked_for_as_they_are_named_and_the_next_step_is_told() {
    let held = json!({ "items": [{ "id": "ord_1", "order_id": "CS1", "state": "held", "sku": "CAD-NEW",
        "refund": { "at": "2026-01-31T11:00:00Z", "left_secs": 3_600 }, "suggestions": [] }], "next_cursor": null });
    let (code, out, _, seen) = against("200 OK", &held, &["order", "list", "--held", "--limit", "7"]);
    assert_eq!((code, seen.line.as_str()), (0, "GET /v1/merchant/orders?state=held&limit=7 HTTP/1.1"));
    assert!(out.contains("in 1:00 h") && out.ends_with("next: lictor order map ord_1 --spec ID\n"), "{out}");
    let mapped =
        json!({ "sku": "CAD-NEW", "product_id": null, "spec": "cad-pro", "minted": 3, "waiting": 0 });
    let (code, out, _, seen) = against("200 OK", &mapped, &["order", "map", "CS 1", "--spec", "cad-pro"]);
    assert_eq!((code, seen.line.as_str()), (0, "POST /v1/merchant/orders/CS%201/map HTTP/1.1"));
    assert_eq!(seen.body, r#"{"spec":"cad-pro"}"#);
    assert_eq!(out, "CAD-NEW means cad-pro from now on; 3 minted, 0 waiting\n");
    let asking = json!({ "outcome": "asking", "orders": [], "reason": "HTTP 503", "retry_after_secs": 5 });
    let args = ["order", "fetch", "CS1", "--channel", "cad", "--line", "1"];
    let (code, out, err, seen) = against("202 Accepted", &asking, &args);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains("HTTP 503") && err.contains("next: the outbox goes on asking"), "{err}");
    assert_eq!(
        serde_json::from_str::<Value>(&seen.body).expect("JSON"),
        json!({ "channel": "cad", "order_id": "CS1", "order_line_id": "1" })
    );
    let taken = json!({ "code": "sku_taken", "reason": "CAD-NEW means the spec a already." });
    let (code, _, err, _) = against("409 Conflict", &taken, &["order", "map", "CS1", "--spec", "b"]);
    assert_eq!((code, err.starts_with("error: sku_taken: CAD-NEW means")), (1, true), "{err}");
    let job = json!({ "id": "job_1", "kind": "settle_purchase", "state": "due", "order_id": "CS1" });
    let (code, out, _, seen) = against("200 OK", &job, &["outbox", "retry", "job_1"]);
    assert_eq!((code, seen.line.as_str()), (0, "POST /v1/merchant/outbox/job_1/retry HTTP/1.1"));
    assert_eq!(out, "job_1 is due and goes first\n");
    let (code, out, _, seen) =
        against("200 OK", &json!({ "items": [], "next_cursor": null }), &["outbox", "list", "--failed"]);
    assert_eq!((code, out.as_str()), (0, "nothing waits\n"));
    assert_eq!(seen.line, "GET /v1/merchant/outbox?failed=true&limit=50 HTTP/1.1");
}

#[test]
fn an_import_judges_the_whole_file_before_the_first_row_is_sent_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sold.csv");
    std::fs::write(
        &file,
        "\u{feff}channel,instance_id,order_id,quantity,label\ncad,i-1,CS1,2,\"=1+1\"\ncad,i-2,CS2,many,\n",
    )
    .expect("written");
    let path = file.to_str().expect("UTF-8");
    let report = folder.path().join("report.csv");
    let args = ["license", "import", path, "--report", report.to_str().expect("UTF-8")];
    let judged = json!({ "dry_run": true, "rows": [
        { "line": 2, "outcome": "refused", "license_id": null, "mistakes": [{ "member": "sku", "message": "=no spec knows it" }] },
        { "line": 3, "outcome": "imported", "license_id": "lic_1", "mistakes": [] }] });
    let (code, out, err, seen) = against("200 OK", &judged, &args);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert_eq!(err.lines().nth(1), Some("  line 2: sku: =no spec knows it"));
    assert_eq!(err.lines().nth(2), Some("  line 3: quantity: a quantity is a whole number"));
    let body: Value = serde_json::from_str(&seen.body).expect("JSON");
    assert_eq!(
        (&body["dry_run"], &body["rows"][0]["label"], &body["rows"][0]["line"]),
        (&json!(true), &json!("=1+1"), &json!(2))
    );
    let written = std::fs::read_to_string(report).expect("the report");
    assert!(written.contains("2,refused,,sku,'=no spec knows it"), "{written}");
    let (code, _, err) = run(&mut lictor(&["license", "import", "/nowhere/x.csv"]));
    assert_eq!((code, err.contains("cannot read")), (2, true), "{err}");
    let (code, _, err) = run(&mut lictor(&["license", "import", "sold.txt"]));
    assert_eq!((code, err.contains("--format csv")), (2, true), "{err}");
}

#[test]
fn the_theft_drill_refuses_every_forgery_and_locks_nobody_out() {
    let (code, told, why) = run(&mut lictor(&["keys", "drill", "--json"]));
    assert_eq!(code, 0, "{told}{why}");
    let report: Value = serde_json::from_str(&told).expect("one object");
    let steps = report["steps"].as_array().expect("steps");
    assert!(steps.len() >= 16 && steps.iter().all(|step| step["ok"] == json!(true)), "{report:#}");
}

#[test]
fn a_root_that_is_kept_elsewhere_signs_a_request_without_a_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (data, keys) = (at("data"), at("keys"));
    let local = ["--data-dir", &data, "--keys-dir", &keys];
    assert_eq!(run(lictor(&["init"]).args(local)).0, 0);
    let made = run(
        lictor(&["keys", "create", "acme", "--issuer", "https://license.acme.example"]).args(&local[2..])
    );
    assert_eq!(made.0, 0, "{}", made.2);
    let (code, told, why) =
        run(lictor(&["keys", "stage", "acme", "--role", "license", "--json"]).args(&local[2..]));
    assert_eq!(code, 0, "{why}");
    let staged: Value = serde_json::from_str(&told).expect("JSON");
    let file = |role: &str, ending: &str| {
        let entries = std::fs::read_dir(folder.path().join("keys/acme")).expect("the merchant's folder");
        let names = entries.map(|entry| entry.expect("readable").path());
        names.into_iter().find(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            name.starts_with(role) && name.ends_with(ending)
        })
    };
    let kid = staged["kid"].as_str().expect("a kid");
    assert!(file("license", ".staged").expect("made").to_string_lossy().contains(kid));
    let root = file("root", ".pem").expect("made").display().to_string();
    let payload = r#"{"iss":"https://license.acme.example","iat":1800000000,"exp":1831536000,"keys":[],"lic":{"v":1,"env":"live","seq":7}}"#;
    let request = json!({ "format": "lictor-keyset-request", "issuer": "https://license.acme.example", "payload": payload });
    std::fs::write(at("request.json"), request.to_string()).expect("written");
    let sign = |request: &str, out: &str| {
        run(&mut lictor(&["keys", "keyset", "sign", "--root", &root, request, out]))
    };
    let (code, told, why) = sign(&at("request.json"), &at("signed.json"));
    assert_eq!(code, 0, "{why}");
    assert!(told.contains("signed key set 7") && told.contains("lictor keys keyset upload"), "{told}");
    let signed: Value =
        serde_json::from_str(&std::fs::read_to_string(at("signed.json")).expect("there")).expect("JSON");
    assert_eq!(
        (signed["root"]["role"].as_str(), signed["keyset"].as_str().map(|text| text.split('.').count())),
        (Some("root"), Some(3))
    );
    // Nothing is covered, and what is no request is told from one.
    assert_eq!(sign(&at("request.json"), &at("signed.json")).0, 1);
    std::fs::write(at("other.json"), "{}").expect("written");
    let (code, _, why) = sign(&at("other.json"), &at("other-signed.json"));
    assert!(code == 1 && why.contains("lictor keys keyset request"), "{why}");
}
