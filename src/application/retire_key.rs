//! A key that signs no more leaves for good, once nothing hangs on it.

use chrono::TimeDelta;

use super::STATUS_LIST_LIFETIME_DAYS;
use super::app::{App, UseCaseError, decided};
use super::ports::{Listing, Versioned, list};
use crate::domain::{
    ActivationState, Actor, Instant, IssuedKey, KeyId, KeyRing, KeyRole, KeyState, KeysSeen, License,
    LicenseId, Merchant, MerchantId, Refusal, Retiring, RingKey, StatusList, Validity,
};

/// Licenses that are read at a time.
const PAGE: usize = 200;
/// Pages that one call looks at; the next goes on where it stopped.
const PAGES_MAX: usize = 20;
/// Clocks and replicas that had not heard yet may have signed for so long with the key before.
const LATE_SIGNATURES: TimeDelta = TimeDelta::hours(1);

/// How a retirement went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retirement {
    /// It is retired.
    Done(Box<KeyRing>),
    /// Nothing was found among so many licenses; the next call goes on.
    Looking {
        /// How many were looked at so far.
        looked_at: u64,
    },
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct RetireKey {
    /// Whose.
    pub merchant: MerchantId,
    /// Which key.
    pub kid: KeyId,
    /// How the keys must stand.
    pub if_seen: Option<KeysSeen>,
}

/// What hangs on a key.
enum Hanging {
    LicenseKey(LicenseId),
    Certificate(LicenseId),
}

impl App {
    /// Retires a key unless something that has not ended hangs on it: a license key, a certificate, a status list. All
    /// licenses are looked at, some thousands in each call.
    pub async fn retire_key(&self, command: &RetireKey, actor: &Actor) -> Result<Retirement, UseCaseError> {
        decided!(self, self.try_retire_key(command, actor))
    }

    async fn try_retire_key(&self, command: &RetireKey, actor: &Actor) -> Result<Retirement, UseCaseError> {
        let (merchant, kid, now) = (self.merchant(&command.merchant).await?, &command.kid, self.now());
        let found = self.ring_of(&merchant).await?;
        self.check_seen(&merchant, command.if_seen.as_ref(), found.revision).await?;
        let mut ring = found.value;
        let key = ring.key(kid).ok_or(Refusal::NotFound { what: "signing key" })?.clone();
        if !ring.clone().retire(kid, now)? {
            return Ok(Retirement::Done(Box::new(ring)));
        }
        if key.state == KeyState::Verifying {
            let known = ring.retiring.clone().filter(|retiring| retiring.kid == *kid);
            let start = known.unwrap_or(Retiring { kid: kid.clone(), before: None, looked_at: 0 });
            if let Some(half_way) = self.look_for_hanging(&merchant, &key, start, now).await? {
                let looked_at = half_way.looked_at;
                ring.retiring = Some(half_way);
                self.keep_ring(&merchant, ring, found.revision, actor).await?;
                return Ok(Retirement::Looking { looked_at });
            }
        }
        ring.retire(kid, now)?;
        ring.retiring = None;
        self.renew_key_set(&merchant, &mut ring, None, now)?;
        tracing::info!(merchant = %merchant.id, %kid, "a signing key is retired");
        self.keep_ring(&merchant, ring, found.revision, actor).await.map(Box::new).map(Retirement::Done)
    }

    /// `None`: everything was looked at, and nothing hangs on the key.
    async fn look_for_hanging(
        &self,
        merchant: &Merchant,
        key: &RingKey,
        mut at: Retiring,
        now: Instant,
    ) -> Result<Option<Retiring>, UseCaseError> {
        if key.role == KeyRole::Status {
            return self.refuse_hanging_lists(merchant, key, now).await.map(|()| None);
        }
        for _page in 0..PAGES_MAX {
            let listing = Listing::Licenses { merchant: merchant.id.clone(), before: at.before.clone() };
            let page: Vec<Versioned<License>> = list(self.store.as_ref(), &listing, PAGE).await?;
            let Some(last) = page.last() else { return Ok(None) };
            at.before = Some(last.value.id.clone());
            at.looked_at += page.len() as u64;
            for license in &page {
                if let Some(hanging) = self.hangs_on(&license.value, key, now).await? {
                    return Err(in_use(&hanging, &key.kid).into());
                }
            }
        }
        Ok(Some(at))
    }

