//! The outbox while marketplaces hang, fail, ask for a pause and come back: nothing is lost, nobody else is held up, and
//! nobody is stormed.

mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lictor::application::ports::{Clock, Listing, list};
use lictor::application::record::{Job, Versioned};
use lictor::application::{PurchaseCall, UseCaseError};
use lictor::domain::{Channel, ChannelId, MerchantId, OrderRef, PurchaseEvent};
use lictor::sandbox::open_api::Trouble;
use lictor::sandbox::orders::{Basket, Billing, MockOrder, OrderReason, Period};
use lictor::sandbox::{OpenApiKeys, Sandbox};
use lictor::store::MemoryEngine;
use lictor::workers::Workers;
use serde_json::{Value, json};
use support::api::Api;
use support::{Engine, Harness, World, acme};

/// Orders that come while the marketplace is down.
const ORDERS: usize = 2_000;
/// Jobs that wait beside one that is done.
const WAITING: usize = 2_000;
const FOR_EVER: u32 = u32::MAX;
const OPEN_API_FAILING: &str = "channel.open_api_failing";
const OLDEST: &str = "lictor_outbox_oldest_seconds";

fn month() -> Basket {
    Basket::of("CAD-MONTH", Billing::Period(Period::Months(1)))
}

fn merchant_id() -> MerchantId {
    MerchantId::parse("acme").expect("a slug")
}

/// The channel as it was applied.
fn channel(harness: &Harness, id: &str) -> Channel {
    let catalog = harness.block_on(harness.app.catalog(&merchant_id())).expect("readable");
    let found = catalog.channels.into_iter().find(|channel| channel.id.as_str() == id);
    found.expect("it was applied")
}

/// The marketplace tells of an order, as the production address hands it on.
fn tell(harness: &Harness, channel: &Channel, order: &MockOrder) -> Result<(), UseCaseError> {
    let merchant = merchant_id();
    let call = PurchaseCall {
        merchant: &merchant,
        channel,
        replay: None,
        now: harness.app.now(),
        occurred_at: None,
    };
    let reference = OrderRef {
        order_id: order.order_id.clone(),
        order_line_id: Some(order.order_line_id.clone()),
        product_id: None,
    };
    let event =
        PurchaseEvent::Bought { order: reference, business_id: order.order_id.clone(), details: None };
    harness.block_on(harness.app.handle_purchase_event(&call, event)).map(|_| ())
}

fn place(sandbox: &Sandbox, number: usize, at: DateTime<Utc>) -> MockOrder {
    let order = MockOrder::new(&format!("CS{number:05}"), OrderReason::New, at, month());
    sandbox.register(order.clone());
    order
}

fn jobs(harness: &Harness, at_most: usize) -> usize {
    let listed = list(harness.store.as_ref(), &Listing::Jobs, at_most);
    let listed: Vec<Versioned<Job>> = harness.block_on(listed).expect("readable");
    listed.len()
}

fn licenses(harness: &Harness) -> usize {
    let (merchant, mut count, mut cursor) = (harness.merchant(), 0, String::new());
    loop {
        let page = merchant.get(&format!("/v1/merchant/orders?state=minted&limit=200{cursor}")).expect(200);
        count += page.at("/items").as_array().map_or(0, Vec::len);
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return count,
        }
    }
}

/// One round of the workers; the clock goes on to when the next is due.
fn round(harness: &Harness, at_most: TimeDelta) {
    let next = harness.block_on(harness.app.run_due_jobs()).expect("jobs run");
    let pause = next.map_or(at_most, |next| TimeDelta::from_std(next).unwrap_or(at_most)).min(at_most);
    let pause = pause.max(TimeDelta::milliseconds(i64::from(next != Some(Duration::ZERO))));
    harness.world.clock.advance(pause.to_std().unwrap_or_default());
}

/// As a scrape reads it.
fn gauge(harness: &Harness, name: &str) -> u64 {
    let text = harness.anonymous().get("/metrics").expect(200).text;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
}

