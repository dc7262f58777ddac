//! How a call is written. The marketplace has one way today; it had others before, and will have others again.

use chrono::TimeDelta;

use super::words::Call;

/// The order and blanks of a JSON body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// Sorted and compact, as every body that the pages print but one.
    Sorted,
    /// In any order; the signature covers the sorted form.
    Shuffled,
    /// In any order and with blanks.
    Spaced,
}

/// What the signature of a JSON body covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedForm {
    /// Members sorted at the top and nulls dropped, as the marketplace's own sample does it.
    SortedAtTop,
    /// Sorted at every depth: another reading of the same sentence.
    SortedDeeply,
    /// The very bytes of the body: a third one.
    AsSent,
}

/// How a `+` of a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPlus {
    Encoded,
    /// As it is, which a form reader takes for a blank.
    Bare,
    /// As a blank: decoded once too often on its way.
    Blank,
}

/// One way to write a call. The default is the marketplace's.
#[derive(Debug, Clone, PartialEq)]
pub struct Manner {
    /// By how much the sender's clock is ahead.
    pub skew: TimeDelta,
    /// `timestamp` has 10 digits, as older pages say.
    pub in_seconds: bool,
    pub body: BodyForm,
    pub signed: SignedForm,
    /// Decides the order of members and parameters.
    pub order_seed: u64,
    /// Parameters of a query in any order.
    pub shuffled_query: bool,
    pub token_plus: TokenPlus,
    /// A blank in a value is written as `+`, as Java's encoder does.
    pub blank_as_plus: bool,
    /// A member that no page names, with members of its own.
    pub unknown_member: bool,
    /// Members that are not there are there as null.
    pub nulls: bool,
    /// `expireTime` with this many milliseconds: 17 digits.
    pub expire_millis: Option<u32>,
    /// Leaves these out.
    pub without: Vec<&'static str>,
    /// Signed with a key that is none of the channel's.
    pub wrong_key: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            skew: TimeDelta::zero(),
            in_seconds: false,
            body: BodyForm::Sorted,
            signed: SignedForm::SortedAtTop,
            order_seed: 0,
            shuffled_query: false,
            token_plus: TokenPlus::Encoded,
            blank_as_plus: false,
            unknown_member: false,
            nulls: false,
            expire_millis: None,
            without: Vec::new(),
            wrong_key: false,
        }
    }
}

/// Members that the pages call optional: activity and name. Which of them decide what is bought stays in.
const OPTIONAL: &[(&str, &[&str])] = &[
    (
        "newInstance",
        &["customerName", "mobilePhone", "email", "orderAmount", "provisionType", "saasExtendParams"],
    ),
    (
        "getLicense",
        &["customerName", "mobilePhone", "email", "orderAmount", "provisionType", "saasExtendParams"],
    ),
    ("refreshInstance", &["productId", "periodType", "periodNumber"]),
    ("refreshLicense", &["productId", "periodType", "periodNumber"]),
    ("refreshLicenseCode", &["productId"]),
    ("releaseInstance", &["orderLineId"]),
];

impl Manner {
    /// Leaves out what a call may be without.
    pub fn leaves_out_optional(&mut self, call: &Call) {
        let found = OPTIONAL.iter().find(|(activity, _)| *activity == call.activity);
        self.without.extend(found.map(|(_, names)| *names).unwrap_or_default());
    }
}
