//! Everything that is stored, as nouns.

use std::collections::{BTreeMap, BTreeSet};

use lictor::application::ports::{Listing, Store, StoreError};
use lictor::application::record::{
    ClaimTarget, Instance, Job, LicensePlaces, Owned, PendingLicense, Record, RecordKey,
};
use lictor::domain::{
    Activation, AuditEvent, Channel, EventId, EventPlace, InstanceId, License, LicenseId, Marketplace,
    OrderId, Purchase, SearchTerm, Spec, StatusFlip, StatusList, TermField,
};
use lictor::store::{Kind, RecordKey as RawKey};

use super::catalog::acme;
use super::world::{Process, World};

/// Most records of one page.
const PAGE: usize = 1_000;

/// Every record of the merchant, and every job.
#[derive(Default)]
pub struct Records {
    pub purchases: Vec<Purchase>,
    pub instances: Vec<Instance>,
    pub pending: Vec<PendingLicense>,
    pub licenses: Vec<License>,
    pub claims: Vec<ClaimTarget>,
    pub places: Vec<LicensePlaces>,
    pub activations: Vec<Activation>,
    pub lists: Vec<StatusList>,
    pub flips: Vec<StatusFlip>,
    pub jobs: Vec<Job>,
    pub events: Vec<AuditEvent>,
    pub unsealed: Vec<EventPlace>,
    /// Events that have their place in the chain.
    pub sealed: Vec<EventId>,
    pub terms: Vec<SearchTerm>,
    pub specs: Vec<Spec>,
    pub channels: Vec<Channel>,
}

impl Records {
    pub fn purchase_of(&self, license: &LicenseId) -> Option<&Purchase> {
        self.purchases.iter().find(|purchase| purchase.license == *license)
    }

    pub fn activations_of(&self, license: &LicenseId) -> impl Iterator<Item = &Activation> {
        self.activations.iter().filter(move |activation| activation.license == *license)
    }

    pub fn places_of(&self, license: &LicenseId) -> Option<&LicensePlaces> {
        self.places.iter().find(|places| places.license == *license)
    }

    fn add(&mut self, record: Record) {
        match record {
            Record::Purchase(it) => self.purchases.push(it),
            Record::Instance(it) => self.instances.push(it),
            Record::PendingLicense(it) => self.pending.push(it),
            Record::License(it) => self.licenses.push(it),
            Record::ClaimTarget(it) => self.claims.push(it),
            Record::Places(it) => self.places.push(it),
            Record::Activation(it) => self.activations.push(it),
            Record::StatusList(it) => self.lists.push(it),
            Record::StatusFlip(it) => self.flips.push(it),
            Record::Job(it) => self.jobs.push(it),
            Record::Event(it) => self.events.push(it),
            Record::SearchTerm(it) => self.terms.push(it),
            Record::Spec(Owned { value, .. }) => self.specs.push(value),
            Record::Channel(Owned { value, .. }) => self.channels.push(value),
            Record::Unsealed(it) => self.unsealed.push(it.place),
            Record::SealedEvent(it) => self.sealed.push(it.event),
            Record::SealerLease(_)
            | Record::ChainBlock(_)
            | Record::ChainHead(_)
            | Record::Adoption(_)
            | Record::Merchant(_)
            | Record::Mapping(_)
            | Record::Product(_)
            | Record::ApiToken(_)
            | Record::AuthorizationCode(_)
            | Record::HandedOver(_)
            | Record::Kit(_)
            | Record::Replay(_)
            | Record::Idempotency(_)
            | Record::Restore(_)
            | Record::Webhook(_)
            | Record::WebhookProgress(_)
            | Record::WebhookReplay(_)
            | Record::Delivery(_)
            | Record::EndsTold(_)
            | Record::CertificateTold(_)
            | Record::KeptAnswer(_)
            | Record::TokenUse(_)
            | Record::Session(_)
            | Record::SignInLink(_)
            | Record::IndexFilling(_)
            | Record::Calls(_)
            | Record::Standing(_)
            | Record::Notice(_)
            | Record::AppInfo(_)
            | Record::Erasure(_)
            | Record::KeyRing(_)
            | Record::Device(_)
            | Record::UsageRecord(_)
            | Record::NamedUsage(_)
            | Record::WaitingUsage(_)
            | Record::UsageOutbox(_)
            | Record::UsageSum(_)
            | Record::QuotaAccount(_)
            | Record::UsageReport(_)
            | Record::Reservation(_) => {}
        }
    }

