//! What cannot be read, what is refused with which code, and that no bytes whatever bring the adapter down.

use super::support::*;
use lictor::domain::{InstanceInfo, PurchaseOutcome};
use lictor::marketplace::{CallRefusal, QueryDefect, RefusalCause};
use lictor::sandbox::signer;
use proptest::prelude::*;

const RELEASE: &str = r#"{"activity":"releaseInstance","instanceId":"i-1"}"#;

fn plain_status(body: &[u8]) -> u16 {
    let call = Signed { query: String::new(), body: body.to_vec() };
    let refusal = read(&call).unwrap_err();
    let answer = saas_v2().refuse(&refusal, &keys());
    assert_eq!((answer.result_code, header(&answer, "Body-Sign")), (None, None));
    answer.status
}

#[test]
fn what_is_no_json_object_is_a_plain_400() {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"x\"",
        "{",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1}x",
        "{'a':1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":[\"\\ud800\"]}",
        "\u{feff}{}",
        "<xml/>",
        "{\"a\":tru}",
        "{\"a\" 1}",
    ] {
        assert_eq!(plain_status(body.as_bytes()), 400, "{body}");
    }
    assert_eq!(plain_status(b"{\"a\":\"\xff\"}"), 400);
    for cut in 0..RELEASE.len() {
        assert_eq!(plain_status(&RELEASE.as_bytes()[..cut]), 400, "{cut}");
    }
}

#[test]
fn a_member_that_stands_twice_is_a_plain_400_at_every_level() {
    for body in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"\u0061":1}"#,
        r#"{"x":{"a":1,"b":2,"a":3}}"#,
        r#"{"x":[{"a":{"b":1,"b":1}}]}"#,
        r#"{"a":null,"a":null}"#,
    ] {
        assert_eq!(read(&signed(body)).unwrap_err().cause, RefusalCause::DuplicateMember, "{body}");
        assert_eq!(plain_status(body.as_bytes()), 400);
    }
}

#[test]
fn nesting_ends_at_sixteen_levels() {
    let nested = |levels: usize| {
        let inner = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
        RELEASE.replace('}', &format!(",\"x\":{inner}}}"))
    };
    assert!(read(&signed(&nested(16))).is_ok());
    for levels in [17, 1_000, 30_000] {
        let refusal = read(&signed(&nested(levels))).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::NestedTooDeep { limit: 16 }, "{levels}");
    }
    for open in ["[", "{\"a\":"] {
        assert_eq!(plain_status(format!("{{\"x\":{}", open.repeat(10_000)).as_bytes()), 400);
    }
}

#[test]
fn a_body_ends_at_64_kib() {
    let padded = |bytes: usize| {
        let open = RELEASE.replace('}', ",\"x\":\"");
        let padding = bytes - open.len() - 2;
        open + &"x".repeat(padding) + "\"}"
    };
    assert!(read(&signed(&padded(65_536))).is_ok());
    assert_eq!(plain_status(padded(65_537).as_bytes()), 413);
    assert_eq!(plain_status(&vec![b'['; 1024 * 1024]), 413);
}

#[test]
fn other_methods_and_sub_paths_are_plain_refusals() {
    for (method, tail, status) in
        [("GET", "", 405), ("PUT", "", 405), ("post", "", 405), ("POST", "produceAPI/x", 404)]
    {
        let refusal = read_as(method, tail, &signed(RELEASE)).unwrap_err();
        assert_eq!(saas_v2().refuse(&refusal, &keys()).status, status, "{method} {tail}");
    }
}

/// The whole table from cause to answer, without `_`: a new cause does not compile until it stands here.
#[test]
fn every_cause_has_its_code_and_words() {
    let causes = [
        RefusalCause::UnknownSubPath,
        RefusalCause::WrongMethod,
        RefusalCause::NotGet,
        RefusalCause::NotPost,
        RefusalCause::BodyTooLarge { bytes: 2, limit: 1 },
        RefusalCause::MalformedJson,
        RefusalCause::NestedTooDeep { limit: 16 },
        RefusalCause::DuplicateMember,
        RefusalCause::UnreadableQuery(QueryDefect::TooLong),
        RefusalCause::UnreadableQuery(QueryDefect::Encoding),
        RefusalCause::UnreadableQuery(QueryDefect::Duplicate),
        RefusalCause::QueryParameterMissing("nonce"),
        RefusalCause::QueryParameterMalformed("nonce"),
        RefusalCause::HeaderMissing("x-nonce"),
        RefusalCause::HeaderMalformed("x-nonce"),
        RefusalCause::StaleTimestamp { skew_secs: 73 },
        RefusalCause::NonceReused,
        RefusalCause::NoAccessKey,
        RefusalCause::SignatureMissing,
        RefusalCause::SignatureWrong,
        RefusalCause::ParameterMissing("orderId"),
        RefusalCause::ParameterTooLong { name: "orderId", limit: 64 },
        RefusalCause::ParameterMalformed("orderId"),
        RefusalCause::UnknownActivity,
    ];
    for cause in causes {
        let expected = match &cause {
            RefusalCause::UnknownSubPath => (404, None),
            RefusalCause::WrongMethod | RefusalCause::NotGet | RefusalCause::NotPost => (405, None),
            RefusalCause::BodyTooLarge { .. } => (413, None),
            RefusalCause::MalformedJson
            | RefusalCause::NestedTooDeep { .. }
            | RefusalCause::DuplicateMember => (400, None),
            RefusalCause::NoAccessKey | RefusalCause::SignatureMissing | RefusalCause::SignatureWrong => {
                (200, Some("000001"))
            }
            RefusalCause::UnreadableQuery(_)
            | RefusalCause::QueryParameterMissing(_)
            | RefusalCause::QueryParameterMalformed(_)
            | RefusalCause::HeaderMissing(_)
            | RefusalCause::HeaderMalformed(_)
            | RefusalCause::StaleTimestamp { .. }
            | RefusalCause::NonceReused
            | RefusalCause::ParameterMissing(_)
            | RefusalCause::ParameterTooLong { .. }
            | RefusalCause::ParameterMalformed(_)
            | RefusalCause::UnknownActivity => (200, Some("000002")),
        };
        let refusal = CallRefusal { cause, activity: None, test: false, signed_by: None };
        assert!(refusal.to_string().len() > 15);
        let answer = saas_v2().refuse(&refusal, &keys());
        assert_eq!((answer.status, answer.result_code), expected, "{refusal}");
        if answer.status == 200 {
            assert_eq!(header(&answer, "Body-Sign").unwrap(), signer::body_sign(KEY, &answer.body));
        }
    }
}