    async fn hangs_on(
        &self,
        license: &License,
        key: &RingKey,
        now: Instant,
    ) -> Result<Option<Hanging>, UseCaseError> {
        match key.role {
            KeyRole::License => {
                let id = || Hanging::LicenseKey(license.id.clone());
                let holds =
                    license.issued.iter().any(|issued| may_be_signed_by(license, issued, key, now, self));
                Ok(holds.then(id))
            }
            KeyRole::Activation => {
                let found = self.activations(&license.merchant, &license.id).await?;
                let hangs = found.iter().any(|activation| match &activation.state {
                    ActivationState::Held(lease) => {
                        !lease.validity.has_ended(now)
                            && self.signer.signer_of(&lease.certificate).as_ref() == Some(&key.kid)
                    }
                    ActivationState::Ended { .. } => false,
                });
                Ok(hangs.then(|| Hanging::Certificate(license.id.clone())))
            }
            KeyRole::Root | KeyRole::Status => Ok(None),
        }
    }

    /// Clients keep a list for as long as it holds, whatever was published since.
    async fn refuse_hanging_lists(
        &self,
        merchant: &Merchant,
        key: &RingKey,
        now: Instant,
    ) -> Result<(), UseCaseError> {
        let lifetime = TimeDelta::days(STATUS_LIST_LIFETIME_DAYS) + LATE_SIGNATURES;
        let kept_until = key.signs_until.map(|until| until + lifetime);
        if let Some(until) = kept_until.filter(|until| now < *until) {
            let why = format!(
                "clients may hold status lists that the key {} has signed until {}: retire it then",
                key.kid,
                until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            );
            return Err(Refusal::KeyRefused { why }.into());
        }
        let listing = Listing::StatusLists(merchant.id.clone());
        for found in list::<StatusList>(self.store.as_ref(), &listing, 1_000).await? {
            let is_signed = self.signer.signer_of(&found.value.token).as_ref() == Some(&key.kid);
            if is_signed
                && !Validity::between(found.value.published_at, Some(found.value.expires_at)).has_ended(now)
            {
                let why = format!(
                    "the status list {} is signed by it: wait for its next publication",
                    found.value.number
                );
                return Err(Refusal::KeyRefused { why }.into());
            }
        }
        Ok(())
    }
}

/// The text of the current key is there, and names its signer. Of older ones that still hold only the time is known: they
/// were signed by whichever key signed then.
fn may_be_signed_by(license: &License, issued: &IssuedKey, key: &RingKey, now: Instant, app: &App) -> bool {
    if Validity::between(issued.issued_at, issued.ends_at).has_ended(now)
        || license.is_superseded(&issued.token_id)
    {
        return false;
    }
    if license.is_current(&issued.token_id) {
        return app.signer.signer_of(&license.license_key).as_ref() == Some(&key.kid);
    }
    let from = key.signs_from.is_none_or(|from| issued.issued_at >= from);
    from && key.signs_until.is_none_or(|until| issued.issued_at < until + LATE_SIGNATURES)
}

fn in_use(hanging: &Hanging, kid: &KeyId) -> Refusal {
    let why = match hanging {
        Hanging::LicenseKey(license) => format!(
            "a license key of {license} that has not ended is signed by {kid}: keep the key (it signs nothing new), or re-issue with `lictor license reissue {license}`"
        ),
        Hanging::Certificate(license) => format!(
            "a machine of {license} holds a certificate that is signed by {kid}: wait for its next renewal or the end of its lease"
        ),
    };
    Refusal::KeyRefused { why }
}
