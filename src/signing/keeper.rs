//! What the keys folder does with a key ring.

use std::sync::atomic::Ordering;

use license_token::claims::{Claims, Env};
use license_token::json::{self, Limits, ObjectWriter, Value};
use license_token::{
    KeySet, KeySetClaims, Role, UnverifiedToken, VerifyingKey, Withdrawal, WithdrawalMode, trust,
};

use super::key_file::{KeyFileError, sync_folder_of};
use super::keyring::Keyring;
use super::merchant_keys::{FileKind, foreign, make_key, own, path_of};
use crate::application::ports::{HeldKey, KeyKeeper, SignedKeySet, SigningError};
use crate::domain::{Instant, KeyId, KeyRing, KeyRole, KeyState, Merchant, MerchantId, RevocationMode};

/// How long a key set is good as news, in days; what it says goes on to count.
pub const KEY_SET_LIFETIME_DAYS: i64 = 366;

fn failed(error: impl std::fmt::Display) -> SigningError {
    SigningError(error.to_string())
}

impl KeyKeeper for Keyring {
    fn held_keys(&self, merchant: &Merchant) -> Result<Vec<HeldKey>, SigningError> {
        // Read anew: somebody may have put a key there.
        let keys = self.reopen(merchant)?;
        let held = keys.files().iter().map(|file| {
            let key = file.key.verifying_key();
            Ok(HeldKey {
                kid: key_id(key.kid())?,
                role: own(key.role()),
                public: *key.public(),
                is_staged: file.kind == FileKind::Staged,
                is_revoked: file.kind == FileKind::Revoked,
            })
        });
        held.collect()
    }

    fn make_key(&self, merchant: &Merchant, role: KeyRole) -> Result<HeldKey, SigningError> {
        if !self.settings.may_create {
            return Err(SigningError(format!(
                "a server on a database makes no keys: run `lictor keys stage {} --role {}` in one place, copy the keys folder to every server, then rotate",
                merchant.id,
                role.as_str()
            )));
        }
        self.stage_key(&merchant.id, &merchant.issuer, foreign(role)).map_err(failed)
    }

    fn follow(&self, merchant: &Merchant, ring: &KeyRing) -> Result<Vec<KeyId>, SigningError> {
        let keys = self.follow_ring(merchant, ring)?;
        let is_here =
            |kid: &KeyId| keys.files().iter().any(|file| file.key.verifying_key().kid() == kid.as_str());
        let active =
            ring.keys.iter().filter(|key| key.state == KeyState::Active && key.role != KeyRole::Root);
        Ok(active.filter(|key| !is_here(&key.kid)).map(|key| key.kid.clone()).collect())
    }

    fn beliefs(&self) -> u64 {
        self.beliefs.load(Ordering::Acquire)
    }

    fn is_withdrawn(&self, merchant: &MerchantId, text: &str) -> bool {
        let Some(keys) = self.known(merchant) else { return false };
        let Some(withdrawn) = keys.withdrawn() else { return false };
        kid_of(text).is_some_and(|kid| withdrawn.get(&kid).is_some())
    }

    fn has_withdrawn(&self, merchant: &MerchantId) -> bool {
        self.known(merchant).is_some_and(|keys| keys.withdrawn().is_some())
    }

    fn signer_of(&self, text: &str) -> Option<KeyId> {
        KeyId::parse(&kid_of(text)?).ok()
    }

    fn withdrawn_jwks(&self, merchant: &Merchant) -> Result<Option<String>, SigningError> {
        Ok(self.keys(merchant)?.withdrawn().map(KeySet::to_json))
    }

    fn key_set_payload(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        seq: u64,
        now: Instant,
    ) -> Result<String, SigningError> {
        let jwk = |role, public| VerifyingKey::new(public, role, &merchant.issuer).map_err(failed);
        let keys = ring.told().map(|key| jwk(foreign(key.role), &key.public)).collect::<Result<_, _>>()?;
        let withdrawal = |key: &crate::domain::RingKey| match &key.state {
            KeyState::Revoked { at, mode } => Some(Withdrawal {
                kid: key.kid.to_string(),
                at: at.timestamp(),
                mode: match mode {
                    RevocationMode::All => WithdrawalMode::All,
                    RevocationMode::After => WithdrawalMode::After,
                },
            }),
            KeyState::Staged | KeyState::Active | KeyState::Verifying | KeyState::Retired { .. } => None,
        };
        let claims = KeySetClaims {
            iss: merchant.issuer.clone(),
            iat: now.timestamp(),
            exp: (now + chrono::TimeDelta::days(KEY_SET_LIFETIME_DAYS)).timestamp(),
            env: Env::Live,
            seq: i64::try_from(seq).map_err(failed)?,
            keys,
            revoked: ring.keys.iter().filter_map(withdrawal).collect(),
        };
        let mut payload = ObjectWriter::new();
        claims.write(&mut payload);
        Ok(payload.finish())
    }

