//! One call and what came back.

use std::time::Duration;

use serde_json::{Map, Value};

use super::kind::Kind;
use crate::sandbox::family::Family;

/// One call to a production address, and what came of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub family: Family,
    /// As sent; may be one that the family does not have.
    pub activity: String,
    /// Whether `testFlag` said so: nothing may be left behind.
    pub is_test: bool,
    /// The members or parameters that were sent, without signature, time and nonce.
    pub sent: Map<String, Value>,
    pub expected: Expected,
    pub outcome: Result<WireAnswer, CallFailure>,
    /// When it was sent and when its end was seen, both since the start of one stopwatch.
    pub began: Duration,
    pub ended: Duration,
}

/// What has to come of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is right: 000000, or 000004 where the work goes on.
    Accepted,
    /// The same, although it is written in an unusual way.
    AcceptedDespite(Twist),
    /// It is wrong and has to be refused.
    Refused(Provocation),
    /// Any documented answer will do: whether it is right depends on what the other side knows.
    Documented,
}

/// What is unusual about a right call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twist {
    /// A member that no page names.
    UnknownMember,
    /// An optional member that is usually there is not.
    MissingOptional,
    /// The members of the body are not sorted; the signature covers the sorted form.
    Unsorted,
    /// Members that are not there are there as null.
    NullMember,
    /// The signature covers another form of the body that the documents can be read to mean.
    OtherReading,
    /// `timestamp` is in seconds, as older pages say.
    Seconds,
    /// Times have 17 digits.
    LongTime,
    /// A `+` of the token arrives as a blank.
    BlankInToken,
    /// The call's time is off by less than the tolerance.
    Skewed,
    /// The very same call again, signature and all. A server that keeps nonces may refuse it; one that keeps its answers
    /// gives the same.
    Replayed,
}

/// What is wrong about a call that has to be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provocation {
    /// Signed with another key.
    WrongSignature,
    /// Not signed.
    MissingSignature,
    /// Signed for a time that is long over.
    StaleTime,
    /// An activity that no page knows.
    UnknownActivity,
}

/// An answer as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireAnswer {
    pub status: u16,
    /// In the order received, names in exactly the letter case received.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body, after the chunks were put together.
    pub body: Vec<u8>,
    /// From the first attempt to connect to the last byte.
    pub took: Duration,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallFailure {
    #[error("no answer within {} ms, while {phase}", after.as_millis())]
    TimedOut { phase: Phase, after: Duration },
    #[error("the name cannot be resolved: {0}")]
    NameUnknown(String),
    #[error("the connection cannot be made: {0}")]
    CannotConnect(String),
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("the connection was closed before the answer was whole")]
    Closed,
    #[error("the answer is no HTTP/1.1: {0}")]
    Unreadable(String),
    #[error("the answer is longer than {limit} bytes")]
    TooLarge { limit: usize },
}

/// What was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connecting,
    TlsHandshake,
    FirstByte,
    Rest,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::TlsHandshake => "agreeing on TLS",
            Self::FirstByte => "waiting for the first byte",
            Self::Rest => "reading the rest of the answer",
        })
    }
}

impl WireAnswer {
    /// The value of a header, its name in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body, when it is a JSON object.
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.body).ok()
    }

    /// `resultCode`; empty when there is none.
    pub fn result_code(&self) -> String {
        let code = self.object().and_then(|body| Some(body.get("resultCode")?.as_str()?.to_owned()));
        code.unwrap_or_default()
    }

    /// Whether it says that the call was done, or is being done.
    pub fn is_success(&self) -> bool {
        self.status == 200 && matches!(self.result_code().as_str(), "000000" | "000004")
    }
}

impl Exchange {
    /// What the call is about.
    pub fn kind(&self) -> Kind {
        self.family.kind_of(&self.activity)
    }

    /// A member that was sent, as text; empty when it was not.
    pub fn text(&self, name: &str) -> String {
        match self.sent.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// What makes the purchase unique: order and line, in families without lines the order, and for pay-per-use the
    /// product beside it, which only such calls name in the newer families. Empty when no order was named.
    pub fn order_identity(&self) -> String {
        let order = self.text("orderId");
        if order.is_empty() {
            return order;
        }
        let names_product = !self.family.is_get() || self.text("chargingMode") == "0";
        let product = if names_product { self.text("productId") } else { String::new() };
        format!("{order}/{}/{product}", self.text("orderLineId"))
    }
}
