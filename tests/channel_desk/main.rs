//! What the merchant's engineer looks at all week: every call at a production address with its true cause, dial tests,
//! access keys, over real HTTP.

mod codes;
mod command;
mod desk;
mod dial_tests;
mod guides;
mod keys;
mod let_in;
mod metrics;
mod ring;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/koogallery_v1.rs"]
#[expect(dead_code, reason = "only what signs is used here")]
mod v1;
mod wrong_calls;