    fn sign_key_set(&self, merchant: &Merchant, payload: &str) -> Result<Option<String>, SigningError> {
        let keys = self.reopen(merchant)?;
        let Some(root) = keys.signing(Role::Root) else { return Ok(None) };
        Ok(Some(root.sign(&read_payload(payload)?).map_err(failed)?))
    }

    fn read_key_set(
        &self,
        merchant: &Merchant,
        ring: &KeyRing,
        text: &str,
        root: Option<&str>,
    ) -> Result<SignedKeySet, SigningError> {
        let known = ring.keys.iter().filter(|key| key.role == KeyRole::Root);
        let known =
            known.map(|key| VerifyingKey::new(&key.public, Role::Root, &merchant.issuer).map_err(failed));
        let mut roots = known.collect::<Result<Vec<_>, _>>()?;
        if roots.is_empty() {
            let given = root.ok_or_else(|| {
                SigningError(
                    "the root is not known here: send its JWK along, as `lictor keys keyset sign` writes it"
                        .into(),
                )
            })?;
            let given = KeySet::parse(format!(r#"{{"keys":[{given}]}}"#).as_bytes()).map_err(failed)?;
            roots.extend(given.keys().iter().filter(|key| key.role() == Role::Root).cloned());
        }
        let pinned = KeySet::new(roots).map_err(failed)?;
        let token = trust::accept(text, &pinned, &merchant.issuer, None).map_err(failed)?;
        let root = pinned.get(token.kid()).ok_or_else(|| failed("the root is not known here"))?;
        let mut payload = ObjectWriter::new();
        token.claims().write(&mut payload);
        Ok(SignedKeySet { payload: payload.finish(), root: key_id(root.kid())?, root_public: *root.public() })
    }
}

impl Keyring {
    /// Makes a key in the merchant's folder that signs nothing before a ring says so.
    pub fn stage_key(
        &self,
        merchant: &MerchantId,
        issuer: &str,
        role: Role,
    ) -> Result<HeldKey, KeyFileError> {
        let folder = self.folder_of(merchant);
        if !folder.exists() {
            return Err(KeyFileError::Missing { path: folder });
        }
        let key = make_key(&folder, role, issuer, &(self.settings.randomness)(), FileKind::Staged)?;
        let kid = KeyId::parse(key.kid()).map_err(|_| KeyFileError::Malformed { path: folder })?;
        Ok(HeldKey { kid, role: own(role), public: *key.public(), is_staged: true, is_revoked: false })
    }

    /// File names follow the ring, so that a restored store cannot bring a revoked key back, and programs that know no ring
    /// sign with the right one. A keys folder that cannot be written costs only that.
    pub(super) fn put_in_order(&self, merchant: &Merchant, ring: &KeyRing) {
        let folder = self.folder_of(&merchant.id);
        for key in &ring.keys {
            let (from, to) = match key.state {
                KeyState::Active | KeyState::Verifying => (vec![FileKind::Staged], FileKind::Plain),
                KeyState::Revoked { .. } => (vec![FileKind::Staged, FileKind::Plain], FileKind::Revoked),
                KeyState::Staged | KeyState::Retired { .. } => continue,
            };
            let path = |kind| path_of(&folder, foreign(key.role), key.kid.as_str(), kind);
            for from in from.into_iter().map(path).filter(|path| path.exists()) {
                let renamed = std::fs::rename(&from, path(to));
                let synced = renamed.map_err(failed).and_then(|()| sync_folder_of(&from).map_err(failed));
                if let Err(error) = synced {
                    let (path, error) = (from.display(), error.to_string());
                    tracing::warn!(%path, error, "the file of a key could not be renamed as it stands now");
                }
            }
        }
    }
}

fn key_id(kid: &str) -> Result<KeyId, SigningError> {
    KeyId::parse(kid).map_err(failed)
}

fn kid_of(text: &str) -> Option<String> {
    let token = UnverifiedToken::parse_status_list(text).ok()?;
    token.inspect().header.get("kid").and_then(Value::as_str).map(str::to_owned)
}

/// The claims of a key set, from their JSON.
pub(super) fn read_payload(payload: &str) -> Result<KeySetClaims, SigningError> {
    let value = json::parse(payload.as_bytes(), &Limits::TOKEN)
        .map_err(|_| failed("the claims are no strict JSON"))?;
    KeySetClaims::read(&value).map_err(failed)
}
