//! From a name to addresses that were judged.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, mpsc};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::addresses::blocked;
use crate::config::AllowedNetworks;

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Asks the system what a name leads to.
pub trait Names: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `HOST:PORT`; a host that is an address leads to itself.
    fn look_up(&self, host_and_port: &str) -> io::Result<Vec<SocketAddr>>;
}

/// The names of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, host_and_port: &str) -> io::Result<Vec<SocketAddr>> {
        host_and_port.to_socket_addrs().map(Iterator::collect)
    }
}

/// That a name leads to where nobody is called.
#[derive(Debug, thiserror::Error)]
#[error(
    "not called: {address} is {what}. Use an address of the open internet, or have the operator name its network in \
     LICTOR_WEBHOOK_ALLOW_NETWORKS"
)]
pub(super) struct Blocked {
    address: std::net::IpAddr,
    what: &'static str,
}

/// Resolves once per connection and gives out only what was judged: what is connected to is what is returned here.
#[derive(Debug)]
pub(super) struct JudgingResolver {
    pub(super) names: Arc<dyn Names>,
    pub(super) allowed: AllowedNetworks,
}

impl JudgingResolver {
    /// All of them, or none: a name that leads inside as well is not to be trusted with the outside.
    fn judged(&self, found: &[SocketAddr]) -> Result<ResolvedSocketAddrs, ureq::Error> {
        for address in found {
            if let Some(what) = blocked(address.ip(), &self.allowed) {
                let address = address.ip();
                return Err(ureq::Error::Other(Box::new(Blocked { address, what })));
            }
        }
        let mut judged = self.empty();
        found.iter().take(ADDRESSES_MAX).for_each(|address| judged.push(*address));
        if judged.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(judged) }
    }
}

impl Resolver for JudgingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or_else(|| ureq::Error::BadUri("it names no host".to_owned()))?;
        let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let asked = format!("{host}:{}", uri.port_u16().unwrap_or(usual));
        let (told, answer) = mpsc::sync_channel(1);
        let names = Arc::clone(&self.names);
        // The system's resolver knows no time limit of ours.
        std::thread::spawn(move || told.send(names.look_up(&asked)).ok());
        match answer.recv_timeout(*timeout.after) {
            Ok(found) => self.judged(&found?),
            Err(_) => Err(ureq::Error::Timeout(timeout.reason)),
        }
    }
}