/// What the merchant is told of the channel, newest first.
fn notices(harness: &Harness, language: &str) -> Vec<Value> {
    let merchant = harness.merchant().with("Accept-Language", language);
    let shown = merchant.get("/v1/merchant/channels/cad-koogallery").expect(200);
    shown.at("/recent_notices").as_array().expect("a list").clone()
}

/// The workers run for so long.
fn run_for(harness: &Harness, span: TimeDelta) {
    let end = harness.world.clock.now() + span;
    while harness.world.clock.now() < end {
        round(harness, (end - harness.world.clock.now()).min(TimeDelta::seconds(600)));
    }
}

#[test]
fn work_that_the_marketplace_refuses_grows_old_and_the_merchant_is_told_once_an_hour() {
    let harness = Harness::start();
    let shop = harness.storefront();
    // An order that waits for the merchant is another alarm's: it stays out of this one.
    shop.buy(Basket::of("CAD-UNKNOWN", Billing::OneTime)).expect("answers");
    harness.settle();
    run_for(&harness, TimeDelta::minutes(5));
    assert_eq!((gauge(&harness, OLDEST), gauge(&harness, "lictor_orders_held")), (0, 1));
    harness.world.set_secret("OPEN_API_SK", "another one");
    shop.buy(month()).expect("answers");
    run_for(&harness, TimeDelta::minutes(9));
    assert_eq!(notices(&harness, "en"), Vec::<Value>::new(), "it may pass by itself");
    run_for(&harness, TimeDelta::minutes(6));
    let age = gauge(&harness, OLDEST);
    println!("{age} s after 15 minutes of refusals");
    assert!((890..=910).contains(&age), "{age}");
    assert_eq!(gauge(&harness, "lictor_orders_held"), 1, "nothing else tells of it");
    let told = notices(&harness, "en");
    let [notice] = told.as_slice() else { panic!("one: {told:?}") };
    println!("{notice:#}");
    assert_eq!((&notice["kind"], &notice["cause_code"]), (&json!(OPEN_API_FAILING), &json!("call_refused")));
    assert_eq!(notice["failing_since"], "2026-01-31T08:05:00Z");
    assert_eq!(notice["refund_at"], "2026-01-31T11:05:00Z", "3 hours after the purchase");
    let cause = notice["cause"].as_str().expect("words");
    assert!(cause.contains("access key and secret key of open_api"), "{cause}");
    assert!(cause.contains("the first purchase that waits is paid back in 2 h 4"), "{cause}");
    let chinese = notices(&harness, "zh")[0]["cause"].as_str().expect("words").to_owned();
    assert!(chinese.contains("请检查 open_api 的 AK/SK") && chinese.contains("2 小时 4"), "{chinese}");
    harness.block_on(harness.app.flush_calls(true)).expect("the store takes it");
    assert_eq!(notices(&harness, "en"), told, "the same when it is stored");
    run_for(&harness, TimeDelta::minutes(50));
    assert_eq!(notices(&harness, "en").len(), 1, "within the hour");
    run_for(&harness, TimeDelta::minutes(15));
    assert_eq!(notices(&harness, "en").len(), 2);
    harness.world.set_secret("OPEN_API_SK", "SK");
    run_for(&harness, TimeDelta::minutes(4));
    assert_eq!(notices(&harness, "en").len(), 2);
    assert_eq!((gauge(&harness, OLDEST), licenses(&harness)), (0, 1));
}

