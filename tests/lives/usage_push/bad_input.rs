//! What is refused: each mistake by its pointer, and nothing is recorded.

use lictor::domain::Scope;
use lictor::sandbox::orders::Billing;
use serde_json::{Value, json};

use super::ground::{Ground, at, hour};

const PATH: &str = "/v1/merchant/usage-records";

fn with(base: &Value, member: &str, value: Value) -> Value {
    let mut item = base.clone();
    item[member] = value;
    item
}

#[test]
fn every_bad_member_is_named_and_nothing_is_recorded() {
    let ground = Ground::new();
    let (meter, package) = (ground.meter(), ground.buy("SMS-PACK", Billing::OnDemandPackage));
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let good = hour(&meter, at("2026-01-31T10:00:00Z"), "1");
    let other = with(&good, "begin", json!("2026-01-31T09:30:00Z"));
    let mut nameless = good.clone();
    nameless.as_object_mut().expect("an object").remove("instance_id");
    for (item, member, words) in [
        (nameless.clone(), "instance_id", "name the instance"),
        (with(&good, "license_id", json!("lic_0000000000000000000000")), "license_id", "not both"),
        (with(&nameless, "license_id", json!("lic_1")), "license_id", "no such license"),
        (with(&nameless, "license_id", json!("lic_0000000000000000000000")), "license_id", "no such license"),
        (with(&good, "instance_id", json!("")), "instance_id", "1 to 128"),
        (with(&good, "instance_id", json!("unknown")), "instance_id", "no such instance"),
        (with(&good, "instance_id", json!(package)), "instance_id", "not pay-per-use"),
        (with(&good, "begin", json!("2026-01-31 09:00:00")), "begin", "RFC 3339"),
        (with(&good, "begin", json!("2026-01-31T10:00:00+01:00")), "begin", "RFC 3339"),
        (with(&good, "begin", json!("2026-01-31T07:59:59Z")), "begin", "starts at 2026-01-31T08:00:00Z"),
        (with(&good, "begin", json!("2026-01-31T10:00:01Z")), "end", "before begin"),
        (with(&good, "end", json!("2026-01-31T10:00:01Z")), "end", "in the future"),
        (with(&good, "value", json!(0)), "value", "greater than 0"),
        (with(&good, "value", json!("0.0000")), "value", "greater than 0"),
        (with(&good, "value", json!(-1)), "value", "decimal number"),
        (with(&good, "value", json!("1e3")), "value", "decimal number"),
        (with(&good, "value", json!(null)), "value", "decimal number"),
        (with(&good, "value", json!({})), "value", "decimal number"),
        (with(&good, "value", json!("1.00001")), "value", "4 decimals"),
        (with(&good, "value", json!(100_000_000)), "value", "99999999.9999"),
        (with(&good, "package_instance_id", json!(" ")), "package_instance_id", "visible ASCII"),
        (with(&good, "metering_sn", json!("s".repeat(65))), "metering_sn", "1 to 64"),
        (with(&good, "metering_sn", json!("usg_mine")), "metering_sn", "given by the server"),
    ] {
        let answer = ground.record(&[other.clone(), item.clone()]).expect_problem(422, "invalid_request");
        let pointer = format!("/items/1/{member}");
        assert_eq!(answer.text_at("/mistakes/0/pointer"), pointer, "{item}");
        assert!(answer.text_at("/mistakes/0/message").contains(words), "{item}: {answer:?}");
        assert_eq!(answer.text_at("/pointer"), pointer);
    }
    for body in [
        json!({}),
        json!({ "items": [] }),
        json!({ "items": [{}] }),
        json!({ "items": [with(&good, "amount", json!(1))] }),
        json!({ "items": [with(&good, "begin", json!(1))] }),
    ] {
        ground.harness.merchant().post(PATH, &body).expect_problem(422, "invalid_request");
    }
    assert_eq!(ground.listed("waiting"), [] as [Value; 0]);
    assert_eq!(ground.usage_info(&meter)[0]["usageValue"], json!(0));
}

#[test]
fn all_mistakes_are_told_at_once() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let good = hour(&meter, at("2026-01-31T10:00:00Z"), "1");
    let items = [
        with(&with(&good, "value", json!("x")), "begin", json!("y")),
        good.clone(),
        with(&good, "metering_sn", json!("")),
    ];
    let answer = ground.record(&items).expect_problem(422, "invalid_request");
    let pointers: Vec<_> =
        answer.at("/mistakes").as_array().expect("a list").iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/items/0/begin", "/items/0/value", "/items/2/metering_sn"]);
    let items = [with(&good, "end", json!("2026-01-31T11:00:00Z")), with(&good, "value", json!("0"))];
    let answer = ground.record(&items).expect_problem(422, "invalid_request");
    let pointers: Vec<_> =
        answer.at("/mistakes").as_array().expect("a list").iter().map(|it| it["pointer"].clone()).collect();
    assert_eq!(pointers, ["/items/0/end", "/items/1/value"]);
}

