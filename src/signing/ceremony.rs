//! Signing a key set on the machine with the root, which needs no server and no network.

use std::path::{Path, PathBuf};

use license_token::{KeySetClaims, Role, SigningKey};
use serde::{Deserialize, Serialize};

use super::keeper::read_payload;
use super::key_file::{KeyFileError, read_key};
use super::merchant_keys::bind;

/// What a request says of itself.
pub const REQUEST_FORMAT: &str = "lictor-keyset-request";

/// Why a key set was not signed.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// The root cannot be read.
    #[error(transparent)]
    Root(#[from] KeyFileError),
    /// The request is none.
    #[error("{path} is no request for a key set ({why}): fetch it again with `lictor keys keyset request`")]
    Request {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The root does not sign this.
    #[error("the root does not sign this: {0}")]
    Refused(String),
}

#[derive(Serialize, Deserialize)]
struct Request {
    format: String,
    issuer: String,
    payload: String,
}

/// What was signed.
#[derive(Debug, Clone)]
pub struct SignedOffline {
    /// The signed text.
    pub keyset: String,
    /// The root's public half, as a JWK.
    pub root: String,
    /// What it says, for people to look at.
    pub claims: KeySetClaims,
}

/// Signs what a request asks for with the root of a file.
pub fn sign_offline(root: &Path, request: &Path) -> Result<SignedOffline, CeremonyError> {
    let wrong = |why: String| CeremonyError::Request { path: request.to_owned(), why };
    let text = std::fs::read(request).map_err(|error| wrong(error.to_string()))?;
    let read: Request = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
    if read.format != REQUEST_FORMAT {
        return Err(wrong("it is of another format".to_owned()));
    }
    let claims = read_payload(&read.payload).map_err(|error| wrong(error.to_string()))?;
    if claims.iss != read.issuer {
        return Err(wrong("its issuer is not that of its claims".to_owned()));
    }
    let key = bind(read_key(root)?, Role::Root, &read.issuer, root)?;
    let keyset = key.sign(&claims).map_err(|error| CeremonyError::Refused(error.to_string()))?;
    Ok(SignedOffline { keyset, root: key.public_jwk(), claims })
}

/// Reads a private key of a role from its file, as whoever can read the file can.
pub fn read_signing_key(path: &Path, role: Role, issuer: &str) -> Result<SigningKey, KeyFileError> {
    bind(read_key(path)?, role, issuer, path)
}

/// A key as a thief has it who can read the keys folder: for the theft drill.
pub struct StolenKey(SigningKey);

impl StolenKey {
    /// Copies it.
    pub fn read(path: &Path, role: Role, issuer: &str) -> Result<Self, KeyFileError> {
        read_signing_key(path, role, issuer).map(Self)
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        self.0.verifying_key().kid()
    }

    /// Forges.
    pub fn sign<C: license_token::claims::Claims>(&self, claims: &C) -> Result<String, String> {
        self.0.sign(claims).map_err(|error| error.to_string())
    }
}
