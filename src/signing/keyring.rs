//! Signs with the keys of the keys folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use license_token::claims::Claims;
use license_token::{LicenseClaims, Role, SigningKey, UnverifiedToken};

use super::audit_head::AuditHead;
use super::claim_key::ClaimKey;
use super::claims;
use super::key_file::{KeyFileError, make_folder};
use super::merchant_keys::MerchantKeys;
use super::vault::Vault;
use crate::application::ports::{CertificateOrder, LicenseKeyOrder, Signer, SigningError};
use crate::domain::{
    ChainHead, ClaimCode, ClaimDigest, Commitment, KeyRing, LicenseId, Merchant, MerchantId, ProductId,
    StatusList, StatusListNumber, StatusSlot,
};

/// Makes 32 unpredictable bytes.
type Randomness = Arc<dyn Fn() -> [u8; 32] + Send + Sync>;

/// What a keyring is told.
#[derive(Clone)]
pub struct KeyringSettings {
    /// The keys folder.
    pub folder: PathBuf,
    /// Where the server is seen from outside, without a trailing slash: status lists live there.
    pub public_url: String,
    /// Whether keys of a new merchant may be made here. Replicas never make keys.
    pub may_create: bool,
    /// The operating system's randomness.
    pub randomness: Randomness,
}

/// The keys of every merchant of this server. Does not print.
pub struct Keyring {
    pub(super) settings: KeyringSettings,
    claim_key: ClaimKey,
    merchants: RwLock<BTreeMap<MerchantId, Arc<MerchantKeys>>>,
    /// What the store says of their keys.
    rings: RwLock<BTreeMap<MerchantId, KeyRing>>,
    /// Held from the moment a ring is looked at until the keys that were opened by it are known: whoever opened them by an
    /// older ring is not the last to tell.
    opening: Mutex<()>,
    pub(super) beliefs: AtomicU64,
}

impl Keyring {
    /// Whether the folder holds keys.
    pub fn exists(folder: &std::path::Path) -> bool {
        folder.join(ClaimKey::FILE_NAME).exists()
    }

