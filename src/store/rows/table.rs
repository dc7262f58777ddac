//! The tables: which row and schema each kind of record has.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::activation::ActivationRow;
use super::api_token::ApiTokenRow;
use super::app_info::AppInfoRow;
use super::audit_chain::{
    AdoptionRow, ChainBlockRow, ChainHeadRow, SealedEventRow, SealerLeaseRow, UnsealedRow,
};
use super::authorization_code::AuthorizationCodeRow;
use super::channel::OwnedChannelRow;
use super::channel_call::CallChunkRow;
use super::channel_notice::ChannelNoticeRow;
use super::channel_standing::ChannelStandingRow;
use super::claim_target::ClaimTargetRow;
use super::delivery::DeliveryRow;
use super::device::DeviceRow;
use super::ends_told::{CertificateToldRow, EndsToldRow};
use super::erasure::ErasureRow;
use super::event::AuditEventRow;
use super::handed_over::HandedOverRow;
use super::idempotency::IdempotencyRow;
use super::index_filling::IndexFillingRow;
use super::instance::InstanceRow;
use super::job::JobRow;
use super::kept_answer::KeptAnswerRow;
use super::key::{raw_key, term_of};
use super::key_ring::KeyRingRow;
use super::kit::KitRow;
use super::license::LicenseRow;
use super::mapping::MappingRow;
use super::merchant::MerchantRow;
use super::oldest_schema::oldest_schema;
use super::pending_license::PendingLicenseRow;
use super::places::LicensePlacesRow;
use super::product::OwnedProductRow;
use super::purchase::PurchaseRow;
use super::quota_account::QuotaAccountRow;
use super::replay::ReplayRow;
use super::reservation::ReservationRow;
use super::restore::RestoreRow;
use super::session::{SessionRow, SignInLinkRow, TokenUseRow};
use super::spec::OwnedSpecRow;
use super::status_flip::StatusFlipRow;
use super::status_list::StatusListRow;
use super::supplement::{SUPPLEMENT_SCHEMA, put_back, supplement_key, take_from};
use super::usage::{NamedUsageRow, UsageOutboxRow, UsageRecordRow, UsageSumRow, WaitingUsageRow};
use super::usage_report::UsageReportRow;
use super::webhook::{WebhookProgressRow, WebhookReplayRow, WebhookRow};
use crate::application::ports::StoreError;
use crate::application::record::{
    ClaimTarget, Idempotency, IndexFilling, Instance, Job, KitRecord, LicensePlaces, Mapping, NamedUsage,
    Owned, PendingLicense, Record, RecordKey, Replay, Stored, UsageOutbox, UsageReport, Versioned,
    WaitingUsage,
};
use crate::domain::{
    Activation, Adoption, ApiToken, AppInfo, AuditEvent, AuthorizationCode, CallChunk, CertificateTold,
    ChainBlock, ChainHead, Channel, ChannelNotice, ChannelStanding, Delivery, Device, EndsTold, Erasure,
    HandedOver, Instant, KeptAnswer, KeyRing, License, Merchant, Product, Purchase, QuotaAccount,
    Reservation, Restore, SealedEvent, SealerLease, SearchTerm, Session, SignInLink, Spec, StatusFlip,
    StatusList, TokenUse, Unsealed, UsageRecord, UsageSum, Webhook, WebhookProgress, WebhookReplay,
};
use crate::store::{Record as RawRecord, RecordKey as RawKey};

macro_rules! tables {
    (
        { $($table:ident = $name:literal, schema $schema:literal, $noun:ty as $row:ty;)+ }
        { $($keyed:ident = $keyed_name:literal;)+ }
    ) => {
        /// A kind of record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in crate::store) enum Table { $($table,)+ $($keyed),+ }

        impl Table {
            /// As errors name it.
            fn name(self) -> &'static str {
                match self { $(Self::$table => $name,)+ $(Self::$keyed => $keyed_name),+ }
            }

            /// The newest schema: what is read, and written where no older one holds it all.
            fn schema(self) -> u16 {
                match self { $(Self::$table => $schema,)+ $(Self::$keyed => 1),+ }
            }

            fn of(record: &Record) -> Self {
                match record {
                    $(Record::$table(_) => Self::$table,)+
                    $(Record::$keyed(_) => Self::$keyed),+
                }
            }

            fn write(self, record: Record) -> Result<Vec<u8>, String> {
                match self {
                    $(Self::$table => match <$noun>::from_record(record) {
                        Some(noun) => to_body(&<$row>::from(noun)),
                        None => Err("it is a record of another table".to_owned()),
                    },)+
                    // All of it is in its key.
                    $(Self::$keyed => Ok(Vec::new())),+
                }
            }

            fn read(self, key: &RawKey, body: &[u8]) -> Result<Record, String> {
                match self {
                    $(Self::$table => {
                        from_body::<$row>(body).map(|row| <$noun>::from(row).into_record())
                    })+
                    $(Self::$keyed => read_key(key)),+
                }
            }
        }
    };
}

