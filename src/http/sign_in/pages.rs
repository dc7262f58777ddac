//! The pages around signing in; the templates are `templates/console/entry/`.

use askama::Template;

use super::words::Words;
use crate::domain::{ApiToken, MerchantId, Scope};
use crate::http::language::Language;

/// What every page has.
pub struct Head {
    words: &'static Words,
    tag: &'static str,
    other_tag: &'static str,
    title: &'static str,
    notice: Option<&'static str>,
    /// How the same page is asked for in the other language.
    again: Option<Again>,
}

struct Again {
    action: &'static str,
    hidden: Vec<(&'static str, String)>,
}

impl Head {
    pub fn of(language: Language, title: fn(&Words) -> &'static str) -> Self {
        let other = match language {
            Language::English => Language::Chinese,
            Language::Chinese => Language::English,
        };
        let words = Words::of(language);
        Self {
            words,
            tag: language.tag(),
            other_tag: other.tag(),
            title: title(words),
            notice: None,
            again: None,
        }
    }

    pub fn notice(self, notice: Option<&'static str>) -> Self {
        Self { notice, ..self }
    }

    /// With what must be sent to come here again.
    pub fn again(self, action: &'static str, hidden: Vec<(&'static str, String)>) -> Self {
        Self { again: Some(Again { action, hidden }), ..self }
    }
}

/// Asks for a token.
#[derive(Template)]
#[template(path = "console/entry/token.html")]
pub struct TokenPage<'a> {
    pub head: Head,
    pub next: &'a str,
}

/// Asks whether to use a link: a GET never uses it up, whoever looks at it beforehand.
#[derive(Template)]
#[template(path = "console/entry/link.html")]
pub struct LinkPage<'a> {
    head: Head,
    link: &'a str,
    next: &'a str,
    name: String,
    merchant: Option<String>,
    scopes: String,
}

impl<'a> LinkPage<'a> {
    pub fn of(
        head: Head,
        (link, next): (&'a str, &'a str),
        held: ApiToken,
        merchant: Option<&MerchantId>,
    ) -> Self {
        let scopes = listed(&held.scopes);
        Self { head, link, next, name: held.name, merchant: merchant.map(ToString::to_string), scopes }
    }
}

/// Who is signed in, and how to end it.
#[derive(Template)]
#[template(path = "console/entry/signed_in.html")]
pub struct SignedInPage<'a> {
    head: Head,
    next: &'a str,
    csrf: String,
    name: String,
    merchant: Option<String>,
    scopes: String,
}

impl<'a> SignedInPage<'a> {
    pub fn of(
        head: Head,
        next: &'a str,
        csrf: String,
        held: ApiToken,
        merchant: Option<&MerchantId>,
    ) -> Self {
        let scopes = listed(&held.scopes);
        Self { head, next, csrf, name: held.name, merchant: merchant.map(ToString::to_string), scopes }
    }
}

/// Asks an operator for which merchant.
#[derive(Template)]
#[template(path = "console/entry/merchants.html")]
pub struct MerchantsPage<'a> {
    pub head: Head,
    pub next: &'a str,
    pub csrf: String,
    /// Ids and names.
    pub merchants: Vec<(String, String)>,
}

/// Says why something was not done.
#[derive(Template)]
#[template(path = "console/entry/notice.html")]
pub struct NoticePage {
    pub head: Head,
}

fn listed(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ")
}
