//! TLS towards the database, by rustls as everywhere else: no C library whose version the host decides.
//!
//! There is no `prefer`: whoever stands between could make it mean `disable`, and nobody would notice.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};

/// How far the server must show who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No TLS.
    Disable,
    /// Encrypted, whoever answers; with a file of authorities the same as [`Mode::VerifyCa`], as `libpq` has it.
    Require,
    /// A known authority signed its certificate, for whatever name.
    VerifyCa,
    /// And for this name.
    VerifyFull,
}

impl Mode {
    /// As it stands in an address.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "disable" => Some(Self::Disable),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

/// Files that an address names.
#[derive(Debug, Default)]
pub struct Files {
    /// Certificates of the authorities that are believed; without it the public ones.
    pub roots: Option<String>,
    /// Our own certificate, and its key.
    pub certificate: Option<String>,
    /// See there.
    pub key: Option<String>,
}

/// Makes TLS of connections, where the address wants it.
#[derive(Clone)]
pub struct Connector(Option<Arc<ClientConfig>>);

impl Connector {
    /// Reads the files; says what is wrong with them.
    pub fn new(mode: Mode, files: &Files) -> Result<Self, String> {
        if mode == Mode::Disable {
            return Ok(Self(None));
        }
        let provider = Arc::new(ring::default_provider());
        let checks = match (mode, &files.roots) {
            (Mode::Require, None) => Checks { verifier: None, names: false, provider: Arc::clone(&provider) },
            (Mode::Disable | Mode::Require | Mode::VerifyCa | Mode::VerifyFull, roots) => {
                let verifier = WebPkiServerVerifier::builder_with_provider(
                    Arc::new(trusted(roots.as_deref())?),
                    Arc::clone(&provider),
                );
                let verifier = verifier.build().map_err(|error| error.to_string())?;
                let names = mode == Mode::VerifyFull;
                Checks { verifier: Some(verifier), names, provider: Arc::clone(&provider) }
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(checks));
        let config = match (&files.certificate, &files.key) {
            (None, None) => config.with_no_client_auth(),
            (Some(certificate), Some(key)) => config
                .with_client_auth_cert(certificates("sslcert", certificate)?, private_key(key)?)
                .map_err(|error| format!("sslcert and sslkey cannot be used: {error}"))?,
            (Some(_), None) => return Err("sslcert needs sslkey, the key that belongs to it".to_owned()),
            (None, Some(_)) => return Err("sslkey needs sslcert, the certificate it belongs to".to_owned()),
        };
        Ok(Self(Some(Arc::new(config))))
    }
}

/// The authorities of a file, or the public ones.
fn trusted(roots: Option<&str>) -> Result<RootCertStore, String> {
    let Some(path) = roots.filter(|path| *path != "system") else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let mut store = RootCertStore::empty();
    for certificate in certificates("sslrootcert", path)? {
        store.add(certificate).map_err(|error| format!("sslrootcert={path}: {error}"))?;
    }
    Ok(store)
}

fn certificates(setting: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read =
        CertificateDer::pem_file_iter(Path::new(path)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| format!("{setting}={path}: {error}"))?;
    if found.is_empty() {
        Err(format!("{setting}={path} holds no certificate in PEM form"))
    } else {
        Ok(found)
    }
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(Path::new(path)).map_err(|error| format!("sslkey={path}: {error}"))
}

/// What a server's certificate must be.
#[derive(Debug)]
struct Checks {
    /// `None`: anybody's will do.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Checks {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(verifier) = &self.verifier else { return Ok(ServerCertVerified::assertion()) };
        // Names come last: whatever else is wrong was said before.
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            told => told,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// For one server.
pub struct ToServer {
    config: Option<Arc<ClientConfig>>,
    name: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Encrypted<S>;
    type TlsConnect = ToServer;
    type Error = io::Error;

    /// The name is looked at when TLS begins: a socket has none, and needs none.
    fn make_tls_connect(&mut self, name: &str) -> io::Result<ToServer> {
        Ok(ToServer { config: self.0.clone(), name: name.to_owned() })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for ToServer {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let config = self.config.ok_or_else(|| io::Error::other("no TLS was asked for"))?;
            let name = ServerName::try_from(self.name).map_err(io::Error::other)?;
            tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(Encrypted)
        })
    }
}

/// An encrypted connection.
pub struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    /// None is offered: the certificate already says whom the password goes to.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
