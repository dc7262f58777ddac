//! Usage from the merchant's request to the marketplace's check: real HTTP on both sides, a clock that the test moves, and a
//! sandbox that judges each record as the marketplace's background job does.

#[path = "usage_push/bad_input.rs"]
mod bad_input;
#[path = "usage_push/command.rs"]
mod command;
#[path = "usage_push/days.rs"]
mod days;
#[path = "usage_push/ground.rs"]
mod ground;
#[path = "usage_push/packages.rs"]
mod packages;
#[path = "usage_push/refused.rs"]
mod refused;
#[path = "usage_push/summed_up.rs"]
mod summed_up;
#[path = "usage_push/windows.rs"]
mod windows;
