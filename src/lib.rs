//! lictor

pub mod domain;
pub mod marketplace;
pub mod sandbox;
