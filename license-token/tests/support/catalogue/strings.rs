//! How long texts may be and what may stand in them; how many items there may be.

use license_token::claims::{ITEMS_MAX, NAME_MAX_BYTES, URI_MAX_BYTES};
use license_token::{Code, LicenseClaims, SpecClaim, StatusRef};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{license, payload, render_minutes};
use super::{craft, key_vector};

pub fn all() -> Vec<Vector> {
    [lengths(), characters(), counts()].into_iter().flatten().collect()
}

fn with(name: &str, about: &str, pointer: &str, text: &str) -> Vector {
    key_vector(name, about, craft::license_with(pointer, &json!(text).to_string()))
}

fn lengths() -> Vec<Vector> {
    let name = "n".repeat(NAME_MAX_BYTES);
    let uri = format!("https://{}", "u".repeat(URI_MAX_BYTES - 8));
    let bad = |name: &str, about: &str, pointer: &str, text: &str| {
        with(name, about, pointer, text).refused(Code::Malformed).profile()
    };
    vec![
        with("ok-sub-128-bytes", "The longest id.", "/sub", &name).valid(),
        bad("sub-129-bytes", "One byte more.", "/sub", &format!("{name}n")),
        with("ok-sub-64-times-2-bytes", "Bytes are counted.", "/sub", &"\u{e9}".repeat(64)).valid(),
        bad("sub-65-times-2-bytes", "65 characters of two bytes each.", "/sub", &"\u{e9}".repeat(65)),
        with(
            "ok-sub-32-times-4-bytes",
            "Characters beyond the 16-bit ones.",
            "/sub",
            &"\u{1f511}".repeat(32),
        )
        .valid(),
        bad("sub-43-times-3-bytes", "129 bytes of UTF-8 are 43 characters.", "/sub", &"\u{4e2d}".repeat(43)),
        with("ok-uri-255-bytes", "The longest address.", "/status/status_list/uri", &uri).valid(),
        bad("uri-256-bytes", "One byte more.", "/status/status_list/uri", &format!("{uri}u")),
        bad("uri-empty", "An empty address.", "/status/status_list/uri", ""),
        bad("aud-129-bytes", "A product's name that is too long.", "/aud", &format!("{name}n")),
        bad("sku-empty", "An empty SKU.", "/lic/spec/sku", ""),
        bad("entitlement-empty", "An empty entitlement.", "/entitlements/0", ""),
        bad("attribute-empty", "An empty attribute.", "/lic/spec/attributes/edition", ""),
        bad(
            "attribute-129-bytes",
            "An attribute that is too long.",
            "/lic/spec/attributes/edition",
            &format!("{name}n"),
        ),
        with("ok-attribute-128-bytes", "The longest attribute.", "/lic/spec/attributes/edition", &name)
            .valid(),
        bad("attribute-name-empty", "An attribute without a name.", "/lic/spec/attributes/", "x"),
        bad(
            "attribute-name-129-bytes",
            "A name that is too long.",
            &format!("/lic/spec/attributes/{name}n"),
            "x",
        ),
        with(
            "ok-attribute-name-proto",
            "A name that some languages give a meaning.",
            "/lic/spec/attributes/__proto__",
            "x",
        )
        .valid(),
        bad("metric-129-bytes", "A metric that is too long.", "/lic/quota/0/metric", &format!("{name}n")),
    ]
}

fn characters() -> Vec<Vector> {
    let bad = |name: &str, about: &str, pointer: &str, text: &str| {
        with(name, about, pointer, text).refused(Code::Malformed).profile()
    };
    vec![
        bad("sub-line-feed-at-end", "A line feed at the end.", "/sub", "lic_1\n"),
        bad("sub-delete", "U+007F is a control character.", "/sub", "lic_\u{7f}"),
        bad("sub-next-line", "U+0085 is a control character.", "/sub", "lic_\u{85}"),
        bad("sub-c1-last", "U+009F is the last control character.", "/sub", "lic_\u{9f}"),
        with("ok-sub-no-break-space", "U+00A0 is none.", "/sub", "lic_\u{a0}").valid(),
        with("ok-sub-line-separator", "U+2028 is none.", "/sub", "lic_\u{2028}").valid(),
        with("ok-sub-direction-mark", "U+202E is none: it only looks odd.", "/sub", "lic_\u{202e}").valid(),
        with(
            "ok-sub-noncharacter",
            "U+FFFF stands for no character, and is none of them.",
            "/sub",
            "lic_\u{ffff}",
        )
        .valid(),
        with("ok-sub-replacement", "U+FFFD may stand there as itself.", "/sub", "lic_\u{fffd}").valid(),
        bad(
            "attribute-control",
            "A control character in an attribute.",
            "/lic/spec/attributes/edition",
            "a\u{1}b",
        ),
        bad("attribute-name-control", "One in its name.", "/lic/spec/attributes/a\u{1}b", "x"),
        bad("uri-control", "A tabulator in an address.", "/status/status_list/uri", "https://a\t.example"),
    ]
}

