//! Where each record lies: merchant, kind and the kind's own bytes.
//!
//! Own ids have a fixed width and sort by their time. Ids from outside are visible ASCII of any length, so each
//! that something follows is ended by a byte that none of them has. What belongs to no merchant lies under the
//! empty one.

use sha2::{Digest, Sha256};

use crate::application::ports::StoreError;
use crate::application::record::{CounterKey, Lane, MarketplaceCode, Rank, RecordKey, UsedHour};
use crate::domain::{
    ActivationId, ChannelId, EventId, EventPlace, HandedOverKey, InstanceId, Instant, LicenseId, Marketplace,
    MerchantId, MeterKey, OrderId, OrderLineKey, PackageId, ResetWindow, SearchTerm, StatusSlot, Subject,
    TermField, UUID_TEXT_CHARS, WebhookId, WindowAlignment,
};
use crate::store::{KeyError, KeyRange, Kind, RecordKey as RawKey};

/// The merchant part of what belongs to the installation.
pub(super) const INSTALLATION: &str = "";
/// Ends a part of varying length.
const PART_END: u8 = 0;
const LINE: u8 = b'l';
const PRODUCT: u8 = b'p';
const SIGNED: u8 = b's';
const UNSIGNED: u8 = b'u';
const SKU: u8 = b's';
/// Above the first byte of every lane, and below that of every time: jobs without a lane begin with theirs.
const LANES_END: u8 = b'{';

/// First own part of each catalog entry.
pub(super) const CATALOG_MERCHANT: &[u8] = b"merchant\0";
pub(super) const CATALOG_PRODUCT: &[u8] = b"product\0";
pub(super) const CATALOG_SPEC: &[u8] = b"spec\0";
pub(super) const CATALOG_CHANNEL: &[u8] = b"channel\0";
pub(super) const CATALOG_TOKEN: &[u8] = b"token\0";
pub(super) const CATALOG_MAPPING: &[u8] = b"mapping\0";
/// What the installation remembers of its last restore.
const META_RESTORE: &[u8] = b"restore";
/// Below the merchant, and so never beside the installation's own.
const META_KEY_RING: &[u8] = b"keys";
pub(super) const META_ERASURE: &[u8] = b"erased/";
/// How far the search index was filled.
const META_INDEX_FILLING: &[u8] = b"index-filling";
/// First own part of each thing about usage.
pub(super) const USAGE_RECORD: &[u8] = b"record\0";
pub(super) const USAGE_WAITING: &[u8] = b"waiting\0";
const USAGE_NAME: &[u8] = b"name\0";
const USAGE_OUTBOX: &[u8] = b"outbox\0";
const USAGE_SUM: &[u8] = b"sum\0";
/// First own part of each thing about endpoints.
pub(super) const WEBHOOK_ENDPOINT: &[u8] = b"endpoint\0";
pub(super) const WEBHOOK_PROGRESS: &[u8] = b"progress\0";
pub(super) const WEBHOOK_REPLAY: &[u8] = b"replay\0";
const WEBHOOK_PENDING: &[u8] = b"pending\0";
const WEBHOOK_ENDED: &[u8] = b"ended\0";
pub(super) const WEBHOOK_ENDS_TOLD: &[u8] = b"ends\0";
const WEBHOOK_CERTIFICATE_TOLD: &[u8] = b"certificate";
/// First own part of each thing about quota.
const QUOTA_ACCOUNT: &[u8] = b"account\0";
const QUOTA_METER: &[u8] = b"meter\0";
const QUOTA_HOUR: &[u8] = b"hour\0";
pub(super) const QUOTA_REPORT: &[u8] = b"report\0";
/// First own part of each thing about the chain of events. What waits and who seals belong to the installation.
const AUDIT_EVENT: &[u8] = b"event\0";
pub(super) const AUDIT_BLOCK: &[u8] = b"block\0";
pub(super) const AUDIT_UNSEALED: &[u8] = b"unsealed\0";
const AUDIT_PLACE: &[u8] = b"place\0";
const AUDIT_HEAD: &[u8] = b"head";
const AUDIT_ADOPTION: &[u8] = b"adoption";
const AUDIT_LEASE: &[u8] = b"lease";
/// First own part of each thing about access.
pub(super) const ACCESS_SESSION: &[u8] = b"session\0";
pub(super) const ACCESS_LINK: &[u8] = b"link\0";
const ACCESS_USE: &[u8] = b"use\0";
pub(super) const ACCESS_ANSWER: &[u8] = b"answer\0";
/// First own part of the index of licenses that are not minted yet.
pub(super) const INDEX_PENDING: &[u8] = b"pending\0";
/// First own part of the words by which licenses are found. Among the look-up keys and no kind of its own: programs that
/// know no search read and move them as they are.
const INDEX_TERM: &[u8] = b"term\0";

