//! Headers, secrets and times: who is let in, and what is told apart before a body is looked at.

use chrono::Duration;
use lictor::marketplace::RefusalCause;
use lictor::standard_webhooks::signature::{SIGNATURES_MAX, WebhookSecret};
use secrecy::SecretString;
use serde_json::json;

use super::support::*;

fn cause(sent: &Sent) -> RefusalCause {
    let refusal = sent.read().unwrap_err();
    assert_eq!((refusal.activity, refusal.test), (None, false), "{refusal}");
    refusal.cause
}

#[test]
fn a_signed_event_of_every_type_is_read() {
    for event_type in TYPES {
        let call = Sent::of(&event(event_type)).read().unwrap();
        assert_eq!((call.activity, call.signed_by, call.test), (*event_type, 0, false));
        assert_eq!(call.occurred_at, Some(now() - Duration::seconds(2)));
    }
}

#[test]
fn a_missing_or_malformed_header_is_named() {
    let whole = || Sent::of(&event("purchase.created"));
    let long = "a".repeat(257);
    let many = vec!["v1,AAAA"; SIGNATURES_MAX + 1].join(" ");
    let longest = format!("v2,{}", "A".repeat(4_096));
    let odd: [(&'static str, &str, &[&str]); 3] = [
        ("webhook-id", "id", &["", " ", "a b", "a.b", "é", "a\u{7f}", "msg_1, msg_2", &long]),
        (
            "webhook-timestamp",
            "timestamp",
            &["", "now", "-1", "+1", "01", " 1", "1.5", "1e9", "1769846400, 1", "176984640000", "１"],
        ),
        ("webhook-signature", "signature", &["", " ", "v1", "v1=AAAA", &many, &longest]),
    ];
    for (name, word, values) in odd {
        let refusal = whole().with(name, None).read().unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::HeaderMissing(name));
        let (status, body) = refused(&refusal);
        assert_eq!((status, body["code"].as_str()), (400, Some(format!("missing_{word}").as_str())));
        for value in values {
            let refusal = whole().with(name, Some(value)).read().unwrap_err();
            assert_eq!(refusal.cause, RefusalCause::HeaderMalformed(name), "{value:?}");
            let (status, body) = refused(&refusal);
            assert_eq!((status, body["code"].as_str()), (400, Some(format!("malformed_{word}").as_str())));
        }
    }
}

#[test]
fn a_wrong_truncated_or_foreign_signature_fits_nothing() {
    let body = event("purchase.created").to_string();
    let (whole, bytes) = (Sent::of(&event("purchase.created")), body.as_bytes());
    let timestamp = now().timestamp().to_string();
    let right = signed_by(NEW, ID, &timestamp, bytes);
    let bare = right.trim_start_matches("v1,").to_owned();
    let foreign = signed_by(FOREIGN, ID, &timestamp, bytes);
    let other_id = signed_by(NEW, "msg_other", &timestamp, bytes);
    let other_time = signed_by(NEW, ID, &(now().timestamp() + 1).to_string(), bytes);
    let no_padding = right.trim_end_matches('=').to_owned();
    let wrong = [
        right[..right.len() - 4].to_owned(),
        no_padding,
        format!("{right}AAAA"),
        "v1,".to_owned(),
        "v1,%%%%".to_owned(),
        format!("v1a,{bare}"),
        format!("V1,{bare}"),
        format!("v2,{bare}"),
        foreign,
        other_id,
        other_time,
    ];
    for signature in wrong {
        let refusal = whole.clone().with("webhook-signature", Some(&signature)).read().unwrap_err();
        assert_eq!((&refusal.cause, refusal.signed_by), (&RefusalCause::SignatureWrong, None), "{signature}");
        let (status, body) = refused(&refusal);
        assert_eq!((status, body["code"].as_str()), (401, Some("signature_mismatch")));
    }
}

#[test]
fn one_fitting_signature_of_many_is_enough_whatever_else_stands_in_the_list() {
    let whole = Sent::of(&event("purchase.created"));
    let right = whole.headers[2].1.clone();
    for list in [
        format!("v1a,bm90IG91cnM= {right}"),
        format!("{right} v1a,bm90IG91cnM="),
        format!("v1,bm90IG91cnM= v1,broken% {right}"),
        format!(" {right}  v9,x"),
    ] {
        let call = whole.clone().with("webhook-signature", Some(&list)).read().unwrap();
        assert_eq!(call.signed_by, 0, "{list}");
    }
}

