//! Which keys a listing goes over, and in which direction.

use super::key::{
    ACCESS_ANSWER, ACCESS_LINK, ACCESS_SESSION, AUDIT_BLOCK, AUDIT_UNSEALED, CATALOG_CHANNEL,
    CATALOG_MERCHANT, CATALOG_PRODUCT, CATALOG_SPEC, CATALOG_TOKEN, INDEX_PENDING, INSTALLATION,
    META_ERASURE, QUOTA_REPORT, USAGE_RECORD, WEBHOOK_ENDPOINT, WEBHOOK_ENDS_TOLD, WEBHOOK_PROGRESS,
    WEBHOOK_REPLAY, merchant_or_installation, misplaced_jobs, no_key, own_of_block, own_of_calls,
    own_of_channel, own_of_deliveries, own_of_lane, own_of_leading, own_of_license, own_of_merchants_jobs,
    own_of_metered, own_of_order, own_of_queue, own_of_subject, own_of_unsealed, own_of_value, raw_key,
    sortable_millis,
};
use super::table::Table;
use crate::application::ports::{Listing, StoreError};
use crate::application::record::RecordKey;
use crate::domain::{EventId, EventPlace, MerchantId, Subject};
use crate::store::{Direction, KeyRange, Kind};

/// A scan of one table.
pub(in crate::store) struct Scan {
    /// Whose rows lie there.
    pub(in crate::store) table: Table,
    /// Which keys.
    pub(in crate::store) range: KeyRange,
    /// From which end.
    pub(in crate::store) direction: Direction,
}

