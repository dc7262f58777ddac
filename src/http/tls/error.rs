//! Why a certificate is not served, and what to do. Paths and names are told, never a key.

use std::io;
use std::path::PathBuf;

use crate::config::ReadError;
use crate::domain::Instant;

/// Why a certificate is not served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: {source}; {}", next_step(source))]
    Unreadable {
        /// Which setting names it.
        setting: &'static str,
        /// Why not.
        source: ReadError,
    },
    /// No certificate is in the file.
    #[error(
        "LICTOR_TLS_CERT_FILE: {path} holds no certificate in PEM form; name a file that begins with `-----BEGIN CERTIFICATE-----` (certbot: fullchain.pem)"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A part of the file is damaged, or the chain is absurdly long.
    #[error("LICTOR_TLS_CERT_FILE: certificate {number} in {path} cannot be read; {next}")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// What to do.
        next: &'static str,
    },
    /// The chain is not in order.
    #[error(
        "LICTOR_TLS_CERT_FILE: in {path} certificate {number} ({subject}) did not issue the one before it, whose issuer is {wanted}; put the leaf first and after each certificate the one that issued it"
    )]
    OutOfOrder {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// Whose it is.
        subject: String,
        /// Whose it should be.
        wanted: String,
    },
    /// The names fit and the signatures do not.
    #[error(
        "LICTOR_TLS_CERT_FILE: the chain in {path} does not hold: {source}; get the chain that belongs to this certificate from its CA"
    )]
    BrokenChain {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// It has ended.
    #[error(
        "LICTOR_TLS_CERT_FILE: certificate {number} in {path} has ended at {ends_at}; renew it, or set this machine's clock if it is wrong"
    )]
    Ended {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// When.
        ends_at: Instant,
    },
    /// It has not begun.
    #[error(
        "LICTOR_TLS_CERT_FILE: certificate {number} in {path} begins only at {starts_at}; set this machine's clock if it is wrong, or wait until then"
    )]
    NotBegun {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// When.
        starts_at: Instant,
    },
    /// No key is in the file.
    #[error(
        "LICTOR_TLS_KEY_FILE: {path} holds no private key in PEM form; name a file that begins with `-----BEGIN PRIVATE KEY-----` (certbot: privkey.pem)"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A service that starts by itself has nobody who types a pass phrase.
    #[error(
        "LICTOR_TLS_KEY_FILE: the key in {path} is encrypted; decrypt it with `openssl pkey -in {path} -out FILE` and let only this user read that file"
    )]
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is of a kind that TLS here does not speak.
    #[error(
        "LICTOR_TLS_KEY_FILE: the key in {path} cannot be used: {source}; use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits and more"
    )]
    UnusableKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The key is another certificate's.
    #[error(
        "LICTOR_TLS_KEY_FILE: the key in {key} does not belong to the first certificate in {cert}; name the two files of one renewal, and put the leaf first"
    )]
    ForeignKey {
        /// The key's file.
        key: PathBuf,
        /// The chain's file.
        cert: PathBuf,
    },
}

/// What is served all the same, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsWarning {
    /// A proxy that speaks TLS to this service may use a name of its own, so this is no reason to refuse.
    #[error(
        "the certificate in {path} does not name {host}, the host of LICTOR_PUBLIC_URL: who calls that address refuses it, unless a proxy in front shows another certificate. Get one for {host}"
    )]
    NameNotCovered {
        /// The chain's file.
        path: PathBuf,
        /// The host.
        host: String,
    },
    /// An own CA is as good as a public one for those who trust it.
    #[error(
        "the chain in {path} leads to no public root ({why}); its last certificate was issued by {issuer}. If that is a public CA, an intermediate certificate is missing: name the file with the full chain (certbot: fullchain.pem). If it is a CA of your own, marketplaces and customers must trust it"
    )]
    NotPublic {
        /// The chain's file.
        path: PathBuf,
        /// What rustls says.
        why: String,
        /// Who issued the last certificate.
        issuer: String,
    },
    /// A group of its own may be meant to read; everybody is not.
    #[error(
        "others than its owner may use the key {path} (mode {mode:04o}): allow it to this user alone, with chmod 600"
    )]
    OpenKey {
        /// The key's file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
}

fn next_step(error: &ReadError) -> &'static str {
    match error {
        ReadError::Io { source, .. } => match source.kind() {
            io::ErrorKind::NotFound => "name the file that holds it",
            io::ErrorKind::PermissionDenied => "give this user the right to read it",
            _ => "name a file that can be read",
        },
        ReadError::TooLong { .. } | ReadError::NotText { .. } => "name a file in PEM form",
    }
}
