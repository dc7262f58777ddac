//! Every page: whole, in both languages, for those who may see it.

use std::collections::BTreeSet;

use lictor::domain::Scope;
use lictor::http::console_pages;
use lictor::sandbox::orders::{Basket, Billing, Period};
use roxmltree::{Document, Node};
use serde_json::json;

use super::browser::{Browser, Form, Page};
use crate::support::Harness;
use crate::support::people::{activate, issue};

/// One thing of each kind that pages are about, by the name in their paths.
struct Things(Vec<(&'static str, String)>);

impl Things {
    fn of(harness: &Harness) -> Self {
        let license = issue(harness, "cad-year");
        let activation =
            activate(&harness.anonymous(), &license.text_at("/license_key"), 1, "n1").expect(201);
        let basket = Basket::of("UNKNOWN-SKU", Billing::Period(Period::Years(1)));
        harness.storefront().buy(basket).expect("answered");
        harness.settle();
        let held = harness.merchant().get("/v1/merchant/orders?state=held").expect(200);
        let job = harness.merchant().get("/v1/merchant/outbox").expect(200);
        let keys = harness.merchant().get("/v1/merchant/keys").expect(200);
        let webhook =
            harness.merchant().post("/v1/merchant/webhooks", &json!({ "url": "https://a.example/" }));
        let webhook = webhook.expect(201);
        let link = harness.merchant().post("/v1/merchant/sign-in-links", &json!({})).expect(201);
        let tokens = harness.merchant().get("/v1/merchant/api-tokens").expect(200);
        Self(vec![
            ("{link}", link.text_at("/id")),
            ("{api_token}", tokens.text_at("/items/0/id")),
            ("{session}", "ses_0000000000000000000000".to_owned()),
            ("{webhook}", webhook.text_at("/id")),
            ("{act}", "test".to_owned()),
            ("{license}", license.text_at("/id")),
            ("{activation}", activation.text_at("/activation_id")),
            ("{order}", held.text_at("/items/0/id")),
            ("{job}", job.text_at("/items/0/id")),
            ("{channel}", "cad-koogallery".to_owned()),
            ("{kid}", keys.text_at("/items/0/kid")),
            ("{customer}", "customer-7".to_owned()),
        ])
    }

    fn named(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str()).expect("there is one of each kind")
    }

    fn address(&self, path: &str) -> String {
        let named = self.0.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        assert!(!named.contains('{'), "the tests know no {named}");
        named
    }
}

const SCOPES: [Scope; 8] = [
    Scope::Read,
    Scope::Keys,
    Scope::Support,
    Scope::Issue,
    Scope::Revoke,
    Scope::Usage,
    Scope::Catalog,
    Scope::Admin,
];

#[test]
fn every_page_is_whole_in_both_languages() {
    let harness = Harness::start();
    let things = Things::of(&harness);
    for language in ["en", "zh-CN"] {
        let mut admin = Browser::signed_in(&harness, &[Scope::Admin], language);
        for page in console_pages().iter().filter(|page| page.shows.is_some_and(|it| it != Scope::Operator)) {
            let shown = admin.get(&things.address(page.path));
            assert_eq!(shown.answer.status, 200, "{}: {}", page.path, shown.answer.text);
            is_whole(&shown);
            is_in(language, &shown);
        }
    }
}

#[test]
fn every_page_is_shown_to_those_who_may_see_it_and_to_nobody_else() {
    let harness = Harness::start();
    let things = Things::of(&harness);
    for scope in SCOPES {
        let mut reader = Browser::signed_in(&harness, &[scope], "en");
        for page in console_pages() {
            let Some(asked) = page.shows else { continue };
            let address = things.address(page.path);
            let answer = reader.ask(&address);
            let may = scope == asked || (scope == Scope::Admin && asked != Scope::Operator);
            assert_eq!(answer.status, if may { 200 } else { 403 }, "{scope:?} at {address}");
            if !may {
                let text = Page { answer, path: address }.main_text();
                assert!(text.contains("lacks the scope"), "{text}");
            }
        }
    }
    let mut expired = Browser::signed_in(&harness, &[Scope::Admin], "en");
    harness.world.clock.advance(std::time::Duration::from_secs(9 * 3_600));
    let answer = expired.ask(&things.address("/console/licenses/{license}"));
    assert_eq!((answer.status, answer.text.as_str()), (303, ""), "a session ends when nobody uses it");
    let mut stranger = Browser::new(&harness, "en");
    for page in console_pages().iter().filter(|page| page.shows.is_some()) {
        let answer = stranger.ask(&things.address(page.path));
        assert_eq!(answer.status, 303, "{}", page.path);
        assert!(answer.header("location").is_some_and(|it| it.starts_with("/console/sign-in")), "{answer:?}");
        assert_eq!(answer.text, "");
    }
}

#[test]
fn no_form_is_taken_that_no_page_of_the_session_made() {
    let harness = Harness::start();
    let things = Things::of(&harness);
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let mut other = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let foreign = other.get("/console").form("/console/find").value("csrf").to_owned();
    let license = format!("/v1/merchant/licenses/{}", things.named("{license}"));
    let before = harness.merchant().get(&license).at("/revision");
    for page in console_pages().iter().filter(|page| page.takes.is_some()) {
        let action = things.address(page.path);
        for csrf in [None, Some(""), Some(foreign.as_str())] {
            let fields = csrf.into_iter().map(|csrf| ("csrf".to_owned(), csrf.to_owned())).collect();
            let answer = admin.send(&Form { action: action.clone(), method: "post".into(), fields });
            assert_eq!(answer.status, 403, "{action} {csrf:?}: {answer:?}");
        }
    }
    assert_eq!(harness.merchant().get(&license).at("/revision"), before, "nothing was written");
    let csrf = admin.get("/console").form("/console/find").value("csrf").to_owned();
    for page in console_pages() {
        let Some(asked) = page.takes.filter(|asked| *asked != Scope::Read) else { continue };
        let mut reader = Browser::signed_in(&harness, &[Scope::Read], "en");
        let csrf = reader.get("/console").form("/console/find").value("csrf").to_owned();
        let fields = vec![("csrf".to_owned(), csrf)];
        let answer = reader.send(&Form { action: things.address(page.path), method: "post".into(), fields });
        assert_eq!(answer.status, 403, "{} needs {asked:?}", page.path);
        assert!(answer.text.contains(asked.as_str()), "{}", answer.text);
    }
    let mut stranger = Browser::new(&harness, "en");
    for page in console_pages().iter().filter(|page| page.takes.is_some()) {
        let fields = vec![("csrf".to_owned(), csrf.clone())];
        let answer =
            stranger.send(&Form { action: things.address(page.path), method: "post".into(), fields });
        assert_eq!(answer.status, 303, "{}", page.path);
    }
}

#[test]
fn another_merchants_things_look_like_nothing() {
    let harness = Harness::start();
    harness.apply(crate::support::globex());
    let license = issue(&harness, "cad-year").text_at("/id");
    let globex = lictor::domain::MerchantId::parse("globex").expect("valid");
    let token = harness.token_of(lictor::domain::TokenOwner::Merchant(globex), &[Scope::Admin]);
    let mut other = Browser::with_token(&harness, &token, "en");
    let absent = issue_like(&license);
    for part in ["", "/suspend", "/revoke", "/explanation"] {
        let [foreign, absent] = [&license, &absent].map(|id| {
            let answer = other.ask(&format!("/console/licenses/{id}{part}"));
            assert_eq!(answer.status, 404, "{answer:?}");
            answer.text.replace(id.as_str(), "ID")
        });
        assert_eq!(foreign, absent);
    }
}

/// An id of the same form that nothing has.
fn issue_like(license: &str) -> String {
    let last = if license.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &license[..license.len() - 1])
}

