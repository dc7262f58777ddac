//! Families whose calls carry the order: the license is minted in the commit of the call, and delivered with it.

use lictor::application::record::{KitRecord, RecordKey};
use lictor::domain::{
    Channel, EventKind, InstanceStatus, KitEntity, KitInterface, KitSync, LicenseState, MachineLimit,
    OrderDetails, OrderRef, PurchaseEvent, PurchaseOutcome, PurchaseState, RefreshScene,
};

use super::catalog::{
    PLACES, SKU, SKU_SITE, acme, catalog_with_new_sku, of_new_sku, order, outspoken_channel, with_line,
};
use super::engines::{EngineName, for_engines};
use super::story::ends_the_same_whatever_fails;
use super::world::{World, at, order_ref};

for_engines! { in_runtime [memory embedded postgres] {
    the_license_key_is_delivered_with_the_purchase_and_the_same_again_whatever_fails,
    orders_without_lines_are_told_apart_by_product_only_when_they_name_one,
    a_renewal_lifts_the_marketplaces_stop_where_no_other_call_will_whatever_fails,
    what_comes_before_the_sku_is_known_counts_after_it_whatever_fails,
    an_upgrade_changes_what_was_bought_once_and_keeps_the_end_whatever_fails,
    what_never_got_a_license_is_delivered_without_one,
    of_what_the_kit_tells_the_last_word_is_kept_whatever_fails,
} }

/// Later orders of these families cannot be asked for.
fn channel() -> Channel {
    outspoken_channel()
}

fn without_line(order_id: &str) -> OrderRef {
    OrderRef { order_line_id: None, ..order_ref(order_id) }
}

async fn buy(world: &World, business_id: &str, details: OrderDetails) -> PurchaseOutcome {
    let (order, business_id) = (without_line(&details.order_id), business_id.to_owned());
    let nonce = format!("buy {} {business_id}", details.order_id);
    let event = PurchaseEvent::Bought { order, business_id, details: Some(details) };
    world.call_on(0, &channel(), &nonce, event).await
}

async fn refresh(world: &World, order_id: &str, ends_at: &str, resumes: bool) -> PurchaseOutcome {
    let event = PurchaseEvent::Refreshed {
        instance_id: "i-1".into(),
        order: without_line(order_id),
        scene: RefreshScene::Renewal,
        ends_at: Some(at(ends_at)),
        product_id: None,
        term: None,
        resumes,
    };
    world.call_on(0, &channel(), &world.fresh(order_id), event).await
}

async fn freeze(world: &World) -> PurchaseOutcome {
    let event = PurchaseEvent::StatusChanged { instance_id: "i-1".into(), status: InstanceStatus::Freeze };
    world.call_on(0, &channel(), &world.fresh("freeze"), event).await
}

async fn upgrade(world: &World, details: OrderDetails) -> PurchaseOutcome {
    let (instance_id, order) = ("i-1".to_owned(), without_line(&details.order_id));
    let nonce = world.fresh(&details.order_id);
    world
        .call_on(0, &channel(), &nonce, PurchaseEvent::Changed { instance_id, order, details: Some(details) })
        .await
}

fn month(order_id: &str) -> OrderDetails {
    with_line(order(order_id, "2026-01-15T08:59:00Z"), |line| line.order_line_id = String::new())
}

async fn the_license_key_is_delivered_with_the_purchase_and_the_same_again_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let delivered = buy(world, "i-1", month("CS1")).await;
            world.check("the purchase").await;
            let PurchaseOutcome::Delivered { info, license_key } = &delivered else {
                panic!("{delivered:?}")
            };
            let records = world.records().await;
            let [license] = &records.licenses[..] else { panic!("one license") };
            assert_eq!(info.instance_id, "i-1");
            assert_eq!(license_key.as_deref(), Some(license.license_key.as_str()));
            assert_eq!(records.jobs, []);
            assert_eq!(buy(world, "another", month("CS1")).await, delivered);
            assert_eq!(buy(world, "i-1", month("CS1")).await, delivered, "the same request");
            assert_eq!(world.records().await.licenses.len(), 1);
        },
    )
    .await;
}

