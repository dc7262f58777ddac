//! Held orders over real HTTP: seen, mapped, looked at again, fetched.

use std::time::Duration;

use lictor::domain::Scope;
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, OrderReason, Period};
use lictor::sandbox::{Purchase, Storefront};
use serde_json::{Value, json};

use crate::support::api::{Answer, Api};
use crate::support::{Harness, acme};

fn of(sku: &str, period: Period) -> Basket {
    Basket::of(sku, Billing::Period(period))
}

/// Somebody buys what no spec knows.
fn buy_new(shop: &Storefront) -> Purchase {
    shop.buy(of("CAD-NEW", Period::Years(1))).expect("answers")
}

fn map(merchant: &Api, order: &str, spec: &str) -> Answer {
    merchant.post(&format!("/v1/merchant/orders/{order}/map"), &json!({ "spec": spec }))
}

fn show(merchant: &Api, order: &str) -> Answer {
    merchant.get(&format!("/v1/merchant/orders/{order}")).expect(200)
}

fn ids(answer: &Answer, member: &str) -> Vec<String> {
    let items = answer.at("/items");
    let text = |order: &Value| order[member].as_str().unwrap_or("").to_owned();
    items.as_array().expect("a list").iter().map(text).collect()
}

#[test]
fn a_held_order_shows_since_when_it_waits_until_when_and_what_may_be_meant() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let basket = Basket { quantity: Some(2), ..of("CAD-NEW", Period::Years(1)) };
    let bought = shop.buy(basket).expect("answers");
    let received = show(&merchant, &bought.order.order_id);
    assert_eq!((received.text_at("/state"), received.at("/sku")), ("received".into(), Value::Null));
    harness.settle();
    harness.world.clock.advance(Duration::from_secs(600));
    let held = show(&merchant, &bought.order.order_id);
    assert_eq!(held.text_at("/state"), "held");
    assert_eq!(held.text_at("/received_at"), "2026-01-31T08:00:00Z");
    assert_eq!(held.text_at("/held_since"), "2026-01-31T08:00:00Z");
    assert_eq!(held.text_at("/refund/at"), "2026-01-31T11:00:00Z");
    assert_eq!(held.at("/refund/left_secs"), json!(3 * 3_600 - 600));
    assert!(held.text_at("/refund/source").contains("zh-cn_topic_0070649414"));
    assert_eq!(
        (held.text_at("/sku"), held.text_at("/product_id")),
        ("CAD-NEW".into(), "OFFI-CAD-NEW".into())
    );
    assert_eq!((held.at("/quantity"), held.text_at("/term")), (json!(2), "P1Y".into()));
    assert_eq!(held.at("/suggestions"), json!([{ "spec": "cad-key-only", "product": "acme-cad" }]));
    assert_eq!((held.at("/job/attempts"), held.text_at("/job/rank")), (json!(1), "ordinary".into()));
    assert!(held.text_at("/job/last_failure").contains("order map"));
    for name in [held.text_at("/id"), held.text_at("/license_id"), bought.order.order_id.clone()] {
        assert_eq!(show(&merchant, &name).text_at("/id"), held.text_at("/id"), "{name}");
    }
    harness.world.clock.advance(Duration::from_secs(4 * 3_600));
    assert_eq!(show(&merchant, &bought.order.order_id).at("/refund/left_secs"), json!(0));
}

#[test]
fn mapping_one_order_mints_every_held_order_of_its_sku_and_later_ones_at_once() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let bought: Vec<_> = (0..5).map(|_| buy_new(&shop)).collect();
    let other = shop.buy(of("CAD-OTHER", Period::Years(1))).expect("answers");
    harness.settle();
    // The marketplace need not answer for that: what it said is known.
    harness.world.sandbox.trouble(Trouble::Status(503), u32::MAX);
    let mapped = map(&merchant, &bought[2].order.order_id, "cad-key-only").expect(200);
    let expected = json!({ "sku": "CAD-NEW", "product_id": null, "spec": "cad-key-only",
        "since": "2026-01-31T08:00:00Z", "minted": 5, "waiting": 0 });
    assert_eq!(mapped.json(), expected);
    for bought in &bought {
        let order = show(&merchant, &bought.order.order_id);
        assert_eq!((order.text_at("/state"), order.at("/refund")), ("minted".into(), Value::Null));
        let license =
            merchant.get(&format!("/v1/merchant/licenses/{}", order.text_at("/license_id"))).expect(200);
        assert_eq!(
            (license.text_at("/spec"), license.text_at("/sku")),
            ("cad-key-only".into(), "CAD-NEW".into())
        );
        assert_eq!(shop.deliver(&bought.order).expect("answers").result_code(), "000000");
    }
    assert_eq!(show(&merchant, &other.order.order_id).text_at("/state"), "held");
    let again = map(&merchant, &bought[2].order.order_id, "cad-key-only").expect(200);
    assert_eq!((again.at("/minted"), again.at("/since")), (json!(0), mapped.at("/since")));
    harness.world.sandbox.trouble(Trouble::Status(503), 0);
    harness.world.clock.advance(Duration::from_secs(3_600));
    let later = buy_new(&shop);
    harness.settle();
    assert_eq!(show(&merchant, &later.order.order_id).text_at("/state"), "minted");
    assert_eq!(merchant.get("/v1/merchant/outbox?failed=false").expect(200).at("/items/1"), Value::Null);
}

