//! Whatever comes is read or refused: nothing panics, and nothing unsigned is believed.

use proptest::prelude::*;

use super::support::*;

/// A complete event of any type with some places cut out and other text put there.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[\\[\\]{}\"',:#\\\\\n0-9a-zTZ.+-]{0,6}",
        Just("\\ud800".to_owned()),
        Just("1e999".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just("null".to_owned()),
        any::<char>().prop_map(String::from),
    ];
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, piece), 0..4);
    (0..TYPES.len(), cuts).prop_map(|(which, cuts)| {
        let mut text: Vec<char> = event(TYPES[which]).to_string().chars().collect();
        for (at, length, piece) in cuts {
            let from = at.index(text.len());
            let to = (from + length).min(text.len() - 1).max(from);
            text.splice(from..to, piece.chars());
        }
        text.into_iter().collect::<String>().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_signed_body_is_read_or_refused_and_answered(body in mutated()) {
        let answer = match Sent::at(NEW, now(), &body).read() {
            Ok(call) => {
                let outcome = call.dial_test_outcome("https://portal.example");
                protocol().answer(&call, &outcome, &keys())
            }
            Err(refusal) => {
                prop_assert_eq!(refusal.signed_by, Some(0));
                prop_assert!(matches!(protocol().refuse(&refusal, &keys()).status, 400 | 422));
                protocol().refuse(&refusal, &keys())
            }
        };
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&answer.body);
        prop_assert!(read.is_ok() && answer.fault.is_none());
    }

    #[test]
    fn headers_of_any_kind_let_nobody_in(id in ".{0,300}", timestamp in "[0-9]{0,14}|.{0,20}", list in "(v1,|v1a,)?[A-Za-z0-9+/=, ]{0,60}|.{0,60}") {
        let headers = vec![("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", list)];
        let sent = Sent { headers, body: event("purchase.created").to_string().into_bytes() };
        let refusal = sent.read().expect_err("nobody signed this");
        prop_assert_eq!(refusal.signed_by, None);
        prop_assert!(matches!(protocol().refuse(&refusal, &keys()).status, 400 | 401));
    }
}
