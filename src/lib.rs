//! lictor
pub mod domain;