#[test]
fn what_was_mapped_outlives_apply_files_and_a_file_that_names_the_sku_is_the_later_word() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let spec_of = |bought: &Purchase| {
        harness.settle();
        let id = show(&merchant, &bought.order.order_id).text_at("/license_id");
        merchant.get(&format!("/v1/merchant/licenses/{id}")).expect(200).at("/spec")
    };
    let first = buy_new(&shop);
    harness.settle();
    map(&merchant, &first.order.order_id, "cad-key-only").expect(200);
    let file = acme(&harness.world.sandbox);
    harness.apply(&file);
    assert_eq!(spec_of(&buy_new(&shop)), "cad-key-only", "a file without the SKU takes nothing back");
    let moved = file.replace("sku = \"CAD-YEAR\"", "sku = [\"CAD-YEAR\", \"CAD-NEW\"]");
    let applied = merchant.post("/v1/merchant/apply", &json!({ "toml": moved })).expect(200);
    assert!(applied.text.contains(r#"{"kind":"mapping","id":"CAD-NEW","change":"changed""#), "{applied:?}");
    assert_eq!(spec_of(&buy_new(&shop)), "cad-year");
    harness.apply(&file);
    assert_eq!(spec_of(&buy_new(&shop)), "cad-year", "it means what was said last");
    assert_eq!(spec_of(&first), "cad-key-only", "what was sold stays");
}

#[test]
fn what_cannot_be_mapped_is_refused_with_a_code_and_changes_nothing() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let held = buy_new(&shop);
    let monthly = shop.buy(of("CAD-NEW-MONTH", Period::Months(1))).expect("answers");
    let minted = shop.buy(of("CAD-YEAR", Period::Years(1))).expect("answers");
    harness.settle();
    let order = |purchase: &Purchase| purchase.order.order_id.clone();
    map(&merchant, "CS-UNKNOWN", "cad-year").expect_problem(404, "not_found");
    let unknown = map(&merchant, &order(&held), "cad-none").expect_problem(422, "invalid_request");
    assert_eq!(unknown.text_at("/pointer"), "/spec");
    map(&merchant, &order(&held), "%").expect_problem(422, "invalid_request");
    map(&merchant, &order(&minted), "cad-year").expect_problem(409, "order_not_held");
    let unfit = map(&merchant, &order(&monthly), "cad-key-only").expect_problem(409, "spec_unfit");
    assert!(
        unfit.text_at("/reason").contains("P1M") && unfit.text_at("/reason").contains("P1Y"),
        "{unfit:?}"
    );
    assert_eq!(show(&merchant, &order(&monthly)).at("/suggestions"), json!([]), "and so it is not suggested");
    let foreign = acme(&harness.world.sandbox)
        + "\n[[product]]\nid = \"acme-sim\"\nname = \"Sim\"\n[[spec]]\nid = \"sim\"\nproduct = \"acme-sim\"\nname = \"Sim\"\nsku = \"CAD-NEW-MONTH\"\n\
           [[spec]]\nid = \"cad-by-id\"\nproduct = \"acme-cad\"\nname = \"By id\"\nproduct_ids = [\"OFFI-YEAR\"]\n";
    harness.apply(&foreign);
    let unsold = map(&merchant, &order(&held), "sim").expect_problem(422, "invalid_request");
    assert!(unsold.text_at("/reason").contains("does not sell acme-sim"), "{unsold:?}");
    let taken = map(&merchant, &order(&monthly), "cad-month").expect_problem(409, "sku_taken");
    assert!(taken.text_at("/reason").contains("sim"), "{taken:?}");
    let period = map(&merchant, &order(&held), "cad-by-id").expect_problem(409, "spec_unfit");
    assert!(period.text_at("/reason").contains("OFFI-YEAR"), "{period:?}");
    let suggested = show(&merchant, &order(&held)).at("/suggestions");
    assert_eq!(suggested, json!([{ "spec": "cad-key-only", "product": "acme-cad" }]));
    map(&merchant, &order(&held), "cad-key-only").expect(200);
    map(&merchant, &order(&held), "cad-year").expect_problem(409, "order_not_held");
    let next = merchant.get("/v1/merchant/orders?state=held").expect(200);
    assert_eq!(ids(&next, "order_id"), [order(&monthly)]);
    let support = harness.bearer(&harness.token(&[Scope::Support, Scope::Read]));
    map(&support, &order(&monthly), "cad-month").expect_problem(403, "scope_missing");
    let body = json!({ "spec": "cad-month", "sku": "X" });
    let path = format!("/v1/merchant/orders/{}/map", order(&monthly));
    merchant.post(&path, &body).expect_problem(422, "invalid_request");
}

