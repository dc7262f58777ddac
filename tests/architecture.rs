//! Keeps the arrows of `docs/ARCHITECTURE.md`: which room may name which room, which crate, and what exists only once.
//!
//! The rules are the tables below; whoever changes the architecture changes a line there and says why in the commit.
//! Read are the sources themselves (paths after `use`, in expressions and in types, resolved; not comments, not strings) and
//! `cargo tree`. `clippy.toml` is the second lock: it knows types, this test knows rooms.

#[path = "architecture/audited.rs"]
mod audited;
#[path = "architecture/chinese.rs"]
mod chinese;
#[path = "architecture/literals.rs"]
mod literals;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/tokens.rs"]
mod tokens;

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::LazyLock;

use names::{Named, names, words};
use sources::{dependencies, module_of, root, rust_files};

// ---------------------------------------------------------------------------------------------------------------
// The rules
// ---------------------------------------------------------------------------------------------------------------

/// A module right below `src/`, and whom it may name.
struct Room {
    name: &'static str,
    rooms: Rooms,
    crates: Crates,
}

enum Rooms {
    /// These, and always itself.
    Only(&'static [&'static str]),
    /// Wires the others together.
    Any,
}

enum Crates {
    /// These and their sub-modules: `tokio::sync` allows no other part of tokio.
    Only(&'static [&'static str]),
    /// Whatever `KEPT_CRATES` does not keep for others.
    Any,
}

/// What an adapter may name: the rules inside it, the settings it is given, the names of its metrics.
const INWARD: Rooms = Rooms::Only(&["domain", "application", "config", "telemetry"]);

const WITH_STANDARD_WEBHOOKS: Rooms =
    Rooms::Only(&["domain", "application", "config", "telemetry", "standard_webhooks"]);

const ROOMS: &[Room] = &[
    // Pure rules: no async, no serde, no I/O, no clock, no randomness.
    Room { name: "domain", rooms: Rooms::Only(&[]), crates: Crates::Only(&["std", "chrono", "thiserror"]) },
    // Use cases and ports. Of tokio only what orders callers of one license and lets a loser wait.
    Room {
        name: "application",
        rooms: Rooms::Only(&["domain"]),
        crates: Crates::Only(&[
            "std",
            "async_trait",
            "chrono",
            "thiserror",
            "tokio::sync",
            "tokio::time",
            "tracing",
            "secrecy",
            // What stands for an authorization code in an order id: pure arithmetic.
            "sha2",
        ]),
    },
    // Adapters: they name what is inside, never each other.
    Room { name: "store", rooms: INWARD, crates: Crates::Any },
    // Events that come in are signed by the standard that events that go out are signed by: one signature code.
    Room { name: "marketplace", rooms: WITH_STANDARD_WEBHOOKS, crates: Crates::Any },
    Room { name: "webhooks", rooms: WITH_STANDARD_WEBHOOKS, crates: Crates::Any },
    Room { name: "workers", rooms: INWARD, crates: Crates::Any },
    Room { name: "signing", rooms: INWARD, crates: Crates::Any },
    Room { name: "http", rooms: INWARD, crates: Crates::Any },
    Room { name: "console", rooms: INWARD, crates: Crates::Any },
    Room { name: "clock", rooms: INWARD, crates: Crates::Any },
    Room { name: "randomness", rooms: INWARD, crates: Crates::Any },
    // What an apply file says, in domain words.
    Room { name: "catalog", rooms: INWARD, crates: Crates::Any },
    // The other side of the wire. It borrows the words of the domain and nothing that could hide a misreading.
    Room { name: "sandbox", rooms: Rooms::Only(&["domain"]), crates: Crates::Any },
    Room { name: "config", rooms: Rooms::Only(&["domain"]), crates: Crates::Any },
    Room { name: "telemetry", rooms: Rooms::Only(&["config"]), crates: Crates::Any },
    // The signatures of a standard, for whoever receives events and whoever sends them.
    Room { name: "standard_webhooks", rooms: Rooms::Only(&[]), crates: Crates::Any },
    // A format of files, for whoever reads and writes them.
    Room { name: "age", rooms: Rooms::Only(&[]), crates: Crates::Any },
    // They wire the rest together.
    Room { name: "cli", rooms: Rooms::Any, crates: Crates::Any },
    Room { name: "demo", rooms: Rooms::Any, crates: Crates::Any },
    Room { name: "service", rooms: Rooms::Any, crates: Crates::Any },
    Room { name: "lib", rooms: Rooms::Any, crates: Crates::Any },
    Room { name: "main", rooms: Rooms::Any, crates: Crates::Any },
];