    /// Whether the folder holds keys of any merchant; what cannot be read may.
    pub fn has_merchants(folder: &std::path::Path) -> bool {
        let is_folder = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|it| it.path().is_dir());
        std::fs::read_dir(folder).map_or(true, |mut entries| entries.any(is_folder))
    }

    /// Makes a keys folder. Merchants' keys follow when they are first applied.
    pub fn create(settings: KeyringSettings) -> Result<Self, KeyFileError> {
        make_folder(&settings.folder)?;
        let bytes = (settings.randomness)();
        let claim_key = ClaimKey::create(&settings.folder.join(ClaimKey::FILE_NAME), &bytes)?;
        Ok(Self::of(settings, claim_key))
    }

    fn of(settings: KeyringSettings, claim_key: ClaimKey) -> Self {
        let (merchants, rings) = (RwLock::default(), RwLock::default());
        let (opening, beliefs) = (Mutex::default(), AtomicU64::new(0));
        Self { settings, claim_key, merchants, rings, opening, beliefs }
    }

    /// Takes back what [`Self::create`] made, before anything was signed or derived with it.
    pub fn take_back(self) -> Result<(), KeyFileError> {
        let path = self.settings.folder.join(ClaimKey::FILE_NAME);
        std::fs::remove_file(&path).map_err(|source| KeyFileError::io("remove", &path, source))
    }

    /// Opens a keys folder.
    pub fn open(settings: KeyringSettings) -> Result<Self, KeyFileError> {
        let claim_key = ClaimKey::open(&settings.folder.join(ClaimKey::FILE_NAME))?;
        Ok(Self::of(settings, claim_key))
    }

    /// Reads the keys of a merchant that has sold already: they must be there.
    pub fn load_merchant(&self, merchant: &Merchant) -> Result<(), KeyFileError> {
        let _turn = self.opening();
        let folder = self.folder_of(&merchant.id);
        let ring = self.ring(&merchant.id);
        let keys = MerchantKeys::open(&folder, &merchant.issuer, ring.as_ref())?;
        let keys = keys.ok_or(KeyFileError::Missing { path: folder })?;
        if let Some(path) = keys.lacking() {
            return Err(KeyFileError::Missing { path: path.to_owned() });
        }
        self.remember(&merchant.id, keys);
        Ok(())
    }

    /// Makes the keys of a merchant that has none here; `Ok(false)` if it has, for this issuer.
    pub fn create_merchant(&self, merchant: &MerchantId, issuer: &str) -> Result<bool, KeyFileError> {
        let _turn = self.opening();
        let folder = self.folder_of(merchant);
        if let Some(keys) = MerchantKeys::open(&folder, issuer, self.ring(merchant).as_ref())? {
            self.remember(merchant, keys);
            return Ok(false);
        }
        let keys = MerchantKeys::create(&folder, issuer, || (self.settings.randomness)())?;
        self.remember(merchant, keys);
        Ok(true)
    }

    /// Whether a license key was signed by one of the merchant's keys in this folder.
    pub fn has_signed(&self, merchant: &Merchant, license_key: &str) -> Result<bool, SigningError> {
        let keys = self.keys(merchant)?;
        let Ok(token) = UnverifiedToken::parse(license_key) else { return Ok(false) };
        let mut sets = std::iter::once(keys.verifying()).chain(keys.withdrawn());
        Ok(sets.any(|set| token.verify::<LicenseClaims>(set).is_ok()))
    }

    /// The vault of the same folder.
    pub fn vault(&self) -> Vault {
        Vault::of(&self.settings.folder, Arc::clone(&self.settings.randomness))
    }

    pub(super) fn folder_of(&self, merchant: &MerchantId) -> PathBuf {
        self.settings.folder.join(merchant.as_str())
    }

    fn remember(&self, merchant: &MerchantId, keys: MerchantKeys) -> Arc<MerchantKeys> {
        let keys = Arc::new(keys);
        let mut merchants = self.merchants.write().unwrap_or_else(PoisonError::into_inner);
        let before = merchants.insert(merchant.clone(), Arc::clone(&keys));
        let is_same = |before: &MerchantKeys| {
            (before.verifying(), before.withdrawn()) == (keys.verifying(), keys.withdrawn())
        };
        if !before.is_some_and(|before| is_same(&before)) {
            self.beliefs.fetch_add(1, Ordering::AcqRel);
        }
        keys
    }

    pub(super) fn known(&self, merchant: &MerchantId) -> Option<Arc<MerchantKeys>> {
        self.merchants.read().unwrap_or_else(PoisonError::into_inner).get(merchant).cloned()
    }

    fn ring(&self, merchant: &MerchantId) -> Option<KeyRing> {
        self.rings.read().unwrap_or_else(PoisonError::into_inner).get(merchant).cloned()
    }

    pub(super) fn keys(&self, merchant: &Merchant) -> Result<Arc<MerchantKeys>, SigningError> {
        match self.current(merchant) {
            Some(keys) => Ok(keys),
            None => self.reopen(merchant),
        }
    }

    /// What is known, unless the ring says something else by now.
    fn current(&self, merchant: &Merchant) -> Option<Arc<MerchantKeys>> {
        let known = self.known(&merchant.id).filter(|keys| keys.issuer == merchant.issuer)?;
        let rings = self.rings.read().unwrap_or_else(PoisonError::into_inner);
        let is_current =
            rings.get(&merchant.id).is_none_or(|ring| known.ring_keys.as_ref() == Some(&ring.keys));
        is_current.then_some(known)
    }

    /// Goes by this ring from now on. Until the folder could be read by it, nothing is signed by what was known before.
    pub(super) fn follow_ring(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
    ) -> Result<Arc<MerchantKeys>, SigningError> {
        let _turn = self.opening();
        self.rings.write().unwrap_or_else(PoisonError::into_inner).insert(merchant.id.clone(), ring.clone());
        if let Some(keys) = self.current(merchant) {
            return Ok(keys);
        }
        self.put_in_order(merchant, ring);
        self.open_in_turn(merchant)
    }

    /// Reads the folder again.
    pub(super) fn reopen(&self, merchant: &Merchant) -> Result<Arc<MerchantKeys>, SigningError> {
        let _turn = self.opening();
        self.open_in_turn(merchant)
    }

    fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_in_turn(&self, merchant: &Merchant) -> Result<Arc<MerchantKeys>, SigningError> {
        let ring = self.ring(&merchant.id);
        let opened = MerchantKeys::open(&self.folder_of(&merchant.id), &merchant.issuer, ring.as_ref());
        let keys = opened.map_err(|error| SigningError(error.to_string()))?;
        let keys =
            keys.ok_or_else(|| SigningError(format!("the merchant {} has no keys here", merchant.id)))?;
        Ok(self.remember(&merchant.id, keys))
    }

    fn sign<C: Claims>(&self, merchant: &Merchant, role: Role, claims: &C) -> Result<String, SigningError> {
        self.with_key(merchant, role, |key| key.sign(claims).map_err(|error| SigningError(error.to_string())))
    }

    fn with_key<T>(
        &self,
        merchant: &Merchant,
        role: Role,
        sign: impl FnOnce(&SigningKey) -> Result<T, SigningError>,
    ) -> Result<T, SigningError> {
        let keys = self.keys(merchant)?;
        let key = keys.signing(role).ok_or_else(|| {
            let path = keys.lacking().map_or(String::new(), |path| path.display().to_string());
            SigningError(format!(
                "no key of the role {} is here: copy {path} from another server",
                role.as_str()
            ))
        })?;
        sign(key)
    }
}