/// Where a record lies.
pub(in crate::store) fn raw_key(key: &RecordKey) -> Result<RawKey, StoreError> {
    let (merchant, kind, own) = match key {
        RecordKey::Merchant(id) => {
            (INSTALLATION, Kind::Catalog, joined(&[CATALOG_MERCHANT, id.as_str().as_bytes()]))
        }
        RecordKey::ApiToken(digest) => (INSTALLATION, Kind::Catalog, joined(&[CATALOG_TOKEN, digest])),
        RecordKey::TokenUse(digest) => (INSTALLATION, Kind::Access, joined(&[ACCESS_USE, digest])),
        RecordKey::Session(owner, digest) => {
            (merchant_or_installation(owner.as_ref()), Kind::Access, joined(&[ACCESS_SESSION, digest]))
        }
        RecordKey::SignInLink(owner, digest) => {
            (merchant_or_installation(owner.as_ref()), Kind::Access, joined(&[ACCESS_LINK, digest]))
        }
        RecordKey::Product(merchant, id) => {
            (merchant.as_str(), Kind::Catalog, joined(&[CATALOG_PRODUCT, id.as_str().as_bytes()]))
        }
        RecordKey::Spec(merchant, id) => {
            (merchant.as_str(), Kind::Catalog, joined(&[CATALOG_SPEC, id.as_str().as_bytes()]))
        }
        RecordKey::Channel(merchant, id) => {
            (merchant.as_str(), Kind::Catalog, joined(&[CATALOG_CHANNEL, id.as_str().as_bytes()]))
        }
        RecordKey::Purchase(line) => (line.merchant.as_str(), Kind::Purchase, own_of_line(line)),
        RecordKey::Instance(merchant, marketplace, id) => {
            let own = joined(&[marketplace.as_str().as_bytes(), &[PART_END], id.as_str().as_bytes()]);
            (merchant.as_str(), Kind::Instance, own)
        }
        RecordKey::AuthorizationCode(merchant, marketplace, code) => {
            let own = joined(&[marketplace.as_str().as_bytes(), &[PART_END], code.as_str().as_bytes()]);
            (merchant.as_str(), Kind::AuthorizationCode, own)
        }
        RecordKey::PendingLicense(merchant, id) => {
            (merchant.as_str(), Kind::Index, joined(&[INDEX_PENDING, id.as_str().as_bytes()]))
        }
        RecordKey::License(merchant, id) => (merchant.as_str(), Kind::License, id.as_str().into()),
        RecordKey::ClaimCode(merchant, digest) => (merchant.as_str(), Kind::ClaimCode, digest.to_vec()),
        RecordKey::HandedOver(key) => {
            let HandedOverKey { merchant, marketplace, request, fingerprint } = key;
            let machine = fingerprint.map(|value| value.to_vec()).unwrap_or_default();
            let (marketplace, request) = (marketplace.as_str().as_bytes(), request.as_str().as_bytes());
            let own = joined(&[marketplace, &[PART_END], request, &[PART_END], &machine]);
            (merchant.as_str(), Kind::HandedOver, own)
        }
        RecordKey::AppInfo(merchant, license) => (merchant.as_str(), Kind::AppInfo, license.as_str().into()),
        RecordKey::Places(merchant, license) => (merchant.as_str(), Kind::Places, license.as_str().into()),
        RecordKey::Activation(merchant, license, id) => {
            (merchant.as_str(), Kind::Activation, joined(&[&own_of_license(license), id.as_str().as_bytes()]))
        }
        RecordKey::Device(merchant, license, id) => {
            (merchant.as_str(), Kind::Escrow, joined(&[&own_of_license(license), id.as_str().as_bytes()]))
        }
        RecordKey::StatusList(merchant, number) => {
            (merchant.as_str(), Kind::StatusListBits, number.to_be_bytes().to_vec())
        }
        RecordKey::StatusFlip(merchant, slot) => {
            (merchant.as_str(), Kind::StatusListFlip, own_of_slot(*slot))
        }
        RecordKey::Job { lane, due_at, id } => {
            let kind = if lane.is_some() { Kind::LaneJob } else { Kind::Job };
            let lane = lane.as_ref().map(own_of_lane).unwrap_or_default();
            (INSTALLATION, kind, joined(&[&lane, &sortable_millis(*due_at), id.as_str().as_bytes()]))
        }
        RecordKey::Mapping(merchant, code) => {
            let (what, code) = match code {
                MarketplaceCode::Sku(sku) => (SKU, sku.as_str()),
                MarketplaceCode::ProductId(id) => (PRODUCT, id.as_str()),
            };
            let own = joined(&[CATALOG_MAPPING, &[what], code.as_bytes()]);
            (merchant.as_str(), Kind::Catalog, own)
        }
        RecordKey::Event(merchant, license, id) => {
            (merchant.as_str(), Kind::Event, joined(&[&own_of_license(license), id.as_str().as_bytes()]))
        }
        RecordKey::OtherEvent(merchant, subject, id) => {
            let own = joined(&[&own_of_subject(subject), id.as_str().as_bytes()]);
            (merchant.as_str(), Kind::Audit, own)
        }
        RecordKey::Unsealed(merchant, id) => {
            (INSTALLATION, Kind::Audit, joined(&[&own_of_unsealed(merchant), id.as_str().as_bytes()]))
        }
        RecordKey::SealerLease => (INSTALLATION, Kind::Audit, AUDIT_LEASE.to_vec()),
        RecordKey::ChainBlock(merchant, last) => (merchant.as_str(), Kind::Audit, own_of_block(*last)),
        RecordKey::ChainHead(merchant) => (merchant.as_str(), Kind::Audit, AUDIT_HEAD.to_vec()),
        RecordKey::SealedEvent(merchant, id) => {
            (merchant.as_str(), Kind::Audit, joined(&[AUDIT_PLACE, id.as_str().as_bytes()]))
        }
        RecordKey::Adoption(merchant) => (merchant.as_str(), Kind::Audit, AUDIT_ADOPTION.to_vec()),
        RecordKey::Replay(merchant, channel, digest) => {
            (merchant.as_str(), Kind::Nonce, joined(&[channel.as_str().as_bytes(), &[PART_END], digest]))
        }
        RecordKey::Kit { merchant, marketplace, interface, id } => {
            let (marketplace, interface) = (marketplace.as_str().as_bytes(), interface.as_str().as_bytes());
            let own = joined(&[marketplace, &[PART_END], interface, &[PART_END], &digest_of(id)]);
            (merchant.as_str(), Kind::Kit, own)
        }
        RecordKey::Idempotency(merchant, digest) => (merchant.as_str(), Kind::Idempotency, digest.to_vec()),
        RecordKey::Calls { merchant, channel, signed, newest } => {
            let own = joined(&[&own_of_calls(channel, *signed), newest.as_str().as_bytes()]);
            (merchant.as_str(), Kind::Call, own)
        }
        RecordKey::Standing(merchant, channel) => {
            (merchant.as_str(), Kind::Standing, channel.as_str().into())
        }
        RecordKey::Notice(merchant, channel, id) => {
            (merchant.as_str(), Kind::Notice, joined(&[&own_of_channel(channel), id.as_str().as_bytes()]))
        }
        RecordKey::Erasure(merchant, customer) => {
            (merchant.as_str(), Kind::Meta, joined(&[META_ERASURE, &customer.0]))
        }
        RecordKey::KeyRing(merchant) => (merchant.as_str(), Kind::Meta, META_KEY_RING.to_vec()),
        RecordKey::KeptAnswer(owner, digest) => {
            (merchant_or_installation(owner.as_ref()), Kind::Access, joined(&[ACCESS_ANSWER, digest]))
        }
        RecordKey::Restore => (INSTALLATION, Kind::Meta, META_RESTORE.to_vec()),
        RecordKey::UsageRecord(key) => {
            let instance = own_of_metered(key.marketplace, &key.instance);
            let own = joined(&[&instance, &sortable_millis(key.begin), &sortable_millis(key.end)]);
            (key.merchant.as_str(), Kind::Usage, own)
        }
        RecordKey::MeteringSn(merchant, name) => {
            (merchant.as_str(), Kind::Usage, joined(&[USAGE_NAME, name.as_str().as_bytes()]))
        }
        RecordKey::WaitingUsage { merchant, channel, due_at, id } => {
            let (queue, due_at) = (own_of_queue(channel), sortable_millis(*due_at));
            (merchant.as_str(), Kind::Usage, joined(&[&queue, &due_at, id.as_str().as_bytes()]))
        }
        RecordKey::UsageOutbox(merchant, channel) => {
            (merchant.as_str(), Kind::Usage, joined(&[USAGE_OUTBOX, channel.as_str().as_bytes()]))
        }
        RecordKey::UsageSum(merchant, marketplace, instance) => {
            let (marketplace, instance) = (marketplace.as_str().as_bytes(), instance.as_str().as_bytes());
            (merchant.as_str(), Kind::Usage, joined(&[USAGE_SUM, marketplace, &[PART_END], instance]))
        }
        RecordKey::QuotaAccount(merchant, license) => {
            (merchant.as_str(), Kind::Quota, joined(&[QUOTA_ACCOUNT, license.as_str().as_bytes()]))
        }
        RecordKey::UsageReport(merchant, license, digest) => {
            let own = joined(&[QUOTA_REPORT, &own_of_license(license), digest]);
            (merchant.as_str(), Kind::Quota, own)
        }
        RecordKey::Reservation(merchant, license, id) => {
            let own = joined(&[&own_of_license(license), id.as_str().as_bytes()]);
            (merchant.as_str(), Kind::Reservation, own)
        }
        RecordKey::Webhook(merchant, id) => {
            (merchant.as_str(), Kind::Webhook, joined(&[WEBHOOK_ENDPOINT, id.as_str().as_bytes()]))
        }
        RecordKey::WebhookProgress(merchant, id) => {
            (merchant.as_str(), Kind::Webhook, joined(&[WEBHOOK_PROGRESS, id.as_str().as_bytes()]))
        }
        RecordKey::WebhookReplay(merchant, id) => {
            (merchant.as_str(), Kind::Webhook, joined(&[WEBHOOK_REPLAY, id.as_str().as_bytes()]))
        }
        RecordKey::Delivery { merchant, webhook, ended, id } => {
            let own = joined(&[&own_of_deliveries(webhook, *ended), id.as_str().as_bytes()]);
            (merchant.as_str(), Kind::Webhook, own)
        }
        RecordKey::EndsTold(merchant, days) => {
            (merchant.as_str(), Kind::Webhook, joined(&[WEBHOOK_ENDS_TOLD, &days.to_be_bytes()]))
        }
        RecordKey::CertificateTold(merchant) => {
            (merchant.as_str(), Kind::Webhook, WEBHOOK_CERTIFICATE_TOLD.to_vec())
        }
        RecordKey::SearchTerm(term) => (term.merchant.as_str(), Kind::Index, own_of_term(term)),
        RecordKey::IndexFilling => (INSTALLATION, Kind::Meta, META_INDEX_FILLING.to_vec()),
    };
    RawKey::new(merchant, kind, own).map_err(|error| no_key(&error))
}

