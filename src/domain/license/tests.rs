use std::collections::BTreeMap;

use crate::domain::*;

fn at(text: &str) -> Instant {
    format!("{text}T00:00:00Z").parse().expect("a test writes valid dates")
}

/// A license of 2026, issued by hand on its first day.
pub(in crate::domain) fn license() -> License {
    let sold = SoldSpec {
        spec: SpecId::parse("cad-pro").expect("valid"),
        sku: None,
        term: Term::Years(1),
        machines: MachineLimit::AtMost(3),
        entitlements: vec![],
        attributes: BTreeMap::new(),
        updates_until: None,
        offline: OfflinePolicy::default(),
        machine: MachinePolicy::default(),
        quota: vec![],
    };
    let new = NewLicense {
        id: LicenseId::from_uuid(1),
        merchant: MerchantId::parse("acme").expect("valid"),
        product: ProductId::parse("acme-cad").expect("valid"),
        origin: Origin::Issued { by: "test".into() },
        customer: None,
        label: String::new(),
        env: Env::Live,
        sold,
        validity: Validity::lasting(Term::Years(1), at("2026-01-01")).expect("in the calendar"),
        ordered_at: Some(at("2026-01-01")),
    };
    let mut license = License::new(new, Some("CS1"), at("2026-01-01"), at("2026-01-01"));
    add_key(&mut license, 1, OldKeyFate::StaysValid, "2026-01-01");
    license
}

fn add_key(license: &mut License, number: u128, fate: OldKeyFate, now: &str) {
    let key = IssuedKey {
        token_id: TokenId::from_uuid(number),
        slot: StatusSlot { list: 0, idx: u32::try_from(number).expect("small") },
        issued_at: at(now),
        ends_at: license.validity.ends_at,
        superseded: false,
        leaked: false,
    };
    license.replace_key(key, format!("key {number}"), fate, at(now));
}

fn order(id: &str, received: &str, ends: &str) -> AppliedOrder {
    AppliedOrder {
        order_id: id.into(),
        scene: Some(RefreshScene::Renewal),
        ordered_at: None,
        received_at: at(received),
        ends_at: Some(at(ends)),
        term: None,
        in_force: false,
    }
}

fn statuses(license: &License, now: &str) -> Vec<(u32, Status)> {
    license.flips(at(now)).into_iter().map(|flip| (flip.slot.idx, flip.status)).collect()
}

#[test]
fn each_cause_of_a_suspension_is_lifted_by_who_set_it() {
    let mut license = license();
    let now = at("2026-02-01");
    assert_eq!(license.suspend(HoldBy::Marketplace, None, now), Ok(true));
    assert_eq!(license.suspend(HoldBy::Marketplace, None, now), Ok(false));
    assert_eq!(license.suspend(HoldBy::Merchant, Some("chargeback".into()), now), Ok(true));
    assert_eq!(license.resume(HoldBy::Marketplace), Ok(true));
    assert_eq!(license.check(now), Err(Refusal::LicenseSuspended));
    assert_eq!(license.resume(HoldBy::Merchant), Ok(true));
    assert_eq!(license.check(now), Ok(()));
    assert_eq!(license.validity.ends_at, Some(at("2027-01-01")), "a freeze never alters the expiry");
}

#[test]
fn the_first_state_that_applies_is_shown() {
    let mut license = license();
    assert_eq!(license.state(at("2025-12-31")), LicenseState::Pending);
    assert_eq!(license.state(at("2026-01-01")), LicenseState::Active);
    assert_eq!(license.state(at("2027-01-01")), LicenseState::Expired);
    license.suspend(HoldBy::Merchant, None, at("2026-02-01")).expect("it runs");
    assert_eq!(license.state(at("2027-01-01")), LicenseState::Suspended);
    assert!(license.release(at("2026-03-01")));
    assert!(!license.release(at("2026-03-02")));
    assert_eq!(license.state(at("2026-03-01")), LicenseState::Released);
    assert!(license.revoke(None, at("2026-03-03")));
    assert!(!license.revoke(None, at("2026-03-04")));
    assert_eq!(license.state(at("2026-03-03")), LicenseState::Revoked);
    assert!(!license.release(at("2026-03-05")), "what was revoked stays revoked");
    assert_eq!(license.state(at("2026-03-05")), LicenseState::Revoked);
}

