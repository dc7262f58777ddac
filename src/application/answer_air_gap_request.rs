//! A machine that is never online asks for a certificate, by a file that somebody carries.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::activate::{Activate, Activated};
use super::app::{App, UseCaseError};
use super::ports::{ABSENT, Change, Versioned, find};
use super::record::{Idempotency, Record, RecordKey};
use super::renew_activation::RenewActivation;
use super::settle_device::{DeviceRequest, Settling};
use crate::domain::{Binding, LicenseId, MerchantId, Refusal};

/// How long after the end of its lease a request is known as answered, in days: files lie about.
const ANSWERED_DAYS: i64 = 2 * 366;

/// What the file asks for, after its signatures were checked.
#[derive(Debug, Clone)]
pub enum AirGapRequest {
    /// A place for the machine, or the next certificate of the one that it has.
    Activate(Activate),
    /// The next certificate.
    Renew(RenewActivation),
}

/// What is carried back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AirGapAnswer {
    /// The certificate and the license key.
    pub activated: Activated,
    /// The signed status lists that speak about both, as they are now.
    pub status_lists: Vec<String>,
    /// The signed key set, if there was ever anything to tell: the machine may know older keys only.
    pub key_set: Option<String>,
}

impl App {
    /// Answers as online, by the same rules, for the air-gap lease. The same request again gets the same certificate while
    /// that is the newest; afterwards it is refused, so that a file that was found again does not disturb the machine.
    pub async fn answer_air_gap_request(
        &self,
        request: &AirGapRequest,
    ) -> Result<AirGapAnswer, UseCaseError> {
        let (merchant, license, activated) = match request {
            AirGapRequest::Activate(command) => {
                let device = identified(&command.device, &command.license, &command.nonce);
                let command = Activate { device, ..command.clone() };
                (&command.merchant.clone(), &command.license.clone(), self.activate(&command).await?)
            }
            AirGapRequest::Renew(command) => {
                let device = identified(&command.device, &command.license, &command.nonce);
                let command = RenewActivation { device, ..command.clone() };
                let renewed = self.renew_activation(&command).await?;
                (&command.merchant.clone(), &command.license.clone(), renewed)
            }
        };
        let status_lists = self.lists_of(merchant, license, &activated).await?;
        let key_set = self.published_key_set(merchant).await?.map(|set| set.token);
        Ok(AirGapAnswer { activated, status_lists, key_set })
    }

    async fn lists_of(
        &self,
        merchant: &MerchantId,
        license: &LicenseId,
        activated: &Activated,
    ) -> Result<Vec<String>, UseCaseError> {
        let found = self.find_activation(merchant, license, &activated.activation).await?;
        let license = self.find_license(merchant, license).await?;
        let of_key = license.and_then(|license| license.value.current_key().map(|key| key.slot.list));
        let numbers: BTreeSet<_> =
            found.map(|found| found.value.slot.list).into_iter().chain(of_key).collect();
        let mut lists = Vec::new();
        for number in numbers {
            lists.push(self.status_list(merchant, number).await?.token);
        }
        Ok(lists)
    }

    /// What says in the same commit that a request was answered. Whoever comes here has another answer than the newest:
    /// a repeat of the newest was answered before.
    pub(super) async fn remember_air_gap(
        &self,
        settling: &Settling<'_>,
    ) -> Result<Option<Change>, UseCaseError> {
        let Some(digest) = settling.request.air_gap else { return Ok(None) };
        let license = &settling.license.value;
        if license.sold.machine.binding == Binding::Floating {
            let why = "floating places are taken and given back through the network: this license has no air-gap lease";
            return Err(Refusal::IllegalState { why }.into());
        }
        let key = RecordKey::Idempotency(license.merchant.clone(), digest);
        let found: Option<Versioned<Idempotency>> = find(self.store.as_ref(), key).await?;
        let revision = found.as_ref().map_or(ABSENT, |found| found.revision);
        // What a backup knows of it may be an answer that was lost: then it is answered anew.
        let is_known = found.is_some_and(|found| settling.now < found.value.until);
        if is_known && self.last_restore().await?.untouched(revision).is_none() {
            return Err(Refusal::AirGapAnswered.into());
        }
        let lease_end = settling.usable_until.unwrap_or(settling.now);
        let record = Idempotency {
            merchant: license.merchant.clone(),
            key_digest: digest,
            request_digest: digest,
            until: lease_end + TimeDelta::days(ANSWERED_DAYS),
            license: license.id.clone(),
        };
        Ok(Some(Change::Put(Record::Idempotency(record), revision)))
    }
}

/// A request is the same when the same machine key asks for the same license with the same nonce.
fn identified(device: &DeviceRequest, license: &LicenseId, nonce: &str) -> DeviceRequest {
    let key = device.proof.as_ref().map(|proof| proof.thumbprint).unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(b"air-gap-request\0")
        .chain_update(key)
        .chain_update(license.as_str())
        .chain_update(b"\0")
        .chain_update(nonce);
    DeviceRequest { air_gap: Some(digest.finalize().into()), ..device.clone() }
}
