//! What somebody does who can write to the store: found and located through the running server.

use lictor::application::ports::{Change, Commit, Listing, Store, list};
use lictor::application::record::{Record, RecordKey, Versioned};
use lictor::domain::{AuditEvent, ChainBlock, ChainHead, EventId, EventKind, MerchantId, Restore};
use serde_json::json;

use super::{busy, client, exported, found, keys, seal, verified};
use crate::cluster::Cluster;
use crate::engines::{EngineName, for_engines};
use crate::service::engine_on;
use crate::support::{Engine, Harness, World, acme};

fn id() -> MerchantId {
    MerchantId::parse("acme").expect("valid")
}

fn started(on: EngineName) -> Harness {
    let harness = Harness::start_in(World::new(), &engine_on(on));
    harness.apply(&acme(&harness.world.sandbox));
    harness
}

/// Writes beside the service: whatever stands there.
fn write(harness: &Harness, changes: Vec<Change>) {
    harness.block_on(harness.store.commit(Commit { changes, ..Commit::new() })).expect("the store works");
}

fn blocks(harness: &Harness) -> Vec<ChainBlock> {
    let listing = Listing::ChainBlocks { merchant: id(), from: 1 };
    let store: &dyn Store = harness.store.as_ref();
    let blocks: Vec<Versioned<ChainBlock>> =
        harness.block_on(list(store, &listing, 1_000)).expect("readable");
    blocks.into_iter().map(|block| block.value).collect()
}

fn event(harness: &Harness, key: &RecordKey) -> AuditEvent {
    let found =
        harness.block_on(lictor::application::ports::find(harness.store.as_ref() as &dyn Store, key.clone()));
    let found: Option<Versioned<AuditEvent>> = found.expect("readable");
    found.expect("there").value
}

fn findings(
    harness: &Harness,
    client: &lictor::cli::api::Api,
    kept: &[&str],
) -> Vec<(&'static str, Option<u64>)> {
    found(&verified(&keys(harness), &exported(client), kept))
}

for_engines! { at_once [embedded postgres] {
    what_is_written_beside_the_service_is_found,
} }

fn what_is_written_beside_the_service_is_found(on: EngineName) {
    let harness = started(on);
    busy(&harness, 12);
    let client = client(&harness);
    // Looked through before, so that what stands beside the chain was put there.
    harness.block_on(harness.app.adopt_some_events()).expect("it looks");
    assert_eq!(findings(&harness, &client, &[]), []);
    let kept = blocks(&harness).last().expect("some").head.clone();
    let middle = blocks(&harness)[1].entries[0].clone();
    let key = RecordKey::of_event(&id(), &middle.place);
    let genuine = event(&harness, &key);

    // An event says something else.
    let mut forged = genuine.clone();
    forged.detail.insert("reason".into(), "another".into());
    write(&harness, vec![Change::Set(Record::Event(forged))]);
    assert_eq!(findings(&harness, &client, &[]), [("event_altered", Some(middle.seq))]);
    // It is gone.
    write(&harness, vec![Change::Remove(key)]);
    assert_eq!(findings(&harness, &client, &[]), [("event_missing", Some(middle.seq))]);
    write(&harness, vec![Change::Set(Record::Event(genuine.clone()))]);
    assert_eq!(findings(&harness, &client, &[]), []);

    // An event is put beside it.
    let put = AuditEvent { id: EventId::from_uuid(7), kind: EventKind::LicenseReleased, ..genuine };
    let put_key = RecordKey::of_event(&id(), &put.place());
    write(&harness, vec![Change::Set(Record::Event(put))]);
    assert_eq!(findings(&harness, &client, &[]), [("in_no_chain", None)]);
    write(&harness, vec![Change::Remove(put_key)]);

    // A block is gone; or says something else, chained anew or not.
    let block = blocks(&harness)[1].clone();
    let block_key = RecordKey::ChainBlock(id(), block.last_seq());
    write(&harness, vec![Change::Remove(block_key)]);
    let gone = findings(&harness, &client, &[]);
    assert_eq!(gone[0], ("entry_missing", Some(block.entries[0].seq)), "{gone:?}");
    let mut altered = block.clone();
    altered.entries[0].digest = [9; 32];
    write(&harness, vec![Change::Set(Record::ChainBlock(altered))]);
    assert_eq!(findings(&harness, &client, &[])[0].1, Some(block.entries[0].seq));
    write(&harness, vec![Change::Set(Record::ChainBlock(block))]);
    assert_eq!(findings(&harness, &client, &[]), []);

    the_end_is_cut_off(&harness, &client, &kept);
}