#[test]
fn an_order_that_the_marketplace_never_shows_has_one_job_and_is_given_up_after_3_days() {
    let harness = Harness::start();
    let (world, shop, merchant) = (Arc::clone(&harness.world), harness.storefront(), harness.merchant());
    let fetch = |order: &MockOrder| {
        let body = json!({ "channel": "cad-koogallery", "order_id": order.order_id,
            "order_line_id": order.order_line_id });
        merchant.post("/v1/merchant/orders/fetch", &body)
    };
    // The marketplace tells of them, and knows nothing of them when it is asked.
    let [lost, other] =
        ["CSLOST1", "CSLOST2"].map(|id| MockOrder::new(id, OrderReason::New, world.clock.now(), month()));
    for order in [&lost, &lost, &lost, &other] {
        assert_eq!(shop.notify(order).expect("answers").result_code(), "000000");
    }
    world.sandbox.trouble(Trouble::Status(503), FOR_EVER);
    fetch(&lost).expect(202);
    assert_eq!(jobs(&harness, 100), 2, "one for each order");
    world.sandbox.trouble(Trouble::Status(503), 0);
    run_for(&harness, TimeDelta::hours(71));
    assert_eq!(jobs(&harness, 100), 2);
    let given_up = |told: &Value| told["kind"] == "channel.order_given_up";
    assert!(!notices(&harness, "en").iter().any(given_up));
    run_for(&harness, TimeDelta::hours(2));
    let mut told = notices(&harness, "en");
    told.retain(given_up);
    let mut orders: Vec<_> = told.iter().map(|told| told["order_id"].as_str().unwrap_or_default()).collect();
    orders.sort_unstable();
    assert_eq!((jobs(&harness, 100), orders), (0, vec!["CSLOST1", "CSLOST2"]), "{told:?}");
    assert_eq!(told[0]["cause_code"], "order_unknown");
    let asked = world.sandbox.open_api_calls();
    run_for(&harness, TimeDelta::hours(2));
    assert_eq!(world.sandbox.open_api_calls(), asked, "nobody asks any more");
    // By hand it is asked for as before.
    world.sandbox.register(lost.clone());
    fetch(&lost).expect(200);
}

#[test]
fn a_marketplace_that_is_down_for_a_day_loses_nothing_and_is_not_stormed_when_it_returns() {
    let harness = Harness::start();
    let (world, clock) = (Arc::clone(&harness.world), Arc::clone(&harness.world.clock));
    let (sandbox, channel) = (&world.sandbox, channel(&harness, "cad-koogallery"));
    sandbox.trouble(Trouble::Status(503), FOR_EVER);
    let began = clock.now();
    let day = TimeDelta::days(1);
    let mut told = 0;
    // Orders come all day long; the last of them in the last hours.
    while clock.now() < began + day {
        let due = usize::try_from((clock.now() - began).num_seconds()).unwrap_or(0) * ORDERS / 86_400;
        while told < due.min(ORDERS) {
            let order = place(sandbox, told, clock.now());
            tell(&harness, &channel, &order).expect("received");
            told += 1;
        }
        round(&harness, TimeDelta::seconds(60));
    }
    while told < ORDERS {
        let order = place(sandbox, told, clock.now());
        tell(&harness, &channel, &order).expect("received");
        told += 1;
    }
    let calls_while_down = sandbox.open_api_calls();
    println!("{calls_while_down} calls in a day to a marketplace that was down, {ORDERS} orders waiting");
    assert!(calls_while_down <= 1_500, "about one a minute, whatever waits: {calls_while_down}");
    assert!(calls_while_down >= 1_000, "and it is looked after: {calls_while_down}");
    assert_eq!(licenses(&harness), 0);
    let held_back = harness.merchant().get("/v1/merchant/outbox?limit=1").expect(200);
    assert_eq!(held_back.text_at("/items/0/kind"), "settle_purchase");
    assert_eq!(held_back.text_at("/items/0/channel"), "cad-koogallery");

    sandbox.trouble(Trouble::Status(503), 0);
    let (back_at, merchant) = (clock.now(), harness.merchant());
    let (mut per_second, mut calls) = (BTreeMap::new(), sandbox.open_api_calls());
    let mut first_minted = Vec::new();
    while jobs(&harness, 1) > 0 {
        assert!(clock.now() < back_at + TimeDelta::minutes(10), "the backlog ends");
        round(&harness, TimeDelta::seconds(1));
        let second = (clock.now() - back_at).num_seconds();
        *per_second.entry(second).or_insert(0_u64) += sandbox.open_api_calls() - calls;
        calls = sandbox.open_api_calls();
        if first_minted.len() < 20 {
            let page = merchant.get("/v1/merchant/orders?state=minted&limit=200").expect(200);
            for order in page.at("/items").as_array().into_iter().flatten() {
                let id = order["order_id"].as_str().expect("text").to_owned();
                if !first_minted.contains(&id) {
                    first_minted.push(id);
                }
            }
        }
    }
    let fastest = per_second.values().max().copied().unwrap_or(0);
    let took = (clock.now() - back_at).num_seconds();
    println!(
        "back: the first seconds {:?}, at most {fastest} calls a second, all done after {took} s",
        per_second.iter().filter(|(_, count)| **count > 0).take(6).collect::<Vec<_>>()
    );
    assert!(fastest <= 30, "{per_second:?}");
    assert_eq!(licenses(&harness), ORDERS, "nothing is lost");
    // Three hours are an eighth of the day: the oldest of those that are not paid back yet came first.
    let in_time = ORDERS - ORDERS / 8;
    let early: Vec<usize> = first_minted.iter().map(|id| id[2..].parse().expect("a number")).collect();
    let urgent = early.iter().filter(|number| **number + 30 >= in_time && **number < in_time + 60).count();
    assert!(urgent * 10 >= early.len() * 9, "who is about to be paid back comes first: {early:?}");
}