async fn orders_without_lines_are_told_apart_by_product_only_when_they_name_one(on: EngineName) {
    let world = World::new(on).await;
    let by_use = |product: &str| {
        let order = OrderRef { product_id: Some(product.to_owned()), ..without_line("CS1") };
        let details = with_line(month("CS1"), |line| line.product_id = Some(product.to_owned()));
        PurchaseEvent::Bought { order, business_id: format!("i-{product}"), details: Some(details) }
    };
    for product in ["P1", "P2", "P1"] {
        let outcome = world.call_on(0, &channel(), &world.fresh("buy"), by_use(product)).await;
        let PurchaseOutcome::Delivered { info, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(info.instance_id, format!("i-{product}"));
    }
    world.check("the purchases").await;
    assert_eq!(world.records().await.licenses.len(), 2);
}

async fn a_renewal_lifts_the_marketplaces_stop_where_no_other_call_will_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |world: &World| drop(buy(world, "i-1", month("CS1")).await),
        async |world: &World| {
            let state = async || world.records().await.licenses[0].state(world.now());
            freeze(world).await;
            assert_eq!(state().await, LicenseState::Suspended);
            world.on("2026-01-16T10:00:00Z");
            assert_eq!(refresh(world, "CS2", "2026-03-15T16:00:00Z", false).await, PurchaseOutcome::Done);
            assert_eq!(state().await, LicenseState::Suspended, "unless it says so");
            world.on("2026-01-17T10:00:00Z");
            assert_eq!(refresh(world, "CS3", "2026-04-15T16:00:00Z", true).await, PurchaseOutcome::Done);
            world.check("the renewal").await;
            assert_eq!(state().await, LicenseState::Active);
            let license = world.records().await.licenses.remove(0);
            assert_eq!(license.validity.ends_at, Some(at("2026-04-15T16:00:00Z")));
            freeze(world).await;
            refresh(world, "CS3", "2026-04-15T16:00:00Z", true).await;
            assert_eq!(state().await, LicenseState::Suspended, "the same order again changes nothing");
            let resumed = world.records().await.events;
            let resumed = resumed.iter().filter(|event| event.kind == EventKind::LicenseResumed);
            assert_eq!(resumed.count(), 1);
        },
    )
    .await;
}

async fn what_comes_before_the_sku_is_known_counts_after_it_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            let details = with_line(of_new_sku("CS1"), |line| line.order_line_id = String::new());
            let outcome = buy(world, "i-1", details.clone()).await;
            assert_eq!(outcome, PurchaseOutcome::Accepted { instance_id: "i-1".into(), ready: false });
            freeze(world).await;
            refresh(world, "CS2", "2026-03-15T16:00:00Z", true).await;
            let more = with_line(details.clone(), |line| line.quantity = Some(4));
            let more = OrderDetails { order_id: "CS3".into(), ..more };
            assert_eq!(upgrade(world, more.clone()).await, PurchaseOutcome::Done);
            world.check("the wait").await;
            world.apply(catalog_with_new_sku()).await;
            world.settle().await;
            world.check("the mint").await;
            let license = world.records().await.licenses.remove(0);
            assert_eq!(license.state(world.now()), LicenseState::Active);
            assert_eq!(license.validity.ends_at, Some(at("2026-03-15T16:00:00Z")));
            assert_eq!(license.sold.machines, MachineLimit::AtMost(4 * PLACES));
            let delivered = buy(world, "another", details).await;
            let PurchaseOutcome::Delivered { license_key, .. } = delivered else { panic!("{delivered:?}") };
            assert_eq!(license_key.as_ref(), Some(&license.license_key));
            assert_eq!(upgrade(world, more).await, PurchaseOutcome::Done);
            assert_eq!(world.records().await.licenses, [license], "once, also when it was held then");
        },
    )
    .await;
}