tables! {
    {
    Merchant = "merchant", schema 1, Merchant as MerchantRow;
    Product = "product", schema 1, Owned<Product> as OwnedProductRow;
    Spec = "spec", schema 2, Owned<Spec> as OwnedSpecRow;
    Channel = "channel", schema 2, Owned<Channel> as OwnedChannelRow;
    Mapping = "mapping", schema 1, Mapping as MappingRow;
    ApiToken = "API token", schema 1, ApiToken as ApiTokenRow;
    TokenUse = "use of an API token", schema 1, TokenUse as TokenUseRow;
    Session = "session", schema 1, Session as SessionRow;
    SignInLink = "sign-in link", schema 1, SignInLink as SignInLinkRow;
    Purchase = "purchase", schema 3, Purchase as PurchaseRow;
    Instance = "instance", schema 1, Instance as InstanceRow;
    AuthorizationCode = "authorization code", schema 1, AuthorizationCode as AuthorizationCodeRow;
    PendingLicense = "pending license", schema 1, PendingLicense as PendingLicenseRow;
    License = "license", schema 3, License as LicenseRow;
    ClaimTarget = "claim code", schema 1, ClaimTarget as ClaimTargetRow;
    HandedOver = "handed-over license", schema 1, HandedOver as HandedOverRow;
    AppInfo = "app info", schema 1, AppInfo as AppInfoRow;
    Places = "places", schema 1, LicensePlaces as LicensePlacesRow;
    Activation = "activation", schema 2, Activation as ActivationRow;
    Device = "device key", schema 1, Device as DeviceRow;
    StatusList = "status list", schema 1, StatusList as StatusListRow;
    StatusFlip = "status flip", schema 1, StatusFlip as StatusFlipRow;
    Job = "job", schema 3, Job as JobRow;
    Event = "event", schema 1, AuditEvent as AuditEventRow;
    Unsealed = "unsealed event", schema 1, Unsealed as UnsealedRow;
    SealerLease = "sealer's lease", schema 1, SealerLease as SealerLeaseRow;
    ChainBlock = "chain block", schema 1, ChainBlock as ChainBlockRow;
    ChainHead = "chain head", schema 1, ChainHead as ChainHeadRow;
    SealedEvent = "sealed event", schema 1, SealedEvent as SealedEventRow;
    Adoption = "adoption", schema 1, Adoption as AdoptionRow;
    Replay = "replay", schema 2, Replay as ReplayRow;
    Idempotency = "idempotency", schema 1, Idempotency as IdempotencyRow;
    KeptAnswer = "kept answer", schema 1, KeptAnswer as KeptAnswerRow;
    Restore = "restore", schema 1, Restore as RestoreRow;
    Erasure = "erasure", schema 1, Erasure as ErasureRow;
    KeyRing = "key ring", schema 1, KeyRing as KeyRingRow;
    Kit = "kit", schema 1, KitRecord as KitRow;
    Calls = "calls", schema 1, CallChunk as CallChunkRow;
    Standing = "standing", schema 1, ChannelStanding as ChannelStandingRow;
    Notice = "notice", schema 1, ChannelNotice as ChannelNoticeRow;
    UsageRecord = "usage record", schema 1, UsageRecord as UsageRecordRow;
    NamedUsage = "usage name", schema 1, NamedUsage as NamedUsageRow;
    WaitingUsage = "waiting usage", schema 1, WaitingUsage as WaitingUsageRow;
    UsageOutbox = "usage outbox", schema 1, UsageOutbox as UsageOutboxRow;
    UsageSum = "usage sum", schema 1, UsageSum as UsageSumRow;
    QuotaAccount = "quota account", schema 1, QuotaAccount as QuotaAccountRow;
    UsageReport = "usage report", schema 1, UsageReport as UsageReportRow;
    Reservation = "reservation", schema 1, Reservation as ReservationRow;
    Webhook = "webhook", schema 1, Webhook as WebhookRow;
    WebhookProgress = "webhook progress", schema 1, WebhookProgress as WebhookProgressRow;
    WebhookReplay = "webhook replay", schema 1, WebhookReplay as WebhookReplayRow;
    Delivery = "delivery", schema 1, Delivery as DeliveryRow;
    EndsTold = "ends told", schema 1, EndsTold as EndsToldRow;
    CertificateTold = "certificate told", schema 1, CertificateTold as CertificateToldRow;
    IndexFilling = "index filling", schema 1, IndexFilling as IndexFillingRow;
    }
    { SearchTerm = "search term"; }
}

