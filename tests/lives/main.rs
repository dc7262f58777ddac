//! Whole stories over real HTTP: what is bought, changed, used and ended.

mod change_life;
mod generic_guide;
mod generic_life;
mod license_code_life;
mod license_online_life;
mod orders;
#[path = "../support/mod.rs"]
mod support;
mod usage_push;