#[test]
fn the_same_interval_again_is_the_same_record_and_another_value_is_refused() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let good = with(&hour(&meter, at("2026-01-31T10:00:00Z"), "1.50"), "metering_sn", json!("mine-1"));
    let first = ground.record(&[good.clone(), good.clone()]).expect(200);
    assert_eq!((first.at("/recorded"), first.at("/repeated")), (json!(1), json!(1)));
    assert_eq!((first.at("/items/0/value"), first.at("/items/0/metering_sn")), (json!(1.5), json!("mine-1")));
    let again = ground.record(std::slice::from_ref(&good)).expect(200);
    assert_eq!((again.at("/recorded"), again.at("/repeated")), (json!(0), json!(1)));
    assert_eq!(again.at("/items/0"), first.at("/items/0"));
    for changed in [
        with(&good, "value", json!("1.51")),
        with(&good, "metering_sn", json!("mine-2")),
        with(&with(&good, "metering_sn", json!("mine-1")), "begin", json!("2026-01-31T09:30:00Z")),
    ] {
        ground.record(&[changed]).expect_problem(422, "invalid_request");
    }
    let license = first.text_at("/items/0/license_id");
    let mut by_license = with(&good, "license_id", json!(license));
    by_license.as_object_mut().expect("an object").remove("instance_id");
    assert_eq!(ground.record(&[by_license]).expect(200).at("/items/0"), first.at("/items/0"));
    ground.run_for(14);
    assert_eq!(ground.counted().len(), 1);
    let pushed = ground.record(&[good]).expect(200);
    assert_eq!((pushed.at("/items/0/state"), pushed.at("/recorded")), (json!("pushed"), json!(0)));
}

#[test]
fn an_idempotency_key_belongs_to_one_request_and_a_scope_opens_each_way() {
    let ground = Ground::new();
    let meter = ground.meter();
    ground.run_until(at("2026-01-31T10:00:00Z"));
    let body = |value: &str| json!({ "items": [hour(&meter, at("2026-01-31T10:00:00Z"), value)] });
    let usage = ground.harness.bearer(&ground.harness.token(&[Scope::Usage]));
    let keyed = usage.with("Idempotency-Key", "k-1");
    let first = keyed.post(PATH, &body("1")).expect(200);
    assert_eq!(keyed.post(PATH, &body("1")).expect(200).at("/items"), first.at("/items"));
    keyed.post(PATH, &body("2")).expect_problem(409, "idempotency_conflict");
    usage.get(PATH).expect_problem(403, "scope_missing");
    let reader = ground.harness.bearer(&ground.harness.token(&[Scope::Read]));
    reader.post(PATH, &body("1")).expect_problem(403, "scope_missing");
    assert_eq!(reader.get(PATH).expect(200).at("/items"), first.at("/items"));
    ground.harness.anonymous().post(PATH, &body("1")).expect_problem(401, "token_refused");
    for query in ["state=late", "limit=0", "limit=201", "cursor=x", "instance_id=", "order=1"] {
        reader.get(&format!("{PATH}?{query}")).expect_problem(422, "invalid_request");
    }
}

#[test]
fn a_list_is_read_page_by_page_and_by_instance() {
    let ground = Ground::new();
    let meters = [ground.meter(), ground.meter()];
    ground.run_until(at("2026-01-31T12:00:00Z"));
    let ends = ["2026-01-31T12:00:00Z", "2026-01-31T11:00:00Z", "2026-01-31T10:00:00Z"].map(at);
    let items: Vec<_> = meters.iter().flat_map(|meter| ends.map(|end| hour(meter, end, "1"))).collect();
    ground.record(&items).expect(200);
    let reader = ground.harness.merchant();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = reader.get(&format!("{PATH}?limit=4{cursor}")).expect(200);
        seen.extend(page.at("/items").as_array().expect("a list").clone());
        let Some(next) = page.at("/next_cursor").as_str().map(str::to_owned) else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 6);
    let of_one = reader.get(&format!("{PATH}?instance_id={}", meters[0])).expect(200);
    let ends: Vec<_> =
        of_one.at("/items").as_array().expect("a list").iter().map(|it| it["end"].clone()).collect();
    assert_eq!(
        ends,
        ["2026-01-31T12:00:00Z", "2026-01-31T11:00:00Z", "2026-01-31T10:00:00Z"],
        "newest first"
    );
    assert_eq!(reader.get(&format!("{PATH}?state=pushed")).expect(200).at("/items"), json!([]));
}

#[test]
fn usage_rules_of_a_channel_are_checked_when_they_are_applied() {
    let ground = Ground::new();
    let base = crate::support::acme(&ground.harness.world.sandbox);
    for (rules, words) in [
        ("{ push = \"newest\" }", "there is no `newest`"),
        ("{ billing = \"weekly\" }", "there is no `weekly`"),
        ("{ push = \"old\", packages = \"stop-before-excess\" }", "names no package"),
        ("{ pushes = \"new\" }", "pushes"),
    ] {
        let answer = ground
            .harness
            .merchant()
            .post("/v1/merchant/apply", &json!({ "toml": format!("{base}usage = {rules}\n") }))
            .expect_problem(422, "invalid_request");
        assert!(answer.text.contains(words), "{rules}: {answer:?}");
    }
}