#[test]
fn orders_are_listed_newest_first_page_by_page_and_by_filter() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let mut bought = Vec::new();
    for number in 0..9 {
        harness.world.clock.advance(Duration::from_secs(1));
        let sku = if number % 3 == 0 { "CAD-NEW" } else { "CAD-YEAR" };
        bought.push(shop.buy(of(sku, Period::Years(1))).expect("answers"));
    }
    harness.settle();
    crate::support::people::issue(&harness, "cad-year");
    let ended = bought[0].answer.instance_id().to_owned();
    assert_eq!(shop.release(&ended).expect("answers").result_code(), "000000");
    let newest_first: Vec<_> = bought.iter().rev().map(|it| it.order.order_id.clone()).collect();
    let all = merchant.get("/v1/merchant/orders").expect(200);
    assert_eq!(ids(&all, "order_id"), newest_first, "what was issued by hand is no order");
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = merchant.get(&format!("/v1/merchant/orders?limit=4{cursor}")).expect(200);
        paged.extend(ids(&page, "order_id"));
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(paged, newest_first);
    let count =
        |query: &str| ids(&merchant.get(&format!("/v1/merchant/orders?{query}")).expect(200), "id").len();
    assert_eq!(
        (count("state=held"), count("state=minted"), count("state=ended"), count("state=received")),
        (2, 6, 1, 0)
    );
    assert_eq!((count("channel=cad-koogallery"), count("channel=none")), (9, 0));
    assert_eq!(count(&format!("order_id={}", newest_first[0])), 1);
    assert_eq!(count(&format!("instance_id={ended}")), 1);
    assert_eq!(count(&format!("instance_id={ended}&state=held")), 0);
    for odd in ["state=pending", "limit=201", "cursor=ord_1", "sku=x"] {
        merchant.get(&format!("/v1/merchant/orders?{odd}")).expect_problem(422, "invalid_request");
    }
}

#[test]
fn an_order_is_looked_at_again_when_somebody_asks() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    harness.world.sandbox.trouble(Trouble::Status(500), 4);
    let bought = shop.buy(of("CAD-YEAR", Period::Years(1))).expect("answers");
    for _ in 0..4 {
        harness.settle();
        harness.world.clock.advance(Duration::from_secs(60));
    }
    let path = format!("/v1/merchant/orders/{}/retry", bought.order.order_id);
    let job = merchant.post(&path, &json!({})).expect(200);
    assert_eq!(job.text_at("/order_id"), bought.order.order_id);
    harness.settle();
    assert_eq!(show(&merchant, &bought.order.order_id).text_at("/state"), "minted");
    merchant.post(&path, &json!({})).expect_problem(409, "illegal_state");
    merchant.post("/v1/merchant/orders/CS-NONE/retry", &json!({})).expect_problem(404, "not_found");
}

