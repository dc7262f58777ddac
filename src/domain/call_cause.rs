//! Why a call at a production address did not succeed: the true cause, for the merchant's engineer.
//!
//! Facts only; the words are made where they are read, in the reader's language. Nothing here quotes a call that was
//! not authenticated: names come from the protocol's own lists.

use super::AccessKeyUse;
use super::spec::named;

named!(
    /// Where a parameter stands.
    ParameterPlace {
        /// In the query string, beside the signature.
        Query = "query",
        /// In a header.
        Header = "header",
        /// Among what the call says.
        Call = "call",
    }
);

named!(
    /// What somebody between the marketplace and us did to a call, found by undoing it.
    OnTheWay {
        /// The body was written anew: blanks, escapes, the form of numbers.
        BodyReencoded = "body_reencoded",
        /// A plus of the query was decoded as a blank.
        PlusAsBlank = "plus_as_blank",
        /// The query was percent-encoded a second time.
        QueryEncodedTwice = "query_encoded_twice",
        /// A parameter was added to the query.
        ParameterAdded = "parameter_added",
        /// Signed over seconds, sent in milliseconds.
        TimestampInSeconds = "timestamp_in_seconds",
        /// Signed over milliseconds, sent in seconds.
        TimestampInMillis = "timestamp_in_millis",
        /// The signature is Base64 where hex digits are wanted.
        SignatureInBase64 = "signature_in_base64",
    }
);

named!(
    /// What of ours did not do it.
    OurFault {
        /// Too much work was waiting.
        StoreBusy = "store_busy",
        /// The disk is short of room.
        StoreFull = "store_full",
        /// The same records kept changing.
        StoreContended = "store_contended",
        /// Whether it was kept is not known.
        StoreUnsure = "store_unsure",
        /// The store is broken.
        StoreFailed = "store_failed",
        /// Nothing could be signed.
        SigningFailed = "signing_failed",
        /// Something broke in the middle.
        Broken = "broken",
    }
);

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallCause {
    /// Nothing lives under this path.
    UnknownSubPath,
    /// By a method that the family does not use.
    WrongMethod {
        /// Which one, of the common ones.
        method: String,
        /// What the channel speaks.
        protocol: String,
        /// The method that it uses.
        wanted: String,
        /// The family that calls so.
        looks_like: Option<String>,
    },
    /// More than is read.
    BodyTooLarge {
        /// What is read at most, in bytes.
        limit: u64,
    },
    /// No JSON object.
    MalformedJson,
    /// Nested too deep.
    NestedTooDeep {
        /// Levels that are read.
        limit: u64,
    },
    /// A member stands twice.
    DuplicateMember,
    /// The query is too long.
    QueryTooLong,
    /// The query's escapes are broken.
    QueryEncoding,
    /// A query parameter stands twice.
    QueryDuplicate,
    /// Something is not there.
    Missing {
        /// Where it belongs.
        place: ParameterPlace,
        /// What.
        name: String,
    },
    /// Something does not have its documented form.
    Malformed {
        /// Where it stands.
        place: ParameterPlace,
        /// What.
        name: String,
    },
    /// Something is longer than documented.
    TooLong {
        /// What.
        name: String,
        /// Characters, or ids in a list.
        limit: u64,
    },
    /// The call's time lies too far from ours. Positive: ahead of ours.
    ClockOff {
        /// By so much, in seconds.
        skew_secs: i64,
        /// Whether the signature fits: then it is a clock, otherwise an old or forged call.
        is_signed: bool,
    },
    /// The nonce was used before, by a call of other content.
    NonceReused,
    /// There is no access key to believe anybody by.
    NoAccessKey {
        /// References that cannot be resolved.
        unresolved: Vec<String>,
    },
    /// The call is not signed.
    SignatureMissing,
    /// The signature does not have the form of one.
    SignatureForm {
        /// Characters that it has.
        chars: u64,
        /// Characters that one has.
        wanted: u64,
    },
    /// The signature fits nothing that is known.
    SignatureUnknown {
        /// Live keys that were tried.
        tried: u64,
        /// References that cannot be resolved, and so were not tried.
        unresolved: Vec<String>,
    },
    /// The signature fits a key that was retired.
    RetiredKey {
        /// Its id.
        key: String,
    },
    /// The signature fits a key of this channel that is for something else.
    OtherUse {
        /// Its id.
        key: String,
        /// What it is for.
        used_for: AccessKeyUse,
        /// What was wanted.
        wanted: AccessKeyUse,
    },
    /// The signature fits a key of another channel of the merchant.
    OtherChannel {
        /// Its id.
        key: String,
        /// Which channel.
        channel: String,
    },
    /// The signature fits once something is undone that was done on the way.
    Altered {
        /// What was done.
        how: OnTheWay,
        /// The key that fits then.
        key: String,
    },
    /// The activity is none of this protocol's.
    UnknownActivity {
        /// What the channel speaks.
        protocol: String,
        /// The families that have it.
        spoken_by: Vec<String>,
        /// The activity of this protocol that differs in letter case only.
        meant: Option<String>,
    },
    /// Let in; there is no such instance.
    InstanceUnknown,
    /// Let in; the order is being asked for.
    InProgress,
    /// Let in; the order waits because no spec knows its SKU.
    OrderHeld {
        /// As the order names it.
        sku: Option<String>,
    },
    /// Let in; it contradicts what is known.
    Contradiction {
        /// The rule, in words.
        why: String,
    },
    /// Let in; the instance may not become what was asked.
    ChangeRefused,
    /// Let in; no place is free.
    NoPlaceFree,
    /// Let in; outside the validity of the current order.
    OutsideValidity,
    /// Let in; a license of a period needs its end.
    EndRequired,
    /// Let in; the spec binds machines and no fingerprint came.
    FingerprintRequired,
    /// Let in; the answer could not be sent as the marketplace takes it.
    AnswerUnfit {
        /// What is wrong with it, in words.
        why: String,
    },
    /// Let in; something of ours did not do it.
    Unavailable {
        /// What.
        fault: OurFault,
    },
    /// The caller hung up before there was an answer, or the time limit came first.
    CutOff,
}

