//! Both signatures of the Kit, and whatever else is wrong before an interface is looked at.

use chrono::Duration;
use lictor::marketplace::koogallery::kit::sign_v2;
use lictor::marketplace::{AccessKey, RawRequest, RefusalCause, protocol_for};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::support::*;
use crate::v1::{KEY, OLD_KEY, body_sign, header, keys, now};

fn cause(sent: &Sent) -> RefusalCause {
    read(sent).unwrap_err().cause
}

#[test]
fn the_vector_of_version_2_is_read_as_the_call_it_is() {
    let all: Value = serde_json::from_str(include_str!("../../vectors/koogallery.json")).unwrap();
    let vectors = all["kit_v2"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let (secret, payload) = (SecretString::from(text("access_key")), text("signed_payload"));
        let signed = sign_v2(&secret, text("x-nonce"), text("x-timestamp"), payload.as_bytes());
        let hex: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, text("x-sign"));
        let now = chrono::DateTime::from_timestamp_millis(text("x-timestamp").parse().unwrap()).unwrap();
        for sign in [hex.clone(), hex.to_uppercase()] {
            let request = RawRequest {
                method: "POST",
                path_tail: "produceAPI/v2/tenantSync",
                query: "",
                headers: &|name| if name == "x-sign" { Some(sign.as_str()) } else { vector[name].as_str() },
                body: payload.as_bytes(),
            };
            let keys = [AccessKey { id: "vector".into(), secret: secret.clone() }];
            let call = protocol_for("saas-v2").unwrap().read(&request, &keys, now).unwrap();
            assert_eq!((call.activity, call.signed_by), ("tenantSync", 0));
        }
    }
}

#[test]
fn every_family_that_has_the_kit_reads_every_interface_of_both_versions() {
    for family in FAMILIES {
        for interface in INTERFACES {
            for version in [1, 2] {
                let call = read_by(family, "POST", &sent(version, interface, &complete(version, interface)));
                let call = call.unwrap_or_else(|refusal| panic!("{family} {interface} {version} {refusal}"));
                assert_eq!((call.activity, call.signed_by, call.test), (interface, 0, false));
                assert!(call.replay.is_some());
            }
        }
    }
}

#[test]
fn wrong_truncated_and_foreign_signatures_are_refused_and_every_live_key_is_tried() {
    for interface in INTERFACES {
        let body = complete(1, interface).to_string();
        assert_eq!(read(&sent_v1(OLD_KEY, interface, &body)).unwrap().signed_by, 1);
        assert_eq!(cause(&sent_v1("another", interface, &body)), RefusalCause::SignatureWrong);
        let body = complete(2, interface).to_string();
        assert_eq!(read(&sent_v2(OLD_KEY, interface, &body, now())).unwrap().signed_by, 1);
        assert_eq!(cause(&sent_v2("another", interface, &body, now())), RefusalCause::SignatureWrong);
    }
    for version in [1, 2] {
        let name = if version == 1 { "authtoken" } else { "x-sign" };
        let whole = sent(version, "tenantSync", &complete(version, "tenantSync"));
        let right = whole.headers[name].clone();
        for odd in [&right[1..], &right[..right.len() - 2], "AAAA", "zz"] {
            let mut altered = whole.clone();
            altered.headers.insert(name, odd.to_owned());
            assert_eq!(cause(&altered), RefusalCause::SignatureWrong, "{odd}");
        }
        let mut without = whole.clone();
        without.headers.remove(name);
        assert_eq!(cause(&without), RefusalCause::SignatureMissing);
        let refusal = read(&without).unwrap_err();
        let answer = protocol_for("saas-v1").unwrap().refuse(&refusal, &keys());
        assert_eq!((answer.status, answer.result_code), (200, Some("000001")));
    }
}

#[test]
fn a_token_whose_plus_became_a_blank_still_fits() {
    let mut seen = 0;
    for number in 0..100 {
        let mut body = complete(1, "tenantSync");
        body["name"] = json!(number.to_string());
        let mut call = sent(1, "tenantSync", &body);
        let token = call.headers["authtoken"].clone();
        seen += u32::from(token.contains('+'));
        call.headers.insert("authtoken", token.replace('+', " "));
        assert!(read(&call).is_ok(), "{token}");
    }
    assert!(seen > 5);
}

#[test]
fn version_1_is_dated_in_beijing_and_valid_for_five_minutes_either_way() {
    let at = |time: String| with(1, "tenantSync", "timeStamp", json!(time)).map(|_| ());
    for millis in [-300_000, 0, 300_000] {
        assert_eq!(at(beijing(now() + Duration::milliseconds(millis))), Ok(()), "{millis}");
    }
    for (millis, skew_secs) in [(-300_001, -301), (300_001, 301), (-8 * 3_600_000, -28_800)] {
        let refusal = at(beijing(now() + Duration::milliseconds(millis))).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::StaleTimestamp { skew_secs });
    }
    let refused = |value: Value| with(1, "tenantSync", "timeStamp", value).unwrap_err().cause;
    assert_eq!(refused(json!(null)), RefusalCause::ParameterMissing("timeStamp"));
    assert_eq!(refused(json!("")), RefusalCause::ParameterMissing("timeStamp"));
    assert_eq!(refused(json!("2025-07-25")), RefusalCause::ParameterMalformed("timeStamp"));
}

