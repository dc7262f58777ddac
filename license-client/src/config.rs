use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use license_token::key_set::KeySetError;
use license_token::{Amount, Env, KeySet};

use crate::clock::{self, BootClock, Clock, Uptime};
use crate::environment::{self, Environment};
use crate::keyset::News;
use crate::machine::{HostMachine, ReadMachine};

const TIME_LIMIT: Duration = Duration::from_secs(10);

/// What the software knows about its own licensing. Made once at start-up.
#[derive(Clone)]
pub struct Config {
    pub(crate) product: String,
    pub(crate) issuer: String,
    /// The pinned ones.
    pub(crate) keys: KeySet,
    pub(crate) news: News,
    pub(crate) env: Env,
    pub(crate) server: Option<String>,
    pub(crate) app: String,
    pub(crate) machine_name: Option<String>,
    pub(crate) build_released_at: Option<i64>,
    pub(crate) time_limit: Duration,
    pub(crate) clock: Clock,
    pub(crate) boot_clock: BootClock,
    pub(crate) environment: Environment,
    pub(crate) machine: Arc<dyn ReadMachine>,
    pub(crate) shares: Vec<(String, Amount)>,
    state_dir: PathBuf,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Config");
        shown.field("product", &self.product).field("issuer", &self.issuer).field("server", &self.server);
        shown.field("state_dir", &self.state_dir).finish_non_exhaustive()
    }
}

impl Config {
    /// * `product` – `aud` of its tokens
    /// * `issuer` – `iss` of its tokens
    /// * `pinned_keys` – a JWK Set, what `lictor keys public` prints
    /// * `state_dir` – a folder that is this product's and lasts over restarts; it is made when needed
    ///
    /// # Errors
    /// The key set is refused, or has no key of this issuer.
    pub fn new(
        product: &str,
        issuer: &str,
        pinned_keys: &str,
        state_dir: impl AsRef<Path>,
    ) -> Result<Self, ConfigError> {
        let keys = KeySet::parse(pinned_keys.as_bytes()).map_err(ConfigError::Keys)?;
        if !keys.keys().iter().any(|key| key.issuer() == issuer) {
            return Err(ConfigError::NoKeyOfIssuer);
        }
        Ok(Self {
            product: product.to_owned(),
            issuer: issuer.to_owned(),
            keys,
            news: News::default(),
            env: Env::Live,
            server: None,
            app: environment::prefix(product),
            machine_name: None,
            build_released_at: None,
            time_limit: TIME_LIMIT,
            clock: clock::system(),
            boot_clock: clock::boot(),
            environment: environment::process(),
            machine: Arc::new(HostMachine),
            shares: Vec::new(),
            state_dir: state_dir.as_ref().to_owned(),
        })
    }

    /// The license server, such as `https://license.acme.example`. Without one nothing ever goes online.
    #[must_use]
    pub fn server(mut self, url: &str) -> Self {
        self.server = Some(url.trim_end_matches('/').to_owned());
        self
    }

    /// Prefix of the environment variables, in place of the product in capitals (`acme-cad` → `ACME_CAD`).
    #[must_use]
    pub fn app(mut self, prefix: &str) -> Self {
        self.app = prefix.to_owned();
        self
    }

    /// Takes test licenses in place of live ones.
    #[must_use]
    pub fn test_licenses(mut self) -> Self {
        self.env = Env::Test;
        self
    }

    /// What people call this machine; shown where places are released. Default: the host's name.
    #[must_use]
    pub fn machine_name(mut self, name: &str) -> Self {
        self.machine_name = Some(name.to_owned());
        self
    }

    /// When this build was released, in Unix seconds: a license whose updates ended before does not cover it.
    #[must_use]
    pub fn build_released_at(mut self, unix_seconds: i64) -> Self {
        self.build_released_at = Some(unix_seconds);
        self
    }

    /// Longest wait for one answer of the server; default 10 seconds.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Another clock, in Unix seconds. A clock that tests move takes a boot clock that they move as well: beside one that runs,
    /// a clock that stands still is behind.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Another boot clock than the system's.
    #[must_use]
    pub fn boot_clock(mut self, read: impl Fn() -> Uptime + Send + Sync + 'static) -> Self {
        self.boot_clock = Arc::new(read);
        self
    }

    /// Another reader of machine components.
    #[must_use]
    pub fn machine(mut self, reader: impl ReadMachine + 'static) -> Self {
        self.machine = Arc::new(reader);
        self
    }

    /// How much of a metric this machine wants to hold, so that [`crate::meter`] can consume it without the server. What
    /// it gets is what is left, and no more than that; what is used up is filled up again.
    #[must_use]
    pub fn share(mut self, metric: &str, amount: Amount) -> Self {
        self.shares.retain(|(known, _)| known != metric);
        self.shares.push((metric.to_owned(), amount));
        self
    }

    /// Another environment than the process's.
    #[must_use]
    pub fn environment(mut self, read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.environment = Arc::new(read);
        self
    }

    /// `<APP>_LICENSE_<name>`.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(&format!("{}_LICENSE_{name}", self.app))
    }

    /// The operator's folder before the software's own.
    pub(crate) fn folder(&self) -> PathBuf {
        self.variable("STATE_DIR").map_or_else(|| self.state_dir.clone(), PathBuf::from)
    }
}

/// Why a configuration cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// The pinned keys were refused.
    Keys(KeySetError),
    /// No pinned key belongs to the issuer: every license would be refused.
    NoKeyOfIssuer,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(error) => write!(f, "{error}"),
            Self::NoKeyOfIssuer => f.write_str("no pinned key belongs to the issuer"),
        }
    }
}

impl std::error::Error for ConfigError {}