fn waiting() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test has no settings; the count only makes it longer")]
    let count = std::env::var("LICTOR_PROVE_COUNT");
    count.ok().and_then(|text| text.parse().ok()).unwrap_or(WAITING)
}

#[test]
fn thousands_of_jobs_of_a_dead_marketplace_hold_up_nobody_else() {
    let waiting = waiting();
    let harness = Harness::start();
    let other = second_marketplace(&harness);
    let world = Arc::clone(&harness.world);
    let (dead, alive) = (channel(&harness, "cad-koogallery"), channel(&harness, "cad-other"));
    world.sandbox.trouble(Trouble::Status(503), FOR_EVER);
    for number in 0..waiting {
        tell(&harness, &dead, &place(&world.sandbox, number, world.clock.now())).expect("received");
    }
    for _ in 0..4 {
        round(&harness, TimeDelta::milliseconds(1));
    }
    let order = place(&other, 99_999, world.clock.now());
    tell(&harness, &alive, &order).expect("received");
    let before = harness.store.asked();
    harness.settle();
    let asked = harness.store.asked() - before;
    println!("{asked} reads and commits for one order beside {waiting} that wait");
    assert!(asked < 60, "{asked}: those that wait are not looked at");
    let shown = harness.merchant().get("/v1/merchant/orders/CS99999").expect(200);
    assert_eq!(shown.text_at("/state"), "minted");
    assert!(world.sandbox.open_api_calls() < 10);
}

/// A second channel of the merchant, at a marketplace of its own.
fn second_marketplace(harness: &Harness) -> Sandbox {
    let clock = Arc::clone(&harness.world.clock);
    let keys = OpenApiKeys { access_key: "AK".into(), secret_key: "SK".to_owned().into() };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let other = Sandbox::start(listener, keys, Arc::new(move || clock.now())).expect("it starts");
    harness.apply(&support::channel_speaking("saas-v2", "cad-other", &other));
    other
}