/// A record as the raw store takes it.
pub(in crate::store) struct Written {
    /// Where it stands.
    pub(in crate::store) key: RawKey,
    /// Shape of the body.
    pub(in crate::store) schema: u16,
    /// The row as JSON.
    pub(in crate::store) body: Vec<u8>,
    /// When the record lapses, for kinds that do.
    pub(in crate::store) until_ms: Option<u64>,
    /// What is written beside it.
    pub(in crate::store) supplement: Option<WrittenSupplement>,
}

/// What later programs know, beside the record that earlier ones read.
pub(in crate::store) struct WrittenSupplement {
    /// Where it stands.
    pub(in crate::store) key: RawKey,
    /// Shape of the body.
    pub(in crate::store) schema: u16,
    /// The row as JSON.
    pub(in crate::store) body: Vec<u8>,
}

impl Written {
    /// Writes a record.
    pub(in crate::store) fn of(mut record: Record) -> Result<Self, StoreError> {
        let table = Table::of(&record);
        let key = raw_key(&record.key())?;
        let unwritable = |why: String| {
            StoreError::Failed(format!("the {} record {key} cannot be written: {why}", table.name()))
        };
        let supplement = match (take_from(&mut record), supplement_key(&key)?) {
            (Some(row), Some(key)) => {
                let body = to_body(&row).map_err(unwritable)?;
                Some(WrittenSupplement { key, schema: SUPPLEMENT_SCHEMA, body })
            }
            (None, _) | (_, None) => None,
        };
        let until_ms = record.kept_until().map(millis_rounded_up);
        let schema = oldest_schema(&record, table.schema());
        let body = table.write(record).map_err(unwritable)?;
        Ok(Self { key, schema, body, until_ms, supplement })
    }
}

