//! The real program, and what stands before it.

use std::net::SocketAddr;

use tempfile::TempDir;

use crate::certificates::{Authority, Leaf, chain};
use crate::process::{Server, Site};
use crate::proxy::{Kind, Proxy};
use crate::wire::Address;

/// What a caller meets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    Plain,
    Tls,
    Proxy(Kind),
}

pub const FRONTS: [Front; 4] =
    [Front::Plain, Front::Tls, Front::Proxy(Kind::Nginx), Front::Proxy(Kind::Haproxy)];

/// A running service with channels of three families.
pub struct Service {
    pub address: Address,
    pub server: Server,
    pub root: Authority,
    pub intermediate: Authority,
    pub leaf: Leaf,
    pub proxy: Option<Proxy>,
    /// Certificate and key of TLS of its own.
    pub files: TempDir,
    _site: Site,
}

impl Service {
    /// `None` where the proxy is not installed.
    pub fn behind(front: Front) -> Option<Self> {
        Self::with(front, &[])
    }

    /// TLS of its own, with these settings.
    pub fn over_tls(settings: &[(&str, &str)]) -> Self {
        Self::with(Front::Tls, settings).expect("it needs nothing that may be missing")
    }

    pub fn with(front: Front, settings: &[(&str, &str)]) -> Option<Self> {
        let (site, files, (root, intermediate, leaf)) =
            (Site::new("http://127.0.0.1:9"), tempfile::tempdir().expect("a folder"), chain());
        add_channels(&site);
        let mut launch = site.launch(&site.folder.path().join("data"));
        if front == Front::Tls {
            let (cert, key) = leaf.put(files.path());
            launch = launch.env("LICTOR_TLS_CERT_FILE", &cert.display().to_string());
            launch = launch.env("LICTOR_TLS_KEY_FILE", &key.display().to_string());
        }
        let launch = settings.iter().fold(launch, |launch, (name, value)| launch.env(name, value));
        let server = Server::start(launch);
        let own = listening(&server);
        let proxy = match front {
            Front::Plain | Front::Tls => None,
            Front::Proxy(kind) => Some(Proxy::start(kind, own, &leaf)?),
        };
        let socket = proxy.as_ref().map_or(own, |proxy| proxy.address);
        let is_plain = front == Front::Plain;
        let address = Address { socket, root: (!is_plain).then(|| root.certificate.der().clone()) };
        Some(Self { address, server, root, intermediate, leaf, proxy, files, _site: site })
    }
}

fn listening(server: &Server) -> SocketAddr {
    let (_, address) = server.url().split_once("://").expect("an address");
    address.parse().expect("an IP address and a port")
}

fn add_channels(site: &Site) {
    let path = site.folder.path().join("apply.toml");
    let channel = |(id, protocol): (&str, &str)| {
        format!(
            "\n[[channel]]\nid = \"{id}\"\nmarketplace = \"koogallery\"\nprotocol = \"{protocol}\"\n\
             products = [\"acme-cad\"]\naccess_keys = [\"env:TEST_ACCESS_KEY\"]\n"
        )
    };
    let more: String = [("cad-license", "license-v1"), ("cad-saas", "saas-v1")].map(channel).concat();
    let text = std::fs::read_to_string(&path).expect("written") + &more;
    std::fs::write(path, text).expect("writable");
}