/// An arrow that one file may have beyond its room's.
struct Exception {
    file: &'static str,
    names: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    // Hands raw requests over and returns the answer that the marketplace dictates.
    Exception { file: "src/http/marketplace.rs", names: "marketplace" },
];

/// A crate that only some rooms may name.
struct KeptCrate {
    name: &'static str,
    rooms: &'static [&'static str],
    because: &'static str,
}

const KEPT_CRATES: &[KeptCrate] = &[
    KeptCrate { name: "axum", rooms: SERVERS, because: "HTTP is said where HTTP is spoken" },
    KeptCrate { name: "axum_server", rooms: SERVERS, because: "HTTP is said where HTTP is spoken" },
    KeptCrate { name: "utoipa", rooms: &["http"], because: "the API is described where HTTP is spoken" },
    KeptCrate { name: "hyper_util", rooms: SERVERS, because: "HTTP is said where HTTP is spoken" },
    KeptCrate { name: "tower_http", rooms: SERVERS, because: "HTTP is said where HTTP is spoken" },
    KeptCrate {
        name: "rustls",
        rooms: &["http", "config", "cli", "sandbox", "store"],
        because: "TLS ends where HTTP is served, is judged where addresses are, and leads to a database",
    },
    KeptCrate {
        name: "webpki_roots",
        rooms: &["http", "sandbox", "store"],
        because: "TLS ends where HTTP is served, is judged where addresses are, and leads to a database",
    },
    KeptCrate { name: "httparse", rooms: &["sandbox"], because: "everybody else has a whole HTTP client" },
    KeptCrate { name: "x509_cert", rooms: &["http"], because: "TLS ends where HTTP is served" },
    KeptCrate { name: "sled", rooms: &["store"], because: "an engine is a detail of its store" },
    KeptCrate { name: "crc32c", rooms: &["store"], because: "frames and records are the store's" },
    KeptCrate {
        name: "ureq",
        rooms: &["marketplace", "webhooks", "sandbox", "cli", "demo"],
        because: "outgoing calls stand beside the protocol",
    },
    KeptCrate {
        name: "license_token",
        rooms: &["signing", "http", "console", "cli", "demo"],
        because: "the inside speaks domain words, not claims",
    },
    KeptCrate {
        name: "ed25519_dalek",
        rooms: &["signing"],
        because: "private keys are touched in one place",
    },
    KeptCrate {
        name: "client_example",
        rooms: &["cli", "demo"],
        because: "the server does not know its clients",
    },
    KeptCrate { name: "clap", rooms: &["cli", "demo", "main"], because: "commands are the command line's" },
];

const SERVERS: &[&str] = &["http", "console", "sandbox", "cli", "demo"];

/// A path that only one place may name. A glob (`use std::env::*`) counts as naming it.
struct Once {
    path: &'static [&'static str],
    /// A file, or a folder that ends in `/`.
    places: &'static [&'static str],
    because: &'static str,
}

const ONCE: &[Once] = &[
    Once { path: &["Utc", "now"], places: CLOCK, because: "whoever decides is given `now`" },
    Once { path: &["Local", "now"], places: CLOCK, because: "whoever decides is given `now`, in UTC" },
    Once { path: &["SystemTime", "now"], places: CLOCK, because: "whoever decides is given `now`" },
    Once {
        path: &["Uuid", "now_v7"],
        places: &[],
        because: "ids come from the id source, which is given `now`",
    },
    Once { path: &["env", "var"], places: CONFIG, because: "settings are read in one place" },
    Once { path: &["env", "var_os"], places: CONFIG, because: "settings are read in one place" },
    Once { path: &["env", "vars"], places: CONFIG, because: "settings are read in one place" },
    Once { path: &["env", "vars_os"], places: CONFIG, because: "settings are read in one place" },
    Once { path: &["DecodePrivateKey"], places: SIGNING, because: "private keys are touched in one place" },
    Once { path: &["EncodePrivateKey"], places: SIGNING, because: "private keys are touched in one place" },
    Once {
        path: &["license_token", "signing"],
        places: SIGNING,
        because: "private keys are touched in one place",
    },
    Once {
        path: &["license_token", "SigningKey"],
        places: SIGNING,
        because: "private keys are touched in one place",
    },
];