#[test]
fn a_later_end_leaves_the_old_key_valid_and_an_earlier_one_supersedes_it() {
    let mut license = license();
    assert_eq!(license.apply_order(order("CS2", "2026-12-01", "2028-01-01"), true), EndChange::Later);
    add_key(&mut license, 2, OldKeyFate::StaysValid, "2026-12-01");
    assert_eq!(statuses(&license, "2026-12-01"), [(1, Status::Valid), (2, Status::Valid)]);
    assert_eq!(license.apply_order(order("CS3", "2026-12-02", "2027-01-01"), false), EndChange::Earlier);
    add_key(&mut license, 3, OldKeyFate::Superseded, "2026-12-02");
    assert_eq!(
        statuses(&license, "2026-12-02"),
        [(1, Status::Valid), (2, Status::Superseded), (3, Status::Valid)]
    );
    assert_eq!(statuses(&license, "2027-01-01"), [(2, Status::Superseded)], "ended keys say nothing");
}

#[test]
fn an_old_order_that_arrives_late_does_not_shorten_a_newer_one() {
    let mut license = license();
    license.apply_order(order("CS3", "2026-12-02", "2029-01-01"), true);
    assert_eq!(
        license.order_ranked("CS3", RefreshScene::Renewal, Some(at("2026-12-02")), None),
        EndChange::Unchanged
    );
    let late = order("CS2", "2026-12-03", "2028-01-01");
    assert_eq!(license.apply_order(late, true), EndChange::Unchanged, "it waits");
    assert_eq!(
        license.order_ranked("CS2", RefreshScene::Renewal, Some(at("2026-12-01")), None),
        EndChange::Unchanged
    );
    assert_eq!(license.validity.ends_at, Some(at("2029-01-01")));
}

#[test]
fn a_cancelled_renewal_takes_effect_once_its_place_is_known() {
    let mut license = license();
    license.apply_order(order("CS2", "2026-12-01", "2028-01-01"), true);
    license.order_ranked("CS2", RefreshScene::Renewal, Some(at("2026-12-01")), None);
    assert_eq!(license.apply_order(order("CS3", "2026-12-02", "2027-01-01"), true), EndChange::Unchanged);
    assert_eq!(
        license.order_ranked("CS3", RefreshScene::Renewal, Some(at("2026-12-02")), None),
        EndChange::Earlier
    );
}

#[test]
fn no_older_key_outlasts_a_license_that_ends_earlier_again() {
    let mut license = license();
    license.apply_order(order("CS2", "2026-12-01", "2028-01-01"), false);
    add_key(&mut license, 2, OldKeyFate::StaysValid, "2026-12-01");
    license.apply_order(order("CS3", "2026-12-02", "2029-01-01"), false);
    add_key(&mut license, 3, OldKeyFate::StaysValid, "2026-12-02");
    license.apply_order(order("CS4", "2026-12-03", "2027-01-01"), false);
    add_key(&mut license, 4, OldKeyFate::Superseded, "2026-12-03");
    let (valid, superseded) = (Status::Valid, Status::Superseded);
    let expected = [(1, valid), (2, superseded), (3, superseded), (4, valid)];
    assert_eq!(statuses(&license, "2026-12-03"), expected);
}

#[test]
fn nobody_knows_which_text_had_leaked() {
    let mut license = license();
    license.apply_order(order("CS2", "2026-12-01", "2028-01-01"), false);
    add_key(&mut license, 2, OldKeyFate::StaysValid, "2027-02-01");
    add_key(&mut license, 3, OldKeyFate::Leaked, "2027-02-02");
    assert!(license.issued.iter().all(|key| key.token_id != TokenId::from_uuid(1)), "its end has come");
    for leaked in [1, 2].map(TokenId::from_uuid) {
        assert!(license.is_leaked(&leaked) && license.is_superseded(&leaked), "{leaked}");
    }
    assert!(!license.is_superseded(&TokenId::from_uuid(3)));
}