#[test]
fn every_live_secret_lets_in_and_a_retired_one_does_not() {
    let body = event("purchase.suspended").to_string();
    let by = |secret: &str| Sent::at(secret, now(), body.as_bytes());
    assert_eq!(by(NEW).read().unwrap().signed_by, 0);
    assert_eq!(by(OLD).read().unwrap().signed_by, 1);
    assert_eq!(cause(&by(FOREIGN)), RefusalCause::SignatureWrong);
    let rotated = keys_of(&[FOREIGN, NEW]);
    assert_eq!(by(FOREIGN).read_with(&rotated, now()).unwrap().signed_by, 0);
    assert_eq!(by(NEW).read_with(&rotated, now()).unwrap().signed_by, 1);
    let retired = by(OLD).read_with(&rotated, now()).unwrap_err();
    assert_eq!(retired.cause, RefusalCause::SignatureWrong);
    let both = format!("{} {}", by(OLD).headers[2].1, by(NEW).headers[2].1);
    let sender_rotates = by(OLD).with("webhook-signature", Some(&both));
    assert_eq!(sender_rotates.read_with(&rotated, now()).unwrap().signed_by, 1, "a sender signs with both");
}

#[test]
fn a_channel_without_a_usable_secret_lets_nobody_in() {
    let whole = Sent::of(&event("purchase.created"));
    for keys in [vec![], keys_of(&["isv-demo-key-0001"])] {
        let refusal = whole.read_with(&keys, now()).unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::NoAccessKey);
        assert_eq!(refused(&refusal).0, 401);
    }
    let beside = keys_of(&["not a secret", NEW]);
    assert_eq!(whole.read_with(&beside, now()).unwrap().signed_by, 1, "the index is that of the key");
}

#[test]
fn a_secret_has_24_to_64_bytes_behind_its_prefix_and_never_prints() {
    use base64::Engine;
    let text =
        |bytes: usize| format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]));
    for bytes in [24, 32, 33, 64] {
        assert!(WebhookSecret::parse(&text(bytes).into()).is_ok(), "{bytes}");
        assert!(WebhookSecret::parse(&text(bytes).trim_end_matches('=').to_owned().into()).is_ok());
        assert_eq!(protocol().key_fault(&text(bytes).into()), None);
    }
    let bare = text(32).replace("whsec_", "");
    for odd in
        [&text(23), &text(65), &text(4_000), "", "whsec_", &bare, &format!(" {}", text(32)), "whsec_%%%%"]
    {
        let secret = SecretString::from(odd.to_owned());
        assert!(WebhookSecret::parse(&secret).is_err(), "{odd}");
        let fault = protocol().key_fault(&secret).unwrap();
        assert!(fault.contains("whsec_") && (odd.len() < 12 || !fault.contains(odd)));
    }
    let printed = format!("{:?}", WebhookSecret::parse(&text(32).into()));
    assert!(!printed.contains("BwcH") && !printed.contains('7'), "{printed}");
}

#[test]
fn a_call_is_valid_for_five_minutes_either_way_the_bounds_included() {
    let body = event("purchase.suspended").to_string();
    let sent = |secs| Sent::at(OLD, now() + Duration::seconds(secs), body.as_bytes());
    for secs in [-300, -299, 0, 299, 300] {
        assert!(sent(secs).read().is_ok(), "{secs}");
    }
    for (secs, code) in [
        (-301, "timestamp_too_old"),
        (301, "timestamp_too_new"),
        (-86_400, "timestamp_too_old"),
        (86_400, "timestamp_too_new"),
    ] {
        let refusal = sent(secs).read().unwrap_err();
        assert_eq!(refusal.cause, RefusalCause::StaleTimestamp { skew_secs: secs });
        assert_eq!(refusal.signed_by, Some(1), "only a true caller hears about its clock");
        let (status, body) = refused(&refusal);
        assert_eq!((status, body["code"].as_str()), (401, Some(code)));
    }
    let forged = sent(-86_400).with("webhook-signature", Some("v1,bm90IG91cnM="));
    assert_eq!(cause(&forged), RefusalCause::SignatureWrong);
}