const CLOCK: &[&str] = &["src/clock.rs", "license-client/src/clock.rs"];
const CONFIG: &[&str] = &["src/config.rs", "src/config/", "license-client/src/environment.rs"];
const SIGNING: &[&str] = &["src/signing.rs", "src/signing/"];

/// Crates that a package of the workspace may not name. (What is no dependency cannot be named anyway.)
const PACKAGES: &[Package] = &[Package {
    folder: "license-token/src/",
    without: &["std"],
    because: "it has no clock, file, network or thread, and the standard library has them all",
}];

struct Package {
    folder: &'static str,
    without: &'static [&'static str],
    because: &'static str,
}

/// What the pure rooms may not even take from the standard library.
const IMPURE_STD: &[&str] = &["env", "fs", "io", "net", "os", "process", "thread"];
const IMPURE_STD_TYPES: &[&str] = &["Instant", "SystemTime", "RandomState"];
const PURE_ROOMS: &[&str] = &["domain", "application"];

/// What client software of any kind does without.
const SERVER_CRATES: &[&str] =
    &["tokio", "axum", "hyper", "sled", "sqlx", "chrono", "openssl", "native-tls", "async-trait"];

/// Crates that the programs of customers must not carry: `cargo tree` of what they embed.
const CLOSURES: &[Closure] = &[
    Closure { package: "client-example", without: SERVER_CRATES },
    Closure { package: "license-client-c", without: SERVER_CRATES },
    Closure {
        package: "license-token",
        without: &[
            "tokio",
            "axum",
            "sled",
            "sqlx",
            "chrono",
            "time",
            "ureq",
            "getrandom",
            "rand",
            "rustix",
            "libc",
        ],
    },
];

struct Closure {
    package: &'static str,
    without: &'static [&'static str],
}

// ---------------------------------------------------------------------------------------------------------------
// The judge: one file against the rules
// ---------------------------------------------------------------------------------------------------------------

/// What is wrong in a file, one sentence each with the line.
fn judge(file: &str, source: &str) -> Vec<String> {
    let found = names(source, &module_of(file));
    found
        .named
        .iter()
        .filter_map(|named| Some(format!("{file}:{}: {}", named.line, fault(file, named)?)))
        .collect()
}

fn fault(file: &str, named: &Named) -> Option<String> {
    let room = file.strip_prefix("src/").map(|_| room_of(file));
    let told = named.path.join("::");
    if let Some(once) =
        ONCE.iter().find(|once| once.is_named_by(&named.path) && !stands_in(file, once.places))
    {
        return Some(format!("names {told}, which only {:?} may: {}", once.places, once.because));
    }
    if let Some(package) = PACKAGES.iter().find(|package| file.starts_with(package.folder)) {
        let named = package.without.contains(&named.path[0].as_str());
        return named.then(|| format!("{} names {told}: {}", package.folder, package.because));
    }
    let room = room?;
    if named.path[0] == "crate" {
        room_fault(file, room, &named.path)
    } else {
        crate_fault(room, &named.path)
    }
    .map(|fault| format!("{} names {told}{fault}", room.name))
}

fn room_fault(file: &str, room: &Room, path: &[String]) -> Option<String> {
    let Rooms::Only(allowed) = room.rooms else { return None };
    let other = path.get(1).map_or("the crate's root", String::as_str);
    let excepted = EXCEPTIONS.iter().any(|exception| exception.file == file && exception.names == other);
    let fine = other == room.name || allowed.contains(&other) || excepted;
    (!fine).then(|| format!(": it may name {allowed:?}, not {other}"))
}