#[test]
fn suspension_and_revocation_reach_every_unexpired_key_text() {
    let mut license = license();
    license.apply_order(order("CS2", "2026-06-01", "2028-01-01"), true);
    add_key(&mut license, 2, OldKeyFate::Reissued, "2026-06-01");
    license.suspend(HoldBy::Marketplace, None, at("2026-07-01")).expect("it runs");
    assert_eq!(statuses(&license, "2026-07-01"), [(1, Status::Superseded), (2, Status::Suspended)]);
    license.resume(HoldBy::Marketplace).expect("it runs");
    assert_eq!(statuses(&license, "2026-07-01"), [(1, Status::Superseded), (2, Status::Valid)]);
    license.revoke(None, at("2026-07-02"));
    assert_eq!(statuses(&license, "2026-07-02"), [(1, Status::Invalid), (2, Status::Invalid)]);
}

#[test]
fn only_the_current_key_makes_an_activation_and_a_leaked_one_opens_nothing() {
    let mut license = license();
    let now = at("2026-07-01");
    add_key(&mut license, 2, OldKeyFate::Leaked, "2026-06-01");
    let (old, current) = (TokenId::from_uuid(1), TokenId::from_uuid(2));
    assert_eq!(license.check_key(&current, false, now), Ok(()));
    assert_eq!(license.check_key(&old, false, now), Err(Refusal::LicenseSuperseded));
    assert!(license.is_leaked(&old) && !license.is_leaked(&current));
    license.revoke(None, now);
    assert_eq!(license.check_key(&old, false, now), Err(Refusal::LicenseRevoked));
}

