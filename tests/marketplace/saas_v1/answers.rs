//! SaaS V1.0: what is answered, byte for byte.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use lictor::domain::{Amount, InstanceInfo, InstanceUsage, PurchaseOutcome, SignIn};
use serde_json::Value;

use super::saas_v1;
use crate::v1::{keys, text_of};

fn info() -> InstanceInfo {
    InstanceInfo {
        instance_id: "i-1".into(),
        front_end_url: "https://a.example/portal".into(),
        memo: "激活码 ABC".into(),
        sign_in: None,
        license: None,
        usage: Vec::new(),
    }
}

fn delivered(info: InstanceInfo) -> PurchaseOutcome {
    PurchaseOutcome::Delivered { info, license_key: Some("eyJ".into()) }
}

fn answered(activity: &str, outcome: &PurchaseOutcome) -> (String, Option<String>) {
    let family = saas_v1();
    let call = family.with(activity, "x", "1").unwrap();
    text_of(family.protocol.answer(&call, outcome, &keys()))
}

#[test]
fn new_instance_and_query_instance_show_where_to_go_in_exactly_these_bytes() {
    assert_eq!(
        answered("newInstance", &delivered(info())).0,
        r#"{"resultCode":"000000","resultMsg":"success.","instanceId":"i-1","appInfo":{"frontEndUrl":"https://a.example/portal","memo":"\u6fc0\u6d3b\u7801 ABC"}}"#
    );
    assert_eq!(
        answered("queryInstance", &PurchaseOutcome::Instances(vec![info()])).0,
        r#"{"resultCode":"000000","resultMsg":"success.","info":[{"instanceId":"i-1","appInfo":{"frontEndUrl":"https://a.example/portal","memo":"\u6fc0\u6d3b\u7801 ABC"}}]}"#
    );
    let usage = vec![InstanceUsage {
        related_instance_id: Some("sms".into()),
        value: Amount::parse("50.25").unwrap(),
        as_of: "2026-03-01T12:00:00Z".parse().unwrap(),
        dashboard_url: "https://a.example/portal".into(),
    }];
    assert_eq!(
        answered("queryInstance", &PurchaseOutcome::Instances(vec![InstanceInfo { usage, ..info() }])).0,
        r#"{"resultCode":"000000","resultMsg":"success.","info":[{"instanceId":"i-1","appInfo":{"frontEndUrl":"https://a.example/portal","memo":"\u6fc0\u6d3b\u7801 ABC"},"usageInfo":[{"relatedInstanceId":"sms","usageValue":50.25,"statisticalTime":"20260301120000000","dashboardUrl":"https://a.example/portal"}]}]}"#
    );
    assert_eq!(
        answered("newInstance", &PurchaseOutcome::Accepted { instance_id: "i-1".into(), ready: false }).0,
        r#"{"resultCode":"000004","resultMsg":"the request is being processed.","instanceId":"i-1"}"#
    );
}

/// The AES-256 key of the demo access key, as a JDK derives it.
fn decrypted(field: &str) -> String {
    let key: Vec<u8> = "e5ffe674ad53d1c6c7e8e1fea728a14f67db567f05cefad642a20d075d853295"
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect();
    let (iv, sealed) = field.split_at(16);
    assert!(iv.chars().all(|letter| letter.is_ascii_alphanumeric()), "{iv}");
    let cipher = Decryptor::<Aes256>::new_from_slices(&key, iv.as_bytes()).unwrap();
    let plain = cipher.decrypt_padded_vec::<Pkcs7>(&STANDARD.decode(sealed).unwrap()).unwrap();
    String::from_utf8(plain).unwrap()
}

#[test]
fn sign_in_fields_are_encrypted_and_say_how() {
    let sign_in = Some(SignIn { user_name: "admin@example.com".into(), password: "密码 1".into() });
    let info = InstanceInfo { sign_in, ..info() };
    let bought = answered("newInstance", &delivered(info.clone())).0;
    let queried = answered("queryInstance", &PurchaseOutcome::Instances(vec![info])).0;
    for (body, at) in [(bought, "/appInfo"), (queried, "/info/0/appInfo")] {
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["encryptType"], "1");
        let field = |name: &str| body.pointer(&format!("{at}/{name}")).unwrap().as_str().unwrap();
        assert_eq!(decrypted(field("userName")), "admin@example.com");
        assert_eq!(decrypted(field("password")), "密码 1");
    }
}

