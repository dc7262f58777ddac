//! What a status list says about a token: every value at every place in its byte, the edges of age, order and index.

use license_token::{
    ActivationClaims, Code, LicenseClaims, Policy, Role, SigningKey, StatusListClaims, StatusRef, StatusRule,
    TokenType,
};

use super::super::vector::Vector;
use super::super::{
    ACTIVATION_IDX, DAY, LIST_URI, START, activation, key, keys, license, sign, status_list, status_list_with,
};
use super::{craft, require};

pub fn all() -> Vec<Vector> {
    [entries(), ages(), newest_seen(), absent(), certificates()].into_iter().flatten().collect()
}

fn at(name: &str, about: &str, claims: &LicenseClaims, now: i64) -> Vector {
    Vector::new(&format!("status-{name}"), about, TokenType::License, craft::license_key(claims), now)
}

fn of_rule(rule: StatusRule) -> LicenseClaims {
    LicenseClaims { policy: Policy { status: rule, ..license().policy }, ..license() }
}

fn signed(claims: &StatusListClaims) -> String {
    sign(Role::Status, claims)
}

/// Only the neighbours differ from what is asked about: a wrong order of bits answers something else.
fn entries() -> Vec<Vector> {
    let codes =
        [(0, None), (1, Some(Code::Revoked)), (2, Some(Code::Suspended)), (3, Some(Code::Superseded))];
    let mut vectors = Vec::new();
    for place in 0..4_usize {
        for (value, code) in codes {
            let mut list = status_list();
            for other in 0..4 {
                assert!(list.list.set(1_000 + other, if other == place { value } else { 3 - value }));
            }
            let idx = 1_000 + i64::try_from(place).expect("small");
            let status = Some(StatusRef { idx, uri: LIST_URI.into() });
            let about = format!("Entry {place} of its byte is {value}, the others are {}.", 3 - value);
            let vector = at(&format!("entry-{place}-is-{value}"), &about, &require(status), START + DAY)
                .list(signed(&list));
            vectors.push(match code {
                None => vector.valid(),
                Some(code) => vector.refused(code),
            });
        }
    }
    let beyond = |name: &str, idx: i64| {
        let status = Some(StatusRef { idx, uri: LIST_URI.into() });
        let about = format!("Index {idx} of 2^17 entries.");
        at(name, &about, &require(status), START + DAY)
            .list(signed(&status_list()))
            .refused(Code::StatusMissing)
    };
    let preferred_beyond =
        LicenseClaims { status: Some(StatusRef { idx: 1 << 17, uri: LIST_URI.into() }), ..license() };
    vectors.extend([
        beyond("index-2-to-the-32", 1 << 32),
        beyond("index-2-to-the-32-and-a-few", (1 << 32) + 4_711),
        beyond("index-largest", (1 << 53) - 1),
        at(
            "index-beyond-preferred",
            "A list that has no such entry is not a list that is missing.",
            &preferred_beyond,
            START + DAY,
        )
        .list(signed(&status_list()))
        .refused(Code::StatusMissing),
    ]);
    vectors
}

fn ages() -> Vec<Vector> {
    let with_age = |rule: StatusRule, age: Option<i64>| LicenseClaims {
        policy: Policy { status: rule, max_status_age: age, ..license().policy },
        ..license()
    };
    let required = |age: Option<i64>| with_age(StatusRule::Require, age);
    let list = signed(&status_list());
    let long = signed(&StatusListClaims { exp: START + 60 * DAY, ..status_list() });
    let suspended = signed(&status_list_with(super::super::LICENSE_IDX, 2));
    let superseded = signed(&status_list_with(super::super::LICENSE_IDX, 3));
    let aged = |name: &str, about: &str, claims: &LicenseClaims, list: &str, now: i64| {
        at(name, about, claims, now).list(list.into())
    };
    vec![
        aged("age-0", "No age is allowed: a list is old at once.", &required(Some(0)), &list, START)
            .refused(Code::StatusStale),
        aged("age-1", "One second is.", &required(Some(1)), &list, START).valid(),
        aged("age-1-over", "And over.", &required(Some(1)), &list, START + 1).refused(Code::StatusStale),
        aged(
            "age-0-preferred",
            "Preferred: an old list refuses nobody.",
            &with_age(StatusRule::Prefer, Some(0)),
            &list,
            START,
        )
        .valid(),
        aged(
            "age-not-limited",
            "Without an age only the list's exp counts.",
            &required(None),
            &long,
            START + 60 * DAY - 1,
        )
        .valid(),
        aged("age-not-limited-over", "And it counts.", &required(None), &long, START + 60 * DAY)
            .refused(Code::StatusStale),
        aged(
            "age-by-the-floor",
            "The floor makes a list old as well.",
            &required(Some(DAY)),
            &list,
            START + DAY - 1,
        )
        .expect("floor", (START + DAY).into())
        .refused(Code::StatusStale),
        aged(
            "age-clock-before-the-list",
            "A list that is newer than the clock is not old.",
            &required(Some(1)),
            &list,
            START - 60,
        )
        .valid(),
        aged(
            "suspended-preferred-stale",
            "An old list says suspended.",
            &with_age(StatusRule::Prefer, None),
            &suspended,
            START + 60 * DAY,
        )
        .refused(Code::Suspended),
        aged(
            "superseded-preferred",
            "A list says superseded.",
            &with_age(StatusRule::Prefer, None),
            &superseded,
            START + DAY,
        )
        .refused(Code::Superseded),
        aged(
            "valid-preferred",
            "A list says valid.",
            &with_age(StatusRule::Prefer, None),
            &list,
            START + DAY,
        )
        .valid(),
        aged(
            "stale-ignored",
            "Ignored, however old.",
            &with_age(StatusRule::Ignore, Some(0)),
            &list,
            START + 60 * DAY,
        )
        .valid(),
    ]
}

