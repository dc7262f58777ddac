//! Keys of records, and ranges of keys.

use std::borrow::Borrow;
use std::sync::Arc;

use super::kind::{KIND_BYTES, Kind};

/// Longest merchant part of a key.
pub const MERCHANT_BYTES_MAX: usize = 64;

/// Longest key in its encoded form: merchant, separator, kind and the kind's own part.
pub const KEY_BYTES_MAX: usize = 512;

/// Ends the merchant part. A merchant never contains it, so keys sort by merchant, then kind, then own part.
const SEPARATOR: u8 = 0;

/// Where a record lies: merchant ‖ 0 ‖ kind ‖ the kind's own part.
///
/// The order of keys is the order of these bytes; every engine keeps it. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey(Arc<[u8]>);

impl RecordKey {
    /// Builds a key. The empty merchant stands for the installation itself.
    pub fn new(merchant: &str, kind: Kind, own: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let own = own.as_ref();
        let encoded = joined(merchant, Some(kind), own)?;
        if encoded.len() > KEY_BYTES_MAX {
            return Err(KeyError::TooLong { bytes: encoded.len() });
        }
        Ok(Self(encoded.into()))
    }

    /// Reads a key in its encoded form.
    pub fn decode(encoded: &[u8]) -> Result<Self, KeyError> {
        if encoded.len() > KEY_BYTES_MAX {
            return Err(KeyError::TooLong { bytes: encoded.len() });
        }
        let at = separator(encoded).ok_or(KeyError::Malformed)?;
        let known = encoded.get(at + 1..at + 1 + KIND_BYTES).and_then(Kind::from_bytes).is_some();
        if at > MERCHANT_BYTES_MAX || !known || std::str::from_utf8(&encoded[..at]).is_err() {
            return Err(KeyError::Malformed);
        }
        Ok(Self(encoded.into()))
    }

    /// The encoded form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The merchant the record belongs to; empty for the installation itself.
    pub fn merchant(&self) -> &str {
        std::str::from_utf8(&self.0[..self.separator()]).expect("a key is only built from a text merchant")
    }

    /// What the record is about.
    pub fn kind(&self) -> Kind {
        let start = self.separator() + 1;
        Kind::from_bytes(&self.0[start..start + KIND_BYTES]).expect("a key is only built with a known kind")
    }

    /// The kind's own part.
    pub fn own(&self) -> &[u8] {
        &self.0[self.separator() + 1 + KIND_BYTES..]
    }

    fn separator(&self) -> usize {
        separator(&self.0).expect("a key is only built with its separator")
    }
}

impl Borrow<[u8]> for RecordKey {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.merchant(), self.kind(), self.own().escape_ascii())
    }
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// Why bytes are no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Over [`KEY_BYTES_MAX`] in encoded form.
    #[error("a key of {bytes} bytes is longer than {KEY_BYTES_MAX}")]
    TooLong {
        /// Its encoded length.
        bytes: usize,
    },
    /// The merchant part is over [`MERCHANT_BYTES_MAX`] or contains the separator.
    #[error("the merchant part of a key has at most {MERCHANT_BYTES_MAX} bytes and no zero byte")]
    Merchant,
    /// The encoded form has no separator or an unknown kind.
    #[error("these bytes are no record key")]
    Malformed,
}

fn separator(encoded: &[u8]) -> Option<usize> {
    encoded.iter().position(|byte| *byte == SEPARATOR)
}

fn joined(merchant: &str, kind: Option<Kind>, own: &[u8]) -> Result<Vec<u8>, KeyError> {
    if merchant.len() > MERCHANT_BYTES_MAX || merchant.as_bytes().contains(&SEPARATOR) {
        return Err(KeyError::Merchant);
    }
    let mut encoded = Vec::with_capacity(merchant.len() + 1 + KIND_BYTES + own.len());
    encoded.extend_from_slice(merchant.as_bytes());
    encoded.push(SEPARATOR);
    if let Some(kind) = kind {
        encoded.extend_from_slice(&kind.bytes());
    }
    encoded.extend_from_slice(own);
    Ok(encoded)
}

/// A half-open range of keys: from `start`, up to and not at `end`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Vec<u8>,
}

/// Above every key: a merchant is UTF-8, which never contains this byte.
const ABOVE_ALL: u8 = 0xff;

impl KeyRange {
    /// Every record of the store.
    pub fn all() -> Self {
        Self { start: Vec::new(), end: vec![ABOVE_ALL] }
    }

    /// Every record of a merchant.
    pub fn merchant(merchant: &str) -> Result<Self, KeyError> {
        Ok(Self::starting_with(joined(merchant, None, &[])?))
    }

    /// Every record of a merchant and kind.
    pub fn kind(merchant: &str, kind: Kind) -> Result<Self, KeyError> {
        Self::prefix(merchant, kind, [])
    }

