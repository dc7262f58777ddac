//! Every vector: one per rule broken and per edge of time.

mod amounts;
mod craft;
mod deflate;
mod forms;
mod headers;
mod key_sets;
mod limits;
mod numbers;
mod order;
mod places;
mod points;
mod segments;
mod standings;
mod strings;
mod times;
mod types;

use license_token::{
    ActivationClaims, Binding, Code, Env, LicenseClaims, Policy, Role, StatusListClaims, StatusRef,
    StatusRule, Term, TokenType, base64url,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::vector::Vector;
use super::*;

pub fn all() -> Vec<Vector> {
    let parts = [
        accepted(),
        format(),
        json_form(),
        header_form(),
        keys_and_signatures(),
        types(),
        claims_form(),
        for_whom(),
        time(),
        machines(),
        status(),
        list_tokens(),
        grants(),
        types::all(),
        numbers::all(),
        amounts::all(),
        strings::all(),
        forms::all(),
        segments::all(),
        headers::all(),
        key_sets::all(),
        points::all(),
        order::all(),
        times::all(),
        places::all(),
        standings::all(),
        deflate::all(),
        limits::all(),
    ];
    parts.into_iter().flatten().collect()
}

/// A vector about a license key on its second day.
fn key_vector(name: &str, about: &str, token: String) -> Vector {
    Vector::new(name, about, TokenType::License, token, START + DAY)
}

fn license_text() -> String {
    sign(Role::License, &license())
}

/// A license key whose payload text was changed before it was signed.
fn edited(from: &str, to: &str) -> String {
    let before = payload(&license());
    assert!(before.contains(from), "{from} is not in {before}");
    key(Role::License).sign_payload(TokenType::License, &before.replacen(from, to, 1))
}

fn with_header(header: &str) -> String {
    key(Role::License).sign_segments(header, &payload(&license()))
}

fn accepted() -> Vec<Vector> {
    let permanent = LicenseClaims { exp: None, term: Term::Permanent, ..license() };
    let machine_list = sign(Role::Status, &status_list());
    vec![
        key_vector("ok-license-key", "A license key for one year on its second day.", license_text()).valid(),
        Vector::new(
            "ok-activation-certificate",
            "A certificate on the machine it was issued for, with a fresh status list.",
            TokenType::Activation,
            sign(Role::Activation, &activation()),
            START + DAY,
        )
        .list(machine_list.clone())
        .valid(),
        Vector::new(
            "ok-status-list",
            "A status list on its second day.",
            TokenType::StatusList,
            machine_list,
            START + DAY,
        )
        .valid(),
        key_vector("ok-permanent", "No exp, because the term is permanent.", sign(Role::License, &permanent))
            .expect("now", json!(4_000_000_000_i64))
            .valid(),
        key_vector(
            "ok-alg-ed25519",
            "RFC 9864 names the same algorithm Ed25519.",
            with_header(&header("license+jwt", Role::License).replace("EdDSA", "Ed25519")),
        )
        .valid(),
        key_vector(
            "ok-typ-with-prefix-and-capitals",
            "A media type's case does not matter, and application/ may stand before it.",
            with_header(&header("Application/License+JWT", Role::License)),
        )
        .valid(),
        key_vector(
            "ok-unknown-claims",
            "A later minor version may add members; a reader ignores what it does not know.",
            edited(r#""lic":{"#, r#""new":[1,{"x":null}],"lic":{"later":true,"#),
        )
        .valid(),
        key_vector(
            "ok-header-order-and-space",
            "The bytes are verified as received: member order and white space inside are free.",
            with_header(&format!(
                "{{ \"typ\" : \"license+jwt\",\n \"kid\" : \"{}\", \"alg\" : \"EdDSA\" }}",
                key(Role::License).verifying_key().kid()
            )),
        )
        .valid(),
        key_vector(
            "ok-amount-as-string",
            "An amount that is no whole number stands in a string.",
            edited(r#""amount":1000"#, r#""amount":"1000.0001""#),
        )
        .expect("quota", json!([{ "metric": "render-minutes", "amount": "1000.0001" }]))
        .valid(),
    ]
}

fn format() -> Vec<Vector> {
    let good = license_text();
    let (signing_input, signature) = good.rsplit_once('.').expect("three segments");
    let (head, body) = signing_input.split_once('.').expect("three segments");
    let last = signature.chars().last().expect("not empty");
    // 64 bytes are 86 characters with 4 unused bits: the next character of the alphabet sets one of them.
    let unused_bit_set = format!("{}{}", &good[..good.len() - 1], char::from(last as u8 + 1));
    let oversize = edited(r#""lic":{"#, &format!(r#""pad":"{}","lic":{{"#, "x".repeat(8 * 1024)));
    let malformed =
        |name: &str, about: &str, token: String| key_vector(name, about, token).refused(Code::Malformed);
    vec![
        malformed("empty", "No text.", String::new()),
        malformed("two-segments", "The signature is missing.", signing_input.into()),
        malformed("four-segments", "A segment too many.", format!("{good}.AA")),
        malformed("header-empty", "An empty header segment.", format!(".{body}.{signature}")),
        malformed("payload-empty", "An empty payload segment.", format!("{head}..{signature}")),
        malformed("signature-empty", "An empty signature segment.", format!("{signing_input}.")),
        malformed(
            "signature-too-short",
            "63 bytes of signature.",
            format!("{signing_input}.{}", "A".repeat(84)),
        ),
        malformed("padding", "base64url with padding.", format!("{good}==")).profile(),
        malformed("unused-bits", "A bit is set that the last character does not use.", unused_bit_set)
            .profile(),
        malformed("white-space-at-the-end", "A line feed after the token.", format!("{good}\n")).profile(),
        malformed("white-space-inside", "A blank inside a segment.", good.replacen('.', " .", 1)).profile(),
        malformed(
            "base64-alphabet",
            "The alphabet of plain base64.",
            format!("{head}.+/{}.{signature}", &body[2..]),
        ),
        malformed("oversize", "More than 8 KiB.", oversize).profile(),
    ]
}

fn json_form() -> Vec<Vector> {
    let malformed =
        |name: &str, about: &str, token: String| key_vector(name, about, token).refused(Code::Malformed);
    let head = header("license+jwt", Role::License);
    let raw = |payload: &str| key(Role::License).sign_payload(TokenType::License, payload);
    let invalid_utf8 = {
        let body = payload(&license());
        let mut bytes = body.into_bytes();
        let at = bytes.windows(7).position(|window| window == b"CAD-PRO").expect("the SKU");
        bytes[at] = 0xff;
        let head = base64url::encode(head.as_bytes());
        let input = format!("{head}.{}", base64url::encode(&bytes));
        format!("{input}.{}", base64url::encode(&[0; 64]))
    };
    vec![
        malformed(
            "duplicate-in-header",
            "kid stands twice in the header.",
            with_header(&head.replace(r#""typ""#, r#""kid":"x","typ""#)),
        )
        .profile(),
        malformed(
            "duplicate-in-payload",
            "exp stands twice.",
            edited(r#""exp""#, r#""exp":1800000001,"exp""#),
        )
        .profile(),
        malformed(
            "duplicate-deep-in-payload",
            "sku stands twice, once escaped.",
            edited(r#""sku""#, r#""s\u006bu":"CAD-MAX","sku""#),
        )
        .profile(),
        malformed("payload-array", "The payload is an array.", raw("[]")),
        malformed(
            "payload-trailing-bytes",
            "Something follows the payload's object.",
            raw(&format!("{}{{}}", payload(&license()))),
        ),
        malformed("payload-not-utf8", "A byte that is not UTF-8.", invalid_utf8),
        malformed(
            "payload-too-deep",
            "Nested deeper than 8 levels.",
            edited(r#""lic":{"#, &format!(r#""deep":{}1{},"lic":{{"#, "[".repeat(8), "]".repeat(8))),
        )
        .profile(),
        malformed("payload-lone-surrogate", "Half a surrogate pair.", edited("CAD-PRO", r"\ud800")).profile(),
    ]
}

fn header_form() -> Vec<Vector> {
    let head = header("license+jwt", Role::License);
    let kid = key(Role::License).verifying_key().kid().to_owned();
    let bad = |name: &str, about: &str, header: &str| {
        key_vector(name, about, with_header(header)).refused(Code::BadHeader)
    };
    let extra = |member: &str| head.replacen('{', &format!("{{{member},"), 1);
    vec![
        bad("alg-none", "An unsigned token's algorithm.", &head.replace("EdDSA", "none")),
        bad("alg-hs256", "A MAC with the public key as its secret.", &head.replace("EdDSA", "HS256")),
        bad("alg-lower-case", "Algorithm names are case-sensitive.", &head.replace("EdDSA", "eddsa")),
        bad("alg-missing", "No alg.", &format!(r#"{{"typ":"license+jwt","kid":"{kid}"}}"#)),
        bad("alg-number", "alg is no string.", &head.replace(r#""EdDSA""#, "1")),
        bad("typ-missing", "No typ.", &format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#)).profile(),
        bad("kid-missing", "No kid: keys are never tried in turn.", r#"{"alg":"EdDSA","typ":"license+jwt"}"#)
            .profile(),
        bad("kid-number", "kid is no string.", r#"{"alg":"EdDSA","typ":"license+jwt","kid":7}"#),
        bad("header-crit", "A critical extension.", &extra(r#""crit":["exp"]"#)),
        bad("header-zip", "A compressed payload.", &extra(r#""zip":"DEF""#)).profile(),
        bad("header-b64", "An unencoded payload (RFC 7797).", &extra(r#""b64":false"#)).profile(),
        bad("header-jku", "An address to fetch keys from.", &extra(r#""jku":"https://evil.example/jwks""#))
            .profile(),
        bad(
            "header-x5u",
            "An address to fetch a certificate from.",
            &extra(r#""x5u":"https://evil.example/x""#),
        )
        .profile(),
        bad(
            "header-jwk",
            "A key inside the token.",
            &extra(&format!(r#""jwk":{}"#, key(Role::License).public_jwk())),
        )
        .profile(),
        bad("header-unknown-member", "A member that means nothing.", &extra(r#""note":"x""#)).profile(),
    ]
}

fn keys_and_signatures() -> Vec<Vector> {
    let good = license_text();
    let (signing_input, signature) = good.rsplit_once('.').expect("three segments");
    let signature: [u8; 64] = base64url::decode_array(signature).expect("64 bytes");
    let (head, _body) = signing_input.split_once('.').expect("three segments");
    let stranger = SigningKey::from_seed(&[0x55; 32], Role::License, ISS).expect("a valid issuer");
    let other_merchant =
        SigningKey::from_seed(&[0x22; 32], Role::License, "https://other.example").expect("valid");
    let other_payload =
        base64url::encode(payload(&LicenseClaims { machines: Some(999), ..license() }).as_bytes());
    let with_signature = |bytes: &[u8]| format!("{signing_input}.{}", base64url::encode(bytes));
    let flipped = |bit: usize| {
        let mut changed = signature;
        changed[bit / 8] ^= 1 << (bit % 8);
        with_signature(&changed)
    };
    let bad =
        |name: &str, about: &str, token: String| key_vector(name, about, token).refused(Code::BadSignature);
    let unknown =
        |name: &str, about: &str, token: String| key_vector(name, about, token).refused(Code::UnknownKey);
    vec![
        unknown(
            "kid-unknown",
            "Signed by a key that is not pinned.",
            stranger.sign(&license()).expect("signed"),
        ),
        unknown(
            "kid-of-another-role",
            "A license key signed by the status list's key.",
            key(Role::Status).sign_segments(&header("license+jwt", Role::Status), &payload(&license())),
        )
        .profile(),
        unknown(
            "iss-of-another-merchants-key",
            "The key is bound to another issuer than the token names.",
            license_text(),
        )
        .keys(KeySet::new(vec![other_merchant.verifying_key().clone()]).expect("one").to_json())
        .profile(),
        unknown(
            "key-of-small-order",
            "The pinned key is the identity: every signature with R = A and S = 0 would pass.",
            forged(),
        )
        .keys(weak_set())
        .profile(),
        unknown(
            "key-set-with-private-key",
            "A set that carries a private key is refused as a whole.",
            license_text(),
        )
        .keys(changed_set(|jwk| jwk["d"] = json!("AAAA")))
        .profile(),
        unknown("key-set-with-wrong-kid", "A kid that is not the key's thumbprint.", license_text())
            .keys(changed_set(|jwk| jwk["kid"] = json!("A".repeat(43))))
            .profile(),
        bad("signature-bit-of-r", "One bit of R flipped.", flipped(3)),
        bad("signature-bit-of-s", "One bit of S flipped.", flipped(300)),
        bad("signature-zero", "64 zero bytes.", with_signature(&[0; 64])),
        bad(
            "signature-s-not-canonical",
            "S + L, which verifies where S is not bounded.",
            with_signature(&s_plus_order(signature)),
        ),
        bad(
            "signature-r-small-order",
            "R is the identity: passes cofactorless verification that is not strict.",
            small_r(signing_input, 1),
        )
        .profile(),
        bad(
            "signature-r-not-canonical",
            "R is the identity, encoded as y = p + 1.",
            small_r(signing_input, 0),
        )
        .profile(),
        bad(
            "payload-replaced",
            "Another payload under the same signature.",
            format!("{head}.{other_payload}.{}", base64url::encode(&signature)),
        ),
        bad(
            "signed-by-another-key",
            "The kid of the license key, signed by a stranger.",
            stranger.sign_segments(&header("license+jwt", Role::License), &payload(&license())),
        ),
    ]
}

fn types() -> Vec<Vector> {
    let wrong = |name: &str, about: &str, token: String| {
        key_vector(name, about, token).refused(Code::WrongType).profile()
    };
    vec![
        wrong(
            "typ-certificate-for-license-key",
            "A certificate where a license key is expected.",
            sign(Role::Activation, &activation()),
        ),
        Vector::new(
            "typ-license-key-for-certificate",
            "A license key where a certificate is expected.",
            TokenType::Activation,
            license_text(),
            START + DAY,
        )
        .refused(Code::WrongType)
        .profile(),
        wrong(
            "typ-status-list-for-license-key",
            "A status list where a license key is expected.",
            sign(Role::Status, &status_list()),
        ),
        wrong("typ-jwt", "The general typ JWT.", with_header(&header("JWT", Role::License))),
        wrong(
            "typ-with-parameter",
            "A media type parameter.",
            with_header(&header("license+jwt; v=1", Role::License)),
        ),
    ]
}

fn claims_form() -> Vec<Vector> {
    let exp = format!(r#""exp":{}"#, START + YEAR);
    let malformed = |name: &str, about: &str, from: &str, to: &str| {
        key_vector(name, about, edited(from, to)).refused(Code::Malformed).profile()
    };
    vec![
        malformed("exp-string", "exp in quotes.", &exp, &format!(r#""exp":"{}""#, START + YEAR)),
        malformed("exp-float", "exp with a fraction.", &exp, &format!("{exp}.5")),
        malformed("exp-exponent", "exp with an exponent.", &exp, r#""exp":18e8"#),
        malformed("exp-negative", "exp before 1970.", &exp, r#""exp":-1"#),
        malformed("exp-null", "exp is null, which is not absent.", &exp, r#""exp":null"#),
        malformed(
            "exp-2-to-the-53",
            "The first integer that is too large.",
            &exp,
            r#""exp":9007199254740992"#,
        ),
        key_vector(
            "ok-exp-largest",
            "The last integer that is not too large.",
            edited(&exp, r#""exp":9007199254740991"#),
        )
        .valid(),
        malformed("exp-missing", "No exp although the term is one year.", &format!("{exp},"), ""),
        malformed("exp-equals-nbf", "An empty span.", &exp, &format!(r#""exp":{START}"#)),
        malformed(
            "exp-before-nbf",
            "A span that ends before it begins.",
            &exp,
            &format!(r#""exp":{}"#, START - 1),
        ),
        malformed("iat-missing", "No iat.", &format!(r#""iat":{START},"#), ""),
        malformed("nbf-missing", "No nbf.", &format!(r#""nbf":{START},"#), ""),
        malformed("nbf-boolean", "nbf is true.", &format!(r#""nbf":{START}"#), r#""nbf":true"#),
        malformed(
            "aud-array",
            "aud is an array.",
            &format!(r#""aud":"{AUD}""#),
            &format!(r#""aud":["{AUD}"]"#),
        ),
        malformed("sub-missing", "No license id.", r#""sub":"lic_0f3jv5c8m2x7q9t4w6z1bk","#, ""),
        malformed("sub-empty", "An empty license id.", "lic_0f3jv5c8m2x7q9t4w6z1bk", ""),
        malformed("sub-control-character", "NUL inside an id.", "lic_0f3", r"lic_\u0000"),
        malformed(
            "entitlements-string",
            "entitlements is a string.",
            r#"["export","render"]"#,
            r#""export render""#,
        ),
        malformed("entitlements-number", "An entitlement is a number.", r#"["export","#, "[1,"),
        malformed("lic-missing", "No lic.", r#""lic""#, r#""lic2""#),
        malformed("lic-version-2", "Claims of a later version.", r#""v":1"#, r#""v":2"#),
        malformed("env-unknown", "An environment of another name.", r#""env":"live""#, r#""env":"prod""#),
        malformed("term-unknown", "A term in weeks.", "P1Y", "P1W"),
        malformed("term-leading-zero", "A term with a leading zero.", "P1Y", "P01Y"),
        malformed("term-zero", "No years.", "P1Y", "P0Y"),
        malformed("machines-zero", "No machine at all.", r#""machines":3"#, r#""machines":0"#),
        malformed(
            "machines-word",
            "A word where absent means unlimited.",
            r#""machines":3"#,
            r#""machines":"unlimited""#,
        ),
        malformed(
            "amount-five-decimals",
            "More than 4 decimals.",
            r#""amount":1000"#,
            r#""amount":1000.00001"#,
        ),
        malformed("amount-negative", "A negative amount.", r#""amount":1000"#, r#""amount":-1"#),
        malformed("amount-too-large", "9e11 units.", r#""amount":1000"#, r#""amount":900000000000"#),
        malformed(
            "reset-unknown",
            "A window of another length.",
            r#""reset":"month""#,
            r#""reset":"minute""#,
        ),
        malformed(
            "policy-unknown-word",
            "A policy that this reader does not know must not be guessed.",
            r#""binding":"none""#,
            r#""binding":"moon""#,
        ),
        malformed("status-idx-negative", "An index below 0.", r#""idx":4711"#, r#""idx":-1"#),
        malformed("status-idx-float", "An index with a fraction.", r#""idx":4711"#, r#""idx":4711.0"#),
        malformed("status-uri-missing", "A status without its list.", r#","uri":"#, r#","url":"#),
    ]
}

fn for_whom() -> Vec<Vector> {
    let test = LicenseClaims { env: Env::Test, ..license() };
    vec![
        key_vector("iss-other", "Genuine, of a merchant that is not expected here.", license_text())
            .expect("iss", json!("https://license.other.example"))
            .refused(Code::WrongIssuer),
        key_vector("aud-other", "Genuine, for another product.", license_text())
            .expect("aud", json!("acme-render"))
            .refused(Code::WrongAudience),
        key_vector("aud-prefix", "A product whose name begins alike.", license_text())
            .expect("aud", json!("acme"))
            .refused(Code::WrongAudience),
        key_vector("env-test", "A test key where live ones count.", sign(Role::License, &test))
            .refused(Code::WrongEnvironment),
        key_vector("ok-env-test", "A test key where test keys count.", sign(Role::License, &test))
            .expect("env", json!("test"))
            .valid(),
    ]
}

/// One vector per second around an edge: before, at and after it.
fn edge(
    name: &str,
    what: &str,
    typ: TokenType,
    token: &str,
    at: i64,
    codes: [Option<Code>; 3],
) -> Vec<Vector> {
    let words = ["one second before", "at", "one second after"];
    let files = ["before", "at", "after"];
    let one = |offset: usize| {
        let about = format!("{} {what}.", words[offset]);
        let now = at + offset as i64 - 1;
        let vector = Vector::new(&format!("{name}-{}", files[offset]), &about, typ, token.into(), now);
        match codes[offset] {
            None => vector.valid(),
            Some(code) => vector.refused(code),
        }
    };
    (0..3).map(one).collect()
}

fn time() -> Vec<Vector> {
    let early = LicenseClaims { iat: START - DAY, ..license() };
    let early_certificate = ActivationClaims { iat: START - DAY, ..activation() };
    let (key_text, early_text) = (license_text(), sign(Role::License, &early));
    let certificate = sign(Role::Activation, &activation());
    let not_yet = [Some(Code::NotYetValid), None, None];
    let over = [None, Some(Code::Expired), Some(Code::Expired)];
    let mut vectors = Vec::new();
    let (license_type, activation_type) = (TokenType::License, TokenType::Activation);
    vectors.extend(edge(
        "time-license-nbf",
        "nbf of a license key",
        license_type,
        &early_text,
        START,
        not_yet,
    ));
    vectors.extend(edge(
        "time-license-exp",
        "exp of a license key; its grace is the software's",
        license_type,
        &key_text,
        START + YEAR,
        over,
    ));
    let early_text = sign(Role::Activation, &early_certificate);
    vectors.extend(edge(
        "time-certificate-nbf",
        "nbf of a certificate",
        activation_type,
        &early_text,
        START,
        not_yet,
    ));
    vectors.extend(edge(
        "time-certificate-exp",
        "the end of a certificate's lease",
        activation_type,
        &certificate,
        START + LEASE,
        over,
    ));
    let list = sign(Role::Status, &status_list());
    vectors.extend(edge(
        "time-status-list-exp",
        "exp of a status list as a token",
        TokenType::StatusList,
        &list,
        START + 7 * DAY,
        over,
    ));
    let permanent = LicenseClaims { exp: None, term: Term::Permanent, ..license() };
    let at = |name: &str, about: &str, now: i64, floor: i64| {
        key_vector(name, about, key_text.clone()).expect("now", json!(now)).expect("floor", json!(floor))
    };
    vectors.extend([
        at(
            "clock-a-minute-slow",
            "now is before iat; iat is signed time and corrects it silently.",
            START - 60,
            0,
        )
        .valid(),
        at("clock-a-day-behind", "Exactly one day behind iat is still corrected silently.", START - DAY, 0)
            .valid(),
        at("clock-more-than-a-day-behind", "One second more is called suspect.", START - DAY - 1, 0)
            .refused(Code::ClockSuspect),
        at(
            "clock-set-back-after-the-end",
            "The floor has reached exp: setting the clock back gains nothing.",
            START + DAY,
            START + YEAR,
        )
        .refused(Code::Expired),
        at(
            "clock-set-back-before-the-end",
            "The floor is a year ahead of the clock and exp not reached.",
            START + DAY,
            START + YEAR - 1,
        )
        .refused(Code::ClockSuspect),
        at("clock-in-1970", "A dead battery.", 0, 0).refused(Code::ClockSuspect),
        key_vector(
            "clock-in-1970-permanent",
            "Nothing is gained by setting the clock back, so nobody is refused.",
            sign(Role::License, &permanent),
        )
        .expect("now", json!(0))
        .valid(),
    ]);
    vectors
}

fn machines() -> Vec<Vector> {
    let certificate = sign(Role::Activation, &activation());
    let on = |name: &str, about: &str, values: &[&str; 5]| {
        Vector::new(name, about, TokenType::Activation, certificate.clone(), START + DAY)
            .machine(&machine_with(values))
    };
    let enrolled = |values: &[&str; 5]| ActivationClaims {
        machine: MachineClaim::enroll(machine_with(values).components),
        ..activation()
    };
    let enrolled_on = |name: &str, about: &str, enrolled_values: &[&str; 5], values: &[&str; 5]| {
        let token = sign(Role::Activation, &enrolled(enrolled_values));
        Vector::new(name, about, TokenType::Activation, token, START + DAY).machine(&machine_with(values))
    };
    let bound =
        LicenseClaims { policy: Policy { binding: Binding::Hardware, ..license().policy }, ..license() };
    let bare = ActivationClaims { machine: None, ..activation() };
    let device = "zBgVIDpAQVmqIR_vGpRHPP2yQBDOO6AHQ-Mg1Yl4Wfc";
    let by_key = ActivationClaims { machine: None, device_key: Some(device.into()), ..activation() };
    let by_key_text = sign(Role::Activation, &by_key);
    let edited_machine = |from: &str, to: &str| {
        let before = payload(&activation());
        assert!(before.contains(from), "{from} is not in {before}");
        key(Role::Activation).sign_payload(TokenType::Activation, &before.replacen(from, to, 1))
    };
    let form = |name: &str, about: &str, token: String| {
        Vector::new(name, about, TokenType::Activation, token, START + DAY).refused(Code::Malformed).profile()
    };
    let bare_vector = |name: &str, about: &str| {
        Vector::new(name, about, TokenType::Activation, sign(Role::Activation, &bare), START + DAY)
    };
    let key_vector_of = |name: &str, about: &str, offered: &str| {
        Vector::new(name, about, TokenType::Activation, by_key_text.clone(), START + DAY)
            .machine(&Machine::default())
            .expect("device_key", json!(offered))
    };
    vec![
        on("machine-4-of-5", "A new network card.", &["a-os", "a-fw", "a-brd", "a-dsk", "z-b"]).valid(),
        on("machine-3-of-5", "A new disk and a new network card.", &["a-os", "a-fw", "a-brd", "z-b", "z-b"])
            .valid(),
        on("machine-2-of-5", "Two of five are not enough.", &["a-os", "a-fw", "z-b", "z-b", "z-b"])
            .refused(Code::WrongMachine),
        on(
            "machine-3-of-5-absent",
            "A component that cannot be read counts as different, but three match.",
            &["a-os", "a-fw", "a-brd", "", ""],
        )
        .valid(),
        on("machine-2-of-5-absent", "Three cannot be read.", &["a-os", "a-fw", "", "", ""])
            .refused(Code::WrongMachine),
        on(
            "machine-other-firmware",
            "Firmware on both sides and different never matches, whatever else does.",
            &["a-os", "z-b", "a-brd", "a-dsk", "a-net"],
        )
        .refused(Code::WrongMachine),
        on(
            "machine-no-strong-component",
            "Three match, none of them strong.",
            &["z-b", "", "a-brd", "a-dsk", "a-net"],
        )
        .refused(Code::WrongMachine),
        on("machine-other", "Another machine.", &["z-b", "z-c", "z-d", "z-e", "z-f"])
            .refused(Code::WrongMachine),
        on("machine-nothing-readable", "Nothing can be read.", &[""; 5]).refused(Code::WrongMachine),
        enrolled_on(
            "machine-3-of-4",
            "Three of four enrolled ones.",
            &["a-os", "a-fw", "a-brd", "a-dsk", ""],
            &["a-os", "a-fw", "a-brd", "z-b", "x-extra"],
        )
        .valid(),
        enrolled_on(
            "machine-2-of-4",
            "Two of four enrolled ones.",
            &["a-os", "a-fw", "a-brd", "a-dsk", ""],
            &["a-os", "a-fw", "z-b", "z-b", "x-extra"],
        )
        .refused(Code::WrongMachine),
        enrolled_on(
            "machine-2-of-3",
            "Two of three enrolled ones.",
            &["a-os", "", "a-brd", "a-dsk", ""],
            &["a-os", "x-extra", "z-b", "a-dsk", ""],
        )
        .valid(),
        enrolled_on(
            "machine-1-of-3",
            "One of three enrolled ones.",
            &["a-os", "", "a-brd", "a-dsk", ""],
            &["a-os", "x-extra", "z-b", "z-b", ""],
        )
        .refused(Code::WrongMachine),
        enrolled_on(
            "machine-2-of-2",
            "Both of two enrolled ones.",
            &["a-os", "", "a-brd", "", ""],
            &["a-os", "", "a-brd", "", ""],
        )
        .valid(),
        enrolled_on(
            "machine-1-of-2",
            "One of two enrolled ones.",
            &["a-os", "", "a-brd", "", ""],
            &["a-os", "", "z-b", "", ""],
        )
        .refused(Code::WrongMachine),
        enrolled_on(
            "machine-1-of-1",
            "A container's one stable id.",
            &["a-os", "", "", "", ""],
            &["a-os", "", "", "", ""],
        )
        .valid(),
        enrolled_on(
            "machine-0-of-1",
            "Another container.",
            &["a-os", "", "", "", ""],
            &["z-b", "", "", "", ""],
        )
        .refused(Code::WrongMachine),
        enrolled_on(
            "machine-only-weak",
            "Enrolled without a strong component.",
            &["", "", "a-brd", "a-dsk", ""],
            &["", "", "a-brd", "a-dsk", ""],
        )
        .refused(Code::WrongMachine),
        bare_vector("machine-none-enrolled", "A certificate of a bound spec that names no machine.")
            .refused(Code::WrongMachine),
        key_vector_of("machine-device-key", "Bound to a device key that is offered.", device).valid(),
        key_vector_of(
            "machine-other-device-key",
            "Bound to a device key, another is offered.",
            &device.replace('z', "y"),
        )
        .refused(Code::WrongMachine),
        key_vector(
            "activation-required",
            "A bare license key whose spec binds machines.",
            sign(Role::License, &bound),
        )
        .machine(&machine())
        .refused(Code::ActivationRequired),
        key_vector("ok-license-key-unbound", "A bare license key whose spec binds nothing.", license_text())
            .machine(&machine())
            .valid(),
        form(
            "machine-k-too-low",
            "k is not what the number of components asks for.",
            edited_machine(r#""k":3"#, r#""k":1"#),
        ),
        form(
            "machine-unknown-component",
            "A component of another name.",
            edited_machine(r#""brd":"#, r#""cpu":"#),
        ),
        form("machine-short-commitment", "A commitment of 15 bytes.", {
            let text = machine().components[&Component::Os].to_text();
            edited_machine(&text, &text[..20])
        }),
        form(
            "certificate-exp-missing",
            "A certificate always ends, also a permanent license's.",
            edited_machine(&format!(r#""exp":{},"#, START + LEASE), ""),
        ),
        form(
            "certificate-end-missing",
            "No end of the license although the term is one year.",
            edited_machine(&format!(r#""end":{},"#, START + YEAR), ""),
        ),
    ]
}

fn require(status: Option<StatusRef>) -> LicenseClaims {
    LicenseClaims { status, policy: Policy { status: StatusRule::Require, ..license().policy }, ..license() }
}

fn status() -> Vec<Vector> {
    let token = |rule: StatusRule| {
        sign(
            Role::License,
            &LicenseClaims { policy: Policy { status: rule, ..license().policy }, ..license() },
        )
    };
    let (required, preferred, ignored) =
        (token(StatusRule::Require), token(StatusRule::Prefer), token(StatusRule::Ignore));
    let with_value = |value: u8| sign(Role::Status, &status_list_with(LICENSE_IDX, value));
    let fresh = sign(Role::Status, &status_list());
    let at = |name: &str, about: &str, token: &str, now: i64| {
        Vector::new(name, about, TokenType::License, token.into(), now)
    };
    let day2 = START + DAY;
    let long = sign(Role::Status, &StatusListClaims { exp: START + 60 * DAY, ..status_list() });
    let elsewhere = sign(Role::Status, &StatusListClaims { sub: format!("{LIST_URI}0"), ..status_list() });
    let test_list = sign(Role::Status, &StatusListClaims { env: Env::Test, ..status_list() });
    let lower = sign(Role::Status, &StatusListClaims { seq: START - 1, ..status_list() });
    let neighbours = {
        let mut claims = status_list();
        for value in [1, 3] {
            assert!(claims.list.set(LICENSE_IDX - usize::from(value), value));
            assert!(claims.list.set(LICENSE_IDX + usize::from(value), value));
        }
        sign(Role::Status, &claims)
    };
    let beyond = require(Some(StatusRef { idx: 1 << 17, uri: LIST_URI.into() }));
    let last = sign(Role::License, &require(Some(StatusRef { idx: (1 << 17) - 1, uri: LIST_URI.into() })));
    let first = sign(Role::License, &require(Some(StatusRef { idx: 0, uri: LIST_URI.into() })));
    let damaged = format!("{}A{}", &fresh[..fresh.len() - 43], &fresh[fresh.len() - 42..]);
    let bad = |name: &str, about: &str, list: String, code: Code| {
        at(name, about, &required, day2).list(list).refused(code)
    };
    let mut vectors = vec![
        at("status-valid", "0 VALID.", &required, day2).list(with_value(0)).valid(),
        bad("status-invalid", "1 INVALID: revoked for good.", with_value(1), Code::Revoked),
        bad("status-suspended", "2 SUSPENDED.", with_value(2), Code::Suspended),
        bad("status-superseded", "3 SUPERSEDED: ask for the current key.", with_value(3), Code::Superseded),
        at(
            "status-neighbours-revoked",
            "Only the entries around this one are set: the bit order matters.",
            &required,
            day2,
        )
        .list(neighbours)
        .valid(),
        at("status-first-index", "The first entry is INVALID.", &first, day2)
            .list(sign(Role::Status, &status_list_with(0, 1)))
            .refused(Code::Revoked),
        at("status-last-index", "The last entry is INVALID.", &last, day2)
            .list(sign(Role::Status, &status_list_with((1 << 17) - 1, 1)))
            .refused(Code::Revoked),
        at("status-missing", "Required, and no list is there.", &required, day2).refused(Code::StatusMissing),
        at(
            "status-missing-preferred",
            "Preferred, and no list is there: nobody is refused.",
            &preferred,
            START + 2 * DAY,
        )
        .valid(),
        at(
            "status-missing-not-named",
            "Required, and the token names no list.",
            &sign(Role::License, &require(None)),
            day2,
        )
        .list(fresh.clone())
        .refused(Code::StatusMissing),
        bad("status-of-another-list", "A list of another address.", elsewhere, Code::StatusMissing),
        bad(
            "status-of-the-test-environment",
            "A list of the other environment.",
            test_list,
            Code::StatusMissing,
        ),
        bad(
            "status-list-signature-damaged",
            "A list that does not verify counts as not there.",
            damaged,
            Code::StatusMissing,
        ),
        bad(
            "status-list-is-a-license-key",
            "A genuine token of another type in the list's place.",
            license_text(),
            Code::StatusMissing,
        ),
        at(
            "status-index-out-of-range",
            "2^17 is one beyond the last entry.",
            &sign(Role::License, &beyond),
            day2,
        )
        .list(fresh.clone())
        .refused(Code::StatusMissing),
        at("status-revoked-preferred", "Preferred: what the list says counts.", &preferred, day2)
            .list(with_value(1))
            .refused(Code::Revoked),
        at(
            "status-revoked-preferred-stale",
            "What an old list says counts as well.",
            &preferred,
            START + 60 * DAY,
        )
        .list(with_value(1))
        .refused(Code::Revoked),
        at("status-stale-preferred", "Preferred: an old list refuses nobody.", &preferred, START + 60 * DAY)
            .list(fresh.clone())
            .valid(),
        at("status-revoked-ignored", "Ignored: the list is not consulted.", &ignored, day2)
            .list(with_value(1))
            .valid(),
        bad(
            "status-seq-lower",
            "A list whose seq is lower than one seen before.",
            lower.clone(),
            Code::StatusRolledBack,
        )
        .seen(START, START, None),
        at(
            "status-seq-lower-preferred",
            "A rollback refuses also where lists are only preferred.",
            &preferred,
            day2,
        )
        .list(lower)
        .seen(START, START, None)
        .refused(Code::StatusRolledBack),
        bad(
            "status-iat-lower",
            "A list that is older than one seen before.",
            sign(Role::Status, &StatusListClaims { iat: START - 1, ..status_list() }),
            Code::StatusRolledBack,
        )
        .seen(START, START, None),
        bad("status-equivocation", "The same seq with other bytes.", with_value(0), Code::StatusRolledBack)
            .seen(START, START, Some(with_value(1))),
        at("status-same-list-again", "The same list as before.", &required, day2)
            .list(fresh.clone())
            .seen(START, START, Some(fresh.clone()))
            .valid(),
        at("status-newer-list", "A newer list than before.", &required, day2)
            .list(fresh.clone())
            .seen(START - 1, START - DAY, None)
            .valid(),
    ];
    let stale = Some(Code::StatusStale);
    let listed = |vectors: Vec<Vector>, list: &str| {
        vectors.into_iter().map(|vector| vector.list(list.into())).collect::<Vec<_>>()
    };
    vectors.extend(listed(
        edge(
            "time-list-exp",
            "exp of a required status list",
            TokenType::License,
            &required,
            START + 7 * DAY,
            [None, stale, stale],
        ),
        &fresh,
    ));
    vectors.extend(listed(
        edge(
            "time-list-age",
            "max_status_age after iat of a required status list",
            TokenType::License,
            &required,
            START + 14 * DAY,
            [None, stale, stale],
        ),
        &long,
    ));
    vectors
}

fn list_tokens() -> Vec<Vector> {
    let refused = |name: &str, about: &str, from: &str, to: &str| {
        let before = payload(&status_list());
        assert!(before.contains(from), "{from} is not in {before}");
        let token = key(Role::Status).sign_payload(TokenType::StatusList, &before.replacen(from, to, 1));
        Vector::new(name, about, TokenType::StatusList, token, START + DAY).refused(Code::Malformed).profile()
    };
    let lst = status_list().list.encode();
    let sized = |entries: usize| StatusList::from_bytes(2, vec![0; entries / 4]).expect("small").encode();
    let mut trailing = base64url::decode(&lst).expect("base64url");
    trailing.push(0);
    let mut checksum = base64url::decode(&lst).expect("base64url");
    if let Some(last) = checksum.last_mut() {
        *last ^= 1;
    }
    let deflated = base64url::decode(&lst).expect("base64url");
    let half = base64url::encode(&deflated[..deflated.len() / 2]);
    let no_checksum = base64url::encode(&deflated[..deflated.len() - 4]);
    let raw = base64url::encode(&deflated[2..deflated.len() - 4]);
    let seq = format!(r#""seq":{START}"#);
    vec![
        refused("list-bomb", "Inflates to 1 MiB.", &lst, &sized(1 << 22)),
        refused("list-too-long", "One byte more than 2^17 entries.", &lst, &sized((1 << 17) + 4)),
        refused("list-too-short", "One byte less than 2^17 entries.", &lst, &sized((1 << 17) - 4)),
        refused("list-truncated", "Half a zlib stream.", &lst, &half),
        refused("list-without-checksum", "The Adler-32 checksum is cut off.", &lst, &no_checksum),
        refused(
            "list-checksum-wrong",
            "The Adler-32 checksum does not fit.",
            &lst,
            &base64url::encode(&checksum),
        ),
        refused("list-trailing-byte", "A byte after the zlib stream.", &lst, &base64url::encode(&trailing)),
        refused("list-raw-deflate", "A deflate stream without the zlib frame.", &lst, &raw),
        refused("list-not-base64url", "lst is no base64url.", &lst, "!!!!"),
        refused("list-bits-1", "Another number of bits.", r#""bits":2"#, r#""bits":1"#),
        refused(
            "list-bits-3",
            "A number of bits that the standard does not have.",
            r#""bits":2"#,
            r#""bits":3"#,
        ),
        refused("list-seq-missing", "No seq: a rollback could not be seen.", &format!(",{seq}"), ""),
        refused("list-seq-string", "seq in quotes.", &seq, &format!(r#""seq":"{START}""#)),
        refused("list-exp-missing", "A list always ends.", &format!(r#""exp":{},"#, START + 7 * DAY), ""),
    ]
}

fn grants() -> Vec<Vector> {
    let need = |amount: &str| json!([{ "metric": "render-minutes", "amount": amount }]);
    let wanting = |name: &str, about: &str, member: &str, value: Value| {
        key_vector(name, about, license_text()).expect(member, value)
    };
    vec![
        wanting("ok-entitled", "Both entitlements are granted.", "entitlements", json!(["render", "export"]))
            .valid(),
        wanting(
            "not-entitled",
            "One entitlement is not granted.",
            "entitlements",
            json!(["render", "simulate"]),
        )
        .refused(Code::NotEntitled),
        wanting("ok-quota", "All of the quota.", "quota", need("1000")).valid(),
        wanting("quota-exhausted", "A ten-thousandth more than the quota.", "quota", need("1000.0001"))
            .refused(Code::QuotaExhausted),
        wanting(
            "quota-of-another-metric",
            "A metric that was not bought.",
            "quota",
            json!([{ "metric": "api-calls", "amount": "1" }]),
        )
        .refused(Code::QuotaExhausted),
    ]
}

/// A JWK Set whose license key was changed.
fn changed_set(change: impl Fn(&mut Value)) -> String {
    let mut set: Value = serde_json::from_str(&keys().to_json()).expect("JSON");
    let jwks = set["keys"].as_array_mut().expect("an array");
    change(jwks.iter_mut().find(|jwk| jwk["role"] == "license").expect("a license key"));
    set.to_string()
}

/// The identity: its signature R = A, S = 0 satisfies the group equation for every message.
fn identity() -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = 1;
    point
}

fn weak_set() -> String {
    changed_set(|jwk| {
        jwk["x"] = json!(base64url::encode(&identity()));
        jwk["kid"] = json!(license_token::key_set::thumbprint(&identity()));
    })
}

fn forged() -> String {
    let kid = license_token::key_set::thumbprint(&identity());
    let head = format!(r#"{{"alg":"EdDSA","typ":"license+jwt","kid":"{kid}"}}"#);
    let input = format!(
        "{}.{}",
        base64url::encode(head.as_bytes()),
        base64url::encode(payload(&license()).as_bytes())
    );
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&identity());
    format!("{input}.{}", base64url::encode(&signature))
}

/// L, the order of the base point, little-endian (RFC 8032 §5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn plus(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    let mut carry = 0;
    std::array::from_fn(|index| {
        let sum = u16::from(left[index]) + u16::from(right[index]) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    })
}

fn reduced(number: [u8; 32]) -> [u8; 32] {
    if number.iter().rev().lt(ORDER.iter().rev()) {
        return number;
    }
    let mut borrow = 0;
    std::array::from_fn(|index| {
        let difference = i16::from(number[index]) - i16::from(ORDER[index]) - borrow;
        borrow = i16::from(difference < 0);
        difference.to_le_bytes()[0]
    })
}

fn s_plus_order(mut signature: [u8; 64]) -> [u8; 64] {
    let s: [u8; 32] = std::array::from_fn(|index| signature[32 + index]);
    signature[32..].copy_from_slice(&plus(s, ORDER));
    signature
}

/// The holder of the key signs with the nonce 0: R is the identity and S = k·a. `canonical` 1 encodes R as y = 1,
/// 0 as y = p + 1.
fn small_r(signing_input: &str, canonical: u8) -> String {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[0x22; 32]);
    let mut r = identity();
    if canonical == 0 {
        r = [0xff; 32];
        r[0] = 0xee;
        r[31] = 0x7f;
    }
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(secret.verifying_key().as_bytes());
    hash.update(signing_input.as_bytes());
    let scalar = secret.to_scalar().to_bytes();
    let mut s = [0; 32];
    for byte in hash.finalize().iter().rev() {
        for bit in (0..8).rev() {
            s = reduced(plus(s, s));
            if byte >> bit & 1 == 1 {
                s = reduced(plus(s, scalar));
            }
        }
    }
    format!("{signing_input}.{}", base64url::encode(&[r, s].concat()))
}
