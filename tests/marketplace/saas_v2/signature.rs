//! Who is let in: signature, time, nonce, keys; and that nothing else is.

use super::support::*;
use chrono::Duration;
use lictor::marketplace::koogallery::payload::sorted_payload;
use lictor::marketplace::{CallRefusal, QueryDefect, RefusalCause};

const RELEASE: &str = r#"{"activity":"releaseInstance","instanceId":"i-1"}"#;

fn cause(call: &Signed) -> RefusalCause {
    read(call).unwrap_err().cause
}

#[test]
fn every_live_key_is_tried_and_the_call_knows_which_one_fitted() {
    let time = now().timestamp_millis().to_string();
    assert_eq!(read(&signed_with(KEY, RELEASE, &time, "n")).unwrap().signed_by, 0);
    assert_eq!(read(&signed_with(OLD_KEY, RELEASE, &time, "n")).unwrap().signed_by, 1);
    assert_eq!(cause(&signed_with("a foreign key", RELEASE, &time, "n")), RefusalCause::SignatureWrong);
}

#[test]
fn the_window_is_sixty_seconds_inclusive_to_both_sides() {
    for millis in [0, 59_999, 60_000] {
        assert!(read(&signed_at(RELEASE, Duration::milliseconds(millis))).is_ok(), "{millis}");
        assert!(read(&signed_at(RELEASE, Duration::milliseconds(-millis))).is_ok(), "-{millis}");
    }
    for (millis, skew_secs) in [(60_001, 61), (73_000, 73), (-60_001, -61), (-3_600_000, -3_600)] {
        let call = signed_at(RELEASE, Duration::milliseconds(millis));
        assert_eq!(cause(&call), RefusalCause::StaleTimestamp { skew_secs });
    }
    assert!(
        cause(&signed_at(RELEASE, Duration::seconds(73))).to_string().contains("your clock is 73 s behind")
    );
    assert!(
        cause(&signed_at(RELEASE, Duration::seconds(-73))).to_string().contains("your clock is 73 s ahead")
    );
}

#[test]
fn a_timestamp_has_thirteen_or_ten_digits() {
    let secs = now().timestamp();
    assert!(read(&signed_with(KEY, RELEASE, &secs.to_string(), "n")).is_ok());
    assert!(read(&signed_with(KEY, RELEASE, &(secs + 60).to_string(), "n")).is_ok());
    let stale = signed_with(KEY, RELEASE, &(secs + 62).to_string(), "n");
    assert!(matches!(cause(&stale), RefusalCause::StaleTimestamp { .. }));
    for odd in [
        "168050806",
        "16805080666",
        "168050806661",
        "16805080666180",
        "+168050806661",
        "-680508066618",
        "now",
    ] {
        let malformed = RefusalCause::QueryParameterMalformed("timestamp");
        assert_eq!(cause(&signed_with(KEY, RELEASE, odd, "n")), malformed, "{odd}");
    }
}

#[test]
fn what_is_missing_is_named_in_the_documented_order() {
    let without = |name: &str| {
        let call = signed(RELEASE);
        let query =
            call.query.split('&').filter(|pair| !pair.starts_with(name)).collect::<Vec<_>>().join("&");
        cause(&Signed { query, ..call })
    };
    assert_eq!(without("timestamp"), RefusalCause::QueryParameterMissing("timestamp"));
    assert_eq!(without("nonce"), RefusalCause::QueryParameterMissing("nonce"));
    assert_eq!(without("signature"), RefusalCause::SignatureMissing);
    let nothing = Signed { query: String::new(), ..signed(RELEASE) };
    assert_eq!(cause(&nothing), RefusalCause::QueryParameterMissing("timestamp"));
}

#[test]
fn a_nonce_is_bounded_and_visible() {
    let time = now().timestamp_millis().to_string();
    assert!(read(&signed_with(KEY, RELEASE, &time, &"n".repeat(128))).is_ok());
    let malformed = RefusalCause::QueryParameterMalformed("nonce");
    assert_eq!(cause(&signed_with(KEY, RELEASE, &time, &"n".repeat(129))), malformed);
    let call = signed(RELEASE);
    for odd in ["a%00b", "a%20b", "%E7%A0%81"] {
        let query = call.query.replace("50D83FDECAED6CCD8EF597F2A5779505", odd);
        assert_eq!(cause(&Signed { query, body: call.body.clone() }), malformed);
    }
}

