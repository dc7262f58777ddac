//! Which calls of a marketplace still pass when the disk gets short: what stops a right always does.

use std::sync::Arc;

use lictor::application::ports::Clock;
use lictor::http::HttpLimits;
use lictor::sandbox::caller::CallAnswer;
use lictor::sandbox::orders::{Basket, Billing, OrderReason, Period, digits};
use lictor::sandbox::{CodeShop, Storefront};
use lictor::store::{DiskReserve, MemoryEngine, RecordStore};
use serde_json::{Map, Value, json};

use crate::ground::{Disk, kept, year};
use crate::support::api::{Answer, Api};
use crate::support::{ACCESS_KEY, Harness, World, acme, channel_speaking};

/// Free room in MiB of each level that refuses something.
const SHORT_MIB: u64 = 255;
const FULL_MIB: u64 = 63;

/// A service on a roomy disk: instances that were bought, one that waits, a code that was sold.
struct Scene {
    engine: MemoryEngine,
    disk: Disk,
    reserve: Arc<DiskReserve>,
    harness: Harness,
    merchant: Api,
    shop: Storefront,
    codes: CodeShop,
    /// Minted.
    instance: String,
    /// Its SKU is known to no spec.
    held: String,
    held_order: String,
}

impl Scene {
    fn new() -> Self {
        let (engine, world, disk) = (MemoryEngine::new(), World::new(), Disk::roomy());
        let reserve = disk.reserve(world.folder.path());
        let records = RecordStore::start(engine.reopen()).with_reserve(Arc::clone(&reserve));
        let harness = Harness::start_on(world, records, HttpLimits::default());
        harness.apply(&acme(&harness.world.sandbox));
        harness.apply(&channel_speaking("license-online", "cad-online", &harness.world.sandbox));
        let (merchant, shop, codes) = (harness.merchant(), harness.storefront(), harness.code_shop());
        let instance = shop.buy(year()).expect("answers").answer.instance_id().to_owned();
        let held = shop.buy(of_new_sku()).expect("answers");
        harness.settle();
        let (held, held_order) = (held.answer.instance_id().to_owned(), held.order.order_id);
        Self { engine, disk, reserve, harness, merchant, shop, codes, instance, held, held_order }
    }

    fn call(&self, members: Value) -> CallAnswer {
        let members: Map<String, Value> = members.as_object().cloned().expect("an object");
        self.shop.caller().call(members).expect("answers")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.merchant.post(path, body)
    }
}

fn of_new_sku() -> Basket {
    Basket::of("CAD-NEW", Billing::Period(Period::Years(1)))
}

/// What is asked for, on which levels it passes, and how it answers then.
struct Case {
    name: &'static str,
    /// Up to below 64 MiB, up to below 256 MiB, or only while there is enough.
    passes: Passes,
    ask: fn(&Scene) -> bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    Always,
    UnlessFull,
    WithRoomOnly,
}

fn success(answer: &CallAnswer) -> bool {
    let code = answer.result_code();
    assert!(matches!(code, "000000" | "000004" | "000005"), "{answer:?}");
    code != "000005"
}

/// A company is told of.
fn kit(scene: &Scene) -> Answer {
    let time = scene.harness.world.clock.now() + chrono::TimeDelta::hours(8);
    let body = json!({ "instanceId": "i-1", "orderId": "CS1", "tenantId": "t-1", "tenantCode": "c-1", "name": "n", "domainName": "d",
        "flag": 1, "testFlag": 0, "timeStamp": time.format("%Y%m%d%H%M%S%3f").to_string() });
    let members = body.as_object().expect("an object").iter();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs: Vec<_> = members.map(|(name, value)| (name.clone(), text(value))).collect();
    let token = crate::v1::token(ACCESS_KEY, &pairs);
    let path = "/marketplace/acme/cad-koogallery/produceAPI/tenantSync";
    scene.harness.anonymous().with("authToken", &token).post(path, &body)
}

