//! A wrong `--from` or `--to` is refused before anything is written.

use std::collections::BTreeMap;
use std::path::Path;

use lictor::store::EmbeddedEngine;

use crate::command::Move;
use crate::copies::{all, database, filled};
use crate::postgres::Cluster;
use crate::process::Site;
use crate::round_trip::there;

/// Every file of a folder, but for the lock, which is taken to look whether a process has it.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else if name != "LOCK" {
            found.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
    found
}

#[test]
fn a_wrong_place_is_refused_and_nothing_is_written() {
    let site = Site::new("http://127.0.0.1:1");
    let at = |name: &str| site.folder.path().join(name);
    let (start, taken, full) = (at("start"), at("taken"), at("full"));
    filled(&start, 2);
    filled(&taken, 1);
    std::fs::create_dir(&full).expect("a new folder");
    std::fs::write(full.join("notes.txt"), "mine").expect("written");
    let (cluster, source) = (Cluster::shared(), Cluster::shared().database());
    // A database that holds a store, one that holds none, and one of a later program.
    let moved = at("moved");
    filled(&moved, 1);
    there(&moved, &source.parsed());
    let (empty, later) = (cluster.database(), cluster.database());
    cluster.sql(
        &later.name,
        "create table lictor_schema (id int primary key, version int not null, oldest_program int not null); \
         insert into lictor_schema values (1, 9, 9)",
    );
    std::fs::write(at("address"), "mysql://lictor:secret@db/licenses").expect("written");
    let wrong_file = format!("file:{}", at("address").display());
    let held = all(&database(&source.parsed()));
    let before = [&start, &taken, &full, &moved].map(|path| files(path));

    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let (from, to) = (path(&start), empty.address.clone());
    let cases = [
        (path(&at("nothing")), to.clone(), 1, "holds no store"),
        (path(&full), to.clone(), 1, "holds no store"),
        (path(&moved), to.clone(), 1, "were moved to"),
        (from.clone(), source.address.clone(), 1, "holds a store"),
        (from.clone(), later.address.clone(), 1, "start the newer program"),
        (from.clone(), "postgres://lictor:secret@127.0.0.1:1/licenses".to_owned(), 3, "cannot be used"),
        (from.clone(), "mysql://lictor:secret@db/licenses".to_owned(), 2, "--to must be"),
        ("https://license.acme.example".to_owned(), to.clone(), 2, "--from must be"),
        (from.clone(), String::new(), 2, "--to must be"),
        (from.clone(), format!("file:{}", at("nothing").display()), 2, "cannot read"),
        (from.clone(), wrong_file, 2, "--to"),
        (from.clone(), path(&at("other")), 1, "both places are data folders"),
        (from.clone(), from.clone(), 1, "both places are data folders"),
        (source.address.clone(), to.clone(), 1, "both places are databases"),
        (source.address.clone(), path(&full), 1, "is not empty"),
        (source.address.clone(), path(&taken), 1, "holds a store"),
        (source.address.clone(), path(&moved), 1, "holds what was moved to"),
        (empty.address.clone(), path(&at("other")), 1, "holds no store"),
        (later.address.clone(), path(&at("other")), 1, "start the newer program"),
    ];
    for (from, to, code, words) in cases {
        Move::of(&site, &from, &to).run().refused(code, words);
        assert_eq!([&start, &taken, &full, &moved].map(|path| files(path)), before, "{from} to {to}");
        assert!(!at("other").exists(), "{from} to {to}");
    }
    assert_eq!(all(&database(&source.parsed())), held);
    let tables = cluster.sql(&empty.name, "select count(*) from pg_tables where schemaname = 'public'");
    assert_eq!(tables, "0");

    // A database that takes no writes.
    cluster.sql("postgres", &format!("alter database {} set default_transaction_read_only = on", empty.name));
    let said = Move::of(&site, &start, &empty.address).run();
    assert!(matches!(said.code, Some(1 | 3)), "{said:?}");
    assert_eq!([&start, &taken, &full, &moved].map(|path| files(path)), before);
    cluster.sql("postgres", &format!("alter database {} reset default_transaction_read_only", empty.name));

    // And the right one goes: nothing stands in its way.
    let done = Move::of(&site, &start, &empty.address).run().done();
    assert_eq!(done["done"], "moved");
    Move::of(&site, &start, &empty.address).undo().run().refused(1, "has ended");
    assert!(!EmbeddedEngine::exists(&start));
}

#[test]
fn a_server_that_has_another_store_or_cannot_be_asked_is_told_apart() {
    let (site, other) = (Site::new("http://127.0.0.1:1"), Site::new("http://127.0.0.1:1"));
    let (server, others) = (site.start(), other.start());
    let target = Cluster::shared().database();
    let mover = || Move::of(&site, "embedded", &target.address);
    mover().at("http://127.0.0.1:1").run().refused(3, "a process holds the data folder");
    // The other server does not know this one's token.
    mover().at(&other.url()).run().refused(1, "did not do its part");
    let token = |site: &Site| site.folder.path().join("data").join("operator-token");
    let own = std::fs::read(token(&site)).expect("a token");
    std::fs::copy(token(&other), token(&site)).expect("copied");
    mover().at(&other.url()).run().refused(1, "another store open");
    std::fs::write(token(&site), own).expect("written");
    // A merchant's token moves nothing.
    let merchant = site.merchant();
    assert_eq!(merchant.get("/v1/server/move").1["code"], "scope_missing");
    for (path, body) in [
        ("pause", serde_json::json!({ "move": "0".repeat(32), "hold_secs": 60 })),
        ("resume", serde_json::json!({ "move": "0".repeat(32) })),
        ("leave", serde_json::json!({ "move": "0".repeat(32), "to": "licenses on db1" })),
    ] {
        let (status, answer) = merchant.post(&format!("/v1/server/move/{path}"), &body);
        assert_eq!((status, answer["code"].as_str()), (403, Some("scope_missing")), "{path}: {answer}");
    }
    // Neither was stopped.
    for site in [&site, &other] {
        assert_eq!(site.merchant().get("/readyz").0, 200);
    }
    server.stop();
    others.stop();
    // Given up before it began: nothing is there, and nothing is in the way.
    let undone = mover().undo().run().done();
    assert_eq!(undone["done"], "undone");
    assert_eq!(mover().run().done()["done"], "moved");
    let data = site.folder.path().join("data");
    assert!(!EmbeddedEngine::exists(&data));
    assert!(!all(&database(&target.parsed())).is_empty());
}