#[test]
fn an_order_that_never_arrived_is_fetched_once_and_found_by_its_later_call() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let order = shop.place(OrderReason::New, of("CAD-YEAR", Period::Years(1))).expect("placed");
    let fetch = |order_id: &str| {
        let body = json!({ "channel": "cad-koogallery", "order_id": order_id });
        merchant.post("/v1/merchant/orders/fetch", &body)
    };
    let fetched = fetch(&order.order_id).expect(200);
    assert_eq!(
        (fetched.text_at("/outcome"), fetched.text_at("/orders/0/state")),
        ("received".into(), "minted".into())
    );
    assert_eq!(fetched.text_at("/orders/0/order_line_id"), order.order_line_id);
    let again = fetch(&order.order_id).expect(200);
    assert_eq!(again.text_at("/orders/0/id"), fetched.text_at("/orders/0/id"));
    let called = shop.deliver(&order).expect("answers");
    assert_eq!(called.result_code(), "000000");
    assert_eq!(called.instance_id(), fetched.text_at("/orders/0/instance_id"));
    assert_eq!(ids(&merchant.get("/v1/merchant/orders").expect(200), "id").len(), 1);
    let held = shop.place(OrderReason::New, of("CAD-NEW", Period::Years(1))).expect("placed");
    assert_eq!(fetch(&held.order_id).expect(200).text_at("/orders/0/state"), "held");
    for reason in
        [OrderReason::Renew, OrderReason::Unsubscribe, OrderReason::Change, OrderReason::TrialToFormal]
    {
        let later = shop.place(reason, of("CAD-YEAR", Period::Years(1))).expect("placed");
        let refused = fetch(&later.order_id).expect_problem(409, "order_not_taken");
        assert!(refused.text_at("/reason").contains("not a purchase"), "{refused:?}");
    }
    fetch("CS-UNKNOWN").expect_problem(404, "not_found");
    let elsewhere = json!({ "channel": "none", "order_id": "CS1" });
    merchant.post("/v1/merchant/orders/fetch", &elsewhere).expect_problem(404, "not_found");
    harness.code_shop();
    let of_codes = json!({ "channel": "cad-codes", "order_id": "CS1" });
    merchant.post("/v1/merchant/orders/fetch", &of_codes).expect_problem(409, "illegal_state");
    assert_eq!(ids(&merchant.get("/v1/merchant/orders").expect(200), "id").len(), 2);
}

#[test]
fn while_the_marketplace_is_down_a_fetch_goes_on_in_the_outbox() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let order = shop.place(OrderReason::New, of("CAD-YEAR", Period::Years(1))).expect("placed");
    harness.world.sandbox.trouble(Trouble::Status(503), 1);
    let body = json!({ "channel": "cad-koogallery", "order_id": order.order_id });
    let asking = merchant.post("/v1/merchant/orders/fetch", &body).expect(202);
    assert_eq!((asking.text_at("/outcome"), asking.at("/retry_after_secs")), ("asking".into(), json!(5)));
    assert!(asking.text_at("/reason").contains("503"), "{asking:?}");
    assert_eq!(merchant.get("/v1/merchant/outbox").expect(200).text_at("/items/0/kind"), "look_at_order");
    harness.settle();
    let minted = show(&merchant, &order.order_id);
    assert_eq!(
        (minted.text_at("/state"), minted.text_at("/order_line_id")),
        ("minted".into(), order.order_line_id.clone())
    );
    let called = shop.deliver(&order).expect("answers");
    assert_eq!(called.instance_id(), minted.text_at("/instance_id"));
}

/// The caller waits 6 s, the call itself may take longer: it counts as failed all the same.
#[test]
fn a_marketplace_that_hangs_while_orders_are_fetched_is_left_alone_after_three() {
    let harness = Harness::start();
    let (shop, merchant) = (harness.storefront(), harness.merchant());
    let place = || shop.place(OrderReason::New, of("CAD-YEAR", Period::Years(1))).expect("placed").order_id;
    let fetch = |order_id: &str| {
        let body = json!({ "channel": "cad-koogallery", "order_id": order_id });
        merchant.post("/v1/merchant/orders/fetch", &body).expect(202).text_at("/reason")
    };
    let orders = [place(), place(), place()];
    harness.world.sandbox.trouble(Trouble::Hang, 3);
    let reasons: Vec<String> = std::thread::scope(|scope| {
        let asked = orders.each_ref().map(|order_id| scope.spawn(|| fetch(order_id)));
        asked.into_iter().map(|asked| asked.join().expect("answered")).collect()
    });
    assert_eq!(reasons, ["no answer within 6 s"; 3]);
    let calls = harness.world.sandbox.open_api_calls();
    assert!(fetch(&place()).contains("has not answered lately"));
    assert_eq!(harness.world.sandbox.open_api_calls(), calls, "nobody calls it meanwhile");
}
