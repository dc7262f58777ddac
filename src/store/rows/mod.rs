//! Rows: how each noun is kept. One file per noun; what several share stands beside them.
//!
//! A row is the shape of a record's body (JSON), a noun is what the rules speak of, and neither is the other:
//! a word that changes in the domain does not change what was stored. Every kind counts its own schema; the
//! same schema means the same members, so an unknown member is refused like an unknown schema. A body that
//! cannot be read is an error that names its table and key: never an absence, never a panic. Errors say where
//! in the body the mistake is and never what stands there: bodies hold license keys.

mod activation;
mod api_token;
mod app_info;
mod audit_chain;
mod authorization_code;
mod call_cause;
mod channel;
mod channel_call;
mod channel_notice;
mod channel_standing;
mod claim_target;
mod delivery;
mod device;
mod ends_told;
mod erasure;
mod event;
mod form;
mod handed_over;
mod idempotency;
mod index_filling;
mod instance;
mod job;
mod kept_answer;
mod key;
mod key_ring;
mod kit;
mod license;
mod listing;
mod machine;
mod mapping;
mod merchant;
mod mirror;
mod offline;
mod oldest_schema;
mod order;
mod pending_license;
mod places;
mod product;
mod purchase;
mod quota;
mod quota_account;
mod replay;
mod reservation;
mod restore;
mod session;
mod spec;
mod status_flip;
mod status_list;
mod supplement;
mod table;
mod text;
mod usage;
mod usage_report;
mod validity;
mod webhook;
mod word;

pub(super) use key::{
    event_place_of, events_behind, misplaced_jobs, place_of_misplaced, raw_counter_key, raw_key,
    used_hour_of, used_hours_before,
};
pub(super) use listing::Scan;
pub(super) use supplement::supplement_key;
pub(super) use table::{Table, Written, WrittenSupplement};
