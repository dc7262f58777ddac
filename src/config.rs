//! Every setting: meaning, unit, default. The only reader of settings files and of the environment.
//!
//! A flag wins over the environment (`LICTOR_…`), that over the file, that over the default. One table below
//! makes the struct, the sample file, the flags and the known variables, so that they cannot drift apart.

mod allowed_networks;
mod client;
mod document;
mod environment;
mod files;
mod layers;
mod nearest;
mod networks;
mod secret;
mod setting;
mod trusted_proxies;
mod types;

pub use allowed_networks::AllowedNetworks;
pub use client::{ClientFlags, ClientSettings};
pub use document::{Member, Mistake, Place, Section, read_as_far_as_it_goes, read_document};
pub use environment::Environment;
pub use files::{ReadError, read_bytes, read_text};
pub use layers::{ConfigError, ConfigMistake, Layers, Loaded, Origin, Resolved};
pub use nearest::suggestion;
pub use secret::{SecretError, SecretResolver};
pub use setting::{Setting, Shape, config_sample};
pub use trusted_proxies::TrustedProxies;
pub use types::{CreateRule, LogFormat, StoreChoice, is_http_url};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use types::{ByteLimit, Days, Filter, HttpUrl, RequestCount, SecondsTo, Switch};

setting::settings! {
    /// Where callbacks, client software and the merchant API are served: address and port.
    listen("listen"): SocketAddr as SocketAddr = "127.0.0.1:8080";
    /// Where the merchant API is served. Unset: at `listen`, with the rest, which is all that this version does.
    admin_listen("admin_listen"): Option<SocketAddr> as Option<SocketAddr> = "", example "127.0.0.1:8081";
    /// Folder of the embedded store. Made on the first start.
    data_dir("data_dir"): PathBuf as PathBuf = "data";
    /// Folder of the signing keys, one sub-folder per merchant. Back it up apart from the data.
    keys_dir("keys_dir"): PathBuf as PathBuf = "keys";
    /// Where records are kept: `embedded`, in data_dir; or in PostgreSQL, which any number of servers may share:
    /// `postgres://USER:PASSWORD@HOST[,HOST]/DATABASE`, or `file:PATH` of a file that holds such an address.
    store("store"): StoreChoice as StoreChoice = "embedded";
    /// The address of this service as the rest of the world sees it. License keys name it for as long as they
    /// live, so set it before the first sale. Unset: `http://` and `listen`.
    public_url("public_url"): Option<String> as Option<HttpUrl> = "", example "https://license.acme.example";
    /// Whether the first start may make data and keys: `auto`, or `never` (then `lictor init` does). Use `never`
    /// wherever an empty folder means a lost disk: units, images, manifests.
    create("create"): CreateRule as CreateRule = "auto";
    /// Certificate chain (PEM, the leaf first) of the service's own TLS 1.2 and 1.3. Read again when it changes. Unset:
    /// plain HTTP, for a proxy in front.
    tls_cert_file("tls_cert_file"): Option<PathBuf> as Option<PathBuf> = "", example "/etc/lictor/tls.crt";
    /// Private key (PEM, not encrypted) of that certificate. Read again when it changes.
    tls_key_file("tls_key_file"): Option<PathBuf> as Option<PathBuf> = "", example "/etc/lictor/tls.key";
    /// Whether callers over that TLS may choose HTTP/2: `on`, or `off` (then HTTP/1.1 alone is offered). HTTP/2 writes
    /// every header name in lower case, `body-sign` for `Body-Sign`, and a marketplace that compares the letters then
    /// refuses every answer. Leave it off where a marketplace calls.
    tls_http2("tls_http2"): bool as Switch = "off";
    /// Proxies in front that may say for whom they call, by `X-Forwarded-For` or, where that is missing, `Forwarded`:
    /// addresses and networks, separated by commas. From anybody else both headers mean nothing.
    trusted_proxies("trusted_proxies"): TrustedProxies as TrustedProxies = "", example "127.0.0.1, 10.0.0.0/8";
    /// How log lines are written: `text` for people, `json` for collectors.
    log_format("log_format"): LogFormat as LogFormat = "text";
    /// What is logged: a level, or `target=level` pairs separated by commas.
    log_filter("log_filter"): String as Filter = "info";
    /// Longest body of a request of client software or of the merchant API that is read, in bytes. Production
    /// addresses and apply files have bounds of their own: 1 MiB.
    request_body_limit("request_body_limit_bytes"): usize as ByteLimit = "65536";
    /// Time until a request is given up, and until a TLS handshake is, in seconds.
    request_timeout("request_timeout_secs"): Duration as SecondsTo<3_600> = "10";
    /// How many requests one API token may send in a minute, spread or all at once; 0 is without a bound. Marketplaces and
    /// client software are not counted.
    api_requests_per_minute("api_requests_per_minute"): u32 as RequestCount = "6000";
    /// How many refused API tokens one client address may present in a minute, before all of its requests to the merchant
    /// API wait; 0 is without a bound.
    refused_tokens_per_minute("refused_tokens_per_minute"): u32 as RequestCount = "60";
    /// Time that running requests have when the service stops, in seconds.
    shutdown_timeout("shutdown_timeout_secs"): Duration as SecondsTo<3_600> = "15";
    /// After how many days the personal data of licenses that have ended is erased, see `docs/privacy.md`. Unset: it is kept.
    retention_days("retention_days"): Option<u32> as Option<Days> = "", example "1095";
    /// Time until one call to a marketplace's own interface is given up, in seconds.
    marketplace_timeout("marketplace_timeout_secs"): Duration as SecondsTo<25> = "10";
    /// Where events may be sent although it is not the open internet: addresses and networks, separated by commas. Unset:
    /// endpoints of webhooks on this machine, in private networks and at metadata addresses are refused.
    webhook_allow_networks("webhook_allow_networks"): AllowedNetworks as AllowedNetworks = "", example "10.1.0.0/16";
    /// Whether events may be sent without TLS: `on`, or `off` (then every endpoint of a webhook begins with `https://`).
    webhook_allow_http("webhook_allow_http"): bool as Switch = "off";
}

/// The file of this program, to start it again as a process of its own.
pub fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

impl Settings {
    /// What is set and this version does not serve, by the name of the setting: refused, because the service would
    /// not be what was asked for.
    pub fn not_served(&self) -> Vec<ConfigMistake> {
        let asked = [(
            self.admin_listen.is_some(),
            "admin_listen",
            "this version serves everything at `listen`; leave it out",
        )];
        let mistake = |(_, place, message): (bool, &str, &str)| ConfigMistake {
            place: place.to_owned(),
            message: message.to_owned(),
        };
        asked.into_iter().filter(|(is_asked, ..)| *is_asked).map(mistake).collect()
    }

    /// After which time the personal data of what has ended is erased.
    pub fn retention(&self) -> Option<Duration> {
        self.retention_days.map(|days| Duration::from_secs(u64::from(days) * 86_400))
    }

    /// How this service is spoken to without anything in front: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls_cert_file.is_some() { "https" } else { "http" }
    }

    /// The address of this service as tokens and pages name it, without a trailing slash.
    pub fn public_base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => format!("{}://{}", self.scheme(), reachable(self.listen)),
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