/// The last block, the head and every sign of them are put back to what they were before.
fn the_end_is_cut_off(harness: &Harness, client: &lictor::cli::api::Api, kept: &str) {
    let all = blocks(harness);
    let (last, before) = (all[all.len() - 1].clone(), &all[all.len() - 2]);
    let older = ChainHead {
        merchant: id(),
        seq: before.last_seq(),
        link: before.entries.last().expect("some").link,
        sealed_at: before.sealed_at,
        token: before.head.clone(),
    };
    let mut changes = vec![
        Change::Remove(RecordKey::ChainBlock(id(), last.last_seq())),
        Change::Set(Record::ChainHead(older)),
    ];
    write(harness, changes.clone());
    let cut = findings(harness, client, &[]);
    assert!(cut.iter().all(|(code, _)| *code == "in_no_chain") && cut.len() == last.entries.len(), "{cut:?}");
    for entry in &last.entries {
        changes.push(Change::Remove(RecordKey::of_event(&id(), &entry.place)));
        changes.push(Change::Remove(RecordKey::SealedEvent(id(), entry.place.event.clone())));
    }
    write(harness, changes);
    assert_eq!(findings(harness, client, &[]), [], "nothing is left that says so, but a head that was kept");
    assert_eq!(findings(harness, client, &[kept]), [("end_cut_off", Some(last.entries[0].seq))]);
}

/// With the database's own tools, past everything that is ours. A row carries a checksum: what is changed without it cannot be
/// read, and is as good as gone.
#[test]
fn what_is_written_by_sql_is_found_and_located() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let harness = Harness::start_in(World::new(), &Engine::Database(Box::new(database.parsed())));
    harness.apply(&acme(&harness.world.sandbox));
    busy(&harness, 8);
    let client = client(&harness);
    let sql = |statements: &str| cluster.sql(&database.name, statements);
    sql("create table kept as select * from lictor_records");
    let put_back = || sql("delete from lictor_records; insert into lictor_records select * from kept");
    let found = || findings(&harness, &client, &[]);
    let block = blocks(&harness)[1].clone();
    let (first, last) = (block.entries[0].clone(), block.last_seq());
    let license = first.place.subject.license().expect("about a license").to_string();
    let event = hex(format!("acme\0evt{license}\0{}", first.place.event).as_bytes());
    let of_block = hex(&[b"acme\0audblock\0".as_slice(), &last.to_be_bytes()].concat());
    let flipped = "stored = set_byte(stored, length(stored) - 3, get_byte(stored, length(stored) - 3) # 1)";
    let changes = [
        (format!("delete from lictor_records where key = {event}"), "event_missing"),
        (format!("update lictor_records set {flipped} where key = {event}"), "event_missing"),
        (format!("delete from lictor_records where key = {of_block}"), "entry_missing"),
        (format!("update lictor_records set {flipped} where key = {of_block}"), "unreadable"),
    ];
    for (change, code) in changes {
        assert_eq!(
            sql(&format!("with changed as ({change} returning 1) select count(*) from changed")).trim(),
            "1"
        );
        assert_eq!(found()[0], (code, Some(first.seq)), "{change}");
        put_back();
        assert_eq!(found(), [], "put back after {change}");
    }
}

fn hex(key: &[u8]) -> String {
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{digits}'")
}

#[test]
fn an_event_that_was_taken_away_before_it_was_sealed_is_told_for_ever() {
    let harness = Harness::start();
    busy(&harness, 2);
    let client = client(&harness);
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let license = harness.merchant().post("/v1/merchant/licenses", &order).expect(201).text_at("/id");
    let license = lictor::domain::LicenseId::parse(&license).expect("valid");
    let told = harness.block_on(harness.app.license_events(&id(), &license)).expect("readable");
    write(&harness, vec![Change::Remove(RecordKey::of_event(&id(), &told[0].place()))]);
    seal(&harness);
    let found = findings(&harness, &client, &[]);
    assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["event_lost_before_sealing"]);
}

