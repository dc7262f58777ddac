//! Effective now: the largest of the clock, the floor, the token's `iat` and its list's.

use license_token::{Code, Env, LicenseClaims, Policy, Role, StatusListClaims, StatusRule, Term, TokenType};
use serde_json::json;

use super::super::vector::Vector;
use super::super::{DAY, LIST_URI, START, YEAR, license, sign, status_list};
use super::{craft, key_vector};

pub fn all() -> Vec<Vector> {
    [floors(), lists(), list_tokens()].into_iter().flatten().collect()
}

fn judged(name: &str, about: &str, claims: &LicenseClaims, now: i64, floor: i64) -> Vector {
    key_vector(&format!("time-{name}"), about, craft::license_key(claims))
        .expect("now", json!(now))
        .expect("floor", json!(floor))
}

fn permanent(rule: StatusRule) -> LicenseClaims {
    let policy = Policy { status: rule, ..license().policy };
    LicenseClaims { exp: None, term: Term::Permanent, policy, ..license() }
}

fn floors() -> Vec<Vector> {
    let usual = license();
    let early = LicenseClaims { iat: START - 10 * DAY, ..license() };
    let late = LicenseClaims { iat: START + 10 * DAY, ..license() };
    let ended = LicenseClaims { iat: START + YEAR, ..license() };
    let now = START + DAY;
    vec![
        judged("floor-a-day-ahead", "The floor is a day ahead: corrected silently.", &usual, now, now + DAY)
            .valid(),
        judged("floor-more-than-a-day-ahead", "One second more.", &usual, now, now + DAY + 1)
            .refused(Code::ClockSuspect),
        judged("floor-behind", "A floor that is behind changes nothing.", &usual, now, 1).valid(),
        judged(
            "floor-at-the-end",
            "The floor has reached exp, the clock nearly.",
            &usual,
            START + YEAR - 1,
            START + YEAR,
        )
        .refused(Code::Expired),
        judged(
            "floor-before-the-end",
            "The floor is one second before exp.",
            &usual,
            START + YEAR - 2,
            START + YEAR - 1,
        )
        .valid(),
        judged("floor-reaches-nbf", "The floor proves that nbf has come.", &early, START - 1, START).valid(),
        judged("floor-before-nbf", "The floor is one second before nbf.", &early, START - 2, START - 1)
            .refused(Code::NotYetValid),
        judged("iat-after-nbf", "iat is later than nbf and than the clock.", &late, START + 9 * DAY, 0)
            .valid(),
        judged("iat-a-day-ahead", "One second more than a day.", &late, START + 9 * DAY - 1, 0)
            .refused(Code::ClockSuspect),
        judged("iat-at-the-end", "Signed when it had ended.", &ended, now, 0).refused(Code::Expired),
        judged(
            "grace-is-not-counted",
            "The last second of its grace.",
            &usual,
            START + YEAR + 3 * DAY - 1,
            0,
        )
        .refused(Code::Expired),
        judged(
            "permanent-floor-ahead",
            "For ever, and nothing is gained by a clock that is behind.",
            &permanent(StatusRule::Prefer),
            now,
            now + YEAR,
        )
        .valid(),
        judged(
            "permanent-required-floor-ahead",
            "For ever, but a list has to be fresh.",
            &permanent(StatusRule::Require),
            now,
            now + YEAR,
        )
        .refused(Code::ClockSuspect),
        judged(
            "permanent-not-yet",
            "For ever, from tomorrow.",
            &LicenseClaims { nbf: now + 1, ..permanent(StatusRule::Prefer) },
            now,
            0,
        )
        .refused(Code::NotYetValid),
        judged(
            "permanent-far-future",
            "A clock in the year 9999.",
            &permanent(StatusRule::Ignore),
            253_402_300_799,
            0,
        )
        .valid(),
    ]
}

fn lists() -> Vec<Vector> {
    let issued = |iat: i64| StatusListClaims { iat, exp: iat + YEAR, seq: iat, ..status_list() };
    let list = |iat: i64| sign(Role::Status, &issued(iat));
    let ignoring =
        LicenseClaims { policy: Policy { status: StatusRule::Ignore, ..license().policy }, ..license() };
    let early = LicenseClaims { iat: START - 10 * DAY, ..license() };
    let now = START + DAY;
    let unsigned = {
        let text = list(now + 9 * DAY);
        let (input, _) = text.rsplit_once('.').expect("three segments");
        format!("{input}.{}", "A".repeat(86))
    };
    vec![
        judged("list-a-day-ahead", "The list was signed a day after now.", &license(), now, 0)
            .list(list(now + DAY))
            .valid(),
        judged("list-more-than-a-day-ahead", "One second more.", &license(), now, 0)
            .list(list(now + DAY + 1))
            .refused(Code::ClockSuspect),
        judged(
            "list-at-the-end",
            "The list was signed when the key had ended.",
            &license(),
            START + YEAR - 1,
            0,
        )
        .list(list(START + YEAR))
        .refused(Code::Expired),
        judged("list-reaches-nbf", "The list proves that nbf has come.", &early, START - 1, 0)
            .list(list(START))
            .valid(),
        judged("list-that-is-ignored", "Its signed time counts, whatever the policy.", &ignoring, now, 0)
            .list(list(now + 9 * DAY))
            .refused(Code::ClockSuspect),
        judged("list-of-another-address", "Another list's time does not.", &license(), now, 0)
            .list(sign(
                Role::Status,
                &StatusListClaims { sub: format!("{LIST_URI}2"), ..issued(now + 9 * DAY) },
            ))
            .valid(),
        judged("list-of-the-other-environment", "Nor that of the other environment.", &license(), now, 0)
            .list(sign(Role::Status, &StatusListClaims { env: Env::Test, ..issued(now + 9 * DAY) }))
            .valid(),
        judged("list-that-nobody-signed", "Nor one that does not verify.", &license(), now, 0)
            .list(unsigned)
            .valid(),
        judged("list-by-the-license-key", "Nor one that the license key's key signed.", &license(), now, 0)
            .list(super::key(Role::License).sign_segments(
                &super::header("statuslist+jwt", Role::License),
                &super::payload(&issued(now + 9 * DAY)),
            ))
            .valid(),
        judged(
            "seen-does-not-count",
            "What was seen before is remembered in the floor, not twice.",
            &license(),
            now,
            0,
        )
        .list(list(START))
        .seen(1, 1, None)
        .valid(),
    ]
}

fn list_tokens() -> Vec<Vector> {
    let at = |name: &str, about: &str, now: i64, floor: i64| {
        let token = sign(Role::Status, &status_list());
        Vector::new(&format!("time-status-list-{name}"), about, TokenType::StatusList, token, now)
            .expect("floor", json!(floor))
    };
    vec![
        at("before-iat", "A list counts from its iat, which is signed time.", START - DAY, 0).valid(),
        at("long-before-iat", "More than a day before.", START - DAY - 1, 0).refused(Code::ClockSuspect),
        at("floor-at-exp", "The floor has reached its exp.", START, START + 7 * DAY).refused(Code::Expired),
        at("of-the-other-environment", "Test lists are not live ones.", START, 0)
            .expect("env", json!("test"))
            .refused(Code::WrongEnvironment),
        at("of-another-issuer", "Another issuer is expected.", START, 0)
            .expect("iss", json!("https://other.example"))
            .refused(Code::WrongIssuer),
        at("of-any-product", "A list is for no product.", START, 0).expect("aud", json!("acme-cam")).valid(),
    ]
}
