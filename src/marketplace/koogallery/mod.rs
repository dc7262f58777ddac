//! Huawei Cloud KooGallery (云商店). One folder per family of callbacks; what they share stands beside them.
//!
//! Sources are named by the topic ids of the marketplace's own pages.

mod answer;
pub mod auth_token;
mod body;
mod debugging;
mod extend_params;
mod family;
mod get_call;
mod get_order;
mod guesses;
pub mod kit;
pub mod license_code;
pub mod license_online;
pub mod license_v1;
pub mod open_api;
mod order_notify;
pub mod payload;
mod query;
mod query_parameters;
pub mod result_code;
pub mod saas_v1;
pub mod saas_v2;
pub mod sdk_hmac;
pub mod sensitive;
pub mod signature;
mod time;
mod usage_info;

pub use answer::body_sign;

use super::json;
