//! The three members of the header, each with what is nearly right.

use license_token::{Code, Role};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{header, key, license, payload, status_list};
use super::{craft, key_vector, with_header};

pub fn all() -> Vec<Vector> {
    [members(), algorithms(), types(), names()].into_iter().flatten().collect()
}

fn usual() -> String {
    header("license+jwt", Role::License)
}

fn members() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for member in ["alg", "typ", "kid"] {
        for (word, json) in [("null", "null"), ("boolean", "true"), ("array", r#"["x"]"#), ("object", "{}")] {
            let token = with_header(&craft::with_member(&usual(), &format!("/{member}"), json));
            let about = format!("{member} is of type {word}.");
            let name = format!("header-{member}-{word}");
            let vector = key_vector(&name, &about, token).refused(Code::BadHeader);
            // Stock libraries look at `typ` only when they are told to.
            vectors.push(if member == "typ" { vector.profile() } else { vector });
        }
    }
    let with = |name: &str, about: &str, from: &str, to: &str| {
        let before = usual();
        assert!(before.contains(from), "{from} is not in {before}");
        key_vector(name, about, with_header(&before.replacen(from, to, 1)))
    };
    vectors.extend([
        with("header-alg-twice", "alg stands twice.", r#""typ""#, r#""alg":"EdDSA","typ""#)
            .refused(Code::Malformed)
            .profile(),
        with(
            "header-typ-twice-escaped",
            "typ stands twice, once escaped.",
            r#""typ""#,
            r#""t\u0079p":"JWT","typ""#,
        )
        .refused(Code::Malformed)
        .profile(),
        with("header-cty", "A content type.", "{", r#"{"cty":"JWT","#).refused(Code::BadHeader).profile(),
        with("header-crit-empty", "Nothing critical.", "{", r#"{"crit":[],"#)
            .refused(Code::BadHeader)
            .profile(),
        with(
            "header-b64-critical",
            "A payload that is not encoded, marked as critical.",
            "{",
            r#"{"b64":true,"crit":["b64"],"#,
        )
        .refused(Code::BadHeader)
        .profile(),
        with("header-x5c", "A certificate inside the token.", "{", r#"{"x5c":["AAAA"],"#)
            .refused(Code::BadHeader)
            .profile(),
        with("header-null-member", "A member that is null is there.", "{", r#"{"nonce":null,"#)
            .refused(Code::BadHeader)
            .profile(),
        with("header-capital-member", "Names are compared exactly.", r#""typ""#, r#""Typ""#)
            .refused(Code::BadHeader)
            .profile(),
        with(
            "ok-header-escaped",
            "An escaped name is the name.",
            r#""alg":"EdDSA""#,
            r#""\u0061lg":"Ed\u0044SA""#,
        )
        .valid(),
    ]);
    vectors
}

fn algorithms() -> Vec<Vector> {
    let bad = |name: &str, about: &str, alg: &str| {
        let token = with_header(&usual().replace("EdDSA", alg));
        key_vector(&format!("alg-{name}"), about, token).refused(Code::BadHeader)
    };
    vec![
        bad("empty", "An empty name.", ""),
        bad("blank-behind", "A blank behind the name.", "EdDSA "),
        bad("capitals", "Names are compared exactly.", "EDDSA"),
        bad("ed25519-lower-case", "Also the newer one.", "ed25519"),
        bad("ed448", "The other curve.", "Ed448"),
        bad("es256", "Another curve.", "ES256"),
        bad("rs256", "A key of another kind.", "RS256"),
        bad("none-capitals", "An unsigned token, spelled otherwise.", "nOnE"),
        bad("line-feed", "A line feed behind the name.", r"EdDSA\n"),
    ]
}

fn types() -> Vec<Vector> {
    let typed = |name: &str, about: &str, typ: &str| {
        key_vector(&format!("typ-{name}"), about, with_header(&header(typ, Role::License)))
    };
    let wrong =
        |name: &str, about: &str, typ: &str| typed(name, about, typ).refused(Code::WrongType).profile();
    let by = |role: Role, typ: &str| {
        craft::sign_bytes(role, header(typ, role).as_bytes(), payload(&license()).as_bytes())
    };
    vec![
        typed("capitals", "The case does not matter.", "LICENSE+JWT").valid(),
        typed("prefix-capitals", "Nor does that of the prefix.", "APPLICATION/license+jwt").valid(),
        wrong("empty", "An empty type.", ""),
        wrong("prefix-only", "The prefix alone.", "application/"),
        wrong("prefix-twice", "The prefix twice.", "application/application/license+jwt"),
        wrong("other-prefix", "Another prefix.", "text/license+jwt"),
        wrong("blank-before", "A blank before the type.", " license+jwt"),
        wrong("line-feed", "A line feed behind the type.", r"license+jwt\n"),
        wrong("without-suffix", "The type without its suffix.", "license"),
        wrong("long-s", "U+017F becomes S where capitals are made of it.", "licen\u{17f}e+jwt"),
        wrong("dotless-i", "U+0131 becomes I where capitals are made of it.", "l\u{131}cense+jwt"),
        wrong("full-width", "Letters that only look alike.", "\u{ff4c}icense+jwt"),
        key_vector(
            "typ-certificate-by-the-license-key",
            "A license key's key signs no certificate.",
            by(Role::License, "license-activation+jwt"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector("typ-keyset", "A set of keys by the root key.", by(Role::Root, "license-keyset+jwt"))
            .refused(Code::WrongType)
            .profile(),
        key_vector(
            "typ-keyset-by-the-license-key",
            "A license key's key signs no set of keys.",
            by(Role::License, "license-keyset+jwt"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector(
            "typ-license-by-the-root-key",
            "The root key signs no license key.",
            by(Role::Root, "license+jwt"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector(
            "typ-license-by-the-activation-key",
            "Nor does the key of certificates.",
            by(Role::Activation, "license+jwt"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector(
            "typ-request",
            "A request names no pinned key.",
            by(Role::License, "license-activation-request+jwt"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        key_vector(
            "typ-unknown-by-the-status-key",
            "A type that nobody knows has no role: it is the wrong type.",
            by(Role::Status, "secevent+jwt"),
        )
        .refused(Code::WrongType)
        .profile(),
        Vector::new(
            "typ-list-by-the-license-key",
            "A license key's key signs no list.",
            license_token::TokenType::StatusList,
            craft::sign_bytes(
                Role::License,
                header("statuslist+jwt", Role::License).as_bytes(),
                payload(&status_list()).as_bytes(),
            ),
            super::super::START + super::super::DAY,
        )
        .refused(Code::UnknownKey)
        .profile(),
    ]
}

fn names() -> Vec<Vector> {
    let kid = key(Role::License).verifying_key().kid().to_owned();
    let named = |name: &str, about: &str, kid: &str| {
        let token = with_header(&craft::with_member(&usual(), "/kid", &json!(kid).to_string()));
        key_vector(&format!("kid-{name}"), about, token).refused(Code::UnknownKey)
    };
    let root = key(Role::Root).verifying_key().kid().to_owned();
    vec![
        named("empty", "An empty name.", ""),
        named("cut", "A name that is cut.", &kid[..42]),
        named("padded", "A name with padding.", &format!("{kid}=")),
        named("other-case", "Names are compared exactly.", &kid.to_lowercase()),
        named("of-the-root-key", "The name of another key.", &root),
        named("path", "A name that looks like a path.", "../../keys/license"),
    ]
}
