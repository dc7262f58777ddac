//! Texts of exactly the longest length, and of one character more.

use license_token::token::{STATUS_LIST_TOKEN_MAX_BYTES, TOKEN_MAX_BYTES};
use license_token::{Code, Role, StatusRule, TokenType};

use super::super::vector::Vector;
use super::super::{DAY, START, header, payload, status_list};
use super::{craft, key_vector, require};

/// A token of exactly that many characters: blanks in header and payload make up for what groups of four leave.
fn of_length(typ: TokenType, chars: usize) -> String {
    let role = if typ == TokenType::StatusList { Role::Status } else { Role::License };
    let (head, body) = (header(typ.as_str(), role), craft::payload_of(typ));
    let encoded = |bytes: usize| (bytes * 4).div_ceil(3);
    for blanks in 0..3 {
        let head = format!("{head}{}", " ".repeat(blanks));
        let rest = chars - encoded(head.len()) - 2 - 86;
        let bytes = rest * 3 / 4;
        if encoded(bytes) == rest {
            let body = craft::with_member(&body, "/pad", r#""@""#)
                .replace('@', &"x".repeat(bytes - with_pad(&body)));
            let token = craft::sign_bytes(role, head.as_bytes(), body.as_bytes());
            assert_eq!(token.len(), chars);
            return token;
        }
    }
    panic!("no token has {chars} characters");
}

/// Length of the payload with an empty pad.
fn with_pad(body: &str) -> usize {
    craft::with_member(body, "/pad", r#""""#).len()
}

pub fn all() -> Vec<Vector> {
    let (license, list) = (TokenType::License, TokenType::StatusList);
    let listed = |name: &str, about: &str, chars: usize| {
        let required = craft::license_key(&require(super::license().status));
        Vector::new(name, about, license, required, START + DAY).list(of_length(list, chars))
    };
    assert_eq!(require(None).policy.status, StatusRule::Require);
    let stored = craft::list_of(&craft::with_member(
        &payload(&status_list()),
        "/pad",
        &format!("\"{}\"", "x".repeat(8_000)),
    ));
    vec![
        key_vector("ok-8-kib", "The longest token.", of_length(license, TOKEN_MAX_BYTES)).valid(),
        key_vector("size-8-kib-and-1", "One character more.", of_length(license, TOKEN_MAX_BYTES + 1))
            .refused(Code::Malformed)
            .profile(),
        Vector::new(
            "ok-list-64-kib",
            "The longest status list.",
            list,
            of_length(list, STATUS_LIST_TOKEN_MAX_BYTES),
            START + DAY,
        )
        .valid(),
        listed(
            "size-list-64-kib-and-1",
            "One character more, where a list is required.",
            STATUS_LIST_TOKEN_MAX_BYTES + 1,
        )
        .refused(Code::StatusMissing)
        .profile(),
        key_vector("size-list-for-license-key", "A list that is longer than a license key may be.", stored)
            .refused(Code::Malformed)
            .profile(),
        key_vector("size-8-kib-of-nothing", "As many letters.", "A".repeat(TOKEN_MAX_BYTES))
            .refused(Code::Malformed),
    ]
}