    /// The records of a merchant and kind whose own part starts with these bytes.
    pub fn prefix(merchant: &str, kind: Kind, own: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        Ok(Self::starting_with(joined(merchant, Some(kind), own.as_ref())?))
    }

    /// The records of a merchant and kind whose own part lies from `from`, up to and not at `to`.
    pub fn between(
        merchant: &str,
        kind: Kind,
        from: impl AsRef<[u8]>,
        to: impl AsRef<[u8]>,
    ) -> Result<Self, KeyError> {
        let start = joined(merchant, Some(kind), from.as_ref())?;
        Ok(Self { start, end: joined(merchant, Some(kind), to.as_ref())? })
    }

    /// The part of this range after `key`: the next page going forward.
    #[must_use]
    pub fn after(mut self, key: &RecordKey) -> Self {
        let mut next = key.as_bytes().to_vec();
        next.push(0);
        self.start = self.start.max(next);
        self
    }

    /// The part of this range before `key`: the next page going backward.
    #[must_use]
    pub fn before(mut self, key: &RecordKey) -> Self {
        self.end = self.end.min(key.as_bytes().to_vec());
        self
    }

    /// The part of this range after all of another one.
    #[must_use]
    pub fn beyond(mut self, other: &Self) -> Self {
        self.start = self.start.max(other.end.clone());
        self
    }

    /// From the start of this range to the end of another one, with what lies between.
    #[must_use]
    pub fn through(mut self, other: &Self) -> Self {
        self.end = self.end.max(other.end.clone());
        self
    }

    /// First key inside.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// First key beyond.
    pub fn end(&self) -> &[u8] {
        &self.end
    }

    /// True when no key can lie inside.
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// A prefix always contains a separator, which has a successor, so an end exists.
    fn starting_with(prefix: Vec<u8>) -> Self {
        let mut end = prefix.clone();
        while end.last() == Some(&u8::MAX) {
            end.pop();
        }
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        Self { start: prefix, end }
    }
}

impl std::fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start.escape_ascii(), self.end.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts() -> impl Strategy<Value = (String, Kind, Vec<u8>)> {
        (
            "[a-c\u{1}é]{0,3}",
            proptest::sample::select(Kind::ALL.to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
        )
    }

    proptest! {
        #[test]
        fn keys_sort_by_merchant_then_kind_then_own_part(a in parts(), b in parts()) {
            let encode = |(m, k, o): &(String, Kind, Vec<u8>)| RecordKey::new(m, *k, o).expect("short parts");
            let order = |(m, k, o): &(String, Kind, Vec<u8>)| (m.clone().into_bytes(), k.bytes(), o.clone());
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), order(&a).cmp(&order(&b)));
        }

        #[test]
        fn a_key_gives_back_its_parts((merchant, kind, own) in parts()) {
            let key = RecordKey::new(&merchant, kind, &own).expect("short parts");
            prop_assert_eq!((key.merchant(), key.kind(), key.own()), (merchant.as_str(), kind, own.as_slice()));
            prop_assert_eq!(RecordKey::decode(key.as_bytes()), Ok(key));
        }

        #[test]
        fn a_prefix_holds_exactly_the_keys_that_start_with_it(p in parts(), k in parts()) {
            let key = RecordKey::new(&k.0, k.1, &k.2).expect("short parts");
            let range = KeyRange::prefix(&p.0, p.1, &p.2).expect("short parts");
            let inside = range.start() <= key.as_bytes() && key.as_bytes() < range.end();
            prop_assert_eq!(inside, k.0 == p.0 && k.1 == p.1 && k.2.starts_with(&p.2));
        }
    }

    #[test]
    fn a_merchant_with_a_zero_byte_is_refused() {
        assert_eq!(RecordKey::new("a\0b", Kind::License, "x"), Err(KeyError::Merchant));
    }

    #[test]
    fn a_key_over_the_bound_is_refused_and_one_at_it_is_not() {
        let own = |encoded: usize| vec![b'x'; encoded - 1 - 1 - KIND_BYTES];
        assert!(RecordKey::new("m", Kind::License, own(KEY_BYTES_MAX)).is_ok());
        let refused = RecordKey::new("m", Kind::License, own(KEY_BYTES_MAX + 1));
        assert_eq!(refused, Err(KeyError::TooLong { bytes: KEY_BYTES_MAX + 1 }));
    }

    #[test]
    fn bytes_without_a_known_kind_are_no_key() {
        for bytes in [&b""[..], b"merchant", b"m\0", b"m\0li", b"m\0???x", b"\xff\0lic"] {
            assert_eq!(RecordKey::decode(bytes), Err(KeyError::Malformed), "{bytes:?}");
        }
    }
}