impl Table {
    /// The table that a key leads to.
    pub(in crate::store) fn of_key(key: &RecordKey) -> Self {
        match key {
            RecordKey::Merchant(..) => Self::Merchant,
            RecordKey::Product(..) => Self::Product,
            RecordKey::Spec(..) => Self::Spec,
            RecordKey::Channel(..) => Self::Channel,
            RecordKey::Mapping(..) => Self::Mapping,
            RecordKey::ApiToken(..) => Self::ApiToken,
            RecordKey::TokenUse(..) => Self::TokenUse,
            RecordKey::Session(..) => Self::Session,
            RecordKey::SignInLink(..) => Self::SignInLink,
            RecordKey::Purchase(..) => Self::Purchase,
            RecordKey::Instance(..) => Self::Instance,
            RecordKey::AuthorizationCode(..) => Self::AuthorizationCode,
            RecordKey::PendingLicense(..) => Self::PendingLicense,
            RecordKey::License(..) => Self::License,
            RecordKey::ClaimCode(..) => Self::ClaimTarget,
            RecordKey::HandedOver(..) => Self::HandedOver,
            RecordKey::AppInfo(..) => Self::AppInfo,
            RecordKey::Places(..) => Self::Places,
            RecordKey::Activation(..) => Self::Activation,
            RecordKey::Device(..) => Self::Device,
            RecordKey::StatusList(..) => Self::StatusList,
            RecordKey::StatusFlip(..) => Self::StatusFlip,
            RecordKey::Job { .. } => Self::Job,
            RecordKey::Event(..) | RecordKey::OtherEvent(..) => Self::Event,
            RecordKey::Unsealed(..) => Self::Unsealed,
            RecordKey::SealerLease => Self::SealerLease,
            RecordKey::ChainBlock(..) => Self::ChainBlock,
            RecordKey::ChainHead(..) => Self::ChainHead,
            RecordKey::SealedEvent(..) => Self::SealedEvent,
            RecordKey::Adoption(..) => Self::Adoption,
            RecordKey::Replay(..) => Self::Replay,
            RecordKey::Idempotency(..) => Self::Idempotency,
            RecordKey::KeptAnswer(..) => Self::KeptAnswer,
            RecordKey::Restore => Self::Restore,
            RecordKey::Erasure(..) => Self::Erasure,
            RecordKey::KeyRing(..) => Self::KeyRing,
            RecordKey::Kit { .. } => Self::Kit,
            RecordKey::Calls { .. } => Self::Calls,
            RecordKey::Standing(..) => Self::Standing,
            RecordKey::Notice(..) => Self::Notice,
            RecordKey::UsageRecord(..) => Self::UsageRecord,
            RecordKey::MeteringSn(..) => Self::NamedUsage,
            RecordKey::WaitingUsage { .. } => Self::WaitingUsage,
            RecordKey::UsageOutbox(..) => Self::UsageOutbox,
            RecordKey::UsageSum(..) => Self::UsageSum,
            RecordKey::QuotaAccount(..) => Self::QuotaAccount,
            RecordKey::UsageReport(..) => Self::UsageReport,
            RecordKey::Reservation(..) => Self::Reservation,
            RecordKey::Webhook(..) => Self::Webhook,
            RecordKey::WebhookProgress(..) => Self::WebhookProgress,
            RecordKey::WebhookReplay(..) => Self::WebhookReplay,
            RecordKey::Delivery { .. } => Self::Delivery,
            RecordKey::EndsTold(..) => Self::EndsTold,
            RecordKey::CertificateTold(..) => Self::CertificateTold,
            RecordKey::SearchTerm(..) => Self::SearchTerm,
            RecordKey::IndexFilling => Self::IndexFilling,
        }
    }

    /// Reads what lies under a key of this table, and beside it.
    pub(in crate::store) fn versioned(
        self,
        key: &RawKey,
        raw: &RawRecord,
        supplement: Option<&RawRecord>,
    ) -> Result<Versioned<Record>, StoreError> {
        let unreadable = |why: String| {
            StoreError::Failed(format!("the {} record {key} cannot be read: {why}", self.name()))
        };
        known_schema(raw, self.schema()).map_err(unreadable)?;
        let mut value = self.read(key, &raw.body).map_err(unreadable)?;
        let supplement = supplement.map(|beside| {
            known_schema(beside, SUPPLEMENT_SCHEMA)?;
            from_body(&beside.body)
        });
        put_back(&mut value, supplement.transpose().map_err(unreadable)?).map_err(unreadable)?;
        if raw_key(&value.key())? != *key {
            return Err(unreadable("its body belongs under another key".to_owned()));
        }
        Ok(Versioned { value, revision: raw.revision.number() })
    }
}

fn known_schema(raw: &RawRecord, known: u16) -> Result<(), String> {
    match raw.schema {
        0 => Err("it has no schema".to_owned()),
        found if found > known => {
            Err(format!("written by a newer version (schema {found}, this one knows {known})"))
        }
        _ => Ok(()),
    }
}

fn read_key(key: &RawKey) -> Result<Record, String> {
    term_of(key).map(SearchTerm::into_record).ok_or_else(|| "its key is no search term".to_owned())
}

fn to_body(row: &impl Serialize) -> Result<Vec<u8>, String> {
    serde_json::to_vec(row).map_err(|error| error.to_string())
}

/// Says where the mistake is, never what stands there.
fn from_body<R: DeserializeOwned>(body: &[u8]) -> Result<R, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let row = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (member, at) = (error.path().to_string(), error.inner());
        format!("member {member} is not as expected, up to line {} column {}", at.line(), at.column())
    })?;
    reader.end().map_err(|_| "something follows its end".to_owned())?;
    Ok(row)
}

/// Rounded up, so that nothing lapses before its time.
fn millis_rounded_up(until: Instant) -> u64 {
    let below = !until.timestamp_subsec_nanos().is_multiple_of(1_000_000);
    let millis = until.timestamp_millis().saturating_add(i64::from(below));
    u64::try_from(millis).unwrap_or(0)
}
