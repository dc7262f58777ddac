//! lictor

pub mod store;
