//! The forms in which single values stand in a row: text, milliseconds, seconds, base64url.
//!
//! What a row's member may be is checked while it is read, so that a row that was read turns into its noun
//! without a further check.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::{Amount, Instant};

/// A stored form of `T`: every `T` has one, and every one that was read is a `T` again.
pub(super) trait Form<T>: Sized {
    /// The form of a value.
    fn of(value: T) -> Self;
    /// The value again.
    fn value(self) -> T;
}

/// Forms that have `From` both ways.
macro_rules! form {
    ($($form:ty => $value:ty),+ $(,)?) => {
        $(impl $crate::store::rows::form::Form<$value> for $form {
            fn of(value: $value) -> Self {
                value.into()
            }

            fn value(self) -> $value {
                self.into()
            }
        })+
    };
}
pub(super) use form;

form!(String => String, bool => bool, u8 => u8, u16 => u16, u32 => u32, u64 => u64, i64 => i64);

impl<T, F: Form<T>> Form<Option<T>> for Option<F> {
    fn of(value: Option<T>) -> Self {
        value.map(F::of)
    }

    fn value(self) -> Option<T> {
        self.map(F::value)
    }
}

impl<A, B, FA: Form<A>, FB: Form<B>> Form<(A, B)> for (FA, FB) {
    fn of((first, second): (A, B)) -> Self {
        (FA::of(first), FB::of(second))
    }

    fn value(self) -> (A, B) {
        (self.0.value(), self.1.value())
    }
}

impl<T, F: Form<T>> Form<Vec<T>> for Vec<F> {
    fn of(values: Vec<T>) -> Self {
        values.into_iter().map(F::of).collect()
    }

    fn value(self) -> Vec<T> {
        self.into_iter().map(F::value).collect()
    }
}

impl<K: Ord, V, FK: Form<K> + Ord, FV: Form<V>> Form<BTreeMap<K, V>> for BTreeMap<FK, FV> {
    fn of(values: BTreeMap<K, V>) -> Self {
        values.into_iter().map(|(name, value)| (FK::of(name), FV::of(value))).collect()
    }

    fn value(self) -> BTreeMap<K, V> {
        self.into_iter().map(|(name, value)| (name.value(), value.value())).collect()
    }
}

/// A value that is one word or id.
pub(super) trait Word: Sized {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// As written.
    fn word(&self) -> &str;
    /// As read.
    fn read(text: &str) -> Option<Self>;
}

/// A word as a JSON string.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<T>(T);

impl<T> Form<T> for Text<T> {
    fn of(value: T) -> Self {
        Self(value)
    }

    fn value(self) -> T {
        self.0
    }
}

impl<T: Word> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, T: Word> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer, T::WHAT, T::read).map(Self)
    }
}

/// An instant as integer milliseconds since 1970, UTC; what lies below a millisecond is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Millis(Instant);

impl Form<Instant> for Millis {
    fn of(value: Instant) -> Self {
        Self(value)
    }

    fn value(self) -> Instant {
        self.0
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.timestamp_millis())
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = i64::deserialize(deserializer)?;
        let instant = Instant::from_timestamp_millis(millis);
        instant.map(Self).ok_or_else(|| D::Error::custom("an instant lies within the calendar"))
    }
}

/// A length of time as integer seconds; what lies below a second is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Secs(u64);

impl Form<Duration> for Secs {
    fn of(value: Duration) -> Self {
        Self(value.as_secs())
    }

    fn value(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// A length of time as integer milliseconds; what lies below is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MillisOf(u64);

impl Form<Duration> for MillisOf {
    fn of(value: Duration) -> Self {
        Self(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    fn value(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// An amount as integer ten-thousandths of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TenThousandths(Amount);

impl Form<Amount> for TenThousandths {
    fn of(value: Amount) -> Self {
        Self(value)
    }

    fn value(self) -> Amount {
        self.0
    }
}

impl Serialize for TenThousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.ten_thousandths())
    }
}

impl<'de> Deserialize<'de> for TenThousandths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let count = i64::deserialize(deserializer)?;
        Amount::from_ten_thousandths(count).map(Self).map_err(D::Error::custom)
    }
}

/// Bytes as base64url without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base64<B>(B);

impl<B> Form<B> for Base64<B> {
    fn of(value: B) -> Self {
        Self(value)
    }

    fn value(self) -> B {
        self.0
    }
}

impl<B: AsRef<[u8]>> Serialize for Base64<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de, B: TryFrom<Vec<u8>>> Deserialize<'de> for Base64<B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let decode = |text: &str| B::try_from(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        read_text(deserializer, "base64url of the right length", decode).map(Self)
    }
}

fn read_text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    what: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor { what, read, reads: PhantomData })
}

struct TextVisitor<T, R> {
    what: &'static str,
    read: R,
    reads: PhantomData<fn() -> T>,
}

impl<T, R: Fn(&str) -> Option<T>> Visitor<'_> for TextVisitor<T, R> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::custom(self.what))
    }
}
