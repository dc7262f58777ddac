//! There and back, compared record by record.

use std::path::Path;
use std::time::Instant;

use lictor::store::{
    DatabaseAddress, DatabaseSource, Direction, EmbeddedEngine, EmbeddedFiles, Engine, KeyRange, MoveReport,
    StoppedStore, StoreError, move_to_database, move_to_folder,
};

use crate::copies::{copied, database, filled, folder, same};
use crate::postgres::Cluster;
use crate::process::prove_count;

pub fn there(from: &Path, to: &DatabaseAddress) -> MoveReport {
    let files = EmbeddedFiles::of(from).expect("a store");
    let server = StoppedStore::of(folder(from));
    move_to_database(&files, &server, to, &|| 1_790_000_000_000, &mut |_, _| ()).expect("moved")
}

pub fn back(from: &DatabaseAddress, to: &Path) -> MoveReport {
    let source = DatabaseSource::of(from).expect("a store");
    move_to_folder(&source, to, &[], &|| 1_790_000_000_000, &mut |_, _| ()).expect("moved")
}

#[track_caller]
fn is_whole(report: &MoveReport, records: usize) {
    assert_eq!(report.sent, report.arrived);
    assert_eq!(report.sent.digest(), report.arrived.digest());
    assert_eq!(usize::try_from(report.arrived.records()), Ok(records));
    assert_eq!(report.changes, 0, "nobody wrote meanwhile");
}

#[test]
fn a_store_that_moved_there_and_back_is_the_same_byte_for_byte() {
    let temporary = tempfile::tempdir().expect("a folder");
    let (start, end) = (temporary.path().join("start"), temporary.path().join("end"));
    let (licenses, began) = (prove_count(500), Instant::now());
    let count = u64::try_from(licenses).expect("few");
    filled(&start, count);
    println!("{licenses} licenses were made in {:?}", began.elapsed());
    let middle = Cluster::shared().database().parsed();
    let went = there(&start, &middle);
    println!("moved to the database in {:?}, stopped for {:?}", went.took, went.stopped);
    assert!(matches!(EmbeddedEngine::open(&start), Err(StoreError::Moved { .. })));

    // What was left is a store again in a copy, or for a large one in the same place.
    let source = if licenses > 10_000 {
        EmbeddedFiles::take_back(&start).expect("nobody has it open");
        start
    } else {
        let copy = temporary.path().join("copy");
        copied(&start, &copy);
        copy
    };
    let (source, came) = (folder(&source), database(&middle));
    let records = same(&source, &came);
    println!("{records} records are the same in the folder and in the database");
    assert!(records > 6 * licenses, "{records}");
    is_whole(&went, records);
    came.close().expect("closed");

    let returned = back(&middle, &end);
    println!("moved to a folder in {:?}, stopped for {:?}", returned.took, returned.stopped);
    is_whole(&returned, records);
    assert_eq!(went.arrived, returned.sent);
    let end = folder(&end);
    assert_eq!(same(&source, &end), records);
    println!("{records} records are the same in the folder they left and in the one they came to");
    // No revision that was given out anywhere is given out again.
    let greatest = greatest(&end);
    assert!(end.position().expect("open").revision.number() > greatest);
    source.close().expect("closed");
    end.close().expect("closed");
}

fn greatest(engine: &dyn Engine) -> u64 {
    let (mut range, mut greatest) = (KeyRange::all(), 0);
    loop {
        let page = engine.scan(&range, Direction::Forward, 1_000).expect("readable");
        let Some((last, _)) = page.last() else { return greatest };
        range = range.after(last);
        greatest = page.iter().map(|(_, record)| record.revision.number()).fold(greatest, u64::max);
    }
}
