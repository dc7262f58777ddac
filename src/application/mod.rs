//! Use cases: one verb per file, and the ports they need. No web framework, no database, no status code.

mod app;
mod change_instance_status;
mod handle_purchase_event;
mod license_change;
mod mint;
pub mod ports;
mod publish_status_lists;
mod query_instances;
mod rank_order;
mod receive_purchase;
pub mod record;
mod refresh_instance;
mod release_instance;
mod run_jobs;
mod settle_purchase;
mod status_slots;

pub use app::{App, Signals, UseCaseError};
pub use handle_purchase_event::{PurchaseCall, ReplayIdentity};
pub use publish_status_lists::{STATUS_LIST_LIFETIME_DAYS, STATUS_LIST_TTL_HOURS};
pub use rank_order::LaterOrder;
pub use settle_purchase::Settled;
