//! Reads: absence, order, limits, ranges.

use lictor::store::{
    BODY_BYTES_MAX, CommitRequest, Direction, GET_KEYS_MAX, KeyRange, Kind, RecordKey, RecordStore,
    SCAN_BYTES_MAX, SCAN_RECORDS_MAX, StoreError,
};

use crate::for_every_engine;
use crate::ground::{ABSENT, Ground, key, put_new};

for_every_engine!(
    what_is_not_there_is_none,
    many_are_read_in_the_order_asked,
    a_scan_goes_in_the_order_of_keys_both_ways,
    a_scan_stops_at_its_limit_and_goes_on_after_the_last_key,
    a_page_ends_with_the_record_that_makes_it_full_and_the_next_goes_on,
    a_scan_stays_within_its_merchant_kind_and_prefix,
    an_empty_range_holds_nothing,
    a_removed_record_is_not_scanned,
    a_read_of_too_much_is_refused,
);

async fn what_is_not_there_is_none(ground: &impl Ground) {
    let store = ground.open();
    assert_eq!(store.get(&key("a")).await.expect("a read"), None);
    assert_eq!(scan(&store, KeyRange::all(), Direction::Forward, 10).await, Vec::<RecordKey>::new());
}

async fn many_are_read_in_the_order_asked(ground: &impl Ground) {
    let store = ground.open();
    put_new(&store, "a", "A").await;
    put_new(&store, "b", "B").await;
    let asked = [key("b"), key("none"), key("a"), key("b")];
    let read = store.get_many(&asked).await.expect("a read");
    let bodies: Vec<_> = read.into_iter().map(|record| record.map(|record| record.body)).collect();
    assert_eq!(bodies, [Some(b"B".to_vec()), None, Some(b"A".to_vec()), Some(b"B".to_vec())]);
}

async fn scan(store: &RecordStore, range: KeyRange, direction: Direction, limit: usize) -> Vec<RecordKey> {
    let found = store.scan(range, direction, limit).await.expect("a scan");
    found.into_iter().map(|(key, _)| key).collect()
}

/// Own parts around the edges of byte order; sorted.
const OWNS: [&[u8]; 6] = [b"", b"\0", b"a", b"a\0", b"a\xff", b"b"];

async fn fill(store: &RecordStore) -> Vec<RecordKey> {
    let mut request = CommitRequest::new();
    let mut keys = Vec::new();
    for merchant in ["", "a", "aa", "b"] {
        for kind in [Kind::Activation, Kind::License, Kind::Purchase] {
            keys.extend(OWNS.map(|own| RecordKey::new(merchant, kind, own).expect("a short key")));
        }
    }
    // Written in another order than they are read.
    for key in keys.iter().rev() {
        request = request.put(key.clone(), ABSENT, 1, key.own());
    }
    store.commit(request).await.expect("made");
    keys
}

async fn a_scan_goes_in_the_order_of_keys_both_ways(ground: &impl Ground) {
    let store = ground.open();
    let mut keys = fill(&store).await;
    assert_eq!(scan(&store, KeyRange::all(), Direction::Forward, 1_000).await, keys);
    keys.reverse();
    assert_eq!(scan(&store, KeyRange::all(), Direction::Reverse, 1_000).await, keys);
}

async fn a_scan_stops_at_its_limit_and_goes_on_after_the_last_key(ground: &impl Ground) {
    let store = ground.open();
    let keys = fill(&store).await;
    for direction in [Direction::Forward, Direction::Reverse] {
        let (mut paged, mut range) = (Vec::new(), KeyRange::all());
        loop {
            let page = scan(&store, range.clone(), direction, 7).await;
            let Some(last) = page.last() else { break };
            range = match direction {
                Direction::Forward => range.after(last),
                Direction::Reverse => range.before(last),
            };
            paged.extend(page);
        }
        if direction == Direction::Reverse {
            paged.reverse();
        }
        assert_eq!(paged, keys);
    }
    assert!(scan(&store, KeyRange::all(), Direction::Forward, 0).await.is_empty());
}