/// What servers wrote that knew no chain, before it or beside it.
#[test]
fn events_without_a_place_are_found_once_more_a_day_later_and_by_hand() {
    let harness = Harness::start();
    busy(&harness, 2);
    let client = client(&harness);
    let old = |number: u128| {
        let license = lictor::domain::LicenseId::from_uuid(number);
        AuditEvent {
            id: EventId::from_uuid(number),
            merchant: id(),
            subject: license.into(),
            at: harness.app.now(),
            actor: lictor::domain::Actor::Server,
            kind: EventKind::LicenseIssued,
            detail: std::collections::BTreeMap::new(),
        }
    };
    let many = 450;
    write(&harness, (1..=many).map(|number| Change::Set(Record::Event(old(number)))).collect());
    let report = verified(&keys(&harness), &exported(&client), &[]).to_json();
    assert_eq!(
        (&report["ok"], &report["awaits_adoption"]),
        (&json!(true), &json!(many)),
        "they are being looked for"
    );
    assert!(harness.block_on(harness.app.adopt_some_events()).expect("it looks"), "more than a page");
    while harness.block_on(harness.app.adopt_some_events()).expect("it looks") {}
    seal(&harness);
    let report = verified(&keys(&harness), &exported(&client), &[]).to_json();
    assert_eq!(
        (&report["ok"], &report["adopted"], &report["awaits_adoption"]),
        (&json!(true), &json!(many), &json!(0))
    );

    // Beside the chain afterwards: told, and taken in a day later, once.
    write(&harness, vec![Change::Set(Record::Event(old(1_000)))]);
    assert!(!harness.block_on(harness.app.adopt_some_events()).expect("it looks"));
    seal(&harness);
    assert_eq!(findings(&harness, &client, &[]), [("in_no_chain", None)]);
    harness.world.clock.advance(std::time::Duration::from_secs(24 * 3_600));
    while harness.block_on(harness.app.adopt_some_events()).expect("it looks") {}
    seal(&harness);
    assert_eq!(findings(&harness, &client, &[]), []);
    harness.world.clock.advance(std::time::Duration::from_secs(48 * 3_600));
    write(&harness, vec![Change::Set(Record::Event(old(1_001)))]);
    while harness.block_on(harness.app.adopt_some_events()).expect("it looks") {}
    assert_eq!(findings(&harness, &client, &[]), [("in_no_chain", None)], "nobody has asked for it");
    let begun = harness.merchant().post("/v1/merchant/audit/adopt", &json!({ "reason": "an old server" }));
    assert_eq!(begun.expect(200).at("/pass"), 3);
    while harness.block_on(harness.app.adopt_some_events()).expect("it looks") {}
    seal(&harness);
    assert_eq!(findings(&harness, &client, &[]), []);
    let told = harness.merchant().get("/v1/merchant/audit?kind=audit.adopted").expect(200);
    assert_eq!(told.at("/items/0/event/detail/reason"), "an old server");
    assert_eq!(told.at("/items/1"), serde_json::Value::Null);
}

/// A mark that is put there again gives no second place.
#[test]
fn an_event_that_has_its_place_gets_no_other() {
    let harness = Harness::start();
    busy(&harness, 2);
    let client = client(&harness);
    let entry = blocks(&harness)[0].entries[0].clone();
    let mark = lictor::domain::Unsealed { merchant: id(), place: entry.place.clone(), adopted: false };
    write(&harness, vec![Change::Set(Record::Unsealed(mark.clone()))]);
    assert_eq!(seal(&harness), 0);
    assert_eq!(findings(&harness, &client, &[]), []);
    // Not even where the sign of it was taken away: then the chain shows both.
    let place = RecordKey::SealedEvent(id(), entry.place.event.clone());
    write(&harness, vec![Change::Remove(place), Change::Set(Record::Unsealed(mark))]);
    assert_eq!(seal(&harness), 1);
    let twice = findings(&harness, &client, &[]);
    assert_eq!(twice.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["event_twice"]);
}

#[test]
fn a_restored_chain_goes_on_and_says_where_it_was_restored() {
    let harness = Harness::start();
    busy(&harness, 4);
    let client = client(&harness);
    let before = harness.merchant().get("/v1/merchant/audit/head").expect(200).at("/seq");
    let restore = harness.block_on(harness.app.continue_after_restore(harness.app.now())).expect("continued");
    let Restore { taken_at, .. } = restore.restore;
    busy(&harness, 2);
    let report = verified(&keys(&harness), &exported(&client), &[]).to_json();
    assert_eq!(report["ok"], true);
    assert_eq!(
        report["restores"][0]["detail"]["taken_at"],
        taken_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    );
    assert!(report["restores"][0]["seq"].as_u64() > before.as_u64());
}
