//! Tokens, sign-in links and sessions as pages.

use lictor::domain::Scope;
use serde_json::json;

use super::browser::{Browser, Page, shows};
use crate::support::Harness;

/// The secret that a page shows this once.
fn secret(page: &Page) -> String {
    page.read(|document| {
        let field = document.descendants().find(|node| node.has_tag_name("textarea")).expect("it is shown");
        field.text().expect("it is not empty").trim().to_owned()
    })
}

#[test]
fn a_token_is_made_shown_once_and_revoked_after_a_question() {
    let harness = Harness::start();
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = "/console/access/tokens/new";
    let form = admin.get(path).form(path);
    // What is wrong is told, what was typed stays.
    let refused = admin.submit(&form.clone().fill("name", "CI \"<b>机器人</b>\"").fill("lasts", "7"));
    shows(&refused, 422, &["Choose at least one.", "Choose one of these."]);
    let again = refused.form(path);
    assert_eq!(again.value("name"), "CI \"<b>机器人</b>\"");
    let filled = again.fill("scopes", "read").fill("lasts", "43200");
    let made = admin.submit(&filled);
    shows(&made, 200, &["Keep this token now"]);
    let token = secret(&made);
    harness.bearer(&token).get("/v1/merchant/licenses").expect(200);
    // The same form once more is the same token.
    assert_eq!(secret(&admin.submit(&filled)), token);
    let listed = harness.merchant().get("/v1/merchant/api-tokens").expect(200);
    let items = listed.at("/items").as_array().cloned().unwrap_or_default();
    let of_it: Vec<_> = items.iter().filter(|item| item["name"] == "CI \"<b>机器人</b>\"").collect();
    assert_eq!((of_it.len(), &of_it[0]["scopes"]), (1, &json!(["read"])));
    assert_eq!(of_it[0]["expires_at"], json!("2026-03-02T08:00:00Z"));
    let list = admin.get("/console/access");
    shows(&list, 200, &["CI \"<b>机器人</b>\"", "valid"]);
    assert!(!list.answer.text.contains(&token), "it is shown once");
    let revoke = format!("/console/access/tokens/{}/revoke", of_it[0]["id"].as_str().expect("an id"));
    let question = admin.get(&revoke);
    shows(&question, 200, &["Revoke this token?", "This cannot be undone."]);
    harness.bearer(&token).get("/v1/merchant/licenses").expect(200);
    shows(&admin.submit(&question.form(&revoke)), 200, &["The token was revoked.", "revoked"]);
    harness.bearer(&token).get("/v1/merchant/licenses").expect(401);
}

#[test]
fn a_link_is_made_for_somebody_and_everybody_is_signed_out() {
    let harness = Harness::start();
    let mut admin = Browser::signed_in(&harness, &[Scope::Admin], "en");
    let path = "/console/access/links/new";
    let form = admin.get(path).form(path).fill("name", "Li").fill("scopes", "read").fill("lasts", "60");
    let made = admin.submit(&form);
    shows(&made, 200, &["Send this link to whom it is for"]);
    let link = secret(&made);
    let link = link.strip_prefix(&harness.url).expect("it leads here").to_owned();
    let list = admin.get("/console/access");
    shows(&list, 200, &["Li", "this browser"]);
    let mut li = Browser::new(&harness, "en");
    let entered = li.get(&link);
    let home = li.submit(&entered.form("/console/sign-in"));
    assert_eq!(home.answer.status, 200);
    assert!(home.answer.text.contains("<strong>Li</strong>"), "{}", home.answer.text);
    shows(&li.get("/console/access"), 403, &["lacks the scope"]);
    // A link that nobody has used is withdrawn.
    let form = admin.get(path).form(path).fill("name", "Wu").fill("scopes", "read").fill("lasts", "10");
    let unused = secret(&admin.submit(&form)).strip_prefix(&harness.url).expect("it leads here").to_owned();
    let id = harness.merchant().get("/v1/merchant/sign-in-links").expect(200).text_at("/items/0/id");
    let withdraw = format!("/console/access/links/{id}/revoke");
    let page = admin.get("/console/access");
    shows(&admin.submit(&page.form(&withdraw)), 200, &["The link was withdrawn."]);
    assert!(Browser::new(&harness, "en").get(&unused).answer.text.contains("This link has been used"));
    let end = "/console/access/sessions/end";
    let question = admin.get(end);
    shows(&question, 200, &["Sign everybody out?"]);
    let after = admin.send(&question.form(end));
    assert_eq!(after.status, 303);
    for browser in [&mut admin, &mut li] {
        assert_eq!(browser.ask("/console").status, 303);
    }
}