impl Signer for Keyring {
    fn prepare_merchant(&self, merchant: &Merchant) -> Result<bool, SigningError> {
        let folder = self.folder_of(&merchant.id);
        if folder.exists() {
            return self.keys(merchant).map(|_| false);
        }
        if !self.settings.may_create {
            return Err(SigningError(format!(
                "{} is missing and a server on a database makes no keys; run `lictor keys create {} --issuer {}` in one place and copy the keys folder to every server",
                folder.display(),
                merchant.id,
                merchant.issuer
            )));
        }
        self.create_merchant(&merchant.id, &merchant.issuer).map_err(|error| SigningError(error.to_string()))
    }

    fn commit_fingerprint(&self, merchant: &Merchant, product: &ProductId, text: &str) -> Option<Commitment> {
        let component = license_token::Component::Fp;
        license_token::machine::commit(&merchant.issuer, product.as_str(), component, text)
            .map(|value| value.0)
    }

    fn license_key(&self, order: &LicenseKeyOrder<'_>) -> Result<String, SigningError> {
        let uri = self.status_list_uri(&order.merchant.id, order.slot.list);
        self.sign(order.merchant, Role::License, &claims::license(order, uri)?)
    }

    fn certificate(&self, order: &CertificateOrder<'_>) -> Result<String, SigningError> {
        let uri = self.status_list_uri(&order.merchant.id, order.activation.slot.list);
        self.sign(order.merchant, Role::Activation, &claims::activation(order, uri)?)
    }

    fn status_list(&self, merchant: &Merchant, list: &StatusList) -> Result<String, SigningError> {
        let uri = self.status_list_uri(&merchant.id, list.number);
        self.sign(merchant, Role::Status, &claims::status_list(merchant, list, uri)?)
    }

    fn audit_head(&self, merchant: &Merchant, head: &ChainHead) -> Result<String, SigningError> {
        let failed = |error: &dyn std::fmt::Display| SigningError(error.to_string());
        let head = AuditHead {
            issuer: merchant.issuer.clone(),
            merchant: merchant.id.to_string(),
            issued_at: head.sealed_at.timestamp(),
            seq: i64::try_from(head.seq).map_err(|error| failed(&error))?,
            link: head.link,
        };
        self.with_key(merchant, Role::Status, |key| head.sign(key).map_err(|error| failed(&error)))
    }

    fn status_list_uri(&self, merchant: &MerchantId, number: StatusListNumber) -> String {
        format!("{}/v1/status-lists/{merchant}/{number}", self.settings.public_url)
    }

    fn claim_code(&self, license: &LicenseId, generation: u32) -> ClaimCode {
        self.claim_key.claim_code(license, generation)
    }

    fn claim_digest(&self, code: &ClaimCode) -> ClaimDigest {
        self.claim_key.claim_digest(code)
    }

    fn token_bytes(&self, key_digest: &[u8; 32]) -> [u8; 32] {
        self.claim_key.token_bytes(key_digest)
    }

    fn status_slot(&self, merchant: &MerchantId, count: u64) -> StatusSlot {
        self.claim_key.status_slot(merchant, count)
    }

    fn jwks(&self, merchant: &Merchant) -> Result<String, SigningError> {
        Ok(self.keys(merchant)?.verifying().to_json())
    }

    fn portal_url(&self) -> String {
        format!("{}/portal", self.settings.public_url)
    }

    fn sign_in_url(&self) -> String {
        format!("{}/console/sign-in", self.settings.public_url)
    }
}
