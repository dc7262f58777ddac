//! lictor

pub mod application;
pub mod domain;
pub mod store;
pub mod domain;
pub mod marketplace;
pub mod sandbox;