#[test]
fn version_2_is_dated_by_its_header_and_valid_for_a_minute_either_way() {
    let body = complete(2, "tenantSync").to_string();
    for (millis, fine) in [(-60_000, true), (60_000, true), (-60_001, false), (60_001, false)] {
        let call = sent_v2(KEY, "tenantSync", &body, now() + Duration::milliseconds(millis));
        assert_eq!(read(&call).is_ok(), fine, "{millis}");
    }
    let whole = sent_v2(KEY, "tenantSync", &body, now());
    for name in ["x-timestamp", "x-nonce"] {
        let mut without = whole.clone();
        without.headers.remove(name);
        assert_eq!(cause(&without), RefusalCause::HeaderMissing(name));
        let mut odd = whole.clone();
        odd.headers.insert(name, "with a blank".to_owned());
        assert_eq!(cause(&odd), RefusalCause::HeaderMalformed(name));
    }
}

/// Ten thousand single bits over headers and bodies of both versions. Version 1 leaves blank members out of what it
/// signs, so that here there are none.
#[test]
fn no_single_bit_can_be_changed() {
    let mut changed = 0;
    for version in [1, 2] {
        for interface in INTERFACES {
            let mut body = complete(version, interface);
            body.as_object_mut().unwrap().retain(|_, value| value != "");
            let original = sent(version, interface, &body);
            let call = read(&original).unwrap();
            for bit in 0..original.body.len() * 8 {
                let mut mutant = original.clone();
                mutant.body[bit / 8] ^= 1 << (bit % 8);
                changed += 1;
                match read(&mutant) {
                    Err(refusal) => assert_eq!(refusal.signed_by, None, "{interface} bit {bit}: {refusal}"),
                    Ok(accepted) => panic!("{interface} bit {bit}: {accepted:?} for {call:?}"),
                }
            }
            for name in ["authtoken", "x-sign", "x-timestamp", "x-nonce"] {
                let Some(value) = original.headers.get(name) else { continue };
                for bit in 0..value.len() * 8 {
                    let mut bytes = value.clone().into_bytes();
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let Ok(text) = String::from_utf8(bytes) else { continue };
                    let same_digits = name == "x-sign" && text.eq_ignore_ascii_case(value);
                    let mut mutant = original.clone();
                    mutant.headers.insert(name, text);
                    changed += 1;
                    assert_eq!(read(&mutant).is_ok(), same_digits, "{interface} {name} bit {bit}");
                }
            }
        }
    }
    assert!(changed >= 10_000, "{changed}");
}

#[test]
fn other_methods_paths_and_bodies_are_plain_refusals() {
    let whole = sent(2, "tenantSync", &complete(2, "tenantSync"));
    let status = |method: &str, tail: &str, body: &[u8]| {
        let sent = Sent { tail: tail.to_owned(), body: body.to_vec(), ..whole.clone() };
        let refusal = read_by("license-v1", method, &sent).unwrap_err();
        protocol_for("license-v1").unwrap().refuse(&refusal, &keys()).status
    };
    assert_eq!(status("GET", "produceAPI/v2/tenantSync", b""), 405);
    assert_eq!(status("POST", "produceAPI/v2/", b"{}"), 404);
    assert_eq!(status("POST", "produceAPI/v3/tenantSync", b"{}"), 404);
    assert_eq!(status("POST", "produceAPI/newInstance", b"{}"), 404);
    assert_eq!(status("POST", "produceAPI/tenantSync", b"{\"a\":"), 400);
    assert_eq!(status("POST", "produceAPI/tenantSync", "[".repeat(100).as_bytes()), 400);
    assert_eq!(status("POST", "produceAPI/tenantSync", &vec![b' '; 512 * 1024 + 1]), 413);
}

#[test]
fn an_answer_is_signed_with_the_key_that_signed_the_call() {
    use lictor::domain::PurchaseOutcome;
    for family in FAMILIES {
        let body = complete(1, "tenantSync").to_string();
        for (key, call) in [KEY, OLD_KEY].map(|key| (key, sent_v1(key, "tenantSync", &body))) {
            let protocol = protocol_for(family).unwrap();
            let call = read_by(family, "POST", &call).unwrap();
            let answer = protocol.answer(&call, &PurchaseOutcome::Done, &keys());
            assert_eq!(answer.body, br#"{"resultCode":"000000","resultMsg":"success."}"#);
            assert_eq!(header(&answer, "Body-Sign"), Some(body_sign(key, &answer.body).as_str()));
            let unfit = protocol.answer(&call, &PurchaseOutcome::InstanceUnknown, &keys());
            assert!(unfit.fault.is_some());
        }
    }
}
