//! From the purchase to the end.

use lictor::domain::{InstanceStatus, RefreshScene};

use super::catalog::order;
use super::chapters::{ORDER, minted};
use super::story::ends_the_same_whatever_fails;
use super::world::World;

#[tokio::test]
async fn what_comes_before_the_mint_counts_after_it_whatever_fails() {
    ends_the_same_whatever_fails(
        async |_| {},
        async |world: &World| {
            world.orders.set_unavailable(true);
            world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
            world.check("the purchase").await;
            world.run_due_jobs().await;
            world.check("a vain question").await;
            world.on("2026-01-15T10:00:00Z");
            world.set_status(ORDER, InstanceStatus::Freeze).await;
            world.check("an early freeze").await;
            world.on("2026-01-15T11:00:00Z");
            world.refresh(ORDER, "CS2", RefreshScene::Renewal, "2026-03-15T16:00:00Z").await;
            world.check("an early renewal").await;
            world.orders.set_unavailable(false);
            world.orders.knows(order("CS2", "2026-01-15T10:59:00Z"));
            world.settle().await;
            world.check("the mint").await;
            world.on("2026-01-17T11:00:00Z");
            world.set_status(ORDER, InstanceStatus::Unfreeze).await;
            world.check("the thaw").await;
            world.publish().await;
        },
    )
    .await;
}

#[tokio::test]
async fn a_minted_license_is_found_as_minted() {
    let world = World::new().await;
    minted(&world).await;
    world.check("the mint").await;
}
