//! Signing in to the console, staying there, and out again: by real HTTP and real cookies.

use std::time::Duration;

use lictor::domain::{MerchantId, Scope, TokenOwner};
use serde_json::{Value, json};

use crate::support::api::Answer;
use crate::support::browser::{Browser, field};
use crate::support::{Harness, globex};

const COOKIE: &str = "lictor-session";
const STRICT: &str = "__Host-lictor-session";

/// Signs in with a token; where the browser is sent then.
fn sign_in(browser: &Browser, token: &str) -> Answer {
    browser.submit("/console/sign-in", &[("token", token)]).expect(303)
}

/// The page that says who is signed in.
fn who(browser: &Browser) -> Answer {
    browser.get("/console/sign-in").expect(200)
}

fn is_signed_in(browser: &Browser) -> bool {
    who(browser).text.contains("You are signed in")
}

fn sign_out(browser: &Browser, everywhere: &str) {
    let page = who(browser);
    browser.submit_with(&page, "/console/sign-out", &[("everywhere", everywhere)]).expect(303);
}

/// A link as the API makes one; only what its page needs.
fn link(harness: &Harness, maker: &str, body: &Value) -> String {
    let made = harness.bearer(maker).post("/v1/merchant/sign-in-links", body).expect(201);
    let path = made.text_at("/path");
    assert!(made.text_at("/url").ends_with(&path), "{made:?}");
    path
}

fn use_link(browser: &Browser, path: &str) -> Answer {
    let page = browser.get(path).expect(200);
    browser.submit("/console/sign-in", &[("link", &field(&page, "link")), ("next", "/console")])
}

