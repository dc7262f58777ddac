//! The service as its callers see it: over real HTTP, with a real keyring.

mod access;
mod activations;
mod bodies;
mod callbacks;
mod failures;
mod licenses;
mod offline_material;
mod portal;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod tokens_and_apply;
mod wire;