impl Scan {
    /// The scan that answers a listing.
    pub(in crate::store) fn of(listing: &Listing) -> Result<Self, StoreError> {
        match listing {
            Listing::Merchants => forward(Table::Merchant, INSTALLATION, Kind::Catalog, CATALOG_MERCHANT),
            Listing::ApiTokens { after } => {
                let scan = forward(Table::ApiToken, INSTALLATION, Kind::Catalog, CATALOG_TOKEN)?;
                match after {
                    Some(digest) => {
                        let after = raw_key(&RecordKey::ApiToken(*digest))?;
                        Ok(Self { range: scan.range.after(&after), ..scan })
                    }
                    None => Ok(scan),
                }
            }
            Listing::Sessions { owner, after } => {
                let owner = merchant_or_installation(owner.as_ref());
                forward(Table::Session, owner, Kind::Access, ACCESS_SESSION)?.behind(after.as_ref())
            }
            Listing::SignInLinks { owner, after } => {
                let owner = merchant_or_installation(owner.as_ref());
                forward(Table::SignInLink, owner, Kind::Access, ACCESS_LINK)?.behind(after.as_ref())
            }
            Listing::KeptAnswers { owner, after } => {
                let owner = merchant_or_installation(owner.as_ref());
                forward(Table::KeptAnswer, owner, Kind::Access, ACCESS_ANSWER)?.behind(after.as_ref())
            }
            Listing::Jobs => jobs(),
            // Those that an earlier build kept here with a lane are moved at the start.
            Listing::JobsWithoutLane => {
                let scan = forward(Table::Job, INSTALLATION, Kind::Job, &[])?;
                Ok(Self { range: scan.range.beyond(&misplaced_jobs()?), ..scan })
            }
            Listing::JobsBehindLane(lane) => {
                let behind = forward(Table::Job, INSTALLATION, Kind::LaneJob, &own_of_lane(lane))?;
                let scan = jobs()?;
                Ok(Self { range: scan.range.beyond(&behind.range), ..scan })
            }
            Listing::JobsOfLane { lane, from } => {
                let own = own_of_lane(lane);
                let scan = forward(Table::Job, INSTALLATION, Kind::LaneJob, &own)?;
                let Some(from) = from else { return Ok(scan) };
                let earlier = [&own[..], &sortable_millis(*from)].concat();
                let earlier = KeyRange::between(INSTALLATION, Kind::LaneJob, &own, earlier);
                Ok(Self { range: scan.range.beyond(&earlier.map_err(|error| no_key(&error))?), ..scan })
            }
            Listing::JobsOfMerchant { merchant, after } => {
                let own = own_of_merchants_jobs(merchant);
                forward(Table::Job, INSTALLATION, Kind::LaneJob, &own)?.behind(after.as_ref())
            }
            Listing::Products(merchant) => catalog(Table::Product, merchant, CATALOG_PRODUCT),
            Listing::Specs(merchant) => catalog(Table::Spec, merchant, CATALOG_SPEC),
            Listing::Channels(merchant) => catalog(Table::Channel, merchant, CATALOG_CHANNEL),
            Listing::Licenses { merchant, before } => {
                let before = before.clone().map(|id| RecordKey::License(merchant.clone(), id));
                forward(Table::License, merchant.as_str(), Kind::License, &[])?.newest_first(before)
            }
            Listing::PendingLicenses { merchant, before } => {
                let before = before.clone().map(|id| RecordKey::PendingLicense(merchant.clone(), id));
                forward(Table::PendingLicense, merchant.as_str(), Kind::Index, INDEX_PENDING)?
                    .newest_first(before)
            }
            Listing::PurchasesOfOrder { merchant, marketplace, order_id } => {
                let own = own_of_order(*marketplace, order_id);
                forward(Table::Purchase, merchant.as_str(), Kind::Purchase, &own)
            }
            Listing::Activations(merchant, license) => {
                forward(Table::Activation, merchant.as_str(), Kind::Activation, &own_of_license(license))
            }
            Listing::ActivationsSince { merchant, from, after } => {
                let scan = forward(Table::Activation, merchant.as_str(), Kind::Activation, &[])?;
                let earlier = KeyRange::between(merchant.as_str(), Kind::Activation, [], from.as_str());
                let range = scan.range.beyond(&earlier.map_err(|error| no_key(&error))?);
                Self { range, ..scan }.behind(after.as_ref())
            }
            Listing::Devices(merchant, license) => {
                forward(Table::Device, merchant.as_str(), Kind::Escrow, &own_of_license(license))
            }
            Listing::StatusLists(merchant) => {
                forward(Table::StatusList, merchant.as_str(), Kind::StatusListBits, &[])
            }
            Listing::StatusFlips(merchant) => {
                forward(Table::StatusFlip, merchant.as_str(), Kind::StatusListFlip, &[])
            }
            Listing::Replays { merchant, after } => {
                forward(Table::Replay, merchant.as_str(), Kind::Nonce, &[])?.behind(after.as_ref())
            }
            Listing::IdempotencyKeys { merchant, after } => {
                forward(Table::Idempotency, merchant.as_str(), Kind::Idempotency, &[])?.behind(after.as_ref())
            }
            Listing::AuthorizationCodes { merchant, after } => {
                let (table, kind) = (Table::AuthorizationCode, Kind::AuthorizationCode);
                forward(table, merchant.as_str(), kind, &[])?.behind(after.as_ref())
            }
            Listing::Calls { merchant, channel, signed } => {
                let own = own_of_calls(channel, *signed);
                forward(Table::Calls, merchant.as_str(), Kind::Call, &own)?.newest_first(None)
            }
            Listing::Notices(merchant, channel) => {
                let own = own_of_channel(channel);
                forward(Table::Notice, merchant.as_str(), Kind::Notice, &own)?.newest_first(None)
            }
            Listing::Events(merchant, license) => {
                forward(Table::Event, merchant.as_str(), Kind::Event, &own_of_license(license))
            }
            Listing::LaterEvents { merchant, license, after } => {
                let after = RecordKey::Event(merchant.clone(), license.clone(), after.clone());
                forward(Table::Event, merchant.as_str(), Kind::Event, &own_of_license(license))?
                    .behind(Some(&after))
            }
            Listing::OtherEvents { merchant, subject, after } => {
                let after =
                    after.clone().map(|id| RecordKey::OtherEvent(merchant.clone(), subject.clone(), id));
                let own = own_of_subject(subject);
                forward(Table::Event, merchant.as_str(), Kind::Audit, &own)?.behind(after.as_ref())
            }
            Listing::EarlierEvents { merchant, subject, under_license, before } => {
                let place = |event: &EventId| EventPlace {
                    event: event.clone(),
                    subject: subject.clone(),
                    under_license: *under_license,
                };
                let before = before.as_ref().map(|event| RecordKey::of_event(merchant, &place(event)));
                let (kind, own) = match subject {
                    Subject::License(license) if *under_license => (Kind::Event, own_of_license(license)),
                    subject => (Kind::Audit, own_of_subject(subject)),
                };
                forward(Table::Event, merchant.as_str(), kind, &own)?.newest_first(before)
            }
            Listing::Unsealed { behind } => {
                let scan = forward(Table::Unsealed, INSTALLATION, Kind::Audit, AUDIT_UNSEALED)?;
                let Some(behind) = behind else { return Ok(scan) };
                let of_them = forward(Table::Unsealed, INSTALLATION, Kind::Audit, &own_of_unsealed(behind))?;
                Ok(Self { range: scan.range.beyond(&of_them.range), ..scan })
            }
            Listing::UnsealedOf(merchant) => {
                forward(Table::Unsealed, INSTALLATION, Kind::Audit, &own_of_unsealed(merchant))
            }
            Listing::ChainBlocks { merchant, from } => {
                let scan = forward(Table::ChainBlock, merchant.as_str(), Kind::Audit, AUDIT_BLOCK)?;
                let earlier =
                    KeyRange::between(merchant.as_str(), Kind::Audit, AUDIT_BLOCK, own_of_block(*from));
                let earlier = earlier.map_err(|error| no_key(&error))?;
                Ok(Self { range: scan.range.beyond(&earlier), ..scan })
            }
            Listing::EarlierChainBlocks { merchant, before } => {
                let before = before.map(|before| RecordKey::ChainBlock(merchant.clone(), before));
                forward(Table::ChainBlock, merchant.as_str(), Kind::Audit, AUDIT_BLOCK)?.newest_first(before)
            }
            Listing::UsageRecords { merchant, instance, before } => {
                let own = match instance {
                    Some((marketplace, instance)) => own_of_metered(*marketplace, instance),
                    None => USAGE_RECORD.to_vec(),
                };
                let before = before.clone().map(RecordKey::UsageRecord);
                forward(Table::UsageRecord, merchant.as_str(), Kind::Usage, &own)?.newest_first(before)
            }
            Listing::WaitingUsage(merchant, channel) => {
                forward(Table::WaitingUsage, merchant.as_str(), Kind::Usage, &own_of_queue(channel))
            }
            Listing::Reservations(merchant, license) => {
                forward(Table::Reservation, merchant.as_str(), Kind::Reservation, &own_of_license(license))
            }
            Listing::ReservationsOfMerchant { merchant, after } => {
                forward(Table::Reservation, merchant.as_str(), Kind::Reservation, &[])?.behind(after.as_ref())
            }
            Listing::Kit { merchant, after } => {
                forward(Table::Kit, merchant.as_str(), Kind::Kit, &[])?.behind(after.as_ref())
            }
            Listing::Erasures { merchant, after } => {
                let after = after.map(|customer| RecordKey::Erasure(merchant.clone(), customer));
                forward(Table::Erasure, merchant.as_str(), Kind::Meta, META_ERASURE)?.behind(after.as_ref())
            }
            Listing::Webhooks(merchant) => {
                forward(Table::Webhook, merchant.as_str(), Kind::Webhook, WEBHOOK_ENDPOINT)
            }
            Listing::WebhookProgress(merchant) => {
                forward(Table::WebhookProgress, merchant.as_str(), Kind::Webhook, WEBHOOK_PROGRESS)
            }
            Listing::WebhookReplays(merchant) => {
                forward(Table::WebhookReplay, merchant.as_str(), Kind::Webhook, WEBHOOK_REPLAY)
            }
            Listing::PendingDeliveries(merchant, webhook) => {
                let own = own_of_deliveries(webhook, false);
                forward(Table::Delivery, merchant.as_str(), Kind::Webhook, &own)
            }
            Listing::EndedDeliveries { merchant, webhook, before } => {
                let own = own_of_deliveries(webhook, true);
                let (merchant, webhook) = (merchant.clone(), webhook.clone());
                let scan = forward(Table::Delivery, merchant.as_str(), Kind::Webhook, &own)?;
                let before = before.clone();
                let before = before.map(|id| RecordKey::Delivery { merchant, webhook, ended: true, id });
                scan.newest_first(before)
            }
            Listing::EndsTold(merchant) => {
                forward(Table::EndsTold, merchant.as_str(), Kind::Webhook, WEBHOOK_ENDS_TOLD)
            }
            Listing::UsageReports { merchant, after } => {
                forward(Table::UsageReport, merchant.as_str(), Kind::Quota, QUOTA_REPORT)?
                    .behind(after.as_ref())
            }
            Listing::TermsEqual { merchant, field, value, at_most } => {
                let own = own_of_value(*field, value);
                let Some(license) = at_most else {
                    let all = forward(Table::SearchTerm, merchant.as_str(), Kind::Index, &own)?;
                    return all.newest_first(None);
                };
                let end = [&own[..], license.as_str().as_bytes(), &[u8::MAX]].concat();
                let range = KeyRange::between(merchant.as_str(), Kind::Index, own, end);
                let range = range.map_err(|error| no_key(&error))?;
                Ok(Self { table: Table::SearchTerm, range, direction: Direction::Reverse })
            }
            Listing::TermsLeading { merchant, field, value, after } => {
                let after = after.clone().map(RecordKey::SearchTerm);
                let own = own_of_leading(*field, value);
                forward(Table::SearchTerm, merchant.as_str(), Kind::Index, &own)?.behind(after.as_ref())
            }
            Listing::TermsBetween { merchant, field, from, to, after } => {
                let (from, to) = (own_of_leading(*field, from), own_of_leading(*field, to));
                let to = to.max(from.clone());
                let range = KeyRange::between(merchant.as_str(), Kind::Index, from, to);
                let range = range.map_err(|error| no_key(&error))?;
                let scan = Self { table: Table::SearchTerm, range, direction: Direction::Forward };
                scan.behind(after.clone().map(RecordKey::SearchTerm).as_ref())
            }
        }
    }

