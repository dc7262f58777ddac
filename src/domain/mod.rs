//! The rules of licensing, and nothing else.
//!
//! Pure: no I/O, no clock, no randomness, no serialisation. Whoever decides is given `now`; spans are
//! half-open; a state is an enum that carries its data; a transition returns a `Result`.

mod activation;
mod amount;
mod api_token;
mod app_info;
mod audit_chain;
mod audit_event;
mod authorization_code;
mod call_cause;
mod channel;
mod channel_call;
mod channel_notice;
mod channel_standing;
mod claim_code;
mod delivery;
mod device;
mod ends_told;
mod erasure;
mod failing_work;
mod handed_over;
mod ids;
mod kept_answer;
mod key_ring;
mod kit;
mod lease_clock;
mod license;
mod license_past;
mod license_standing;
mod machine;
mod merchant;
mod places;
mod product;
mod purchase;
mod purchase_event;
mod push_window;
mod quota;
mod rate_limit;
mod refund;
mod refusal;
mod reservation;
mod restore;
mod search_term;
mod session;
mod spec;
mod status_list;
mod term;
mod text;
mod usage_interval;
mod usage_ledger;
mod usage_record;
mod usage_rules;
mod usage_sum;
mod validity;
mod webhook;
mod webhook_event;

pub use activation::{Activation, ActivationState, EndCause, GENERATION_FIRST, Lease, RenewalDecision};
pub use amount::{AMOUNT_UNITS_MAX, Amount, AmountError, TEN_THOUSANDTHS_PER_UNIT};
pub use api_token::{ApiToken, Scope, TokenDigest, TokenOwner};
pub use app_info::{AppInfo, FRONT_END_URL_CHARS_MAX, MEMO_CHARS_MAX};
pub use audit_chain::{
    Adoption, AuditDigest, BLOCK_ENTRIES_MAX, ChainBlock, ChainEntry, ChainHead, EventPlace, SealedEvent,
    SealerLease, UNREADABLE, Unsealed,
};
pub use audit_event::{Actor, AuditEvent, EventKind, Subject, SubjectKind};
pub use authorization_code::{AuthorizationCode, AuthorizationCodeState, CodeGrant, authorization_code};
pub use call_cause::{CallCause, OnTheWay, OurFault, ParameterPlace, is_beijing_time};
pub use channel::{
    AccessKeyRef, AccessKeyUse, Channel, Marketplace, OpenApi, ProtocolName, ReadyRule, SecretRef,
};
pub use channel_call::{
    CALL_TEXT_CHARS_MAX, CallChunk, ChannelCall, SIGNED_CALLS_MAX, UNSIGNED_CALLS_MAX, call_text,
};
pub use channel_notice::{ChannelNotice, NOTICES_MAX, NoticeKind};
pub use channel_standing::{ActivityStanding, ChannelStanding, SILENCE};
pub use claim_code::{CLAIM_CODE_BITS, ClaimCode, ClaimCodeError, ClaimDigest};
pub use delivery::{
    Attempt, DELIVERIES_KEPT_MAX, DELIVERIES_PENDING_MAX, Delivery, DeliveryState, EXCERPT_CHARS_MAX, excerpt,
};
pub use device::{
    Device, HashStart, Merged, RECENT_ENTRIES_MAX, SHARE_RETURN_HOURS, SHARES_MAX, Share, ShareUse,
    USABLE_SHARES_MAX,
};
pub use ends_told::{CertificateTold, EndsTold};
pub use erasure::{CustomerDigest, Erasure};
pub use failing_work::{FailingWork, WorkFault};
pub use handed_over::{Application, HandedOver, HandedOverKey};
pub use ids::*;
pub use kept_answer::{AnswerState, KeptAnswer};
pub use key_ring::{
    KeyRing, KeyRole, KeySetDraft, KeyState, KeysSeen, PublishedKeySet, REVOKED_KEYS_MAX, Reissue, Retiring,
    RevocationMode, RingKey, TOLD_KEYS_MAX,
};
pub use kit::{KitEntity, KitInterface, KitSync};
pub use lease_clock::{CLOCK_JUMP_MAX, LeaseClock, LeaseTime};
pub use license::{
    AppliedChange, AppliedOrder, DelayedStart, EndChange, Env, Extension, Hold, HoldBy, Holds, IssuedKey,
    License, LicenseEnd, LicenseState, NewLicense, OldKeyFate, Origin, SUPPORT_EXTENSION_DAYS_MAX, SoldSpec,
    StartEvent,
};
pub use license_past::{KeyPast, LicensePast, Recalled, STANDING_DETAIL};
pub use license_standing::LicenseStanding;
pub use machine::{COMMITMENT_BYTES, Commitment, Component, Machine};
pub use merchant::Merchant;
pub use places::{Freeing, PLACES_MAX, Place, PlaceDecision, Places};
pub use product::Product;
pub use purchase::{
    EARLY_EVENTS_MAX, EarlyEvent, EarlyKept, OrderLineKey, Purchase, PurchaseFacts, PurchaseState, keep_early,
};
pub use purchase_event::{
    Charging, InstanceInfo, InstanceStatus, LicenseShown, OrderDetails, OrderKind, OrderLineDetails,
    OrderRef, PeriodUnit, PurchaseEvent, PurchaseOutcome, RefreshScene, Repeat, SignIn, Target,
};
pub use push_window::PushWindow;
pub use quota::{
    AlertStep, Attachment, Draw, HeldPackage, Meter, MeterKey, MetricGrant, MetricLeft, NoTotal, Overage,
    PACKAGES_MAX, PackageGrant, PackageSource, PackageTotal, QuotaAccount, QuotaBalance, QuotaCounts,
    QuotaPackage, QuotaPool, QuotaTemplate, QuotaWindow, ROUNDED_END_HOURS, ResetWindow, UsageGrant,
    WindowAlignment, WindowKey,
};
pub use rate_limit::{RateLeft, RateLimit, RateLimiter};
pub use refund::RefundRule;
pub use refusal::{NextAction, Refusal};
pub use reservation::{
    RESERVATION_DEFAULT_SECS, RESERVATION_MAX_SECS, Reservation, ReservationState, ReservedPart, SettledPart,
};
pub use restore::Restore;
pub use search_term::{
    KEY_TAIL_CHARS, NEVER_VALUE, SearchTerm, TERM_BYTES_MAX, TermField, TermState, folded, instant_of_value,
    instant_value, month_value, term_value,
};
pub use session::{
    Narrowed, SESSION_IDLE, SESSION_LONGEST, SESSION_STEP, SIGN_IN_LINK_DEFAULT_SECS, SIGN_IN_LINK_MAX_SECS,
    Session, SessionDigest, SignInLink, TokenUse,
};
pub use spec::{
    Binding, Enforcement, MachineLimit, MachinePolicy, Multiply, OfflinePolicy, Spec, SpecKind, SpecTerm,
    Starts, StatusPolicy, WhenFull,
};
pub use status_list::{STATUS_SLOTS_PER_LIST, Status, StatusFlip, StatusList, StatusListNumber, StatusSlot};
pub use term::{Term, TermError};
pub use text::LocalizedText;
pub use usage_interval::UsageInterval;
pub use usage_ledger::{LedgerEntry, LedgerFault, LedgerHead, LedgerPlace, LineHash, SentLedger};
pub use usage_record::{
    Metered, Reading, USAGE_VALUE_MAX_TEN_THOUSANDTHS, UsageKey, UsageMistake, UsageRecord, UsageState,
};
pub use usage_rules::{PackageKind, UsageBilling, UsagePush, UsageRules};
pub use usage_sum::{InstanceUsage, UsageSum, UsedFor};
pub use validity::{Instant, Phase, Validity, whole_seconds};
pub use webhook::{
    ATTEMPTS_PER_MINUTE_MAX, DISABLED_AFTER, DisableCause, EXPIRING_DAYS_AHEAD_MAX, EXPIRING_DAYS_DEFAULT,
    EXPIRING_DAYS_MAX, KeptSecret, REPLAY_EVENTS_MAX, REPLAYS_MAX, ReplaySpan, WEBHOOK_DESCRIPTION_CHARS_MAX,
    WEBHOOK_SECRETS_MAX, WEBHOOK_URL_BYTES_MAX, WEBHOOKS_MAX, Webhook, WebhookDisabled, WebhookProgress,
    WebhookReplay, WebhookSecret,
};
pub use webhook_event::WebhookEvent;
