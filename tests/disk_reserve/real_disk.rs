//! The same with the real program on a real disk that really runs full.

use std::time::{Duration, Instant};

use lictor::sandbox::Storefront;
use lictor::sandbox::orders::{Basket, Billing, Period};
use serde_json::{Value, json};

use crate::mount::Mount;
use crate::process::{Merchant, Site, start_sandbox};

/// A site on the disk.
fn site_on(disk: &Mount, open_api_base: &str) -> Site {
    Site::in_folder(tempfile::tempdir_in(disk.path()).expect("there is room"), open_api_base)
}

/// Asks until `told` holds: the server looks at its disk by itself.
fn wait_until(what: &str, mut told: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !told() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
    }
}

fn is_at(merchant: &Merchant, level: &str) -> bool {
    merchant.get("/readyz").1["disk"] == level
}

fn buy(shop: &Storefront) -> (String, String) {
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let answer = shop.buy(basket).expect("answers").answer;
    (answer.result_code().to_owned(), answer.instance_id().to_owned())
}

fn license_of(merchant: &Merchant, instance: &str) -> Value {
    merchant.get(&format!("/v1/merchant/licenses?instance_id={instance}")).1["items"][0].clone()
}

fn state_of(merchant: &Merchant, instance: &str) -> Value {
    license_of(merchant, instance)["state"].clone()
}

#[test]
fn on_a_disk_that_runs_full_rights_are_still_stopped_and_work_goes_on_when_there_is_room_again() {
    let Some(disk) = Mount::disk(2_048) else { return };
    let sandbox = start_sandbox();
    let site = site_on(&disk, &sandbox.base_url());
    let (shop, merchant) = (site.storefront(&sandbox), site.merchant());
    let server = site.start();
    assert!(is_at(&merchant, "ample"));
    let reserve = site.folder.path().join("data/RESERVE");
    assert_eq!(reserve.metadata().expect("set aside").len(), 64 << 20);
    let (_, first) = buy(&shop);
    let (_, second) = buy(&shop);
    wait_until("both are minted", || {
        state_of(&merchant, &first) == "active" && state_of(&merchant, &second) == "active"
    });

    disk.leave_mib(200);
    wait_until("the disk is short", || is_at(&merchant, "short"));
    assert_eq!(buy(&shop).0, "000005");
    let order = json!({ "product": "acme-cad", "spec": "cad-year" });
    let (status, problem) = merchant.post("/v1/merchant/licenses", &order);
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));

    disk.leave_mib(0);
    wait_until("the disk is full", || is_at(&merchant, "full"));
    wait_until("the reserve is let go of", || !reserve.exists());
    assert_eq!(shop.freeze(&first).expect("answers").result_code(), "000000");
    assert_eq!(shop.unfreeze(&first).expect("answers").result_code(), "000000");
    assert_eq!(shop.release(&first).expect("answers").result_code(), "000000");
    let revoked = license_of(&merchant, &second)["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/merchant/licenses/{revoked}/revoke");
    assert_eq!(merchant.post(&path, &json!({ "reason": "chargeback" })).0, 200);

    // A start on the full disk keeps what was done, and goes on doing the same.
    server.stop();
    let server = site.start();
    assert_eq!(state_of(&merchant, &first), "released");
    assert_eq!(state_of(&merchant, &second), "revoked");
    assert_eq!(buy(&shop).0, "000005");

    disk.empty_again();
    wait_until("there is room again", || is_at(&merchant, "ample"));
    wait_until("the reserve is set aside again", || reserve.exists());
    assert_eq!(buy(&shop).0, "000004");
    server.stop();
}
