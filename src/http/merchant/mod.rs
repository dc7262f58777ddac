//! The merchant API: bearer tokens, one merchant per request.

pub mod api_tokens;
pub mod app_info;
pub mod apply;
mod channel_answer;
pub mod channel_check;
pub mod channels;
pub mod commands;
pub mod customers;
pub mod explanation;
pub mod exports;
pub mod imports;
pub mod keys;
pub mod keyset;
mod license_answer;
pub mod licenses;
pub mod merchants;
pub mod order_compare;
pub mod orders;
pub mod outbox;
pub mod packages;
pub mod preview;
pub mod status_lists;
pub mod usage;
mod webhook_answer;
pub mod webhooks;
