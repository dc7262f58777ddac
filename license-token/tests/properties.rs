//! What holds for every text, not only for the ones that somebody thought of.

mod support;

use license_token::json::{self, JsonError, Limits};
use license_token::{
    Amount, KeySet, LicenseClaims, Role, SpecClaim, StatusList, Term, TokenType, UnverifiedToken, base64url,
};
use proptest::prelude::*;
use support::{activation, key, keys, license, no_attributes, sign, status_list_with};

fn is_accepted(text: &str, keys: &KeySet) -> bool {
    [TokenType::License, TokenType::Activation, TokenType::StatusList].into_iter().any(|typ| {
        UnverifiedToken::parse_status_list(text).is_ok_and(|token| token.verify_as(keys, typ).is_ok())
    })
}

#[test]
fn every_change_of_one_character_of_a_token_is_refused() {
    let (text, keys) = (sign(Role::License, &license()), keys());
    for at in 0..text.len() {
        for other in "ABCDwxyz0189-_.+/= \n\u{e9}".chars().filter(|other| !text[at..].starts_with(*other)) {
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            assert!(!is_accepted(&changed, &keys), "accepted with {other:?} at {at}");
        }
        let shortened = format!("{}{}", &text[..at], &text[at + 1..]);
        assert!(!is_accepted(&shortened, &keys), "accepted without the character at {at}");
    }
}

/// The last character of a segment has unused bits: every character of the alphabet must be tried there.
#[test]
fn a_segments_last_character_has_one_spelling() {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for text in [sign(Role::License, &license()), sign(Role::Activation, &activation())] {
        let ends = text.match_indices('.').map(|(dot, _)| dot - 1).chain([text.len() - 1]);
        for end in ends {
            let spellings = ALPHABET.chars().filter(|other| {
                is_accepted(&format!("{}{other}{}", &text[..end], &text[end + 1..]), &keys())
            });
            assert_eq!(spellings.count(), 1);
        }
    }
}

#[test]
fn every_flipped_bit_of_header_payload_and_signature_is_refused() {
    let (text, keys) = (sign(Role::License, &license()), keys());
    let segments: Vec<Vec<u8>> =
        text.split('.').map(|segment| base64url::decode(segment).expect("canonical")).collect();
    for (index, segment) in segments.iter().enumerate() {
        for bit in 0..segment.len() * 8 {
            let mut changed = segments.clone();
            changed[index][bit / 8] ^= 1 << (bit % 8);
            let encoded: Vec<String> = changed.iter().map(|bytes| base64url::encode(bytes)).collect();
            assert!(
                !is_accepted(&encoded.join("."), &keys),
                "accepted with bit {bit} of segment {index} flipped"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", tail in "[A-Za-z0-9_.=-]{0,200}") {
        let keys = keys();
        prop_assert!(!is_accepted(&text, &keys));
        prop_assert!(!is_accepted(&tail, &keys));
        let _refused_or_not = KeySet::parse(text.as_bytes());
        let _refused_or_not = StatusList::decode(2, &tail);
        let _known_or_not = (Term::parse(&text), Amount::parse(&text));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _refused_or_not = json::parse(&bytes, &Limits::TOKEN);
        let _refused_or_not = StatusList::decode_exact(2, &base64url::encode(&bytes));
        let text = format!("{}.{}.{}", base64url::encode(&bytes), base64url::encode(&bytes), "A".repeat(86));
        prop_assert!(!is_accepted(&text, &keys()));
    }

    #[test]
    fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_-]{0,64}") {
        if let Some(bytes) = base64url::decode(&text) {
            prop_assert_eq!(base64url::encode(&bytes), text);
        }
    }

    #[test]
    fn claims_survive_their_text(sku in "[ -~]{1,32}", count in 1_u32.., ten_thousandths in 0..9_000_000_000_000_000_i64) {
        let mut claims = license();
        claims.entitlements.clear();
        claims.spec = SpecClaim { sku, attributes: no_attributes() };
        claims.machines = Some(count);
        claims.quota[0].amount = Amount::from_ten_thousandths(ten_thousandths).expect("in bounds");
        let text = key(Role::License).sign(&claims).expect("signed");
        let parsed = UnverifiedToken::parse(&text).expect("parsed");
        let verified = parsed.verify::<LicenseClaims>(&keys()).expect("verified");
        prop_assert_eq!(verified.claims(), &claims);
    }

    /// Our parser and serde_json agree on what is JSON, apart from what only we refuse.
    #[test]
    fn json_agrees_with_serde_json(text in json_like()) {
        let ours = json::parse(text.as_bytes(), &Limits { max_bytes: 10_000, max_depth: 100 });
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match (&ours, &theirs) {
            (Ok(value), Ok(other)) => {
                let again: serde_json::Value = serde_json::from_str(&value.to_string()).expect("we write JSON");
                prop_assert_eq!(&again, other);
            }
            (Err(JsonError::Duplicate { .. }), Ok(_)) => {}
            (Err(_), Err(_)) => {}
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
            (Err(error), Ok(_)) => prop_assert!(false, "{text:?}: {error}"),
        }
    }

    #[test]
    fn every_entry_of_a_list_is_read_back(bits in prop::sample::select(vec![1_u8, 2, 4, 8]), values in proptest::collection::vec(any::<u8>(), 1..300)) {
        let mut list = StatusList::from_bytes(bits, vec![0; values.len() * usize::from(bits) / 8 + 1]).expect("small");
        let mask = u8::MAX >> (8 - bits);
        for (index, value) in values.iter().enumerate() {
            prop_assert!(list.set(index, value & mask));
        }
        let again = StatusList::decode(bits, &list.encode()).expect("what we encode decodes");
        for (index, value) in values.iter().enumerate() {
            prop_assert_eq!(again.get(index), Some(value & mask));
        }
        prop_assert_eq!(again.get(list.len()), None);
    }

    #[test]
    fn a_list_speaks_about_one_index_only(index in 0..1_usize << 17, value in 1..4_u8) {
        let list = status_list_with(index, value).list;
        prop_assert_eq!(list.get(index), Some(value));
        let others = (0..list.len()).filter(|other| list.get(*other) != Some(0)).count();
        prop_assert_eq!(others, 1);
    }
}

/// Text that is often JSON and often nearly.
fn json_like() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\n\"",
        "\"",
        "\\",
        "0",
        "-1",
        "1.5",
        "01",
        "1e9",
        "-",
        "true",
        "false",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{feff}",
        "é",
    ]);
    let soup = proptest::collection::vec(token, 0..12).prop_map(|parts| parts.concat());
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
    ];
    let tree = leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            proptest::collection::vec(("[a-c]{1,2}", inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    });
    prop_oneof![soup, tree.prop_map(|value| value.to_string())]
}