fn newest_seen() -> Vec<Vector> {
    let issued = |seq: i64, iat: i64| signed(&StatusListClaims { seq, iat, ..status_list() });
    let seen = |name: &str, about: &str, list: String, seq: i64, iat: i64| {
        at(&format!("seen-{name}"), about, &of_rule(StatusRule::Require), START + DAY)
            .list(list)
            .seen(seq, iat, None)
    };
    let other = signed(&status_list_with(1, 1));
    let white = craft::list_of(&format!("{} ", super::payload(&status_list())));
    vec![
        seen(
            "same-numbers",
            "The same seq and iat; its text was not kept.",
            issued(START, START),
            START,
            START,
        )
        .valid(),
        seen("seq-higher", "A higher seq of the same second.", issued(START + 1, START), START, START)
            .valid(),
        seen(
            "seq-much-higher",
            "A restored server moves far ahead.",
            issued(START + 1_000_000, START),
            START,
            START,
        )
        .valid(),
        seen(
            "seq-higher-iat-lower",
            "A higher seq that was signed before.",
            issued(START + 1, START - 1),
            START,
            START,
        )
        .refused(Code::StatusRolledBack),
        seen(
            "seq-lower-iat-higher",
            "A lower seq that was signed after.",
            issued(START - 1, START + 1),
            START,
            START,
        )
        .refused(Code::StatusRolledBack),
        seen(
            "iat-higher",
            "The same seq, signed later; the text was not kept.",
            issued(START, START + 1),
            START,
            START,
        )
        .valid(),
        seen(
            "from-the-future",
            "Something was seen that is far ahead.",
            issued(START, START),
            (1 << 53) - 1,
            START,
        )
        .refused(Code::StatusRolledBack),
        at(
            "seen-higher-with-other-text",
            "A higher seq has another text.",
            &of_rule(StatusRule::Require),
            START + DAY,
        )
        .list(issued(START + 1, START))
        .seen(START, START, Some(issued(START, START)))
        .valid(),
        at(
            "seen-equivocation-preferred",
            "Two lists of one seq, where lists are only preferred.",
            &of_rule(StatusRule::Prefer),
            START + DAY,
        )
        .list(issued(START, START))
        .seen(START, START, Some(other.clone()))
        .refused(Code::StatusRolledBack),
        at(
            "seen-equivocation-by-a-blank",
            "Two texts of one seq that say the same.",
            &of_rule(StatusRule::Require),
            START + DAY,
        )
        .list(white)
        .seen(START, START, Some(issued(START, START)))
        .refused(Code::StatusRolledBack),
        at("seen-rollback-ignored", "Lists are not consulted.", &of_rule(StatusRule::Ignore), START + DAY)
            .list(issued(START - 1, START))
            .seen(START, START, Some(other))
            .valid(),
        at("seen-and-none-now", "One was seen, none is at hand.", &of_rule(StatusRule::Require), START + DAY)
            .seen(START, START, None)
            .refused(Code::StatusMissing),
        at(
            "seen-and-none-now-preferred",
            "One was seen, none is at hand, and none is required.",
            &of_rule(StatusRule::Prefer),
            START + DAY,
        )
        .seen(START, START, None)
        .valid(),
    ]
}