async fn a_page_ends_with_the_record_that_makes_it_full_and_the_next_goes_on(ground: &impl Ground) {
    let store = ground.open();
    let count = SCAN_BYTES_MAX / BODY_BYTES_MAX + 3;
    for n in 0..count {
        let put = CommitRequest::new().put(key(&format!("{n:03}")), ABSENT, 1, vec![7; BODY_BYTES_MAX]);
        store.commit(put).await.expect("made");
    }
    for direction in [Direction::Forward, Direction::Reverse] {
        let first = scan(&store, KeyRange::all(), direction, 1_000).await;
        assert_eq!(first.len(), SCAN_BYTES_MAX / BODY_BYTES_MAX, "{direction:?}");
        let last = first.last().expect("a full page");
        let rest = match direction {
            Direction::Forward => KeyRange::all().after(last),
            Direction::Reverse => KeyRange::all().before(last),
        };
        assert_eq!(scan(&store, rest, direction, 1_000).await.len(), 3, "{direction:?}");
    }
}

async fn a_scan_stays_within_its_merchant_kind_and_prefix(ground: &impl Ground) {
    let store = ground.open();
    let keys = fill(&store).await;
    type Inside<'a> = &'a dyn Fn(&RecordKey) -> bool;
    let cases: [(KeyRange, Inside<'_>); 5] = [
        (KeyRange::merchant("a").expect("short"), &|key| key.merchant() == "a"),
        (KeyRange::merchant("").expect("short"), &|key| key.merchant().is_empty()),
        (KeyRange::kind("a", Kind::License).expect("short"), &|key| {
            key.merchant() == "a" && key.kind() == Kind::License
        }),
        (KeyRange::prefix("aa", Kind::License, "a").expect("short"), &|key| {
            key.merchant() == "aa" && key.kind() == Kind::License && key.own().starts_with(b"a")
        }),
        (KeyRange::between("b", Kind::Purchase, "a", "b").expect("short"), &|key| {
            let own = key.own();
            key.merchant() == "b"
                && key.kind() == Kind::Purchase
                && b"a".as_slice() <= own
                && own < b"b".as_slice()
        }),
    ];
    for (range, inside) in cases {
        let expected: Vec<_> = keys.iter().filter(|key| inside(key)).cloned().collect();
        assert!(!expected.is_empty());
        assert_eq!(scan(&store, range.clone(), Direction::Forward, 1_000).await, expected, "{range:?}");
    }
}

async fn an_empty_range_holds_nothing(ground: &impl Ground) {
    let store = ground.open();
    let keys = fill(&store).await;
    let backwards = KeyRange::between("a", Kind::License, "b", "a").expect("short");
    assert!(scan(&store, backwards, Direction::Forward, 10).await.is_empty());
    let exhausted = KeyRange::all().after(&keys[keys.len() - 1]);
    assert!(scan(&store, exhausted, Direction::Reverse, 10).await.is_empty());
}

async fn a_removed_record_is_not_scanned(ground: &impl Ground) {
    let store = ground.open();
    let keys = fill(&store).await;
    let at = store.get(&keys[3]).await.expect("a read").expect("it is there").revision;
    store.commit(CommitRequest::new().delete(keys[3].clone(), at)).await.expect("made");
    assert!(!scan(&store, KeyRange::all(), Direction::Forward, 1_000).await.contains(&keys[3]));
}

async fn a_read_of_too_much_is_refused(ground: &impl Ground) {
    let store = ground.open();
    let many = vec![key("a"); GET_KEYS_MAX + 1];
    assert!(matches!(store.get_many(&many).await, Err(StoreError::TooMany { .. })));
    let scanned = store.scan(KeyRange::all(), Direction::Forward, SCAN_RECORDS_MAX + 1).await;
    assert!(matches!(scanned, Err(StoreError::TooMany { .. })));
}