#[test]
fn a_token_opens_a_session_and_the_browser_never_keeps_the_token() {
    let harness = Harness::start();
    let (browser, token) = (harness.browser(), harness.token(&[Scope::Read]));
    let page = browser.get("/console/sign-in?next=%2Fconsole%2Flicenses").expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert!(
        page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    assert_eq!(page.header("set-cookie"), None);
    let next = field(&page, "next");
    let answer = browser.submit("/console/sign-in", &[("token", &format!(" {token}\n")), ("next", &next)]);
    let answer = answer.expect(303);
    assert_eq!(answer.header("location"), Some("/console/licenses"));
    let set = answer.header("set-cookie").expect("a session");
    assert!(set.starts_with("lictor-session=acme.") && set.contains("; HttpOnly; SameSite=Lax"), "{set}");
    assert!(!answer.headers.iter().any(|(_, value)| value.contains(&token)));
    let page = who(&browser);
    assert!(page.text.contains("<dd>test</dd>") && page.text.contains("<dd>acme</dd>"), "{}", page.text);
}

#[test]
fn what_is_no_live_token_opens_nothing_and_all_look_alike() {
    let harness = Harness::start();
    let refused = |token: &str| {
        let browser = harness.browser();
        let answer = browser.submit("/console/sign-in", &[("token", token)]).expect(403);
        assert_eq!(answer.header("set-cookie"), None, "{token:?}");
        assert!(!is_signed_in(&browser));
        answer.without_request_id()
    };
    let never = refused("lictor_nothing");
    let (revoked, id) = ended_token(&harness);
    harness.merchant().post(&format!("/v1/merchant/api-tokens/{id}/revoke"), &json!({})).expect(200);
    assert_eq!(refused(&revoked), never);
    assert_eq!(refused(&"x".repeat(600)), never);
    let empty = harness.browser().submit("/console/sign-in", &[("token", " ")]).expect(200);
    assert!(empty.text.contains("Enter a token."));
}

/// A token with its id, to end it.
fn ended_token(harness: &Harness) -> (String, String) {
    let body = json!({ "name": "gone", "scopes": ["read"] });
    let made = harness.merchant().post("/v1/merchant/api-tokens", &body).expect(201);
    (made.text_at("/token"), made.text_at("/id"))
}

#[test]
fn whoever_guesses_has_to_wait_and_a_right_token_does_not_help_meanwhile() {
    let harness = Harness::start();
    let (browser, token) = (harness.browser(), harness.token(&[Scope::Read]));
    for _ in 0..5 {
        browser.submit("/console/sign-in", &[("token", "lictor_nothing")]).expect(403);
    }
    let slowed = browser.submit("/console/sign-in", &[("token", &token)]).expect(429);
    assert_eq!(slowed.header("retry-after"), Some("1"));
    assert_eq!(slowed.header("set-cookie"), None);
    harness.world.clock.advance(Duration::from_secs(1));
    sign_in(&browser, &token);
    assert!(is_signed_in(&browser));
}

#[test]
fn a_session_ends_with_idleness_with_a_week_and_with_its_token() {
    let harness = Harness::start();
    let hours = |count: u64| harness.world.clock.advance(Duration::from_secs(count * 3_600));
    let browser = harness.browser();
    sign_in(&browser, &harness.token(&[Scope::Read]));
    for _ in 0..23 {
        hours(7);
        assert!(is_signed_in(&browser));
    }
    // A week is over.
    hours(7);
    assert!(!is_signed_in(&browser));
    sign_in(&browser, &harness.token(&[Scope::Read]));
    hours(8);
    assert!(!is_signed_in(&browser));
    let (token, id) = ended_token(&harness);
    sign_in(&browser, &token);
    assert!(is_signed_in(&browser));
    harness.merchant().post(&format!("/v1/merchant/api-tokens/{id}/revoke"), &json!({})).expect(200);
    assert!(!is_signed_in(&browser));
}

#[test]
fn what_has_ended_is_swept_and_what_has_not_stays() {
    let harness = Harness::start();
    let (old, new) = (harness.browser(), harness.browser());
    let token = harness.token(&[Scope::Admin]);
    sign_in(&old, &token);
    sign_in(&old, &harness.token_of(TokenOwner::Server, &[Scope::Operator]));
    link(&harness, &token, &json!({}));
    harness.world.clock.advance(Duration::from_secs(32 * 86_400));
    sign_in(&new, &token);
    // The replaced session of `old` is gone already: what is left is one of the server's, and the link.
    assert_eq!(harness.block_on(harness.app.sweep_lapsed()).expect("the store works"), 2);
    assert!(is_signed_in(&new));
}

#[test]
fn signing_in_again_begins_a_new_session_and_ends_the_old_one() {
    let harness = Harness::start();
    let (browser, thief) = (harness.browser(), harness.browser());
    let token = harness.token(&[Scope::Read]);
    browser.plant(COOKIE, "acme.planted-by-somebody-else");
    sign_in(&browser, &token);
    let first = browser.cookie(COOKIE).expect("a session");
    assert_ne!(first, "acme.planted-by-somebody-else");
    sign_in(&browser, &token);
    assert_ne!(browser.cookie(COOKIE), Some(first.clone()));
    thief.plant(COOKIE, &first);
    assert!(!is_signed_in(&thief));
    assert!(is_signed_in(&browser));
}

#[test]
fn signing_out_ends_one_session_and_everywhere_each_of_that_name() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Admin]);
    let browsers: Vec<Browser> = (0..3).map(|_| harness.browser()).collect();
    browsers.iter().for_each(|browser| drop(sign_in(browser, &token)));
    let other = harness.browser();
    sign_in(&other, &harness.token(&[Scope::Admin]));
    let li = harness.browser();
    use_link(&li, &link(&harness, &token, &json!({ "name": "Li", "scopes": ["read"] }))).expect(303);
    sign_out(&browsers[0], "");
    assert_eq!(browsers.iter().map(is_signed_in).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(browsers[0].cookie(COOKIE), None);
    // Li's is Li's alone; the token's are the token's, with whatever links it has made.
    sign_out(&li, "yes");
    assert!(is_signed_in(&browsers[1]));
    use_link(&li, &link(&harness, &token, &json!({ "name": "Li", "scopes": ["read"] }))).expect(303);
    sign_out(&browsers[1], "yes");
    assert!(!browsers.iter().chain([&li]).any(is_signed_in));
    assert!(is_signed_in(&other));
}

#[test]
fn a_form_of_another_site_or_session_changes_nothing() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Read]);
    let (browser, other) = (harness.browser(), harness.browser());
    sign_in(&browser, &token);
    sign_in(&other, &token);
    let own = field(&who(&browser), "csrf");
    let foreign = field(&who(&other), "csrf");
    assert_ne!(own, foreign);
    for csrf in ["", &foreign, &own[1..], "x"] {
        let answer = browser.submit("/console/sign-out", &[("csrf", csrf)]).expect(403);
        assert!(answer.text.contains("This form belongs to another session"), "{}", answer.text);
    }
    browser.submit_from("https://evil.example", "/console/sign-out", &[("csrf", &own)]).expect(403);
    assert!(is_signed_in(&browser));
    // Nor does another site sign anybody in: what they do would be recorded under its name.
    let victim = harness.browser();
    let answer =
        victim.submit_from("https://evil.example", "/console/sign-in", &[("token", &token)]).expect(403);
    assert_eq!(answer.header("set-cookie"), None);
    sign_out(&browser, "");
    assert!(!is_signed_in(&browser));
}