/// The merchant part of what is a merchant's, or the installation's own.
pub(super) fn merchant_or_installation(owner: Option<&MerchantId>) -> &str {
    owner.map_or(INSTALLATION, MerchantId::as_str)
}

/// Where a counter lies.
pub(in crate::store) fn raw_counter_key(key: &CounterKey) -> Result<RawKey, StoreError> {
    match key {
        CounterKey::StatusSlots(merchant) => {
            RawKey::new(merchant.as_str(), Kind::StatusListSlots, []).map_err(|error| no_key(&error))
        }
        CounterKey::Quota(merchant, meter) => {
            let own = joined(&[QUOTA_METER, &own_of_meter(meter)]);
            RawKey::new(merchant.as_str(), Kind::Quota, own).map_err(|error| no_key(&error))
        }
        CounterKey::UsedHour(UsedHour { merchant, hour, license, package }) => {
            let (license, package) = (own_of_license(license), package.as_str().as_bytes());
            let own = joined(&[QUOTA_HOUR, &sortable_millis(*hour), &license, package]);
            RawKey::new(merchant.as_str(), Kind::Quota, own).map_err(|error| no_key(&error))
        }
    }
}

/// Package, then window, then what is counted: what stands in one window lies together.
fn own_of_meter(meter: &MeterKey) -> Vec<u8> {
    let window = match &meter.window {
        None => Vec::new(),
        Some(window) => {
            let reset = match window.reset {
                ResetWindow::None => b'n',
                ResetWindow::Hour => b'h',
                ResetWindow::Day => b'd',
                ResetWindow::Week => b'w',
                ResetWindow::Month => b'm',
                ResetWindow::Year => b'y',
            };
            let alignment = match window.alignment {
                WindowAlignment::Anniversary => b'a',
                WindowAlignment::Calendar => b'c',
            };
            joined(&[&[reset, alignment], &sortable_millis(window.starts_at)])
        }
    };
    let meter_word = meter.meter.as_str().as_bytes();
    joined(&[meter.package.as_str().as_bytes(), &[PART_END], &window, meter_word])
}

