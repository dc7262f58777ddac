//! Stretches of a license's life that tests begin with.

use lictor::domain::LicenseId;

use super::catalog::order;
use super::world::World;

/// The order with which most tests begin.
pub const ORDER: &str = "CS1";

/// Bought and minted: valid for one month.
pub async fn minted(world: &World) -> LicenseId {
    let license = world.buy(order(ORDER, "2026-01-15T08:59:00Z")).await;
    world.settle().await;
    world.publish().await;
    license
}
