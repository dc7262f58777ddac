//! Use cases: one verb per file, and the ports they need. No web framework, no database, no status code.

mod activate;
mod api_tokens;
mod app;
mod apply_catalog;
mod begin_license;
mod breakers;
mod call_log;
mod change_instance;
mod change_instance_status;
mod check_channel;
mod compare_catalog;
mod continue_after_restore;
mod decide_usage;
mod disk_room;
mod explain_progress;
mod fetch_order;
mod flush_calls;
mod gauges;
mod hand_over_license;
mod handle_purchase_event;
mod hide_code;
mod import_licenses;
mod issue_license;
mod job_lanes;
mod keep_sold;
mod license_change;
mod map_order;
mod merchant_commands;
mod metered_instances;
mod mint;
mod notice_order;
pub mod ports;
mod publish_status_lists;
mod push_usage;
mod query_instances;
mod queue_usage;
mod quota_books;
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
mod settle_reservation;
mod status_slots;
mod sweep_lapsed;
mod sync_kit;
mod tell_failing_work;
mod try_code;
mod upgrade_instance;
mod use_quota;
mod validate;
mod view_channels;
mod view_licenses;
mod view_orders;
mod view_outbox;
mod view_quota;
mod view_usage;
mod watch_channels;
mod watched_calls;

pub use activate::{Activate, Activated};
pub use app::{App, Signals, UseCaseError};
pub use apply_catalog::{
    Applied, AppliedEntry, ApplyCaller, ApplyFault, ApplyFiles, ApplyMistake, ApplyMode, Catalog,
    CatalogMistake, EntryChange,
};
pub use begin_license::CodeUse;
pub use check_channel::{ChannelChecks, CheckFinding, CheckItem, CheckState, CheckedChannel, CheckedItem};
pub use compare_catalog::MemberChange;
pub use continue_after_restore::Continued;
pub use fetch_order::Fetched;
pub use gauges::{COUNTED_MAX, Gauges};
pub use handle_purchase_event::{PurchaseAnswer, PurchaseCall, ReplayIdentity};
pub use hide_code::{instance_shown, order_id_shown};
pub use import_licenses::{Import, ImportReport, ImportRow, NumberedRow, RowMistake, RowOutcome};
pub use issue_license::IssueLicense;
pub use map_order::{MapOrder, Mapped};
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
pub use settle_reservation::{ReservationEnd, SettleReservation};
pub use try_code::CodeTrial;
pub use use_quota::{
    QuotaHolder, USED_AGO_DAYS_MAX, USED_ITEMS_MAX, UseQuota, UseQuotaFault, UsedItem, UsedQuota,
};
pub use view_channels::{CallFilter, ChannelView};
pub use view_licenses::{LicenseFilter, LicenseOrPurchase, marketplace_ids};
pub use view_orders::{OrderFilter, OrderState, OrderView, SuggestedSpec};
pub use view_outbox::{OutboxEntry, OutboxFilter, OutboxState};
pub use view_quota::PackageView;
pub use view_usage::UsageFilter;