#[test]
fn what_was_signed_as_a_body_cannot_be_passed_off_as_an_id() {
    // The shop signs this body; a customer chose the note.
    let note = format!("x.{}.{}", now().timestamp(), r#"{\"type\":\"purchase.released\"}"#);
    let body = format!(r#"{{"note":"{note}"}}"#);
    let signature = signed_by(NEW, ID, &now().timestamp().to_string(), body.as_bytes());
    let whole = format!("{ID}.{}.{body}", now().timestamp());
    let parts: Vec<_> = whole.match_indices('.').collect();
    for (first, second) in parts.iter().flat_map(|first| parts.iter().map(move |second| (first.0, second.0)))
    {
        if first >= second {
            continue;
        }
        let headers = vec![
            ("webhook-id", whole[..first].to_owned()),
            ("webhook-timestamp", whole[first + 1..second].to_owned()),
            ("webhook-signature", signature.clone()),
        ];
        let sent = Sent { headers, body: whole.as_bytes()[second + 1..].to_vec() };
        let signed_by = sent.read().err().and_then(|refusal| refusal.signed_by);
        assert_eq!(signed_by.is_some(), sent.body == body.as_bytes(), "{sent:?}");
    }
}

#[test]
fn no_single_bit_can_be_changed() {
    let mut changed = 0;
    for (round, event_type) in TYPES.iter().chain(TYPES).enumerate() {
        let body = event_with(event_type, "/data/note", json!(format!("é {round}"))).to_string();
        let original = Sent::at([NEW, OLD][round % 2], now(), body.as_bytes());
        assert!(original.read().is_ok());
        let mut judge = |mutant: &Sent| {
            changed += 1;
            let refusal = mutant.read().unwrap_err();
            assert_eq!((refusal.signed_by, refusal.activity), (None, None), "{refusal} {mutant:?}");
        };
        for bit in 0..body.len() * 8 {
            let mut mutant = original.clone();
            mutant.body[bit / 8] ^= 1 << (bit % 8);
            judge(&mutant);
        }
        for header in 0..original.headers.len() {
            for bit in 0..original.headers[header].1.len() * 8 {
                let mut bytes = original.headers[header].1.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let Ok(value) = String::from_utf8(bytes) else { continue };
                let mut mutant = original.clone();
                mutant.headers[header].1 = value;
                judge(&mutant);
            }
        }
    }
    assert!(changed >= 10_000, "{changed}");
}

#[test]
fn other_methods_paths_and_large_bodies_are_told_apart() {
    let whole = Sent::of(&event("purchase.created"));
    for (method, tail, status, code) in [
        ("GET", "", 405, "method_not_allowed"),
        ("PUT", "", 405, "method_not_allowed"),
        ("post", "", 405, "method_not_allowed"),
        ("POST", "x", 404, "not_found"),
        ("POST", "produceAPI/v2/tenantSync", 404, "not_found"),
    ] {
        let refusal = whole.read_as(method, tail, &keys(), now()).unwrap_err();
        let (answered, body) = refused(&refusal);
        assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{method} {tail}");
    }
    let largest = format!("{}{}", event("purchase.suspended"), " ".repeat(64 * 1024));
    let fits = &largest.as_bytes()[..64 * 1024];
    assert!(Sent::at(NEW, now(), fits).read().is_ok());
    let refusal = Sent::at(NEW, now(), &largest.as_bytes()[..64 * 1024 + 1]).read().unwrap_err();
    assert_eq!((refused(&refusal).0, refusal.signed_by), (413, None));
}

#[test]
fn an_id_with_its_body_is_one_event_however_often_and_with_whatever_secret_it_is_sent() {
    let body = event("purchase.suspended").to_string();
    let identity = |sent: &Sent, at| sent.read_with(&keys(), at).unwrap().replay.unwrap();
    let first = identity(&Sent::at(OLD, now(), body.as_bytes()), now());
    let later = now() + Duration::hours(3);
    let again = identity(&Sent::at(NEW, later, body.as_bytes()), later);
    assert_eq!((first.digest, first.request), (again.digest, again.request));
    let other = identity(&Sent::of(&event("purchase.resumed")), now());
    assert_eq!(first.digest, other.digest, "the same id");
    assert_ne!(first.request, other.request, "with another body");
    assert!(first.keep_until >= now() + Duration::days(7), "longer than any sender tries");
    let read_only = Sent::of(&event("purchase.queried")).read().unwrap();
    assert_eq!(read_only.replay, None);
}
