//! The bytes on disk are those of `docs/store-format.md`: what was written once can be read for ever.

use super::super::sealed;
use super::*;

const SEGMENT: &str = include_str!("../../../../tests/vectors/store/segment.hex");
const SEALED: &str = include_str!("../../../../tests/vectors/store/sealed.hex");

/// Pairs of digits; what follows a `#` is for people.
fn bytes_of(hex: &str) -> Vec<u8> {
    let lines = hex.lines().map(|line| line.split('#').next().unwrap_or_default());
    let digits: Vec<u8> = lines.flat_map(str::bytes).filter(u8::is_ascii_hexdigit).collect();
    let pair =
        |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    digits.chunks(2).map(|digits| pair(digits).expect("two hexadecimal digits")).collect()
}

fn header() -> SegmentHeader {
    SegmentHeader {
        store: std::array::from_fn(|i| u8::try_from(i).expect("sixteen")),
        previous_first: 0,
        before: Position::default(),
        salt: 0x0807_0605_0403_0201,
    }
}

/// A license that is made and a nonce that is removed, in two commits; then a counter and a lease.
fn two_batches() -> [Batch; 2] {
    let key = |kind, own: &str| RecordKey::new("acme", kind, own).expect("short");
    let put = |key, record| Effect { key, after: Some(Arc::new(record)) };
    let position = |batch, revision| Position { batch, revision: Revision::from_number(revision) };
    let license =
        Record { revision: Revision::from_number(1), until_ms: None, schema: 1, body: b"license".to_vec() };
    let job = Record {
        revision: Revision::from_number(4),
        until_ms: Some(1_700_000_000_000),
        schema: 2,
        body: Vec::new(),
    };
    let counter = Record::of_counter(Revision::from_number(3), -2);
    let removed = Effect { key: key(Kind::Nonce, "x"), after: None };
    [
        Batch {
            position: position(1, 2),
            commits: vec![vec![put(key(Kind::License, "a"), license)], vec![removed]],
        },
        Batch {
            position: position(2, 4),
            commits: vec![vec![put(key(Kind::Quota, "q"), counter), put(key(Kind::Job, ""), job)]],
        },
    ]
}

fn plain() -> Vec<u8> {
    let mut bytes = header().encode().to_vec();
    for batch in two_batches() {
        frame::encode(&batch, header().salt, &mut bytes).expect("small");
    }
    bytes
}

fn shown(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x} ")).collect::<String>() + "\n";
    bytes.chunks(16).map(line).collect()
}

#[test]
fn a_segment_has_the_bytes_of_the_vector() {
    assert!(plain() == bytes_of(SEGMENT), "this is written now:\n{}", shown(&plain()));
}

#[test]
fn the_vectors_are_read_as_what_was_written() {
    for (vector, extension) in [(SEGMENT, "seg"), (SEALED, "sealed")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join(format!("{:020}.{extension}", 1)), bytes_of(vector)).expect("written");
        let mut read = Vec::new();
        Journal::read(folder.path(), header().store, 0, 2, &mut |frame| {
            let effects = frame.effects().expect("well formed").into_iter();
            let decoded = effects.map(|(key, stored)| {
                let key = RecordKey::decode(key).expect("a key");
                let record = stored.map(|stored| Record::decode(&key, stored).expect("a record"));
                Effect { key, after: record.map(Arc::new) }
            });
            read.push((frame.position, decoded.collect::<Vec<_>>()));
            Ok(())
        })
        .expect("read");
        let written = two_batches().map(|batch| (batch.position, batch.commits.concat()));
        assert_eq!(read, written, "{extension}");
    }
}

/// How well it is compressed may change; what it is when inflated, and all around it, may not.
#[test]
fn a_sealed_segment_is_the_vector_but_for_its_compression() {
    let mut sealed = Vec::new();
    let last = two_batches()[1].position;
    sealed::write(header(), last, &plain(), &mut sealed).expect("memory takes it");
    let vector = bytes_of(SEALED);
    assert!(sealed[..100] == vector[..100], "this is written now:\n{}", shown(&sealed));
    let mut inflated = Vec::new();
    let read = sealed::read(Path::new("vector"), vector.as_slice(), &mut |block| {
        inflated.extend_from_slice(block);
        Ok(())
    });
    assert_eq!(read.expect("whole"), header());
    assert_eq!(inflated, plain());
}