fn absent() -> Vec<Vector> {
    let with = |name: &str, about: &str, list: String| {
        at(&format!("missing-{name}"), about, &of_rule(StatusRule::Require), START + DAY)
            .list(list)
            .refused(Code::StatusMissing)
    };
    let edited = |pointer: &str, json: &str| craft::claims_with(&status_list(), pointer, json);
    let stranger = SigningKey::from_seed(&[0x77; 32], Role::Status, super::ISS).expect("a valid issuer");
    let other = SigningKey::from_seed(&[0x78; 32], Role::Status, "https://other.example").expect("valid");
    let both = {
        let usual = keys().to_json();
        format!("{},{}]}}", &usual[..usual.len() - 2], other.public_jwk())
    };
    let of_other = other
        .sign(&StatusListClaims { iss: "https://other.example".into(), ..status_list() })
        .expect("signed");
    let text = signed(&status_list());
    let role = |role: Role| {
        key(role).sign_segments(&super::header("statuslist+jwt", role), &super::payload(&status_list()))
    };
    vec![
        with("empty", "An empty text.", String::new()),
        with("no-token", "A text that is no token.", "revoked: none".into()),
        with("line-feed", "A line feed behind the list.", format!("{text}\n")),
        with(
            "by-a-stranger",
            "Signed by a key that is not pinned.",
            stranger.sign(&status_list()).expect("signed"),
        ),
        with("by-the-license-key", "Signed by the key of another role.", role(Role::License)),
        with("by-the-root-key", "Signed by the root key.", role(Role::Root)),
        with("of-another-issuer", "A genuine list of another merchant, at the same address.", of_other)
            .keys(both),
        with(
            "address-slash",
            "An address that differs by its last character.",
            edited("/sub", &format!("\"{LIST_URI}/\"")),
        ),
        with("bits-1", "Entries of one bit.", edited("/status_list/bits", "1")),
        with("seq-missing", "No seq.", edited("/lic/seq", "")),
        with("duplicate-seq", "seq stands twice.", {
            craft::list_of(&super::payload(&status_list()).replacen(r#""seq""#, r#""seq":1,"seq""#, 1))
        })
        .profile(),
        with("alg", "A list with another alg.", {
            let head = super::header("statuslist+jwt", Role::Status).replace("EdDSA", "ES256");
            key(Role::Status).sign_segments(&head, &super::payload(&status_list()))
        }),
        at(
            "missing-damaged-preferred",
            "A list that does not verify, and none is required.",
            &of_rule(StatusRule::Prefer),
            START + DAY,
        )
        .list(stranger.sign(&status_list_with(super::super::LICENSE_IDX, 1)).expect("signed"))
        .valid(),
        at(
            "expired-list-preferred",
            "A list that has ended still verifies: what it says counts.",
            &of_rule(StatusRule::Prefer),
            START + 8 * DAY,
        )
        .list(signed(&status_list_with(super::super::LICENSE_IDX, 1)))
        .refused(Code::Revoked),
        at(
            "not-named-preferred",
            "The token names no list.",
            &LicenseClaims { status: None, ..license() },
            START + DAY,
        )
        .list(text.clone())
        .valid(),
        at(
            "list-with-audience",
            "A member that lists do not have is ignored.",
            &of_rule(StatusRule::Require),
            START + DAY,
        )
        .list(edited("/aud", "7"))
        .valid(),
        at(
            "list-with-nbf",
            "Also a time that lists do not have.",
            &of_rule(StatusRule::Require),
            START + DAY,
        )
        .list(edited("/nbf", "4000000000"))
        .valid(),
    ]
}

fn certificates() -> Vec<Vector> {
    let of = |name: &str, about: &str, rule: StatusRule, value: u8| {
        let claims =
            ActivationClaims { policy: Policy { status: rule, ..activation().policy }, ..activation() };
        let list = signed(&status_list_with(ACTIVATION_IDX, value));
        let token = sign(Role::Activation, &claims);
        Vector::new(&format!("status-certificate-{name}"), about, TokenType::Activation, token, START + DAY)
            .list(list)
    };
    vec![
        of("valid", "The activation stands.", StatusRule::Require, 0).valid(),
        of("released", "The place was freed.", StatusRule::Require, 1).refused(Code::Revoked),
        of("suspended", "The license is stopped.", StatusRule::Prefer, 2).refused(Code::Suspended),
        of("superseded", "Another key took its place.", StatusRule::Prefer, 3).refused(Code::Superseded),
        of("ignored", "Lists are not consulted.", StatusRule::Ignore, 1).valid(),
    ]
}