fn done(answer: &Answer) -> bool {
    assert!(matches!(answer.status, 200..=202 | 503), "{answer:?}");
    answer.status != 503
}

const CASES: &[Case] = &[
    // Purchases, and what grows with them.
    Case {
        name: "newInstance",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.buy(year()).expect("answers").answer),
    },
    Case {
        name: "orderNotify",
        passes: Passes::WithRoomOnly,
        ask: |it| {
            let order = it.shop.place(OrderReason::New, year()).expect("placed");
            success(&it.shop.notify(&order).expect("answers"))
        },
    },
    Case {
        name: "upgradeInstance",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.upgrade(&it.instance, year()).expect("answers").answer),
    },
    Case {
        name: "upgradeInstance of a held purchase",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.upgrade(&it.held, year()).expect("answers").answer),
    },
    Case {
        name: "refreshInstance RENEWAL",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.renew(&it.instance, Period::Years(1)).expect("answers").answer),
    },
    Case {
        name: "refreshInstance RENEWAL of a held purchase",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.renew(&it.held, Period::Years(1)).expect("answers").answer),
    },
    Case {
        name: "refreshInstance RENEWAL_CHANGE",
        passes: Passes::WithRoomOnly,
        ask: |it| success(&it.shop.renew_as(&it.instance, year(), Period::Years(1)).expect("answers").answer),
    },
    Case {
        name: "refreshLicenseCode RENEWAL of a code that nobody redeemed",
        passes: Passes::WithRoomOnly,
        ask: |it| {
            let end = digits("2027-01-01T00:00:00Z".parse().expect("an instant"));
            let members = json!({ "activity": "refreshLicenseCode", "scene": "RENEWAL", "orderId": "CSR", "orderLineId": "1",
                "license": "PLNEVERSEEN1", "expireTime": end });
            success(
                &it.codes.caller().call(members.as_object().cloned().expect("an object")).expect("answers"),
            )
        },
    },
    Case {
        name: "an authorization code is redeemed",
        passes: Passes::WithRoomOnly,
        ask: |it| {
            let sale = it.codes.sell(year()).expect("sold");
            done(&it.harness.anonymous().post("/v1/claims", &json!({ "claim_code": sale.code })))
        },
    },
    Case {
        name: "license import",
        passes: Passes::WithRoomOnly,
        ask: |it| {
            let row = json!({ "channel": "cad-koogallery", "instance_id": "old", "order_id": "CSOLD", "order_line_id": "1",
                "sku": "CAD-YEAR", "starts_at": "2025-06-01T00:00:00Z" });
            done(&it.post("/v1/merchant/licenses/import", &json!({ "rows": [row] })))
        },
    },
    Case {
        name: "order fetch",
        passes: Passes::WithRoomOnly,
        ask: |it| {
            let order = it.shop.place(OrderReason::New, year()).expect("placed");
            let body = json!({ "channel": "cad-koogallery", "order_id": order.order_id });
            done(&it.post("/v1/merchant/orders/fetch", &body))
        },
    },
    // What keeps going what is there.
    Case {
        name: "Kit tenantSync",
        passes: Passes::UnlessFull,
        ask: |it| {
            let answer = kit(it);
            let code = answer.text_at("/resultCode");
            assert!(answer.status == 200 && matches!(code.as_str(), "000000" | "000005"), "{answer:?}");
            code == "000000"
        },
    },
    Case {
        name: "refreshInstance UNSUBSCRIBE_RENEWAL_PERIOD",
        passes: Passes::UnlessFull,
        ask: |it| success(&it.shop.cancel_renewal(&it.instance).expect("answers").answer),
    },
    Case {
        name: "order map",
        passes: Passes::UnlessFull,
        ask: |it| {
            done(&it.post(
                &format!("/v1/merchant/orders/{}/map", it.held_order),
                &json!({ "spec": "cad-key-only" }),
            ))
        },
    },
    Case {
        name: "order retry",
        passes: Passes::UnlessFull,
        ask: |it| done(&it.post(&format!("/v1/merchant/orders/{}/retry", it.held_order), &json!({}))),
    },
    // What stops a right, ends it or gives it back.
    Case {
        name: "updateInstanceStatus FREEZE, UNFREEZE",
        passes: Passes::Always,
        ask: |it| {
            let (freeze, unfreeze) = (it.shop.freeze(&it.instance), it.shop.unfreeze(&it.instance));
            success(&freeze.expect("answers")) && success(&unfreeze.expect("answers"))
        },
    },
    Case {
        name: "updateInstanceStatus FREEZE of a held purchase",
        passes: Passes::Always,
        ask: |it| success(&it.shop.freeze(&it.held).expect("answers")),
    },
    Case {
        name: "updateLicenseCodeStatus FREEZE of a code that nobody redeemed",
        passes: Passes::Always,
        ask: |it| success(&it.codes.freeze("PLNEVERSEEN2").expect("answers")),
    },
    Case {
        name: "releaseLicenseCode of a code that nobody redeemed",
        passes: Passes::Always,
        ask: |it| success(&it.codes.release("PLNEVERSEEN3").expect("answers")),
    },
    Case {
        name: "releaseInstance of a held purchase",
        passes: Passes::Always,
        ask: |it| success(&it.shop.release(&it.held).expect("answers")),
    },
    Case {
        name: "releaseInstance",
        passes: Passes::Always,
        ask: |it| success(&it.shop.release(&it.instance).expect("answers")),
    },
    // Reads and probes write nothing.
    Case {
        name: "queryInstance",
        passes: Passes::Always,
        ask: |it| success(&it.shop.query(&[&it.instance]).expect("answers")),
    },
    Case {
        name: "dial tests",
        passes: Passes::Always,
        ask: |it| it.shop.dial_test().expect("answers").iter().all(|(_, answer)| success(answer)),
    },
    Case {
        name: "changeInstanceCheck",
        passes: Passes::Always,
        ask: |it| success(&it.shop.check_change(&it.instance, &year()).expect("answers")),
    },
];

