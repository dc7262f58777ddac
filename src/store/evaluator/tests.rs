//! The evaluator against a model that is too simple to be wrong: one map, copied before each commit.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::store::{Kind, RecordKey};

/// What the model keeps of a record.
#[derive(Debug, Clone, PartialEq)]
struct Kept {
    revision: u64,
    until_ms: Option<u64>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Body(Vec<u8>),
    Counter(i64),
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    records: BTreeMap<RecordKey, Kept>,
    revision: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum Refused {
    Conflict(RecordKey),
    Bounds(RecordKey, i64),
    Invalid,
}

impl Model {
    fn commit(&mut self, request: &CommitRequest) -> Result<CommitAnswer, Refused> {
        let before = self.clone();
        let mut answer = CommitAnswer::default();
        for primitive in &request.primitives {
            if let Err(refused) = self.apply(primitive, &mut answer) {
                *self = before;
                return Err(refused);
            }
        }
        Ok(answer)
    }

    fn apply(&mut self, primitive: &Primitive, answer: &mut CommitAnswer) -> Result<(), Refused> {
        let key = primitive.key().clone();
        let found = self.records.get(&key).cloned();
        let stands_at =
            |revision: &Revision| found.as_ref().map_or(0, |kept| kept.revision) == revision.number();
        let counter = found.as_ref().and_then(|kept| match kept.content {
            Content::Counter(value) => Some(value),
            Content::Body(_) => None,
        });
        match primitive {
            Primitive::Check { revision, .. }
            | Primitive::Put { revision, .. }
            | Primitive::Delete { revision, .. }
                if !stands_at(revision) =>
            {
                return Err(Refused::Conflict(key));
            }
            Primitive::Check { .. } => {}
            Primitive::Delete { .. } => drop(self.records.remove(&key)),
            Primitive::Claim { now_ms, .. }
                if found.as_ref().is_some_and(|k| k.until_ms.is_none_or(|u| u > *now_ms)) =>
            {
                return Err(Refused::Conflict(key));
            }
            Primitive::Put { .. } | Primitive::Index { .. } if counter.is_some() => {
                return Err(Refused::Invalid);
            }
            Primitive::Unindex { .. } if counter.is_some_and(|value| value != 0) => {
                return Err(Refused::Invalid);
            }
            Primitive::Put { body, until_ms, .. } => {
                answer.revisions.push(self.keep(key, *until_ms, Content::Body(body.clone())));
            }
            Primitive::Claim { body, until_ms, .. } => {
                answer.revisions.push(self.keep(key, Some(*until_ms), Content::Body(body.clone())));
            }
            Primitive::Add { .. } if found.is_some() && counter.is_none() => return Err(Refused::Invalid),
            Primitive::Add { delta, min, max, .. } => {
                let value = counter.unwrap_or(0);
                let sum = i128::from(value) + i128::from(*delta);
                if sum < i128::from(*min) || sum > i128::from(*max) {
                    return Err(Refused::Bounds(key, value));
                }
                let sum = i64::try_from(sum).expect("within i64 bounds");
                answer.counters.push(sum);
                self.keep(key, None, Content::Counter(sum));
            }
            Primitive::Index { body, .. } => drop(self.keep(key, None, Content::Body(body.clone()))),
            Primitive::Unindex { .. } => drop(self.records.remove(&key)),
        }
        Ok(())
    }

    fn keep(&mut self, key: RecordKey, until_ms: Option<u64>, content: Content) -> Revision {
        self.revision += 1;
        self.records.insert(key, Kept { revision: self.revision, until_ms, content });
        Revision::from_number(self.revision)
    }
}

/// A store of the simplest kind: folds batches over a map.
#[derive(Default)]
struct Folded {
    records: HashMap<RecordKey, Arc<Record>>,
    position: Position,
}

impl Folded {
    fn evaluator(&self) -> Evaluator {
        Evaluator::new(Prior { position: self.position, records: self.records.clone() })
    }

    fn fold(&mut self, evaluator: Evaluator) {
        let Some(batch) = evaluator.into_batch() else { return };
        assert_eq!(batch.position.batch, self.position.batch + 1);
        for Effect { key, after } in batch.effects() {
            match after {
                Some(record) => drop(self.records.insert(key.clone(), Arc::clone(record))),
                None => drop(self.records.remove(key).expect("only what is there is removed")),
            }
        }
        self.position = batch.position;
    }