/// The counters of hours that begin before an instant, behind the given one.
pub(in crate::store) fn used_hours_before(
    merchant: &MerchantId,
    before: Instant,
    after: Option<&UsedHour>,
) -> Result<KeyRange, StoreError> {
    let end = joined(&[QUOTA_HOUR, &sortable_millis(before)]);
    let range = KeyRange::between(merchant.as_str(), Kind::Quota, QUOTA_HOUR, end);
    let range = range.map_err(|error| no_key(&error))?;
    Ok(match after {
        Some(after) => range.after(&raw_counter_key(&CounterKey::UsedHour(after.clone()))?),
        None => range,
    })
}

/// The hour that a key of [`used_hours_before`] counts.
pub(in crate::store) fn used_hour_of(merchant: &MerchantId, key: &RawKey) -> Result<UsedHour, StoreError> {
    let read = || {
        let (millis, rest) = key.own().strip_prefix(QUOTA_HOUR)?.split_first_chunk::<8>()?;
        let hour = Instant::from_timestamp_millis(i64::from_be_bytes(*millis) ^ i64::MIN)?;
        let mut parts = rest.splitn(2, |byte| *byte == PART_END).map(std::str::from_utf8);
        let license = LicenseId::parse(parts.next()?.ok()?).ok()?;
        let package = PackageId::parse(parts.next()?.ok()?).ok()?;
        Some(UsedHour { merchant: merchant.clone(), hour, license, package })
    };
    read().ok_or_else(|| StoreError::Failed(format!("{key} counts no hour")))
}

