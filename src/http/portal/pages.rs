//! What stands on each page; the templates are `templates/portal/`.

use askama::Template;

use super::words::{Words, places};
use crate::application::{PackageView, SoldNames};
use crate::domain::{Activation, Instant, License, MachineLimit, PLACES_MAX};
use crate::http::console::Reader;
use crate::http::language::Language;
use crate::http::qr::Qr;

/// What every page has.
pub struct Head {
    pub words: &'static Words,
    pub tag: &'static str,
    other_tag: &'static str,
    /// How the same page is asked for in the other language.
    method: &'static str,
    action: &'static str,
    hidden: Vec<(&'static str, String)>,
    refused: Option<String>,
    done: Option<&'static str>,
    language: Language,
}

impl Head {
    pub fn of(language: Language) -> Self {
        let other = match language {
            Language::English => Language::Chinese,
            Language::Chinese => Language::English,
        };
        Self {
            words: Words::of(language),
            tag: language.tag(),
            other_tag: other.tag(),
            method: "get",
            action: "/portal",
            hidden: Vec::new(),
            refused: None,
            done: None,
            language,
        }
    }

    pub fn refused(self, reason: String) -> Self {
        Self { refused: Some(reason), ..self }
    }

    pub fn done(self, what: &'static str) -> Self {
        Self { done: Some(what), ..self }
    }

    /// With what must be sent to come here again.
    pub fn again(self, action: &'static str, hidden: Vec<(&'static str, String)>) -> Self {
        Self { method: "post", action, hidden, ..self }
    }
}

/// The first page.
#[derive(Template)]
#[template(path = "portal/entry.html")]
pub struct Entry<'a> {
    pub head: Head,
    pub code: &'a str,
    pub request: &'a str,
}

/// What goes on from page to page.
#[derive(Template)]
#[template(
    source = r#"<input type="hidden" name="code" value="{{ code }}"><input type="hidden" name="lang" value="{{ tag }}">"#,
    ext = "html"
)]
struct Hidden<'a> {
    code: &'a str,
    tag: &'a str,
}

fn hidden(head: &Head, code: &str) -> String {
    Hidden { code, tag: head.tag }.render().unwrap_or_default()
}

/// Everything about a license.
#[derive(Template)]
#[template(path = "portal/license.html")]
pub struct LicensePage {
    head: Head,
    hidden: String,
    product: String,
    spec: String,
    license: String,
    state: &'static str,
    ends: String,
    key: String,
    qr: String,
    quota: Vec<Package>,
    places: String,
    machines: Vec<Machine>,
}

struct Package {
    metric: String,
    unit: String,
    left: String,
    used: String,
    until: String,
}

struct Machine {
    id: String,
    name: String,
    since: String,
    seen: String,
    lease_ends: String,
}

impl LicensePage {
    pub fn of(
        head: Head,
        code: &str,
        license: &License,
        (names, held, quota): (&SoldNames, &[Activation], &[PackageView]),
        (now, reader): (Instant, &Reader),
    ) -> Self {
        let (words, locale) = (head.words, head.tag);
        let limit = match license.sold.machines {
            MachineLimit::AtMost(limit) => Some(limit.min(PLACES_MAX)),
            MachineLimit::Unlimited => None,
        };
        let has_begun = license.check_begun().is_ok();
        let key = if has_begun { license.license_key.clone() } else { String::new() };
        let ends = match (has_begun, license.validity.ends_at) {
            (true, Some(end)) => reader.time_text(end),
            (true, None) => words.for_ever.to_owned(),
            (false, _) => words.no_key.to_owned(),
        };
        Self {
            hidden: hidden(&head, code),
            product: names.product.for_locale(locale).to_owned(),
            spec: names.spec.for_locale(locale).to_owned(),
            license: license.id.to_string(),
            state: words.state(license.state(now)),
            ends,
            qr: if has_begun {
                Qr::of(&key).map(|qr| qr.svg(words.qr)).unwrap_or_default()
            } else {
                String::new()
            },
            key,
            quota: quota.iter().map(|package| Package::of(package, words, reader)).collect(),
            places: places(held.len(), limit, head.language),
            machines: held.iter().map(|activation| Machine::of(activation, words, reader)).collect(),
            head,
        }
    }
}

impl Package {
    fn of(PackageView { held, balance }: &PackageView, words: &Words, reader: &Reader) -> Self {
        let ends = balance.window.and_then(|window| window.ends_at).or(held.package.validity.ends_at);
        Self {
            metric: held.package.template.metric.clone(),
            unit: held.package.template.unit.clone(),
            left: reader.number(balance.window_left),
            used: reader.number(balance.window_used),
            until: ends.map_or_else(|| words.for_ever.to_owned(), |end| reader.time_text(end)),
        }
    }
}

impl Machine {
    fn of(activation: &Activation, words: &Words, reader: &Reader) -> Self {
        let (lease, when) = (activation.lease().ok(), |at| reader.time_text(at));
        let name = if activation.name.is_empty() { words.unnamed } else { &activation.name };
        Self {
            id: activation.id.to_string(),
            name: name.to_owned(),
            since: when(activation.created_at),
            seen: lease.map(|lease| when(lease.validity.starts_at)).unwrap_or_default(),
            lease_ends: lease.and_then(|lease| lease.validity.ends_at).map(when).unwrap_or_default(),
        }
    }
}

/// Asks before a place is freed.
#[derive(Template)]
#[template(path = "portal/release.html")]
pub struct ReleasePage {
    head: Head,
    hidden: String,
    machine: Machine,
}

impl ReleasePage {
    pub fn of(head: Head, activation: &Activation, code: &str, reader: &Reader) -> Self {
        let machine = Machine::of(activation, head.words, reader);
        Self { hidden: hidden(&head, code), machine, head }
    }
}

/// What is carried back.
#[derive(Template)]
#[template(path = "portal/response.html")]
pub struct ResponsePage<'a> {
    head: Head,
    request: &'a str,
    response: String,
    codes: Vec<String>,
}

impl<'a> ResponsePage<'a> {
    pub fn of(head: Head, request: &'a str, response: String, parts: &[String]) -> Self {
        let label = |index: usize| format!("{} {}/{}", head.words.response_codes, index + 1, parts.len());
        let code = |(index, part): (usize, &String)| Qr::of(part).ok().map(|qr| qr.svg(&label(index)));
        let codes = parts.iter().enumerate().map(code).collect::<Option<Vec<_>>>().unwrap_or_default();
        Self { head, request, response, codes }
    }
}
