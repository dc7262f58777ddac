//! Whatever a text is, a call takes less than a mebibyte for it.

use std::io::Write as _;
use std::process::Stdio;

use crate::compiled::{Library, Program};
use crate::server::{FakeServer, pinned};

const MOST_BYTES: usize = 1024 * 1024;
/// Where the linker leads allocations, so that they are counted.
const WRAPPED: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "free"];

/// Texts that would take much, if anything did: as long as they may be, and made of what is read most closely.
fn texts(folder: &std::path::Path) -> Vec<String> {
    let key = FakeServer::start().key();
    let (front, signature) = key.rsplit_once('.').expect("a signature");
    let (header, _) = front.split_once('.').expect("a content");
    let encoded = license_token::base64url::encode;
    let token = |content: &str| format!("{header}.{}.{signature}", encoded(content.as_bytes()));
    let path = folder.join("long.txt");
    std::fs::write(&path, "eyJ—".repeat(400_000)).expect("written");
    let mut texts = vec![key.clone(), key.repeat(30), path.display().to_string(), "/dev/zero".into()];
    for pattern in [
        "a",
        "eyJ",
        "eyJ ",
        "e y J.",
        "eyJ—",
        "\u{200b}",
        "-----BEGIN ",
        "> ",
        "=",
        ".",
        "中",
        "ABCDE-F0123-45678-9GHJK-MNPQR ",
    ] {
        for length in [32 * 1024, 1024 * 1024] {
            texts.push(pattern.repeat(length / pattern.len()));
        }
    }
    for (open, element, close) in
        [("{\"a\":[", "[],", "1]}"), ("{\"a\":[", "0,", "1]}"), ("{\"a\":", "[", ""), ("{", "\"\":1,", "}")]
    {
        texts.push(token(&format!("{open}{}{close}", element.repeat(5_500 / element.len()))));
        texts.push(token(&format!("{open}{}{close}", element.repeat(23_000 / element.len()))));
    }
    texts
}

#[test]
fn no_text_takes_more_than_a_mebibyte() {
    let wrapped: Vec<String> = WRAPPED.iter().map(|name| format!("-Wl,--wrap={name}")).collect();
    let program = Program::compile_with("license-client-c/tests/c/memory.c", Library::Static, &wrapped);
    let texts = texts(program.folder.path());
    let input: String = texts.iter().map(|text| format!("{text}\n")).collect();
    let mut child = program
        .command()
        .arg(program.write("keys.json", &pinned()))
        .arg(program.folder.path().join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    let telling = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    telling.join().expect("no panic").expect("every text is read");
    assert!(output.status.success(), "{:?}", output.status);
    let taken: Vec<usize> = String::from_utf8(output.stdout)
        .expect("numbers")
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(taken.len(), texts.len());
    for (text, taken) in texts.iter().zip(taken) {
        assert!((1..MOST_BYTES).contains(&taken), "{taken} bytes for {} of {text:.60}", text.len());
    }
}
