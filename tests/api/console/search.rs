//! A customer's license is found by whatever the customer says.

use lictor::domain::Scope;
use serde_json::json;

use super::browser::Browser;
use crate::support::Harness;

#[test]
fn a_license_is_found_by_what_people_have_and_a_key_never_stands_in_an_address() {
    let harness = Harness::start();
    let order =
        json!({ "product": "acme-cad", "spec": "cad-year", "customer": "customer-7", "label": "Room 12" });
    let sold = harness.merchant().post("/v1/merchant/licenses?reveal=true", &order).expect(201);
    let (license, key, code) =
        (sold.text_at("/id"), sold.text_at("/license_key"), sold.text_at("/claim_code"));
    let mut agent = Browser::signed_in(&harness, &[Scope::Read], "en");
    for (typed, is_secret) in [
        ("customer-7", false),
        ("Room 12", false),
        (license.as_str(), false),
        (key.as_str(), true),
        (code.as_str(), true),
    ] {
        // From any page straight to the only one that fits; from the list to the list, unless an address would tell a key.
        let form = agent.get("/console").form("/console/find").fill("q", typed);
        let page = format!("/console/licenses/{license}");
        assert_eq!(agent.send(&form).header("location"), Some(page.as_str()), "{typed}");
        let form = agent.get("/console/licenses").form("/console/find").fill("q", typed);
        let found = agent.submit(&form);
        assert_eq!(found.path == page, is_secret, "{typed}: {}", found.path);
        assert!(found.main_text().contains(&license), "{typed}: {}", found.main_text());
        if !is_secret {
            assert_eq!(found.form("/console/find").value("q"), typed);
        }
    }
    let other = harness.merchant().post("/v1/merchant/licenses", &order).expect(201).text_at("/id");
    let form = agent.get("/console").form("/console/find").fill("q", "customer-7");
    let both = agent.submit(&form);
    for id in [&license, &other] {
        assert!(both.main_text().contains(id.as_str()), "{}", both.main_text());
    }
    let form = agent.get("/console/licenses").form("/console/find").fill("q", "nobody");
    let nothing = agent.submit(&form);
    assert!(nothing.main_text().contains("Nothing fits"), "{}", nothing.main_text());
    let form = nothing.form("/console/find").fill("q", "").fill("state", "revoked");
    assert!(agent.submit(&form).main_text().contains("Nothing fits"));
}
