//! On the server's own machine: tokens and sign-in links without a token, through the running server or without one.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process::Site;

/// The program on this machine, with the folders of a site and no token.
fn lictor(data: &Path, keys: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lictor"));
    command
        .args(args)
        .env_clear()
        .env("LICTOR_DATA_DIR", data)
        .env("LICTOR_KEYS_DIR", keys)
        .env("LICTOR_PUBLIC_URL", "https://license.acme.example")
        .env("LICTOR_LOG_FILTER", "error");
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let ended = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (ended.status.code().expect("no signal"), text(ended.stdout), text(ended.stderr))
}

fn answer(command: &mut Command) -> Value {
    let (code, out, err) = run(command.arg("--json"));
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).expect("one JSON object")
}

#[test]
fn a_lost_token_is_no_dead_end() {
    let site = Site::new("http://127.0.0.1:9");
    let (data, keys) = (site.folder.path().join("data"), site.folder.path().join("keys"));
    let ask = |args: &[&str]| answer(&mut lictor(&data, &keys, args));
    let server = site.start();
    let socket = data.join("control.sock");
    let mode = std::fs::metadata(&socket).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let made = ask(&["api-token", "create", "rescue", "--scope", "operator"]);
    let token = made["token"].as_str().expect("the text").to_owned();
    assert!(token.starts_with("lictor_"));
    // The same without a token over the network stays refused.
    let mut over_network = lictor(&data, &keys, &["api-token", "list", "--url", &site.url()]);
    assert_eq!(run(&mut over_network).0, 1);
    let names: Vec<Value> = ask(&["api-token", "list"])["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    let uid = std::process::Command::new("id").arg("-u").output().expect("id").stdout;
    let local = format!("local:uid-{}", String::from_utf8_lossy(&uid).trim());
    assert!(names.contains(&json!("rescue")) && names.contains(&json!(local)), "{names:?}");
    let link = ask(&["login", "--merchant", "acme", "--name", "Li", "--scope", "read"]);
    let url = link["url"].as_str().expect("an address");
    assert!(url.starts_with(&format!("{}/console/sign-in?link=.", site.url())), "{url}");
    let elsewhere = ask(&["login", "http://127.0.0.1:1234/"]);
    assert!(elsewhere["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:1234/console/")));
    assert_eq!(ask(&["session", "list"])["items"], json!([]));
    let (code, _, err) = run(&mut lictor(&data, &keys, &["login", "--merchant", "nobody"]));
    assert_eq!(code, 1, "{err}");
    // What is refused there is refused: a path that is not for this socket leads nowhere.
    let raw = |request: &str| {
        use std::io::{Read as _, Write as _};
        let mut stream = UnixStream::connect(&socket).expect("it listens");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("answered");
        text
    };
    assert!(raw("GET /v1/merchant/licenses HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
    let foreign = "GET /v1/merchant/api-tokens HTTP/1.0\r\nAuthorization: Bearer lictor_nothing\r\n\r\n";
    assert!(raw(foreign).starts_with("HTTP/1.0 200"), "whoever came through the socket is known by that");
    server.stop();
    assert!(!socket.exists(), "it goes with the server");
    // No server: the folder is opened for one command, and the token that was made there opens the next server.
    let listed = ask(&["api-token", "list"]);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(names.len()));
    let id = made["id"].as_str().expect("an id");
    assert_ne!(ask(&["api-token", "revoke", id])["revoked_at"], Value::Null);
    assert!(!socket.exists());
    let again = site.start();
    assert!(socket.exists());
    again.stop();
}

#[test]
fn nobody_else_of_this_machine_comes_in_by_the_socket() {
    let is_root = std::process::Command::new("id").arg("-u").output().is_ok_and(|it| it.stdout == b"0\n");
    if !is_root {
        return crate::process::not_run_here("root, to become somebody else");
    }
    let site = Site::new("http://127.0.0.1:9");
    let (data, keys) = (site.folder.path().join("data"), site.folder.path().join("keys"));
    let server = site.start();
    // As if somebody had opened the folder and the socket to everybody: the system still says who is at the other end.
    for path in [site.folder.path(), &data, &data.join("control.sock")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))
            .expect("they are the test's own");
    }
    let mut command = lictor(&data, &keys, &["api-token", "list"]);
    command.uid(65_534).gid(65_534);
    let (code, _, err) = run(&mut command);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("token_refused"), "{err}");
    server.stop();
}