    fn count(&self, kind: Kind) -> Option<usize> {
        match kind {
            Kind::Purchase => Some(self.purchases.len()),
            Kind::Instance => Some(self.instances.len()),
            Kind::Index => Some(self.pending.len() + self.terms.len()),
            Kind::License => Some(self.licenses.len()),
            Kind::ClaimCode => Some(self.claims.len()),
            Kind::Places => Some(self.places.len()),
            Kind::Activation => Some(self.activations.len()),
            Kind::StatusListBits => Some(self.lists.len()),
            Kind::StatusListFlip => Some(self.flips.len()),
            Kind::Job => Some(self.jobs.iter().filter(|job| job.lane.is_none()).count()),
            Kind::LaneJob => Some(self.jobs.iter().filter(|job| job.lane.is_some()).count()),
            Kind::Event => Some(self.events.len()),
            Kind::AuthorizationCode
            | Kind::Access
            | Kind::Webhook
            | Kind::HandedOver
            | Kind::AppInfo
            | Kind::Nonce
            | Kind::Idempotency
            | Kind::StatusListSlots
            | Kind::Quota
            | Kind::Catalog
            | Kind::Kit
            | Kind::Meta
            | Kind::Call
            | Kind::Standing
            | Kind::Supplement
            | Kind::Audit
            | Kind::Notice => None,
            Kind::Escrow | Kind::Reservation | Kind::Usage => Some(0),
        }
    }
}

impl World {
    /// Reads everything; starts the server again if it is down.
    pub async fn records(&self) -> Records {
        loop {
            let process = self.process();
            match read_all(&process).await {
                Ok(records) => return records,
                Err(error) => self.overcome(&process, error).await,
            }
        }
    }
}

/// The raw keys say what there is; a kind of which not all is found this way is a mistake of these tests.
async fn read_all(process: &Process) -> Result<Records, StoreError> {
    let (raw, store) = (process.raw_keys().await?, process.store.as_ref());
    let mut records = Records::default();
    for listing in listings(&raw) {
        for record in pages(store, &listing).await? {
            records.add(record);
        }
    }
    let keys: Vec<RecordKey> = raw.iter().filter_map(single).collect();
    for chunk in keys.chunks(PAGE) {
        store.load(chunk).await?.into_iter().flatten().for_each(|record| records.add(record.value));
    }
    let mut counts: BTreeMap<[u8; 3], (Kind, usize)> = BTreeMap::new();
    for key in &raw {
        counts.entry(key.kind().bytes()).or_insert((key.kind(), 0)).1 += 1;
    }
    for (kind, count) in counts.into_values() {
        let found = records.count(kind).unwrap_or(count);
        assert_eq!(found, count, "every {kind} record is looked at");
    }
    Ok(records)
}

