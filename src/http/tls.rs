//! TLS of the service's own: which certificate is shown, since when, and until when.
//!
//! The two files are judged before anything listens, and read again when they change, however a renewal puts them
//! there. TLS 1.2 and 1.3 are spoken, by rustls alone. Handshakes that fail are told to the caller and not to the log:
//! the internet makes them all day.

mod certificate;
mod error;
mod pair;
mod preface;
mod watch;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};

pub use error::{TlsError, TlsWarning};
use pair::Pair;
pub(super) use preface::PrefaceAcceptor;
use watch::{CertificateWatch, Looked};

use crate::application::ports::Clock;
use crate::telemetry::CERTIFICATE_EXPIRY;

/// From one look at the files to the next. A change counts once it stands for two looks: certificate and key are
/// seldom replaced in the same instant.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Where certificate and key are, and what they are for.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The chain as PEM, the leaf first.
    pub cert_file: PathBuf,
    /// The leaf's private key as PEM.
    pub key_file: PathBuf,
    /// The address that callers use, whose host the leaf should name.
    pub public_url: Option<String>,
}

impl TlsFiles {
    /// Judges the files as a start does, and says what is not wrong but hardly meant.
    pub fn check(&self, clock: &dyn Clock) -> Result<Vec<TlsWarning>, TlsError> {
        Ok(Pair::read(self, clock.now())?.warnings)
    }
}

/// A certificate that is served.
pub struct Tls {
    config: RustlsConfig,
    watch: CertificateWatch,
    http2: bool,
    clock: Arc<dyn Clock>,
}

impl Tls {
    /// Reads and judges the files. With `http2` callers may choose HTTP/2, which lower-cases `Body-Sign`.
    pub fn load(files: TlsFiles, http2: bool, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let (watch, pair) = CertificateWatch::start(files, clock.now())?;
        told(&pair);
        let config = RustlsConfig::from_config(server_config(pair.key, http2));
        Ok(Self { config, watch, http2, clock })
    }

    /// Whether HTTP/2 is offered.
    pub(super) fn offers_http2(&self) -> bool {
        self.http2
    }

    /// Ends TLS for connections whose handshake is done within `handshake_time`.
    pub(super) fn acceptor(&self, handshake_time: Duration) -> RustlsAcceptor<NoDelayAcceptor> {
        RustlsAcceptor::new(self.config.clone())
            .handshake_timeout(handshake_time)
            .acceptor(NoDelayAcceptor::new())
    }

    /// Looks after the files for as long as it is polled: new handshakes get a new certificate, connections that are
    /// open stay; what is not fit to be served leaves the old certificate in force.
    pub(super) async fn keep_current(self) -> Infallible {
        let Self { config, mut watch, http2, clock } = self;
        let mut looks = tokio::time::interval(BETWEEN_LOOKS);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let now = clock.now();
            if let Some(notice) = watch.expiry_notice(now) {
                tracing::warn!("{notice}");
            }
            let looking = tokio::task::spawn_blocking(move || {
                let looked = watch.look(now);
                (watch, looked)
            });
            let looked;
            (watch, looked) = looking.await.expect("reading two files does not panic");
            match looked {
                Looked::Unchanged => {}
                Looked::Renewed(pair) => {
                    told(&pair);
                    tracing::info!(ends_at = %pair.ends_at, "a new TLS certificate is served");
                    config.reload_from_config(server_config(pair.key, http2));
                }
                Looked::Refused(error) => {
                    tracing::error!(%error, "the new TLS certificate is not served, the old one still is");
                }
            }
        }
    }
}

fn told(pair: &Pair) {
    CERTIFICATE_EXPIRY.set(pair.ends_at);
    pair.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
}

/// The one provider of the program; `ureq` uses it too.
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn server_config(key: CertifiedKey, http2: bool) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("ring has cipher suites for both");
    let certificate = Arc::new(SingleCertAndKey::from(key));
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificate);
    // HTTP/2 is agreed on before the path is known, so it is offered for all addresses or for none.
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}
