//! Sealing and retiring: the same batches before and after, whatever is interrupted.

use std::os::unix::fs::PermissionsExt;

use super::super::sealed::{BLOCK_HEADER_BYTES, SEALED_HEADER_BYTES, TRAILER_BYTES};
use super::super::segment::Segment;
use super::*;

const BATCHES: u64 = 12;

fn sealed_journal() -> tempfile::TempDir {
    let folder = journal_of(BATCHES, SMALL);
    assert_eq!(Journal::seal_before(folder.path(), STORE, u64::MAX).expect("sealed"), 3);
    folder
}

fn all() -> Vec<u64> {
    (1..=BATCHES).collect()
}

#[test]
fn sealed_segments_give_the_same_batches_and_the_newest_stays_plain() {
    let folder = sealed_journal();
    let name = |first: u64, form: &str| format!("{first:020}.{form}");
    let expected = [name(1, "sealed"), name(4, "sealed"), name(7, "sealed"), name(10, "seg")];
    assert_eq!(names(folder.path()), expected);
    for name in expected {
        let mode = fs::metadata(folder.path().join(&name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(batches(folder.path(), BATCHES).expect("whole"), all());
    append_more(folder.path(), 5, SMALL);
    assert_eq!(batches(folder.path(), BATCHES + 5).expect("whole").len(), 17);
    assert_eq!(Journal::seal_before(folder.path(), STORE, u64::MAX).expect("sealed"), 2);
    assert_eq!(batches(folder.path(), BATCHES + 5).expect("whole").len(), 17);
}

#[test]
fn only_segments_that_lie_wholly_before_the_batch_are_sealed_or_retired() {
    for batch in 0..=BATCHES {
        let whole = match batch {
            0..=2 => 0,
            3..=5 => 1,
            6..=8 => 2,
            _ => 3,
        };
        let folder = journal_of(BATCHES, SMALL);
        assert_eq!(Journal::seal_before(folder.path(), STORE, batch).expect("sealed"), whole, "{batch}");
        assert_eq!(batches(folder.path(), BATCHES).expect("whole"), all());
        assert_eq!(Journal::retire(folder.path(), batch).expect("retired"), whole, "{batch}");
        assert_eq!(oldest(folder.path()), 1 + 3 * whole);
        assert_eq!(batches(folder.path(), BATCHES).expect("whole"), all()[3 * whole as usize..]);
    }
}

#[test]
fn a_large_segment_is_sealed_in_blocks_and_takes_less_room() {
    let folder = journal_of(0, SEGMENT_BYTES_MAX);
    let mut journal = open(folder.path(), 600 * 1024);
    for number in 1..=12 {
        let mut large = batch(number);
        for effect in large.commits.iter_mut().flatten() {
            let record = effect.after.as_deref().expect("a record").clone();
            effect.after = Some(Arc::new(Record { body: record.body.repeat(3_000), ..record }));
        }
        journal.append(&large).expect("appended");
    }
    let plain = fs::read(path_of(folder.path(), 1)).expect("read");
    assert!(plain.len() > 2 * 256 * 1024, "{}", plain.len());
    assert_eq!(Journal::seal_before(folder.path(), STORE, u64::MAX).expect("sealed"), 1);
    let sealed = fs::metadata(sealed_path_of(folder.path(), 1)).expect("there").len();
    assert!(sealed * 4 < plain.len() as u64, "{} became {sealed}", plain.len());
    assert!(Segment::read(folder.path(), 1, &STORE).expect("read").bytes == plain, "byte for byte");
}

#[test]
fn every_flipped_bit_of_a_sealed_segment_is_refused_by_file_and_offset() {
    let folder = sealed_journal();
    let path = sealed_path_of(folder.path(), 4);
    let good = fs::read(&path).expect("read");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).expect("written");
        let start = match bit / 8 {
            0..SEALED_HEADER_BYTES => 0,
            byte if byte < good.len() - TRAILER_BYTES => SEALED_HEADER_BYTES,
            _ => good.len() - TRAILER_BYTES,
        };
        assert_eq!(refused(batches(folder.path(), 0)), at(&path, start), "bit {bit}");
    }
}

#[test]
fn a_sealed_segment_cut_anywhere_or_made_longer_is_refused() {
    let folder = sealed_journal();
    for first in [1, 7] {
        let path = sealed_path_of(folder.path(), first);
        let good = fs::read(&path).expect("read");
        for length in 0..good.len() {
            fs::write(&path, &good[..length]).expect("written");
            assert!(refused(batches(folder.path(), 0)).starts_with(&path.display().to_string()), "{length}");
        }
        fs::write(&path, [good.as_slice(), b"x"].concat()).expect("written");
        assert_eq!(refused(batches(folder.path(), 0)), at(&path, good.len()));
        fs::write(&path, good).expect("written");
    }
}

/// The checksum of the frames inside is never asked whether the block is the one that was written.
#[test]
fn a_block_is_only_good_with_its_own_checksum() {
    let folder = sealed_journal();
    let path = sealed_path_of(folder.path(), 1);
    let good = fs::read(&path).expect("read");
    let mut bad = good.clone();
    let crc = SEALED_HEADER_BYTES + BLOCK_HEADER_BYTES - 4;
    bad[crc] ^= 1;
    let end = bad.len() - TRAILER_BYTES;
    let digest = <sha2::Sha256 as sha2::Digest>::digest(&bad[..end]);
    bad[end + 8..].copy_from_slice(&digest);
    fs::write(&path, bad).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&path, SEALED_HEADER_BYTES));
}