async fn an_upgrade_changes_what_was_bought_once_and_keeps_the_end_whatever_fails(on: EngineName) {
    ends_the_same_whatever_fails(
        on,
        async |world: &World| drop(buy(world, "i-1", month("CS1")).await),
        async |world: &World| {
            let license = async || world.records().await.licenses.remove(0);
            let before = license().await;
            assert_eq!(before.sold.machines, MachineLimit::AtMost(PLACES));
            let more = with_line(month("CS2"), |line| line.quantity = Some(2));
            assert_eq!(upgrade(world, more.clone()).await, PurchaseOutcome::Done);
            world.check("more of the same").await;
            let after = license().await;
            assert_eq!(after.sold.machines, MachineLimit::AtMost(2 * PLACES));
            assert_eq!((after.validity, &after.id), (before.validity, &before.id));
            assert_ne!(after.license_key, before.license_key);
            assert!(after.issued.iter().all(|key| !key.superseded), "nothing was taken away");
            assert_eq!(upgrade(world, more).await, PurchaseOutcome::Done);
            assert_eq!(license().await, after, "the same order again changes nothing");
            let site = with_line(month("CS3"), |line| {
                (line.sku, line.quantity) = (Some(SKU_SITE.into()), None);
            });
            assert_eq!(upgrade(world, site).await, PurchaseOutcome::Done);
            world.check("another spec").await;
            assert_eq!(license().await.sold.machines, MachineLimit::Unlimited);
            let unknown = with_line(month("CS4"), |line| line.sku = Some("SKU-WHAT".into()));
            let kept = license().await;
            assert_eq!(upgrade(world, unknown).await, PurchaseOutcome::Processing);
            assert_eq!(license().await, kept);
        },
    )
    .await;
}

async fn what_never_got_a_license_is_delivered_without_one(on: EngineName) {
    let world = World::new(on).await;
    let details = with_line(of_new_sku("CS1"), |line| line.order_line_id = String::new());
    buy(&world, "i-1", details.clone()).await;
    let released = PurchaseEvent::Released { instance_id: "i-1".into(), order: None };
    world.call_on(0, &channel(), "release", released).await;
    let outcome = buy(&world, "another", details.clone()).await;
    let PurchaseOutcome::Delivered { info, license_key: None } = outcome else { panic!("{outcome:?}") };
    assert_eq!(info.instance_id, "i-1");
    assert_eq!(
        upgrade(&world, OrderDetails { order_id: "CS2".into(), ..details }).await,
        PurchaseOutcome::Done
    );
    world.check("the release").await;
    let records = world.records().await;
    assert!(matches!(records.purchases[0].state, PurchaseState::Ended { .. }));
    assert_eq!(records.licenses, []);
    let nobody = PurchaseEvent::Changed {
        instance_id: "unknown".into(),
        order: without_line("CS9"),
        details: Some(with_line(month("CS9"), |line| line.sku = Some(SKU.into()))),
    };
    assert_eq!(world.call_on(0, &channel(), "nobody", nobody).await, PurchaseOutcome::InstanceUnknown);
}

async fn of_what_the_kit_tells_the_last_word_is_kept_whatever_fails(on: EngineName) {
    let key = |name: &str| RecordKey::Kit {
        merchant: acme(),
        marketplace: channel().marketplace,
        interface: KitInterface::Authorization,
        id: vec!["i-1".into(), name.into()],
    };
    let body = async |world: &World, name: &str| {
        world.find::<KitRecord>(key(name)).await.map(|record| record.value.body)
    };
    let tell = async |world: &World, entities: &[(&str, Option<&str>)]| {
        let entity = |(name, body): &(&str, Option<&str>)| KitEntity {
            id: vec!["i-1".into(), (*name).into()],
            body: body.map(str::to_owned),
        };
        let entities = entities.iter().map(entity).collect();
        let event = PurchaseEvent::KitSynced(KitSync { interface: KitInterface::Authorization, entities });
        let outcome = world.call_on(0, &channel(), &world.fresh("kit"), event).await;
        assert_eq!(outcome, PurchaseOutcome::Done);
    };
    ends_the_same_whatever_fails(
        on,
        async |_| {},
        async |world: &World| {
            tell(world, &[("a", Some("1")), ("b", Some("1"))]).await;
            tell(world, &[("a", Some("2"))]).await;
            assert_eq!(body(world, "a").await.as_deref(), Some("2"));
            assert_eq!(body(world, "b").await.as_deref(), Some("1"));
            tell(world, &[("a", None), ("c", None)]).await;
            tell(world, &[("a", None)]).await;
            assert_eq!(body(world, "a").await, None);
            tell(world, &[]).await;
        },
    )
    .await;
}
