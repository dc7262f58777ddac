//! Each thing that can be wrong with certificate and key.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::certificates::{Authority, HOST, Leaf, chain};
use crate::ground::Ground;

/// Two files in a folder of their own.
struct Files {
    _folder: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn of(certificate: &str, key: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let leaf = Leaf { certificate: certificate.to_owned(), key: key.to_owned() };
        let (cert, key) = leaf.put(folder.path());
        Self { _folder: folder, cert, key }
    }

    fn ground(&self) -> Ground {
        Ground::empty().with("LICTOR_TLS_CERT_FILE", &self.cert).with("LICTOR_TLS_KEY_FILE", &self.key)
    }

    /// Refused with the certificate file's path and these words.
    #[track_caller]
    fn refuses_certificate(&self, words: &[&str]) {
        let shown = Ground::shown(&self.cert);
        self.ground().refuses(&[&["LICTOR_TLS_CERT_FILE: ", &shown], words].concat());
    }

    /// Refused with the key file's path and these words.
    #[track_caller]
    fn refuses_key(&self, words: &[&str]) {
        let shown = Ground::shown(&self.key);
        self.ground().refuses(&[&["LICTOR_TLS_KEY_FILE: ", &shown], words].concat());
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_its_setting() {
    let files = Files::of("", "");
    std::fs::remove_file(&files.cert).expect("it is there");
    files.refuses_certificate(&["No such file", "name the file that holds it"]);
    let files = Files::of(&chain().2.certificate, "");
    std::fs::remove_file(&files.key).expect("it is there");
    files.refuses_key(&["No such file", "name the file that holds it"]);
}

#[test]
fn what_is_no_certificate_is_refused() {
    let (_, _, leaf) = chain();
    Files::of("", &leaf.key).refuses_certificate(&["holds no certificate", "fullchain.pem"]);
    Files::of(&leaf.key, &leaf.certificate).refuses_certificate(&["holds no certificate"]);
    let damaged = leaf.certificate.replacen("MII", "MIJ", 1);
    Files::of(&damaged, &leaf.key).refuses_certificate(&["certificate 1", "cannot be read", "copy the file"]);
    let cut = leaf.certificate.trim_end().trim_end_matches('-');
    Files::of(cut, &leaf.key).refuses_certificate(&["certificate 2", "cannot be read"]);
    let long = leaf.certificate.repeat(6);
    Files::of(&long, &leaf.key).refuses_certificate(&["certificate 11", "at most 10"]);
}

#[test]
fn a_chain_that_is_not_in_order_is_refused() {
    let (root, intermediate, _) = chain();
    let own = intermediate.leaf();
    let upside_down = intermediate.pem() + &own.certificate;
    Files::of(&upside_down, &own.key).refuses_certificate(&[
        "certificate 2 (CN=a server)",
        "whose issuer is CN=Root of the tests",
        "put the leaf first",
    ]);
    let gap = own.certificate.clone() + &root.pem();
    Files::of(&gap, &own.key)
        .refuses_certificate(&["certificate 2 (CN=Root of the tests)", "CN=Intermediate of the tests"]);
    let impostor = Authority::root("Another root").below("Intermediate of the tests");
    let broken = own.certificate + &impostor.pem();
    Files::of(&broken, &own.key).refuses_certificate(&["does not hold", "get the chain"]);
}

#[test]
fn a_certificate_out_of_its_time_is_refused() {
    let (_, intermediate, _) = chain();
    for (days, words) in [((-90, -1), ["has ended at", "renew it"]), ((2, 90), ["begins only at", "clock"])] {
        let leaf = intermediate.leaf_between(&[HOST], days);
        let certificate = leaf.certificate + &intermediate.pem();
        Files::of(&certificate, &leaf.key).refuses_certificate(&words);
    }
}

#[test]
fn a_key_that_is_none_or_anothers_is_refused() {
    let (_, intermediate, leaf) = chain();
    Files::of(&leaf.certificate, "").refuses_key(&["holds no private key", "privkey.pem"]);
    Files::of(&leaf.certificate, &leaf.certificate).refuses_key(&["holds no private key"]);
    let other = intermediate.leaf().key;
    Files::of(&leaf.certificate, &other).refuses_key(&["does not belong to the first certificate"]);
    let encrypted = leaf.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    Files::of(&leaf.certificate, &encrypted).refuses_key(&["is encrypted", "openssl pkey"]);
    let damaged = leaf.key.replacen("MIG", "MIH", 1);
    Files::of(&leaf.certificate, &damaged).refuses_key(&["cannot be used", "ECDSA P-256"]);
}

#[test]
fn one_file_without_the_other_and_http_2_without_both_are_wrong_usage() {
    let (_, _, leaf) = chain();
    let files = Files::of(&leaf.certificate, &leaf.key);
    let ended = Ground::empty().with("LICTOR_TLS_CERT_FILE", &files.cert).start();
    assert_eq!(ended.code, 2, "{}", ended.words);
    assert!(ended.words.contains("tls_key_file: is missing"), "{}", ended.words);
    let ended = Ground::empty().with("LICTOR_TLS_HTTP2", Path::new("on")).start();
    assert_eq!(ended.code, 2, "{}", ended.words);
    assert!(ended.words.contains("HTTP/2 is spoken over TLS only"), "{}", ended.words);
}

#[test]
fn check_config_says_what_a_start_would() {
    let (_, intermediate, leaf) = chain();
    let check = |certificate: &str, key: &str, public_url: &str| {
        let files = Files::of(certificate, key);
        let checked = std::process::Command::new(env!("CARGO_BIN_EXE_lictor"))
            .arg("check-config")
            .env_clear()
            .env("LICTOR_PUBLIC_URL", public_url)
            .env("LICTOR_TLS_CERT_FILE", &files.cert)
            .env("LICTOR_TLS_KEY_FILE", &files.key)
            .output()
            .expect("the program starts");
        (checked.status.code(), String::from_utf8(checked.stderr).expect("UTF-8"))
    };
    let ours = format!("https://{HOST}");
    let (code, words) = check(&leaf.certificate, &intermediate.leaf().key, &ours);
    assert_eq!(code, Some(1));
    assert!(words.contains("does not belong to the first certificate"), "{words}");
    let (code, words) = check(&leaf.certificate, &leaf.key, &ours);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("leads to no public root") && words.contains("intermediate"), "{words}");
    assert!(!words.contains("does not name"), "{words}");
    let (code, words) = check(&leaf.certificate, &leaf.key, "https://other.acme.example");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("does not name other.acme.example"), "{words}");
    let (_, words) = check(&leaf.certificate, &leaf.key, "https://127.0.0.1:8443");
    assert!(!words.contains("does not name"), "{words}");
}

#[test]
fn a_key_that_everybody_may_read_is_told_and_served() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_, _, leaf) = chain();
    let files = Files::of(&leaf.certificate, &leaf.key);
    std::fs::set_permissions(&files.key, std::fs::Permissions::from_mode(0o644)).expect("the test's own");
    let ground = files.ground().with("LICTOR_LOG_FILTER", Path::new("warn"));
    let mut command = ground.command();
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut server = command.spawn().expect("it starts");
    let said = std::io::BufReader::new(server.stderr.take().expect("piped"));
    let told = std::io::BufRead::lines(said).map_while(Result::ok).any(|line| line.contains("(mode 0644)"));
    let listens = std::io::BufReader::new(server.stdout.take().expect("piped"));
    let listens =
        std::io::BufRead::lines(listens).map_while(Result::ok).any(|it| it.contains("listens on https://"));
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    assert!(told && listens);
}
