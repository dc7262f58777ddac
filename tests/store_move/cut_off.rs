//! Moves that end in the middle, and what is found wrong before they end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use lictor::store::{
    Arriving, BulkWriter, DatabaseSource, EmbeddedEngine, EmbeddedFiles, MoveError, MoveReport, MoveStage,
    PostgresEngine, StoppedStore, StoreError, move_to_database, move_to_folder,
};

use crate::copies::{all, copied, database, filled, folder};
use crate::postgres::{Cluster, Database};
use crate::round_trip::{back, there};

/// A move that hears of each stage in words, and may be ended there by a panic: what the end of its process leaves.
fn to_database(
    from: &Path,
    to: &Database,
    heard: &dyn Fn(MoveStage),
) -> std::thread::Result<Result<MoveReport, MoveError>> {
    let files = EmbeddedFiles::of(from).expect("a store");
    let server = StoppedStore::of(folder(from));
    catch_unwind(AssertUnwindSafe(|| {
        move_to_database(&files, &server, &to.parsed(), &|| 7, &mut |stage, _| heard(stage))
    }))
}

fn to_folder(
    from: &Database,
    to: &Path,
    heard: &dyn Fn(MoveStage),
) -> std::thread::Result<Result<MoveReport, MoveError>> {
    let source = DatabaseSource::of(&from.parsed()).expect("a store");
    catch_unwind(AssertUnwindSafe(|| move_to_folder(&source, to, &[], &|| 7, &mut |stage, _| heard(stage))))
}

const BEFORE_THE_END: [MoveStage; 4] =
    [MoveStage::Copying, MoveStage::CatchingUp, MoveStage::Comparing, MoveStage::Stopped];

#[test]
fn a_move_to_a_database_that_is_cut_off_leaves_the_folder_served_and_begins_anew() {
    let temporary = tempfile::tempdir().expect("a folder");
    let start = temporary.path().join("start");
    filled(&start, 20);
    let before = all(&folder(&start));
    let target = Cluster::shared().database();
    // Nobody writes meanwhile, so there is nothing to catch up with.
    for ends_at in [MoveStage::Reading, MoveStage::Copying, MoveStage::Comparing, MoveStage::Stopped] {
        let cut = to_database(&start, &target, &|stage| assert_ne!(stage, ends_at, "cut off here"));
        assert!(cut.is_err(), "{ends_at:?}");
        assert_eq!(all(&folder(&start)), before, "{ends_at:?}");
        let opened = PostgresEngine::open(&target.parsed());
        assert!(matches!(opened, Err(StoreError::Database { .. })), "{ends_at:?}: half a store is none");
    }
    there(&start, &target.parsed());
    assert_eq!(all(&database(&target.parsed())), before);
}

#[test]
fn a_move_to_a_folder_that_is_cut_off_leaves_the_database_served_and_begins_anew() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (start, end) = (temporary.path().join("start"), temporary.path().join("end"));
    filled(&start, 20);
    let source = Cluster::shared().database();
    there(&start, &source.parsed());
    let before = all(&database(&source.parsed()));
    for ends_at in BEFORE_THE_END {
        let cut = to_folder(&source, &end, &|stage| assert_ne!(stage, ends_at, "cut off here"));
        assert!(cut.is_err(), "{ends_at:?}");
        assert_eq!(all(&database(&source.parsed())), before, "{ends_at:?}");
        assert!(!EmbeddedEngine::exists(&end), "{ends_at:?}: half a store is none");
    }
    back(&source.parsed(), &end);
    assert_eq!(all(&folder(&end)), before);
}