#[test]
fn a_refusal_knows_what_was_claimed_and_whether_to_believe_it() {
    let body = r#"{"activity":"releaseInstance","testFlag":"1"}"#;
    let signed_refusal = read(&signed(body)).unwrap_err();
    assert_eq!(
        (signed_refusal.activity, signed_refusal.test, signed_refusal.signed_by),
        (Some("releaseInstance"), true, Some(0))
    );
    let unsigned = read(&Signed { query: String::new(), body: body.into() }).unwrap_err();
    assert_eq!((unsigned.activity, unsigned.signed_by), (Some("releaseInstance"), None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused_in_good_order(query in ".{0,300}", body in prop::collection::vec(any::<u8>(), 0..300)) {
        let refusal = read(&Signed { query, body }).unwrap_err();
        prop_assert_eq!(refusal.signed_by, None);
        prop_assert!(saas_v2().refuse(&refusal, &keys()).body.is_ascii());
    }

    /// Whoever holds the key may still send anything.
    #[test]
    fn arbitrary_signed_text_never_panics(body in "(\\{|)[\\{\\}\\[\\]\":,0-9a-z\\\\ .\u{1f511}-]{0,80}\\}?") {
        if let Err(refusal) = read(&signed(&body)) {
            prop_assert!(matches!(saas_v2().refuse(&refusal, &keys()).status, 200 | 400));
        }
    }

    #[test]
    fn arbitrary_values_of_known_members_never_panic(
        activity in prop::sample::select(vec!["newInstance", "queryInstance", "refreshInstance", "updateInstanceStatus", "releaseInstance"]),
        name in prop::sample::select(vec!["orderId", "orderLineId", "businessId", "instanceId", "scene", "expireTime", "status", "testFlag"]),
        value in ".{0,100}",
    ) {
        let mut body = serde_json::json!({ "activity": activity, "orderId": "o", "orderLineId": "l", "businessId": "b",
            "instanceId": "i", "scene": "RENEWAL", "expireTime": "20230523201932", "status": "FREEZE" });
        body[name] = serde_json::Value::String(value);
        match read(&signed(&body.to_string())) {
            Ok(call) => {
                let answer = saas_v2().answer(&call, &call.dial_test_outcome("https://a.example"), &keys());
                prop_assert!(answer.body.is_ascii());
            }
            Err(refusal) => prop_assert_eq!(refusal.signed_by, Some(0)),
        }
    }

    #[test]
    fn whatever_the_outcome_says_the_answer_is_ascii_signed_and_within_bounds(id in ".{0,80}", url in ".{0,600}", memo in ".{0,1200}") {
        let call = read(&signed(r#"{"activity":"queryInstance","instanceId":"i"}"#)).unwrap();
        let info = InstanceInfo { instance_id: id.clone(), front_end_url: url.clone(), memo: memo.clone(), sign_in: None, license: None, usage: Vec::new() };
        let answer = saas_v2().answer(&call, &PurchaseOutcome::Instances(vec![info]), &keys());
        let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        prop_assert!(answer.body.is_ascii());
        let signature = signer::body_sign(KEY, &answer.body);
        prop_assert_eq!(header(&answer, "Body-Sign"), Some(signature.as_str()));
        if answer.fault.is_none() {
            let info = &body["info"][0];
            prop_assert_eq!(info["instanceId"].as_str(), Some(id.as_str()));
            prop_assert_eq!(info["appInfo"]["frontEndUrl"].as_str(), Some(url.as_str()));
            prop_assert_eq!(info["appInfo"]["memo"].as_str(), Some(memo.as_str()));
        } else {
            prop_assert_eq!(body["resultCode"].as_str(), Some("000005"));
        }
    }
}
