//! Damage of the journal: cut when it was never answered, refused by name when it was.

use std::fs;

use lictor::store::EmbeddedOptions;

use crate::ground::{SMALL, cut, filled, flip, newest_segment, opened, put, refused, run, segments};

const COMMITS: u64 = 6;

#[test]
fn a_tail_cut_at_any_byte_of_its_last_two_frames_opens_with_all_before_it() {
    let filled = filled(COMMITS, &EmbeddedOptions::default());
    let (first, _) = filled.frames[filled.frames.len() - 2];
    let (last, last_bytes) = filled.frames[filled.frames.len() - 1];
    for length in first..last + last_bytes {
        let copy = filled.journal_alone();
        cut(&filled.segment_in(copy.path()), length);
        let whole = filled.frames.iter().filter(|(start, bytes)| start + bytes <= length).count();
        let store = opened(copy.path());
        assert_eq!(crate::ground::content(&store), filled.content[..whole], "cut to {length}");
        // The store goes on after the cut, and what it writes there is found again.
        run(store.commit(put(99))).expect("made");
        run(store.close()).expect("closed");
        assert_eq!(crate::ground::content(&opened(copy.path())).len(), whole + 1, "cut to {length}");
    }
}

#[test]
fn a_tail_of_rubbish_is_cut_off() {
    let filled = filled(COMMITS, &EmbeddedOptions::default());
    for rubbish in [vec![0; 4_096], vec![0xff; 1], b"LJF1LJF1LJF1LJF1LJF1LJF1LJF1LJF1LJF1LJF1".to_vec()] {
        let copy = filled.everything();
        let segment = filled.segment_in(copy.path());
        let mut bytes = fs::read(&segment).expect("read");
        let whole = bytes.len();
        bytes.extend(&rubbish);
        fs::write(&segment, bytes).expect("written");
        let store = opened(copy.path());
        assert_eq!(crate::ground::content(&store), filled.content);
        assert_eq!(fs::metadata(&segment).expect("a segment").len(), whole as u64);
        run(store.commit(put(99))).expect("made");
    }
}

#[test]
fn a_journal_that_lost_what_was_answered_is_refused_by_segment_and_offset() {
    let filled = filled(COMMITS, &EmbeddedOptions::default());
    let (last, bytes) = filled.frames[filled.frames.len() - 1];
    for length in [last, last + 1, last + bytes / 2, last + bytes - 1] {
        for known_by in [&["FORMAT", "journal", "sled"][..], &["FORMAT", "journal", "STOPPED"]] {
            let copy = filled.copied(known_by);
            let segment = filled.segment_in(copy.path());
            cut(&segment, length);
            let place = refused(copy.path());
            assert_eq!(
                place,
                format!("{} at byte {last}", segment.display()),
                "cut to {length}, {known_by:?}"
            );
            assert_eq!(fs::metadata(&segment).expect("a segment").len(), length, "nothing was changed");
        }
    }
}

/// Every byte of every frame, each answered as far as one witness alone can tell; the unit tests do every bit.
#[test]
fn a_flipped_bit_in_a_frame_that_one_witness_has_seen_is_refused_by_segment_and_offset() {
    let filled = filled(COMMITS, &EmbeddedOptions::default());
    let witnesses = [
        &["FORMAT", "journal", "sled"][..],
        &["FORMAT", "journal", "CHECKPOINT"],
        &["FORMAT", "journal", "STOPPED"],
        &["FORMAT", "journal", "sled", "CHECKPOINT", "STOPPED"],
    ];
    for known_by in witnesses {
        let copy = filled.copied(known_by);
        let segment = filled.segment_in(copy.path());
        let good = fs::read(&segment).expect("read");
        for (start, bytes) in &filled.frames {
            for byte in *start..start + bytes {
                flip(&segment, byte, u8::try_from((byte * 5) % 8).expect("small"));
                let place = format!("{} at byte {start}", segment.display());
                assert_eq!(refused(copy.path()), place, "byte {byte}, {known_by:?}");
                fs::write(&segment, &good).expect("written");
            }
        }
        assert_eq!(crate::ground::content(&opened(copy.path())), filled.content, "{known_by:?}");
    }
}

#[test]
fn a_flipped_bit_in_a_frame_that_nothing_has_seen_is_cut_at_the_end_and_refused_before_it() {
    let filled = filled(COMMITS, &EmbeddedOptions::default());
    let (last, _) = filled.frames[filled.frames.len() - 1];
    for (start, bytes) in &filled.frames {
        let copy = filled.journal_alone();
        let segment = filled.segment_in(copy.path());
        let good = fs::read(&segment).expect("read");
        for byte in *start..start + bytes {
            flip(&segment, byte, u8::try_from((byte * 3) % 8).expect("small"));
            if *start < last {
                let place = format!("{} at byte {start}", segment.display());
                assert_eq!(refused(copy.path()), place, "byte {byte}");
            } else {
                let copy = filled.journal_alone();
                fs::copy(&segment, filled.segment_in(copy.path())).expect("a copy");
                let kept = &filled.content[..filled.content.len() - 1];
                assert_eq!(crate::ground::content(&opened(copy.path())), kept, "byte {byte}");
                assert_eq!(fs::metadata(filled.segment_in(copy.path())).expect("cut").len(), last);
            }
            fs::write(&segment, &good).expect("written");
        }
    }
}

#[test]
fn segments_follow_each_other_and_a_missing_or_changed_one_is_refused() {
    let filled = filled(40, &SMALL);
    let all = segments(filled.folder.path());
    assert!(all.len() >= 4, "{all:?}");
    assert_eq!(crate::ground::content(&opened(filled.journal_alone().path())), filled.content);
    for segment in &all[..all.len() - 1] {
        let copy = filled.journal_alone();
        let inside = copy.path().join("journal").join(segment.file_name().expect("a file"));
        let length = fs::metadata(&inside).expect("a segment").len();
        cut(&inside, length - 1);
        assert!(refused(copy.path()).contains(&inside.display().to_string()));
        fs::remove_file(&inside).expect("removed");
        refused(copy.path());
    }
}

#[test]
fn a_segment_whose_making_was_interrupted_is_made_again() {
    let filled = filled(3, &EmbeddedOptions::default());
    for length in [0, 1, 71, 72] {
        let copy = filled.everything();
        let next = copy.path().join("journal").join(format!("{:020}.seg", 4));
        fs::write(&next, vec![0; length]).expect("written");
        let store = opened(copy.path());
        assert_eq!(crate::ground::content(&store), filled.content);
        run(store.commit(put(99))).expect("made");
        run(store.close()).expect("closed");
        assert_eq!(newest_segment(copy.path()), filled.segment_in(copy.path()));
        assert_eq!(crate::ground::content(&opened(copy.path())).len(), 4);
    }
}

#[test]
fn a_segment_of_another_store_is_refused() {
    let (one, other) = (filled(3, &EmbeddedOptions::default()), filled(3, &EmbeddedOptions::default()));
    let copy = one.journal_alone();
    fs::copy(&other.segment, one.segment_in(copy.path())).expect("a copy");
    refused(copy.path());
}