fn listings(raw: &[RawKey]) -> Vec<Listing> {
    let merchant = acme();
    let of_kind = |kind| raw.iter().filter(move |key| key.kind() == kind);
    let orders: BTreeSet<OrderId> = of_kind(Kind::Purchase).map(|key| order_of(key.own())).collect();
    let licenses = |kind| of_kind(kind).map(|key| license_of(key.own())).collect::<BTreeSet<_>>();
    let mut listings = vec![
        Listing::Specs(merchant.clone()),
        Listing::Channels(merchant.clone()),
        Listing::StatusLists(merchant.clone()),
        Listing::StatusFlips(merchant.clone()),
        Listing::Jobs,
        Listing::UnsealedOf(merchant.clone()),
    ];
    listings.extend(TermField::ALL.into_iter().map(|field| Listing::TermsLeading {
        merchant: merchant.clone(),
        field,
        value: String::new(),
        after: None,
    }));
    for order_id in orders {
        for marketplace in [Marketplace::KooGallery, Marketplace::Generic] {
            let (merchant, order_id) = (merchant.clone(), order_id.clone());
            listings.push(Listing::PurchasesOfOrder { merchant, marketplace, order_id });
        }
    }
    let of_merchant = |listing: fn(_, _) -> Listing| {
        let merchant = merchant.clone();
        move |license| listing(merchant.clone(), license)
    };
    listings.extend(licenses(Kind::Activation).into_iter().map(of_merchant(Listing::Activations)));
    listings.extend(licenses(Kind::Event).into_iter().map(of_merchant(Listing::Events)));
    listings
}

/// None of these tests stores more than a page of anything that is listed.
async fn pages(store: &dyn Store, listing: &Listing) -> Result<Vec<Record>, StoreError> {
    let page = store.list(listing, PAGE).await?;
    Ok(page.into_iter().map(|record| record.value).collect())
}

/// Records that are found by their own key.
fn single(key: &RawKey) -> Option<RecordKey> {
    let (merchant, own) = (acme(), key.own());
    match key.kind() {
        Kind::Instance => {
            let (marketplace, id) = split(own);
            let marketplace = Marketplace::parse(&marketplace).expect("a known marketplace");
            let id = InstanceId::parse(&id).expect("an instance id");
            Some(RecordKey::Instance(merchant, marketplace, id))
        }
        Kind::Index => {
            let pending = own.strip_prefix(b"pending\0")?;
            Some(RecordKey::PendingLicense(merchant, license(&text(pending))))
        }
        Kind::License => Some(RecordKey::License(merchant, license(&text(own)))),
        Kind::ClaimCode => Some(RecordKey::ClaimCode(merchant, own.try_into().expect("a digest"))),
        Kind::Audit => {
            let event = own.strip_prefix(b"place\0")?;
            Some(RecordKey::SealedEvent(merchant, EventId::parse(&text(event)).expect("an event's id")))
        }
        Kind::Places => Some(RecordKey::Places(merchant, license(&text(own)))),
        Kind::AuthorizationCode
        | Kind::Access
        | Kind::Webhook
        | Kind::HandedOver
        | Kind::AppInfo
        | Kind::Purchase
        | Kind::Activation
        | Kind::Quota
        | Kind::Escrow
        | Kind::Reservation
        | Kind::Nonce
        | Kind::Idempotency
        | Kind::StatusListSlots
        | Kind::StatusListBits
        | Kind::StatusListFlip
        | Kind::Job
        | Kind::LaneJob
        | Kind::Supplement
        | Kind::Event
        | Kind::Catalog
        | Kind::Kit
        | Kind::Meta
        | Kind::Usage
        | Kind::Call
        | Kind::Standing
        | Kind::Notice => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("keys of these kinds are text")
}

/// The parts before and after the first byte that ends a part.
fn split(own: &[u8]) -> (String, String) {
    let end = own.iter().position(|byte| *byte == 0).expect("two parts");
    (text(&own[..end]), text(&own[end + 1..]))
}

fn license(text: &str) -> LicenseId {
    LicenseId::parse(text).expect("a license id")
}

fn license_of(own: &[u8]) -> LicenseId {
    license(&split(own).0)
}

fn order_of(own: &[u8]) -> OrderId {
    let (_, rest) = split(own);
    let order_id = rest.split('\0').next().expect("there is a first part");
    OrderId::parse(order_id).expect("an order id")
}
