//! Whatever comes from outside is read or refused: no reader panics, and none repeats a secret.

use std::sync::LazyLock;

use lictor::application::ports::Clock;
use lictor::catalog::{PROTOCOLS_SERVED, parse_apply_file, sample};
use lictor::clock::SystemClock;
use lictor::domain::{Amount, ClaimCode, LicenseId, OrderId, SecretRef, Term};
use lictor::marketplace::koogallery::payload::sorted_payload;
use lictor::marketplace::koogallery::{auth_token, kit};
use lictor::marketplace::{AccessKey, Protocol, RawRequest, protocol_for};
use proptest::prelude::*;

/// A secret where a reference should stand.
const TYPED: &str = "geheim-0123456789";

static SAMPLE: LazyLock<String> = LazyLock::new(|| sample("saas-v2").expect("there is one"));

/// What files and bodies are made of.
fn pieces() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\[\\]{}\"'=,.:#\\\\\n0-9a-f-]{0,6}",
        Just("\"\"\"".to_owned()),
        Just("[[spec]]".to_owned()),
        Just("\\ud800".to_owned()),
        Just("1e999".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("\u{0}\u{1b}\u{202e}".to_owned()),
        any::<char>().prop_map(String::from),
    ]
}

/// The text with some places replaced.
fn mutated(text: &str, cuts: &[(usize, usize, String)]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (place, length, piece) in cuts {
        let from = place % (letters.len() + 1);
        let to = (from + length).min(letters.len());
        letters.splice(from..to, piece.chars());
    }
    letters.into_iter().collect()
}

fn cuts() -> impl Strategy<Value = Vec<(usize, usize, String)>> {
    prop::collection::vec((any::<usize>(), 0..12_usize, pieces()), 0..6)
}

/// Reads a request as a production address does, without and with the right signature.
fn read_call(body: &[u8], query: &str) {
    let now = SystemClock.now();
    let key = AccessKey { id: "1".into(), secret: "access-key".to_owned().into() };
    let read = |protocol: &dyn Protocol, query: &str| {
        let request = RawRequest { method: "POST", path_tail: "", query, headers: &|_| None, body };
        match protocol.read(&request, std::slice::from_ref(&key), now) {
            Ok(call) => drop(call.dial_test_outcome("https://portal.example")),
            Err(refusal) => drop(protocol.refuse(&refusal, std::slice::from_ref(&key))),
        }
    };
    let (payload, time) = (sorted_payload(body).unwrap_or_default(), now.timestamp_millis().to_string());
    let mac = lictor::marketplace::koogallery::signature::sign(&key.secret, "n", &time, &payload);
    let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    for protocol in PROTOCOLS_SERVED.iter().filter_map(|name| protocol_for(name)) {
        read(protocol, query);
        read(protocol, &format!("signature={mac}&timestamp={time}&nonce=n"));
    }
}

/// Reads a query as an older family's production address does, without and with the right token.
fn read_query(query: &str) {
    let now = SystemClock.now();
    let key = AccessKey { id: "1".into(), secret: "access-key".to_owned().into() };
    let read = |query: &str| {
        for name in ["license-v1", "saas-v1"] {
            let protocol = protocol_for(name).expect("it is spoken");
            let request = RawRequest { method: "GET", path_tail: "", query, headers: &|_| None, body: b"" };
            match protocol.read(&request, std::slice::from_ref(&key), now) {
                Ok(call) => {
                    let outcome = call.dial_test_outcome("https://portal.example");
                    drop(protocol.answer(&call, &outcome, std::slice::from_ref(&key)));
                }
                Err(refusal) => drop(protocol.refuse(&refusal, std::slice::from_ref(&key))),
            }
        }
    };
    read(query);
    let time = now.format("%Y%m%d%H%M%S%3f").to_string();
    let query = format!("{query}&timeStamp={time}");
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let decoded: Vec<_> = pairs
        .map(|(name, value)| (name, percent_encoding::percent_decode_str(value).decode_utf8_lossy()))
        .collect();
    let message = auth_token::message(decoded.iter().map(|(name, value)| (*name, value.as_ref())));
    let token = auth_token::auth_token(&key.secret, &time, &message);
    let token = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, token);
    read(&format!("{query}&authToken={token}"));
}