fn crate_fault(room: &Room, path: &[String]) -> Option<String> {
    let name = if ["core", "alloc"].contains(&path[0].as_str()) { "std" } else { path[0].as_str() };
    static DEPENDENCIES: LazyLock<Vec<String>> = LazyLock::new(|| dependencies("Cargo.toml"));
    if name != "std" && !DEPENDENCIES.iter().any(|dependency| dependency == name) {
        return None;
    }
    if let Crates::Only(allowed) = room.crates {
        let whole = path.join("::");
        let fine =
            |entry: &&str| **entry == *name || whole == **entry || whole.starts_with(&format!("{entry}::"));
        if !allowed.iter().any(fine) {
            return Some(format!(": of crates it may name {allowed:?}"));
        }
    }
    let impure = path.get(1).is_some_and(|part| IMPURE_STD.contains(&part.as_str()));
    let impure_type = path.iter().any(|part| IMPURE_STD_TYPES.contains(&part.as_str()));
    if name == "std" && PURE_ROOMS.contains(&room.name) && (impure || impure_type) {
        return Some(": it is pure".to_owned());
    }
    let kept = KEPT_CRATES.iter().find(|kept| kept.name == name)?;
    let wires = room.name == "lib" || kept.rooms.contains(&room.name);
    (!wires).then(|| format!(", which is kept for {:?}: {}", kept.rooms, kept.because))
}

impl Once {
    fn is_named_by(&self, path: &[String]) -> bool {
        let fits = |(wanted, segment): (&&str, &String)| segment == wanted || segment == "*";
        path.windows(self.path.len())
            .any(|part| part.iter().any(|segment| segment != "*") && self.path.iter().zip(part).all(fits))
    }
}

fn stands_in(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| file == *place || (place.ends_with('/') && file.starts_with(place)))
}

fn room_of(file: &str) -> &'static Room {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let name = inside.split('/').next().unwrap_or(inside);
    let name = name.strip_suffix(".rs").unwrap_or(name);
    let room = ROOMS.iter().find(|room| room.name == name);
    room.unwrap_or_else(|| {
        panic!("{file}: no room of this name: give it a line in ROOMS (tests/architecture.rs)")
    })
}

/// The product's files without those that are declared `#[cfg(test)] mod …;`.
fn product_files(folder: &str) -> Vec<(String, String)> {
    let files = rust_files(folder);
    let tests: BTreeSet<Vec<String>> =
        files.iter().flat_map(|(file, source)| names(source, &module_of(file)).test_modules).collect();
    let is_test = |file: &str| {
        let module = module_of(file);
        (1..=module.len()).any(|length| tests.contains(&module[..length]))
    };
    files.into_iter().filter(|(file, _)| !is_test(file)).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

// ---------------------------------------------------------------------------------------------------------------
// The rules, held
// ---------------------------------------------------------------------------------------------------------------

#[test]
fn every_room_names_only_whom_it_may() {
    let files = product_files("src");
    assert!(!files.is_empty(), "src/ has sources");
    assert_none(&files.iter().flat_map(|(file, source)| judge(file, source)).collect::<Vec<_>>());
}

#[test]
fn client_crates_read_clock_and_environment_in_one_file_each() {
    let folders = ["license-token/src", "license-client/src", "license-client-c/src", "client-example/src"];
    let files = folders.iter().flat_map(|folder| product_files(folder));
    assert_none(&files.flat_map(|(file, source)| judge(&file, &source)).collect::<Vec<_>>());
}

#[test]
fn domain_is_not_async() {
    let mut faults = Vec::new();
    for (file, source) in product_files("src/domain").iter().chain(&product_files("src/domain.rs")) {
        let found = words(source).into_iter().filter(|(_, word)| ["async", "await"].contains(word));
        faults.extend(found.map(|(line, word)| format!("{file}:{line}: {word} in a pure room")));
    }
    assert_none(&faults);
}

/// The one crate where `unsafe` may stand: C's pointers cannot be read without. Only in these files, each block with its
/// reason (clippy's `undocumented_unsafe_blocks`, which the crate denies).
const UNSAFE_FILES: &[&str] = &[
    "license-client-c/src/border.rs",
    "license-client-c/src/client.rs",
    "license-client-c/src/error.rs",
    "license-client-c/src/judge.rs",
    "license-client-c/src/verdict.rs",
];

#[test]
fn there_is_no_unsafe_code_and_every_crate_has_the_workspace_lints() {
    let folders = [
        "src",
        "tests",
        "benches",
        "fuzz",
        "license-token",
        "license-client",
        "license-client-c",
        "client-example",
    ];
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    let mut faults = Vec::new();
    let may_be_unsafe = |file: &str| file.contains("/target/") || UNSAFE_FILES.contains(&file);
    for (file, source) in files.filter(|(file, _)| !may_be_unsafe(file)) {
        let found = words(&source).into_iter().filter(|(_, word)| *word == "unsafe");
        faults.extend(found.map(|(line, _)| format!("{file}:{line}: unsafe")));
    }
    for package in ["", "license-token/", "license-client/", "client-example/"] {
        let manifest = std::fs::read_to_string(root().join(format!("{package}Cargo.toml")))
            .expect("the manifest is there");
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{package}Cargo.toml: without the workspace's lints"));
        }
    }
    assert_none(&faults);
}