    fn behind(mut self, after: Option<&RecordKey>) -> Result<Self, StoreError> {
        if let Some(after) = after {
            self.range = self.range.after(&raw_key(after)?);
        }
        Ok(self)
    }

    fn newest_first(mut self, before: Option<RecordKey>) -> Result<Self, StoreError> {
        if let Some(before) = before {
            self.range = self.range.before(&raw_key(&before)?);
        }
        self.direction = Direction::Reverse;
        Ok(self)
    }
}

/// Lane by lane, then those without one.
fn jobs() -> Result<Scan, StoreError> {
    let lanes = forward(Table::Job, INSTALLATION, Kind::LaneJob, &[])?;
    let without = forward(Table::Job, INSTALLATION, Kind::Job, &[])?;
    Ok(Scan { range: lanes.range.through(&without.range), ..lanes })
}

fn catalog(table: Table, merchant: &MerchantId, own: &[u8]) -> Result<Scan, StoreError> {
    forward(table, merchant.as_str(), Kind::Catalog, own)
}

fn forward(table: Table, merchant: &str, kind: Kind, own: &[u8]) -> Result<Scan, StoreError> {
    let range = KeyRange::prefix(merchant, kind, own).map_err(|error| no_key(&error))?;
    Ok(Scan { table, range, direction: Direction::Forward })
}