#[test]
fn while_one_marketplace_hangs_the_workers_serve_the_others() {
    let harness = Harness::start();
    let other = second_marketplace(&harness);
    let world = Arc::clone(&harness.world);
    let (hanging, alive) = (channel(&harness, "cad-other"), channel(&harness, "cad-koogallery"));
    other.trouble(Trouble::Hang, FOR_EVER);
    for number in 0..100 {
        tell(&harness, &hanging, &place(&other, number, world.clock.now())).expect("received");
    }
    let workers = harness.block_on(async { Workers::start(&harness.app) });
    for number in 100..120 {
        tell(&harness, &alive, &place(&world.sandbox, number, world.clock.now())).expect("received");
    }
    let started = std::time::Instant::now();
    let minted = || {
        let page =
            harness.merchant().get("/v1/merchant/orders?state=minted&channel=cad-koogallery").expect(200);
        page.at("/items").as_array().map_or(0, Vec::len)
    };
    while minted() < 20 {
        assert!(started.elapsed() < Duration::from_secs(8), "they wait for the one that hangs");
    }
    println!("20 orders minted in {:?} beside a marketplace that hangs", started.elapsed());
    assert!(other.open_api_calls() <= 4, "at most four calls hang there");
    drop(other);
    // The calls that hang end with the marketplace.
    harness.block_on(workers.stop());
}

#[test]
fn a_marketplace_that_asks_for_a_pause_gets_it_and_a_person_may_end_it() {
    let harness = Harness::start();
    let (world, clock) = (Arc::clone(&harness.world), Arc::clone(&harness.world.clock));
    let channel = channel(&harness, "cad-koogallery");
    world.sandbox.trouble(Trouble::Limited(Some(900)), 1);
    for number in 0..3 {
        tell(&harness, &channel, &place(&world.sandbox, number, clock.now())).expect("received");
    }
    harness.settle();
    assert_eq!(world.sandbox.open_api_calls(), 1, "the first one is told to wait, and all others wait");
    clock.advance(Duration::from_secs(890));
    harness.settle();
    assert_eq!(world.sandbox.open_api_calls(), 1);
    let merchant = harness.merchant();
    let waiting = merchant.get("/v1/merchant/outbox").expect(200);
    assert_eq!(waiting.at("/items").as_array().map(Vec::len), Some(3));
    assert_eq!(waiting.text_at("/items/0/state"), "held_back");
    let until: DateTime<Utc> = waiting.text_at("/items/0/next_try_at").parse().expect("an instant");
    assert_eq!((until - clock.now()).num_seconds(), 10);
    let failed = merchant.get("/v1/merchant/outbox?failed=true").expect(200);
    assert_eq!(failed.at("/items").as_array().map(Vec::len), Some(1), "only one was tried");
    assert!(failed.text_at("/items/0/last_failure").contains("406"), "{failed:?}");
    let job = failed.text_at("/items/0/id");
    let retried = merchant.post(&format!("/v1/merchant/outbox/{job}/retry"), &json!({})).expect(200);
    assert_eq!((retried.text_at("/rank"), retried.text_at("/state")), ("by_hand".into(), "due".into()));
    harness.settle();
    assert_eq!(licenses(&harness), 3);
}

