//! The stand-in marketplace, as its callers and the service see it.

mod families;
mod open_api;
mod retries;
mod storefront;
#[path = "../support/mod.rs"]
mod support;
