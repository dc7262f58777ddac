//! `[[api_token]]`

use super::TokenGiven;
use super::values::{distinct, filled_line, secret, word};
use crate::config::{Member, Section};
use crate::domain::Scope;

/// Longest name of a token, in characters.
const TOKEN_NAME_CHARS_MAX: usize = 64;

/// Reads every token.
pub fn read_all(root: &Section<'_>, may_grant_operator: bool) -> Vec<Option<TokenGiven>> {
    let mut tokens: Vec<Option<TokenGiven>> = Vec::new();
    for section in root.sections("api_token") {
        let token = read(&section, may_grant_operator);
        let same_name = |known: &TokenGiven| token.as_ref().is_some_and(|token| known.name == token.name);
        if tokens.iter().flatten().any(same_name) {
            section.mistake("another API token of this file has this `name`");
        }
        tokens.push(token);
    }
    tokens
}

fn read(section: &Section<'_>, may_grant_operator: bool) -> Option<TokenGiven> {
    let name =
        section.required("name", "\"ci\"").and_then(|member| filled_line(&member, TOKEN_NAME_CHARS_MAX));
    let scopes = section.required("scopes", "[\"read\"]").map(|member| scopes(&member, may_grant_operator));
    let value = section.required("value", "\"env:ACME_API_TOKEN\"").and_then(|member| secret(&member));
    section.finish();
    Some(TokenGiven { name: name?, scopes: scopes?, value: value? })
}

fn scopes(member: &Member<'_>, may_grant_operator: bool) -> Vec<Scope> {
    let scopes = distinct(member, |item| {
        let scope = word(item, Scope::NAMES, Scope::parse)?;
        if scope == Scope::Operator && !may_grant_operator {
            item.mistake(
                "only the server's own operator may give this scope; write \"admin\" for all of one merchant",
            );
            return None;
        }
        Some(scope)
    });
    if member.value().as_array().is_some_and(|items| items.is_empty()) {
        member.mistake("must name at least one scope");
    }
    scopes
}
