//! What a certificate says of itself: names and validity. Signatures are rustls' to check.

use rustls::pki_types::CertificateDer;
use x509_cert::der::Decode as _;
use x509_cert::name::Name;
use x509_cert::time::Time;

use crate::domain::Instant;

/// One certificate of a chain.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub subject: Name,
    pub issuer: Name,
    pub starts_at: Instant,
    pub ends_at: Instant,
}

impl Certificate {
    /// `None`: it is none.
    pub fn read(encoded: &CertificateDer<'_>) -> Option<Self> {
        let read = x509_cert::Certificate::from_der(encoded).ok()?;
        let facts = read.tbs_certificate();
        Some(Self {
            subject: facts.subject().clone(),
            issuer: facts.issuer().clone(),
            starts_at: instant(facts.validity().not_before)?,
            ends_at: instant(facts.validity().not_after)?,
        })
    }

    /// Whether it names itself as its issuer: a root, or self-signed.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }
}

fn instant(time: Time) -> Option<Instant> {
    Instant::from_timestamp(i64::try_from(time.to_unix_duration().as_secs()).ok()?, 0)
}