#[test]
fn doubled_parameters_are_refused_and_unknown_ones_ignored() {
    let call = signed(RELEASE);
    let twice = Signed { query: format!("{}&nonce=x", call.query), ..call.clone() };
    assert_eq!(cause(&twice), RefusalCause::UnreadableQuery(QueryDefect::Duplicate));
    let own = Signed { query: format!("tenant=7&{}&", call.query), ..call };
    assert!(read(&own).is_ok());
}

#[test]
fn a_truncated_or_lengthened_or_foreign_looking_signature_is_wrong() {
    let call = signed(RELEASE);
    let signature = call.query[10..74].to_owned();
    for odd in
        [&signature[..63], &signature[1..], &format!("{signature}00"), &"z".repeat(64), "0", &"0".repeat(64)]
    {
        let query = call.query.replace(&signature, odd);
        assert_eq!(cause(&Signed { query, body: call.body.clone() }), RefusalCause::SignatureWrong, "{odd}");
    }
}

#[test]
fn a_channel_without_keys_lets_nobody_in() {
    let call = signed_with("", RELEASE, &now().timestamp_millis().to_string(), "n");
    let request = lictor::marketplace::RawRequest {
        method: "POST",
        path_tail: "",
        query: &call.query,
        headers: &|_| None,
        body: &call.body,
    };
    let refusal = saas_v2().read(&request, &[], now()).unwrap_err();
    assert_eq!(refusal.cause, RefusalCause::NoAccessKey);
    assert_eq!(
        saas_v2().refuse(&refusal, &[]).body,
        br#"{"resultCode":"000001","resultMsg":"authentication failed."}"#
    );
}

/// What arrives differs from what was signed only as the documents allow.
#[test]
fn the_documented_payload_forms_are_accepted() {
    let sent = r#"{ "b" : {"z":1,"a":[ {"y":null,"x":12.780} ]}, "activity":"releaseInstance", "instanceId":"\u7801\/\u0041",
        "nothing":null, "c":1e5 }"#;
    for signed_form in [
        r#"{"activity":"releaseInstance","b":{"z":1,"a":[{"y":null,"x":12.780}]},"c":1e5,"instanceId":"码/A"}"#,
        r#"{"activity":"releaseInstance","b":{"a":[{"x":12.780}],"z":1},"c":1e5,"instanceId":"码/A"}"#,
        sent,
    ] {
        let call = Signed { body: sent.into(), ..signed(signed_form) };
        assert!(read(&call).is_ok(), "{signed_form}");
    }
    for other in [
        r#"{"activity":"releaseInstance","b":{"z":1,"a":[{"y":null,"x":12.78}]},"c":1e5,"instanceId":"码/A"}"#,
        r#"{"activity":"releaseInstance","b":{"z":1,"a":[{"y":null,"x":12.780}]},"c":100000,"instanceId":"码/A"}"#,
        r#"{"activity":"releaseInstance","b":{"z":1,"a":[{"y":null,"x":12.780}]},"c":1e5,"instanceId":"码/A","nothing":null}"#,
    ] {
        assert_eq!(
            cause(&Signed { body: sent.into(), ..signed(other) }),
            RefusalCause::SignatureWrong,
            "{other}"
        );
    }
}

#[test]
fn names_sort_by_utf16_code_units_and_text_is_written_as_jackson_does() {
    let body =
        "{\"\u{1f511}\":1,\"\u{ff01}\":2,\"b\":\"\\u0001\\u001f\\b\\t\\n\\f\\r\\\"\\\\\u{7f}</\",\"B\":true}";
    let expected =
        "{\"B\":true,\"b\":\"\\u0001\\u001F\\b\\t\\n\\f\\r\\\"\\\\\u{7f}</\",\"\u{1f511}\":1,\"\u{ff01}\":2}";
    assert_eq!(String::from_utf8(sorted_payload(body.as_bytes()).unwrap()).unwrap(), expected);
}

