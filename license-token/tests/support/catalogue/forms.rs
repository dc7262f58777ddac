//! What is JSON and what is not, and which member stands twice.

use license_token::{Code, Role};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{header, license, payload};
use super::{craft, edited, key_vector};

pub fn all() -> Vec<Vector> {
    [duplicates(), escapes(), bytes(), grammar(), depth()].into_iter().flatten().collect()
}

fn malformed(name: &str, about: &str, token: String) -> Vector {
    key_vector(name, about, token).refused(Code::Malformed).profile()
}

fn duplicates() -> Vec<Vector> {
    let twice = |name: &str, about: &str, from: &str, to: &str| malformed(name, about, edited(from, to));
    let ok =
        |name: &str, about: &str, from: &str, to: &str| key_vector(name, about, edited(from, to)).valid();
    vec![
        twice(
            "duplicate-identical",
            "The same member with the same value.",
            r#""aud""#,
            r#""aud":"acme-cad","aud""#,
        ),
        twice("duplicate-in-lic", "env stands twice.", r#""env""#, r#""env":"test","env""#),
        twice("duplicate-lic", "lic stands twice.", r#""lic""#, r#""lic":{},"lic""#),
        twice(
            "duplicate-in-attributes",
            "An attribute stands twice.",
            r#""edition""#,
            r#""edition":"max","edition""#,
        ),
        twice("duplicate-in-quota", "amount stands twice.", r#""amount""#, r#""amount":1,"amount""#),
        twice(
            "duplicate-in-policy",
            "binding stands twice.",
            r#""binding""#,
            r#""binding":"none","binding""#,
        ),
        twice("duplicate-in-status", "idx stands twice.", r#""idx""#, r#""idx":0,"idx""#),
        twice(
            "duplicate-in-unknown",
            "Twice in an object that nobody reads.",
            r#""lic":{"#,
            r#""x":{"a":1,"a":2},"lic":{"#,
        ),
        twice(
            "duplicate-in-unknown-array",
            "Twice in an object of an array.",
            r#""lic":{"#,
            r#""x":[{"a":1,"a":2}],"lic":{"#,
        ),
        twice("duplicate-empty-name", "The empty name stands twice.", r#""lic":{"#, r#""":1,"":2,"lic":{"#),
        twice(
            "duplicate-escaped-slash",
            "One of them with an escaped slash.",
            r#""lic":{"#,
            r#""a/b":1,"a\/b":2,"lic":{"#,
        ),
        twice(
            "duplicate-surrogates",
            "One written as a surrogate pair.",
            r#""lic":{"#,
            "\"\u{1f511}\":1,\"\\ud83d\\udd11\":2,\"lic\":{",
        ),
        twice("duplicate-null", "The first one is null.", r#""exp""#, r#""exp":null,"exp""#),
        ok(
            "ok-same-name-elsewhere",
            "The same name in two objects.",
            r#""lic":{"#,
            r#""x":{"exp":1},"lic":{"exp":2,"#,
        ),
        ok("ok-name-in-capitals", "Names are compared exactly.", r#""lic":{"#, r#""EXP":1,"Lic":{},"lic":{"#),
        ok(
            "ok-names-unnormalized",
            "Names are not normalized.",
            r#""lic":{"#,
            "\"caf\u{e9}\":1,\"cafe\u{301}\":2,\"lic\":{",
        ),
        ok("ok-name-escaped", "An escaped name is the name.", r#""sub""#, r#""s\u0075b""#),
        ok(
            "ok-name-proto",
            "A name that some languages give a meaning.",
            r#""lic":{"#,
            r#""__proto__":{"exp":1},"constructor":1,"lic":{"#,
        ),
    ]
}

fn escapes() -> Vec<Vector> {
    let bad = |name: &str, about: &str, text: &str| {
        malformed(&format!("escape-{name}"), about, craft::license_with("/later", &format!("\"{text}\"")))
    };
    let ok = |name: &str, about: &str, text: &str| {
        key_vector(&format!("ok-escape-{name}"), about, craft::license_with("/later", &format!("\"{text}\"")))
            .valid()
    };
    vec![
        bad("high-surrogate-at-end", "The first half of a pair, alone.", r"\ud83d"),
        bad("low-surrogate", "The second half of a pair, alone.", r"\udd11"),
        bad("surrogates-reversed", "The halves in the wrong order.", r"\udd11\ud83d"),
        bad("two-high-surrogates", "Two first halves.", r"\ud83d\ud83d"),
        bad("surrogate-before-text", "A first half before a letter.", r"\ud83dx"),
        bad("surrogate-before-escape", "A first half before another escape.", r"\ud83d\n"),
        bad("surrogate-before-unit", "A first half before a unit that is none.", r"\ud83d\u0041"),
        bad("surrogate-last", "U+DFFF, alone.", r"\udfff"),
        bad("hexadecimal", "An escape of C.", r"\x41"),
        bad("quote", "An escaped single quote.", r"\'"),
        bad("digits-few", "Three digits.", r"\u041"),
        bad("digits-wrong", "A digit that is none.", r"\u00g1"),
        bad("digits-signed", "A sign among the digits.", r"\u+041"),
        bad("digits-full-width", "Digits of another script.", "\\u\u{ff10}\u{ff10}\u{ff14}\u{ff11}"),
        bad("capital-u", "A capital U.", r"\U0041"),
        bad("octal", "An escape of zero.", r"\0"),
        bad("line-feed", "A line feed as it is.", "a\nb"),
        bad("tabulator", "A tabulator as it is.", "a\tb"),
        bad("nul", "NUL as it is.", "a\0b"),
        bad("unit-separator", "U+001F as it is.", "a\u{1f}b"),
        ok("pair", "A surrogate pair, digits in both cases.", r"\uD83d\uDD11"),
        ok("pair-last", "U+10FFFF.", r"\udbff\udfff"),
        ok("all-short", "Every short escape.", r#"\"\\\/\b\f\n\r\t"#),
        ok("nul", "NUL in a member that is not known.", r"\u0000"),
        ok("delete", "U+007F as it is, in a member that is not known.", "\u{7f}"),
        ok("backslash-u", "An escaped backslash before a u.", r"\\ud83d"),
        ok("noncharacter", "U+FFFE.", r"\ufffe"),
        ok("replacement", "U+FFFD, written as an escape.", r"\ufffd"),
    ]
}

/// Bytes that are no UTF-8, inside a string that nobody reads.
fn bytes() -> Vec<Vector> {
    let raw = |inside: &[u8]| {
        let body = craft::with_member(&payload(&license()), "/later", r#""@@""#);
        let (before, after) = body.split_once("@@").expect("it is there");
        craft::license_of([before.as_bytes(), inside, after.as_bytes()].concat())
    };
    let body = payload(&license());
    let utf16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        malformed("utf8-overlong", "A slash in two bytes.", raw(&[0xc0, 0xaf])),
        malformed("utf8-overlong-nul", "NUL in two bytes.", raw(&[0xc0, 0x80])),
        malformed("utf8-surrogate", "A surrogate in three bytes.", raw(&[0xed, 0xa0, 0xbd])),
        malformed("utf8-surrogate-pair", "A pair in six bytes.", raw(&[0xed, 0xa0, 0xbd, 0xed, 0xb4, 0x91])),
        malformed("utf8-beyond", "U+110000.", raw(&[0xf4, 0x90, 0x80, 0x80])),
        malformed("utf8-cut", "Half a character.", raw(&[0xe4, 0xb8])),
        malformed("utf8-continuation", "A continuation byte alone.", raw(&[0x80])),
        malformed("utf8-latin-1", "A letter of Latin-1.", raw(&[0xe9])),
        malformed("utf16", "The payload in UTF-16.", craft::license_of(&utf16)),
        malformed(
            "byte-order-mark",
            "A byte order mark before the payload.",
            craft::license_of(format!("\u{feff}{body}")),
        ),
        malformed("header-not-utf8", "A byte in the header that is not UTF-8.", {
            craft::sign_bytes(
                Role::License,
                b"{\"alg\":\"EdDSA\",\"typ\":\"license+jwt\",\"kid\":\"\xff\"}",
                body.as_bytes(),
            )
        }),
        malformed("header-byte-order-mark", "A byte order mark before the header.", {
            let head = format!("\u{feff}{}", header("license+jwt", Role::License));
            craft::sign_bytes(Role::License, head.as_bytes(), body.as_bytes())
        }),
    ]
}

fn grammar() -> Vec<Vector> {
    let body = payload(&license());
    let whole = |name: &str, about: &str, body: &str| malformed(name, about, craft::license_of(body));
    let member =
        |name: &str, about: &str, json: &str| malformed(name, about, craft::license_with("/later", json));
    let inside = body.trim_end_matches('}').len();
    let (start, end) = body.split_at(inside);
    vec![
        whole(
            "json-trailing-comma",
            "A comma before the end of the object.",
            &format!("{start}{},}}", &end[1..]),
        ),
        whole("json-two-objects", "Two objects.", &format!("{body} {body}")),
        whole("json-nul-behind", "NUL behind the object.", &format!("{body}\0")),
        whole("json-form-feed-behind", "A form feed is no white space.", &format!("{body}\u{c}")),
        whole("json-no-break-space", "Nor is U+00A0.", &format!("\u{a0}{body}")),
        whole("json-cut", "The last brace is missing.", &body[..body.len() - 1]),
        whole("payload-null", "The payload is null.", "null"),
        whole("payload-string", "The payload is a string.", &json!(body).to_string()),
        whole("payload-number", "The payload is a number.", "1"),
        whole("payload-blank", "The payload is a blank.", " "),
        key_vector(
            "payload-without-members",
            "An object without members has no issuer.",
            craft::license_of("{}"),
        )
        .refused(Code::UnknownKey)
        .profile(),
        member("json-comma-in-array", "A comma before the end of an array.", "[1,]"),
        member("json-comma-only", "Nothing before a comma.", "[,1]"),
        member("json-without-comma", "Two items without a comma.", "[1 2]"),
        member("json-without-colon", "A member without a colon.", r#"{"a" 1}"#),
        member("json-single-quotes", "Single quotes.", "'x'"),
        member("json-bare-name", "A name without quotes.", "{a:1}"),
        member("json-number-name", "A number for a name.", "{1:1}"),
        member("json-comment", "A comment.", "/* x */ 1"),
        member("json-line-comment", "A comment to the end of the line.", "1 // x\n"),
        member("json-word", "A word that JSON does not have.", "undefined"),
        member("json-capital-word", "A word in capitals.", "True"),
        member("json-word-cut", "A word that is cut.", "tru"),
        member("json-number-minus", "A minus alone.", "-"),
        member("json-number-leading-zero", "A leading zero where nobody reads.", "[007]"),
        member("json-number-point", "A number that begins with a point.", ".5"),
        member("json-number-exponent", "An exponent without digits.", "1e"),
        member("json-bracket", "The wrong bracket.", "[1}"),
        key_vector("ok-json-white-space", "All four kinds of white space.", {
            craft::license_of(format!(
                " \t\r\n{}\n\r\t ",
                body.replace("\":", "\" \t\r\n: ").replace(",\"", " ,\n\"")
            ))
        })
        .valid(),
        key_vector(
            "ok-json-empty-containers",
            "Empty objects and arrays.",
            craft::license_with("/later", "[{},[ ],{ }]"),
        )
        .valid(),
        malformed(
            "header-array",
            "The header is an array.",
            craft::sign_bytes(Role::License, b"[]", body.as_bytes()),
        ),
        malformed(
            "header-no-json",
            "The header is no JSON.",
            craft::sign_bytes(Role::License, b"{alg}", body.as_bytes()),
        ),
        malformed("header-trailing-bytes", "Something follows the header's object.", {
            let head = format!("{}x", header("license+jwt", Role::License));
            craft::sign_bytes(Role::License, head.as_bytes(), body.as_bytes())
        }),
        key_vector(
            "header-without-members",
            "An empty header.",
            craft::sign_bytes(Role::License, b"{}", body.as_bytes()),
        )
        .refused(Code::BadHeader),
    ]
}

fn depth() -> Vec<Vector> {
    let nested = |open: &str, close: &str, levels: usize| {
        craft::license_with("/later", &format!("{}1{}", open.repeat(levels), close.repeat(levels)))
    };
    let head = |levels: usize| {
        let deep = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let head = header("license+jwt", Role::License).replacen('{', &format!(r#"{{"x":{deep},"#), 1);
        craft::sign_bytes(Role::License, head.as_bytes(), payload(&license()).as_bytes())
    };
    vec![
        key_vector("ok-depth-8-arrays", "Eight levels.", nested("[", "]", 7)).valid(),
        key_vector("ok-depth-8-objects", "Eight levels of objects.", nested(r#"{"a":"#, "}", 7)).valid(),
        malformed("depth-9-objects", "Nine levels of objects.", nested(r#"{"a":"#, "}", 8)),
        malformed("depth-2000", "Two thousand levels.", nested("[", "]", 2_000)),
        malformed("depth-9-header", "Nine levels in the header.", head(8)),
        key_vector("depth-8-header", "Eight levels in the header are JSON.", head(7))
            .refused(Code::BadHeader)
            .profile(),
        malformed(
            "depth-9-empty",
            "The ninth level is empty.",
            craft::license_with("/later", "[[[[[[[[]]]]]]]]"),
        ),
    ]
}
