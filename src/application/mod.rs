//! Use cases: one verb per file, and the ports they need. No web framework, no database, no status code.

mod activate;
mod api_tokens;
mod app;
mod apply_catalog;
mod call_log;
mod change_instance;
mod change_instance_status;
mod continue_after_restore;
mod decide_usage;
mod disk_room;
mod explain_progress;
mod flush_calls;
mod gauges;
mod hand_over_license;
mod handle_purchase_event;
mod issue_license;
mod license_change;
mod merchant_commands;
mod metered_instances;
mod mint;
mod notice_order;
pub mod ports;
mod publish_status_lists;
mod push_usage;
mod query_instances;
mod queue_usage;
mod rank_order;
mod receive_purchase;
pub mod record;
mod record_call;
mod record_usage;
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
mod try_code;
mod upgrade_instance;
mod validate;
mod view_channels;
mod view_licenses;
mod view_usage;
mod watch_channels;

pub use activate::{Activate, Activated};
pub use app::{App, Signals, UseCaseError};
pub use apply_catalog::{
    AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, Catalog, EntryChange,
};
pub use continue_after_restore::Continued;
pub use gauges::{COUNTED_MAX, Gauges};
pub use handle_purchase_event::{PurchaseAnswer, PurchaseCall, ReplayIdentity};
pub use issue_license::IssueLicense;
pub use merchant_commands::{IdempotencyIdentity, KeepActivations, LicenseAction, MerchantCommand};
pub use publish_status_lists::{Published, STATUS_LIST_LIFETIME_DAYS, STATUS_LIST_TTL_HOURS};
pub use rank_order::LaterOrder;
pub use record_call::{AnsweredCall, CallSigner, CallSubject};
pub use record_usage::{
    RecordUsage, RecordUsageFault, RecordedUsage, USAGE_ITEMS_MAX, UsageItem, UsageItemMistake, UsageOf,
};
pub use redeem_code::Redeemed;
pub use renew_activation::{Credential, RenewActivation};
pub use settle_purchase::Settled;
pub use try_code::CodeTrial;
pub use view_channels::{CallFilter, ChannelView};
pub use view_licenses::{LicenseFilter, LicenseOrPurchase, marketplace_ids};
pub use view_usage::UsageFilter;