#[test]
fn a_replay_identity_is_the_same_for_the_same_request_only() {
    let time = now().timestamp_millis().to_string();
    let identity =
        |body: &str, nonce: &str| read(&signed_with(KEY, body, &time, nonce)).unwrap().replay.unwrap();
    let other = r#"{"activity":"releaseInstance","instanceId":"i-2"}"#;
    assert_eq!(identity(RELEASE, "n1"), identity(RELEASE, "n1"));
    assert_eq!(identity(RELEASE, "n1").digest, identity(other, "n1").digest);
    assert_ne!(identity(RELEASE, "n1").request, identity(other, "n1").request);
    assert_ne!(identity(RELEASE, "n1").digest, identity(RELEASE, "n2").digest);

    let call = signed(RELEASE);
    let upper = call.query[10..74].to_uppercase();
    let in_upper_case =
        Signed { query: call.query.replace(&call.query[10..74], &upper), body: call.body.clone() };
    assert_eq!(read(&call).unwrap(), read(&in_upper_case).unwrap());
}

#[test]
fn an_identity_is_kept_until_the_call_would_be_stale_everywhere() {
    for skew in [-60, 0, 60] {
        let skew = Duration::seconds(skew);
        let keep_until = read(&signed_at(RELEASE, skew)).unwrap().replay.unwrap().keep_until;
        assert!(keep_until >= now() + Duration::seconds(120));
        assert!(keep_until > now() + skew + Duration::seconds(60));
    }
}

/// Ten thousand single bits, over queries and bodies of all activities. Only the letter case of the signature's hex
/// digits carries no meaning.
#[test]
fn no_single_bit_can_be_changed() {
    let bodies = [
        r#"{"activity":"newInstance","businessId":"87b94795-0603-4e24-8ae5-69420d60e3c8","orderId":"CS1","orderLineId":"CS1-000001"}"#,
        r#"{"activity":"queryInstance","instanceId":"i-1,i-2"}"#,
        r#"{"activity":"refreshInstance","expireTime":"20230523201932","instanceId":"i-1","orderId":"CS2","orderLineId":"CS2-000001","scene":"RENEWAL"}"#,
        r#"{"activity":"updateInstanceStatus","instanceId":"i-1","status":"FREEZE","testFlag":1,"x":null,"n":[1.50,{"b":1,"a":2}]}"#,
        r#"{"activity":"newInstance","businessId":"b","orderId":"CS3","orderLineId":"CS3-000001","productId":"P","testFlag":"1"}"#,
        "{ \"instanceId\" : \"i-1\",\r\n\t\"activity\":\"releaseInstance\" }",
    ];
    let (mut changed, mut letter_case) = (0, 0);
    for body in bodies {
        let original = signed(body);
        let call = read(&original).unwrap();
        for bit in 0..(original.query.len() + body.len()) * 8 {
            let mutant = flip(&original, bit);
            changed += 1;
            match read(&mutant) {
                Err(CallRefusal { signed_by, cause, .. }) => {
                    assert_eq!(signed_by, None, "bit {bit}: {cause}")
                }
                Ok(accepted) => {
                    assert_eq!(accepted, call, "bit {bit}");
                    assert!(mutant.query.eq_ignore_ascii_case(&original.query), "bit {bit}");
                    assert_eq!(sorted_payload(&mutant.body), sorted_payload(body.as_bytes()), "bit {bit}");
                    letter_case += u32::from(mutant.query != original.query);
                }
            }
        }
    }
    assert!(changed >= 10_000, "{changed}");
    assert!(letter_case <= 6 * 64, "{letter_case}");
}

/// A query that is no text any more reaches nobody; the nearest text stands for it.
fn flip(call: &Signed, bit: usize) -> Signed {
    let mut bytes = [call.query.as_bytes(), &call.body].concat();
    bytes[bit / 8] ^= 1 << (bit % 8);
    let body = bytes.split_off(call.query.len());
    Signed { query: String::from_utf8_lossy(&bytes).into_owned(), body }
}
