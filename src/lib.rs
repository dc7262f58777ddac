//! lictor

pub mod domain;
pub mod store;