/// Every order of four: their indices.
fn arrivals() -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for _ in 0..4 {
        let longer = |begun: &Vec<usize>| {
            let rest = (0..4).filter(|next| !begun.contains(next));
            rest.map(|next| [begun.as_slice(), &[next]].concat()).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

#[test]
fn end_and_term_are_what_the_orders_leave_whichever_arrives_or_is_ranked_first() {
    let (month, year) = (Some(Term::Months(1)), Some(Term::Years(1)));
    let renewal = RefreshScene::Renewal;
    let orders = [
        ("A", renewal, "2026-03-01", "2027-02-01", month),
        ("B", renewal, "2026-03-02", "2028-02-01", year),
        // Named by the renewal that it cancels, which was placed but once.
        ("B", RefreshScene::CancelRenewal, "2026-03-02", "2027-02-01", year),
        ("C", renewal, "2026-03-03", "2027-04-01", Some(Term::Months(2))),
    ];
    for (standing, end, term) in [
        (4, "2027-04-01", Term::Months(2)),
        (3, "2027-02-01", Term::Months(1)),
        (2, "2028-02-01", Term::Years(1)),
    ] {
        for arrival in arrivals() {
            let mut license = license();
            let arrived: Vec<_> = arrival.iter().filter(|index| **index < standing).collect();
            for (day, index) in arrived.iter().enumerate() {
                let (id, scene, _, ends, _) = orders[**index];
                let order = order(id, &format!("2026-04-0{}", day + 1), ends);
                license.apply_order(AppliedOrder { scene: Some(scene), ..order }, true);
            }
            for index in arrived.iter().rev() {
                let (id, scene, ordered_at, _, term) = orders[**index];
                license.order_ranked(id, scene, Some(at(ordered_at)), term);
            }
            assert_eq!((license.validity.ends_at, license.sold.term), (Some(at(end)), term), "{arrival:?}");
        }
    }
}

#[test]
fn a_cancelled_renewal_leaves_the_term_before_it_also_where_no_order_had_its_end() {
    let mut license = license();
    let bought = |id, day, ends, term| AppliedOrder { term: Some(term), ..order(id, day, ends) };
    license.apply_order(bought("A", "2026-03-01", "2028-01-01", Term::Months(12)), false);
    license.apply_order(bought("B", "2026-03-02", "2030-01-01", Term::Years(2)), false);
    let in_part = bought("P", "2026-03-02", "2029-01-01", Term::Years(2));
    license.apply_order(AppliedOrder { scene: Some(RefreshScene::CancelRenewal), ..in_part }, false);
    assert_eq!(license.sold.term, Term::Years(2), "the renewal stands in part");
    let cancel = bought("C", "2026-03-03", "2027-12-31", Term::Years(2));
    license.apply_order(AppliedOrder { scene: Some(RefreshScene::CancelRenewal), ..cancel }, false);
    assert_eq!(license.sold.term, Term::Months(12));
    let cancel = bought("D", "2026-03-04", "2027-01-01", Term::Years(2));
    license.apply_order(AppliedOrder { scene: Some(RefreshScene::CancelRenewal), ..cancel }, false);
    assert_eq!(license.sold.term, Term::Years(1), "as it was bought");
}

#[test]
fn what_can_be_used_up_follows_term_and_end() {
    let mut license = license();
    license.sold.quota = vec![package(100)];
    let renewal = AppliedOrder { term: Some(Term::Months(1)), ..order("A", "2026-12-01", "2027-02-01") };
    license.apply_order(renewal, false);
    let package = &license.sold.quota[0];
    assert_eq!(package.total.map(|total| total.to_string()).as_deref(), Ok("100"));
    assert_eq!(package.validity, license.validity);
}

fn package(amount: u32) -> QuotaPackage {
    let template = QuotaTemplate {
        metric: "render-minutes".into(),
        unit: "minute".into(),
        amount: Amount::parse(&amount.to_string()).expect("small"),
        reset: ResetWindow::Month,
        window: WindowAlignment::Anniversary,
        overage: Overage::Stop,
        alert_percent: vec![],
    };
    let validity = Validity::lasting(Term::Years(1), at("2026-01-01")).expect("in the calendar");
    QuotaPackage::bought(&template, 1, Term::Years(1), validity).expect("small")
}

#[test]
fn a_key_that_promises_more_than_is_left_is_not_left_valid() {
    let mut before = license();
    before.sold.quota = vec![package(100)];
    before.sold.entitlements = vec!["export".into()];
    let fate = |change: fn(&mut License)| {
        let mut after = before.clone();
        change(&mut after);
        after.key_fate_since(&before)
    };
    let (valid, superseded) = (Some(OldKeyFate::StaysValid), Some(OldKeyFate::Superseded));
    let reissued = Some(OldKeyFate::Reissued);
    assert_eq!(fate(|license| license.updated_at = at("2026-02-01")), None);
    assert_eq!(fate(|license| license.sold.term = Term::Months(1)), valid);
    assert_eq!(fate(|license| _ = license.move_end(Some(at("2028-01-01")))), valid);
    assert_eq!(fate(|license| _ = license.move_end(Some(at("2026-06-01")))), superseded);
    assert_eq!(fate(|license| license.sold.machines = MachineLimit::AtMost(4)), valid);
    assert_eq!(fate(|license| license.sold.machines = MachineLimit::AtMost(2)), reissued);
    assert_eq!(fate(|license| license.sold.entitlements.clear()), reissued);
    assert_eq!(fate(|license| license.sold.quota = vec![package(101)]), valid);
    assert_eq!(fate(|license| license.sold.quota = vec![package(99)]), reissued);
    assert_eq!(fate(|license| license.sold.quota.clear()), reissued);
    let both = fate(|license| {
        license.move_end(Some(at("2026-06-01")));
        license.sold.machines = MachineLimit::AtMost(2);
    });
    assert_eq!(both, reissued);
}

#[test]
fn a_revocation_after_a_release_is_no_later_end() {
    let mut license = license();
    assert!(license.release(at("2026-03-01")));
    assert!(license.revoke(None, at("2026-04-01")));
    assert_eq!(license.quota_ended_at(), Some(at("2026-03-01")), "what was paid back then stays paid back");
    assert!(!license.revoke(None, at("2026-05-01")));
}
