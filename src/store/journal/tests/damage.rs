//! What the journal refuses, what it cuts, and that it never gives anything wrong.

use super::*;

#[test]
fn a_flipped_bit_is_refused_by_segment_and_offset_wherever_the_frame_was_answered() {
    const BATCHES: u64 = 4;
    let folder = journal_of(BATCHES, SEGMENT_BYTES_MAX);
    let path = path_of(folder.path(), 1);
    let (good, starts) = (fs::read(&path).expect("read"), frame_starts(&path));
    for bit in SEGMENT_HEADER_BYTES * 8..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bad).expect("written");
        let frame = starts.partition_point(|start| *start <= bit / 8) - 1;
        assert_eq!(refused(batches(folder.path(), BATCHES)), at(&path, starts[frame]), "bit {bit}");
        // Nobody has seen the last frame: it is left out. Those before it have a good one after them.
        match batches(folder.path(), 0) {
            Ok(kept) => assert_eq!((frame + 1, kept), (4, vec![1, 2, 3]), "bit {bit}"),
            Err(error) => assert_eq!(refused::<()>(Err(error)), at(&path, starts[frame]), "bit {bit}"),
        }
    }
}

#[test]
fn a_flipped_bit_in_the_header_of_any_segment_is_refused() {
    let folder = journal_of(9, SMALL);
    for first in [1, 4] {
        let path = path_of(folder.path(), first);
        let good = fs::read(&path).expect("read");
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bad).expect("written");
            assert_eq!(refused(batches(folder.path(), 0)), at(&path, 0), "{first}, bit {bit}");
        }
        fs::write(&path, good).expect("written");
    }
    assert_eq!(batches(folder.path(), 9).expect("as before").len(), 9);
}

/// The last segments: one with two frames, then one more with a single frame, its header included.
#[test]
fn a_journal_cut_at_any_byte_across_the_border_of_its_newest_segment_keeps_all_before_or_is_refused() {
    const BATCHES: u64 = 7;
    let folder = journal_of(BATCHES, SMALL);
    let firsts = list(folder.path()).expect("listed");
    assert_eq!(firsts, [1, 4, 7], "the last frame stands in a segment of its own");
    let newest = path_of(folder.path(), 7);
    let good = fs::read(&newest).expect("read");
    for length in 0..good.len() {
        fs::write(&newest, &good[..length]).expect("written");
        for acknowledged in [0, BATCHES - 1] {
            assert_eq!(batches(folder.path(), acknowledged).expect("cut").last(), Some(&6), "to {length}");
        }
        let (path, offset) = match length {
            // No whole header: the segment was never begun, and the one before it ends too early.
            0..SEGMENT_HEADER_BYTES => (path_of(folder.path(), 4), file_length(folder.path(), 4)),
            _ => (newest.clone(), SEGMENT_HEADER_BYTES),
        };
        assert_eq!(refused(batches(folder.path(), BATCHES)), at(&path, offset), "to {length}");
        let copy = copied(folder.path());
        append_more(copy.path(), 1, SMALL);
        assert_eq!(batches(copy.path(), BATCHES).expect("written again").len(), 7, "to {length}");
    }
}

fn file_length(folder: &Path, first: u64) -> usize {
    fs::read(path_of(folder, first)).expect("read").len()
}

#[test]
fn a_segment_before_the_newest_is_never_torn_even_if_the_newest_was_only_begun() {
    let folder = journal_of(6, SMALL);
    fs::write(path_of(folder.path(), 7), b"lict").expect("written");
    let last = path_of(folder.path(), 4);
    let starts = frame_starts(&last);
    let good = fs::read(&last).expect("read");
    assert_eq!(batches(folder.path(), 6).expect("whole").len(), 6);
    for length in starts[2] + 1..good.len() {
        fs::write(&last, &good[..length]).expect("written");
        assert_eq!(refused(batches(folder.path(), 0)), at(&last, starts[2]), "cut to {length}");
    }
}

#[test]
fn a_missing_a_swapped_a_doubled_and_a_foreign_segment_are_refused() {
    let folder = journal_of(12, SMALL);
    let firsts = list(folder.path()).expect("listed");
    assert_eq!(firsts.len(), 4);
    let (second, third) = (path_of(folder.path(), firsts[1]), path_of(folder.path(), firsts[2]));
    let two = fs::read(&second).expect("read");
    let three = fs::read(&third).expect("read");

    fs::remove_file(&second).expect("removed");
    assert_eq!(refused(batches(folder.path(), 0)), at(&third, 0), "missing");

    fs::write(&second, &three).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&second, 0), "doubled");

    fs::write(&third, &two).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&second, 0), "swapped");

    fs::write(&second, &two).expect("written");
    fs::write(&third, &three).expect("written");
    assert_eq!(batches(folder.path(), 12).expect("as before").len(), 12);

    // The same batches of the same store, written once more: another salt, another history.
    let other = journal_of(12, SMALL);
    fs::copy(path_of(other.path(), firsts[1]), &second).expect("copied");
    assert_eq!(batches(folder.path(), 12).expect("equal batches in equal places").len(), 12);
    let mut renamed = three.clone();
    renamed[16] ^= 1;
    fs::write(&third, &renamed).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&third, 0), "foreign");
}

