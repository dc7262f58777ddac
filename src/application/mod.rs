//! Use cases: one verb per file, and the ports they need. No web framework, no database, no status code.

mod activate;
mod api_tokens;
mod app;
mod apply_catalog;
mod change_instance;
mod change_instance_status;
mod check_channel;
mod continue_after_restore;
mod disk_room;
mod gauges;
mod hand_over_license;
mod handle_purchase_event;
mod issue_license;
mod license_change;
mod merchant_commands;
mod mint;
mod notice_order;
pub mod ports;
mod publish_status_lists;
mod query_instances;
mod rank_order;
mod receive_purchase;
pub mod record;
mod redeem_claim;
mod redeem_code;
mod refresh_instance;
mod release_instance;
mod renew_activation;
mod report_use;
mod run_jobs;
mod settle_code;
mod settle_purchase;
mod status_slots;
mod sweep_lapsed;
mod sync_kit;
mod upgrade_instance;
mod validate;
mod view_licenses;

pub use activate::{Activate, Activated};
pub use app::{App, Signals, UseCaseError};
pub use apply_catalog::{
    AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, Catalog, EntryChange,
};
pub use check_channel::{ChannelChecks, CheckFinding, CheckItem, CheckState, CheckedChannel, CheckedItem};
pub use continue_after_restore::Continued;
pub use gauges::{COUNTED_MAX, Gauges};
pub use handle_purchase_event::{PurchaseAnswer, PurchaseCall, ReplayIdentity};
pub use issue_license::IssueLicense;
pub use merchant_commands::{IdempotencyIdentity, KeepActivations, LicenseAction, MerchantCommand};
pub use publish_status_lists::{Published, STATUS_LIST_LIFETIME_DAYS, STATUS_LIST_TTL_HOURS};
pub use rank_order::LaterOrder;
pub use redeem_code::Redeemed;
pub use renew_activation::{Credential, RenewActivation};
pub use settle_purchase::Settled;
pub use view_licenses::{LicenseFilter, LicenseOrPurchase, marketplace_ids};
