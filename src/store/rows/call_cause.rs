//! Why a call did not succeed.

use super::form::Text;
use super::mirror::row_enum;
use crate::domain::{AccessKeyUse, CallCause, OnTheWay, OurFault, ParameterPlace};

row_enum!(
    /// A cause.
    CallCauseRow for CallCause {
        UnknownSubPath,
        WrongMethod {
            method: String = method,
            protocol: String = protocol,
            wanted: String = wanted,
            #[serde(skip_serializing_if = "Option::is_none")]
            looks_like: Option<String> = looks_like,
        },
        BodyTooLarge { limit: u64 = limit },
        MalformedJson,
        NestedTooDeep { limit: u64 = limit },
        DuplicateMember,
        QueryTooLong,
        QueryEncoding,
        QueryDuplicate,
        Missing { place: Text<ParameterPlace> = place, name: String = name },
        Malformed { place: Text<ParameterPlace> = place, name: String = name },
        TooLong { name: String = name, limit: u64 = limit },
        ClockOff { skew_secs: i64 = skew_secs, is_signed: bool = is_signed },
        NonceReused,
        NoAccessKey { unresolved: Vec<String> = unresolved },
        SignatureMissing,
        SignatureForm { chars: u64 = chars, wanted: u64 = wanted },
        SignatureUnknown { tried: u64 = tried, unresolved: Vec<String> = unresolved },
        RetiredKey { key: String = key },
        OtherUse {
            key: String = key,
            used_for: Text<AccessKeyUse> = used_for,
            wanted: Text<AccessKeyUse> = wanted,
        },
        OtherChannel { key: String = key, channel: String = channel },
        Altered { how: Text<OnTheWay> = how, key: String = key },
        UnknownActivity {
            protocol: String = protocol,
            spoken_by: Vec<String> = spoken_by,
            #[serde(skip_serializing_if = "Option::is_none")]
            meant: Option<String> = meant,
        },
        InstanceUnknown,
        InProgress,
        OrderHeld {
            #[serde(skip_serializing_if = "Option::is_none")]
            sku: Option<String> = sku,
        },
        Contradiction { why: String = why },
        ChangeRefused,
        NoPlaceFree,
        OutsideValidity,
        EndRequired,
        FingerprintRequired,
        AnswerUnfit { why: String = why },
        Unavailable { fault: Text<OurFault> = fault },
        CutOff,
    }
);
