//! Certificate chain and key from their files, judged together.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, RootCertStore};
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::{TlsError, TlsFiles, TlsWarning, provider};
use crate::config::read_text;
use crate::domain::Instant;

/// Longest file of certificates, and of a key.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Longest chain: a leaf, its intermediates and a root are four.
const CHAIN_CERTIFICATES_MAX: usize = 10;
/// Rights that more than owner and a reading group have.
const OPEN_MODE: u32 = 0o027;

/// What can be served.
pub struct Pair {
    /// Chain and key.
    pub key: CertifiedKey,
    /// When the first certificate of the chain ends that callers need.
    pub ends_at: Instant,
    /// What is not wrong but hardly meant.
    pub warnings: Vec<TlsWarning>,
}

impl Pair {
    /// Reads both files and judges them at this time.
    pub fn read(files: &TlsFiles, now: Instant) -> Result<Self, TlsError> {
        let cert_file = &files.cert_file;
        let chain = chain(cert_file)?;
        let facts = facts(cert_file, &chain)?;
        in_order(cert_file, &facts)?;
        let ends_at = valid_until(cert_file, &facts, now)?;
        links_hold(cert_file, &chain, now)?;
        let warnings = warnings(files, &chain, &facts, now);
        let key = CertifiedKey::from_der(chain, private_key(&files.key_file)?, &provider());
        let key = key.map_err(|source| match source {
            Error::InconsistentKeys(_) => {
                TlsError::ForeignKey { key: files.key_file.clone(), cert: cert_file.clone() }
            }
            source => TlsError::UnusableKey { path: files.key_file.clone(), source },
        })?;
        Ok(Self { key, ends_at, warnings })
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_text(path, FILE_BYTES_MAX)
        .map_err(|source| TlsError::Unreadable { setting: "LICTOR_TLS_CERT_FILE", source })?;
    let bad =
        |number: usize, next| TlsError::BadCertificate { path: path.to_owned(), number: number + 1, next };
    let mut chain = Vec::new();
    for (number, certificate) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        if number == CHAIN_CERTIFICATES_MAX {
            return Err(bad(number, "a chain has at most 10: leave out what does not belong to it"));
        }
        chain.push(certificate.map_err(|_| bad(number, "copy the file again from where it was made"))?);
    }
    if chain.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(chain) }
}

fn facts(path: &Path, chain: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, TlsError> {
    let next = "copy the file again from where it was made";
    let bad = |number: usize| TlsError::BadCertificate { path: path.to_owned(), number: number + 1, next };
    let read = |(number, encoded)| Certificate::read(encoded).ok_or_else(|| bad(number));
    chain.iter().enumerate().map(read).collect()
}

fn in_order(path: &Path, facts: &[Certificate]) -> Result<(), TlsError> {
    let mut pairs = facts.windows(2).enumerate();
    let wrong = pairs.find(|(_, pair)| pair[0].issuer != pair[1].subject);
    wrong.map_or(Ok(()), |(at, pair)| {
        Err(TlsError::OutOfOrder {
            path: path.to_owned(),
            number: at + 2,
            subject: pair[1].subject.to_string(),
            wanted: pair[0].issuer.to_string(),
        })
    })
}

/// The first end among leaf and intermediates. A root that comes along is nobody's business: callers use their own.
fn valid_until(path: &Path, facts: &[Certificate], now: Instant) -> Result<Instant, TlsError> {
    let needed = facts.iter().enumerate().filter(|(at, it)| *at == 0 || !it.is_self_issued());
    let mut first_end = Instant::MAX_UTC;
    for (at, certificate) in needed {
        let (path, number) = (path.to_owned(), at + 1);
        let (starts_at, ends_at) = (certificate.starts_at, certificate.ends_at);
        if now < starts_at {
            return Err(TlsError::NotBegun { path, number, starts_at });
        }
        // RFC 5280 4.1.2.5: the last second belongs to the validity; this end is exclusive, and so a second early.
        if now >= ends_at {
            return Err(TlsError::Ended { path, number, ends_at });
        }
        first_end = first_end.min(ends_at);
    }
    Ok(first_end)
}

/// Each certificate signed by the next: the last one of several is taken for the root of the others.
fn links_hold(path: &Path, chain: &[CertificateDer<'_>], now: Instant) -> Result<(), TlsError> {
    let [leaf, between @ .., last] = chain else { return Ok(()) };
    let broken = |source| TlsError::BrokenChain { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    roots.add(last.clone()).map_err(broken)?;
    leads_to(&roots, leaf, between, now).map_err(broken)
}

fn leads_to(
    roots: &RootCertStore,
    leaf: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    now: Instant,
) -> Result<(), Error> {
    let leaf = ParsedCertificate::try_from(leaf)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.timestamp().try_into().unwrap_or(0)));
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&leaf, roots, between, now, algorithms)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read_text(path, FILE_BYTES_MAX).map(Zeroizing::new);
    let text = text.map_err(|source| TlsError::Unreadable { setting: "LICTOR_TLS_KEY_FILE", source })?;
    // `BEGIN ENCRYPTED PRIVATE KEY`, or the older `Proc-Type: 4,ENCRYPTED`.
    if text.contains("ENCRYPTED") {
        return Err(TlsError::EncryptedKey { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| TlsError::NoKey { path: path.to_owned() })
}

fn warnings(
    files: &TlsFiles,
    chain: &[CertificateDer<'_>],
    facts: &[Certificate],
    now: Instant,
) -> Vec<TlsWarning> {
    let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let not_public = leads_to(&public, &chain[0], &chain[1..], now).err().map(|why| TlsWarning::NotPublic {
        path: files.cert_file.clone(),
        why: why.to_string(),
        issuer: facts.last().map_or_else(String::new, |last| last.issuer.to_string()),
    });
    let host = files.public_url.as_deref().and_then(host_of);
    let not_covered = host.filter(|host| !covers(&chain[0], host));
    let not_covered = not_covered
        .map(|host| TlsWarning::NameNotCovered { path: files.cert_file.clone(), host: host.to_owned() });
    [not_covered, not_public, open_key(&files.key_file)].into_iter().flatten().collect()
}

fn covers(leaf: &CertificateDer<'_>, host: &str) -> bool {
    let Ok(leaf) = ParsedCertificate::try_from(leaf) else { return false };
    ServerName::try_from(host).is_ok_and(|name| verify_server_name(&leaf, &name).is_ok())
}

/// The host of an address, an IPv6 one without its brackets.
fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

fn open_key(path: &Path) -> Option<TlsWarning> {
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & OPEN_MODE != 0).then(|| TlsWarning::OpenKey { path: path.to_owned(), mode })
}

#[cfg(test)]
mod tests;
