//! The service as its callers see it: over real HTTP, with a real keyring.
#![recursion_limit = "256"] // an answer with all its members is one long `json!`

mod access;
mod activations;
mod app_info;
mod audit;
mod bodies;
mod bulk;
mod callbacks;
mod catalog_changes;
mod chinese;
#[path = "../postgres/mod.rs"]
mod cluster;
mod command_line;
mod console;
#[path = "../engines/mod.rs"]
mod engines;
mod explanations;
mod extensions;
mod failures;
mod licenses;
mod offline_material;
mod older_families;
mod openapi;
mod packages;
mod places;
mod portal;
#[path = "../process/mod.rs"]
mod process;
mod quota_race;
mod refusals;
mod requests;
mod rotation;
#[path = "../engines/service.rs"]
mod service;
mod sessions;
mod starts;
mod status_lists;
#[path = "../support/mod.rs"]
mod support;
mod tokens_and_apply;
mod usage;
#[path = "../support/koogallery_v1.rs"]
#[expect(dead_code, reason = "only what signs is used here")]
mod v1;
mod webhooks;
mod wire;
