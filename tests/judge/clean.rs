//! Lictor itself, in every family.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lictor::sandbox::address::AddressKeys;
use lictor::sandbox::family::Family;
use lictor::sandbox::judge::wire::{Limits, Target, Wire};
use lictor::sandbox::judge::{Examiner, Purchases, Report, Rule, Severity, Shelf};
use lictor::sandbox::orders::{Basket, Billing, MockOrder, Period};
use serde_json::Value;

use crate::support::{ACCESS_KEY, Harness, channel_speaking};

/// Lictor asks the sandbox, and works when it is told to.
struct OwnShelf<'a>(&'a Harness);

impl Shelf for OwnShelf<'_> {
    fn register(&self, order: MockOrder) {
        self.0.world.sandbox.register(order);
    }

    fn wait(&mut self) {
        self.0.settle();
    }
}

fn judged(harness: &Harness, family: Family, channel: &str, purchases: u32) -> Report {
    use lictor::application::ports::Clock as _;
    let clock = Arc::clone(&harness.world.clock);
    let url = format!("{}/marketplace/acme/{channel}", harness.url);
    let target = Target::parse(&url).expect("it is one");
    let keys = AddressKeys::one(ACCESS_KEY.to_owned().into());
    // How fast this machine is today is not judged here: each look at the stopwatch takes a millisecond.
    let looks = AtomicU64::new(0);
    let stopwatch = Arc::new(move || Duration::from_millis(looks.fetch_add(1, Ordering::SeqCst)));
    let wire = Wire::new(Limits::default()).with_stopwatch(stopwatch);
    let examiner = Examiner::new(target, keys, Arc::new(move || clock.now()), wire);
    assert_eq!(examiner.look_at_address(), Ok(true));
    examiner.debug(family, &[], &mut |_| ()).expect("calls can be written");
    let basket = Basket::of("CAD-YEAR", Billing::Period(Period::Years(1)));
    let purchases = Purchases { basket, count: purchases };
    examiner.buy(family, &purchases, &mut OwnShelf(harness), &mut |_| ()).expect("calls can be written");
    examiner.judge().report()
}

#[test]
fn lictor_breaks_no_rule_in_any_family() {
    let harness = Harness::start();
    for protocol in
        [Family::SaasV2, Family::LicenseOnline, Family::LicenseCode, Family::LicenseV1, Family::SaasV1]
    {
        let channel = format!("judged-{}", protocol.name());
        harness.apply(&channel_speaking(protocol.name(), &channel, &harness.world.sandbox));
        for family in [protocol, Family::KitV1, Family::KitV2] {
            let report = judged(&harness, family, &channel, 2);
            assert!(report.is_clean(), "{protocol:?} {family:?}\n{}", report.to_text());
            assert_eq!(report.broken(Severity::Advice), [], "{family:?}\n{}", report.to_text());
            nothing_failed(&harness, &channel);
            let looked = |rule: Rule| report.finding(rule).map_or(0, |finding| finding.looked);
            assert!(looked(Rule::BodySignRight) > 20, "{}", report.to_text());
            let identity = [
                Rule::SameOrderSameInstance,
                Rule::DifferentOrdersDifferentInstances,
                Rule::RepeatedReleaseSucceeds,
            ];
            if identity[0].families().contains(&family) {
                assert!(identity.iter().all(|rule| looked(*rule) >= 2), "{}", report.to_text());
            }
        }
    }
}

/// The judge's wrong calls are no failed dial tests.
fn nothing_failed(harness: &Harness, channel: &str) {
    let shown = harness.merchant().get(&format!("/v1/merchant/channels/{channel}")).expect(200).json();
    let list = |name: &str| shown[name].as_array().expect("a list").clone();
    assert!(list("activities").iter().any(|activity| activity["passed"] == true), "{shown}");
    assert!(list("activities").iter().all(|activity| activity["passed"] != false), "{shown}");
    let told = list("recent_notices");
    assert!(told.iter().all(|notice| notice["kind"] == "callback.rejected"), "{shown}");
    let may_be_told = ["signature_unknown", "unknown_activity"];
    let is_told =
        |notice: &Value| notice["cause_code"].as_str().is_some_and(|code| may_be_told.contains(&code));
    assert!(told.iter().all(is_told), "{shown}");
}

#[test]
fn debugging_calls_leave_nothing_behind() {
    let harness = Harness::start();
    let before = harness.merchant().get("/v1/merchant/licenses").json();
    let report = judged(&harness, Family::SaasV2, "cad-koogallery", 0);
    harness.settle();
    assert!(report.is_clean(), "{}", report.to_text());
    assert_eq!(harness.merchant().get("/v1/merchant/licenses").json(), before);
    nothing_failed(&harness, "cad-koogallery");
    assert_eq!(harness.world.sandbox.open_api_calls(), 0);
}
