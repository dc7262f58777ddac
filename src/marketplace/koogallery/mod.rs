//! Huawei Cloud KooGallery (云商店). One folder per family of callbacks; what they share stands beside them.
//!
//! Sources are named by the topic ids of the marketplace's own pages.

mod answer;
mod body;
mod family;
mod json;
pub mod license_code;
pub mod license_online;
pub mod open_api;
mod order_notify;
pub mod payload;
mod query;
pub mod result_code;
pub mod saas_v2;
pub mod sdk_hmac;
pub mod signature;
mod time;

pub use answer::body_sign;