#[test]
fn the_c_abi_has_the_workspace_lints_but_the_one_against_unsafe() {
    let read = |path: &str| -> toml::Table {
        std::fs::read_to_string(root().join(path)).expect("the manifest").parse().expect("TOML")
    };
    let workspace = read("Cargo.toml")["workspace"]["lints"].clone();
    let own = read("license-client-c/Cargo.toml")["lints"].clone();
    let mut faults = Vec::new();
    for (tool, lints) in workspace.as_table().expect("tools") {
        for (lint, level) in
            lints.as_table().expect("lints").iter().filter(|(lint, _)| *lint != "unsafe_code")
        {
            if own.get(tool).and_then(|lints| lints.get(lint)) != Some(level) {
                faults.push(format!("license-client-c/Cargo.toml: {tool}.{lint} is not {level}"));
            }
        }
    }
    assert_none(&faults);
    assert_eq!(own["clippy"]["undocumented_unsafe_blocks"].as_str(), Some("deny"));
}

/// What C programs link is what Rust programs link, and the crate itself.
#[test]
fn the_c_abi_carries_what_the_client_carries_and_nothing_else() {
    let names = |package| -> BTreeSet<String> {
        cargo_tree(package).iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
    };
    let mut carried = names("license-client-c");
    assert!(carried.remove("license-client-c"));
    assert_eq!(carried, names("license-client"));
}

#[test]
fn client_software_carries_no_server_clock_or_runtime() {
    for closure in CLOSURES {
        let names = cargo_tree(closure.package);
        assert!(names.len() > 1, "cargo tree lists the dependencies of {}", closure.package);
        let carried =
            names.iter().filter(|name| closure.without.contains(&name.split(' ').next().unwrap_or_default()));
        assert_none(&carried.map(|name| format!("{} carries {name}", closure.package)).collect::<Vec<_>>());
    }
}

#[test]
fn client_software_cannot_sign() {
    for package in ["client-example", "license-client-c"] {
        let token = cargo_tree(package).into_iter().find(|line| line.starts_with("license-token "));
        let token = token.expect("the client verifies with license-token");
        let features = token.rsplit(' ').next().unwrap_or_default();
        assert!(!features.split(',').any(|feature| feature == "signing"), "{package}: {token}");
    }
}

/// `name version [path] features` of everything that a package is built from.
fn cargo_tree(package: &str) -> Vec<String> {
    let arguments =
        ["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p} {f}"];
    let mut command = Command::new(env!("CARGO"));
    let output = command.current_dir(root()).args(arguments).args(["--package", package]).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8").lines().map(str::to_owned).collect()
}

// ---------------------------------------------------------------------------------------------------------------
// The judge, judged: what it must find and what it must let pass
// ---------------------------------------------------------------------------------------------------------------

mod judge_itself {
    use super::{judge, module_of, names, words};

    fn refused(file: &str, source: &str) {
        assert!(!judge(file, source).is_empty(), "not found in {file}: {source}");
    }

    fn accepted(file: &str, source: &str) {
        assert_eq!(judge(file, source), Vec::<String>::new(), "wrongly found in {file}: {source}");
    }