    fn kept(&self) -> BTreeMap<RecordKey, Kept> {
        let kept = |record: &Record| Kept {
            revision: record.revision.number(),
            until_ms: record.until_ms,
            content: record.counter().map_or_else(|| Content::Body(record.body.clone()), Content::Counter),
        };
        self.records.iter().map(|(key, record)| (key.clone(), kept(record))).collect()
    }
}

fn key(own: u8) -> RecordKey {
    RecordKey::new("m", Kind::License, [own]).expect("short")
}

/// A revision relative to what stands there when the commit is made: mostly right, sometimes not.
#[derive(Debug, Clone, Copy)]
enum Guess {
    Right,
    Absent,
    Off(u64),
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![6 => Just(Guess::Right), 2 => Just(Guess::Absent), 1 => (0u64..30).prop_map(Guess::Off)]
}

/// Few keys, small numbers: so that commits meet each other.
fn primitive() -> impl Strategy<Value = (Primitive, Guess)> {
    let absent = Revision::ABSENT;
    let body = || prop::collection::vec(any::<u8>(), 0..3);
    let of = prop_oneof![
        (0u8..4).prop_map(move |k| Primitive::Check { key: key(k), revision: absent }),
        (0u8..4, body(), prop::option::of(0u64..6)).prop_map(move |(k, body, until_ms)| Primitive::Put {
            key: key(k),
            revision: absent,
            schema: 1,
            body,
            until_ms
        }),
        (0u8..6).prop_map(move |k| Primitive::Delete { key: key(k), revision: absent }),
        (0u8..4, 0u64..6, 0u64..6, body()).prop_map(|(k, now_ms, until_ms, body)| Primitive::Claim {
            key: key(k),
            now_ms,
            until_ms,
            schema: 1,
            body
        }),
        (3u8..6, prop_oneof![-3i64..4, Just(i64::MAX), Just(i64::MIN)], -4i64..1, 0i64..5)
            .prop_map(|(k, delta, min, max)| Primitive::Add { key: key(k), delta, min, max }),
        (0u8..5, body()).prop_map(|(k, body)| Primitive::Index {
            key: key(k),
            schema: 1,
            body,
            until_ms: None
        }),
        (0u8..6).prop_map(|k| Primitive::Unindex { key: key(k) }),
    ];
    (of, guess())
}

/// Puts the guessed revision in.
fn aimed(primitives: Vec<(Primitive, Guess)>, model: &Model) -> CommitRequest {
    let mut request = CommitRequest::new();
    for (mut primitive, guess) in primitives {
        let right = model.records.get(primitive.key()).map_or(0, |kept| kept.revision);
        let guessed = Revision::from_number(match guess {
            Guess::Right => right,
            Guess::Absent => 0,
            Guess::Off(number) => number,
        });
        match &mut primitive {
            Primitive::Check { revision, .. }
            | Primitive::Put { revision, .. }
            | Primitive::Delete { revision, .. } => *revision = guessed,
            Primitive::Claim { .. }
            | Primitive::Add { .. }
            | Primitive::Index { .. }
            | Primitive::Unindex { .. } => {}
        }
        request = request.with(primitive);
    }
    request
}

fn told(outcome: Result<CommitAnswer, CommitError>) -> Result<CommitAnswer, Refused> {
    outcome.map_err(|error| match error {
        CommitError::Conflict { key } => Refused::Conflict(key),
        CommitError::CounterBounds { key, value } => Refused::Bounds(key, value),
        CommitError::Invalid { .. } => Refused::Invalid,
        CommitError::Full
        | CommitError::NoRoom { .. }
        | CommitError::Moving
        | CommitError::Unknown
        | CommitError::Closed
        | CommitError::Storage(_) => panic!("the evaluator does not say {error}"),
    })
}

proptest! {
    #[test]
    fn the_evaluator_does_what_the_model_does(
        batches in prop::collection::vec(
            prop::collection::vec(prop::collection::vec(primitive(), 0..4), 1..6),
            1..6,
        )
    ) {
        let (mut model, mut folded) = (Model::default(), Folded::default());
        for batch in batches {
            let mut evaluator = folded.evaluator();
            for primitives in batch {
                let request = aimed(primitives, &model);
                let expected = model.commit(&request);
                prop_assert_eq!(told(evaluator.evaluate(request)), expected);
            }
            folded.fold(evaluator);
            prop_assert_eq!(folded.kept(), model.records.clone());
            prop_assert!(folded.position.revision.number() <= model.revision);
        }
    }
}

#[test]
fn a_batch_in_which_nothing_changed_is_not_written() {
    let mut evaluator = Folded::default().evaluator();
    let nothing = CommitRequest::new().check(key(1), Revision::ABSENT).unindex(key(2));
    evaluator.evaluate(nothing).expect("it holds");
    evaluator
        .evaluate(CommitRequest::new().put(key(1), Revision::from_number(9), 1, ""))
        .expect_err("a conflict");
    assert_eq!(evaluator.into_batch(), None);
}

#[test]
fn a_refused_commit_uses_no_revision() {
    let mut evaluator = Folded::default().evaluator();
    let refused =
        CommitRequest::new().put(key(1), Revision::ABSENT, 1, "").check(key(2), Revision::from_number(1));
    evaluator.evaluate(refused).expect_err("a conflict");
    let made = evaluator.evaluate(CommitRequest::new().put(key(1), Revision::ABSENT, 1, "")).expect("made");
    assert_eq!(made.revisions, [Revision::from_number(1)]);
}

#[test]
fn a_later_commit_of_a_batch_sees_an_earlier_one() {
    let mut evaluator = Folded::default().evaluator();
    let put = || CommitRequest::new().put(key(1), Revision::ABSENT, 1, "");
    evaluator.evaluate(put()).expect("nothing stands there");
    assert!(matches!(evaluator.evaluate(put()), Err(CommitError::Conflict { .. })));
    let batch = evaluator.into_batch().expect("one commit was made");
    assert_eq!(batch.commits.len(), 1);
}
