//! Parameters that many operations take, in the words of one place: `params(Limit, Cursor)`.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use utoipa::openapi::{KnownFormat, Required, SchemaFormat};

macro_rules! parameters {
    ($($(#[doc = $doc:literal])+ $name:ident = $parameter:literal in $place:ident, $required:ident, $schema:expr;)+) => {
        $(
            $(#[doc = $doc])+
            pub enum $name {}

            impl IntoParams for $name {
                fn into_params(_place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                    let parameter = Parameter::builder().name($parameter).parameter_in(ParameterIn::$place);
                    let parameter = parameter.required(Required::$required).schema(Some($schema));
                    vec![parameter.description(Some(concat!($($doc),+).trim())).build()]
                }
            }
        )+

        /// Each with the name of its component.
        pub const SHARED: &[(&str, &str)] = &[$(($parameter, stringify!($name))),+];
    };
}

parameters! {
    /// How many items one page has at most; 50 when absent.
    Limit = "limit" in Query, False, page_size();
    /// The `next_cursor` of the page before.
    Cursor = "cursor" in Query, False, text();
    /// Show license keys, claim codes and authorization codes; needs the scope `keys`.
    Reveal = "reveal" in Query, False, flag();
    /// The merchant that an operator acts for. Other tokens belong to one merchant and need not name it.
    ActingFor = "Lictor-Merchant" in Header, False, text();
    /// The same text with the same request: done once, answered alike.
    IdempotencyKey = "Idempotency-Key" in Header, False, repeat_key();
    /// The same text for the same report: counted once, answered alike.
    ReportKey = "Idempotency-Key" in Header, True, repeat_key();
    /// The ETag that the caller has read; 412 when it changed since.
    IfMatch = "If-Match" in Header, False, text();
    /// The ETag that the caller has; 304 when it is still the current one.
    IfNoneMatch = "If-None-Match" in Header, False, text();
}

fn text() -> ObjectBuilder {
    Object::builder().schema_type(Type::String)
}

fn flag() -> ObjectBuilder {
    Object::builder().schema_type(Type::Boolean)
}

fn repeat_key() -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(255))
}

fn page_size() -> ObjectBuilder {
    let number = Object::builder().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(200));
    number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
}