#[test]
fn over_https_the_cookie_is_strict_and_over_plain_http_from_elsewhere_there_is_none() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Read]);
    let browser = Browser::behind(&harness.url, "https://license.acme.example");
    let set = sign_in(&browser, &token).header("set-cookie").expect("a session").to_owned();
    assert!(set.starts_with(STRICT) && set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
    assert!(is_signed_in(&browser));
    // A neighbour's site can plant a cookie without the prefix: it counts for nothing here.
    let planted = Browser::behind(&harness.url, "https://license.acme.example");
    let loopback = harness.browser();
    sign_in(&loopback, &token);
    planted.plant(COOKIE, &loopback.cookie(COOKIE).expect("a session"));
    assert!(!is_signed_in(&planted));
    planted.plant(STRICT, &loopback.cookie(COOKIE).expect("a session"));
    assert!(!is_signed_in(&planted));
    let plain = Browser::behind(&harness.url, "http://license.acme.example");
    let refused = plain.submit("/console/sign-in", &[("token", &token)]).expect(403);
    assert_eq!(refused.header("set-cookie"), None);
    assert!(refused.text.contains("https://"), "{}", refused.text);
}

#[test]
fn nobody_is_sent_to_another_site() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Read]);
    for wanted in
        ["https://evil.example", "//evil.example", "/\\evil.example", "/portal", "/console/../portal"]
    {
        let browser = harness.browser();
        let answer = browser.submit("/console/sign-in", &[("token", &token), ("next", wanted)]).expect(303);
        assert_eq!(answer.header("location"), Some("/console"), "{wanted}");
    }
}

#[test]
fn a_link_opens_one_session_however_many_use_it_at_once() {
    let harness = Harness::start();
    let token = harness.token(&[Scope::Admin]);
    let path = link(&harness, &token, &json!({ "name": "李 \"<b>\" 'Li'", "scopes": ["read", "support"] }));
    // Previews and prefetches look as often as they like.
    for _ in 0..3 {
        let page = harness.browser().get(&path).expect(200);
        assert!(page.text.contains("李 &#34;&#60;b&#62;&#34; &#39;Li&#39;"), "{}", page.text);
        assert_eq!(page.header("referrer-policy"), Some("strict-origin"));
    }
    let entered: Vec<bool> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let browser = harness.browser();
                    let answer = use_link(&browser, &path);
                    // Some of those who come too late have to wait as well.
                    assert!([303, 403, 429].contains(&answer.status), "{answer:?}");
                    is_signed_in(&browser)
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().expect("no test panics here")).collect()
    });
    assert_eq!(entered.iter().filter(|&&entered| entered).count(), 1, "{entered:?}");
    let late = harness.browser().get(&path).expect(200);
    assert!(late.text.contains("This link has been used"), "{}", late.text);
}

#[test]
pub fn a_link_ends_with_its_time_with_its_token_and_when_it_is_withdrawn() {
    let harness = Harness::start();
    let admin = harness.token(&[Scope::Admin]);
    let opens = |path: &str| harness.browser().get(path).expect(200).text.contains("This link works once");
    let path = link(&harness, &admin, &json!({ "expires_in_secs": 60 }));
    harness.world.clock.advance(Duration::from_secs(59));
    assert!(opens(&path));
    harness.world.clock.advance(Duration::from_secs(1));
    assert!(!opens(&path));
    let (token, id) = ended_token(&harness);
    let path = link(&harness, &token, &json!({}));
    assert!(opens(&path));
    harness.merchant().post(&format!("/v1/merchant/api-tokens/{id}/revoke"), &json!({})).expect(200);
    assert!(!opens(&path));
    let path = link(&harness, &admin, &json!({ "name": "Li" }));
    let listed = harness.bearer(&admin).get("/v1/merchant/sign-in-links").expect(200);
    assert_eq!(listed.at("/items").as_array().map(Vec::len), Some(1));
    assert_eq!(listed.at("/items/0/name"), json!("Li"));
    assert_eq!(listed.at("/items/0/url"), Value::Null);
    let revoke = format!("/v1/merchant/sign-in-links/{}/revoke", listed.text_at("/items/0/id"));
    harness.bearer(&admin).post(&revoke, &json!({})).expect(200);
    assert!(!opens(&path));
    for wrong in ["", ".", "acme.", "acme.x", "globex.x", "No%20Merchant.x", "%00"] {
        assert!(!opens(&format!("/console/sign-in?link={wrong}")), "{wrong}");
    }
}