/// The limit of an encrypted field counts its IV and its base64: 79 bytes fit into 128 characters, 80 do not.
#[test]
fn every_member_is_held_to_its_length_before_it_is_sent() {
    let with = |change: &dyn Fn(&mut InstanceInfo)| {
        let mut info = info();
        change(&mut info);
        info
    };
    let sign_in = |user: usize, password: usize| {
        Some(SignIn { user_name: "u".repeat(user), password: "p".repeat(password) })
    };
    for fits in [
        with(&|info| info.instance_id = "i".repeat(64)),
        with(&|info| info.front_end_url = "u".repeat(512)),
        with(&|info| info.memo = "码".repeat(1024)),
        with(&|info| info.sign_in = sign_in(79, 79)),
    ] {
        assert_eq!(answered("newInstance", &delivered(fits.clone())).1, None);
        assert_eq!(answered("queryInstance", &PurchaseOutcome::Instances(vec![fits])).1, None);
    }
    for (unfit, words) in [
        (with(&|info| info.instance_id = "i".repeat(65)), "instanceId would have 65"),
        (with(&|info| info.instance_id = String::new()), "the instance id is empty"),
        (with(&|info| info.front_end_url = "u".repeat(513)), "frontEndUrl would have 513"),
        (with(&|info| info.front_end_url = String::new()), "frontEndUrl would be empty"),
        (with(&|info| info.memo = "码".repeat(1025)), "memo would have 1025"),
        (with(&|info| info.sign_in = sign_in(80, 1)), "userName would have"),
        (with(&|info| info.sign_in = sign_in(1, 80)), "password would have"),
    ] {
        for (activity, outcome) in [
            ("newInstance", delivered(unfit.clone())),
            ("queryInstance", PurchaseOutcome::Instances(vec![unfit.clone()])),
        ] {
            let (body, fault) = answered(activity, &outcome);
            assert_eq!(body, r#"{"resultCode":"000005","resultMsg":"internal error."}"#);
            assert!(fault.as_ref().unwrap().contains(words), "{fault:?}");
        }
    }
}

#[test]
fn every_outcome_has_its_code_and_an_unfit_one_is_an_internal_error() {
    for activity in saas_v1().activities {
        for (outcome, code) in [
            (PurchaseOutcome::InstanceUnknown, "000003"),
            (PurchaseOutcome::Processing, "000004"),
            (PurchaseOutcome::Unavailable, "000005"),
            (PurchaseOutcome::InvalidParameter, "000002"),
        ] {
            let (body, fault) = answered(activity, &outcome);
            assert!(body.starts_with(&format!(r#"{{"resultCode":"{code}","#)), "{activity} {body}");
            assert_eq!(fault, None);
        }
        let (body, fault) = answered(activity, &PurchaseOutcome::Done);
        match *activity {
            "newInstance" | "queryInstance" => assert!(fault.is_some(), "{activity}"),
            _ => assert_eq!(body, r#"{"resultCode":"000000","resultMsg":"success."}"#, "{activity}"),
        }
        let ready = PurchaseOutcome::Accepted { instance_id: "i".into(), ready: true };
        assert!(answered(activity, &ready).1.is_some(), "{activity}");
    }
}

#[test]
fn a_dial_test_is_answered_plausibly_for_any_instance() {
    let family = saas_v1();
    for activity in family.activities {
        let call = family.with(activity, "testFlag", "1").unwrap();
        let outcome = call.dial_test_outcome("https://a.example/portal");
        let answer = family.protocol.answer(&call, &outcome, &keys());
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((body["resultCode"].as_str(), answer.fault), (Some("000000"), None), "{activity}");
        match *activity {
            "newInstance" => {
                assert_eq!(body["instanceId"], "b-1");
                assert_eq!(body["appInfo"]["frontEndUrl"], "https://a.example/portal");
            }
            "queryInstance" => assert_eq!(body["info"][0]["instanceId"], "i-1"),
            _ => assert_eq!(body.as_object().unwrap().len(), 2),
        }
    }
}
