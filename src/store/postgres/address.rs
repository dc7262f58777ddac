//! Where the database is.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use super::tls::{Connector, Files, Mode};
use crate::store::error::StoreError;

/// How long connecting to one host may take.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// A peer that has not acknowledged what was sent for so long is gone.
const UNANSWERED_TIME: Duration = Duration::from_secs(5);
/// How long a quiet connection is left before it is asked whether it lives.
const QUIET_TIME: Duration = Duration::from_secs(30);

/// The address of a database: `postgres://USER:PASSWORD@HOST[,HOST…]/DATABASE[?sslmode=…]`. Of several hosts the one that
/// takes writes is used, so a standby that was promoted is found. It does not print.
#[derive(Clone)]
pub struct DatabaseAddress {
    config: Config,
    connector: Connector,
}

impl DatabaseAddress {
    /// Reads it, and the files that it names.
    ///
    /// Without `sslmode` a socket or this machine is spoken to in plain, any other host over TLS as `verify-full`: what
    /// goes over a network is encrypted unless somebody says that it need not be.
    pub fn parse(text: &SecretString) -> Result<Self, StoreError> {
        let refused = |what: String| StoreError::Database {
            what: format!("the address of the database cannot be used: {what}"),
            next: "write postgres://USER:PASSWORD@HOST/DATABASE",
        };
        let (text, asked) = without_tls(text.expose_secret()).map_err(refused)?;
        let mut config = Config::from_str(&text).map_err(|error| refused(error.to_string()))?;
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(refused("it names no database".to_owned()));
        }
        let mode = asked.mode.unwrap_or(if is_near(&config) { Mode::Disable } else { Mode::VerifyFull });
        let connector = Connector::new(mode, &asked.files).map_err(|what| StoreError::Database {
            what: format!("TLS towards the database cannot be set up: {what}"),
            next: "name files in PEM form that the account of the server may read",
        })?;
        config
            .ssl_mode(if mode == Mode::Disable { SslMode::Disable } else { SslMode::Require })
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .application_name("lictor")
            .connect_timeout(CONNECT_TIME)
            .tcp_user_timeout(UNANSWERED_TIME)
            .keepalives_idle(QUIET_TIME);
        Ok(Self { config, connector })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// Host and database, for messages.
    pub fn told(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host).collect();
        format!("{} on {}", self.config.get_dbname().unwrap_or_default(), hosts.join(", "))
    }
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseAddress({})", self.told())
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

/// What an address says of TLS; the library reads less of it.
#[derive(Default)]
struct Asked {
    mode: Option<Mode>,
    files: Files,
}

/// Takes the parameters that are ours out of an address.
fn without_tls(text: &str) -> Result<(String, Asked), String> {
    let mut asked = Asked::default();
    let Some((address, query)) = text.split_once('?') else { return Ok((text.to_owned(), asked)) };
    let mut others = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = || percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
        match name {
            "sslmode" => {
                let value = value();
                asked.mode = Some(Mode::parse(&value).ok_or_else(|| {
                    format!("sslmode={value} is none of disable, require, verify-ca and verify-full")
                })?);
            }
            "sslrootcert" => asked.files.roots = Some(value()),
            "sslcert" => asked.files.certificate = Some(value()),
            "sslkey" => asked.files.key = Some(value()),
            _ => others.push(parameter),
        }
    }
    let rest = if others.is_empty() { String::new() } else { format!("?{}", others.join("&")) };
    Ok((format!("{address}{rest}"), asked))
}

/// Whether nothing of it leaves this machine.
fn is_near(config: &Config) -> bool {
    let is_near_host = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    config.get_hosts().iter().all(is_near_host) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_host_and_database_and_does_not_print_its_password() {
        let address = DatabaseAddress::parse(&"postgres://lictor:secret@a,b/licenses".to_owned().into());
        let told = format!("{:?}", address.expect("whole"));
        assert_eq!(told, "DatabaseAddress(licenses on a, b)");
        for text in [
            "postgres:///licenses",
            "postgres://a",
            "http://a/b",
            "postgres://a/b?sslmode=prefer",
            "postgres://a/b?sslmode=verify-full&sslrootcert=/not/there.pem",
            "postgres://a/b?sslmode=require&sslkey=/not/there.pem",
            "",
        ] {
            let refused = DatabaseAddress::parse(&text.to_owned().into());
            assert!(matches!(refused, Err(StoreError::Database { .. })), "{text}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_somebody_says_otherwise() {
        let mode = |text: &str| {
            let address = DatabaseAddress::parse(&text.to_owned().into()).expect("whole");
            address.config().get_ssl_mode()
        };
        for plain in [
            "postgres://localhost/b",
            "postgres://127.0.0.1,[::1]/b",
            "postgres://%2Frun/b",
            "postgres://db1/b?sslmode=disable",
        ] {
            assert_eq!(mode(plain), SslMode::Disable, "{plain}");
        }
        for encrypted in [
            "postgres://db1/b",
            "postgres://localhost,db1/b",
            "postgres://10.0.0.7/b",
            "postgres://localhost/b?hostaddr=10.0.0.7",
            "postgres://localhost/b?sslmode=require&connect_timeout=9",
            "postgres://db1/b?sslmode=verify-ca",
        ] {
            assert_eq!(mode(encrypted), SslMode::Require, "{encrypted}");
        }
    }
}
