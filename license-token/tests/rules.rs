//! Single rules of the format that need no token: JSON, amounts, terms, lists, machines, key sets, signing.

#[path = "rules/key_sets.rs"]
mod key_sets;
#[path = "rules/ledger.rs"]
mod ledger;
mod support;

use license_token::json::{self, JsonError, Limits, Value};
use license_token::key_set::{ed25519_verify_strict, thumbprint};
use license_token::machine::{is_placeholder, needed};
use license_token::signing::SigningError;
use license_token::status_list::{StatusListError, StatusValue};
use license_token::{
    Amount, Code, Commitment, Component, Expectation, KeySet, KnownList, LicenseClaims, Machine, QuotaClaim,
    Role, SigningKey, SpecClaim, StatusList, StatusRef, Term, TokenType, UnverifiedToken, base64url, machine,
    verdict,
};
use support::{AUD, ISS, LIST_URI, START, YEAR, keys, license, no_attributes, render_minutes, sign};

const SMALL: Limits = Limits { max_bytes: 64, max_depth: 2 };

#[test]
fn json_errors_say_what_and_where() {
    let error = |text: &str| json::parse(text.as_bytes(), &SMALL).expect_err("refused");
    assert_eq!(error(&" ".repeat(65)), JsonError::TooLarge { max_bytes: 64 });
    assert_eq!(error("[[[]]]"), JsonError::TooDeep { max_depth: 2 });
    assert_eq!(error(r#"{"a/b":[0,{"#), JsonError::TooDeep { max_depth: 2 });
    assert_eq!(error(r#"{"a":1,"\u0061":2}"#), JsonError::Duplicate { pointer: "/a".into() });
    assert_eq!(error(r#"[0,{"m/~":1,"m/~":1}]"#), JsonError::Duplicate { pointer: "/1/m~1~0".into() });
    assert_eq!(error("{} x"), JsonError::Malformed { offset_bytes: 3 });
    assert_eq!(error("01"), JsonError::Malformed { offset_bytes: 1 });
    assert_eq!(json::parse(b"\"\xff\"", &SMALL), Err(JsonError::Malformed { offset_bytes: 1 }));
    assert_eq!(json::parse(b"", &SMALL), Err(JsonError::Malformed { offset_bytes: 0 }));
}

#[test]
fn equal_names_in_different_objects_are_no_duplicates() {
    assert_eq!(json::parse_few(b"[0,[1]]", &SMALL, 3), Err(JsonError::TooMany { max_values: 3 }));
    assert!(json::parse_few(b"[0,[1]]", &SMALL, 4).is_ok());
    assert!(json::check(br#"[{"a":1},{"a":{"b":1}}]"#, &Limits { max_bytes: 64, max_depth: 3 }).is_ok());
}

#[test]
fn integers_are_plain_and_below_2_to_the_53() {
    let integer = |text: &str| Value::Number(text.into()).as_integer();
    assert_eq!(integer("9007199254740991"), Some((1 << 53) - 1));
    assert_eq!(integer("0"), Some(0));
    for other in ["9007199254740992", "-1", "1.0", "1e3", "99999999999999999999"] {
        assert_eq!(integer(other), None, "{other}");
    }
    assert_eq!(Value::String("1".into()).as_integer(), None);
}

#[test]
fn amounts_are_exact_to_four_decimals() {
    let parsed = |text: &str| Amount::parse(text).map(Amount::ten_thousandths);
    assert_eq!(parsed("1000"), Some(10_000_000));
    assert_eq!(parsed("0.0001"), Some(1));
    assert_eq!(parsed("12.5"), Some(125_000));
    assert_eq!(parsed("899999999999.9999"), Some(8_999_999_999_999_999));
    for other in [
        "",
        ".",
        ".5",
        "5.",
        "01",
        "-1",
        "+1",
        "1e3",
        "1.00000",
        "900000000000",
        "1,5",
        " 1",
        "99999999999999999999",
    ] {
        assert_eq!(parsed(other), None, "{other}");
    }
    for text in ["0", "1", "12.5", "0.0001", "899999999999.9999"] {
        let amount = Amount::parse(text).expect("an amount");
        assert_eq!(amount.to_string(), text);
        assert_eq!(Amount::from_json(&amount.to_json()), Some(amount));
        assert_eq!(matches!(amount.to_json(), Value::Number(_)), !text.contains('.'));
    }
}

#[test]
fn a_term_has_one_spelling() {
    for text in ["P1D", "P14D", "P1M", "P6M", "P1Y", "P9999Y", "permanent"] {
        assert_eq!(Term::parse(text).expect(text).to_string(), text);
    }
    for other in
        ["", "P", "PY", "P0D", "P01D", "P10000Y", "P1W", "P1Y6M", "p1y", "P1Y ", "P1é", "Permanent", "-P1Y"]
    {
        assert_eq!(Term::parse(other), None, "{other}");
    }
}

#[test]
fn a_typ_is_read_without_regard_to_case_and_prefix() {
    for typ in TokenType::ALL {
        assert_eq!(TokenType::from_typ(typ.as_str()), Some(typ));
        assert_eq!(TokenType::from_typ(&format!("APPLICATION/{}", typ.as_str().to_uppercase())), Some(typ));
    }
    for other in ["", "JWT", "application/", "application/application/license+jwt", "license", "éééééééééééé"]
    {
        assert_eq!(TokenType::from_typ(other), None, "{other}");
    }
}

/// The example of RFC 8037 appendix A.2 and A.3.
#[test]
fn a_thumbprint_is_rfc_7638s() {
    let x = base64url::decode_array("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("32 bytes");
    assert_eq!(thumbprint(&x), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/// RFC 8032 §7.1, test 2.
#[test]
fn an_rfc_8032_signature_verifies_and_a_flipped_bit_does_not() {
    let seed = unhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let mut signature: [u8; 64] = unhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    let key = SigningKey::from_seed(&seed, Role::License, ISS).expect("a valid issuer");
    assert_eq!(key.verifying_key().public(), &public);
    assert!(ed25519_verify_strict(&public, &[0x72], &signature));
    signature[0] ^= 1;
    assert!(!ed25519_verify_strict(&public, &[0x72], &signature));
}

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|index| u8::from_str_radix(&text[2 * index..2 * index + 2], 16).expect("hex"))
}

/// All encodings of points of order 1, 2, 4 and 8, canonical and not.
#[test]
fn keys_of_small_order_and_non_canonical_encodings_are_refused() {
    let weak = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        // y = p + 3, p + 4: on the curve, of full order, not canonical.
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for text in weak {
        assert!(license_token::VerifyingKey::new(&unhex(text), Role::License, ISS).is_err(), "{text}");
    }
}

#[test]
fn a_key_set_survives_its_text_and_ignores_what_it_does_not_know() {
    let text = keys().to_json();
    assert_eq!(KeySet::parse(text.as_bytes()), Ok(keys()));
    let with_others = text.replacen(
        '[',
        r#"[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP","crv":"X25519","x":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AA","role":"webhook","iss":"x","kid":"y"},"#,
        1,
    );
    assert_eq!(KeySet::parse(with_others.as_bytes()), Ok(keys()));
    let refused = [
        "{}".into(),
        r#"{"keys":[]}"#.into(),
        r#"{"keys":[1]}"#.into(),
        r#"{"keys":{}}"#.into(),
        text.replace(r#""role":"root","#, ""),
        text.replace(r#","iss":"https://license.acme.example"}"#, "}"),
        text.replacen(r#""kty":"OKP""#, r#""kty":"OKP","kty":"OKP""#, 1),
        text.replacen("[{", &format!("[{},{{", keys().keys()[0].to_jwk()), 1),
        format!("{text} "),
    ];
    for (index, text) in refused.iter().enumerate().take(refused.len() - 1) {
        assert!(KeySet::parse(text.as_bytes()).is_err(), "{index}: {text}");
    }
    assert!(
        KeySet::parse(refused[refused.len() - 1].as_bytes()).is_ok(),
        "white space around the set is JSON's"
    );
}

/// The examples of draft-ietf-oauth-status-list §4.1: 16 entries of 1 bit, 12 entries of 2 bits.
#[test]
fn entries_stand_from_the_least_significant_bits_upwards() {
    let one = StatusList::from_bytes(1, vec![0xb9, 0xa3]).expect("1 bit");
    let expected = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    assert_eq!((0..16).map(|index| one.get(index)).collect::<Vec<_>>(), expected.map(Some));
    let two = StatusList::from_bytes(2, vec![0xc9, 0x44, 0xf9]).expect("2 bits");
    let expected = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
    assert_eq!((0..12).map(|index| two.get(index)).collect::<Vec<_>>(), expected.map(Some));
    assert_eq!(two.get(12), None);
    assert_eq!(StatusList::decode(1, "eNrbuRgAAhcBXQ"), Ok(one));
}

#[test]
fn a_list_is_inflated_to_its_size_and_no_further() {
    let bomb = StatusList::from_bytes(2, vec![0; 1 << 20]).expect("the cap").encode();
    assert!(bomb.len() < 2_000);
    assert_eq!(StatusList::decode_exact(2, &bomb), Err(StatusListError::Size));
    assert_eq!(StatusList::decode(2, &bomb).map(|list| list.len()), Ok(1 << 22));
    assert!(StatusList::from_bytes(2, vec![0; (1 << 20) + 1]).is_none());
    let exact = StatusList::all_valid();
    assert_eq!(StatusList::decode_exact(2, &exact.encode()), Ok(exact.clone()));
    assert_eq!(StatusList::decode_exact(4, &exact.encode()), Err(StatusListError::Bits));
    assert_eq!(StatusList::decode(3, &exact.encode()), Err(StatusListError::Bits));
    assert_eq!(exact.len(), 1 << 17);
    assert!(exact.encode().len() < 100);
}

#[test]
fn setting_an_entry_beyond_its_bits_or_the_end_changes_nothing() {
    let mut list = StatusList::all_valid();
    assert!(!list.set(0, 4));
    assert!(!list.set(1 << 17, 1));
    assert_eq!(list, StatusList::all_valid());
    assert!(list.set(5, StatusValue::Superseded.bits()) && list.set(5, StatusValue::Suspended.bits()));
    assert_eq!(list.status(5), Some(StatusValue::Suspended));
}

#[test]
fn a_list_that_does_not_compress_still_fits_a_token() {
    // A linear congruence: noise enough that deflate gains nothing.
    let mut state = 1_u64;
    let noise = (0..1 << 15).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()[6]
    });
    let mut claims = support::status_list();
    claims.list = StatusList::from_bytes(2, noise.collect()).expect("2 bits");
    let text = sign(Role::Status, &claims);
    assert!(text.len() > 40_000, "{}", text.len());
}

/// Computed with Python's hmac and hashlib from the formula in `docs/token-format.md`.
#[test]
fn a_commitment_is_the_documented_hmac() {
    let commitment = machine::commit(ISS, AUD, Component::Os, " 4C4C4544-0042\n").expect("a value");
    assert_eq!(commitment.to_text(), "oFPKDBfwWh6vDZsLucoOqw");
    assert_eq!(Commitment::parse(&commitment.to_text()), Some(commitment));
    assert_eq!(machine::commit(ISS, AUD, Component::Os, "4c4c4544-0042"), Some(commitment));
    assert_ne!(machine::commit(ISS, AUD, Component::Fw, "4c4c4544-0042"), Some(commitment));
    assert_ne!(machine::commit(ISS, "acme-render", Component::Os, "4c4c4544-0042"), Some(commitment));
    let opaque = |value| machine::commit(ISS, AUD, Component::Fp, value);
    assert_ne!(opaque("AA|BB|CC|DD"), opaque("aa|bb|cc|dd"));
}

#[test]
fn placeholders_count_as_absent() {
    for value in [
        "",
        " ",
        "To be filled by O.E.M.",
        "To Be Filled By O.E.M.",
        "Default string",
        "00000000-0000-0000-0000-000000000000",
        "ff:ff:ff:ff:ff:ff",
        "00:00:00:00:00:00",
        "None",
        "N/A",
        "Not Specified",
        "System Serial Number",
        "0123456789",
        "xxxxxxxx",
        "03000200-0400-0500-0006-000700080009",
        "uninitialized",
        "........",
    ] {
        assert!(is_placeholder(value), "{value:?}");
        assert_eq!(machine::commit(ISS, AUD, Component::Brd, value), None, "{value:?}");
    }
    for value in ["a-os", "52:54:00:12:34:56", "PF2ABCDE", "4c4c4544-0042-3510-8054-b8c04f4b4d32", "S4EVNF0M"]
    {
        assert!(!is_placeholder(value), "{value:?}");
    }
    assert_eq!(
        Machine::commit(ISS, AUD, [(Component::Brd, "None"), (Component::Os, "m-1")]).components.len(),
        1
    );
}

#[test]
fn the_threshold_is_three_of_five_three_of_four_two_of_three_and_all_of_fewer() {
    assert_eq!([1, 2, 3, 4, 5].map(needed), [1, 2, 2, 3, 3]);
}

#[test]
fn a_license_key_stays_under_1024_characters() {
    let compact = LicenseClaims {
        spec: SpecClaim { sku: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".into(), attributes: no_attributes() },
        quota: vec![],
        ..license()
    };
    let text = sign(Role::License, &compact);
    assert!((700..900).contains(&text.len()), "{} characters", text.len());
    let grown = LicenseClaims { quota: vec![render_minutes(1); 3], ..license() };
    let refused = support::key(Role::License).sign(&grown);
    assert!(
        matches!(refused, Err(SigningError::LicenseKeyTooLong { chars }) if chars >= 1_024),
        "{refused:?}"
    );
}

#[test]
fn a_signing_key_refuses_claims_that_no_verifier_would_take() {
    let signs = |claims: &LicenseClaims| support::key(Role::License).sign(claims);
    let refusal = |claims: &LicenseClaims| match signs(claims) {
        Err(SigningError::Refused(refusal)) => refusal.code(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refusal(&LicenseClaims { iss: "https://other.example".into(), ..license() }),
        Code::UnknownKey
    );
    assert_eq!(refusal(&LicenseClaims { exp: None, ..license() }), Code::Malformed);
    assert_eq!(refusal(&LicenseClaims { exp: Some(-1), ..license() }), Code::Malformed);
    assert_eq!(refusal(&LicenseClaims { sub: "x".repeat(129), ..license() }), Code::Malformed);
    let far = StatusRef { idx: 1 << 53, uri: LIST_URI.into() };
    assert_eq!(refusal(&LicenseClaims { status: Some(far), ..license() }), Code::Malformed);
    let wrong_role = support::key(Role::Status).sign(&license());
    assert!(matches!(wrong_role, Err(SigningError::Refused(refusal)) if refusal.code() == Code::UnknownKey));
}

#[test]
fn a_signing_key_does_not_print_its_secret() {
    let printed = format!("{:?}", support::key(Role::License));
    assert!(
        printed.contains("SigningKey") && !printed.contains("34, 34") && !printed.contains("2222"),
        "{printed}"
    );
}

#[test]
fn inspecting_shows_claims_without_any_key() {
    let text = sign(Role::License, &license());
    let token = UnverifiedToken::parse(&text).expect("a token");
    let untrusted = token.inspect();
    assert_eq!(untrusted.header.get("typ").and_then(Value::as_str), Some("license+jwt"));
    assert_eq!(untrusted.claims.get("aud").and_then(Value::as_str), Some(AUD));
}

#[test]
fn a_quota_of_many_packages_is_bounded() {
    let package: QuotaClaim = render_minutes(1);
    let many = LicenseClaims { quota: vec![package; 65], ..license() };
    assert!(support::key(Role::License).sign(&many).is_err());
}

#[test]
fn grace_is_the_callers_and_is_told() {
    let text = sign(Role::License, &license());
    let at = |now, grace_secs| {
        let expect = Expectation { grace_secs, ..Expectation::at(now) };
        verdict::judge(&text, &keys(), TokenType::License, &expect).map(|judged| judged.standing.is_past_end)
    };
    assert_eq!(at(START + YEAR - 1, 60), Ok(false));
    assert_eq!(at(START + YEAR, 60), Ok(true));
    assert_eq!(at(START + YEAR + 59, 60), Ok(true));
    assert_eq!(at(START + YEAR + 60, 60).map_err(|refusal| refusal.code()), Err(Code::Expired));
}

#[test]
fn the_status_of_an_ended_license_key_can_be_asked_alone() {
    let text = sign(Role::License, &license());
    let token =
        UnverifiedToken::parse(&text).expect("a token").verify::<LicenseClaims>(&keys()).expect("genuine");
    let revoked = sign(Role::Status, &support::status_list_with(support::LICENSE_IDX, 1));
    let list =
        UnverifiedToken::parse_status_list(&revoked).expect("a list").verify(&keys()).expect("genuine");
    let known = [KnownList { list: &list, seen: None }];
    let expect = Expectation { lists: Some(&known), ..Expectation::at(START + 2 * YEAR) };
    assert_eq!(verdict::judge_status(&token, &expect).map_err(|refusal| refusal.code()), Err(Code::Revoked));
    let none = Expectation { lists: Some(&[]), ..expect };
    assert_eq!(verdict::judge_status(&token, &none), Ok(verdict::ListStanding::Missing));
}