/// Where the events of a merchant lie that lie under licenses, or by themselves, behind the given one.
pub(in crate::store) fn events_behind(
    merchant: &MerchantId,
    under_license: bool,
    after: Option<&EventPlace>,
) -> Result<KeyRange, StoreError> {
    let (kind, own): (_, &[u8]) = if under_license { (Kind::Event, &[]) } else { (Kind::Audit, AUDIT_EVENT) };
    let range = KeyRange::prefix(merchant.as_str(), kind, own).map_err(|error| no_key(&error))?;
    Ok(match after {
        Some(after) => range.after(&raw_key(&RecordKey::of_event(merchant, after))?),
        None => range,
    })
}

/// The place that a key of [`events_behind`] says.
pub(in crate::store) fn event_place_of(key: &RawKey) -> Result<EventPlace, StoreError> {
    let read = || {
        let (own, under_license) = match key.own().strip_prefix(AUDIT_EVENT) {
            Some(own) if key.kind() == Kind::Audit => (own, false),
            Some(_) | None => (key.own(), true),
        };
        let end = own.iter().position(|byte| *byte == PART_END)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let (about, event) = (text(&own[..end])?, EventId::parse(text(&own[end + 1..])?).ok()?);
        let subject = if under_license {
            LicenseId::parse(about).ok().map(Subject::License)
        } else {
            Subject::parse(about)
        };
        Some(EventPlace { event, subject: subject?, under_license })
    };
    read().ok_or_else(|| StoreError::Failed(format!("{key} is the place of no event")))
}