    #[test]
    fn a_forbidden_arrow_is_found_however_it_is_written() {
        refused("src/domain/license.rs", "use crate::store::Engine;");
        refused("src/domain/license.rs", "use crate::{domain::Term, store::{self, Engine}};");
        refused("src/domain/license.rs", "use lictor::store::Engine;");
        refused("src/domain/license.rs", "use super::super::store::Engine;");
        refused("src/domain/license.rs", "mod inner { use super::super::super::store::Engine; }");
        refused("src/domain/license.rs", "fn f() -> Option<crate::store::Engine> { None }");
        refused("src/domain/license.rs", "fn f() { <u8 as crate::store::Engine>::open() }");
        refused("src/domain/license.rs", "pub(in crate::store) fn f() {}");
        refused("src/domain/mod.rs", "use super::application::mint;");
        refused("src/application/mint.rs", "use crate::http::error::ApiError;");
        refused("src/http/activations.rs", "use crate::store::sled::Sled;");
        refused("src/console/pages.rs", "use crate::http::error::ApiError;");
        refused("src/workers/outbox.rs", "use crate::marketplace::koogallery;");
        refused("src/sandbox/sign.rs", "use crate::marketplace::koogallery::signature;");
        refused("src/marketplace/koogallery/mod.rs", "use crate::sandbox::sign;");
    }

    #[test]
    fn a_way_around_the_names_is_found() {
        refused("src/domain/license.rs", "use crate as c;");
        refused("src/domain/license.rs", "use crate::*;");
        refused("src/domain/mod.rs", "use super::*;");
        refused("src/domain/license.rs", "use crate::Engine; // re-exported at the root");
        refused("src/domain/license.rs", "extern crate sled as s;");
        refused("src/domain/license.rs", "fn f(db: &::sled::Db) {}");
        refused("src/domain/license.rs", "fn f(x: u8) { x as ::serde::Number; }");
    }

    #[test]
    fn a_forbidden_crate_is_found() {
        refused("src/domain/license.rs", "use serde::Serialize;");
        refused("src/domain/license.rs", "#[derive(Clone, serde::Serialize)] struct License;");
        refused("src/domain/license.rs", "use {chrono::DateTime, getrandom::fill};");
        refused("src/domain/license.rs", "use std::time::SystemTime;");
        refused("src/domain/license.rs", "fn f() { std::fs::read(path) }");
        refused("src/application/mint.rs", "use axum::http::StatusCode;");
        refused("src/application/mint.rs", "use tokio::net::TcpStream;");
        refused("src/application/mint.rs", "fn f() { tokio::spawn(work()) }");
        refused("src/application/mint.rs", "use license_token::LicenseClaims;");
        refused("src/store/mod.rs", "use axum::Router;");
        refused("src/http/mod.rs", "use sled::Db;");
        refused("src/cli/crypto.rs", "use ed25519_dalek::SigningKey;");
    }

    #[test]
    fn what_exists_once_is_found_elsewhere() {
        refused("src/http/health.rs", "let now = chrono::Utc::now();");
        refused("src/cli/serve.rs", "let now = Utc::now();");
        refused("src/cli/serve.rs", "let home = std::env::var(\"HOME\");");
        refused("src/cli/serve.rs", "use std::env::*;");
        refused("src/cli/keys.rs", "use license_token::signing::sign;");
        refused("src/http/keysets.rs", "use license_token::{KeySet, SigningKey};");
        refused("license-token/src/verify.rs", "let now = std::time::SystemTime::now();");
        refused("license-token/src/verify.rs", "extern crate std; use alloc::string::String;");
        accepted(
            "license-token/src/verify.rs",
            "extern crate alloc; use core::fmt; use alloc::string::String;",
        );
        accepted("src/clock.rs", "fn now(&self) -> DateTime<Utc> { Utc::now() }");
        accepted("src/config.rs", "fn read(name: &str) { std::env::var(name) }");
        accepted("src/signing/keyring.rs", "use license_token::signing::sign;");
        accepted("src/cli/serve.rs", "let arguments = std::env::args();");
    }