#[test]
fn the_outbox_is_paged_and_shows_only_ones_own_and_no_code() {
    let harness = Harness::start();
    let shop = harness.code_shop();
    let world = Arc::clone(&harness.world);
    let channel = channel(&harness, "cad-koogallery");
    world.sandbox.trouble(Trouble::Status(503), FOR_EVER);
    for number in 0..5 {
        tell(&harness, &channel, &place(&world.sandbox, number, world.clock.now())).expect("received");
    }
    let sale = shop.sell(month()).expect("sold");
    harness.anonymous().post("/v1/claims", &json!({ "claim_code": sale.code })).expect(202);
    harness.settle();
    let merchant = harness.merchant();
    let whole = merchant.get("/v1/merchant/outbox").expect(200);
    assert!(!whole.text.contains(&sale.code), "{}", whole.text);
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = merchant.get(&format!("/v1/merchant/outbox?limit=2{cursor}")).expect(200);
        let items = page.at("/items");
        ids.extend(items.as_array().into_iter().flatten().map(|job| job["id"].clone()));
        match page.at("/next_cursor").as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all: Vec<_> =
        whole.at("/items").as_array().expect("a list").iter().map(|job| job["id"].clone()).collect();
    assert_eq!((ids.len(), &ids), (6, &all));
    let of_codes = merchant.get("/v1/merchant/outbox?channel=cad-codes").expect(200);
    assert_eq!(of_codes.text_at("/items/0/kind"), "redeem_code");
    assert_eq!(of_codes.at("/items/1"), json!(null));
    harness.apply(support::globex());
    let operator = harness.operator();
    let of_globex = Api::new(&harness.url);
    let token = harness.token_of(
        lictor::domain::TokenOwner::Merchant(MerchantId::parse("globex").expect("a slug")),
        &[lictor::domain::Scope::Admin],
    );
    let of_globex = of_globex.with("Authorization", &format!("Bearer {token}"));
    assert_eq!(of_globex.get("/v1/merchant/outbox").expect(200).at("/items"), json!([]));
    let job = ids[0].as_str().expect("an id");
    of_globex.post(&format!("/v1/merchant/outbox/{job}/retry"), &json!({})).expect_problem(404, "not_found");
    assert_eq!(
        operator.get("/v1/merchant/outbox").expect(200).at("/items").as_array().map(Vec::len),
        Some(6)
    );
    let reader = harness.bearer(&harness.token(&[lictor::domain::Scope::Read]));
    reader.post(&format!("/v1/merchant/outbox/{job}/retry"), &json!({})).expect_problem(403, "scope_missing");
    for odd in ["cursor=x", "cursor=cad.purchase.1", "limit=0", "failed=maybe", "channel=%20", "state=due"] {
        reader.get(&format!("/v1/merchant/outbox?{odd}")).expect_problem(422, "invalid_request");
    }
}

#[test]
fn what_waits_is_there_after_a_restart() {
    let world = World::new();
    let harness = Harness::start_in(Arc::clone(&world), &Engine::Embedded);
    harness.apply(&acme(&world.sandbox));
    let channel = channel(&harness, "cad-koogallery");
    world.sandbox.trouble(Trouble::Status(503), FOR_EVER);
    for number in 0..20 {
        tell(&harness, &channel, &place(&world.sandbox, number, world.clock.now())).expect("received");
    }
    harness.settle();
    let harness = harness.restarted(&Engine::Embedded);
    assert_eq!(jobs(&harness, 100), 20);
    world.sandbox.trouble(Trouble::Status(503), 0);
    world.clock.advance(Duration::from_secs(600));
    while jobs(&harness, 1) > 0 {
        round(&harness, TimeDelta::seconds(60));
    }
    assert_eq!(licenses(&harness), 20);
}

/// Jobs as the version before wrote them: without a lane.
#[test]
fn jobs_of_an_earlier_version_are_taken_over_and_done() {
    let engine = MemoryEngine::new();
    let harness = Harness::start_over(&engine);
    let world = Arc::clone(&harness.world);
    let channel = channel(&harness, "cad-koogallery");
    for number in 0..3 {
        tell(&harness, &channel, &place(&world.sandbox, number, world.clock.now())).expect("received");
    }
    let laid_bare = async {
        use lictor::application::ports::{ABSENT, Change, Commit, Store};
        let all: Vec<Versioned<Job>> =
            list(harness.store.as_ref(), &Listing::Jobs, 10).await.expect("readable");
        for Versioned { value, revision } in all {
            let commit = Commit::new().with(Change::Delete(value.key(), revision));
            let bare = Job { lane: None, since: None, ..value };
            harness.store.commit(commit.put(bare, ABSENT)).await.expect("stored");
        }
    };
    harness.block_on(laid_bare);
    assert_eq!(jobs(&harness, 100), 3);
    harness.settle();
    assert_eq!((jobs(&harness, 100), licenses(&harness)), (0, 3));
    assert!(ChannelId::parse("cad-koogallery").is_ok());
}