/// The old place has let go, and the new one is not there yet: the worst moment.
#[test]
fn a_move_that_is_cut_off_when_the_records_have_left_goes_on_or_is_undone() {
    let temporary = tempfile::tempdir().expect("a folder");
    let start = temporary.path().join("start");
    filled(&start, 20);
    let before = all(&folder(&start));
    for undone in [true, false] {
        let target = Cluster::shared().database();
        let address = target.parsed();
        let cut = to_database(&start, &target, &|stage| assert_ne!(stage, MoveStage::Left, "cut off here"));
        assert!(cut.is_err());
        assert!(matches!(EmbeddedEngine::open(&start), Err(StoreError::Moved { .. })));
        assert!(matches!(PostgresEngine::open(&address), Err(StoreError::Database { .. })));
        let moved = EmbeddedFiles::moved(&start).expect("readable").expect("it left");
        assert!(!BulkWriter::has_arrived(&address, moved.id).expect("readable"));
        if undone {
            BulkWriter::begin(&address).and_then(BulkWriter::undo).expect("dropped");
            EmbeddedFiles::take_back(&start).expect("nobody has it open");
            assert_eq!(all(&folder(&start)), before);
        } else {
            let elsewhere = Cluster::shared().database().parsed();
            assert!(!BulkWriter::go_on(&elsewhere, moved.id).expect("nothing of it is there"));
            // A second time finds it done.
            for _ in 0..2 {
                assert!(BulkWriter::go_on(&address, moved.id).expect("it is there"));
            }
            assert_eq!(all(&database(&address)), before);
            and_back(&target, &temporary.path().join("end"), &before);
        }
    }
}

fn and_back(source: &Database, end: &Path, before: &[(lictor::store::RecordKey, lictor::store::Record)]) {
    let address = source.parsed();
    for undone in [true, false] {
        let cut = to_folder(source, end, &|stage| assert_ne!(stage, MoveStage::Left, "cut off here"));
        assert!(cut.is_err());
        assert!(matches!(PostgresEngine::open(&address), Err(StoreError::Moved { .. })));
        assert!(!EmbeddedEngine::exists(end));
        let moved = DatabaseSource::moved(&address).expect("readable").expect("it left");
        assert!(!Arriving::has_arrived(end, moved.id).expect("readable"));
        if undone {
            Arriving::undo(end, &[]).expect("dropped");
            DatabaseSource::take_back(&address).expect("it is there");
            assert_eq!(all(&database(&address)), before);
        } else {
            assert!(
                !Arriving::go_on(&end.with_extension("other"), moved.id).expect("nothing of it is there")
            );
            for _ in 0..2 {
                assert!(Arriving::go_on(end, moved.id).expect("it is there"));
            }
            assert_eq!(all(&folder(end)), before);
        }
    }
}

/// Somebody changes the copy before it is compared.
#[test]
fn what_does_not_arrive_as_it_was_sent_is_found_and_the_source_stays() {
    let temporary = tempfile::tempdir().expect("a folder");
    let start = temporary.path().join("start");
    filled(&start, 20);
    let before = all(&folder(&start));
    let first = "(select key from lictor_records where merchant = 'acme' order by key limit 1)";
    let forgeries = [
        format!(
            "update lictor_records set stored = set_byte(stored, 9, get_byte(stored, 9) # 1) where key = {first}"
        ),
        format!("delete from lictor_records where key = {first}"),
        // A record as it was, under another key.
        format!("update lictor_records set key = key || '\\x00' where key = {first}"),
    ];
    for forgery in forgeries {
        let target = Cluster::shared().database();
        let forged = std::cell::Cell::new(false);
        let moved = to_database(&start, &target, &|stage| {
            if stage == MoveStage::Comparing && !forged.replace(true) {
                let changed = Cluster::shared().sql(&target.name, &format!("{forgery} returning 1"));
                assert_eq!(changed, "1", "{forgery}");
            }
        });
        match moved.expect("no panic") {
            Err(MoveError::Differs { .. } | MoveError::Store(StoreError::Damaged { .. })) => {}
            other => panic!("{forgery}: {other:?}"),
        }
        assert_eq!(all(&folder(&start)), before, "{forgery}");
        assert!(PostgresEngine::open(&target.parsed()).is_err(), "{forgery}");
    }
}

#[test]
fn what_is_moved_away_is_no_store_for_any_program() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (start, copy) = (temporary.path().join("start"), temporary.path().join("copy"));
    filled(&start, 1);
    let source = Cluster::shared().database();
    there(&start, &source.parsed());
    // Programs that know nothing of moves look for this file,
    assert!(!start.join("FORMAT").exists());
    back(&source.parsed(), &temporary.path().join("end"));
    // and for this table, and for a schema that they know.
    let sql = |query: &str| Cluster::shared().sql(&source.name, query);
    assert_eq!(sql("select to_regclass('lictor_records') is null"), "t");
    assert_eq!(sql("select oldest_program from lictor_schema"), i32::MAX.to_string());
    copied(&start, &copy);
    assert!(copy.join("FORMAT").exists());
}
