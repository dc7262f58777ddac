//! The verifying keys of every merchant, in memory: a presented text is checked before any store is asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::TimeDelta;
use license_token::KeySet;

use crate::application::ports::Signer;
use crate::domain::{Instant, Merchant, MerchantId, Validity};

/// A text with an unknown `kid` has the signer asked again at most this often: rotation shows, floods do not.
const ASK_AGAIN_AFTER_SECS: i64 = 10;

/// A merchant and what verifies its tokens.
#[derive(Debug)]
pub struct MerchantKeys {
    pub merchant: Merchant,
    /// What is believed.
    pub keys: KeySet,
    /// What is not believed any more; there is none unless a key was revoked or retired.
    pub withdrawn: Option<KeySet>,
}

impl MerchantKeys {
    /// Whether this `kid` names a key that is not believed any more.
    pub fn is_withdrawn(&self, kid: &str) -> bool {
        self.withdrawn.as_ref().is_some_and(|keys| keys.get(kid).is_some())
    }
}

/// The merchants as last loaded.
#[derive(Debug, Default)]
pub struct VerifyingKeys {
    known: RwLock<Arc<[Arc<MerchantKeys>]>>,
    /// What the signer believed then.
    beliefs: AtomicU64,
    /// When the signer was last asked. Held while `known` changes, so that no older answer replaces a newer one.
    asked_at: Mutex<Option<Instant>>,
}

impl VerifyingKeys {
    /// Takes these merchants in the place of those known. One whose keys cannot be read is left out and logged.
    pub fn load(&self, signer: &dyn Signer, merchants: &[Merchant], now: Instant) {
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.replace(signer, merchants);
        *asked_at = Some(now);
    }

    /// Whose key this `kid` names. Asks the signer again when nobody's is known, and never a store.
    pub fn of_kid(&self, kid: &str, signer: &dyn Signer, now: Instant) -> Option<Arc<MerchantKeys>> {
        if signer.beliefs() != self.beliefs.load(Ordering::Acquire) {
            let _one_at_a_time = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
            let merchants = self.merchants();
            self.replace(signer, &merchants);
        }
        with_kid(&self.known(), kid).or_else(|| {
            self.ask_again(signer, now);
            with_kid(&self.known(), kid)
        })
    }

    /// The merchants as last loaded.
    pub fn merchants(&self) -> Vec<Merchant> {
        self.known().iter().map(|known| known.merchant.clone()).collect()
    }

    /// One of them.
    pub fn merchant(&self, id: &MerchantId) -> Option<Merchant> {
        self.known().iter().find(|known| known.merchant.id == *id).map(|known| known.merchant.clone())
    }

    fn ask_again(&self, signer: &dyn Signer, now: Instant) {
        let mut asked_at = self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = |since| Validity::between(since, Some(since + TimeDelta::seconds(ASK_AGAIN_AFTER_SECS)));
        if asked_at.is_none_or(|since| pause(since).has_ended(now)) {
            let merchants = self.merchants();
            self.replace(signer, &merchants);
            *asked_at = Some(now);
        }
    }

    fn replace(&self, signer: &dyn Signer, merchants: &[Merchant]) {
        self.beliefs.store(signer.beliefs(), Ordering::Release);
        let known = merchants.iter().filter_map(|merchant| keys_of(signer, merchant)).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn known(&self) -> Arc<[Arc<MerchantKeys>]> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn with_kid(known: &[Arc<MerchantKeys>], kid: &str) -> Option<Arc<MerchantKeys>> {
    known.iter().find(|known| known.keys.get(kid).is_some() || known.is_withdrawn(kid)).map(Arc::clone)
}

fn keys_of(signer: &dyn Signer, merchant: &Merchant) -> Option<Arc<MerchantKeys>> {
    let parse = |jwks: String| KeySet::parse(jwks.as_bytes()).map_err(|error| error.to_string());
    let read = signer.jwks(merchant).map_err(|error| error.to_string()).and_then(parse);
    let withdrawn = signer.withdrawn_jwks(merchant).map_err(|error| error.to_string());
    let withdrawn = withdrawn.and_then(|jwks| jwks.map(parse).transpose());
    match read.and_then(|keys| Ok((keys, withdrawn?))) {
        Ok((keys, withdrawn)) => Some(Arc::new(MerchantKeys { merchant: merchant.clone(), keys, withdrawn })),
        Err(error) => {
            tracing::error!(merchant = %merchant.id, error, "the verifying keys of a merchant cannot be read");
            None
        }
    }
}
