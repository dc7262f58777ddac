//! lictor: a license key service for software sold on cloud marketplaces.
//!
//! The rooms: `domain` (pure rules) ← `application` (use cases, ports) ← `http`, `store`, `marketplace`,
//! `workers`, `signing`. `docs/ARCHITECTURE.md` is the map.

pub mod age;
pub mod application;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod http;
pub mod marketplace;
pub mod randomness;
pub mod sandbox;
pub mod service;
pub mod signing;
pub mod standard_webhooks;
pub mod store;
pub mod telemetry;
pub mod webhooks;
pub mod workers;
