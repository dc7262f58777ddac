//! Forms that members of many requests and answers have: named once, referred to from everywhere.
//!
//! A member that is text in the code says its form by `#[schema(value_type = InstantForm)]`; optional ones by
//! `value_type = Option<InstantForm>`.

use std::borrow::Cow;

use utoipa::openapi::schema::{Array, Object, OneOf, Schema, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use crate::application::DeliveryFilter;
use crate::domain::{DisableCause, Env, Marketplace, Scope, Starts, UsageState, WebhookEvent};

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
    /// What somebody types or pastes: 1 to 8,192 characters.
    QueryForm = "^[\\s\\S]+$", 8_192;
    /// A license; never reused.
    LicenseIdForm = "^lic_[0-9A-Za-z]{22}$", 26;
    /// A license on a machine; never reused.
    ActivationIdForm = "^act_[0-9A-Za-z]{22}$", 26;
    /// An order line: the id of its license under another prefix.
    PurchaseIdForm = "^ord_[0-9A-Za-z]{22}$", 26;
    /// An event.
    EventIdForm = "^evt_[0-9A-Za-z]{22}$", 26;
    /// Quota kept back for work that may fail.
    ReservationIdForm = "^rsv_[0-9A-Za-z]{22}$", 26;
    /// An API token, as shown in lists.
    ApiTokenIdForm = "^tok_[0-9A-Za-z]{22}$", 26;
    /// Somebody at work in the console.
    SessionIdForm = "^ses_[0-9A-Za-z]{22}$", 26;
    /// A link that opens a session once.
    SignInLinkIdForm = "^lnk_[0-9A-Za-z]{22}$", 26;
    /// Work to be done after an answer.
    JobIdForm = "^job_[0-9A-Za-z]{22}$", 26;
    /// An endpoint of webhooks.
    WebhookIdForm = "^whk_[0-9A-Za-z]{22}$", 26;
    /// A secret of an endpoint.
    WebhookSecretIdForm = "^wsk_[0-9A-Za-z]{22}$", 26;
    /// One event on its way to one endpoint.
    DeliveryIdForm = "^dlv_[0-9A-Za-z]{22}$", 26;
    /// Where events go: `https://`, a host, perhaps a port, a path and a query; no name, password or fragment.
    WebhookUrlForm = "^https?://[!-~]+$", 2_048;
    /// Your own words: at most 256 characters without control characters.
    WebhookDescriptionForm = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", 256;
    /// Where the server finds a secret: `env:NAME` or `file:PATH`.
    SecretReferenceForm = "^(?:env|file):.+$", 4_096;
    /// A secret of Standard Webhooks.
    WebhookSecretForm = "^whsec_[A-Za-z0-9+/]+={0,2}$", 94;
    /// How an answer begins, or why there was none.
    AttemptWordsForm = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", 200;
    /// A call at a production address.
    CallIdForm = "^cal_[0-9A-Za-z]{22}$", 26;
    /// A signing key: the RFC 7638 thumbprint of its public half.
    KeyIdForm = "^[A-Za-z0-9_-]{43}$", 43;
    /// 32 bytes in base64url.
    DigestForm = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", 43;
    /// A commitment to a component of a machine: 16 bytes in base64url.
    CommitmentForm = "^[A-Za-z0-9_-]{21}[AQgw]$", 22;
    /// 1 to 64 visible ASCII characters.
    MeteringSnForm = "^[!-~]{1,64}$", 64;
    /// A number as tokens write it, without leading zeros.
    ListNumberForm = "^(?:0|[1-9][0-9]{0,9})$", 10;
    /// A signed token, as text.
    TokenForm = "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+$", 16_777_216;
    /// A license key, a claim code, or a certificate; white space does not matter. What is none is refused with 401.
    CredentialForm = "^[\\s\\S]*$", 65_536;
    /// How a machine is shown: at most 128 bytes without control characters.
    MachineNameForm = "^[^\\x00-\\x1f\\x7f-\\x9f]*$", 128;
    /// 1 to 128 bytes without control characters; the same again for the same request.
    NonceForm = "^[^\\x00-\\x1f\\x7f-\\x9f]+$", 128;
    /// The name of an API token: 1 to 128 bytes without control characters, not blank.
    TokenNameForm = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\x00-\\x20\\x7f-\\xa0][^\\x00-\\x1f\\x7f-\\x9f]*$", 128;
    /// A store: 1 to 1,024 bytes without control characters.
    PlaceForm = "^[^\\x00-\\x1f\\x7f-\\x9f]+$", 1_024;
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
    /// What is sent to endpoints.
    WebhookEventForm = WebhookEvent::NAMES;
    /// Whether events are sent to an endpoint.
    WebhookStateForm = ["enabled", "disabled"];
    /// Why none are.
    DisableCauseForm = DisableCause::NAMES;
    /// Where a delivery stands.
    DeliveryStateForm = DeliveryFilter::NAMES;
    /// What is done to a license.
    CommandForm = ["suspend", "resume", "revoke", "reissue", "accept", "extend", "change"];
    /// What becomes of license key and claim code.
    KeyAfterForm = ["stays", "new", "superseded", "replaced", "replaced_as_leaked", "ended"];
    /// What becomes of a machine.
    MachineFateForm = [
        "runs_on", "runs_on_renewed", "beyond_limit", "stops", "stops_for_good", "resumes", "loses_place", "has_lapsed",
    ];
    /// Who stopped it.
    HolderForm = ["marketplace", "merchant"];
    /// When a quota begins anew.
    ResetForm = ["none", "hour", "day", "week", "month", "year"];
    /// What is done beyond the amount.
    OverageForm = ["stop", "count"];
    /// What a license begins with.
    StartsForm = Starts::NAMES;
    /// What a request was answered by, carried by hand.
    CarriedOutcomeForm = ["activated", "renewed", "deactivated"];
    /// `valid`, or why not.
    VerdictCodeForm = [
        "valid", "license_key_refused", "license_expired", "license_suspended", "license_released", "license_revoked",
        "license_superseded", "license_not_started", "machine_mismatch", "machine_limit_reached", "not_found",
    ];
    /// `valid`, why not, or why nobody knows.
    ExplanationCodeForm = [
        "valid", "license_expired", "license_suspended", "license_released", "license_revoked", "license_not_started",
        "not_issued", "not_known",
    ];
    /// How a license key stood: `followed` by a newer one, it is still good.
    KeyPastForm = ["current", "followed", "superseded"];
    /// Whether the process lives, or is ready to serve.
    HealthStatusForm = ["live", "ready"];
    /// How much room the store's disk has.
    DiskForm = ["ample", "low", "short", "full"];
    /// What became of a row.
    ImportOutcomeForm = ["imported", "unchanged", "refused"];
    /// What an apply file did to an entry.
    EntryChangeForm = ["created", "changed", "unchanged", "removed"];
    /// Where a record of usage stands.
    UsageStateForm = UsageState::NAMES;
    /// Where a reservation stands.
    ReservationStateForm = ["open", "confirmed", "released"];
    /// Which machines keep their places.
    KeepWordForm = ["all", "none"];
    /// Where an order line stands.
    OrderStateForm = ["received", "held", "minted", "ended"];
    /// How an order is charged.
    ChargingForm = ["period", "one_time", "on_demand", "on_demand_package"];
    /// Where it was bought.
    MarketplaceForm = [Marketplace::KooGallery.as_str(), Marketplace::Generic.as_str()];
    /// Whether the order is here.
    FetchOutcomeForm = ["received", "asking"];
    /// What comparing an order found.
    CompareOutcomeForm = ["missing", "differs", "known"];
    /// What a job waits for: `held_back` while its channel's marketplace does not answer.
    JobStateForm = ["running", "due", "waiting", "held_back"];
    /// What is done first.
    JobRankForm = ["by_hand", "purchase", "ordinary"];
    /// When an instance is told to be ready.
    ReadyForm = ["minted", "app-info"];
    /// Whether the keys of a channel's open API are found.
    OpenApiStandingForm = ["ready", "unresolvable", "absent"];
    /// What a check found.
    CheckStateForm = ["ok", "warn", "fail", "skipped"];
    /// What a signing key signs.
    KeyRoleForm = ["root", "license", "activation", "status"];
    /// What a signing key signs whose place the service can fill.
    RotatedRoleForm = ["license", "activation", "status"];
    /// How a signing key stands.
    KeyStateForm = ["staged", "active", "verifying", "retired", "revoked"];
    /// `all`: the key was stolen; `after`: what it signed before `at` stays good.
    RevocationModeForm = ["all", "after"];
    /// Certificates are being looked at.
    LookingStateForm = ["looking"];
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

/// An instant with any offset and any fraction of a second.
pub enum TimeForm {}

impl PartialSchema for TimeForm {
    fn schema() -> RefOr<Schema> {
        let text = Object::builder().schema_type(Type::String);
        let text = text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        text.description(Some("RFC 3339.")).build().into()
    }
}

impl ToSchema for TimeForm {
    fn name() -> Cow<'static, str> {
        named("TimeForm")
    }
}

/// Verifying keys (RFC 7517, RFC 8037), each with its `role` and the issuer that it signs for.
pub enum JwkSetForm {}

impl PartialSchema for JwkSetForm {
    fn schema() -> RefOr<Schema> {
        let text = || Object::builder().schema_type(Type::String).build();
        let key =
            Object::builder().schema_type(Type::Object).additional_properties(Some(Schema::from(text())));
        let keys = Array::builder().items(RefOr::T(Schema::from(key.build()))).build();
        let set = Object::builder().property("keys", keys).required("keys");
        set.description(Some("A JWK Set; every member of a key is text.")).build().into()
    }
}

impl ToSchema for JwkSetForm {
    fn name() -> Cow<'static, str> {
        named("JwkSetForm")
    }
}
