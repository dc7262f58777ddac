//! A backup that is encrypted: opened by its key and by nothing else, also by the programs that others wrote.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::ground::{Ground, done, refused};

const PASSPHRASE: &str = "correct horse battery staple";

fn operate(ground: &Ground, arguments: &[&str]) -> Output {
    let token = ground.path("data/operator-token").display().to_string();
    let mut command = ground.command(&[arguments, &["--token-file", &token]].concat());
    command
        .env("BACKUP_PASSPHRASE", PASSPHRASE)
        .env("OTHER_PASSPHRASE", "another one of the kind")
        .output()
        .expect("it starts")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A ground with a sold license, and its licenses.
fn sold() -> (Ground, Value) {
    let ground = Ground::embedded();
    let server = ground.start();
    ground.sell(&ground.storefront(), 1);
    let license = ground.licenses().into_values().next().expect("it is sold");
    server.stop();
    (ground, license)
}

#[test]
fn an_encrypted_backup_opens_with_its_key_alone_and_anything_else_changes_nothing() {
    let (ground, license) = sold();
    let (identity, file) = (ground.path("identity"), ground.path("backup.age"));
    let made = done(&ground.run(&["keys", "identity", &text(&identity), "--json"]));
    let public = made["public_key"].as_str().expect("a key").to_owned();
    refused(&ground.run(&["keys", "identity", &text(&identity)]), 1);
    let backup = done(&operate(&ground, &["backup", &text(&file), "--encrypt-to", &public, "--json"]));
    assert_eq!(
        (&backup["encrypted"], backup["bytes"].as_u64()),
        (&true.into(), Some(file.metadata().expect("there").len()))
    );
    let bytes = std::fs::read(&file).expect("there");
    assert!(bytes.starts_with(b"age-encryption.org/v1\n-> X25519 "));
    assert!(!bytes.windows(8).any(|window| window == b"lictorSN"));
    ground.lose();

    let restore = |file: &Path, more: &[&str]| {
        let mut command = ground.command(&[&["restore", &text(file), "--json"], more].concat());
        command.env("BACKUP_PASSPHRASE", PASSPHRASE).output().expect("it starts")
    };
    let with_key = ["--identity", &text(&identity)];
    let nothing_is_there = || assert!(!ground.path("data/FORMAT").exists());
    assert!(refused(&restore(&file, &[]), 1).contains("it is encrypted"));
    let stranger = ground.path("stranger");
    done(&ground.run(&["keys", "identity", &text(&stranger)]));
    assert!(refused(&restore(&file, &["--identity", &text(&stranger)]), 1).contains("encrypted to others"));
    assert!(refused(&restore(&file, &["--passphrase", "env:BACKUP_PASSPHRASE"]), 1).contains("--identity"));
    assert!(refused(&restore(&file, &["--identity", &text(&file)]), 2).contains("UTF-8"));
    let damaged = ground.path("damaged");
    for place in (0..bytes.len()).step_by(bytes.len() / 4).chain([bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        for content in [&flipped[..], &bytes[..place]] {
            std::fs::write(&damaged, content).expect("written");
            refused(&restore(&damaged, &with_key), 1);
            nothing_is_there();
        }
    }
    nothing_is_there();
    done(&restore(&file, &with_key));
    let server = ground.start();
    assert_eq!(ground.licenses().into_values().next(), Some(license));
    // What is not encrypted is not taken for it.
    let plain = ground.path("plain");
    ground.back_up(&plain);
    assert!(refused(&restore(&plain, &with_key), 1).contains("not encrypted"));
    server.stop();
}

#[test]
fn a_passphrase_encrypts_and_opens_and_a_short_one_is_refused() {
    let (ground, _) = sold();
    let file = ground.path("backup.age");
    let with = |verb: &str, secret: &str| operate(&ground, &[verb, &text(&file), "--passphrase", secret]);
    std::fs::write(ground.path("short"), "too short\n").expect("written");
    let short = format!("file:{}", text(&ground.path("short")));
    assert!(refused(&with("backup", &short), 2).contains("at least 12"));
    assert!(!file.exists());
    done(&with("backup", "env:BACKUP_PASSPHRASE"));
    ground.lose();
    assert!(refused(&with("restore", "env:NOT_SET"), 2).contains("not set"));
    let other = ground.run(&["restore", &text(&file)]);
    assert!(refused(&other, 1).contains("--passphrase"));
    assert!(refused(&with("restore", "env:OTHER_PASSPHRASE"), 1).contains("does not open it"));
    let mut restore = ground.command(&["restore", &text(&file), "--passphrase", "env:BACKUP_PASSPHRASE"]);
    done(&restore.env("BACKUP_PASSPHRASE", PASSPHRASE).output().expect("it starts"));
}

/// Debian's package `age`.
fn age(arguments: &[&str], input: &Path) -> Vec<u8> {
    let input = std::fs::File::open(input).expect("there");
    let output = Command::new("age").args(arguments).stdin(input).output().expect("install the package age");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn the_program_age_opens_what_is_written_here_and_what_it_writes_is_opened() {
    let (ground, _) = sold();
    let (plain, identity) = (ground.path("plain"), ground.path("identity"));
    let server = ground.start();
    ground.back_up(&plain);
    let made = done(&ground.run(&["keys", "identity", &text(&identity), "--json"]));
    let public = made["public_key"].as_str().expect("a key");

    // Theirs is read here,
    let theirs = ground.path("theirs.age");
    std::fs::write(&theirs, age(&["-r", public], &plain)).expect("written");
    // ours there: a second key of theirs opens it as well.
    let keygen = Command::new("age-keygen").output().expect("install the package age");
    std::fs::write(ground.path("keygen"), &keygen.stdout).expect("written");
    let lines = String::from_utf8(keygen.stdout).expect("text");
    let second = lines.split_whitespace().find(|word| word.starts_with("age1")).expect("a public key");
    let ours = ground.path("ours.age");
    done(&operate(&ground, &["backup", &text(&ours), "--encrypt-to", public, "--encrypt-to", second]));
    server.stop();
    for identity in [&identity, &ground.path("keygen")] {
        let opened = age(&["-d", "-i", &text(identity)], &ours);
        lictor::store::verify_snapshot(&opened[..], &mut |_| ()).expect("a whole backup");
        let to = [
            "restore",
            &text(&ours),
            "--data-dir",
            &text(&ground.path("again")),
            "--identity",
            &text(identity),
        ];
        done(&ground.run(&to));
        std::fs::remove_dir_all(ground.path("again")).expect("its own");
    }
    ground.lose();
    done(&ground.run(&["restore", &text(&theirs), "--identity", &text(&identity)]));
}