#[test]
fn each_call_passes_on_the_levels_that_its_purpose_allows_and_else_leaves_no_trace() {
    let levels =
        [("roomy", 8_000, true, true), ("short", SHORT_MIB, false, true), ("full", FULL_MIB, false, false)];
    for (level, free_mib, with_room, unless_full) in levels {
        for case in CASES {
            let scene = Scene::new();
            scene.disk.leave_mib(free_mib, &scene.reserve);
            let expected = match case.passes {
                Passes::Always => true,
                Passes::UnlessFull => unless_full,
                Passes::WithRoomOnly => with_room,
            };
            let before = kept(&scene.engine);
            assert_eq!((case.ask)(&scene), expected, "{} on a {level} disk", case.name);
            if !expected {
                assert_eq!(kept(&scene.engine), before, "{} on a {level} disk leaves a trace", case.name);
            }
        }
    }
}

#[test]
fn what_waits_in_the_outbox_is_done_once_there_is_room_again() {
    let scene = Scene::new();
    let order = scene.shop.buy(year()).expect("answers").order;
    scene.disk.leave_mib(FULL_MIB, &scene.reserve);
    // No lease can be taken: nothing is called, nothing is lost.
    let run = scene.harness.block_on(scene.harness.app.run_due_jobs());
    assert!(run.is_err(), "{run:?}");
    scene.disk.leave_mib(8_000, &scene.reserve);
    scene.harness.settle();
    let shown = scene.merchant.get(&format!("/v1/merchant/orders/{}", order.order_id)).expect(200);
    assert_eq!(shown.text_at("/state"), "minted");
    let answer =
        scene.call(json!({ "activity": "queryInstance", "instanceId": shown.text_at("/instance_id") }));
    assert!(success(&answer) && !ACCESS_KEY.is_empty());
}
