//! lictor

pub mod application;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod store;
pub mod telemetry;