/// A clock is hardly off by more than this, in seconds.
const FAR_OFF_SECS: u64 = 600;
/// Beijing is ahead of UTC by this much.
const BEIJING_SECS: i64 = 8 * 3_600;
/// A call may be late by this much besides.
const LATE_SECS: i64 = 300;

/// Whether a time that is ahead by this much is Beijing's where UTC is wanted.
pub fn is_beijing_time(skew_secs: i64) -> bool {
    (skew_secs - BEIJING_SECS).abs() <= LATE_SECS
}

impl CallCause {
    /// The stable word in answers: what sort of cause it is, without its facts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSubPath => "unknown_sub_path",
            Self::WrongMethod { .. } => "wrong_method",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::MalformedJson => "malformed_json",
            Self::NestedTooDeep { .. } => "nested_too_deep",
            Self::DuplicateMember => "duplicate_member",
            Self::QueryTooLong => "query_too_long",
            Self::QueryEncoding => "query_encoding",
            Self::QueryDuplicate => "query_duplicate",
            Self::Missing { .. } => "parameter_missing",
            Self::Malformed { .. } => "parameter_malformed",
            Self::TooLong { .. } => "parameter_too_long",
            Self::ClockOff { is_signed: true, .. } => "clock_off",
            Self::ClockOff { is_signed: false, .. } => "call_out_of_time",
            Self::NonceReused => "nonce_reused",
            Self::NoAccessKey { .. } => "no_access_key",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureForm { .. } => "signature_form",
            Self::SignatureUnknown { .. } => "signature_unknown",
            Self::RetiredKey { .. } => "signed_by_retired_key",
            Self::OtherUse { .. } => "signed_by_key_of_other_use",
            Self::OtherChannel { .. } => "signed_by_key_of_other_channel",
            Self::Altered { how, .. } => how.as_str(),
            Self::UnknownActivity { .. } => "unknown_activity",
            Self::InstanceUnknown => "instance_unknown",
            Self::InProgress => "in_progress",
            Self::OrderHeld { .. } => "order_held",
            Self::Contradiction { .. } => "contradiction",
            Self::ChangeRefused => "change_refused",
            Self::NoPlaceFree => "no_place_free",
            Self::OutsideValidity => "outside_validity",
            Self::EndRequired => "end_required",
            Self::FingerprintRequired => "fingerprint_required",
            Self::AnswerUnfit { .. } => "answer_unfit",
            Self::Unavailable { fault } => fault.as_str(),
            Self::CutOff => "cut_off",
        }
    }

    /// Whether the other one is the same but for facts that a stranger makes up: what remains is bounded.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ClockOff { .. }, Self::ClockOff { .. })
            | (Self::SignatureForm { .. }, Self::SignatureForm { .. }) => self.code() == other.code(),
            _ => self == other,
        }
    }

    /// Whether it is of another time altogether: an old call that is sent again, or one made for a trial. A caller that
    /// writes Beijing time is known by it.
    pub fn is_of_another_time(&self) -> bool {
        match self {
            Self::ClockOff { skew_secs, .. } => {
                skew_secs.unsigned_abs() > FAR_OFF_SECS && !is_beijing_time(*skew_secs)
            }
            _ => false,
        }
    }

    /// Whether only somebody who tries the address out calls so, and a marketplace never: with a time of another day, or
    /// with an activity that no protocol has.
    pub fn is_a_trial(&self) -> bool {
        match self {
            Self::UnknownActivity { protocol: _, spoken_by, meant } => {
                spoken_by.is_empty() && meant.is_none()
            }
            _ => self.is_of_another_time(),
        }
    }

    /// Whether the call was answered as the marketplace wants it all the same: it asks again, and all is well.
    pub fn is_progress(&self) -> bool {
        matches!(self, Self::InProgress | Self::OrderHeld { .. })
    }

    /// Whether the merchant can mend it: a key, a clock, a proxy, a setting. What a stranger sends and what is ours to
    /// mend is not theirs to act on.
    pub fn merchant_can_act(&self) -> bool {
        match self {
            Self::WrongMethod { looks_like, .. } => looks_like.is_some(),
            Self::UnknownActivity { .. }
            | Self::ClockOff { is_signed: true, .. }
            | Self::NoAccessKey { .. }
            | Self::SignatureForm { .. }
            | Self::SignatureUnknown { .. }
            | Self::RetiredKey { .. }
            | Self::OtherUse { .. }
            | Self::OtherChannel { .. }
            | Self::Altered { .. }
            | Self::AnswerUnfit { .. } => true,
            Self::UnknownSubPath
            | Self::BodyTooLarge { .. }
            | Self::MalformedJson
            | Self::NestedTooDeep { .. }
            | Self::DuplicateMember
            | Self::QueryTooLong
            | Self::QueryEncoding
            | Self::QueryDuplicate
            | Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::TooLong { .. }
            | Self::ClockOff { is_signed: false, .. }
            | Self::NonceReused
            | Self::SignatureMissing
            | Self::InstanceUnknown
            | Self::InProgress
            | Self::OrderHeld { .. }
            | Self::Contradiction { .. }
            | Self::ChangeRefused
            | Self::NoPlaceFree
            | Self::OutsideValidity
            | Self::EndRequired
            | Self::FingerprintRequired
            | Self::Unavailable { .. }
            | Self::CutOff => false,
        }
    }
}
