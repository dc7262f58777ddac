//! The journal by itself: every bit, every cut, every crash between two steps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::{list, path_of, sealed_path_of};
use super::*;
use crate::store::{Effect, Kind, Record, RecordKey, Revision};

mod damage;
mod store;
mod upkeep;
mod vectors;

const STORE: StoreId = [7; 16];

/// So small that every third batch begins a segment.
const SMALL: u64 = 300;

fn position(batch: u64) -> Position {
    Position { batch, revision: Revision::from_number(batch * 2) }
}

fn batch(batch: u64) -> Batch {
    let key = RecordKey::new("m", Kind::License, batch.to_be_bytes()).expect("a short key");
    let body = format!("license {batch} license {batch}").into_bytes();
    let record = Record { revision: position(batch).revision, until_ms: None, schema: 1, body };
    let effect = Effect { key, after: Some(Arc::new(record)) };
    Batch { position: position(batch), commits: vec![vec![effect]] }
}

fn open(folder: &Path, segment_bytes_max: u64) -> Journal {
    Journal::open(folder, STORE, oldest(folder) - 1, 0, segment_bytes_max, &mut |_| Ok(())).expect("opened")
}

/// A journal of so many batches.
fn journal_of(batches: u64, segment_bytes_max: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Journal::create(folder.path(), STORE, Position::default()).expect("created");
    append_more(folder.path(), batches, segment_bytes_max);
    folder
}

fn append_more(folder: &Path, batches: u64, segment_bytes_max: u64) {
    let mut journal = open(folder, segment_bytes_max);
    for _ in 0..batches {
        journal.append(&batch(journal.position().batch + 1)).expect("appended");
    }
}

fn oldest(folder: &Path) -> u64 {
    Journal::oldest_batch(folder).expect("listed").expect("a segment")
}

/// The batches that the journal gives, which must be the right ones with the right content.
fn batches(folder: &Path, acknowledged: u64) -> Result<Vec<u64>, StoreError> {
    let mut found = Vec::new();
    let span = Span { after: oldest(folder) - 1, through: u64::MAX, acknowledged };
    read_span(folder, &STORE, &span, &mut |frame| {
        let expected = batch(frame.position.batch);
        let stored = frame.effects().expect("a well-formed payload");
        let effect = expected.effects().next().expect("one effect");
        let record = effect.after.as_ref().map(|record| record.encode(&effect.key));
        assert_eq!(stored, [(effect.key.as_bytes(), record.as_deref())]);
        found.push(frame.position.batch);
        Ok(())
    })?;
    Ok(found)
}

/// Reads all of a journal whose first batch is still there.
fn read_whole(folder: &Path, acknowledged: u64) -> Result<Position, StoreError> {
    Journal::read_to_end(folder, STORE, 0, acknowledged, &mut |_| Ok(()))
}

/// Where the damage is.
#[track_caller]
fn refused<T>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Damaged { place, .. }) => place,
        Err(other) => panic!("not refused as damage: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

fn at(path: &Path, byte: usize) -> String {
    format!("{} at byte {byte}", path.display())
}

fn copied(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in names(folder) {
        fs::copy(folder.join(&name), copy.path().join(&name)).expect("copied");
    }
    copy
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Where each frame of a plain segment starts, and where the last one ends.
fn frame_starts(path: &Path) -> Vec<usize> {
    let bytes = fs::read(path).expect("read");
    let salt = SegmentHeader::decode(&bytes).expect("a header").salt;
    let mut starts = vec![SEGMENT_HEADER_BYTES];
    while let Some(frame) = Frame::read(&bytes[starts[starts.len() - 1]..], salt) {
        starts.push(starts[starts.len() - 1] + frame.bytes());
    }
    starts
}

fn newest(folder: &Path) -> PathBuf {
    path_of(folder, *list(folder).expect("listed").last().expect("a segment"))
}
