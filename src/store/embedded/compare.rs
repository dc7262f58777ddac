//! Two streams in the order of keys, side by side: what the truth says of a key, and what was found under it.

use super::super::error::StoreError;
use super::super::key::RecordKey;
use super::super::record::Record;
use super::runs::{Last, Merge};

/// What is known of one key, from either side or both.
pub(super) struct Pair {
    pub key: Vec<u8>,
    pub truth: Option<Last>,
    pub found: Option<Record>,
}

impl Pair {
    /// What both sides hold, in bytes.
    pub fn bytes(&self) -> usize {
        let stored = self.truth.as_ref().and_then(|last| last.stored.as_ref()).map_or(0, Vec::len);
        self.key.len() + stored + self.found.as_ref().map_or(0, Record::stored_bytes)
    }
}

/// Joins the two by key. After an error of one side nothing follows.
pub(super) fn join<'a>(
    truth: Merge<'a>,
    found: impl Iterator<Item = Result<(RecordKey, Record), StoreError>> + 'a,
) -> impl Iterator<Item = Result<Pair, StoreError>> + 'a {
    let (mut truth, mut found) = (truth.peekable(), found.peekable());
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let (truth_is_next, found_is_next) = match (truth.peek(), found.peek()) {
            (None, None) => return None,
            (Some(Ok(last)), Some(Ok((key, _)))) => {
                (last.key.as_slice() <= key.as_bytes(), key.as_bytes() <= last.key.as_slice())
            }
            (Some(Err(_)), _) => (true, false),
            (_, Some(Err(_))) => (false, true),
            (has_truth, has_found) => (has_truth.is_some(), has_found.is_some()),
        };
        let truth = if truth_is_next { truth.next().transpose() } else { Ok(None) };
        let found = if found_is_next { found.next().transpose() } else { Ok(None) };
        let pair = pair(truth, found);
        ended = pair.is_err();
        Some(pair)
    })
}

fn pair(
    truth: Result<Option<Last>, StoreError>,
    found: Result<Option<(RecordKey, Record)>, StoreError>,
) -> Result<Pair, StoreError> {
    let (truth, found) = (truth?, found?);
    let key = match (&truth, &found) {
        (Some(last), _) => last.key.clone(),
        (None, Some((key, _))) => key.as_bytes().to_vec(),
        (None, None) => Vec::new(),
    };
    Ok(Pair { key, truth, found: found.map(|(_, record)| record) })
}
