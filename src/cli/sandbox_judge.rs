//! `lictor sandbox judge`

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Runtime;

use super::progress::Progress;
use super::sandbox::{basket, secret_ref};
use super::{Failure, Output};
use crate::application::ports::Clock as _;
use crate::clock::SystemClock;
use crate::config::SecretResolver;
use crate::domain::SecretRef;
use crate::sandbox::address::AddressKeys;
use crate::sandbox::caller::CallError;
use crate::sandbox::family::Family;
use crate::sandbox::judge::wire::{Limits, Target, Trust, Wire};
use crate::sandbox::judge::{Examiner, Purchases, Rule, Severity, Shelf};
use crate::sandbox::orders::{Basket, MockOrder};
use crate::sandbox::{OpenApiKeys, Sandbox as Marketplace};

/// How long a server may take to get on with a purchase before it is called again.
const BETWEEN_REPEATS: Duration = Duration::from_millis(400);

/// Which address is judged, and how.
#[derive(Debug, Args)]
pub struct Judge {
    /// The production address, as the marketplace would be given it; any server's.
    #[arg(long, value_name = "URL", value_parser = target)]
    target: Target,
    /// What it speaks: saas-v2, license-online, license-code, license-v1, saas-v1; kit-v1 or kit-v2 for what lies
    /// below the address.
    #[arg(long, value_name = "PROTOCOL", value_parser = family)]
    protocol: Family,
    /// The access key bound to it, that of the Kit for a Kit: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref)]
    access_key: SecretRef,
    /// An optional activity that the product does without; may be given several times.
    #[arg(long, value_name = "ACTIVITY")]
    skip: Vec<String>,
    /// Buy so many mock orders for real, which leaves them behind; without it nothing is left behind.
    #[arg(long, value_name = "COUNT", default_value_t = 0, requires = "buy")]
    purchases: u32,
    /// What is bought: SKU=TERM, such as CAD-PRO=P1Y.
    #[arg(long, value_name = "SKU=TERM", value_parser = basket, requires = "purchases")]
    buy: Option<Basket>,
    /// Where the sandbox's open API answers for these orders: the server has to ask there.
    #[arg(long, value_name = "ADDRESS", requires_all = ["purchases", "open_api_access_key", "open_api_secret_key"])]
    open_api_listen: Option<SocketAddr>,
    /// The open API's access key: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref, requires = "open_api_listen")]
    open_api_access_key: Option<SecretRef>,
    /// The open API's secret key: env:NAME or file:PATH.
    #[arg(long, value_name = "SECRET", value_parser = secret_ref, requires = "open_api_listen")]
    open_api_secret_key: Option<SecretRef>,
    /// Certificates of an authority of your own, as PEM, for a trial; the marketplace believes public ones only.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Give up on a call after so many seconds. What takes more than 5 s is a violation in any case.
    #[arg(long, value_name = "SECS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    give_up_after: u64,
}

fn target(text: &str) -> Result<Target, String> {
    Target::parse(text).map_err(|error| error.to_string())
}

fn family(text: &str) -> Result<Family, String> {
    let names: Vec<&str> = Family::ALL.iter().map(|family| family.name()).collect();
    Family::named(text).ok_or_else(|| format!("write one of {}", names.join(", ")))
}

impl Judge {
    /// Does it.
    pub fn run(self, output: Output) -> Result<(), Failure> {
        let examiner = self.examiner()?;
        let mut shelf = self.shelf()?;
        let mut progress = Progress::of("judging", "calls", 1, output.json);
        let mut calls = 0;
        let mut told = |_activity: &str| {
            calls += 1;
            progress.at(calls);
        };
        let unreachable = |error: &dyn std::fmt::Display| Failure::Unreachable(error.to_string());
        let goes_on = examiner.look_at_address().map_err(|error| unreachable(&error))?;
        if goes_on {
            let failed = |error: CallError| Failure::Refused(error.to_string());
            examiner.debug(self.protocol, &self.skip, &mut told).map_err(failed)?;
            if let Some(basket) = self.buy {
                let purchases = Purchases { basket, count: self.purchases };
                examiner.buy(self.protocol, &purchases, &mut shelf, &mut told).map_err(failed)?;
            }
        }
        drop(progress);
        let report = examiner.judge().report();
        output.answer(&report.to_json(), |_| report.to_text());
        let violated: Vec<&str> = report.broken(Severity::Violation).into_iter().map(Rule::id).collect();
        if violated.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!("the marketplace's rules are violated: {}", violated.join(", "))))
    }

    fn examiner(&self) -> Result<Examiner, Failure> {
        let key = secret(&self.access_key)?;
        let limits = Limits { whole: Duration::from_secs(self.give_up_after), ..Limits::default() };
        let mut wire = Wire::new(limits);
        if let Some(file) = &self.ca_file {
            let trust = Trust::public().with_file(file);
            wire = wire.with_trust(trust.map_err(|error| Failure::Usage(error.to_string()))?);
        }
        let clock = Arc::new(|| SystemClock.now());
        Ok(Examiner::new(self.target.clone(), AddressKeys::one(key), clock, wire))
    }

    fn shelf(&self) -> Result<OpenApiShelf, Failure> {
        let failed =
            |error: std::io::Error| Failure::Refused(format!("the open API cannot be served: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let keys = (&self.open_api_access_key, &self.open_api_secret_key);
        let marketplace = match (self.open_api_listen, keys) {
            (Some(address), (Some(access_key), Some(secret_key))) => {
                let access_key = secret(access_key)?.expose_secret().to_owned();
                let keys = OpenApiKeys { access_key, secret_key: secret(secret_key)? };
                let listener = TcpListener::bind(address).map_err(failed)?;
                Some(Marketplace::start(listener, keys, Arc::new(|| SystemClock.now())).map_err(failed)?)
            }
            // Where the calls themselves carry the order nobody asks.
            _ if self.purchases == 0 || self.protocol.is_get() => None,
            _ => {
                let next = "--purchases needs --open-api-listen: a server of this protocol asks there what was bought";
                return Err(Failure::Usage(next.to_owned()));
            }
        };
        Ok(OpenApiShelf { marketplace, runtime })
    }
}

fn secret(reference: &SecretRef) -> Result<SecretString, Failure> {
    SecretResolver::of_process().resolve(reference).map_err(|error| Failure::Usage(error.to_string()))
}

/// Orders are asked for at the sandbox's own open API.
struct OpenApiShelf {
    marketplace: Option<Marketplace>,
    runtime: Runtime,
}

impl Shelf for OpenApiShelf {
    fn register(&self, order: MockOrder) {
        if let Some(marketplace) = &self.marketplace {
            marketplace.register(order);
        }
    }

    fn wait(&mut self) {
        // The timer is made inside the runtime: it belongs to it.
        self.runtime.block_on(async { tokio::time::sleep(BETWEEN_REPEATS).await });
    }
}