pub(super) fn no_key(error: &KeyError) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// What the activations and events of one license start with.
pub(super) fn own_of_license(license: &LicenseId) -> Vec<u8> {
    joined(&[license.as_str().as_bytes(), &[PART_END]])
}

/// What the events about one subject start with that lie by themselves, and those of no other.
pub(super) fn own_of_subject(subject: &Subject) -> Vec<u8> {
    joined(&[AUDIT_EVENT, subject.to_string().as_bytes(), &[PART_END]])
}

/// What the marks of one merchant start with.
pub(super) fn own_of_unsealed(merchant: &MerchantId) -> Vec<u8> {
    joined(&[AUDIT_UNSEALED, merchant.as_str().as_bytes(), &[PART_END]])
}

/// Where the block lies that ends with this number: blocks sort as they were made.
pub(super) fn own_of_block(last: u64) -> Vec<u8> {
    joined(&[AUDIT_BLOCK, &last.to_be_bytes()])
}

/// What the notices about one channel start with.
pub(super) fn own_of_channel(channel: &ChannelId) -> Vec<u8> {
    joined(&[channel.as_str().as_bytes(), &[PART_END]])
}

/// What the calls of one channel start with, those that were signed and those that were not.
pub(super) fn own_of_calls(channel: &ChannelId, signed: bool) -> Vec<u8> {
    joined(&[&own_of_channel(channel), &[if signed { SIGNED } else { UNSIGNED }]])
}

/// What the records of usage of one instance start with, and those of no other.
pub(super) fn own_of_metered(marketplace: Marketplace, instance: &InstanceId) -> Vec<u8> {
    let (marketplace, instance) = (marketplace.as_str().as_bytes(), instance.as_str().as_bytes());
    joined(&[USAGE_RECORD, marketplace, &[PART_END], instance, &[PART_END]])
}

/// What the places in the queue of one channel start with, and those of no other.
pub(super) fn own_of_queue(channel: &ChannelId) -> Vec<u8> {
    joined(&[USAGE_WAITING, channel.as_str().as_bytes(), &[PART_END]])
}

/// What the deliveries to one endpoint start with, those on their way and those that have ended.
pub(super) fn own_of_deliveries(webhook: &WebhookId, ended: bool) -> Vec<u8> {
    let lists = if ended { WEBHOOK_ENDED } else { WEBHOOK_PENDING };
    joined(&[lists, webhook.as_str().as_bytes(), &[PART_END]])
}

/// What the search terms of one field start with whose value begins so.
pub(super) fn own_of_leading(field: TermField, value: &str) -> Vec<u8> {
    joined(&[INDEX_TERM, &[letter_of(field)], value.as_bytes()])
}

/// What the search terms of one field start with that have this value, and those of no other.
pub(super) fn own_of_value(field: TermField, value: &str) -> Vec<u8> {
    joined(&[&own_of_leading(field, value), &[PART_END]])
}

fn own_of_term(term: &SearchTerm) -> Vec<u8> {
    let activation = term.activation.as_ref().map_or("", |activation| activation.as_str());
    let license = term.license.as_str().as_bytes();
    joined(&[&own_of_value(term.field, &term.value), license, activation.as_bytes()])
}

