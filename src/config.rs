//! Every setting: meaning, unit, default. The only reader of settings files and of the environment.
//!
//! A flag wins over the environment (`LICTOR_…`), that over the file, that over the default. One table below
//! makes the struct, the sample file, the flags and the known variables, so that they cannot drift apart.

mod client;
mod document;
mod environment;
mod files;
mod layers;
mod nearest;
mod secret;
mod setting;
mod types;

pub use client::{ClientFlags, ClientSettings};
pub use document::{Member, Mistake, Place, Section, read_document};
pub use environment::Environment;
pub use files::{ReadError, read_text};
pub use layers::{ConfigError, ConfigMistake, Layers, Loaded, Origin, Resolved};
pub use nearest::suggestion;
pub use secret::{SecretError, SecretResolver};
pub use setting::{Setting, Shape, config_sample};
pub use types::{AddressRange, CreateRule, LogFormat, StoreChoice, is_http_url};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use types::{ByteLimit, Filter, HttpUrl, Seconds};

setting::settings! {
    /// Where callbacks, client software and the customer's page are served: address and port.
    listen("listen"): SocketAddr as SocketAddr = "127.0.0.1:8080";
    /// Where the console, the merchant API and the metrics are served. Unset: at `listen`, with the rest.
    admin_listen("admin_listen"): Option<SocketAddr> as Option<SocketAddr> = "", example "127.0.0.1:8081";
    /// Folder of the embedded store. Made on the first start.
    data_dir("data_dir"): PathBuf as PathBuf = "data";
    /// Folder of the signing keys, one sub-folder per merchant. Back it up apart from the data.
    keys_dir("keys_dir"): PathBuf as PathBuf = "keys";
    /// Where records are kept: `embedded` (in data_dir), `postgres://…`, or `file:PATH` of a file that holds such an
    /// address, which keeps its password out of here.
    store("store"): StoreChoice as StoreChoice = "embedded";
    /// The address of this service as the rest of the world sees it. License keys name it for as long as they
    /// live, so set it before the first sale. Unset: `http://` and `listen`.
    public_url("public_url"): Option<String> as Option<HttpUrl> = "", example "https://license.acme.example";
    /// Whether the first start may make data and keys: `auto`, or `never` (then `lictor init` does). Use `never`
    /// wherever an empty folder means a lost disk: units, images, manifests.
    create("create"): CreateRule as CreateRule = "auto";
    /// Certificate chain (PEM) of the service's own TLS. Unset: plain HTTP, for a proxy in front.
    tls_cert_file("tls_cert_file"): Option<PathBuf> as Option<PathBuf> = "", example "/etc/lictor/tls.crt";
    /// Private key (PEM) of that certificate.
    tls_key_file("tls_key_file"): Option<PathBuf> as Option<PathBuf> = "", example "/etc/lictor/tls.key";
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed: addresses or ranges, separated by commas in the
    /// environment.
    trusted_proxies("trusted_proxies"): Vec<AddressRange> as Vec<AddressRange> = "", example "10.0.0.0/8";
    /// How log lines are written: `text` for people, `json` for collectors.
    log_format("log_format"): LogFormat as LogFormat = "text";
    /// What is logged: a level, or `target=level` pairs separated by commas.
    log_filter("log_filter"): String as Filter = "info";
    /// Longest request body that is read, in bytes.
    request_body_limit("request_body_limit_bytes"): usize as ByteLimit = "1048576";
    /// Time until a request is given up, in seconds.
    request_timeout("request_timeout_secs"): Duration as Seconds = "10";
    /// Time that running requests have when the service stops, in seconds.
    shutdown_timeout("shutdown_timeout_secs"): Duration as Seconds = "10";
    /// Time until one call to a marketplace's own interface is given up, in seconds.
    marketplace_timeout("marketplace_timeout_secs"): Duration as Seconds = "10";
    /// How far the `timeStamp` of an older (V1) callback may lie from the service's clock, in seconds.
    v1_timestamp_window("v1_timestamp_window_secs"): Duration as Seconds = "300";
}

/// The file of this program, to start it again as a process of its own.
pub fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

impl Settings {
    /// The address of this service as tokens and pages name it, without a trailing slash.
    pub fn public_base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => {
                let scheme = if self.tls_cert_file.is_some() { "https" } else { "http" };
                format!("{scheme}://{}", reachable(self.listen))
            }
        }
    }
}

/// An unspecified address is reachable as loopback.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}
