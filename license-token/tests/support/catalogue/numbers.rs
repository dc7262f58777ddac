//! One number, written in every way there is.

use license_token::{Code, LicenseClaims, TokenType};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{DAY, START, YEAR, activation, license, payload, status_list};
use super::{craft, key_vector};

pub fn all() -> Vec<Vector> {
    let mut vectors: Vec<Vector> = wrong().into_iter().collect();
    vectors.extend(right());
    vectors.extend(other_types());
    vectors
}

fn wrong() -> impl IntoIterator<Item = Vector> {
    let long = format!("1{}", "0".repeat(400));
    let zeros = format!("1831536000.{}", "0".repeat(40));
    let forms: [(&str, &str, &str, &str); 19] = [
        ("exp-whole-fraction", "A fraction that is zero.", "/exp", "1831536000.0"),
        ("exp-exponent-zero", "An exponent that is zero.", "/exp", "1831536000e0"),
        ("exp-many-zeros", "A fraction of forty zeros.", "/exp", &zeros),
        ("iat-minus-zero", "Minus zero is written with a sign.", "/iat", "-0"),
        ("iat-thousand", "A thousand with an exponent.", "/iat", "1e3"),
        ("iat-minus-zero-fraction", "Minus zero with a fraction.", "/iat", "-0.0"),
        ("nbf-beyond-a-double", "More than the largest double.", "/nbf", "1e400"),
        ("nbf-smallest", "So small that a double makes it zero.", "/nbf", "1e-400"),
        ("exp-400-digits", "A number of 401 digits.", "/exp", &long),
        ("exp-2-to-the-63", "2^63: one beyond a signed 64-bit integer.", "/exp", "9223372036854775808"),
        ("exp-2-to-the-64", "2^64 plus a good time: wraps around to it.", "/exp", "18446744075541087616"),
        ("exp-leading-zero", "A leading zero is no JSON.", "/exp", "01831536000"),
        ("exp-plus", "A plus sign is no JSON.", "/exp", "+1831536000"),
        ("exp-hex", "A hexadecimal number is no JSON.", "/exp", "0x6d2b4c80"),
        ("exp-point-only", "A point without digits is no JSON.", "/exp", "1831536000."),
        ("exp-nan", "NaN is no JSON.", "/exp", "NaN"),
        ("exp-infinity", "Infinity is no JSON.", "/exp", "Infinity"),
        ("grace-2-to-the-53", "The first duration that is too long.", "/lic/grace_secs", "9007199254740992"),
        (
            "idx-2-to-the-53",
            "The first index that is too large.",
            "/status/status_list/idx",
            "9007199254740992",
        ),
    ];
    let wrong = |(name, about, pointer, json): (&str, &str, &str, &str)| {
        let name = format!("number-{name}");
        key_vector(&name, about, craft::license_with(pointer, json)).refused(Code::Malformed).profile()
    };
    forms.map(wrong)
}

fn right() -> Vec<Vector> {
    let ancient = LicenseClaims { iat: 0, nbf: 0, exp: Some(1), ..license() };
    let ancient = craft::license_of(payload(&ancient));
    let ok = |name: &str, about: &str, pointer: &str, json: &str| {
        key_vector(&format!("ok-number-{name}"), about, craft::license_with(pointer, json)).valid()
    };
    vec![
        key_vector("ok-number-first-second", "The second 0 is a time.", ancient.clone())
            .expect("now", json!(0))
            .valid(),
        key_vector("number-second-1", "A span of one second is over.", ancient)
            .expect("now", json!(1))
            .refused(Code::Expired),
        ok("machines-largest", "2^32 - 1 machines.", "/lic/machines", "4294967295"),
        key_vector(
            "number-machines-too-many",
            "2^32 machines.",
            craft::license_with("/lic/machines", "4294967296"),
        )
        .refused(Code::Malformed)
        .profile(),
        ok("unknown-1e400", "A member that is not known may be beyond a double.", "/later", "1e400"),
        ok("unknown-long", "A member that is not known may be long.", "/later", &"9".repeat(300)),
        ok("unknown-forms", "Every form of JSON.", "/later", "[-0,0.0,1e3,1E+3,1e-3,-1.5e10,0e0]"),
        ok("grace-0", "No seconds of grace.", "/lic/grace_secs", "0"),
        ok("upd-past", "Which builds are covered is the software's to compare.", "/lic/upd", "1"),
    ]
}

fn other_types() -> Vec<Vector> {
    let certificate = |name: &str, about: &str, pointer: &str, json: &str| {
        let token = craft::claims_with(&activation(), pointer, json);
        Vector::new(name, about, TokenType::Activation, token, START + DAY)
    };
    let list = |name: &str, about: &str, pointer: &str, json: &str| {
        let token = craft::claims_with(&status_list(), pointer, json);
        Vector::new(name, about, TokenType::StatusList, token, START + DAY)
    };
    let largest = "9007199254740991";
    vec![
        certificate("ok-gen-largest", "The last generation.", "/lic/gen", largest).valid(),
        certificate("gen-too-large", "One more.", "/lic/gen", "9007199254740992")
            .refused(Code::Malformed)
            .profile(),
        certificate("renew-float", "Renew after half a second.", "/lic/renew", "1800604800.5")
            .refused(Code::Malformed)
            .profile(),
        certificate("machine-k-float", "k with a fraction.", "/lic/machine/k", "3.0")
            .refused(Code::Malformed)
            .profile(),
        certificate("ok-end-before-exp", "The end of the license is not compared.", "/lic/end", "1").valid(),
        list("ok-list-seq-largest", "The last seq.", "/lic/seq", largest).valid(),
        list("list-seq-too-large", "One more.", "/lic/seq", "9007199254740992")
            .refused(Code::Malformed)
            .profile(),
        list("ok-list-seq-0", "The first seq.", "/lic/seq", "0").valid(),
        list("list-bits-float", "bits with a fraction.", "/status_list/bits", "2.0")
            .refused(Code::Malformed)
            .profile(),
        list("list-exp-at-iat", "An empty span.", "/exp", &START.to_string())
            .refused(Code::Malformed)
            .profile(),
        list("ok-list-exp-far", "A list that holds for a year.", "/exp", &(START + YEAR).to_string()).valid(),
        list("ok-list-ttl-0", "Ask again at once.", "/ttl", "0").valid(),
        list("ok-list-without-ttl", "ttl is optional.", "/ttl", "").valid(),
        list("list-ttl-float", "Half a second.", "/ttl", "0.5").refused(Code::Malformed).profile(),
    ]
}