/// Reads a Kit call of version 2 with the right signature.
fn read_kit(interface: &str, body: &[u8]) {
    let now = SystemClock.now();
    let key = AccessKey { id: "1".into(), secret: "access-key".to_owned().into() };
    let time = now.timestamp_millis().to_string();
    let sign: String =
        kit::sign_v2(&key.secret, "n", &time, body).iter().map(|byte| format!("{byte:02x}")).collect();
    let path_tail = format!("produceAPI/v2/{interface}");
    let headers = |name: &str| match name {
        "x-sign" => Some(sign.as_str()),
        "x-timestamp" => Some(time.as_str()),
        "x-nonce" => Some("n"),
        _ => None,
    };
    let request = RawRequest { method: "POST", path_tail: &path_tail, query: "", headers: &headers, body };
    drop(protocol_for("saas-v1").expect("it is spoken").read(&request, std::slice::from_ref(&key), now));
}

proptest! {
    // A case that failed becomes a test of its own, not a file beside this one.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_apply_file_is_read_or_its_mistakes_are_named(cuts in cuts()) {
        drop(parse_apply_file(&mutated(&SAMPLE, &cuts)));
    }

    #[test]
    fn a_secret_that_stands_in_an_apply_file_is_never_repeated(cuts in cuts(), place in any::<usize>()) {
        let references: Vec<_> = SAMPLE.match_indices("env:").collect();
        let (at, _) = references[place % references.len()];
        let end = at + SAMPLE[at..].find('"').expect("a reference stands in quotes");
        // What is broken stands outside the secret: half of one cannot be told from another word.
        let text = mutated(&SAMPLE[..at], &cuts) + TYPED + &SAMPLE[end..];
        if let Err(mistakes) = parse_apply_file(&text) {
            for mistake in mistakes {
                prop_assert!(!mistake.to_string().contains(TYPED), "{mistake}");
            }
        }
    }

    #[test]
    fn a_call_is_read_or_refused(cuts in cuts(), query in "[&=%a-z0-9+]{0,40}") {
        let body = r#"{"activity":"refreshInstance","instanceId":"i","orderId":"o","orderLineId":"l","scene":"RENEWAL","expireTime":"20270101000000","testFlag":"1","extra":{"a":[1.50,null,"\u00e9"]}}"#;
        read_call(mutated(body, &cuts).as_bytes(), &query);
    }

    #[test]
    fn a_query_is_read_or_refused(cuts in cuts(), upgrade in any::<bool>()) {
        let activity = if upgrade { "upgrade&instanceId=i" } else { "newInstance&chargingMode=1" };
        let query = format!("activity={activity}&businessId=b&customerId=c&orderId=o&productId=p&skuCode=s\
            &expireTime=20270101000000&amount=3&saasExtendParams=W10%3D&testFlag=1");
        read_query(&mutated(&query, &cuts));
    }

    #[test]
    fn a_kit_call_is_read_or_refused(cuts in cuts(), departments in any::<bool>()) {
        let common = r#""instanceId":"i","tenantId":"t","appId":"a","flag":1,"testFlag":0,"timeStamp":"1""#;
        let body = format!(r#"{{{common},"currentSyncTime":"1","userList":"[{{\"userName\":\"u\",\"name\":\"n\",\"orgCode\":\"o\",\"role\":\"user\",\"enable\":\"true\"}}]","orgInfoList":[{{"orgCode":"o","orgName":"n"}}]}}"#);
        let interface = if departments { "allOrgSync" } else { "authSync" };
        read_kit(interface, mutated(&body, &cuts).as_bytes());
    }

    #[test]
    fn bytes_are_no_call(body in prop::collection::vec(any::<u8>(), 0..200)) {
        read_call(&body, "");
    }

    #[test]
    fn words_are_read_or_refused(text in ".{0,40}", digits in "[P0-9.MYD-]{0,14}") {
        for text in [&text, &digits] {
            drop((Term::parse(text), Amount::parse(text), SecretRef::parse(text), OrderId::parse(text)));
            drop((LicenseId::parse(text), ClaimCode::parse(text)));
        }
    }

    #[test]
    fn a_term_of_any_length_ends_in_the_calendar_or_not_at_all(count in any::<u32>(), times in any::<u32>()) {
        let now = SystemClock.now();
        for term in [Term::Days(count), Term::Months(count), Term::Years(count)] {
            let _lasting = lictor::domain::Validity::lasting(term, now);
            let _end = term.end_after(now, times);
            let _months = term.months();
        }
    }
}
