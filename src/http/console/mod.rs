//! The merchant's pages: what a support agent finds, understands and does.
//!
//! They call the use cases of `application` and have no rules of their own. They work without JavaScript, and none is
//! allowed. Whoever is signed in is known by a cookie, so each form carries a token that another site cannot know; a form
//! that changes something also carries the revision that was seen and a value by which it is done once.

mod access;
mod access_forms;
mod act_forms;
mod acts;
mod air_gap;
mod audit;
mod blocks;
mod catalog;
mod channel_tests;
mod channels;
mod chart;
mod consequences;
mod customers;
mod desk;
mod explain;
mod forms;
mod home;
mod issue;
mod key;
mod key_acts;
mod keys;
mod license;
mod licenses;
mod machines;
mod map_order;
mod once;
mod orders;
mod outbox;
mod pages;
mod preferences;
mod query;
mod quota;
mod reader;
mod release;
mod style;
mod timeline;
mod usage;
mod webhook_acts;
mod webhook_forms;
mod webhook_replay;
mod webhooks;
mod words;

pub use pages::{Page, console_pages, routes};
pub use reader::Reader;