#[test]
pub fn a_link_gives_no_more_than_its_maker_has_and_passes_for_nobody_else() {
    let harness = Harness::start();
    let support = harness.token(&[Scope::Read, Scope::Support]);
    let make = |body: &Value| harness.bearer(&support).post("/v1/merchant/sign-in-links", body);
    make(&json!({ "scopes": ["read", "revoke"] })).expect_problem(403, "scope_missing");
    make(&json!({ "name": "the boss" })).expect_problem(403, "scope_missing");
    make(&json!({ "scopes": [] })).expect_problem(422, "invalid_request");
    make(&json!({ "scopes": ["all"] })).expect_problem(422, "invalid_request");
    for secs in [0, 86_401] {
        let refused = make(&json!({ "expires_in_secs": secs })).expect_problem(422, "invalid_request");
        assert_eq!(refused.at("/pointer"), json!("/expires_in_secs"));
    }
    harness.anonymous().post("/v1/merchant/sign-in-links", &json!({})).expect_problem(401, "token_refused");
    let browser = harness.browser();
    use_link(&browser, &link(&harness, &support, &json!({ "scopes": ["read"] }))).expect(303);
    let page = who(&browser).text;
    assert!(page.contains("<dd>test</dd>") && page.contains("<dd>read</dd>"), "{page}");
}

#[test]
pub fn a_request_that_is_repeated_makes_one_link_and_a_used_one_stays_used() {
    let harness = Harness::start();
    let api = harness.merchant().with("Idempotency-Key", "once");
    let made = api.post("/v1/merchant/sign-in-links", &json!({ "name": "Li" })).expect(201);
    let again = api.post("/v1/merchant/sign-in-links", &json!({ "name": "Li" })).expect(201);
    assert_eq!(again.json(), made.json());
    api.post("/v1/merchant/sign-in-links", &json!({ "name": "Wu" }))
        .expect_problem(409, "idempotency_conflict");
    use_link(&harness.browser(), &made.text_at("/path")).expect(303);
    let after = api.post("/v1/merchant/sign-in-links", &json!({ "name": "Li" })).expect(201);
    assert_eq!(after.at("/id"), made.at("/id"));
    use_link_refused(&harness, &made.text_at("/path"));
}

fn use_link_refused(harness: &Harness, path: &str) {
    let link = path.split_once("link=").expect("a link").1;
    let browser = harness.browser();
    let answer = browser.submit("/console/sign-in", &[("link", link)]).expect(403);
    assert!(answer.text.contains("This link has been used"), "{}", answer.text);
    assert!(!is_signed_in(&browser));
}

#[test]
fn an_operator_chooses_a_merchant_and_nobody_else_does() {
    let harness = Harness::start();
    harness.apply(globex());
    let browser = harness.browser();
    let operator = harness.token_of(TokenOwner::Server, &[Scope::Operator]);
    sign_in(&browser, &operator);
    let page = browser.get("/console/merchants?next=%2Fconsole%2Forders").expect(200);
    assert!(page.text.contains("value=\"acme\"") && page.text.contains("value=\"globex\""), "{}", page.text);
    let gone = browser.submit_with(&page, "/console/merchants", &[("merchant", "nobody")]).expect(200);
    assert!(gone.text.contains("There is no such merchant"));
    browser.submit("/console/merchants", &[("merchant", "globex")]).expect(403);
    let fields = [("merchant", "globex"), ("next", &field(&page, "next"))];
    let chosen = browser.submit_with(&page, "/console/merchants", &fields).expect(303);
    assert_eq!(chosen.header("location"), Some("/console/orders"));
    assert!(who(&browser).text.contains("<dd>globex</dd>"));
    // A link that an operator makes for one merchant's agent leads to that merchant only.
    let api = harness.bearer(&operator).with("Lictor-Merchant", "acme");
    let made =
        api.post("/v1/merchant/sign-in-links", &json!({ "name": "Li", "scopes": ["read"] })).expect(201);
    let agent = harness.browser();
    use_link(&agent, &made.text_at("/path")).expect(303);
    let page = who(&agent);
    assert!(page.text.contains("<dd>acme</dd>"));
    agent.get("/console/merchants").expect(303);
    agent.submit_with(&page, "/console/merchants", &[("merchant", "globex")]).expect(303);
    assert!(who(&agent).text.contains("<dd>acme</dd>"));
    // Neither is there anything to choose for a merchant's own people.
    let own = harness.browser();
    sign_in(&own, &harness.token(&[Scope::Admin]));
    own.get("/console/merchants").expect(303);
}