#[test]
fn a_segment_written_after_another_one_is_refused() {
    let folder = journal_of(9, SMALL);
    // The same batches in segments of one: its segment 7 was begun after segment 6, not after segment 4.
    let other = journal_of(9, 1);
    let path = path_of(folder.path(), 7);
    fs::copy(path_of(other.path(), 7), &path).expect("copied");
    assert_eq!(refused(batches(folder.path(), 0)), at(&path, 0));
    // And one that was begun after the same segment, but when that ended elsewhere.
    let mut elsewhere = SegmentHeader { store: STORE, previous_first: 4, before: position(6), salt: 1 };
    elsewhere.before.revision = Revision::from_number(13);
    fs::write(&path, elsewhere.encode()).expect("written");
    assert_eq!(refused(batches(folder.path(), 0)), at(&path, 0));
}

#[test]
fn a_name_that_is_no_batch_number_and_a_file_longer_than_any_segment_are_refused() {
    let folder = journal_of(3, SEGMENT_BYTES_MAX);
    for name in ["2.seg", "x.seg", "+0000000000000000002.seg", "00000000000000000001 (copy).seg"] {
        let path = folder.path().join(name);
        fs::write(&path, b"").expect("written");
        assert_eq!(refused(read_whole(folder.path(), 0)), at(&path, 0), "{name}");
        fs::remove_file(&path).expect("removed");
    }
    let path = path_of(folder.path(), 1);
    fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(1 << 40)).expect("sparse");
    assert_eq!(refused(read_whole(folder.path(), 0)), at(&path, 0));
}

#[test]
fn a_check_and_a_read_change_nothing() {
    let folder = journal_of(6, SMALL);
    fs::write(path_of(folder.path(), 7), b"begun").expect("written");
    fs::write(folder.path().join(".unfinished-abc"), b"half").expect("written");
    let before = names(folder.path());
    read_whole(folder.path(), 6).expect("whole");
    Journal::read(folder.path(), STORE, 2, 5, &mut |_| Ok(())).expect("there");
    assert_eq!(names(folder.path()), before);
    drop(open(folder.path(), SMALL));
    assert_eq!(names(folder.path()), before[1..3], "only the writer removes what was interrupted");
}

#[test]
fn a_read_gives_exactly_the_batches_it_was_asked_for_or_none_beside_a_writer() {
    let folder = journal_of(9, SMALL);
    let mut writer = open(folder.path(), SMALL);
    for after in 0..9 {
        for through in after..=9 {
            let mut found = Vec::new();
            Journal::read(folder.path(), STORE, after, through, &mut |frame| {
                found.push(frame.position.batch);
                Ok(())
            })
            .expect("there");
            assert_eq!(found, (after + 1..=through).collect::<Vec<_>>());
        }
    }
    refused(Journal::read(folder.path(), STORE, 0, 10, &mut |_| Ok(())));
    writer.append(&batch(10)).expect("appended");
    Journal::read(folder.path(), STORE, 0, 10, &mut |_| Ok(())).expect("now it is there");
}

#[test]
fn zeros_in_place_of_an_answered_batch_are_refused_and_zeros_behind_it_are_cut() {
    let folder = journal_of(3, SEGMENT_BYTES_MAX);
    let path = newest(folder.path());
    let starts = frame_starts(&path);
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend_from_slice(&[0; 5_000]);
    fs::write(&path, &bytes).expect("written");
    assert_eq!(batches(folder.path(), 3).expect("whole").len(), 3);
    bytes[starts[2]..].fill(0);
    fs::write(&path, &bytes).expect("written");
    assert_eq!(refused(batches(folder.path(), 3)), at(&path, starts[2]));
    assert_eq!(batches(folder.path(), 2).expect("the third was never answered").len(), 2);
}

#[test]
fn a_frame_taken_out_or_doubled_inside_a_segment_is_refused_by_offset() {
    let folder = journal_of(4, SEGMENT_BYTES_MAX);
    let path = newest(folder.path());
    let starts = frame_starts(&path);
    let good = fs::read(&path).expect("read");
    for frame in 0..3 {
        let (start, end) = (starts[frame], starts[frame + 1]);
        fs::write(&path, [&good[..start], &good[end..]].concat()).expect("written");
        assert_eq!(refused(batches(folder.path(), 0)), at(&path, start), "without frame {frame}");
        fs::write(&path, [&good[..end], &good[start..]].concat()).expect("written");
        assert_eq!(refused(batches(folder.path(), 0)), at(&path, end), "frame {frame} twice");
    }
}

#[test]
fn what_is_cut_off_is_gone_from_the_file() {
    let folder = journal_of(3, SEGMENT_BYTES_MAX);
    let path = newest(folder.path());
    let good = fs::read(&path).expect("read");
    fs::write(&path, [good.as_slice(), &[0xff; 5_000]].concat()).expect("written");
    drop(open(folder.path(), SEGMENT_BYTES_MAX));
    assert!(fs::read(&path).expect("read") == good);
}

#[test]
fn a_write_that_fails_ends_the_journal_and_the_next_open_finds_what_was_there_before() {
    let folder = journal_of(2, SEGMENT_BYTES_MAX);
    let mut journal = open(folder.path(), SEGMENT_BYTES_MAX);
    // A file that takes no bytes, as a full disk does not.
    journal.segment = fs::OpenOptions::new().write(true).open("/dev/full").expect("opened");
    let error = journal.append(&batch(3)).expect_err("nothing fits");
    assert!(error.to_string().contains("free space"), "{error}");
    for _ in 0..3 {
        assert!(matches!(journal.append(&batch(3)), Err(StoreError::Closed)));
    }
    drop(journal);
    assert_eq!(batches(folder.path(), 2).expect("whole"), [1, 2]);
}
