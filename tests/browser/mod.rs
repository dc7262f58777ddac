//! The console and the portal in Chromium: the real pages of a real server on a real disk, used by mouse and keyboard.

mod scene;
mod script;

use lictor::domain::Scope;
use lictor::http::console_pages;
use lictor::sandbox::orders::Period;
use scene::Scene;
use serde_json::{Value, json};

/// Ways in which a page can be looked at: two languages, light or dark, three widths.
const WAYS: usize = 12;
/// In how many of them every page is looked at when nobody asks for more; over all pages it is each of them.
const WAYS_USUALLY: usize = 2;

#[test]
fn an_agents_day_at_the_desk() {
    let scene = Scene::open();
    let [ada, bo, lab] = [1, 1, 2].map(|years| scene.buy("CAD-YEAR", Period::Years(years)));
    let (ada_desk, bo_desk) = (scene.activated("desk of Ada", &ada), scene.activated("desk of Bo", &bo));
    let (lab_machine, request) = scene.offline("lab 7", &lab);
    let order = scene.held_order();
    let told = json!({
        "url": scene.harness.url,
        "token": scene.token(&[Scope::Read, Scope::Support, Scope::Revoke, Scope::Catalog]),
        "ada": { "license": ada.license, "order": ada.order },
        "bo": { "license": bo.license, "order": bo.order },
        "lab": { "license": lab.license, "request": request },
        "order": order,
    });
    script::run("day.mjs", &told, |asked| match asked["do"].as_str() {
        Some("software of Ada") => scene.learns(&ada_desk),
        Some("software of Bo") => scene.learns(&bo_desk),
        Some("carry back") => Scene::carried_back(&lab_machine, asked["file"].as_str().expect("a file")),
        Some("order") => {
            let shown = scene.harness.merchant().get(&format!("/v1/merchant/orders/{order}")).expect(200);
            shown.at("/state")
        }
        _ => panic!("nobody can do that: {asked}"),
    });
    let state = |license: &str| {
        scene
            .harness
            .merchant()
            .get(&format!("/v1/merchant/licenses/{license}"))
            .expect(200)
            .text_at("/state")
    };
    assert_eq!([&ada, &bo, &lab].map(|bought| state(&bought.license)), ["revoked", "revoked", "active"]);
}

/// As many for each language.
fn ways() -> usize {
    #[expect(clippy::disallowed_methods, reason = "how much is proven is the caller's choice, not a setting")]
    let count = std::env::var("LICTOR_PROVE_COUNT").ok().and_then(|count| count.parse().ok());
    count.map_or(WAYS_USUALLY, |count: usize| count.next_multiple_of(2).clamp(2, WAYS))
}

#[test]
fn every_page_is_fit_to_be_seen_and_used() {
    let scene = Scene::open();
    let (things, customer) = scene.furnish();
    let (_lab, request) = scene.offline("lab 7", &customer);
    let ways = ways();
    let address = |path: &str| {
        let named =
            |path: String, (name, value): &(&str, String)| path.replace(&format!("{{{name}}}"), value);
        let address = things.iter().fold(path.to_owned(), named);
        assert!(!address.contains('{'), "nothing here is called as in {address}");
        address
    };
    let pages: Vec<Value> = console_pages()
        .iter()
        .filter_map(|page| {
            let who = if page.shows? == Scope::Operator { "operator" } else { "merchant" };
            Some(json!({ "name": page.path, "address": address(page.path), "who": who }))
        })
        .collect();
    let told = json!({
        "url": scene.harness.url,
        "tokens": { "merchant": scene.token(&[Scope::Admin]), "operator": scene.operator_token() },
        "pages": pages,
        "things": things.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "key": customer.key, "request": request,
        "ways": ways, "keeps": ways == WAYS,
    });
    script::run("pages.mjs", &told, |asked| panic!("nobody can do that: {asked}"));
}