    #[test]
    fn an_allowed_arrow_is_let_pass() {
        accepted(
            "src/domain/license.rs",
            "use std::time::Duration; use chrono::{DateTime, Utc}; use super::term::Term;",
        );
        accepted("src/domain/license.rs", "use crate::domain::{Term, Validity}; use thiserror::Error;");
        accepted(
            "src/application/mint.rs",
            "use crate::domain::*; use tokio::sync::Mutex; use super::ports::Store;",
        );
        accepted("src/http/marketplace.rs", "use crate::marketplace::koogallery;");
        accepted("src/http/activations.rs", "use crate::application::activate; use axum::Json;");
        accepted("src/cli/serve.rs", "use crate::{http, sandbox, signing, store, workers};");
        accepted("src/store/sled.rs", "use sled::Db;");
    }

    #[test]
    fn an_exception_holds_for_its_file_only() {
        refused("src/http/activations.rs", "use crate::marketplace::koogallery;");
        refused("src/http/marketplace.rs", "use crate::store::Engine;");
    }

    #[test]
    fn comments_strings_and_tests_name_nobody() {
        accepted("src/domain/license.rs", "// use crate::store::Engine;");
        accepted("src/domain/license.rs", "/// See [`crate::store::Engine`].\nstruct License;");
        accepted("src/domain/license.rs", "/* outer /* use crate::store::Engine; */ use sled::Db; */");
        accepted(
            "src/domain/license.rs",
            r##"const A: &str = "use crate::store::Engine;"; const B: u8 = b'"';"##,
        );
        accepted(
            "src/domain/license.rs",
            r###"const A: &str = r#"a " use crate::store; "#; const B: &[u8] = br"\";"###,
        );
        accepted(
            "src/domain/license.rs",
            "#[cfg(test)] mod tests { use super::*; use crate::store::Engine; }",
        );
        accepted(
            "src/domain/license.rs",
            "#[cfg(test)] #[expect(dead_code)] pub(crate) fn f(a: u8, b: u8) { sled::open() }",
        );
    }

    #[test]
    fn what_stands_behind_a_comment_a_string_or_a_test_is_read_again() {
        refused("src/domain/license.rs", "/* a /* b */ c */ use crate::store::Engine;");
        refused("src/domain/license.rs", r#"const A: &str = "\" quoted \\"; use crate::store::Engine;"#);
        refused("src/domain/license.rs", r##"const A: &str = r#"" \"#; use crate::store::Engine;"##);
        refused(
            "src/domain/license.rs",
            "const A: char = '\"'; use crate::store::Engine; const B: char = '\"';",
        );
        refused(
            "src/domain/license.rs",
            "const A: char = '\\''; fn f<'a>(x: &'a u8) { crate::store::open() }",
        );
        refused("src/domain/license.rs", "#[cfg(test)] mod tests { } use crate::store::Engine;");
        refused("src/domain/license.rs", "#[cfg(test)] mod tests; use crate::store::Engine;");
        refused(
            "src/domain/license.rs",
            "struct A { #[cfg(test)] pub(crate) a: u8, b: crate::store::Engine }",
        );
        refused("src/domain/license.rs", "#[cfg(not(test))] use crate::store::Engine;");
    }

    #[test]
    fn the_line_is_told() {
        let faults =
            judge("src/domain/license.rs", "//! A\n\nconst A: &str = \"\n\";\nuse crate::store::Engine;\n");
        assert_eq!(faults.len(), 1);
        assert!(
            faults[0].starts_with("src/domain/license.rs:5: domain names crate::store::Engine"),
            "{faults:?}"
        );
    }

    #[test]
    fn a_file_of_tests_is_known_by_its_declaration() {
        let found = names("#[cfg(test)]\nmod tests;", &module_of("src/domain/license.rs"));
        assert_eq!(found.test_modules, [["domain", "license", "tests"]]);
        assert_eq!(module_of("src/domain/license/tests.rs"), ["domain", "license", "tests"]);
    }

    #[test]
    #[should_panic(expected = "no room of this name")]
    fn a_new_room_needs_a_line_in_the_table() {
        judge("src/utils/mod.rs", "use std::fmt::Debug;");
    }

    #[test]
    fn unsafe_is_a_word_and_not_a_part_of_one() {
        let found =
            |source: &'static str| words(source).into_iter().filter(|(_, word)| *word == "unsafe").count();
        assert_eq!(found("fn f() { unsafe { g() } }"), 1);
        assert_eq!(found("#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";"), 0);
    }
}
