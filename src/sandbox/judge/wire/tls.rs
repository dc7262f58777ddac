//! TLS as a client sees it, and what the certificate says.

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
};

use super::super::exchange::{CallFailure, Phase};
use super::{Deadline, Target, Timed};

const HTTP_1_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// Whose certificates are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

/// A file of further authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} is no PEM file of certificates: {why}")]
pub struct TrustError {
    path: String,
    why: String,
}

/// What an address shows of itself when TLS is agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1_2` or `TLSv1_3`.
    pub version: String,
    /// Whether HTTP/2 is taken by a client that offers both.
    pub prefers_http2: bool,
    /// How many certificates came.
    pub chain_length: usize,
    pub not_after: Option<DateTime<Utc>>,
    /// Why the certificate is not to be believed.
    pub fault: Option<CertificateFault>,
}

/// Why a certificate is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// No public authority signed it, or a certificate between is not sent along.
    #[error("no known authority signed the certificate, or the certificates between are not sent along")]
    UnknownIssuer,
    #[error("the certificate ended at {}", at.to_rfc3339())]
    Expired { at: DateTime<Utc> },
    #[error("the certificate begins at {}", from.to_rfc3339())]
    NotYetValid { from: DateTime<Utc> },
    /// The names that it is made out for.
    #[error("the certificate is made out for {}", names.join(", "))]
    WrongName { names: Vec<String> },
    #[error("the certificate cannot be verified: {0}")]
    Other(String),
}

impl Trust {
    /// The authorities that browsers believe.
    pub fn public() -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self { roots: Arc::new(roots), provider: Arc::new(rustls::crypto::ring::default_provider()) }
    }

    /// Beside them those of a PEM file: a company's own authority, for a trial.
    pub fn with_file(&self, path: &Path) -> Result<Self, TrustError> {
        let failed = |why: String| TrustError { path: path.display().to_string(), why };
        let mut roots = RootCertStore::clone(&self.roots);
        let known = roots.len();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
            let certificate = certificate.map_err(|error| failed(error.to_string()))?;
            roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        }
        if roots.len() == known {
            return Err(failed("there is none in it".to_owned()));
        }
        Ok(Self { roots: Arc::new(roots), provider: Arc::clone(&self.provider) })
    }

    /// Agrees on TLS with an address that is to be believed.
    pub(super) fn connect(
        &self,
        target: &Target,
        tcp: TcpStream,
        deadline: &Deadline,
    ) -> Result<StreamOwned<ClientConnection, Timed>, CallFailure> {
        let verifier = self.verifier()?;
        self.handshake(target, tcp, deadline, verifier, &[HTTP_1_1])
    }

    /// Agrees on TLS with any address; nothing is sent over such a connection.
    pub(super) fn inspect(
        &self,
        target: &Target,
        tcp: TcpStream,
        deadline: &Deadline,
        now: DateTime<Utc>,
    ) -> Result<TlsFacts, CallFailure> {
        let anybody = Arc::new(Anybody { verifier: self.verifier()? });
        let stream = self.handshake(target, tcp, deadline, anybody, &[HTTP_2, HTTP_1_1])?;
        let connection = &stream.conn;
        let chain = connection.peer_certificates().unwrap_or_default();
        let version = connection.protocol_version().and_then(|version| version.as_str()).unwrap_or("unknown");
        Ok(TlsFacts {
            version: version.to_owned(),
            prefers_http2: connection.alpn_protocol() == Some(HTTP_2),
            chain_length: chain.len(),
            not_after: self.not_after(target, chain),
            fault: self.fault(target, chain, unix_time(now)),
        })
    }

    fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, CallFailure> {
        let built =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
                .build();
        built.map_err(|error| CallFailure::Tls(error.to_string()))
    }

    fn handshake(
        &self,
        target: &Target,
        tcp: TcpStream,
        deadline: &Deadline,
        verifier: Arc<dyn ServerCertVerifier>,
        alpn: &[&[u8]],
    ) -> Result<StreamOwned<ClientConnection, Timed>, CallFailure> {
        let failed = |error: Error| CallFailure::Tls(error.to_string());
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let connection = ClientConnection::new(Arc::new(config), server_name(target)?).map_err(failed)?;
        let sock = Timed { tcp, deadline: *deadline, phase: Phase::TlsHandshake };
        let mut stream = StreamOwned::new(connection, sock);
        while stream.conn.is_handshaking() {
            let done = stream.conn.complete_io(&mut stream.sock);
            done.map_err(|error| match super::failure_of(&error, Phase::TlsHandshake, deadline.whole) {
                CallFailure::Closed => CallFailure::Tls("the other side broke the handshake off".to_owned()),
                other => other,
            })?;
        }
        Ok(stream)
    }

    fn fault(
        &self,
        target: &Target,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Option<CertificateFault> {
        match self.verified(target, chain, now)? {
            Error::InvalidCertificate(error) => Some(fault_of(error)),
            other => Some(CertificateFault::Other(other.to_string())),
        }
    }

    /// The first certificate's dates are looked at before who signed it: at the end of time it tells its end, whoever
    /// signed it. This spares a parser of certificates.
    fn not_after(&self, target: &Target, chain: &[CertificateDer<'_>]) -> Option<DateTime<Utc>> {
        let end_of_time = UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 1_000));
        match self.fault(target, chain, end_of_time)? {
            CertificateFault::Expired { at } => Some(at),
            CertificateFault::UnknownIssuer
            | CertificateFault::NotYetValid { .. }
            | CertificateFault::WrongName { .. }
            | CertificateFault::Other(_) => None,
        }
    }

    fn verified(&self, target: &Target, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<Error> {
        let (Some((first, between)), Ok(verifier)) = (chain.split_first(), self.verifier()) else {
            return Some(Error::NoCertificatesPresented);
        };
        let name = server_name(target).ok()?;
        verifier.verify_server_cert(first, between, &name, &[], now).err()
    }
}

fn fault_of(error: CertificateError) -> CertificateFault {
    match error {
        CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
        CertificateError::ExpiredContext { not_after, .. } => {
            CertificateFault::Expired { at: instant(not_after) }
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            CertificateFault::NotYetValid { from: instant(not_before) }
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            CertificateFault::WrongName { names: presented }
        }
        other => CertificateFault::Other(Error::InvalidCertificate(other).to_string()),
    }
}

fn server_name(target: &Target) -> Result<ServerName<'static>, CallFailure> {
    let host = target.host.trim_matches(['[', ']']).to_owned();
    ServerName::try_from(host).map_err(|_| CallFailure::Tls("the host is no name".to_owned()))
}

fn unix_time(instant: DateTime<Utc>) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(instant.timestamp()).unwrap_or(0)))
}

fn instant(time: UnixTime) -> DateTime<Utc> {
    let secs = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_timestamp(secs, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Takes every certificate, so that one that is not to be believed can be looked at. The handshake is still verified.
#[derive(Debug)]
struct Anybody {
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _first: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