#[test]
fn language_and_theme_are_switched_and_stay() {
    let harness = Harness::start();
    let mut reader = Browser::signed_in(&harness, &[Scope::Read], "en");
    let page = reader.get("/console/licenses?state=active");
    let switch = page.form("/console/preferences");
    let chinese = reader.submit(&switch.clone().fill("language", "zh-CN").without("theme"));
    assert_eq!(chinese.path, "/console/licenses?state=active");
    is_in("zh-CN", &chinese);
    let dark = reader.submit(&chinese.form("/console/preferences").fill("theme", "dark").without("language"));
    assert!(dark.answer.text.contains("data-theme=\"dark\""), "{}", dark.answer.text);
    is_in("zh-CN", &dark);
    let elsewhere = dark.form("/console/preferences").fill("back", "https://evil.example/");
    assert_eq!(reader.send(&elsewhere).header("location"), Some("/console"));
    // The style that the page names is there, for ever.
    let style = dark.read(|page| {
        let link = page.descendants().find(|node| node.has_tag_name("link")).expect("a stylesheet");
        link.attribute("href").expect("an address").to_owned()
    });
    let style = Browser::new(&harness, "en").ask(&style);
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(style.header("cache-control").is_some_and(|it| it.contains("immutable")));
}

/// What every page has, whatever it is about.
#[track_caller]
fn is_whole(page: &Page) {
    let policy = page.answer.header("content-security-policy").expect("there is one");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    assert_eq!(page.answer.header("cache-control"), Some("no-store"));
    assert!(!page.answer.text.contains("<script") && !page.answer.text.contains(" style="), "{}", page.path);
    page.read(|document| {
        has_landmarks(document, &page.path);
        has_headings_in_order(document, &page.path);
        has_labels(document, &page.path);
    });
}

