//! Forms that members of many requests and answers have: named once, referred to from everywhere.
//!
//! A member that is text in the code says its form by `#[schema(value_type = InstantForm)]`; optional ones by
//! `value_type = Option<InstantForm>`.

use std::borrow::Cow;

use utoipa::openapi::schema::{Object, OneOf, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::{Env, Scope, Starts};

/// The name in the document: the type's without `Form`.
fn named(form: &'static str) -> Cow<'static, str> {
    Cow::Borrowed(form.strip_suffix("Form").unwrap_or(form))
}

/// Texts that follow a pattern, with their longest length in characters.
macro_rules! texts {
    ($($(#[doc = $doc:literal])+ $name:ident = $pattern:expr, $length_max:expr;)+) => {$(
        $(#[doc = $doc])+
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let text = Object::builder().schema_type(Type::String).pattern(Some($pattern));
                text.max_length(Some($length_max)).description(Some(concat!($($doc),+).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                named(stringify!($name))
            }
        }
    )+};
}

/// Texts out of a closed set.
macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:expr;)+) => {$(
        $(#[doc = $doc])+
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words: Vec<&'static str> = $words.to_vec();
                let text = Object::builder().schema_type(Type::String).enum_values(Some(words));
                text.description(Some(concat!($($doc),+).trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                named(stringify!($name))
            }
        }
    )+};
}

/// Days that the calendar has, from 1970 on, as `read_instant` takes them.
const INSTANT: &str = concat!(
    "^(?:(?:19[7-9][0-9]|[2-9][0-9]{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])",
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))",
    "|(?:19(?:7[26]|8[048]|9[26])|[2-9][0-9](?:0[48]|[2468][048]|[13579][26])",
    "|(?:[2468][048]|[3579][26])00)-02-29)",
    "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$",
);

texts! {
    /// RFC 3339 in UTC with `Z` and whole seconds, from 1970 on.
    InstantForm = INSTANT, 20;
    /// `P14D`, `P1M`, `P1Y` (ISO 8601, one unit), or `permanent`.
    TermForm = "^(?:permanent|P(?:[1-9][0-9]{0,2}|1[01][0-9]{2}|1200)[DMY])$", 9;
    /// 1 to 64 lower-case letters, digits and inner hyphens.
    SlugForm = "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$", 64;
    /// 1 to 64 letters, digits, dots, underscores and hyphens.
    SpecIdForm = "^[A-Za-z0-9._-]{1,64}$", 64;
    /// An id that a marketplace gives: 1 to 128 visible ASCII characters.
    ForeignIdForm = "^[!-~]{1,128}$", 128;
    /// A license; never reused.
    LicenseIdForm = "^lic_[0-9A-Za-z]{22}$", 26;
    /// A license on a machine; never reused.
    ActivationIdForm = "^act_[0-9A-Za-z]{22}$", 26;
    /// An order line: the id of its license under another prefix.
    PurchaseIdForm = "^ord_[0-9A-Za-z]{22}$", 26;
    /// An event.
    EventIdForm = "^evt_[0-9A-Za-z]{22}$", 26;
    /// Text of at most 255 characters, and 255 bytes, without control characters.
    LabelForm = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", 255;
    /// Text of at most 1,000 characters, and 1,000 bytes; of control characters line feeds only.
    ReasonForm = "^[^\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]*$", 1_000;
}

words! {
    /// The stable name of what went wrong.
    ProblemCodeForm = super::problems::PROBLEMS.iter().flat_map(|(_, codes)| *codes).copied().collect::<Vec<_>>();
    /// What the reader does next.
    NextActionForm = ["paste_current_key", "renew", "release_a_machine", "set_clock", "go_online", "contact_seller", "retry"];
    /// What a token may do.
    ScopeForm = Scope::NAMES;
    /// Who stopped it.
    HolderForm = ["marketplace", "merchant"];
    /// When a quota begins anew.
    ResetForm = ["none", "hour", "day", "week", "month", "year"];
    /// What is done beyond the amount.
    OverageForm = ["stop", "count"];
    /// What a license begins with.
    StartsForm = Starts::NAMES;
    /// Sold, or made to try things out.
    EnvForm = [Env::Live.as_str(), Env::Test.as_str()];
    /// The first that applies.
    LicenseStateForm = ["revoked", "released", "suspended", "expired", "pending", "active"];
}

/// An amount in answers: a JSON number, never negative, with at most 4 decimals.
pub enum AmountForm {}

impl PartialSchema for AmountForm {
    fn schema() -> RefOr<Schema> {
        amount(
            "An amount: at most 4 decimals, below 900000000000. Read it from its text, not through a float.",
        )
        .into()
    }
}

impl ToSchema for AmountForm {
    fn name() -> Cow<'static, str> {
        named("AmountForm")
    }
}

/// An amount in requests: a number, or its text; no sign, no exponent.
pub enum AmountInputForm {}

impl PartialSchema for AmountInputForm {
    fn schema() -> RefOr<Schema> {
        let text =
            Object::builder().schema_type(Type::String).pattern(Some("^[0-9]{1,11}(?:[.][0-9]{1,4})?$"));
        let number = amount("At most 4 decimals, written without an exponent.");
        let either = OneOf::builder().item(number).item(text);
        Schema::from(either.description(Some("An amount, as a number or as its text."))).into()
    }
}

impl ToSchema for AmountInputForm {
    fn name() -> Cow<'static, str> {
        named("AmountInputForm")
    }
}

fn amount(description: &str) -> Object {
    Object::builder()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .minimum(Some(0))
        .exclusive_maximum(Some(900_000_000_000_i64))
        .description(Some(description))
        .build()
}

/// The text `"unlimited"`.
pub enum UnlimitedForm {}

impl PartialSchema for UnlimitedForm {
    fn schema() -> RefOr<Schema> {
        Object::builder().schema_type(Type::String).enum_values(Some(["unlimited"])).build().into()
    }
}

impl ToSchema for UnlimitedForm {
    fn name() -> Cow<'static, str> {
        named("UnlimitedForm")
    }
}