/// The term that all of a key is.
pub(super) fn term_of(key: &RawKey) -> Option<SearchTerm> {
    let (letter, rest) = key.own().strip_prefix(INDEX_TERM)?.split_first()?;
    let field = TermField::ALL.into_iter().find(|field| letter_of(*field) == *letter)?;
    let end = rest.iter().position(|byte| *byte == PART_END)?;
    let value = std::str::from_utf8(&rest[..end]).ok()?.to_owned();
    let (license, activation) = std::str::from_utf8(&rest[end + 1..])
        .ok()?
        .split_at_checked(LicenseId::PREFIX.len() + UUID_TEXT_CHARS)?;
    let activation = if activation.is_empty() { None } else { Some(ActivationId::parse(activation).ok()?) };
    let merchant = MerchantId::parse(key.merchant()).ok()?;
    Some(SearchTerm { merchant, field, value, license: LicenseId::parse(license).ok()?, activation })
}

/// Part of the stored format: a letter never changes its meaning.
fn letter_of(field: TermField) -> u8 {
    match field {
        TermField::Order => b'o',
        TermField::Instance => b'i',
        TermField::Customer => b'c',
        TermField::Label => b'l',
        TermField::Machine => b'm',
        TermField::Activation => b'a',
        TermField::Key => b'k',
        TermField::Product => b'p',
        TermField::Spec => b's',
        TermField::Sku => b'u',
        TermField::State => b't',
        TermField::Ends => b'e',
        TermField::EndsIn => b'n',
        TermField::Env => b'v',
    }
}

/// What the purchases of one order start with, and those of no other.
pub(super) fn own_of_order(marketplace: Marketplace, order_id: &OrderId) -> Vec<u8> {
    joined(&[marketplace.as_str().as_bytes(), &[PART_END], order_id.as_str().as_bytes(), &[PART_END]])
}

/// What the jobs of one merchant start with.
pub(super) fn own_of_merchants_jobs(merchant: &MerchantId) -> Vec<u8> {
    joined(&[merchant.as_str().as_bytes(), &[PART_END]])
}

/// What the jobs of one lane start with; the last byte is its rank's.
pub(super) fn own_of_lane(lane: &Lane) -> Vec<u8> {
    let channel = lane.channel.as_ref().map_or("", |channel| channel.as_str());
    let rank = match lane.rank {
        Rank::ByHand => b'a',
        Rank::Purchase => b'b',
        Rank::Ordinary => b'c',
    };
    joined(&[&own_of_merchants_jobs(&lane.merchant), channel.as_bytes(), &[PART_END, rank]])
}

/// Jobs with a lane that an earlier build kept among those without one.
pub(in crate::store) fn misplaced_jobs() -> Result<KeyRange, StoreError> {
    KeyRange::between(INSTALLATION, Kind::Job, [0_u8; 0], [LANES_END]).map_err(|error| no_key(&error))
}

/// Where such a job belongs.
pub(in crate::store) fn place_of_misplaced(job: &RawKey) -> Result<RawKey, StoreError> {
    RawKey::new(INSTALLATION, Kind::LaneJob, job.own()).map_err(|error| no_key(&error))
}

fn own_of_line(line: &OrderLineKey) -> Vec<u8> {
    let mut own = own_of_order(line.marketplace, &line.order_id);
    if let Some(line_id) = &line.line_id {
        own.extend(joined(&[&[LINE], line_id.as_str().as_bytes(), &[PART_END]]));
    }
    if let Some(product_id) = &line.product_id {
        own.extend(joined(&[&[PRODUCT], product_id.as_bytes()]));
    }
    own
}

fn own_of_slot(slot: StatusSlot) -> Vec<u8> {
    joined(&[&slot.list.to_be_bytes(), &slot.idx.to_be_bytes()])
}

/// Big-endian with the sign bit flipped: bytes sort as the instants do, also before 1970.
pub(super) fn sortable_millis(instant: Instant) -> [u8; 8] {
    (instant.timestamp_millis() ^ i64::MIN).to_be_bytes()
}

/// Names from outside may have any letters and more of them than a key has room for.
fn digest_of(id: &[String]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in id {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