fn named<'a>(document: &'a Document<'_>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(move |node| node.has_tag_name(name))
}

fn has_landmarks(document: &Document<'_>, path: &str) {
    for (name, count) in [("main", 1), ("header", 1), ("nav", 1), ("footer", 1), ("h1", 1)] {
        assert_eq!(named(document, name).count(), count, "{path}: {name}");
    }
    let titles =
        named(document, "title").filter(|it| it.parent().is_some_and(|head| head.has_tag_name("head")));
    assert_eq!(titles.count(), 1, "{path}");
    let ids: Vec<_> = document.descendants().filter_map(|node| node.attribute("id")).collect();
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{path}: an id stands twice: {ids:?}");
    for node in document.descendants() {
        for name in ["aria-describedby", "aria-labelledby", "for"] {
            for id in node.attribute(name).unwrap_or_default().split_whitespace() {
                assert!(unique.contains(&id), "{path}: nothing has the id {id}");
            }
        }
    }
    assert!(
        named(document, "nav").any(|nav| nav.descendants().any(|it| it.attribute("aria-current").is_some())),
        "{path}"
    );
    let skip = named(document, "a").next().and_then(|link| link.attribute("href"));
    assert_eq!(skip, Some("#main"), "{path}: the first link skips the navigation");
}

fn has_headings_in_order(document: &Document<'_>, path: &str) {
    let mut above = 0;
    for node in document.descendants() {
        let Some(level) = node.tag_name().name().strip_prefix('h').and_then(|level| level.parse::<u8>().ok())
        else {
            continue;
        };
        assert!(level <= above + 1, "{path}: h{level} follows h{above}");
        above = level;
    }
    for table in named(document, "table") {
        assert!(table.children().any(|node| node.has_tag_name("caption")), "{path}: a table has no caption");
        assert!(
            table.descendants().filter(|it| it.has_tag_name("th")).all(|it| it.attribute("scope").is_some())
        );
    }
    for picture in named_svg(document) {
        let is_told = ["aria-label", "aria-labelledby"].iter().any(|name| picture.attribute(*name).is_some());
        assert!(is_told && picture.attribute("role") == Some("img"), "{path}: a picture says nothing");
    }
}

fn named_svg<'a>(document: &'a Document<'_>) -> impl Iterator<Item = Node<'a, 'a>> {
    document.descendants().filter(|node| node.tag_name().name() == "svg")
}

fn has_labels(document: &Document<'_>, path: &str) {
    let labels: BTreeSet<_> = named(document, "label").filter_map(|label| label.attribute("for")).collect();
    for field in document.descendants() {
        let name = field.tag_name().name();
        let is_field =
            matches!(name, "input" | "textarea" | "select") && field.attribute("type") != Some("hidden");
        if !is_field {
            continue;
        }
        let is_inside = field.ancestors().any(|node| node.has_tag_name("label"));
        let is_labelled = field.attribute("id").is_some_and(|id| labels.contains(id));
        assert!(is_inside || is_labelled, "{path}: a field has no label: {field:?}");
    }
    for button in named(document, "button") {
        assert!(button.text().is_some_and(|text| !text.trim().is_empty()), "{path}: a button says nothing");
    }
}

/// A page of this language: its own words, and none of the other.
#[track_caller]
fn is_in(language: &str, page: &Page) {
    assert!(page.answer.text.contains(&format!("<html lang=\"{language}\"")), "{}", page.answer.text);
    let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    let text = page.main_text();
    if language == "en" {
        assert!(!text.contains(is_chinese), "{}: {text}", page.path);
    } else {
        assert!(text.contains(is_chinese), "{}: {text}", page.path);
    }
}
