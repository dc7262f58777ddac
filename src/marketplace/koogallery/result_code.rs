//! What a merchant may answer. The messages are fixed: nothing of the call is ever echoed.
//!
//! Source: zh-cn_topic_0070649421 (SaaS V2), zh-cn_topic_0070649057 and zh-cn_topic_0070649114 (V1 guides),
//! zh-cn_topic_0070649288 (online License: `0009xx`).

use crate::domain::PurchaseOutcome;
use crate::marketplace::RefusalCause;

/// A result code of the marketplace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultCode {
    Success,
    AuthenticationFailed,
    InvalidParameter,
    /// Renewal, status, release and query.
    InstanceUnknown,
    /// For a new instance: received, provisioned asynchronously.
    Processing,
    InternalError,
    /// `0001xx` belong to a new purchase.
    NoResource,
    MobileNumberRefused,
    EmailRefused,
    AlreadyBought,
    ProductError,
    AlreadySubscribed,
    SoldOut,
    EmailDomainExists,
    /// `0009xx` belong to the application for a License.
    NoPlaceFree,
    WithinCurrentOrder,
    ExpiryRequired,
    FingerprintRequired,
}

impl ResultCode {
    /// The whole table, in the order of the codes.
    pub const ALL: [Self; 18] = [
        Self::Success,
        Self::AuthenticationFailed,
        Self::InvalidParameter,
        Self::InstanceUnknown,
        Self::Processing,
        Self::InternalError,
        Self::NoResource,
        Self::MobileNumberRefused,
        Self::EmailRefused,
        Self::AlreadyBought,
        Self::ProductError,
        Self::AlreadySubscribed,
        Self::SoldOut,
        Self::EmailDomainExists,
        Self::NoPlaceFree,
        Self::WithinCurrentOrder,
        Self::ExpiryRequired,
        Self::FingerprintRequired,
    ];

    /// The code for an outcome; none for outcomes that are answered with members of their own.
    pub fn of(outcome: &PurchaseOutcome) -> Option<Self> {
        match outcome {
            PurchaseOutcome::Done => Some(Self::Success),
            PurchaseOutcome::InstanceUnknown => Some(Self::InstanceUnknown),
            PurchaseOutcome::Processing => Some(Self::Processing),
            PurchaseOutcome::Unavailable => Some(Self::InternalError),
            // No page has a code for "no" to a change that is only thought of: the target is what does not fit.
            PurchaseOutcome::InvalidParameter | PurchaseOutcome::ChangeRefused => {
                Some(Self::InvalidParameter)
            }
            PurchaseOutcome::NoPlaceFree => Some(Self::NoPlaceFree),
            PurchaseOutcome::OutsideValidity => Some(Self::WithinCurrentOrder),
            PurchaseOutcome::EndRequired => Some(Self::ExpiryRequired),
            PurchaseOutcome::FingerprintRequired => Some(Self::FingerprintRequired),
            PurchaseOutcome::Accepted { .. }
            | PurchaseOutcome::Delivered { .. }
            | PurchaseOutcome::Instances(_) => None,
        }
    }

    /// Six digits.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// `resultMsg`: ASCII, at most 255 characters.
    pub fn message(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Success => ("000000", "success."),
            Self::AuthenticationFailed => ("000001", "authentication failed."),
            Self::InvalidParameter => ("000002", "invalid request parameter."),
            Self::InstanceUnknown => ("000003", "the instance does not exist."),
            Self::Processing => ("000004", "the request is being processed."),
            Self::InternalError => ("000005", "internal error."),
            Self::NoResource => ("000100", "no instance resource is available."),
            Self::MobileNumberRefused => ("000101", "the mobile number is missing or already used."),
            Self::EmailRefused => ("000102", "the e-mail address is missing or already used."),
            Self::AlreadyBought => ("000103", "the product was already bought and cannot be bought again."),
            Self::ProductError => ("000104", "internal service error of the product."),
            Self::AlreadySubscribed => ("000105", "the account has already subscribed to the benefit."),
            Self::SoldOut => ("000106", "the resources of the product are sold out."),
            Self::EmailDomainExists => ("000107", "the e-mail domain already exists."),
            Self::NoPlaceFree => ("000900", "the license quota of the current order is used up."),
            Self::WithinCurrentOrder => ("000901", "apply within the validity of the current order."),
            Self::ExpiryRequired => ("000902", "a yearly or monthly license needs an expiry."),
            Self::FingerprintRequired => ("000903", "a device fingerprint or hardware code is required."),
        }
    }
}

/// How a refusal reaches the caller: as a result code, or, when the call cannot be read at all, as a plain status.
pub enum Wording {
    Coded(ResultCode),
    Plain { status: u16, code: &'static str },
}

pub fn wording(cause: &RefusalCause) -> Wording {
    match cause {
        RefusalCause::UnknownSubPath => Wording::Plain { status: 404, code: "not_found" },
        RefusalCause::WrongMethod | RefusalCause::NotGet | RefusalCause::NotPost => {
            Wording::Plain { status: 405, code: "method_not_allowed" }
        }
        RefusalCause::BodyTooLarge { .. } => Wording::Plain { status: 413, code: "too_large" },
        RefusalCause::MalformedJson | RefusalCause::NestedTooDeep { .. } => {
            Wording::Plain { status: 400, code: "malformed_json" }
        }
        RefusalCause::DuplicateMember => Wording::Plain { status: 400, code: "duplicate_member" },
        RefusalCause::NoAccessKey | RefusalCause::SignatureMissing | RefusalCause::SignatureWrong => {
            Wording::Coded(ResultCode::AuthenticationFailed)
        }
        RefusalCause::UnreadableQuery(_)
        | RefusalCause::QueryParameterMissing(_)
        | RefusalCause::QueryParameterMalformed(_)
        | RefusalCause::HeaderMissing(_)
        | RefusalCause::HeaderMalformed(_)
        | RefusalCause::StaleTimestamp { .. }
        | RefusalCause::NonceReused
        | RefusalCause::ParameterMissing(_)
        | RefusalCause::ParameterTooLong { .. }
        | RefusalCause::ParameterMalformed(_)
        | RefusalCause::UnknownActivity => Wording::Coded(ResultCode::InvalidParameter),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_six_digits_and_an_ascii_message_within_255_characters_and_none_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        for result in ResultCode::ALL {
            assert!(result.code().len() == 6 && result.code().bytes().all(|byte| byte.is_ascii_digit()));
            assert!(result.message().is_ascii() && result.message().len() <= 255);
            assert!(seen.insert(result.code()) && seen.insert(result.message()));
        }
        assert_eq!(ResultCode::ALL.len(), 6 + 8 + 4);
    }
}
