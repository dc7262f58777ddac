//! Where the database is.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::store::error::StoreError;

/// How long connecting to one host may take.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// A peer that has not acknowledged what was sent for so long is gone.
const UNANSWERED_TIME: Duration = Duration::from_secs(5);
/// How long a quiet connection is left before it is asked whether it lives.
const QUIET_TIME: Duration = Duration::from_secs(30);

/// The address of a database: `postgres://USER:PASSWORD@HOST[,HOST…]/DATABASE`. Of several hosts the one that takes writes
/// is used, so a standby that was promoted is found. It does not print.
#[derive(Clone)]
pub struct DatabaseAddress(Config);

impl DatabaseAddress {
    /// Reads it.
    pub fn parse(text: &SecretString) -> Result<Self, StoreError> {
        let refused = |what: String| StoreError::Database {
            what: format!("the address of the database cannot be used: {what}"),
            next: "write postgres://USER:PASSWORD@HOST/DATABASE",
        };
        let mut config =
            Config::from_str(text.expose_secret()).map_err(|error| refused(error.to_string()))?;
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host".to_owned()));
        }
        if config.get_dbname().is_none() {
            return Err(refused("it names no database".to_owned()));
        }
        if config.get_ssl_mode() == SslMode::Require {
            return Err(refused("sslmode=require: this version has no TLS towards a database".to_owned()));
        }
        config
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .application_name("lictor")
            .connect_timeout(CONNECT_TIME)
            .tcp_user_timeout(UNANSWERED_TIME)
            .keepalives_idle(QUIET_TIME);
        Ok(Self(config))
    }

    pub(super) fn config(&self) -> &Config {
        &self.0
    }

    /// Host and database, for messages.
    pub fn told(&self) -> String {
        let hosts: Vec<String> = self.0.get_hosts().iter().map(host).collect();
        format!("{} on {}", self.0.get_dbname().unwrap_or_default(), hosts.join(", "))
    }
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseAddress({})", self.told())
    }
}

fn host(host: &tokio_postgres::config::Host) -> String {
    match host {
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_host_and_database_and_does_not_print_its_password() {
        let address = DatabaseAddress::parse(&"postgres://lictor:secret@a,b/licenses".to_owned().into());
        let told = format!("{:?}", address.expect("whole"));
        assert_eq!(told, "DatabaseAddress(licenses on a, b)");
        for text in
            ["postgres:///licenses", "postgres://a", "http://a/b", "postgres://a/b?sslmode=require", ""]
        {
            let refused = DatabaseAddress::parse(&text.to_owned().into());
            assert!(matches!(refused, Err(StoreError::Database { .. })), "{text}");
        }
    }
}
