//! Why a call was not let in, in words for the merchant's engineer. The marketplace is only told a code.

use thiserror::Error;

/// A call that was not let in. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{cause}")]
pub struct CallRefusal {
    pub cause: RefusalCause,
    /// Known once the body was read. It is the caller's claim unless `signed_by` is there.
    pub activity: Option<&'static str>,
    /// Likewise.
    pub test: bool,
    /// Index of the access key whose signature fits; none when the refusal came first.
    pub signed_by: Option<usize>,
}

/// Parameters are named by us, never quoted from the call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RefusalCause {
    #[error(
        "nothing lives under this address: the production address has no such sub-path for this protocol"
    )]
    UnknownSubPath,
    #[error(
        "called by another method than POST: a GET with a query is the old SaaS V1 or License 1.0 family"
    )]
    WrongMethod,
    #[error(
        "called by another method than GET: a POST with JSON is the SaaS V2 family or a newer License one"
    )]
    NotGet,
    #[error("called by another method than POST: events come by POST")]
    NotPost,
    #[error("the body has {bytes} bytes, at most {limit} are read")]
    BodyTooLarge { bytes: usize, limit: usize },
    #[error("the body is no JSON object")]
    MalformedJson,
    #[error("the body is nested deeper than {limit} levels")]
    NestedTooDeep { limit: usize },
    #[error("the body names a member twice")]
    DuplicateMember,
    #[error("the query string cannot be read: {0}")]
    UnreadableQuery(QueryDefect),
    #[error("the query parameter {0} is missing")]
    QueryParameterMissing(&'static str),
    #[error("the query parameter {0} does not have its documented form")]
    QueryParameterMalformed(&'static str),
    #[error("the header {0} is missing, or stands there more than once")]
    HeaderMissing(&'static str),
    #[error("the header {0} does not have its documented form")]
    HeaderMalformed(&'static str),
    /// Positive: the call's time lies ahead of ours.
    #[error("{}", stale_words(*skew_secs))]
    StaleTimestamp { skew_secs: i64 },
    #[error("the nonce was used before, by another call")]
    NonceReused,
    #[error("the channel has no access key")]
    NoAccessKey,
    #[error("the call is not signed")]
    SignatureMissing,
    #[error("the signature fits none of the channel's access keys")]
    SignatureWrong,
    #[error("the parameter {0} is missing")]
    ParameterMissing(&'static str),
    #[error("the parameter {name} is longer than {limit}")]
    ParameterTooLong { name: &'static str, limit: usize },
    #[error("the parameter {0} does not have its documented form")]
    ParameterMalformed(&'static str),
    #[error("the activity is none of this protocol's")]
    UnknownActivity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QueryDefect {
    #[error("it is too long")]
    TooLong,
    #[error("a percent sign is not followed by two hex digits, or the text is no UTF-8")]
    Encoding,
    #[error("a parameter stands there twice")]
    Duplicate,
}

fn stale_words(skew_secs: i64) -> String {
    let secs = skew_secs.unsigned_abs();
    if skew_secs > 0 {
        format!("your clock is {secs} s behind the marketplace's")
    } else {
        format!("your clock is {secs} s ahead of the marketplace's, or the call was held up on its way")
    }
}