fn counts() -> Vec<Vector> {
    let entitled = |count: usize| LicenseClaims {
        entitlements: (0..count).map(|index| format!("e{index}")).collect(),
        ..license()
    };
    let with_attributes = |count: usize| LicenseClaims {
        spec: SpecClaim {
            sku: "CAD-PRO".into(),
            attributes: (0..count).map(|index| (format!("a{index}"), "x".into())).collect(),
        },
        ..license()
    };
    let with_quota = |count: usize| LicenseClaims { quota: vec![render_minutes(1); count], ..license() };
    let of = |claims: &LicenseClaims| craft::license_of(payload(claims));
    let bad = |name: &str, about: &str, claims: &LicenseClaims| {
        key_vector(name, about, of(claims)).refused(Code::Malformed).profile()
    };
    let without = LicenseClaims { entitlements: Vec::new(), quota: Vec::new(), status: None, ..license() };
    vec![
        key_vector("ok-64-entitlements", "As many as there may be.", of(&entitled(ITEMS_MAX)))
            .expect("entitlements", json!(["e63"]))
            .valid(),
        bad("65-entitlements", "One more.", &entitled(ITEMS_MAX + 1)),
        key_vector("ok-64-attributes", "As many as there may be.", of(&with_attributes(ITEMS_MAX))).valid(),
        bad("65-attributes", "One more.", &with_attributes(ITEMS_MAX + 1)),
        key_vector("ok-64-packages", "As many as there may be.", of(&with_quota(ITEMS_MAX)))
            .expect("quota", json!([{ "metric": "render-minutes", "amount": "64" }]))
            .valid(),
        bad("65-packages", "One more.", &with_quota(ITEMS_MAX + 1)),
        key_vector("ok-without-optional-members", "What is optional is not there.", of(&without)).valid(),
        key_vector("ok-entitlements-empty", "An empty array.", craft::license_with("/entitlements", "[]"))
            .valid(),
        key_vector(
            "ok-without-policy",
            "Without a policy a key has to be activated.",
            craft::license_with("/lic/policy", ""),
        )
        .valid(),
        key_vector("status-empty", "A status that names no list.", craft::license_with("/status", "{}"))
            .refused(Code::Malformed)
            .profile(),
        key_vector("spec-missing", "No spec.", craft::license_with("/lic/spec", ""))
            .refused(Code::Malformed)
            .profile(),
        key_vector("jti-missing", "No id of the token.", craft::license_with("/jti", ""))
            .refused(Code::Malformed)
            .profile(),
        key_vector("aud-missing", "No product.", craft::license_with("/aud", ""))
            .refused(Code::Malformed)
            .profile(),
        key_vector("env-missing", "No environment.", craft::license_with("/lic/env", ""))
            .refused(Code::Malformed)
            .profile(),
        key_vector("lic-version-missing", "No version.", craft::license_with("/lic/v", ""))
            .refused(Code::Malformed)
            .profile(),
        key_vector(
            "idx-missing",
            "A status without its index.",
            craft::license_with("/status/status_list/idx", ""),
        )
        .refused(Code::Malformed)
        .profile(),
        key_vector("iss-missing", "No issuer is not the key's issuer.", craft::license_with("/iss", ""))
            .refused(Code::UnknownKey)
            .profile(),
        key_vector(
            "iss-slash",
            "An issuer that differs by its last character.",
            craft::license_of(payload(&LicenseClaims { iss: format!("{}/", license().iss), ..license() })),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector("term-permanent-without-exp-and-status", "A permanent key without a list.", {
            let status = None::<StatusRef>;
            let claims =
                LicenseClaims { exp: None, status, term: license_token::Term::Permanent, ..license() };
            of(&claims)
        })
        .valid(),
    ]
}