#[test]
pub fn sessions_are_listed_and_ended_from_outside_by_their_own_merchant() {
    let harness = Harness::start();
    harness.apply(globex());
    let (admin, browser) = (harness.token(&[Scope::Admin]), harness.browser());
    sign_in(&browser, &admin);
    let li = harness.browser();
    use_link(&li, &link(&harness, &admin, &json!({ "name": "Li", "scopes": ["read"] }))).expect(303);
    let listed = harness.bearer(&admin).get("/v1/merchant/sessions").expect(200);
    assert_eq!(listed.at("/items").as_array().map(Vec::len), Some(2));
    assert_eq!((listed.at("/items/0/name"), listed.at("/items/0/by_link")), (json!("Li"), json!(true)));
    assert_eq!((listed.at("/items/1/name"), listed.at("/items/1/by_link")), (json!("test"), json!(false)));
    let end = format!("/v1/merchant/sessions/{}/end", listed.text_at("/items/0/id"));
    let globex = MerchantId::parse("globex").expect("valid");
    let foreign = harness.bearer(&harness.token_of(TokenOwner::Merchant(globex), &[Scope::Admin]));
    assert_eq!(foreign.get("/v1/merchant/sessions").expect(200).at("/items"), json!([]));
    let absent = foreign.post("/v1/merchant/sessions/ses_0000000000000000000000/end", &json!({}));
    assert_eq!(
        foreign.post(&end, &json!({})).expect_problem(404, "not_found").without_request_id(),
        absent.without_request_id()
    );
    assert_eq!(foreign.post("/v1/merchant/sessions/end", &json!({})).expect(200).at("/ended"), json!(0));
    assert!(is_signed_in(&li));
    harness.bearer(&admin).post(&end, &json!({})).expect(200);
    assert!(!is_signed_in(&li) && is_signed_in(&browser));
    let ended = harness.bearer(&admin).post("/v1/merchant/sessions/end", &json!({})).expect(200);
    assert_eq!(ended.at("/ended"), json!(1));
    assert!(!is_signed_in(&browser));
}

#[test]
fn the_last_use_of_a_token_is_written_once_an_hour_and_never_while_somebody_waits() {
    let harness = Harness::start();
    let (admin, used) = (harness.merchant(), harness.token(&[Scope::Read]));
    let last_use = || {
        let listed = admin.get("/v1/merchant/api-tokens").expect(200);
        let items = listed.at("/items").as_array().cloned().unwrap_or_default();
        let read = |item: &&Value| item["scopes"] == json!(["read"]);
        items.iter().find(read).expect("the token is listed")["last_used_at"].clone()
    };
    let flush = || harness.block_on(harness.app.flush_token_uses()).expect("the store works");
    let api = harness.bearer(&used);
    assert_eq!(last_use(), Value::Null);
    api.get("/v1/merchant/licenses").expect(200);
    assert_eq!(last_use(), json!("2026-01-31T08:00:00Z"));
    flush();
    let commits = harness.store.commits();
    for _ in 0..10 {
        harness.world.clock.advance(Duration::from_secs(300));
        api.get("/v1/merchant/licenses").expect(200);
        flush();
    }
    assert_eq!(harness.store.commits(), commits, "within the hour nothing is written");
    harness.world.clock.advance(Duration::from_secs(600));
    api.get("/v1/merchant/licenses").expect(200);
    assert_eq!(harness.store.commits(), commits, "a request writes nothing by itself");
    flush();
    assert_eq!(harness.store.commits(), commits + 1);
    assert_eq!(last_use(), json!("2026-01-31T09:00:00Z"));
}

#[test]
fn pages_read_in_both_languages_and_remember_the_choice() {
    let harness = Harness::start();
    let browser = harness.browser();
    assert!(browser.get("/console/sign-in").expect(200).text.contains("<html lang=\"en\">"));
    let chinese = browser.get("/console/sign-in?lang=zh-CN&next=%2Fconsole%2Forders").expect(200);
    assert!(chinese.text.contains("<html lang=\"zh-CN\">") && chinese.text.contains("API 令牌"));
    assert_eq!(field(&chinese, "next"), "/console/orders");
    assert!(browser.get("/console/sign-in").expect(200).text.contains("<html lang=\"zh-CN\">"));
    let refused = browser.submit("/console/sign-in", &[("token", "x")]).expect(403);
    assert!(refused.text.contains("此令牌当前无效"), "{}", refused.text);
}