#[test]
fn sealed_segments_are_held_against_their_neighbours() {
    let folder = sealed_journal();
    let (one, two) = (sealed_path_of(folder.path(), 4), sealed_path_of(folder.path(), 7));
    let (first, second) = (fs::read(&one).expect("read"), fs::read(&two).expect("read"));
    fs::remove_file(&one).expect("removed");
    assert_eq!(refused(batches(folder.path(), 0)), at(&two, 0), "missing");
    fs::write(&one, &second).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&one, 0), "doubled");
    fs::write(&two, &first).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&one, 0), "swapped");
}

/// The state after each step of sealing, for any segment.
#[test]
fn a_crash_between_any_two_steps_of_sealing_loses_nothing() {
    let (plain, sealed) = (journal_of(BATCHES, SMALL), sealed_journal());
    let sealed_form = |folder: &Path| sealed_path_of(folder, 4);
    let half = &fs::read(sealed_form(sealed.path())).expect("read")[..60];
    let crashed: [&dyn Fn(&Path); 3] = [
        &|folder| fs::write(folder.join(".unfinished-x"), half).expect("written"),
        &|folder| fs::write(sealed_form(folder), half).expect("written"),
        &|folder| fs::copy(sealed_form(sealed.path()), sealed_form(folder)).map(|_| ()).expect("copied"),
    ];
    for (step, crash) in crashed.iter().enumerate() {
        let copy = copied(plain.path());
        crash(copy.path());
        assert_eq!(batches(copy.path(), BATCHES).expect("the plain one wins"), all(), "step {step}");
        drop(open(copy.path(), SMALL));
        assert_eq!(Journal::seal_before(copy.path(), STORE, BATCHES).expect("sealed"), 3, "step {step}");
        assert_eq!(names(copy.path()), names(sealed.path()), "step {step}");
        assert_eq!(batches(copy.path(), BATCHES).expect("whole"), all(), "step {step}");
    }
}

#[test]
fn a_crash_between_any_two_steps_of_retiring_leaves_a_journal_without_a_gap() {
    for sealed in [0, 5, BATCHES] {
        let folder = journal_of(BATCHES, SMALL);
        Journal::seal_before(folder.path(), STORE, sealed).expect("sealed");
        for kept_from in [4, 7, 10] {
            // What the step before has removed, and no more.
            assert!(Journal::retire(folder.path(), kept_from - 1).expect("retired") == 1);
            assert_eq!(
                batches(folder.path(), BATCHES).expect("no gap"),
                (kept_from..=BATCHES).collect::<Vec<_>>()
            );
        }
        append_more(folder.path(), 4, SMALL);
        assert_eq!(batches(folder.path(), BATCHES + 4).expect("no gap").len(), 7);
    }
}

#[test]
fn a_journal_without_the_batches_that_are_needed_is_refused() {
    let folder = sealed_journal();
    Journal::retire(folder.path(), 6).expect("retired");
    for after in 0..6 {
        let open = Journal::open(folder.path(), STORE, after, 0, SMALL, &mut |_| Ok(()));
        let Err(error) = open else { panic!("opened") };
        assert!(
            error.to_string().contains(&format!("its oldest batch is 7, but batch {} is needed", after + 1))
        );
    }
    for after in 6..=BATCHES {
        Journal::open(folder.path(), STORE, after, 0, SMALL, &mut |_| Ok(())).expect("all that is needed");
    }
}

#[test]
fn the_newest_segment_is_neither_sealed_nor_retired_and_one_only_begun_does_not_count() {
    let folder = journal_of(3, SMALL);
    fs::write(path_of(folder.path(), 4), b"lictorJL").expect("written");
    assert_eq!(Journal::seal_before(folder.path(), STORE, u64::MAX).expect("nothing"), 0);
    assert_eq!(Journal::retire(folder.path(), u64::MAX).expect("nothing"), 0);
    assert_eq!(batches(folder.path(), 3).expect("whole"), [1, 2, 3]);
}

#[test]
fn a_journal_whose_newest_segment_is_sealed_goes_on_in_a_new_one() {
    let folder = sealed_journal();
    fs::remove_file(path_of(folder.path(), 10)).expect("removed");
    append_more(folder.path(), 3, SMALL);
    assert_eq!(batches(folder.path(), BATCHES).expect("whole"), all());
    assert_eq!(Segment::read(folder.path(), 10, &STORE).expect("read").header.previous_first, 7);
}

#[test]
fn a_damaged_segment_is_told_and_not_sealed() {
    let folder = journal_of(BATCHES, SMALL);
    let path = path_of(folder.path(), 4);
    let good = fs::read(&path).expect("read");
    for bit in (0..good.len() * 8).step_by(9) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).expect("written");
        let told = refused(Journal::seal_before(folder.path(), STORE, 6));
        assert!(told.starts_with(&path.display().to_string()), "bit {bit}");
        assert_eq!(fs::read(&path).expect("still there"), bad);
        assert!(!sealed_path_of(folder.path(), 4).exists());
    }
}
